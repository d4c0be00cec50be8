"""The tables of the command line read well at 80 columns and act on no terminal."""

from __future__ import annotations

import io

from rich.console import Console, RenderableType

from grader.model import SubmissionResult
from grader.reports.terminal import class_table, submission_table
from tests.reports.conftest import CHECKS, without_code

Class = list[SubmissionResult]


def printed(table: RenderableType, width: int = 80) -> str:
    console = Console(width=width, file=io.StringIO(), force_terminal=False)
    console.print(table)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_class_fits_80_columns_and_shows_every_score(small_class: Class) -> None:
    lines = printed(class_table(small_class)).splitlines()
    assert max(map(len, lines)) <= 80
    assert not [line for line in lines if "…" in line]
    rows = [line.split() for line in lines if line.startswith("s000")]
    assert len(rows) == len(small_class)
    tables = sorted(small_class, key=lambda result: result.assignment != "mle")
    for row, result in zip(rows, tables, strict=True):
        scores = ["—" if question.score is None else f"{question.score:g}" for question in result.questions]
        assert row[: len(scores) + 1] == [result.submission.id, *scores]


def test_a_submission_shows_hint_and_counterexample(small_class: Class) -> None:
    result = next(each for each in small_class if any(question.hint for question in each.questions))
    shown = printed(submission_table(result), width=200)
    hinted = next(question for question in result.questions if question.hint)
    assert f"→ {hinted.hint}" in shown
    assert ">>> kl_diagonal(" in shown
    assert "4 checks: Not run: the check of the value must pass first." in shown


def test_checks_that_all_say_the_same_are_one_line(small_class: Class) -> None:
    shown = printed(submission_table(without_code(small_class[0])), width=200)
    assert shown.count(f"{len(CHECKS)} checks: The function still raises NotImplementedError.") == 1
    assert CHECKS[-1][1] not in shown.split("mle.2")[0]


def test_what_needs_a_person_is_below_the_table(awkward_class: Class) -> None:
    shown = printed(class_table(awkward_class), width=300)
    assert "grader error: -rf (mle) has no score" in shown
    assert "to review: .. (mle): SECRET-flag" in shown
    assert "UNSANDBOXED: 1 of 6 were graded without a sandbox" in shown


def test_hostile_text_is_shown_as_text(awkward_class: Class) -> None:
    hostile = next(result for result in awkward_class if result.submission.id == "..")
    shown = printed(submission_table(hostile), width=300)
    assert "[bold]b[/bold]" in shown
    assert r"\x1b[2J⟨U+202E⟩" in shown
    assert all(char == "\n" or char.isprintable() for char in shown)
