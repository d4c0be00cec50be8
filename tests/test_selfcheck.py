"""A student's own check: which files it takes, what it finds, and that it needs nothing but pytest."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from grader import selfcheck
from grader.errors import UsageError
from grader.selfcheck import Target, find_targets, run, watch

STUB = "def double(x):\n    raise NotImplementedError\n\ndef half(x):\n    raise NotImplementedError\n"
DONE = "def double(x):\n    return 2 * x\n\ndef half(x):\n    return x / 2\n"
WRONG = "def double(x):\n    return 3 * x\n\ndef half(x):\n    raise NotImplementedError\n"
TESTS = '''
import pytest
from arith import double, half

@pytest.mark.question("ar.1")
def test_doubles() -> None:
    """Twice two is four."""
    assert double(2) == 4

@pytest.mark.question("ar.1")
def test_doubles_zero() -> None:
    assert double(0) == 0

@pytest.mark.question("ar.2")
def test_halves() -> None:
    assert half(2) == 1
'''


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "arith.py").write_text(DONE)
    (tmp_path / "test_arith.py").write_text(TESTS)
    return tmp_path


def outcomes(target: Target) -> dict[str, list[str]]:
    return {name: [test.outcome for test in tests] for name, tests in run(target).by_question().items()}


def the_target(folder: Path, asked: str | None = None) -> Target:
    (target,) = find_targets(folder, asked)
    return target


def test_a_right_module_passes(folder: Path) -> None:
    found = run(the_target(folder))
    assert found.ok
    assert [test.description for test in found.tests] == ["Twice two is four.", "test_doubles_zero", "test_halves"]


def test_wrong_and_unfinished_are_told_apart(folder: Path) -> None:
    (folder / "arith.py").write_text(WRONG)
    found = run(the_target(folder))
    assert not found.ok
    assert outcomes(the_target(folder)) == {"ar.1": ["failed", "passed"], "ar.2": ["not implemented"]}
    assert "assert 6 == 4" in found.tests[0].message


def test_a_module_that_cannot_be_imported_is_a_problem(folder: Path) -> None:
    (folder / "arith.py").write_text("def double(:\n")
    found = run(the_target(folder))
    assert not found.ok
    assert found.tests == ()
    assert "SyntaxError" in found.problems[0]


def test_no_tests_at_all_is_not_a_pass(folder: Path) -> None:
    (folder / "test_arith.py").write_text("")
    assert not run(the_target(folder)).ok


def test_printing_and_leaving_change_nothing(folder: Path) -> None:
    (folder / "arith.py").write_text(DONE + "\nprint('x' * 100_000)\n")
    assert run(the_target(folder)).ok


def test_a_students_configuration_is_not_read(folder: Path) -> None:
    (folder / "pytest.ini").write_text("[pytest]\naddopts = --no-such-option\n")
    assert run(the_target(folder)).ok


def test_a_notebook_is_checked_as_the_module_that_it_defines(folder: Path) -> None:
    cells = [{"cell_type": "code", "source": source} for source in (DONE, "%matplotlib inline\nassert False")]
    (folder / "arith.ipynb").write_text(json.dumps({"cells": cells}))
    (folder / "arith.py").write_text(STUB)
    assert the_target(folder).module.name == "arith.ipynb"
    assert run(the_target(folder)).ok


def test_assignments_are_found_by_folder_name_or_path(folder: Path) -> None:
    for place in ("assignments/arith", "arith"):
        (folder / "up" / place).mkdir(parents=True)
        for name in ("arith.py", "test_arith.py"):
            (folder / "up" / place / name).write_text((folder / name).read_text())
    (folder / "up" / "tests").mkdir()
    (folder / "up" / "tests" / "test_other.py").write_text("")
    up = folder / "up"
    assert [target.tests.parent for target in find_targets(up, None)] == [up / "arith", up / "assignments" / "arith"]
    assert the_target(folder, "arith").tests == folder / "test_arith.py"
    assert the_target(folder, "arith.py").module == folder / "arith.py"
    assert the_target(up, "assignments/arith").module == up / "assignments" / "arith" / "arith.py"


def test_a_module_of_another_name_is_tested_under_the_assignments(folder: Path) -> None:
    (folder / "mine.py").write_text(WRONG)
    assert outcomes(the_target(folder, "mine.py"))["ar.1"] == ["failed", "passed"]


@pytest.mark.parametrize("asked", [None, "arith", "nowhere"])
def test_nothing_to_check_says_what_was_expected(tmp_path: Path, asked: str | None) -> None:
    with pytest.raises(UsageError, match=r"expected test_<assignment>\.py beside <assignment>\.py"):
        find_targets(tmp_path, asked)


def test_a_module_without_tests_says_which(tmp_path: Path) -> None:
    (tmp_path / "arith.py").write_text(DONE)
    with pytest.raises(UsageError, match=r"no public tests for arith\.py: expected test_arith\.py beside it"):
        find_targets(tmp_path, "arith.py")


def test_saving_runs_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = itertools.count(1)
    runs: list[int] = []

    def sleep(seconds: float) -> None:
        tick = next(ticks)
        if tick in (2, 3):
            os.utime(folder / "arith.py", ns=(tick, tick))
        if tick == 6:
            raise KeyboardInterrupt

    monkeypatch.setattr(selfcheck.time, "sleep", sleep)
    with pytest.raises(KeyboardInterrupt):
        watch([the_target(folder)], lambda: runs.append(1))
    assert len(runs) == 2


def test_it_needs_neither_linux_nor_torch(folder: Path) -> None:
    program = (
        "import sys\n"
        "for name in ('fcntl', 'resource', 'torch', 'numpy', 'pandas', 'hypothesis', 'grader.worker'):\n"
        "    sys.modules[name] = None\n"
        "from grader.cli import main\n"
        "sys.argv = ['grader', 'check', '--json']\n"
        "main()\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert json.loads(ended.stdout)["ok"] is True
