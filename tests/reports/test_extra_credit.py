"""Extra credit is told from what can be had in every report that a person reads."""

from __future__ import annotations

import io
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from grader import reports
from grader.model import SubmissionResult
from grader.reports import classroom50
from grader.reports.figures import worth
from grader.reports.terminal import class_table, submission_table

TITLE = "More (extra credit)"


@pytest.fixture
def result(small_class: list[SubmissionResult]) -> SubmissionResult:
    """Full marks on an assignment of 13 points, and 5 more for a last question."""
    first = small_class[0]
    full = [msgspec.structs.replace(each, score=each.max_score) for each in first.questions]
    more = msgspec.structs.replace(full[-1], id="mle.9", title=TITLE, score=5.0, max_score=5.0, extra=True)
    can_be_had = sum(each.max_score for each in full)
    return msgspec.structs.replace(first, questions=(*full, more), score=can_be_had + 5, max_score=can_be_had)


def test_a_column_says_that_its_points_come_on_top(result: SubmissionResult) -> None:
    usual, extra = result.questions[0], result.questions[-1]
    assert (worth(usual), worth(extra)) == (f"/ {usual.max_score:g}", "+ 5")


@pytest.mark.parametrize("name", ["csv", "html", "json", "markdown"])
def test_a_file_says_so(name: str, result: SubmissionResult, tmp_path: Path) -> None:
    reports.write(name, [result], tmp_path / reports.formats()[name].FILENAME)
    written = "\n".join(path.read_text(encoding="utf-8") for path in sorted(tmp_path.rglob("*")) if path.is_file())
    title = TITLE.replace("(", "&#40;").replace(")", "&#41;") if name == "markdown" else TITLE
    assert title in written


def test_junit_says_so(result: SubmissionResult, tmp_path: Path) -> None:
    reports.write("junit", [result], tmp_path / "junit.xml")
    assert 'name="score mle.9" value="5/5 extra credit"' in (tmp_path / "junit.xml").read_text(encoding="utf-8")


def test_a_terminal_says_so(result: SubmissionResult) -> None:
    console = Console(width=120, file=io.StringIO(), force_terminal=False)
    console.print(class_table([result]), submission_table(result))
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    assert "+5" in shown
    assert TITLE in shown
    assert f"{result.max_score + 5:g} / {result.max_score:g}" in shown


def test_classroom50_gets_no_score_above_its_maximum(result: SubmissionResult, tmp_path: Path) -> None:
    """Its collector skips a submission in which one is, the total or a test's."""
    marked = msgspec.structs.replace(result.questions[0], score=result.questions[0].max_score + 1.0)
    result = msgspec.structs.replace(result, questions=(marked, *result.questions[1:]))
    found = classroom50.document(result)
    assert found is not None
    assert found["score"] == found["max-score"] == result.max_score
    assert all(test["score"] <= test["max-score"] for test in found["tests"])
    assert found["tests"][0]["exact-score"] == marked.score
    said = reports.write("classroom50", [result], tmp_path)
    assert "Extra credit past full marks is cut off: Classroom 50 collects no score above its maximum." in said


def test_classroom50_is_told_of_nothing_that_was_not_cut(small_class: list[SubmissionResult], tmp_path: Path) -> None:
    assert not [said for said in reports.write("classroom50", small_class, tmp_path) if "cut off" in said]
