"""Classroom 50: `autograder.py`, for `CLASSROOM/autograders/ASSIGNMENT/` of the private `classroom50` repository.

Classroom 50 serves that folder from public pages, so it holds nothing of the references: it hands the student's code to
a command of the runner, which another user owns.
"""

from __future__ import annotations

from collections.abc import Mapping

from grader.packages.bundle import Bundle, scaffold

NAME = "classroom50"
OPTIONS: Mapping[str, str] = {}


def files(bundle: Bundle, options: Mapping[str, str]) -> dict[str, bytes]:
    """The autograder and what to do with it; see `Target`."""
    values = {"ASSIGNMENT": bundle.one_assignment()}
    return {
        "autograder.py": scaffold("classroom50_autograder.py", values),
        "README.md": scaffold("classroom50.md", values),
    }
