"""What nbgrader's steps read of a submission: links, odd names and broken pictures among it."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("nbgrader", reason="the extra nbgrader is not installed")

import nbformat
from nbconvert.exporters import HTMLExporter
from nbgrader.coursedir import CourseDirectory

from grader import catalog
from grader.errors import UsageError
from grader.nbcourse.exporter import SubmissionExporter, plain_notebook
from grader.nbcourse.pictures import pictures
from grader.nbcourse.sandboxed import read_submission, remove_copies_of_links
from tests.tiny_course import TINY

pytestmark = pytest.mark.usefixtures("other_course")

PNG = base64.b64encode(b"\x89PNG").decode()
ABSENT = {"image/png": ""}


def notebook(*cells: dict[str, Any]) -> bytes:
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}).encode()


def text(source: str, **more: Any) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": source, **more}


CODE = {"cell_type": "code", "metadata": {}, "outputs": [], "source": "def energy(x, scale):\n    return 'the secret'"}


def handed_in(root: Path, student: str) -> Path:
    """The folder of a student's hand-in for tiny."""
    folder = root / "submitted" / student / "tiny"
    folder.mkdir(parents=True)
    return folder


def read(root: Path, student: str) -> Any:
    about = {"student": student, "assignment": "tiny", "notebook": "tiny"}
    return read_submission(CourseDirectory(root=str(root)), about, catalog.load(TINY, "tiny"))


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A notebook of the instructor's."""
    path = tmp_path / "source" / "tiny.ipynb"
    path.parent.mkdir()
    path.write_bytes(notebook(CODE))
    return path


def test_a_notebook_that_is_a_link_is_no_submission(tmp_path: Path, secret: Path) -> None:
    link = handed_in(tmp_path, "s7") / "tiny.ipynb"
    link.symlink_to(secret)
    found = read(tmp_path, "s7")
    assert (found.source, found.answers) == ("", {})
    assert "it is a symbolic link" in found.problem
    output, _ = SubmissionExporter().from_filename(str(link))
    assert "the secret" not in output
    output, _ = SubmissionExporter().from_filename(str(secret))
    assert "the secret" in output


def test_a_folder_that_is_a_link_is_refused(tmp_path: Path, secret: Path) -> None:
    folder = handed_in(tmp_path, "s7")
    folder.rmdir()
    folder.symlink_to(secret.parent)
    with pytest.raises(UsageError, match=r"submitted/s7/tiny is a symbolic link"):
        read(tmp_path, "s7")


def test_what_a_link_leads_to_is_not_handed_back(tmp_path: Path, secret: Path) -> None:
    folder, copies = handed_in(tmp_path, "s7"), tmp_path / "autograded" / "s7" / "tiny"
    for place in (folder, copies):
        (place / "data").mkdir(parents=True)
        (place / "tiny.ipynb").write_bytes(notebook(CODE))
        (place / "data" / "own.txt").write_text("mine")
    for name in ("leak.html", "data/leak.txt"):
        (folder / name).symlink_to(secret)
        (copies / name).write_bytes(secret.read_bytes())
    (folder / "all").symlink_to(secret.parent)
    remove_copies_of_links(CourseDirectory(root=str(tmp_path)), {"student": "s7", "assignment": "tiny"})
    left = {path.relative_to(copies).as_posix() for path in copies.rglob("*") if path.is_file()}
    assert left == {"tiny.ipynb", "data/own.txt"}
    assert secret.exists()


@pytest.mark.parametrize("student", ["o'brien@uni.ie", "jane+1@uni.example", "jöe", "s1"])
def test_a_student_keeps_the_name_that_nbgrader_knows(tmp_path: Path, student: str) -> None:
    (handed_in(tmp_path, student) / "tiny.ipynb").write_bytes(notebook(CODE))
    found = read(tmp_path, student)
    assert (found.name or found.id) == student


def page(*cells: dict[str, Any]) -> str:
    """The page that nbgrader makes of a submission for its student."""
    made = nbformat.reads(nbformat.writes(plain_notebook(notebook(*cells))), as_version=4)
    output, _ = HTMLExporter(template_name="basic").from_notebook_node(made)
    return str(output)


@pytest.mark.parametrize(
    "link",
    [
        "![plot](attachment:nope.png)",
        "![plot](<attachment:no pe.png>)",
        "![plot](&#97;ttachment:nope.png)",
        "![plot](attachment\\:nope.png)",
        "![plot][1]\n\n[1]: attachment:nope.png",
    ],
)
@pytest.mark.parametrize("attachments", [None, 7, {"nope.png": {}}, {"nope.png": {"image/png": 7}}, {"nope.png": []}])
def test_a_picture_that_is_not_there_leaves_its_text(link: str, attachments: object) -> None:
    shown = page(text(link, attachments=attachments), text("The end."))
    assert 'alt="plot"' in shown
    assert "The end." in shown


def test_pictures_that_are_there_are_shown() -> None:
    lines = [PNG[:4] + "\n", PNG[4:]]
    shown = page(text("![a](attachment:my%20a.png)", attachments={"my a.png": {"image/png": lines}}))
    assert f'src="data:image/png;base64,{PNG}"' in shown


@pytest.mark.parametrize(
    "bundle",
    [
        {'image/png" onerror="alert(1)': PNG},
        {"image/png": '" onerror="alert(1)'},
        {"text/html": PNG},
        {"image/png": 7},
        {},
        "image/png",
    ],
)
def test_what_is_no_picture_is_left_out(bundle: object) -> None:
    assert pictures({"a": bundle}, "![a](attachment:a)") == {"a": ABSENT}
    assert "onerror" not in page(text("![a](attachment:a)", attachments={"a": bundle}))


def test_a_name_that_cannot_be_written_is_left_out() -> None:
    assert pictures({"\ud800": {"image/png": PNG}}, "no link") == {}
