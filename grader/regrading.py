"""Grade again what was graded before, and tell who gains, who loses and why before any of it is written."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from msgspec.structs import asdict

from grader import grading, originals, results, scoring, secret
from grader.errors import UsageError
from grader.grading import Progress
from grader.keeping import Kept, kept_instead
from grader.model import CheckResult, Environment, QuestionResult, Submission, SubmissionResult
from grader.reports.figures import points
from grader.settings import Settings
from grader.task import Task


@dataclass(frozen=True, kw_only=True)
class Change:
    """One submission on one device whose score, or the way to it, is another one now."""

    before: SubmissionResult
    after: SubmissionResult
    reasons: tuple[str, ...]
    """One sentence for each question that changed, then for what else did."""

    @property
    def gain(self) -> float | None:
        """Points more than before; None where either score is unknown."""
        if self.before.score is None or self.after.score is None:
            return None
        return round(self.after.score - self.before.score, scoring.DIGITS)

    @property
    def loses(self) -> bool:
        """Whether there are fewer points than before."""
        return (self.gain or 0.0) < 0


@dataclass(frozen=True, kw_only=True)
class Regrade:
    """What grading again found."""

    regraded: tuple[SubmissionResult, ...]
    """All that is not as it was, whether its score changed or not."""
    changes: tuple[Change, ...]
    """Of these, the ones with another score on some check; the largest gain first."""
    current: int
    """How many results were kept: nothing that they depend on has changed."""
    missing: tuple[str, ...]
    """A sentence for each result that is as it was because its submission was not kept, its device is not here, or the
    grader failed on it."""
    failed: tuple[SubmissionResult, ...] = ()
    """What the grader made of those that it failed on."""

    def document(self) -> dict[str, object]:
        """For `--json`."""
        return {
            "current": self.current,
            "regraded": len(self.regraded),
            "changes": [
                {
                    "id": change.after.submission.id,
                    "assignment": change.after.assignment,
                    "device": change.after.device,
                    "before": change.before.score,
                    "after": change.after.score,
                    "gain": change.gain,
                    "reasons": change.reasons,
                }
                for change in self.changes
            ],
            "missing": self.missing,
        }


def regrade(settings: Settings, progress: Progress) -> Regrade:
    """Grade every stored submission again that is not current. Nothing is stored.

    Raises:
        UsageError: The folder holds no results, or no submission that one of them is about.
        SandboxError: Where this machine cannot confine workers.
    """
    with results.writing(settings.out):
        stored = results.load_all(settings.out).results
        if not stored:
            raise UsageError(f"{settings.out} holds no results; name the folder that `grader grade --out` wrote to")
        course_secret = secret.load_or_make(settings.out)
        absent = {device for device in {result.device for result in stored} if _is_absent(device)}
        found = [(result, originals.find(settings.out, result)) for result in stored if result.device not in absent]
        pairs = [(result, _task(settings, result, kept, course_secret)) for result, kept in found if kept is not None]
        missing = (
            *(_missing(settings, result) for result, kept in found if kept is None),
            *(_no_device(result) for result in stored if result.device in absent),
        )
        if not pairs:
            raise UsageError(missing[0])
        waiting = {task.key: result for result, task in pairs if task.key != result.key or result.score is None}
        done: dict[str, SubmissionResult] = {}
        progress(0, len(waiting))

        lost: list[Kept] = []

        def sink(task: Task, result: SubmissionResult) -> None:
            earlier = kept_instead(settings.out, result)
            if earlier is None:
                done[task.key] = result
            else:
                lost.append(earlier)
            progress(len(done) + len(lost), len(waiting))

        tasks = [task for _, task in pairs if task.key in waiting]
        if tasks:
            grading.run(settings, grading.plan_of(settings, course_secret), tasks, sink)
    changes = [_change(waiting[key], result) for key, result in done.items()]
    return Regrade(
        regraded=tuple(done.values()),
        changes=tuple(sorted((one for one in changes if one is not None), key=_order)),
        current=len(pairs) - len(waiting),
        missing=(*missing, *(_failed(one) for one in lost)),
        failed=tuple(one.failed for one in lost),
    )


def write(settings: Settings, found: Regrade) -> None:
    """Store what grading again found; each earlier result goes to the history.

    Raises:
        UsageError: The disk is full or the like; what is stored by then stays, and the rest can be regraded.
    """
    with results.writing(settings.out):
        for result in found.regraded:
            results.store(settings.out, result)


def _task(settings: Settings, result: SubmissionResult, kept: Submission, course_secret: bytes) -> Task:
    return grading.make_tasks(dataclasses.replace(settings, devices=(result.device,)), [kept], course_secret)[0]


def _missing(settings: Settings, result: SubmissionResult) -> str:
    return (
        f"{result.submission.id}, {result.assignment}: {settings.out} does not hold the submission that was graded; "
        "run `grader grade` on the folder of submissions once more"
    )


def _is_absent(device: str) -> bool:
    """As `marking.is_absent`, which takes seconds to import and is not asked about the CPU."""
    if device == "cpu":
        return False
    from grader import marking

    return marking.is_absent(device)


def _no_device(result: SubmissionResult) -> str:
    return (
        f"{result.submission.id}, {result.assignment}: this machine has no device {result.device!r}, and the result "
        "is as it was; regrade on a machine that has one"
    )


def _failed(one: Kept) -> str:
    return f"{one.result.submission.id}, {one.result.assignment}: {one.sentence}"


def _order(change: Change) -> tuple[float, str, str]:
    return -(change.gain or 0.0), change.after.assignment, change.after.submission.id


def _change(before: SubmissionResult, after: SubmissionResult) -> Change | None:
    earlier = {question.id: question for question in before.questions}
    reasons = [
        reason
        for question in after.questions
        if (reason := _question_change(earlier.pop(question.id, None), question)) is not None
    ]
    reasons += [f"{question.id} is no question any more" for question in earlier.values()]
    if not reasons and before.score == after.score:
        return None
    return Change(before=before, after=after, reasons=(*reasons, *_environment(before.environment, after.environment)))


def _question_change(before: QuestionResult | None, after: QuestionResult) -> str | None:
    if before is None:
        return f"{after.id} is new"
    if after.manual:
        return None
    earlier = {check.name: check for check in before.checks}
    said = [text for check in after.checks if (text := _check_change(earlier.pop(check.name, None), check)) is not None]
    said += [f"the check {name} is gone" for name in earlier]
    if not said and before.score == after.score:
        return None
    scores = f"{points(before.score)} -> {points(after.score)} of {points(after.max_score)}"
    return f"{after.id} {scores}{': ' if said else ''}{'; '.join(said)}"


def _check_change(before: CheckResult | None, after: CheckResult) -> str | None:
    if before is None:
        return f"the check {after.name} is new ({after.outcome})"
    if before.outcome is not after.outcome:
        why = f" ({after.staff or after.cause})" if after.cause else ""
        return f"{after.name} {before.outcome} -> {after.outcome}{why}"
    if before.max_score != after.max_score:
        return f"{after.name} is worth {points(after.max_score)} instead of {points(before.max_score)}"
    return None


def _environment(before: Environment, after: Environment) -> Sequence[str]:
    earlier, later = asdict(before), asdict(after)
    return [f"{name} {earlier[name]} -> {later[name]}" for name in later if earlier[name] != later[name]]
