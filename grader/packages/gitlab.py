"""GitLab CI: a pipeline that grades in the instructor's project, and one that runs students' public tests."""

from __future__ import annotations

from collections.abc import Mapping

from grader.packages.bundle import Bundle, scaffold
from grader.packages.public_tests import public_tests

NAME = "gitlab"
OPTIONS: Mapping[str, str] = {}


def files(bundle: Bundle, options: Mapping[str, str]) -> dict[str, bytes]:
    """Folders for the instructor's and for the students' project; see `Target`."""
    return {
        "instructor/.gitlab-ci.yml": scaffold("gitlab_grade.yml"),
        "instructor/ci/clone.py": scaffold("clone.py"),
        "instructor/ci/students.csv": b"id,repository,address\n",
        "student/.gitlab-ci.yml": scaffold("gitlab_check.yml"),
        **{f"student/ci/{path}": data for path, data in public_tests(bundle).items()},
        "README.md": scaffold("gitlab.md"),
    }
