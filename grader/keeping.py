"""What stands where grading again gives no score: the score that there was.

A fault of the grader, a device that is not here or a file that cannot be read any more takes no score away. The
stored result stays as it is and is graded again by the next run; what a run reports of it says why.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from grader import results
from grader.model import Cause, Outcome, SubmissionResult


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """A score that stands although grading again gave none."""

    result: SubmissionResult
    """The stored result, with a flag that says why it stands."""
    failed: SubmissionResult
    """What grading again gave."""
    sentence: str
    """The flag."""


def kept_instead(out: Path, failed: SubmissionResult, *, was_read: bool = True) -> Kept | None:
    """The stored result that stands in the stead of a new one; None where the new one is to be stored.

    Args:
        out: Where results are stored.
        failed: What grading again gave.
        was_read: Whether what was handed in could be read. If not, whatever was handed in before counts.
    """
    if failed.score is not None:
        return None
    earlier = results.stored_for(out, failed)
    if earlier is None or earlier.score is None:
        return None
    if was_read and earlier.submission.sha256 != failed.submission.sha256:
        return None
    day = results.day_of(out, earlier)
    sentence = f"could not be graded again: {_why(failed)} The score is kept from {day}."
    result = replace(
        earlier,
        submission=failed.submission if was_read else earlier.submission,
        needs_review=True,
        flags=(*earlier.flags, sentence),
    )
    return Kept(result=result, failed=failed, sentence=sentence)


def _why(failed: SubmissionResult) -> str:
    """One sentence, from the first check that tells."""
    for question in failed.questions:
        for check in question.checks:
            if check.outcome is Outcome.ERROR or check.cause is Cause.DEVICE:
                said = (check.staff or check.message or "the grader failed").rstrip(".")
                return f"{question.id}: {said}."
    return "the grader failed."
