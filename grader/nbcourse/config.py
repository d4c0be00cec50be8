"""What a course's `nbgrader_config.py` says to nbgrader so that submissions are graded in our sandbox."""

from __future__ import annotations

from typing import Any

_PACKAGE = "grader.nbcourse"


def configure(config: Any) -> None:
    """Put our steps in the place of execution. Named as text: most commands of nbgrader need none of them.

    Args:
        config: What `get_config()` returns in `nbgrader_config.py`.
    """
    config.Autograde.exporter_class = f"{_PACKAGE}.exporter.SubmissionExporter"
    config.Autograde.sanitize_preprocessors = [
        f"{_PACKAGE}.restore.RestoreCells",
        "nbgrader.preprocessors.OverwriteKernelspec",
        "nbgrader.preprocessors.CheckCellMetadata",
    ]
    config.Autograde.autograde_preprocessors = [
        f"{_PACKAGE}.sandboxed.GradeInSandbox",
        "nbgrader.preprocessors.SaveAutoGrades",
        f"{_PACKAGE}.comments.SaveComments",
        "nbgrader.preprocessors.AssignLatePenalties",
        "nbgrader.preprocessors.CheckCellMetadata",
    ]
    config.GenerateFeedback.preprocessors = [
        f"{_PACKAGE}.comments.HideRubrics",
        "nbgrader.preprocessors.GetGrades",
        "nbconvert.preprocessors.CSSHTMLHeaderPreprocessor",
    ]
