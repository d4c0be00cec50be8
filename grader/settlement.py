"""What people and deadlines add to stored results: marks from the gradebook, and what lateness costs.

Neither is ever stored, so that a later mark or another deadline needs no grading. Nothing of nbgrader is imported
where the settings name no gradebook.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

from grader import catalog, lateness
from grader.errors import UsageError
from grader.lateness import Deadlines
from grader.model import SubmissionResult
from grader.settings import Settings

Say = Callable[[str], object]


def deadlines(settings: Settings, results: Sequence[SubmissionResult] = ()) -> Deadlines:
    """The table of deadlines; a command asks first, so that a mistake in it is found before any work is done.

    Raises:
        UsageError: The table cannot be read, or names an assignment that neither the course nor a result has.
    """
    if settings.deadlines is None:
        return {}
    known = {*catalog.names(settings.course), *(one.assignment for one in results)} if _has_course(settings) else None
    return lateness.read_deadlines(settings.deadlines, known)


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
    table = deadlines(settings, results)
    found, said = lateness.apply(results, table)
    for sentence in [*said, *([] if _has_course(settings) else lateness.of_nothing(results, table))]:
        say(sentence)
    return found


def _has_course(settings: Settings) -> bool:
    """Whether the assignments are known; reports need no course."""
    return (settings.course / "reference").is_dir()


def _gradebook() -> ModuleType:
    try:
        from grader import gradebook
    except ModuleNotFoundError as error:
        what = "install the extra: pip install 'grader[nbgrader]'"
        raise UsageError(f"--gradebook needs {error.name}, which is not installed; {what}") from error
    return gradebook
