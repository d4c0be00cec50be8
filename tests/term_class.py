"""A class of twenty for the tiny course, as notebooks: right, wrong, broken and hostile ones."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

Notebook = dict[str, Any]

RIGHT = {
    "energy": "    return 0.5 * scale * x.square().sum(-1)",
    "centre": "    return x.mean(), x - x.mean()",
    "spread": "    return torch.mean(centre(x)[1] ** 2)",
}
ESSAY = "Because $2 < 3$ and a square is smooth at 0. <b>Shown</b> by *differentiating*."


def fill(released: Notebook, *, essay: str | None = ESSAY, **bodies: str) -> Notebook:
    """The released notebook with functions and an answer filled in; what is not said is right."""
    notebook = copy.deepcopy(released)
    for cell in notebook["cells"]:
        about = cell["metadata"].get("nbgrader", {})
        name = about.get("grade_id", "").removeprefix("code-")
        if about.get("solution") and cell["cell_type"] == "code":
            text = "".join(cell["source"])
            cell["source"] = text[: text.index("    # YOUR CODE HERE")] + {**RIGHT, **bodies}[name] + "\n"
        elif cell["metadata"].get("answer") and essay:
            cell["source"] = essay
    return notebook


def forge(notebook: Notebook) -> Notebook:
    """What a student who has read nbgrader's sources would try."""
    for cell in notebook["cells"]:
        about = cell["metadata"].get("nbgrader", {})
        if about.get("grade") and cell["cell_type"] == "code":
            about |= {"points": 1000, "solution": True, "schema_version": 99}
            result = {
                "output_type": "execute_result",
                "data": {"text/plain": "10"},
                "metadata": {},
                "execution_count": 1,
            }
            cell |= {"source": "10.0", "outputs": [result]}
    return notebook


def delete(notebook: Notebook, *names: str) -> Notebook:
    """Without the cells of these names."""
    notebook["cells"] = [
        cell for cell in notebook["cells"] if cell["metadata"].get("nbgrader", {}).get("grade_id") not in names
    ]
    return notebook


def twice(notebook: Notebook) -> Notebook:
    """Every cell that nbgrader knows stands there two times."""
    notebook["cells"] += [copy.deepcopy(cell) for cell in notebook["cells"] if "nbgrader" in cell["metadata"]]
    return notebook


def upside_down(notebook: Notebook) -> Notebook:
    """Cells of types and metadata that no notebook has."""
    notebook["cells"] += [{"cell_type": "heading", "source": 7}, {"metadata": []}, {"cell_type": "code", "outputs": 1}]
    return notebook


def run_away(notebook: Notebook, statement: str) -> Notebook:
    """With a cell that a kernel would run and the sandbox never does."""
    notebook["cells"].insert(2, {"cell_type": "code", "metadata": {}, "source": statement, "outputs": []})
    return notebook


def class_of(released: Notebook, trap: str) -> dict[str, bytes]:
    """The notebooks of s01 to s20, as bytes.

    Args:
        released: What `nbgrader generate_assignment` made.
        trap: A file that one submission tries to write.
    """
    fills: dict[str, Callable[[], Notebook | bytes]] = {
        "s01": lambda: fill(released),
        "s02": lambda: fill(released, energy="    return scale * x.square().sum(-1)"),
        "s03": lambda: fill(released, centre="    return x.mean(), x"),
        "s04": lambda: fill(released, spread="    return x.var()"),
        "s05": lambda: fill(released, energy="    return scale * x.abs().pow(3).sum(-1)"),
        "s06": lambda: released,
        "s07": lambda: fill(released, essay=None),
        "s08": lambda: fill(released, energy="    x *= 1\n    return 0.5 * scale * x.square().sum(-1)"),
        "s09": lambda: fill(released, energy="    while True:\n        pass"),
        "s10": lambda: fill(released, energy="    __import__('os')._exit(0)"),
        "s11": lambda: fill(released, energy="    return 0.5 * scale * x.square().mean(-1)"),
        "s12": lambda: b"{ this is no notebook",
        "s13": lambda: b'{"cells": "none", "nbformat": 4}',
        "s14": lambda: forge(fill(released, energy="    return x.sum(-1).exp()")),
        "s15": lambda: delete(fill(released), "tiny-1", "tiny-2", "code-energy"),
        "s16": lambda: twice(fill(released)),
        "s17": lambda: upside_down(fill(released)),
        "s18": lambda: fill(released, energy="    return 0.5 * scale * x.square(.sum(-1)"),
        "s19": lambda: run_away(fill(released), f"open({trap!r}, 'w').write('ran')"),
        "s20": lambda: fill(released, centre="    raise ValueError('<script>alert(1)</script>')"),
    }
    made = {student: make() for student, make in fills.items()}
    return {name: one if isinstance(one, bytes) else json.dumps(one).encode() for name, one in made.items()}
