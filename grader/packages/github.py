"""GitHub Actions: a workflow that grades in the instructor's repository, and one that runs students' public tests."""

from __future__ import annotations

from collections.abc import Mapping

from grader.packages.bundle import Bundle, scaffold
from grader.packages.public_tests import public_tests

NAME = "github"
OPTIONS: Mapping[str, str] = {}


def files(bundle: Bundle, options: Mapping[str, str]) -> dict[str, bytes]:
    """Folders for the instructor's and for the students' repository; see `Target`."""
    workflows = ".github/workflows"
    return {
        f"instructor/{workflows}/grade.yml": scaffold("github_grade.yml"),
        "instructor/ci/clone.py": scaffold("clone.py"),
        "instructor/ci/publish_checks.py": scaffold("publish_checks.py"),
        "instructor/ci/students.csv": b"id,repository,address\n",
        f"student/{workflows}/check.yml": scaffold("github_check.yml"),
        **{f"student/.github/{path}": data for path, data in public_tests(bundle).items()},
        "README.md": scaffold("github.md"),
    }
