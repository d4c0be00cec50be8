"""What students get, made from what authors write: `solutions/<name>/<name>.py` becomes a stub and a notebook.

A solution module is in percent format. Lines from `### BEGIN SOLUTION` to `### END SOLUTION` are taken out: of a
function, `# YOUR CODE HERE` and `raise NotImplementedError` stay; of a markdown cell, a line that asks for the answer.
The public tests and the handout are written by hand in `assignments/<name>/`. Only these four files are ever
released, with one that says to pytest what a mark in them is, and none that holds a formula of a solution or of
`reference/`.
"""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from grader.errors import GraderError, UsageError
from grader.files import write_atomically
from grader.notebooks import PLACEHOLDER, percent_answers

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"

_MARK = re.compile(rf"^(?P<indent>[ \t]*)(?P<comment># )?(?P<mark>{BEGIN}|{END})\s*$")
_TESTS_MAY_IMPORT = {"hypothesis", "pytest", "torch"}
_CONFTEST = """\
\"\"\"Says to pytest what the mark of the public tests means.\"\"\"


def pytest_configure(config):
    config.addinivalue_line("markers", "question(id): the question that a test belongs to")
"""
# Shorter formulas, such as `(x - mu) / sigma`, are anybody's.
_TELLING = 32


def names(course: Path) -> list[str]:
    """The assignments that have a solution, in alphabetical order."""
    return sorted(path.stem for path in course.glob("solutions/*/*.py") if path.stem == path.parent.name)


def release(course: Path, name: str, out: Path) -> list[Path]:
    """Write one assignment to `out/<name>/` and return its files.

    Raises:
        UsageError: There is no such assignment, or the folder cannot be written.
        GraderError: The solution, the tests or the handout are not fit for release; the message says why.
    """
    written = []
    for filename, data in generate(course, name).items():
        path = out / name / filename
        if not path.is_file() or path.read_bytes() != data:
            write_atomically(path, data)
        written.append(path)
    return written


def generate(course: Path, name: str) -> dict[str, bytes]:
    """The files of one assignment by name, the same bytes on every run; see `release` for what it raises."""
    if name not in names(course):
        raise UsageError(f"there is no assignment {name!r} in solutions/; there are {', '.join(names(course))}")
    solution = _read(course / "solutions" / name / f"{name}.py")
    stub = stub_of(solution, filename=f"solutions/{name}/{name}.py")
    files = {
        f"{name}.py": stub,
        f"{name}.ipynb": notebook_of(stub, name),
        f"test_{name}.py": _read(course / "assignments" / name / f"test_{name}.py"),
        "conftest.py": _CONFTEST,
        "README.md": _read(course / "assignments" / name / "README.md"),
    }
    _check_imports(files[f"test_{name}.py"], name)
    hidden = [solution, *(_read(path) for path in sorted((course / "reference" / name).glob("*.py")))]
    _check_secrets(files, stub, hidden, name)
    return {filename: text.encode() for filename, text in files.items()}


def stub_of(solution: str, *, filename: str) -> str:
    """The solution module without its solutions.

    Raises:
        GraderError: The marks do not pair up, or the stub would not import.
    """
    lines: list[str] = []
    begun: int | None = None
    for number, line in enumerate(solution.splitlines(), start=1):
        mark = _MARK.match(line)
        if mark and (mark["mark"] == BEGIN) != (begun is None):
            raise GraderError(f"{filename}, line {number}: {mark['mark']} without its partner")
        if mark and begun is None:
            begun = number
            lines += _instead(mark["indent"], in_text=mark["comment"] is not None)
        elif mark:
            begun = None
        elif begun is None:
            lines.append(line)
    if begun is not None:
        raise GraderError(f"{filename}, line {begun}: {BEGIN} without its partner")
    stub = "\n".join(lines) + "\n"
    _check_stub(stub, filename)
    _check_answers(stub, filename)
    return stub


def notebook_of(stub: str, name: str) -> str:
    """The stub as a notebook; cells of written questions keep their id as metadata."""
    import jupytext  # on the path of no other command

    cells = [
        {
            "cell_type": cell.cell_type,
            "id": f"{name}-{number:02d}",
            "metadata": {key: value for key, value in cell.metadata.items() if key == "answer"},
            "source": cell.source.splitlines(keepends=True),
            **({"execution_count": None, "outputs": []} if cell.cell_type == "code" else {}),
        }
        for number, cell in enumerate(jupytext.reads(stub, fmt="py:percent").cells, start=1)
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook = {
        "cells": cells,
        "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def _instead(indent: str, *, in_text: bool) -> list[str]:
    if in_text:
        return [f"{indent}# *{PLACEHOLDER}*"]
    # At the top level, raising would keep the stub from being imported.
    return [f"{indent}# YOUR CODE HERE", *([f"{indent}raise NotImplementedError"] if indent else [])]


def _check_stub(stub: str, filename: str) -> None:
    try:
        tree = ast.parse(stub)
    except SyntaxError as error:
        raise GraderError(
            f"{filename}: without its solutions, line {error.lineno} is not Python: {error.msg}"
        ) from error
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Raise):
            raise GraderError(f"{filename}: a solution outside of a function; the stub would fail where it is imported")
        waiting += [one for one in ast.iter_child_nodes(node) if not isinstance(one, ast.FunctionDef)]


def _check_answers(stub: str, filename: str) -> None:
    for question in percent_answers(stub):
        raise GraderError(
            f"{filename}: the stub's cell for the answer to {question} holds more than {PLACEHOLDER!r}; "
            "ask the question in a cell of its own, so that an untouched answer is known as one"
        )


def _check_imports(test: str, name: str) -> None:
    allowed = _TESTS_MAY_IMPORT | {name} | sys.stdlib_module_names
    for node in ast.walk(ast.parse(test)):
        modules = [item.name for item in node.names] if isinstance(node, ast.Import) else []
        modules += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        for module in modules:
            if module.partition(".")[0] not in allowed:
                raise GraderError(f"test_{name}.py imports {module}; students have torch, pytest and hypothesis alone")


def _check_secrets(files: dict[str, str], stub: str, hidden: Iterable[str], name: str) -> None:
    """No released file may hold a formula of the solution or of the reference."""
    secrets = {formula for text in hidden for formula in _formulas(text)} - set(_formulas(stub))
    for filename, text in files.items():
        if BEGIN in text or END in text:
            raise GraderError(f"{filename} of {name} holds a solution's mark; release nothing until it is gone")
        shown = _squeezed(_cell_text(text) if filename.endswith(".ipynb") else text)
        if filename.endswith(".py"):
            shown += _squeezed(ast.unparse(ast.parse(text)))
        for formula in sorted(secrets):
            if formula in shown:
                raise GraderError(f"{filename} of {name} holds what the solution or the reference says: {formula}")


def _formulas(source: str) -> Iterator[str]:
    """What a module's statements compute, in one spelling, where it is long enough to tell a student something."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Assign | ast.AugAssign | ast.Return) and node.value is not None:
            formula = _squeezed(ast.unparse(node.value))
            if len(formula) >= _TELLING:
                yield formula


def _cell_text(notebook: str) -> str:
    return "\n".join("".join(cell["source"]) for cell in json.loads(notebook)["cells"])


def _squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}; a release needs it") from error
