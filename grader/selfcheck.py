"""A student's own check: the public tests on plain pytest, in a process of the student's own.

It needs no sandbox and no reference, and works wherever pytest does. A notebook is checked as the module that its
cells define.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from grader.errors import GraderError, UsageError
from grader.sources import read_module
from grader.text import one_line

_POLL_S = 0.3


class Test(msgspec.Struct, frozen=True, kw_only=True):
    """What one public test found."""

    name: str
    question: str
    """Empty for a test that belongs to none."""
    description: str
    outcome: str
    """passed, failed, skipped or not implemented."""
    message: str
    """pytest's own account of a failure."""


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One run of an assignment's public tests."""

    tests: tuple[Test, ...]
    problems: tuple[str, ...]
    """Why no test could run: the module cannot be imported, say."""

    @property
    def ok(self) -> bool:
        """True where there are tests and none failed."""
        return bool(self.tests) and not self.problems and all(t.outcome in ("passed", "skipped") for t in self.tests)

    def by_question(self) -> dict[str, list[Test]]:
        """The tests of each question, in the order they stand in."""
        found: dict[str, list[Test]] = {}
        for test in self.tests:
            found.setdefault(test.question, []).append(test)
        return found

    def document(self, name: str) -> dict[str, Any]:
        """What `grader check --json` says of the assignment called `name`."""
        questions = [
            {"id": question, "passed": sum(test.outcome == "passed" for test in tests), "tests": tests}
            for question, tests in self.by_question().items()
        ]
        return {"name": name, "ok": self.ok, "problems": self.problems, "questions": questions}


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """What to check."""

    name: str
    module: Path
    """The student's .py or .ipynb."""
    tests: Path


def find_targets(cwd: Path, asked: str | None) -> list[Target]:
    """The assignments to check.

    Args:
        cwd: Where the command was started.
        asked: The name of an assignment, or the path of its folder or module; None for all that can be found.

    Raises:
        UsageError: There is no public test, or no module to run it on.
    """
    if asked and (cwd / asked).is_file():
        return [_target_of_module(cwd / asked)]
    named = [cwd / asked, cwd / "assignments" / asked] if asked else []
    folders = named or [cwd, *cwd.glob("*/"), *cwd.glob("assignments/*/")]
    tests = [test for folder in folders for test in folder.glob("test_*.py")]
    if asked and (cwd / f"test_{asked}.py").is_file():
        tests.append(cwd / f"test_{asked}.py")
    # Tests without a module beside them are somebody else's.
    found = [(test, module) for test in sorted(tests) if (module := _module(test))]
    targets = [Target(name=_name(test), module=module, tests=test) for test, module in found]
    if not targets:
        where = f"for {one_line(asked)}" if asked else f"in {one_line(str(cwd))} and the folders in it"
        raise UsageError(f"no public tests {where}; expected test_<assignment>.py beside <assignment>.py")
    return targets


def run(target: Target) -> Run:
    """Run the public tests once.

    Raises:
        GraderError: pytest itself did not come to an end.
    """
    with tempfile.TemporaryDirectory(prefix="grader-check-") as scratch:
        report, config = Path(scratch, "report.json"), Path(scratch, "pytest.ini")
        # Of its own, so that no configuration of the student's machine changes what is found.
        config.write_text("[pytest]\n", encoding="utf-8")
        # -P: the module that is asked for, not one that happens to stand in the folder; -B: what was just saved.
        command = [
            sys.executable,
            "-P",
            "-B",
            "-m",
            "pytest",
            "-q",
            "-p",
            "grader.selfcheck_plugin",
            "-p",
            "no:cacheprovider",
        ]
        command += ["-c", str(config), f"--rootdir={target.tests.parent}", "--import-mode=importlib", "--tb=short"]
        command += [f"--selfcheck-json={report}", str(target.tests)]
        ended = subprocess.run(
            command,
            cwd=target.tests.parent,
            env=_environment(target, Path(scratch)),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        if not report.is_file():
            raise GraderError(f"pytest did not finish (exit code {ended.returncode}): {ended.stderr[-2000:]}")
        return msgspec.json.decode(report.read_bytes(), type=Run)


def watch(targets: Sequence[Target], again: Callable[[], object]) -> None:
    """Call `again` whenever a file of a target is saved, until interrupted."""
    seen = _times(targets)
    while True:
        time.sleep(_POLL_S)
        now = _times(targets)
        if now != seen:
            again()
            # What was saved during the run is checked next.
            seen = now


def _times(targets: Sequence[Target]) -> dict[Path, int]:
    paths = {path for target in targets for path in (target.module, target.tests)}
    # An editor may replace a file by removing it first.
    return {path: path.stat().st_mtime_ns for path in paths if path.exists()}


def _target_of_module(module: Path) -> Target:
    own = module.with_name(f"test_{module.stem}.py")
    tests = [own] if own.is_file() else sorted(module.parent.glob("test_*.py"))
    if len(tests) != 1:
        raise UsageError(f"no public tests for {one_line(module.name)}: expected {one_line(own.name)} beside it")
    return Target(name=_name(tests[0]), module=module, tests=tests[0])


def _name(test: Path) -> str:
    return test.stem.removeprefix("test_")


def _module(test: Path) -> Path | None:
    """Of module and notebook, both released, the one that the student works in."""
    return most_finished(test.with_name(_name(test) + suffix) for suffix in (".py", ".ipynb"))


def most_finished(paths: Iterable[Path]) -> Path | None:
    """Of the files that are there, the one with the fewest functions left to write; of equals, a module."""
    found = [path for path in paths if path.is_file()]
    return min(found, key=lambda path: (_unfinished(path), path.suffix != ".py"), default=None)


def _unfinished(path: Path) -> int:
    return path.read_text(encoding="utf-8", errors="replace").count("raise NotImplementedError")


def _environment(target: Target, scratch: Path) -> dict[str, str]:
    """The process's environment, with the module's folder first on the path of its imports."""
    folder = target.module.parent
    if target.module.suffix != ".py" or target.module.stem != target.name:
        folder = scratch
        source = read_module(target.module.name, target.module.read_bytes()).source
        (scratch / f"{target.name}.py").write_text(source, encoding="utf-8")
    others = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{others}" if others else str(folder)}
