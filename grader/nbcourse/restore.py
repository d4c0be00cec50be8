"""Puts nbgrader's cells of a submission back as they were released: whatever a student did to them, each is there."""

from __future__ import annotations

from typing import Any

from nbformat.notebooknode import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell
from nbgrader.api import Gradebook
from nbgrader.preprocessors import NbGraderPreprocessor

from grader.catalog import natural
from grader.nbcourse.books import opened


class RestoreCells(NbGraderPreprocessor):
    """Gives every cell that the gradebook knows its metadata, its type and, where it is locked, its text.

    Of several cells with one name the last counts; a cell that is missing is added at the end, as it was handed out.
    nbgrader's own steps for this stop at a notebook whose metadata is broken.
    """

    def preprocess(self, nb: NotebookNode, resources: Any) -> tuple[NotebookNode, Any]:
        """The notebook with every cell of the release."""
        about = resources["nbgrader"]
        with opened(about["db_url"]) as gradebook:
            waiting = _released(gradebook, about["notebook"], about["assignment"])
        cells = []
        for cell in reversed(nb.cells):
            released = waiting.pop(_name(cell), None)
            cell.metadata.pop("nbgrader", None)
            cells.append(cell if released is None else _restored(cell, released))
        nb.cells = [*reversed(cells), *waiting.values()]
        return nb, resources


def _name(cell: NotebookNode) -> str:
    given = cell.metadata.get("nbgrader")
    name = given.get("grade_id") if isinstance(given, dict) else None
    return name if isinstance(name, str) else ""


def _restored(cell: NotebookNode, released: NotebookNode) -> NotebookNode:
    if not released.metadata.nbgrader.locked:
        released.source = cell.source
        if "attachments" in cell and released.cell_type == "markdown":
            released.attachments = cell.attachments
    return released


def _released(gradebook: Gradebook, notebook: str, assignment: str) -> dict[str, NotebookNode]:
    """The cells as they were handed out, by name."""
    found = gradebook.find_notebook(notebook, assignment)
    points = {cell.name: cell.max_score for cell in found.grade_cells}
    solutions = {cell.name for cell in found.solution_cells}
    tasks = {cell.name: cell.max_score for cell in found.task_cells}
    cells = {}
    for source in sorted(found.source_cells, key=lambda each: natural(each.name)):
        metadata = {
            "grade": source.name in points,
            "solution": source.name in solutions,
            "task": source.name in tasks,
            "locked": bool(source.locked),
            "grade_id": source.name,
            "checksum": source.checksum,
            "cell_type": source.cell_type,
            "schema_version": 3,
        }
        if source.name in points or source.name in tasks:
            metadata["points"] = points.get(source.name, tasks.get(source.name))
        make = new_code_cell if source.cell_type == "code" else new_markdown_cell
        cells[source.name] = make(source=source.source or "", metadata={"nbgrader": metadata}, id=source.name[:64])
    return cells
