"""Grade submissions: from settings and submissions to stored result documents."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

from grader import backends, catalog, originals, results, sandboxes, secret
from grader.keeping import Kept, kept_instead
from grader.model import Submission, SubmissionResult
from grader.settings import Settings
from grader.task import Plan, Task

Progress = Callable[[int, int], None]
"""Is told how many submissions are done, and of how many, at the start and after each."""


def grade(
    settings: Settings,
    submissions: Sequence[Submission],
    progress: Progress,
    keep: Callable[[Kept], object] = lambda kept: None,
) -> list[SubmissionResult]:
    """Grade what has no current result, and store each result as it comes.

    Args:
        settings: How to grade, and where results are stored.
        submissions: What to grade.
        progress: Is told how far the run is.
        keep: Is given each score that stands although grading again gave none.

    Returns:
        The results of all submissions, those that were current already included, ordered by assignment, device
        and id.

    Raises:
        UsageError: Where the output folder cannot be written to, or there is no such assignment.
        SandboxError: Where this machine cannot confine workers.
        GraderError: Where a grading process is lost for good.
    """
    with results.writing(settings.out):
        course_secret = secret.load_or_make(settings.out)
        tasks = make_tasks(settings, submissions, course_secret)
        stored = {} if settings.fresh else _current(settings.out)
        done = {task.key: stored[task.key] for task in tasks if task.key in stored}
        waiting = [task for task in tasks if task.key not in done]
        progress(len(done), len(tasks))

        def sink(task: Task, result: SubmissionResult) -> None:
            earlier = kept_instead(settings.out, result, was_read=task.submission.fault is None)
            if earlier is None:
                originals.store(settings.out, task.submission)
                results.store(settings.out, result)
            else:
                keep(earlier)
            done[task.key] = earlier.result if earlier else result
            progress(len(done), len(tasks))

        if waiting:
            run(settings, plan_of(settings, course_secret), waiting, sink)
    return sorted(done.values(), key=lambda one: (one.assignment, one.device, one.submission.id))


def _current(out: Path) -> dict[str, SubmissionResult]:
    """By key, what need not be graded again: not what a fault, or a device that was absent, left without a score."""
    return {key: result for key, result in results.load_all(out).by_key.items() if result.score is not None}


def run(settings: Settings, plan: Plan, tasks: Sequence[Task], sink: Callable[[Task, SubmissionResult], None]) -> None:
    """Hand tasks to the backend that suits their number."""
    name = "serial" if settings.jobs == 1 or len(tasks) == 1 else "processes"
    backends.load(name).run(plan, tasks, sink, settings.jobs)


def plan_of(settings: Settings, course_secret: bytes) -> Plan:
    """What every grading process is told."""
    course = settings.course.resolve()
    return Plan(
        course=course,
        secret=course_secret,
        # Said here, where a name that there is not can still be said once.
        sandbox=sandboxes.load(settings.sandbox).name,
        wall_s=settings.wall_s,
        memory_mib=settings.memory_mib,
        carry=settings.carry,
        protected=(course / "reference", course / "solutions", settings.out.resolve()),
    )


def make_tasks(settings: Settings, submissions: Sequence[Submission], course_secret: bytes) -> list[Task]:
    """One task for each submission and device."""
    context = {
        name: [catalog.fingerprint(settings.course, name), *_context(settings, course_secret)]
        for name in {submission.assignment for submission in submissions}
    }
    return [
        Task(submission=submission, device=device, key=_key(submission, device, context[submission.assignment]))
        for device in settings.devices
        for submission in submissions
    ]


def _context(settings: Settings, course_secret: bytes) -> list[str]:
    """What a score depends on besides submission, assignment and device."""
    own = sorted(Path(__file__).parent.rglob("*.py"))
    policy = (settings.sandbox, str(settings.wall_s), str(settings.memory_mib), str(settings.carry))
    return [catalog.hash_files(own), version("torch"), secret.fingerprint(course_secret), *policy]


def _key(submission: Submission, device: str, context: Sequence[str]) -> str:
    parts = (submission.id, submission.sha256, submission.submitted_at or "", submission.assignment, device, *context)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
