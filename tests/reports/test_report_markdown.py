"""The summary fits a CI step and holds no markup but its own."""

from __future__ import annotations

import re
from pathlib import Path

from msgspec.structs import replace

from grader import reports
from grader.model import SubmissionResult
from grader.reports.markdown_summary import escape

Class = list[SubmissionResult]


def test_a_submission_shows_hint_and_counterexample(small_class: Class, tmp_path: Path) -> None:
    result = next(each for each in small_class if any(question.hint for question in each.questions))
    reports.write("markdown", [result], tmp_path / "s.md")
    written = (tmp_path / "s.md").read_text(encoding="utf-8")
    hinted = next(question for question in result.questions if question.hint)
    assert f"> {escape(hinted.hint or '')}" in written
    assert "  >>> kl_diagonal(" in written


def test_every_special_character_becomes_an_entity(hostile: str) -> None:
    assert not re.search(r"[<>|`*\[\]\\~!@$]|&(?!#\d+;)", escape(hostile))


def test_hostile_text_makes_no_markup(awkward_class: Class, tmp_path: Path) -> None:
    reports.write("markdown", awkward_class, tmp_path / "s.md")
    written = (tmp_path / "s.md").read_text(encoding="utf-8")
    outside_fences = re.sub(r"\n  (`{3,})python\n.*?\n  \1\n", "\n", written + "\n", flags=re.S)
    assert "alert" in outside_fences
    assert "<script" not in outside_fences
    assert "<script" in written


def test_a_table_row_keeps_its_cells(awkward_class: Class, tmp_path: Path) -> None:
    reports.write("markdown", awkward_class, tmp_path / "s.md")
    lines = (tmp_path / "s.md").read_text(encoding="utf-8").splitlines()
    table = lines[lines.index("## mle") + 2 :]
    rows = table[: table.index("")]
    assert len(rows) == 2 + len(awkward_class)
    assert len({row.count("|") for row in rows}) == 1


def test_a_large_class_stays_below_the_limit_and_says_so(small_class: Class, tmp_path: Path) -> None:
    many = [
        replace(result, submission=replace(result.submission, id=f"n{number}-{result.submission.id}"))
        for number in range(150)
        for result in small_class
    ]
    sentences = reports.write("markdown", many, tmp_path / "s.md")
    assert (tmp_path / "s.md").stat().st_size < 1024 * 1024
    assert "left out of s.md" in sentences[0]
