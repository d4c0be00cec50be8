"""Deadlines, extensions and penalties; and every mistake in the table is said with its line."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from grader import reports
from grader.errors import UsageError
from grader.lateness import apply, final_score, of_nothing, read_deadlines
from grader.model import SubmissionResult
from tests.tiny_course import graded, task

TABLE = """assignment,student,due,grace_min,per_day,max_days
tiny,,2026-03-08T23:59:00+01:00,15,10%,5
tiny,ada,2026-03-10T23:59:00+01:00,,,
tiny,bob,,,1,
"""


def result(student: str, submitted_at: str | None, score: float | None = 8.0) -> SubmissionResult:
    made = graded(task("", student=student), score)
    return replace(made, submission=replace(made.submission, id=student, submitted_at=submitted_at))


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "deadlines.csv"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("student", "submitted_at", "late_s", "score"),
    [
        ("eve", "2026-03-08T22:59:00Z", 0, 8.0),
        ("eve", "2026-03-08T23:14:00Z", 0, 8.0),
        ("eve", "2026-03-08T23:14:01Z", 901, 7.2),
        ("eve", "2026-03-09T22:59:00Z", 86_400, 7.2),
        ("eve", "2026-03-09T22:59:01Z", 86_401, 6.4),
        ("eve", "2026-03-13T22:59:00Z", 5 * 86_400, 4.0),
        ("eve", "2026-03-13T22:59:01Z", 5 * 86_400 + 1, 0.0),
        ("ada", "2026-03-10T22:59:00Z", 0, 8.0),
        ("ada", "2026-03-11T22:00:00Z", 82_860, 7.2),
        ("bob", "2026-03-10T12:00:00Z", 133_260, 6.0),
    ],
)
def test_each_day_begun_costs(tmp_path: Path, student: str, submitted_at: str, late_s: int, score: float) -> None:
    (found,), _ = apply([result(student, submitted_at)], read_deadlines(write(tmp_path, TABLE)))
    assert found.late is not None
    assert found.late.late_s == late_s
    assert found.late.extended is (student != "eve")
    assert final_score(found) == pytest.approx(score)
    assert found.score == 8.0


def test_every_report_says_what_lateness_costs(tmp_path: Path) -> None:
    deadlines = read_deadlines(write(tmp_path, TABLE))
    late, early = (result("eve", f"2026-03-0{day}T22:59:00Z") for day in (9, 8))
    (found, other), _ = apply([late, early], deadlines)
    note = (
        "Handed in 24.0 hours after the deadline (2026-03-08T22:59:00Z): 0.8 of 8 points are taken off, and 7.2 count."
    )
    assert (found.notes, other.notes) == ((note,), ())
    for name in ("html", "markdown", "gradescope", "csv"):
        reports.write(name, [found], tmp_path / name / "out")
        written = "".join(path.read_text() for path in (tmp_path / name).rglob("*") if path.is_file())
        assert "7.2 count" in written


def test_points_a_day_never_cost_more_than_there_are(tmp_path: Path) -> None:
    (found,), _ = apply([result("bob", "2026-03-12T12:00:00Z", 2.5)], read_deadlines(write(tmp_path, TABLE)))
    assert final_score(found) == 0.0


def test_what_the_table_leaves_open_is_said(tmp_path: Path) -> None:
    found, said = apply([result("eve", None), result("bob", None, None)], read_deadlines(write(tmp_path, TABLE)))
    assert [one.late for one in found] == [None, None]
    assert [final_score(one) for one in found] == [8.0, None]
    assert said == [
        "when eve handed in tiny is not known; it is taken to be in time",
        "when bob handed in tiny is not known; it is taken to be in time",
        "there is an extension of tiny for ada, but no such submission",
    ]


@pytest.mark.parametrize("forged", ["1-01-01T00:00:00Z", "2026-03-09", "soon"])
def test_what_is_no_time_stops_no_report(tmp_path: Path, forged: str) -> None:
    found, said = apply([result("eve", forged)], read_deadlines(write(tmp_path, TABLE)))
    assert found[0].late is None
    assert said[0] == "when eve handed in tiny is not known; it is taken to be in time"


def test_an_assignment_that_the_course_has_not_is_a_mistake_with_its_line(tmp_path: Path) -> None:
    path = write(tmp_path, TABLE + "tyni,,2026-03-01T00:00Z,,,\n")
    with pytest.raises(
        UsageError, match=r"line 5 of deadlines.csv: there is no assignment 'tyni'; this course has mle"
    ):
        read_deadlines(path, ["tiny", "mle"])
    assert ("tyni", "") in read_deadlines(path)


def test_extensions_of_what_is_not_reported_are_no_news(tmp_path: Path) -> None:
    deadlines = read_deadlines(write(tmp_path, TABLE + "mle,,2026-03-01T00:00Z,,,\nmle,ada,2026-03-02T00:00Z,,,\n"))
    results = [result(student, "2026-03-08T00:00:00Z") for student in ("ada", "bob")]
    assert apply(results, deadlines)[1] == []
    assert of_nothing(results, deadlines) == ["there is a deadline for mle, and no result of it here"]


def test_an_assignment_without_a_row_has_no_deadline(tmp_path: Path) -> None:
    deadlines = read_deadlines(write(tmp_path, TABLE.replace("tiny", "mle")))
    found, _ = apply([result("eve", "2030-01-01T00:00:00Z")], deadlines)
    assert found[0].late is None


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("tiny,,2026-03-08T23:59,,,", "line 2 of deadlines.csv: '2026-03-08T23:59' has no zone; add one"),
        ("tiny,,tomorrow,,,", "line 2 of deadlines.csv: expected a time such as .* got 'tomorrow'"),
        ("tiny,,2026-03-08T23:59Z,,ten,", "expected 10% .* got 'ten'"),
        ("tiny,,2026-03-08T23:59Z,-1,,", "expected a number of at least 0, got '-1'"),
        ("tiny,,2026-03-08T23:59Z,nan,,", "expected a number of at least 0, got 'nan'"),
        (",,2026-03-08T23:59Z,,,", "expected the name of an assignment"),
        ("tiny,ada,,,,", "expected a time in `due`"),
        ("tiny,,2026-03-08T23:59Z,,,\ntiny,,2026-03-09T23:59Z,,,", "line 3 .*: there is a row for tiny already"),
        ("tiny,,2026-03-08T23:59Z,,,,,", "there are more cells than columns"),
        (
            "tiny,,0001-01-01T00:00+05:00,,,",
            "line 2 .*: 0001-01-01T00:00:00[+]05:00 is no time from 1970 to 9999 in UTC",
        ),
        ("tiny,,1969-12-31T23:59Z,,,", "is no time from 1970 to 9999 in UTC"),
        (f"tiny,,2026-03-08T23:59Z,,{'9' * 400},", "expected what a day costs, got a number of 400 digits"),
        (f"tiny,{'x' * 200_000},2026-03-08T23:59Z,,,", "the deadlines cannot be read from .*: field larger"),
    ],
)
def test_a_mistake_in_the_table_is_said_with_its_line(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read_deadlines(write(tmp_path, f"{TABLE.splitlines()[0]}\n{line}\n"))


def test_a_table_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="expected the columns assignment, student, due"):
        read_deadlines(write(tmp_path, "name,date\nx,y\n"))
    with pytest.raises(UsageError, match="cannot be read"):
        read_deadlines(tmp_path / "nowhere.csv")
