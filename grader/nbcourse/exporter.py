"""Reads what was handed in as a notebook that nbgrader can convert, whatever the file holds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nbconvert.exporters import NotebookExporter
from nbformat.notebooknode import NotebookNode, from_dict
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_raw_cell

from grader.errors import SubmissionError
from grader.nbcourse.pictures import pictures
from grader.notebooks import MAX_NOTEBOOK_BYTES, cells_of, text_of
from grader.sources import read_bytes

_MAKERS = {"code": new_code_cell, "markdown": new_markdown_cell, "raw": new_raw_cell}
_METADATA = ("answer", "nbgrader", "grader")


class SubmissionExporter(NotebookExporter):
    """A notebook exporter that no submission can stop.

    Outputs and all metadata that nothing here needs are left behind, since they are the student's to write. A file
    that is no notebook, or a link to one, becomes an empty one; the grader, which reads the file itself, says what is
    wrong with it.
    """

    def from_file(self, file_stream: Any, resources: Any = None, **kw: Any) -> tuple[str, Any]:
        """Convert the open file of a submission."""
        try:
            data = read_bytes(Path(file_stream.name), MAX_NOTEBOOK_BYTES)
        except SubmissionError:
            data = b""
        output, resources = self.from_notebook_node(plain_notebook(data), resources=resources, **kw)
        return output, resources


def plain_notebook(data: bytes) -> NotebookNode:
    """A valid notebook of the texts of these bytes' cells."""
    try:
        cells = cells_of(data)
    except SubmissionError:
        cells = []
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    made = [_plain_cell(cell, number) for number, cell in enumerate(cells, start=1)]
    return new_notebook(cells=made, metadata={"kernelspec": kernel, "language_info": {"name": "python"}})


def _plain_cell(cell: Mapping[str, Any], number: int) -> NotebookNode:
    maker = _MAKERS.get(str(cell.get("cell_type")), new_raw_cell)
    metadata = cell.get("metadata")
    given = metadata if isinstance(metadata, dict) else {}
    kept = from_dict({name: given[name] for name in _METADATA if name in given})
    # A lone surrogate is valid JSON and cannot be written as UTF-8.
    source = text_of(cell).encode("utf-8", "replace").decode("utf-8")
    made = maker(source=source, metadata=kept, id=f"cell-{number}")
    if made.cell_type == "markdown" and (found := pictures(cell.get("attachments"), source)):
        made.attachments = from_dict(found)
    return made
