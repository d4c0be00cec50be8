"""Canvas's and Moodle's own exports: one column is filled, every other byte is as it was."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from grader import reports
from grader.errors import UsageError
from grader.model import SubmissionResult
from grader.reports.exports import _raw_rows

Class = list[SubmissionResult]
Put = Callable[[str, Path, Class], Path]


def _cells(path: Path) -> list[list[str]]:
    return list(csv.reader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline="")))


@pytest.fixture
def mle(small_class: Class) -> Class:
    return [result for result in small_class if result.assignment == "mle"]


@pytest.mark.parametrize(("name", "column"), [("canvas", 5), ("moodle", 4)])
def test_one_column_is_touched(name: str, column: int, mle: Class, tmp_path: Path, export: Put) -> None:
    path = export(name, tmp_path / "e.csv", mle)
    before = path.read_bytes()
    reports.write(name, mle, path)
    filled = tmp_path / "e-filled.csv"
    scores = {result.submission.id: result.score for result in mle}
    changed = 0
    for old, new in zip(_cells(path), _cells(filled), strict=True):
        assert [cell for i, cell in enumerate(old) if i != column] == [c for i, c in enumerate(new) if i != column]
        who = next((cell for cell in old if cell in scores), None)
        if who is not None:
            assert float(new[column]) == scores[who]
            changed += 1
    assert changed == len(mle)
    assert path.read_bytes() == before
    assert filled.read_bytes()[:4] == before[:4]
    assert filled.read_bytes().count(b"\r\n") == before.count(b"\r\n")


def test_each_assignment_fills_the_column_that_names_it(small_class: Class, tmp_path: Path, export: Put) -> None:
    reports.write("canvas", small_class, export("canvas", tmp_path / "e.csv", small_class))
    rows = {row[3]: row for row in _cells(tmp_path / "e-filled.csv")}
    for result in small_class:
        assert float(rows[result.submission.id][5 if result.assignment == "mle" else 6]) == result.score


def test_a_column_can_be_named(mle: Class, tmp_path: Path, export: Put) -> None:
    path = export("canvas", tmp_path / "e.csv", mle)
    reports.write("canvas", mle, path.with_name("e.csv#Gaussian KL (102)"))
    assert _cells(tmp_path / "e-filled.csv")[2][5] == ""
    assert float(_cells(tmp_path / "e-filled.csv")[2][6]) == mle[0].score


def test_what_found_no_place_is_said(mle: Class, tmp_path: Path, export: Put) -> None:
    path = export("canvas", tmp_path / "e.csv", mle[1:])
    path.write_text(path.read_text("utf-8").replace("7000,,s0001", "7000,,s0002"), "utf-8")
    said = reports.write("canvas", [*mle, replace(mle[3], device="cuda")], path)
    assert said == [
        "1 results on other devices are left out: there is room for one score.",
        "mle: Canvas counts it out of 3.0 points, these scores are out of 18; not scaled.",
        "mle: s0000 is in no row; nothing was filled in.",
        "mle: s0001 is in no row; nothing was filled in.",
        "mle: s0002 is in several rows; nothing was filled in.",
        "mle: 1 of 3 rows are filled in, in the copy e-filled.csv.",
    ]


def test_a_missing_score_leaves_its_cell(awkward_class: Class, tmp_path: Path, export: Put) -> None:
    path = export("moodle", tmp_path / "e.csv", awkward_class)
    path.write_text(path.read_text().replace('"Submitted for grading",,3.00', '"Submitted for grading",1.50,3.00'))
    said = reports.write("moodle", awkward_class, path)
    assert "-rf has no score (a grader error, or not run); the cell is as it was." in said
    assert [row[4] for row in _cells(tmp_path / "e-filled.csv")[1:]] == ["1.50", "0.00", "3.00", "3.00", "0.00"]


def test_moodle_rows_are_found_by_participant_and_closed_ones_are_left(mle: Class, tmp_path: Path, export: Put) -> None:
    path = export("moodle", tmp_path / "e.csv", mle)
    lines = path.read_text().replace("Participant 9001", "Participant s0000").split("said,")
    lines[3] = lines[3].replace("3.00,Yes", "3.00,No")
    path.write_text("said,".join(lines))
    by_number = replace(mle[1], submission=replace(mle[1].submission, id="9002"))
    said = reports.write("moodle", [mle[0], by_number, mle[3]], path)
    assert "1 rows may not be changed, as the worksheet says; they are as they were." in said
    assert "s0003 is in no row; nothing was filled in." in said
    assert [bool(row[4]) for row in _cells(tmp_path / "e-filled.csv")[1:]] == [False, True, True, False]


def called(result: SubmissionResult, student: str, **changes: object) -> SubmissionResult:
    return replace(result, submission=replace(result.submission, id=student), **changes)


CANVAS = "Student,ID,SIS User ID,SIS Login ID,Section,MLE (12)\n    Points Possible,,,,,18\n"


def test_nobody_can_stand_in_anothers_way_by_a_name(mle: Class, tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_text(f"{CANVAS}Alice,7001,,alice,1,\n7001,7002,7001,eve,1,\ncarl,7003,,x,1,\n")
    results = [called(mle[0], "7001", score=9.0), called(mle[1], "7002", score=1.0), called(mle[2], "carl", score=5.0)]
    said = reports.write("canvas", results, tmp_path / "e.csv")
    assert [row[5] for row in _cells(tmp_path / "e-filled.csv")[2:]] == ["9.00", "1.00", ""]
    assert said == [
        "mle: carl is in no row; nothing was filled in.",
        "mle: 2 of 3 rows are filled in, in the copy e-filled.csv.",
    ]


def test_the_column_that_finds_most_is_what_students_are_called_by(mle: Class, tmp_path: Path) -> None:
    titles = "Identifier,Full name,ID number,Grade"
    rows = ["Participant 11,A,22,", "Participant 22,B,33,", "Participant 44,C,55,", "Participant 66,D,,"]
    (tmp_path / "e.csv").write_text("\n".join([titles, *rows, ""]))
    numbers = [called(mle[0], student, score=float(student)) for student in ("22", "33", "55")]
    reports.write("moodle", [*numbers, called(mle[0], "66", score=4.0)], tmp_path / "e.csv")
    assert [row[3] for row in _cells(tmp_path / "e-filled.csv")[1:]] == ["22.00", "33.00", "55.00", "4.00"]
    said = reports.write("moodle", [*numbers, called(mle[0], "11")], tmp_path / "e.csv")
    assert "11 and 22 are one row; that of 22 stands." in said


def test_who_is_excused_stays_so(mle: Class, tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_text(f"{CANVAS}Alice,7001,,alice,1,EX\nBob,7002,,bob,1,3\n")
    said = reports.write("canvas", [called(mle[0], "alice"), called(mle[1], "bob", score=4.0)], tmp_path / "e.csv")
    assert [row[5] for row in _cells(tmp_path / "e-filled.csv")[2:]] == ["EX", "4.00"]
    assert "mle: alice is excused there (EX); the cell is as it was." in said


def test_a_result_with_a_score_is_preferred(mle: Class, tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_text(f"{CANVAS}Alice,7001,,alice,1,\nBob,7002,,bob,1,\n")
    failed, whole = called(mle[0], "alice", score=None), called(mle[0], "alice", device="cuda", score=4.0)
    other = [called(mle[0], "bob", device="cuda", score=2.0), called(mle[0], "bob", score=3.0)]
    reports.write("canvas", [failed, whole, *other], tmp_path / "e.csv")
    assert [row[5] for row in _cells(tmp_path / "e-filled.csv")[2:]] == ["4.00", "3.00"]


def test_a_cell_larger_than_any_table_has_is_a_usage_error(mle: Class, tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_text(f"{CANVAS}Alice,7001,,{'a' * 200_000},1,\n")
    with pytest.raises(UsageError, match=r"e.csv is no table: field larger than field limit"):
        reports.write("canvas", mle, tmp_path / "e.csv")


def test_decimal_commas_stay(mle: Class, tmp_path: Path) -> None:
    path = tmp_path / "e.csv"
    path.write_text("Identifier;E-Mail;Bewertung\nParticipant 1;s0000;1,50\nParticipant 2;s0001;\n")
    with pytest.raises(UsageError, match=r"no column Grade.*one of: Identifier, E-Mail, Bewertung"):
        reports.write("moodle", mle, path)
    results = [replace(mle[1], submission=replace(mle[1].submission, id="2"))]
    reports.write("moodle", results, path.with_name("e.csv#Bewertung"))
    score = f"{mle[1].score:.2f}".replace(".", ",")
    assert (tmp_path / "e-filled.csv").read_text().splitlines()[2] == f"Participant 2;s0001;{score}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Student,ID,Section,HW (1),HW mle (2),mle too (3)\nA,1,,,,\n", "more than one column of e.csv is for mle"),
        ("Student,ID,Section,HW (1),mle Final Score\nA,1,,,\n", r"no column of e.csv is for mle.*one of: HW \(1\)$"),
        ("Name,ID,Section,mle (1)\nA,1,,\n", "no gradebook of Canvas"),
        ("Student,ID", "is no table with a row a student"),
    ],
)
def test_a_canvas_export_that_cannot_be_filled(text: str, message: str, mle: Class, tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_text(text)
    with pytest.raises(UsageError, match=message):
        reports.write("canvas", mle, tmp_path / "e.csv")
    assert not (tmp_path / "e-filled.csv").exists()


def test_a_moodle_worksheet_is_one_assignments(small_class: Class, tmp_path: Path, export: Put) -> None:
    with pytest.raises(UsageError, match="these are mle, gaussian_kl; say --assignment"):
        reports.write("moodle", small_class, export("moodle", tmp_path / "e.csv", small_class))


@given(st.lists(st.lists(st.text('ab,;"\n\r \ufeffä'), min_size=2), min_size=1))
def test_splitting_loses_no_byte_and_finds_the_cells(rows: list[list[str]]) -> None:
    out = io.StringIO(newline="")
    csv.writer(out).writerows(rows)
    raw = list(_raw_rows(out.getvalue(), ","))
    assert "".join(",".join(row) for row in raw) == out.getvalue()
    assert [len(row) for row in raw] == [len(row) for row in rows]


@given(st.text('ab,"\n\r', max_size=30))
def test_splitting_any_text_loses_no_byte(text: str) -> None:
    assert "".join(",".join(row) for row in _raw_rows(text, ",")) == text
