"""What holds for every report format, and the golden file of each."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from grader import reports
from grader.errors import UsageError
from grader.model import SubmissionResult
from grader.reports.audience import Audience

NAMES = [
    *("canvas", "classroom50", "csv", "github", "gradescope", "html", "json", "junit", "markdown", "moodle"),
    "prairielearn",
]
FILLED = ("canvas", "moodle")
"""Formats that fill a file of another system, and hold nothing but scores."""
DOCUMENTS = ("classroom50", "gradescope", "prairielearn")
Class = list[SubmissionResult]
Place = Callable[[Path, Class], Path]


def _texts(folder: Path) -> str:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return "\n".join(f"{path.relative_to(folder)}\n{path.read_text(encoding='utf-8')}" for path in files)


@pytest.fixture
def place(name: str, export: Callable[[str, Path, Class], Path]) -> Place:
    """Where a format writes in a folder; what it fills lies there."""
    return lambda folder, results: export(name, folder / reports.formats()[name].FILENAME, results)


def test_the_formats_are_found() -> None:
    assert sorted(reports.formats()) == NAMES


def test_listing_the_formats_imports_nothing_heavy() -> None:
    code = "import sys, grader.reports as r; r.formats(); print({'pandas', 'jinja2', 'torch'} & {*sys.modules})"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


@pytest.mark.parametrize("name", NAMES)
class TestEveryFormat:
    def test_it_has_what_a_format_has(self, name: str) -> None:
        format_ = reports.formats()[name]
        assert Path(format_.FILENAME).name == format_.FILENAME
        assert list(inspect.signature(format_.write).parameters) == ["results", "path", "audience"]

    def test_it_writes_an_ordinary_class(self, name: str, place: Place, small_class: Class, tmp_path: Path) -> None:
        results = [one for one in small_class if one.assignment == "mle"] if name == "moodle" else small_class
        reports.write(name, results, place(tmp_path, results))
        written = _texts(tmp_path)
        assert all(result.submission.id in written for result in small_class)

    def test_it_writes_no_results_at_all(self, name: str, place: Place, tmp_path: Path) -> None:
        path = place(tmp_path, [])
        reports.write(name, [], path)
        assert path.exists()

    def test_writing_twice_gives_the_same_bytes(
        self, name: str, place: Place, awkward_class: Class, tmp_path: Path
    ) -> None:
        for folder in ("one", "two"):
            reports.write(name, awkward_class, place(tmp_path / folder, awkward_class))
        assert _texts(tmp_path / "one") == _texts(tmp_path / "two")

    def test_a_student_sees_nothing_for_staff(
        self, name: str, place: Place, awkward_class: Class, tmp_path: Path
    ) -> None:
        reports.write(name, awkward_class, place(tmp_path, awkward_class), audience=Audience.STUDENT)
        written = _texts(tmp_path)
        assert "Maximum likelihood divides by n" in written or name in ("csv", *FILLED)
        for secret in ("STAFF-ONLY", "SECRET-misconception", "SECRET-flag"):
            assert secret not in written

    def test_nothing_shown_hides_or_acts(self, name: str, place: Place, awkward_class: Class, tmp_path: Path) -> None:
        reports.write(name, awkward_class, place(tmp_path, awkward_class))
        written = _texts(tmp_path)
        assert "\x1b" not in written
        if name != "json":  # a document for programs: JSON keeps what it was given
            assert not {"\u202e", "\u200b", "\ufffe", "\r"} & set(written)
            assert "⟨U+202E⟩" in written or name in FILLED

    def test_a_folder_in_the_way_is_a_sentence(self, name: str, awkward_class: Class, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        sentence = "own export is needed" if name in FILLED else "a file stands where a folder should be"
        with pytest.raises(UsageError, match=sentence):
            reports.write(name, awkward_class, tmp_path / "file" / reports.formats()[name].FILENAME)


@pytest.mark.parametrize("name", ["csv", "json", "junit", "markdown"])
def test_the_golden_file(name: str, awkward_class: Class, tmp_path: Path, golden: Callable[[Path], None]) -> None:
    path = tmp_path / reports.formats()[name].FILENAME
    reports.write(name, awkward_class, path)
    golden(path)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_golden_document(name: str, awkward_class: Class, tmp_path: Path, golden: Callable[[Path], None]) -> None:
    path = tmp_path / f"{name}.json"
    reports.write(name, awkward_class[1:2], path)
    golden(path)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_is_of_one_submission(name: str, small_class: Class, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"one\.json holds one submission, and there are 8 results; name a folder"):
        reports.write(name, small_class, tmp_path / "one.json")


@pytest.mark.parametrize("name", FILLED)
def test_the_golden_filled_export(
    name: str, place: Place, awkward_class: Class, tmp_path: Path, golden: Callable[[Path], None]
) -> None:
    reports.write(name, awkward_class, place(tmp_path, awkward_class))
    golden(tmp_path / f"{name}-filled.csv")


def test_the_golden_annotations(awkward_class: Class, tmp_path: Path, golden: Callable[[Path], None]) -> None:
    reports.write("github", awkward_class, tmp_path)
    golden(tmp_path / "annotations.txt")
    golden((tmp_path / "checks" / "mle" / "cpu" / "bob.json").rename(tmp_path / "check-run.json"))


def test_the_instructor_sees_what_is_for_staff(awkward_class: Class, tmp_path: Path) -> None:
    reports.write("csv", awkward_class, tmp_path / "gradebook.csv")
    written = _texts(tmp_path)
    assert all(text in written for text in ("STAFF-ONLY", "SECRET-misconception", "SECRET-flag"))


def test_an_unknown_format_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no report format 'pdf'; the formats are canvas, classroom50, csv"):
        reports.write("pdf", [], tmp_path / "x")


def test_json_holds_every_document_and_the_figures(awkward_class: Class, tmp_path: Path) -> None:
    reports.write("json", awkward_class, tmp_path / "results.json")
    document = json.loads((tmp_path / "results.json").read_bytes())
    assert [each["key"] for each in document["results"]] == [result.key for result in awkward_class]
    assert document["summary"] == {
        "results": 6,
        "students": 5,
        "assignments": ["mle"],
        "full_marks": 2,
        "no_score": 2,
        "grader_errors": 1,
        "needs_review": 1,
        "unsandboxed": 1,
        "mean_share": 0.5,
        "median_share": 0.5,
    }
