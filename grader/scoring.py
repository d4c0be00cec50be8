"""From checks to points. Pure functions; no question is asked here of anybody's code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from grader.model import Cause, CheckResult, Outcome, QuestionResult

if TYPE_CHECKING:
    # What loads a question file is nothing that a student's own check needs.
    from grader.question import Question, WrittenQuestion

REVIEW_CAUSES = {
    Cause.PROTOCOL: "its process sent something that is not a reply",
    Cause.CRASH: "its process crashed or ended itself",
    Cause.TIMEOUT: "its process was stopped at the time limit",
    Cause.MEMORY: "it asked for more memory than it may have",
}
"""Failures after which an instructor may want to look at the code, and why."""

DIGITS = 6
"""Points are sums of quarters and the like; this many decimals take the rounding out of a sum of floats."""


def question_result(
    question: Question,
    checks: Sequence[CheckResult],
    *,
    hint: str | None = None,
    misconception: str | None = None,
    because_of: str | None = None,
) -> QuestionResult:
    """What one question earned; a grader fault in any check leaves its score unknown."""
    faulty = any(check.outcome is Outcome.ERROR for check in checks)
    return QuestionResult(
        id=question.id,
        title=f"{question.title} (extra credit)" if question.extra else question.title,
        score=None if faulty else round(sum(check.score for check in checks), DIGITS),
        max_score=round(question.points, DIGITS),
        outcome=_outcome(checks),
        checks=tuple(checks),
        hint=hint,
        misconception=misconception,
        because_of=because_of,
        extra=question.extra,
    )


def _outcome(checks: Sequence[CheckResult]) -> Outcome:
    outcomes = {check.outcome for check in checks}
    for worst in (Outcome.ERROR, Outcome.FAILED, Outcome.SKIPPED):
        if worst in outcomes:
            return worst
    return Outcome.PASSED


def written_result(question: WrittenQuestion, answer: str | None) -> QuestionResult:
    """A question that waits for a person; its points are in no total."""
    return QuestionResult(
        id=question.id,
        title=question.title,
        score=None,
        max_score=question.points,
        outcome=Outcome.SKIPPED,
        manual=True,
        answer=answer,
    )


def total(questions: Sequence[QuestionResult]) -> float | None:
    """The sum of the automatic questions; None where one of them has no score."""
    scores = [question.score for question in questions if not question.manual]
    known = [score for score in scores if score is not None]
    return None if len(known) < len(scores) else round(sum(known), DIGITS)


def max_total(questions: Sequence[QuestionResult]) -> float:
    """What the automatic questions could earn, extra credit aside."""
    return round(sum(one.max_score for one in questions if not (one.manual or one.extra)), DIGITS)


def review_flags(questions: Sequence[QuestionResult]) -> list[str]:
    """Why a person should look, as far as the outcomes show it: one sentence for each question and cause."""
    flags = []
    for question in questions:
        for cause in dict.fromkeys(check.cause for check in question.checks):
            if cause in REVIEW_CAUSES:
                flags.append(f"{question.id}: {REVIEW_CAUSES[cause]}.")
    return flags
