"""The tables: numbers stay numbers, missing scores stay missing, no text is a formula."""

from __future__ import annotations

import csv
from pathlib import Path

import pandas as pd
import pytest

from grader import reports
from grader.model import Outcome, SubmissionResult
from grader.reports.csv_tables import long, wide

Class = list[SubmissionResult]


def test_wide_has_a_row_a_submission_and_a_column_a_question(small_class: Class, tmp_path: Path) -> None:
    reports.write("csv", small_class, tmp_path / "g.csv")
    table = pd.read_csv(tmp_path / "g.csv")
    assert len(table) == len(small_class)
    for row, result in zip(table.to_dict("records"), small_class, strict=True):
        assert (row["id"], row["assignment"], row["score"]) == (result.submission.id, result.assignment, result.score)
        for question in result.questions:
            expected = (
                pytest.approx(question.score)
                if question.score is not None
                else pytest.approx(float("nan"), nan_ok=True)
            )
            assert row[question.id] == expected


def test_scores_are_numbers_and_missing_ones_are_not_zero(awkward_class: Class) -> None:
    table = wide(awkward_class).set_index("id")
    assert pd.api.types.is_float_dtype(table["mle.1"])
    assert pd.isna(table.loc["'-rf", "score"])
    assert bool(table.loc["'-rf", "grader_error"])
    assert table.loc["bob", "mle.1"] == 0.0


def test_long_has_a_row_a_check(small_class: Class) -> None:
    table = long(small_class)
    checks = [check for result in small_class for question in result.questions for check in question.checks]
    assert len(table.dropna(subset=["check"])) == len(checks)
    assert (table["outcome"] == "failed").sum() == sum(check.outcome is Outcome.FAILED for check in checks)
    assert table["score"].sum() == pytest.approx(sum(check.score for check in checks))


def test_no_cell_is_a_formula(awkward_class: Class, tmp_path: Path) -> None:
    reports.write("csv", awkward_class, tmp_path / "g.csv")
    for path in (tmp_path / "g.csv", tmp_path / "g-checks.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            cells = [cell for row in csv.reader(file) for cell in row]
        assert "'-rf" in cells
        assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]


def test_it_says_what_the_tables_lack(awkward_class: Class, tmp_path: Path) -> None:
    sentences = reports.write("csv", awkward_class, tmp_path / "g.csv")
    assert "counterexamples and written answers are in neither table" in sentences[0]
    assert "An empty score" in sentences[1]
