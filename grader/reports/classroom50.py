"""Classroom 50's `result.json`, schema `classroom50/result/v1`: one test a question.

Its points are whole numbers: each is rounded to the nearest, halves up, and stands unrounded beside it, `exact-score`.
The total is rounded from the exact total, so it may differ from the sum of the rounded tests. No score may exceed its
maximum: the collector skips a submission in which one does, so extra credit past full marks is cut off. Who handed in,
where and when is stamped by the program that runs in the classroom's job.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from grader.lateness import final_score
from grader.model import QuestionResult, SubmissionResult
from grader.reports.audience import Audience, seen_by
from grader.reports.documents import write_each
from grader.reports.plain import question_text
from grader.text import one_line

NAME = "classroom50"
FILENAME = "classroom50"
SCHEMA = "classroom50/result/v1"


def write(results: Sequence[SubmissionResult], path: Path, *, audience: Audience) -> list[str]:
    """Writes one file for each result that has a score."""
    write_each(results, path, document)
    sentences = ["Points are rounded to whole numbers, halves up; each test keeps its own as exact-score."]
    if any(_is_cut(result) for result in results):
        sentences.append("Extra credit past full marks is cut off: Classroom 50 collects no score above its maximum.")
    faulty = [result.submission.id for result in results if final_score(result) is None]
    if faulty:
        names = ", ".join(one_line(each) for each in faulty[:5])
        sentences.append(f"{len(faulty)} without a score have no file, since Classroom 50 has no word for it: {names}.")
    if any(question.manual for result in results for question in result.questions):
        sentences.append("Written questions are left out.")
    return sentences


def rounded(points: float) -> int:
    """To the nearest whole number, halves up: in favour of the student, and the same on every machine."""
    return math.floor(points + 0.5)


def _is_cut(result: SubmissionResult) -> bool:
    automatic = [question for question in result.questions if not question.manual]
    pairs = [(final_score(result), result.max_score), *((each.score, each.max_score) for each in automatic)]
    return any((score or 0.0) > most for score, most in pairs)


def document(result: SubmissionResult) -> dict[str, Any] | None:
    """What Classroom 50 reads, but for the identity of the submission; None where there is no score."""
    result = seen_by(result, Audience.STUDENT)
    score = final_score(result)
    if score is None:
        return None
    return {
        "schema": SCHEMA,
        "assignment": result.assignment,
        "owner": result.submission.id,
        "datetime": result.submission.submitted_at,
        "score": rounded(min(score, result.max_score)),
        "max-score": rounded(result.max_score),
        "tests": [_test(question) for question in result.questions if not question.manual],
    }


def _test(question: QuestionResult) -> dict[str, Any]:
    score = question.score or 0.0
    return {
        "test-name": one_line(f"{question.id} {question.title}"),
        "passed": score >= question.max_score,
        "score": rounded(min(score, question.max_score)),
        "max-score": rounded(question.max_score),
        "exact-score": score,
        "exact-max-score": question.max_score,
        "output": question_text(question),
    }
