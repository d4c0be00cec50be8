"""The figures and words that several formats share: points, shares, standings, summaries."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from statistics import mean, median
from typing import Any

from grader.lateness import final_score
from grader.model import Outcome, QuestionResult, SubmissionResult

NO_SCORE = "—"
"""Shown where there is no score: a grader error, or a question that a person has yet to mark."""


class Standing(StrEnum):
    """How a question stands, in the words of a report."""

    FULL = "full marks"
    PART = "part marks"
    NONE = "no marks"
    NOT_RUN = "not run"
    MANUAL = "marked by a person"
    OURS = "grader error"


def standing(question: QuestionResult) -> Standing:
    """How a question stands."""
    if question.manual:
        return Standing.MANUAL
    if question.outcome is Outcome.ERROR:
        return Standing.OURS
    if question.outcome is Outcome.SKIPPED or question.score is None:
        return Standing.NOT_RUN
    if question.score >= question.max_score:
        return Standing.FULL
    return Standing.PART if question.score > 0 else Standing.NONE


def points(value: float | None) -> str:
    """A score for reading, to two decimals: `3`, `2.5`, `—`."""
    return NO_SCORE if value is None else f"{round(value, 2):.6g}"


def worth(question: QuestionResult) -> str:
    """What a question is worth, for a column's head: `/ 5`, or `+ 5` for extra credit."""
    return f"{'+' if question.extra else '/'} {points(question.max_score)}"


def share(score: float | None, max_score: float) -> float | None:
    """The score as a part of what can be had, from 0 to 1; None where there is no score or nothing to have."""
    if score is None or max_score <= 0:
        return None
    return min(max(score / max_score, 0.0), 1.0)


def has_grader_error(result: SubmissionResult) -> bool:
    """Whether some question got no score through the grader's own fault."""
    return any(question.outcome is Outcome.ERROR for question in result.questions)


def questions_of(results: Iterable[SubmissionResult]) -> dict[str, QuestionResult]:
    """The questions that occur, by id, in the order of the fullest result of each assignment; one stands for all."""
    found: dict[str, QuestionResult] = {}
    for group in by_assignment(results).values():
        for result in sorted(group, key=lambda each: -len(each.questions)):
            for question in result.questions:
                found.setdefault(question.id, question)
    return found


def by_assignment(results: Iterable[SubmissionResult]) -> dict[str, list[SubmissionResult]]:
    """The results of each assignment, in the order in which assignments and results come."""
    groups: dict[str, list[SubmissionResult]] = {}
    for result in results:
        groups.setdefault(result.assignment, []).append(result)
    return groups


def summary(results: Sequence[SubmissionResult]) -> dict[str, Any]:
    """The figures of a run, as `grade --json` prints them; scores are those that count, lateness included."""
    shares = [part for result in results if (part := share(final_score(result), result.max_score)) is not None]
    return {
        "results": len(results),
        "students": len({result.submission.id for result in results}),
        "assignments": list(by_assignment(results)),
        "full_marks": sum(part >= 1.0 for part in shares),
        "no_score": sum(result.score is None for result in results),
        "grader_errors": sum(has_grader_error(result) for result in results),
        "needs_review": sum(result.needs_review for result in results),
        "unsandboxed": sum(is_unsandboxed(result) for result in results),
        "mean_share": round(mean(shares), 4) if shares else None,
        "median_share": round(median(shares), 4) if shares else None,
    }


def is_unsandboxed(result: SubmissionResult) -> bool:
    """Whether the submission ran with nothing between it and the machine."""
    return result.sandbox.mode.upper() == "UNSANDBOXED"
