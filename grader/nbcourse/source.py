"""A course's `source/` folder: model solutions as the notebooks from which `nbgrader generate_assignment` starts."""

from __future__ import annotations

import ast
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from grader import catalog, release
from grader.catalog import LoadedAssignment
from grader.errors import GraderError
from grader.files import write_atomically
from grader.model import SubmissionResult
from grader.nbcourse import layout
from grader.notebooks import PLACEHOLDER, answer_id
from grader.question import Question

CONFIG = """\
# Written by `grader release --nbgrader`. Your own settings go below the call.
from grader.nbcourse.config import configure

c = get_config()
configure(c)
"""

Cell = dict[str, Any]


def release_source(course: Path, name: str, root: Path) -> list[Path]:
    """Write one assignment to `<root>/source/<name>/`, and nbgrader's and our settings to `root` where there are none.

    Returns:
        The files of the assignment, then the settings.

    Raises:
        UsageError: There is no such assignment, or the folder cannot be written.
        GraderError: The solution, the tests or the handout are not fit for release.
    """
    released = release.generate(course, name)
    files = {
        f"{name}.ipynb": notebook(course, catalog.load(course, name)).encode(),
        **{kept: released[kept] for kept in ("README.md", f"test_{name}.py", "conftest.py")},
    }
    written = [_write(root / "source" / name / filename, data) for filename, data in files.items()]
    for path, text in {root / "nbgrader_config.py": CONFIG, root / "grader.toml": _settings(course, root)}.items():
        written.append(path if path.exists() else _write(path, text.encode()))
    return written


def notebook(course: Path, assignment: LoadedAssignment) -> str:
    """The source notebook: solutions between nbgrader's marks, one locked test cell a question, one cell an answer."""
    cells = list(_with_answers(_with_tests(_solution_cells(assignment), assignment), assignment))
    for number, cell in enumerate(cells, start=1):
        cell["id"] = f"{assignment.name}-{number:02d}"
    document = json.loads(release.notebook_of("", assignment.name)) | {"cells": cells}
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def comments(assignment: LoadedAssignment, result: SubmissionResult) -> dict[str, str]:
    """Our feedback on each automatic question, by the name of the cell that its leading function is written in."""
    cells = [cell for cell in _solution_cells(assignment) if cell["cell_type"] == "code"]
    questions = {question.id: question for question in result.questions}
    found: dict[str, list[str]] = {}
    for place, cell in enumerate(cells):
        for question in assignment.questions:
            if question.function in _defined(cell):
                found.setdefault(_name(cell, place, assignment), []).append(layout.comment(questions[question.id]))
    return {name: "\n\n".join(texts) for name, texts in found.items()}


def _solution_cells(assignment: LoadedAssignment) -> list[Cell]:
    import jupytext  # on the path of no other command

    cells = jupytext.reads(assignment.solution_source, fmt="py:percent").cells
    return [_code(cell.source) if cell.cell_type == "code" else _text(cell.source, cell.metadata) for cell in cells]


def _with_tests(cells: Sequence[Cell], assignment: LoadedAssignment) -> Iterator[Cell]:
    """Each question's test cell comes after the last cell that defines a function of its own."""
    defined = [_defined(cell) for cell in cells]
    after: dict[int, list[Question]] = {}
    for question in assignment.questions:
        places = [place for place, names in enumerate(defined) if names & set(question.functions)]
        if not places:
            raise GraderError(f"the solution of {assignment.name} defines nothing of {question.id}")
        after.setdefault(places[-1], []).append(question)
    for place, cell in enumerate(cells):
        if cell["cell_type"] == "code" and release.BEGIN in cell["source"]:
            cell["metadata"]["nbgrader"] = layout.code_metadata(_name(cell, place, assignment))
        yield cell
        for question in after.get(place, []):
            test = _code(layout.test_source(question, assignment.name))
            test["metadata"]["nbgrader"] = layout.test_metadata(question)
            yield test


def _with_answers(cells: Iterator[Cell], assignment: LoadedAssignment) -> Iterator[Cell]:
    """Each written question has a cell for its answer; at the end where the solution has none."""
    waiting = {question.id: question for question in assignment.written}
    for cell in cells:
        identity = answer_id(cell["source"], cell["metadata"]) if cell["cell_type"] == "markdown" else None
        if identity in waiting:
            question = waiting.pop(identity)
            if release.BEGIN not in cell["source"]:
                # nbgrader would otherwise replace all of the cell.
                marked = f"{release.BEGIN}\n*{PLACEHOLDER}*\n{release.END}"
                cell["source"] = cell["source"].replace(f"*{PLACEHOLDER}*", marked)
            cell["metadata"] = {"answer": question.id, "nbgrader": layout.answer_metadata(question)}
        yield cell
    for question in waiting.values():
        yield _text(f"## {question.id} {question.title}", {})
        answer = _text(f"{release.BEGIN}\n*{PLACEHOLDER}*\n{release.END}", {})
        answer["metadata"] = {"answer": question.id, "nbgrader": layout.answer_metadata(question)}
        yield answer


def _name(cell: Cell, place: int, assignment: LoadedAssignment) -> str:
    """After the function that leads its question, so that a comment on the question finds its cell."""
    leading = [question.function for question in assignment.questions if question.function in _defined(cell)]
    others = sorted(_defined(cell))
    return layout.solution_id((leading or others or [str(place)])[0])


def _defined(cell: Cell) -> set[str]:
    if cell["cell_type"] != "code":
        return set()
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return {node.name for node in ast.parse(cell["source"]).body if isinstance(node, kinds)}


def _code(source: str) -> Cell:
    return {"cell_type": "code", "metadata": {}, "source": source, "execution_count": None, "outputs": []}


def _text(source: str, metadata: dict[str, Any]) -> Cell:
    return {"cell_type": "markdown", "metadata": {k: v for k, v in metadata.items() if k == "answer"}, "source": source}


def _settings(course: Path, root: Path) -> str:
    """`grader.toml`, with which every command that is started in the folder finds the course."""
    where = os.path.relpath(course.resolve(), root.resolve())
    return f'course = {json.dumps(where)}\nout = "results"\n'


def _write(path: Path, data: bytes) -> Path:
    if not path.is_file() or path.read_bytes() != data:
        write_atomically(path, data)
    return path
