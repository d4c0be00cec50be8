"""Counterexamples as pictures: each tensor of a call, and what came back, as a bar chart in SVG.

The text of a counterexample is Python that the grader wrote; it is parsed, never evaluated. Calls that were cut short
or that hold no tensor have no picture.
"""

from __future__ import annotations

import ast
import base64
import math
from collections.abc import Iterator, Sequence
from xml.etree.ElementTree import Element, SubElement, tostring

from grader.model import Counterexample
from grader.text import one_line

MAX_VALUES = 64
"""Numbers shown of one tensor."""

WIDTH, ROW_HEIGHT, LABEL_WIDTH = 480, 76, 110
_BLUE, _RED = "#22577a", "#b3261e"


def data_url(example: Counterexample) -> str | None:
    """The last call's tensors as a picture, ready for an `img`; None where there is nothing to draw."""
    drawing = svg(example)
    if drawing is None:
        return None
    return f"data:image/svg+xml;base64,{base64.b64encode(drawing).decode('ascii')}"


def svg(example: Counterexample) -> bytes | None:
    """The last call's tensors as SVG, one row each: arguments above, the result below."""
    rows = list(_tensors(example))
    if not rows:
        return None
    height = ROW_HEIGHT * len(rows)
    size = {"viewBox": f"0 0 {WIDTH} {height}", "width": str(WIDTH), "height": str(height)}
    root = Element("svg", {"xmlns": "http://www.w3.org/2000/svg", **size})
    SubElement(root, "rect", {"width": "100%", "height": "100%", "fill": "#ffffff"})
    for index, (label, values) in enumerate(rows):
        _draw_row(root, label, values, top=index * ROW_HEIGHT)
    drawing: bytes = tostring(root, encoding="utf-8")
    return drawing


def _tensors(example: Counterexample) -> Iterator[tuple[str, list[float]]]:
    """Label and numbers of each tensor of the last call and of its result."""
    if not example.calls:
        return
    last = example.calls[-1]
    for place, text in (("argument", last.call), ("result", last.returned)):
        try:
            tree = ast.parse(text, mode="eval")
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        literals = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and _name_of(node) == "tensor"]
        for number, node in enumerate(literals, start=1):
            values = _numbers(node.args[0]) if node.args else []
            if values:
                yield f"{place} {number}" if len(literals) > 1 else place, values[:MAX_VALUES]


def _name_of(call: ast.Call) -> str:
    return ast.unparse(call.func).rpartition(".")[2]


def _numbers(node: ast.expr) -> list[float]:
    """The numbers of a nested list, `float('inf')` among them; of anything else, none."""
    if isinstance(node, ast.List | ast.Tuple):
        return [value for element in node.elts for value in _numbers(element)]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return [-value for value in _numbers(node.operand)]
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return [float(node.value)]
    if isinstance(node, ast.Call) and _name_of(node) == "float" and isinstance(node.args[0], ast.Constant):
        text = str(node.args[0].value).lower()
        return [float(text)] if text.lstrip("+-") in ("inf", "nan", "infinity") else []
    return [float(node.id)] if isinstance(node, ast.Name) and node.id in ("inf", "nan") else []


def _draw_row(root: Element, label: str, values: Sequence[float], *, top: int) -> None:
    finite = [value for value in values if math.isfinite(value)]
    largest = max(map(abs, finite), default=0.0)
    _text(root, label, x=6, y=top + 24, weight="bold")
    _text(root, f"largest {largest:.3g}" if finite else "nothing finite", x=6, y=top + 42)
    middle, reach = top + ROW_HEIGHT / 2, ROW_HEIGHT / 2 - 8
    line = {"x1": f"{LABEL_WIDTH}", "x2": f"{WIDTH - 6}", "y1": f"{middle:g}", "y2": f"{middle:g}"}
    SubElement(root, "line", {**line, "stroke": "#999999"})
    step = (WIDTH - LABEL_WIDTH - 6) / len(values)
    for index, value in enumerate(values):
        left = LABEL_WIDTH + index * step
        if not math.isfinite(value):
            _text(root, str(value), x=left + step / 4, y=middle - 4, colour=_RED)
            continue
        # By the largest first: a sum of both could not be held.
        height = abs(value / largest) * reach if largest else 0.0
        bar = {"x": left + step / 8, "y": middle - height if value > 0 else middle, "width": step * 3 / 4}
        shape = {name: f"{number:.2f}" for name, number in (bar | {"height": max(height, 0.5)}).items()}
        SubElement(root, "rect", {**shape, "fill": _BLUE})


def _text(root: Element, text: str, *, x: float, y: float, colour: str = "#222222", weight: str = "normal") -> None:
    place = {"x": f"{x:.2f}", "y": f"{y:.2f}", "font-family": "sans-serif", "font-size": "12", "fill": colour}
    SubElement(root, "text", place | {"font-weight": weight}).text = one_line(text, 40)
