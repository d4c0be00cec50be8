"""What people and deadlines add to stored results: marks from the gradebook, and what lateness costs.

Neither is ever stored, so that a later mark or another deadline needs no grading. Nothing of nbgrader is imported
where the settings name no gradebook.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

from grader import lateness
from grader.errors import UsageError
from grader.lateness import Deadlines
from grader.model import SubmissionResult
from grader.settings import Settings

Say = Callable[[str], object]


def deadlines(settings: Settings) -> Deadlines:
    """The table of deadlines; a command asks first, so that a mistake in it is found before any work is done.

    Raises:
        UsageError: The table cannot be read.
    """
    return lateness.read_deadlines(settings.deadlines) if settings.deadlines else {}


def save(settings: Settings, results: Sequence[SubmissionResult], say: Say) -> None:
    """Write scores to the gradebook, and say what was not written.

    Raises:
        UsageError: The gradebook cannot be opened, or has other questions.
    """
    if settings.gradebook is not None:
        for lost in _gradebook().write(settings.gradebook, settings.course, results, folder=Path.cwd()):
            say(f"gradebook: {lost}")


def settled(settings: Settings, results: Sequence[SubmissionResult], say: Say) -> list[SubmissionResult]:
    """The results as reports have them. Where gradebook and table know a deadline, the table's counts."""
    if settings.gradebook is not None:
        results = _gradebook().with_marks(settings.gradebook, results)
    found, said = lateness.apply(results, deadlines(settings))
    for sentence in said:
        say(sentence)
    return found


def _gradebook() -> ModuleType:
    try:
        from grader import gradebook
    except ModuleNotFoundError as error:
        what = "install the extra: pip install 'grader[nbgrader]'"
        raise UsageError(f"--gradebook needs {error.name}, which is not installed; {what}") from error
    return gradebook
