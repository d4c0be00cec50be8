"""Grade one submission in this process: what every host does between reading its job and writing its answer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from msgspec.structs import replace

from grader import catalog, grading, plugin, results, secret
from grader.marking import Marker
from grader.model import Submission, SubmissionResult
from grader.settings import Settings, load
from grader.submissions import collect
from grader.task import Task

Told = Callable[[SubmissionResult], object]


def settings_at(source: Path) -> Settings:
    """The settings that a package brought along, in its `grader.toml`."""
    return load({}, cwd=source, environ={})


def submission_in(folder: Path, assignment: str, course: Path, *, student: str) -> Submission:
    """What a student handed in for one assignment; where there is none, a submission that says so.

    Args:
        folder: All of it is this student's.
        assignment: The only one that is graded.
        course: Where the assignment is.
        student: The id, which the system and not the folder tells.
    """
    functions = catalog.load(course, assignment).functions
    found = collect(folder, assignments={assignment: functions}, assignment=assignment, layout="student")
    one = next(each for each in found if each.assignment == assignment)
    return replace(one, id=student)


def grade(settings: Settings, submission: Submission, told: Told = lambda result: None) -> SubmissionResult:
    """The result of one submission on the first device.

    Args:
        told: Is told what is graded so far, after each question.

    Raises:
        SandboxError: Where this machine cannot confine workers.
        GraderError: Where the grading process itself breaks.
    """
    if not (settings.out / secret.FILENAME).exists():
        with results.writing(settings.out):
            secret.load_or_make(settings.out)
    course_secret = secret.load_or_make(settings.out)
    (task, *_) = grading.make_tasks(settings, [submission], course_secret)
    found: list[SubmissionResult] = []

    def keep(task: Task, result: SubmissionResult) -> None:
        found.append(result)

    with Marker(grading.plan_of(settings, course_secret)) as marker:
        plugin.run(marker, [task], keep, lambda _, result: told(result))
    return found[0]
