"""What nbgrader shows beside scores: our feedback as comments; and what it may not show to students."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nbformat.notebooknode import NotebookNode
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.preprocessors import NbGraderPreprocessor

from grader.errors import GraderError
from grader.nbcourse.books import opened
from grader.nbcourse.sandboxed import FOR_STAFF


class SaveComments(NbGraderPreprocessor):
    """Saves our feedback on each question as the automatic comment on its code; a person's own comment stays."""

    def preprocess(self, nb: NotebookNode, resources: Any) -> tuple[NotebookNode, Any]:
        """The notebook unchanged."""
        about = resources["nbgrader"]
        with opened(about["db_url"]) as gradebook:
            save_comments(gradebook, about["assignment"], about["student"], resources["grader"])
            gradebook.db.commit()
        return nb, resources


def save_comments(gradebook: Gradebook, assignment: str, student: str, comments: Mapping[str, str]) -> None:
    """Put automatic comments on the cells of these names, uncommitted.

    Raises:
        GraderError: The gradebook has no such cell.
    """
    for cell, text in comments.items():
        try:
            gradebook.find_comment(cell, assignment, assignment, student).auto_comment = text
        except MissingEntry as error:
            raise GraderError(
                f"the gradebook's {assignment} has no cell {cell!r}; release the assignment again"
            ) from error


class HideRubrics(NbGraderPreprocessor):
    """Leaves the cells that are for the person who marks out of students' feedback."""

    def preprocess(self, nb: NotebookNode, resources: Any) -> tuple[NotebookNode, Any]:
        """The notebook without them."""
        nb.cells = [cell for cell in nb.cells if cell.metadata.get("grader") != FOR_STAFF["grader"]]
        return nb, resources
