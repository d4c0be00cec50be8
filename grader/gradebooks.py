"""The gradebook that the settings name, if they name one; nothing of nbgrader is imported where they do not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

from grader.errors import UsageError
from grader.model import SubmissionResult
from grader.settings import Settings


def save(settings: Settings, results: Sequence[SubmissionResult], say: Callable[[str], object]) -> None:
    """Write scores to the gradebook, and say what was not written."""
    if settings.gradebook is not None:
        for lost in _gradebook().write(settings.gradebook, settings.course, results, folder=Path.cwd()):
            say(f"gradebook: {lost}")


def marked(settings: Settings, results: Sequence[SubmissionResult]) -> list[SubmissionResult]:
    """The results with what people gave in the gradebook."""
    if settings.gradebook is None:
        return list(results)
    found: list[SubmissionResult] = _gradebook().with_marks(settings.gradebook, results)
    return found


def _gradebook() -> ModuleType:
    try:
        from grader import gradebook
    except ModuleNotFoundError as error:
        what = "install the extra: pip install 'grader[nbgrader]'"
        raise UsageError(f"--gradebook needs {error.name}, which is not installed; {what}") from error
    return gradebook
