"""Who reads a report, and what that reader may see."""

from __future__ import annotations

from enum import StrEnum

from msgspec.structs import replace

from grader.model import CheckResult, QuestionResult, SubmissionResult


class Audience(StrEnum):
    """The reader of a report."""

    STUDENT = "student"
    INSTRUCTOR = "instructor"


def seen_by(result: SubmissionResult, audience: Audience) -> SubmissionResult:
    """The result without what this reader may not see: a student sees no flag, misconception name or staff detail."""
    if audience is Audience.INSTRUCTOR:
        return result
    questions = tuple(_question_for_student(question) for question in result.questions)
    return replace(result, needs_review=False, flags=(), questions=questions)


def _question_for_student(question: QuestionResult) -> QuestionResult:
    if question.misconception is None and not any(check.staff for check in question.checks):
        return question
    checks = tuple(_check_for_student(check) for check in question.checks)
    return replace(question, misconception=None, checks=checks)


def _check_for_student(check: CheckResult) -> CheckResult:
    return replace(check, staff=None) if check.staff else check
