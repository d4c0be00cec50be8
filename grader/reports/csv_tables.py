"""CSV: a wide table, one row a submission, and beside it a long one, one row a check.

Scores are numbers and texts are quoted, with an apostrophe before what a spreadsheet would run as a formula.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from grader.files import write_atomically
from grader.lateness import final_score
from grader.model import CheckResult, QuestionResult, SubmissionResult
from grader.reports.audience import Audience
from grader.reports.figures import has_grader_error, questions_of
from grader.text import csv_cell

if TYPE_CHECKING:
    import pandas as pd

NAME = "csv"
FILENAME = "gradebook.csv"

Cell = str | float | bool | None
_LONG_COLUMNS = [
    *("id", "assignment", "device", "question", "title", "check", "kind", "description", "outcome", "cause"),
    *("score", "max_score", "message", "misconception", "hint", "duration_s", "staff"),
]


def write(results: Sequence[SubmissionResult], path: Path, *, audience: Audience) -> list[str]:
    """Writes `path` and, beside it, `<stem>-checks.csv`."""
    checks = path.with_name(f"{path.stem}-checks{path.suffix}")
    _write_table(wide(results), path)
    _write_table(long(results), checks)
    sentences = [f"{checks.name} has one row a check; counterexamples and written answers are in neither table."]
    if any(question.score is None for result in results for question in result.questions):
        sentences.append("An empty score is a grader error, a question that was not run or one that a person marks.")
    return sentences


def wide(results: Sequence[SubmissionResult]) -> pd.DataFrame:
    """One row a submission: its totals, the score of each question by id, and why a person should look."""
    import pandas as pd

    columns = ["id", "assignment", "device", "score", "max_score", "deducted", "final_score", *questions_of(results)]
    columns += ["needs_review", "grader_error", "sandbox", "submitted_at", "flags", "notes"]
    return _texts_safe(pd.DataFrame([_wide_row(result) for result in results], columns=columns))


def long(results: Sequence[SubmissionResult]) -> pd.DataFrame:
    """One row a check; a question without checks has one row of its own."""
    import pandas as pd

    rows = [
        _long_row(result, question, check)
        for result in results
        for question in result.questions
        for check in question.checks or (None,)
    ]
    return _texts_safe(pd.DataFrame(rows, columns=_LONG_COLUMNS))


def _wide_row(result: SubmissionResult) -> Mapping[str, Cell]:
    return {
        **{question.id: question.score for question in result.questions},
        "id": result.submission.id,
        "assignment": result.assignment,
        "device": result.device,
        "score": result.score,
        "max_score": result.max_score,
        "deducted": result.late.deducted if result.late else 0.0,
        "final_score": final_score(result),
        "needs_review": result.needs_review,
        "grader_error": has_grader_error(result),
        "sandbox": result.sandbox.mode,
        "submitted_at": result.submission.submitted_at,
        "flags": "; ".join(result.flags),
        "notes": "; ".join(result.notes),
    }


def _long_row(result: SubmissionResult, question: QuestionResult, check: CheckResult | None) -> Mapping[str, Cell]:
    about: dict[str, Cell] = {
        "id": result.submission.id,
        "assignment": result.assignment,
        "device": result.device,
        "question": question.id,
        "title": question.title,
        "misconception": question.misconception,
        "hint": question.hint,
    }
    if check is None:
        outcome = "manual" if question.manual else question.outcome.value
        return about | {"outcome": outcome, "score": question.score, "max_score": question.max_score}
    scored = check.score if question.score is not None else None
    return about | {
        "check": check.name,
        "kind": check.kind.value,
        "description": check.description,
        "outcome": check.outcome.value,
        "cause": check.cause.value if check.cause else None,
        "score": scored,
        "max_score": check.max_score,
        "message": check.message,
        "duration_s": round(check.duration_s, 4),
        "staff": check.staff,
    }


def _texts_safe(table: pd.DataFrame) -> pd.DataFrame:
    for name in table.select_dtypes(exclude=["number", "bool"]).columns:
        safe = {cell: csv_cell(cell) for cell in table[name].unique() if isinstance(cell, str)}
        table[name] = table[name].map(lambda cell, safe=safe: safe.get(cell, cell))
    return table.rename(columns=csv_cell)


def _write_table(table: pd.DataFrame, path: Path) -> None:
    text = table.to_csv(index=False, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    write_atomically(path, text.encode("utf-8"))
