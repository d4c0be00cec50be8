"""A folder for nbgrader's course, released from the tiny course, and the real commands that are run in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.tiny_course import TINY

CHECKOUT = Path(__file__).parents[1]


@dataclass(kw_only=True)
class Folder:
    """A folder in which somebody works, and what commands said there."""

    root: Path
    environment: Mapping[str, str]
    said: dict[str, str] = field(default_factory=dict)

    def run(self, *command: str, ends_with: int = 0) -> str:
        """Run `nbgrader` or `grader` in the folder; its standard output."""
        done = subprocess.run(
            [sys.executable, "-m", *command], cwd=self.root, env=dict(self.environment), capture_output=True, text=True
        )
        assert done.returncode == ends_with, f"{command}:\n{done.stdout}\n{done.stderr}"
        self.said[" ".join(command[:2])] = done.stderr
        return done.stdout


def copied_course(home: Path) -> Path:
    """The tiny course with the parts that a release needs besides."""
    course = home / "course"
    for part in ("reference", "solutions"):
        shutil.copytree(TINY / part, course / part, ignore=shutil.ignore_patterns("__pycache__"))
    (course / "assignments" / "tiny").mkdir(parents=True)
    (course / "assignments" / "tiny" / "README.md").write_text("# Tiny\n")
    (course / "assignments" / "tiny" / "test_tiny.py").write_text("import pytest\n")
    return course


def environment_of(home: Path) -> dict[str, str]:
    """The environment with nbgrader's commands on the path, and nothing of Jupyter's outside of `home`."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    jupyter = {f"JUPYTER_{name}_DIR": str(home / name) for name in ("CONFIG", "DATA", "RUNTIME")}
    return {**os.environ, "PATH": path, "PYTHONPATH": str(CHECKOUT), **jupyter}
