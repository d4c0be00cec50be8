"""Submissions made to cost the class its grades: by ending the grader, by filling its memory, or by taking its time.

Tests that guard against runaway cost say nothing about seconds: where a guard is gone, they run into the suite's limit.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from grader.scan import forbidden_uses, suspicious
from grader.submissions import collect

ASSIGNMENTS = {"mle": ["gaussian_log_prob"]}
RIGHT = "def gaussian_log_prob(x, mu, logvar):\n    return x\n"

CELLS = {
    "a deep expression that shares its line": "x = 1; y = " + "+".join(["1"] * 1500),
    "a deep expression in a constant": "y = " + "+".join(["1"] * 1500) + "\ndef f():\n    return y",
    "many branches": "if 1:\n    pass\n" + "elif 1:\n    pass\n" * 900,
    "empty lines before what is not Python": "\n" * 250_000 + "(",
    "blanks before what is not Python": " " * 250_000 + "(",
    "many short statements": "a=1\n" * 60_000,
    "many statements on a line": "a=1;" * 20_000,
    "more code than is read": "a=1\n" * 2_000_000,
}


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_no_notebook_keeps_a_classmate_from_being_graded(cell: str, tmp_path: Path) -> None:
    cells = [{"cell_type": "code", "metadata": {}, "source": cell}]
    notebook = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    for student, name, text in (("eve", "mle.ipynb", json.dumps(notebook)), ("zoe", "mle.py", RIGHT)):
        (tmp_path / student).mkdir()
        (tmp_path / student / name).write_text(text)
    eve, zoe = collect(tmp_path, assignments=ASSIGNMENTS)
    assert (eve.id, zoe.id, zoe.problem) == ("eve", "zoe", None)
    assert eve.problem or eve.source


_NAMES = [f"v{number}" for number in range(15_000)]
SOURCES = {
    "a statement that binds and uses every name": f"{','.join(_NAMES)}={','.join(_NAMES)}\n"
    "def gaussian_log_prob(x, mu, logvar):\n    return v0\n",
    "names that never end": "import torch\ndef gaussian_log_prob(x, mu, logvar):\n" + f"  torch{'.a' * 2900}\n" * 40,
    "names behind names": "import torch as a0\n"
    + "".join(f"a{number + 1}=a{number}.x\n" for number in range(15_000))
    + "def gaussian_log_prob(x, mu, logvar): return a15000",
    "a name from anywhere": "".join(f"from m{number} import *\n" for number in range(5_000))
    + f"def gaussian_log_prob(x, mu, logvar):\n    return [{','.join(_NAMES)}]\n",
}


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_what_a_scan_costs_grows_with_the_text_alone(source: str) -> None:
    assert len(source) < 256 << 10
    found = forbidden_uses(source, "gaussian_log_prob", ["torch.distributions"])
    assert found == []
    assert suspicious(source) == []
