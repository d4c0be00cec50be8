"""Packages of the tiny course, laid out as each system lays them out."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from grader import packages
from grader.packages.bundle import Bundle
from tests.tiny_course import SECRET, TINY


@pytest.fixture
def bundle(other_course: None) -> Bundle:
    return Bundle(course=TINY, assignment="tiny", secret=SECRET)


@pytest.fixture
def autograder(bundle: Bundle, tmp_path: Path) -> Path:
    """`/autograder`, as Gradescope sets it up, with a limit of two submissions a day."""
    options = {"limit": "2/24", "visibility": "after_due_date,tiny.2:visible", "leaderboard": "tiny.1"}
    files = packages.targets()["gradescope"].files(bundle, options)
    root = tmp_path / "autograder"
    for folder in ("source", "submission", "results"):
        (root / folder).mkdir(parents=True)
    with zipfile.ZipFile(io.BytesIO(files["gradescope-tiny.zip"])) as archive:
        for info in archive.infolist():
            archive.extract(info, root / "source")
            (root / "source" / info.filename).chmod(info.external_attr >> 16 & 0o777)
    (root / "run_autograder").write_bytes((root / "source" / "run_autograder").read_bytes())
    (root / "run_autograder").chmod(0o755)
    return root


@pytest.fixture
def grade_root(bundle: Bundle, tmp_path: Path) -> Path:
    """`/grade`, as PrairieLearn sets it up."""
    root = tmp_path / "grade"
    (root / "student").mkdir(parents=True)
    (root / "data").mkdir()
    (root / "data" / "data.json").write_text("{}")
    packages.write("prairielearn", bundle, {}, tmp_path / "question")
    (tmp_path / "question" / "tiny" / "tests").rename(root / "tests")
    return root
