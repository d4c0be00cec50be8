"""Notebooks as modules: the cells that define something, and the written answers.

Of a code cell, only imports, functions, classes, constants and what these use are kept, so that a plot or a training
run in a notebook costs nobody a mark. A written answer is a cell that carries its question's id: as the cell's
metadata (`answer="C2"`, which is also how percent-format spells it), as a first line `<!-- answer: C2 -->`, or as the
name that nbgrader gave it.
"""

from __future__ import annotations

import ast
import json
import re
import symtable
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from grader.errors import SubmissionError
from grader.syntax import assigned_names, parse
from grader.text import one_line

MAX_NOTEBOOK_BYTES = 10 << 20
MAX_CODE_CHARS = 256 << 10
"""A syntax tree takes a thousand times the memory of the shortest statements; this keeps one below 300 MiB."""
PLACEHOLDER = "YOUR ANSWER HERE"

_ID = r"[A-Za-z][\w.]{0,15}"
_ANSWER_LINE = re.compile(rf"\A\s*<!--\s*answer:\s*({_ID})\s*-->[ \t]*\n?")
_ANSWER_KEY = re.compile(rf"""\banswer=["']({_ID})["']""")
_PERCENT_CELL = re.compile(r"^# ?%%(.*)$", re.MULTILINE)
# No two neighbouring repetitions accept the same character: text made for it would take quadratic time.
_MAGIC = re.compile(r"^([ \t]*)(?:[%!?]|(?:\w[\w, ]*=[ \t]*[%!])|[\w.]+\?{1,2}[ \t]*$).*$", re.MULTILINE)
_CELL_MAGIC = re.compile(r"\A\s*%%(\w*)[^\n]*\n?")
# The rest of such a cell is Python all the same.
_PYTHON_CELL_MAGICS = {"time", "timeit", "capture", "prun"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Module:
    """A notebook, read as one module."""

    source: str
    """Python; what a cell gave follows the comment `# cell N`, N counted from 1 over all cells."""
    answers: Mapping[str, str]
    """Written answers by question id."""
    notes: tuple[str, ...]
    """What was left out, one sentence each."""


class _CodeCell(NamedTuple):
    number: int
    text: str
    body: list[ast.stmt]
    is_ours: bool = False
    """A test cell that came with the notebook: what it runs is not the student's."""


def read_notebook(data: bytes) -> Module:
    """The module that a notebook's cells define.

    Raises:
        SubmissionError: Where the bytes are no notebook of format 4.
    """
    code: list[_CodeCell] = []
    answers: dict[str, str] = {}
    notes: list[str] = []
    left = MAX_CODE_CHARS
    for number, cell in enumerate(cells_of(data), start=1):
        text, metadata = text_of(cell), cell.get("metadata")
        question = answer_id(text, metadata)
        # Of any type: one key of Jupyter's turns a cell of text into one of code.
        answers |= _answer(text, question)
        if cell.get("cell_type") == "code":
            left -= len(text)
            if left < 0:
                raise SubmissionError(f"its code cells hold more than {MAX_CODE_CHARS >> 10} KiB; hand in code alone")
            said = notes if question is None else []
            code.append(_parse_cell(number, text, said)._replace(is_ours=_is_test(metadata)))
    try:
        source = _definitions(code, notes)
    except RecursionError as error:
        raise SubmissionError("its code nests too deeply to be read") from error
    return Module(source=source, answers=answers, notes=tuple(notes))


def percent_answers(source: str) -> dict[str, str]:
    """The written answers of a module in percent format, by question id."""
    answers: dict[str, str] = {}
    headers = list(_PERCENT_CELL.finditer(source))
    ends = [*(header.start() for header in headers), len(source)][1:]
    for header, end in zip(headers, ends, strict=True):
        if "[markdown]" not in header[1]:
            continue
        body = source[header.end() : end]
        lines = [re.sub(r"^# ?", "", line) for line in body.strip("\n").splitlines() if line.startswith("#")]
        key = _ANSWER_KEY.search(header[1])
        text = "\n".join(lines)
        answers |= _answer(text, answer_id(text, {"answer": key[1]} if key else {}))
    return answers


def answer_id(text: str, metadata: object) -> str | None:
    """The written question that a cell answers: its metadata says so, its first line, or nbgrader's name for it."""
    about = metadata if isinstance(metadata, dict) else {}
    line = _ANSWER_LINE.match(text)
    names = (about.get("answer"), line[1] if line else None, _graded_answer(about.get("nbgrader")))
    return next((name for name in names if isinstance(name, str) and re.fullmatch(_ID, name)), None)


def cells_of(data: bytes) -> list[Mapping[str, Any]]:
    """The cells of a notebook, of which nothing is known but that each is a mapping.

    Raises:
        SubmissionError: Where the bytes are no notebook of format 4.
    """
    if len(data) > MAX_NOTEBOOK_BYTES:
        raise SubmissionError(f"the notebook is larger than {MAX_NOTEBOOK_BYTES >> 20} MiB; clear its outputs")
    try:
        notebook = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise SubmissionError("the notebook is not valid JSON; save it again from Jupyter") from error
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list) or not all(isinstance(cell, dict) for cell in cells):
        raise SubmissionError("the file is JSON but no notebook of format 4; save it again from a current Jupyter")
    return cells


def text_of(cell: Mapping[str, Any]) -> str:
    """A cell's text, which the format stores as one string or as a list of lines."""
    source = cell.get("source")
    lines = source if isinstance(source, list) else [source]
    return "".join(line for line in lines if isinstance(line, str)).replace("\r\n", "\n").replace("\r", "\n")


def _answer(text: str, question: str | None) -> dict[str, str]:
    """`{id: answer}`, or nothing where the cell carries no id or was left as it was handed out."""
    text = _ANSWER_LINE.sub("", text).strip()
    return {question: text} if question and text.replace(PLACEHOLDER, "").strip("*_ \t\n") else {}


def _graded_answer(about: object) -> str | None:
    """The question of a cell that nbgrader has a person mark; its names hold a dash where ours hold a dot."""
    if not isinstance(about, dict) or not (about.get("grade") is True and about.get("solution") is True):
        return None
    name = about.get("grade_id")
    return name.replace("-", ".") if isinstance(name, str) else None


def _is_test(metadata: object) -> bool:
    """Whether nbgrader takes the cell for a test: graded, and not the student's to write."""
    given = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    return isinstance(given, dict) and given.get("grade") is True and given.get("solution") is not True


def _parse_cell(number: int, text: str, notes: list[str]) -> _CodeCell:
    """The statements of a cell without its notebook commands; none where it is not Python, and a note says so."""
    magic = _CELL_MAGIC.match(text)
    if magic and magic[1] not in _PYTHON_CELL_MAGICS:
        notes.append(f"Cell {number} starts with %%{magic[1]} and was left out.")
        return _CodeCell(number, "", [])
    if magic:
        notes.append(f"Cell {number}: the line %%{magic[1]} was left out.")
        text = text[magic.end() :]
    try:
        return _CodeCell(number, text, parse(text).body)
    except SyntaxError:
        # Only now: what looks like a command may be a line of a docstring.
        text, dropped = _MAGIC.subn(r"\1pass", text)
    try:
        body = parse(text).body
    except SyntaxError as error:
        where = f"line {error.lineno}: " if error.lineno else ""
        notes.append(f"Cell {number} is not Python ({where}{one_line(error.msg)}) and was left out.")
        return _CodeCell(number, "", [])
    notes.append(f"Cell {number}: {dropped} line{'s' * (dropped > 1)} of notebook commands left out.")
    return _CodeCell(number, text, body)


def _definitions(cells: list[_CodeCell], notes: list[str]) -> str:
    """The source of all that the cells define; notes say which cells did more than that."""
    definitions = [node for cell in cells for node in cell.body if _defines(node)]
    needed = _globals_used(definitions)
    assignments = [node for cell in cells for node in cell.body if isinstance(node, ast.Assign | ast.AnnAssign)]
    # Backwards, so that what an assignment itself uses is known to be needed before its own turn comes.
    kept = set(definitions)
    for node in reversed(assignments):
        if _is_constant(node) or assigned_names(node) & needed:
            kept.add(node)
            needed |= {name.id for name in ast.walk(node) if isinstance(name, ast.Name)}
    # In a notebook every cell may start with one; in a module only the file may.
    future = {node for node in kept if isinstance(node, ast.ImportFrom) and node.module == "__future__"}
    parts = sorted({ast.unparse(node) + "\n" for node in future})
    for cell in cells:
        chosen = list(_sources_of(cell, kept - future))
        if chosen:
            parts.append("\n".join([f"# cell {cell.number}", *chosen]) + "\n")
        if not cell.is_ours and any(node not in kept and not _is_idle(node) for node in cell.body):
            notes.append(f"Cell {cell.number}: only what it defines counts; its other statements were left out.")
    return "\n\n".join(parts)


def _defines(node: ast.stmt) -> bool:
    match node:
        case ast.Import() | ast.ImportFrom() | ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return True
        case ast.If(body=body, orelse=other):
            return all(_defines(step) or isinstance(step, ast.Assign | ast.Pass) for step in [*body, *other])
        case ast.Try(body=body, handlers=handlers, orelse=other, finalbody=final):
            steps = [*body, *other, *final, *(step for handler in handlers for step in handler.body)]
            return all(_defines(step) or isinstance(step, ast.Assign | ast.Pass) for step in steps)
    return False


def _is_idle(node: ast.stmt) -> bool:
    return isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))


def _globals_used(nodes: list[ast.stmt]) -> set[str]:
    """The module's names that these definitions use; a function's own locals are not among them."""
    names: set[str] = set()
    try:
        tables = [symtable.symtable(ast.unparse(ast.Module(nodes, [])), "<notebook>", "exec")]
    except (SyntaxError, RecursionError, MemoryError):
        # It will not compile either; until then, every name counts as used.
        return {name.id for node in nodes for name in ast.walk(node) if isinstance(name, ast.Name)}
    while tables:
        table = tables.pop()
        tables += table.get_children()
        is_module = table.get_type() == "module"
        names |= {symbol.get_name() for symbol in table.get_symbols() if is_module or symbol.is_global()}
    return names


def _is_constant(node: ast.Assign | ast.AnnAssign) -> bool:
    """True for names bound to an expression of numbers and texts."""
    allowed = (ast.Constant, ast.UnaryOp, ast.BinOp, ast.Tuple, ast.List, ast.unaryop, ast.operator, ast.expr_context)
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return (
        node.value is not None
        and all(isinstance(target, ast.Name) for target in targets)
        and all(isinstance(part, allowed) for part in ast.walk(node.value))
    )


def _sources_of(cell: _CodeCell, wanted: set[ast.stmt]) -> Iterator[str]:
    """Each statement's own lines, decorators and comments included; printed anew where it shares one of them."""
    lines = cell.text.split("\n")
    spans = [(0, 0), *map(_span, cell.body), (len(lines) + 1, 0)]
    for node, (_, before), (first, last), (after, _) in zip(cell.body, spans, spans[1:], spans[2:], strict=False):
        if node in wanted:
            yield "\n".join(lines[first - 1 : last]) if before < first and last < after else ast.unparse(node)


def _span(node: ast.stmt) -> tuple[int, int]:
    """The first and the last line of a statement."""
    decorators = getattr(node, "decorator_list", [])
    return min([node.lineno, *(item.lineno for item in decorators)]), node.end_lineno or node.lineno
