"""One document of the whole experiment, for JSON: `grader/frontier/v1`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from grader.frontier import data, validity
from grader.frontier.runs import NOT_RUN, Outcome, Row

SCHEMA = "grader/frontier/v1"


def document(outcome: Outcome) -> dict[str, Any]:
    """Everything that was found, and what may be concluded from it."""
    return {
        "schema": SCHEMA,
        "budget_s": outcome.asked.budget_s,
        "device": outcome.asked.device,
        "sandbox": outcome.asked.sandbox or None,
        "problems": outcome.problems,
        "data": [_of_data(outcome, name) for name in outcome.floors],
        "not_valid": [validity.MEASURE, validity.BUDGET, validity.ACROSS],
        "kl_fits": {"fits": outcome.fits, "uses": outcome.fits_plan.uses, "problem": outcome.fits_problem},
    }


def rows_of(outcome: Outcome, name: str) -> list[Row]:
    """The rows of one data set."""
    return [row for row in outcome.rows if row.data == name]


def _of_data(outcome: Outcome, name: str) -> dict[str, Any]:
    rows, chosen = rows_of(outcome, name), data.load(name)
    return {
        "name": name,
        "title": chosen.title,
        "dimensions": chosen.space.dim,
        "held_out": len(chosen.test),
        "entropy_nats": chosen.entropy,
        "floor": outcome.floors[name],
        "models": [_model(row) for row in rows],
        "comparisons": validity.verdicts(rows),
        "not_valid": validity.warnings(rows),
    }


def _model(row: Row) -> dict[str, Any]:
    return {
        "model": row.model,
        "title": row.title,
        "problem": row.problem or None,
        "notes": row.plan.notes,
        "finding": row.finding,
    }


def complete(rows: Sequence[Row]) -> bool:
    """Whether every model that was asked for has a row of figures."""
    return all(row.finding is not None or row.problem == NOT_RUN for row in rows)
