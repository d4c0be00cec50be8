"""PrairieLearn's `results.json`: one test a question, and a picture of the first counterexample of each.

Source: docs/externalGrading.md of PrairieLearn. The score is the share of the points, from 0 to 1, not rounded. A
grader error is `gradable: false`, which costs the student no attempt.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from grader.lateness import final_score
from grader.model import QuestionResult, SubmissionResult
from grader.reports.audience import Audience, seen_by
from grader.reports.documents import encoded, write_each
from grader.reports.figures import has_grader_error, share
from grader.reports.plain import notes_text, question_text
from grader.reports.plots import data_url
from grader.text import one_line, printable

NAME = "prairielearn"
FILENAME = "prairielearn"
MAX_BYTES = 1_000_000
"""PrairieLearn refuses documents above 1 MB."""

_OURS = "The grader failed here, not you. This attempt does not count; your instructor has to grade it again."


def write(results: Sequence[SubmissionResult], path: Path, *, audience: Audience) -> list[str]:
    """Writes one file a result; students read them, so nothing for staff is in them."""
    write_each(results, path, document)
    sentences = ["Flags and staff detail are left out: students read these files."]
    if any(question.manual for result in results for question in result.questions):
        sentences.append("Written questions are left out: PrairieLearn marks them as questions of their own.")
    if any(map(has_grader_error, results)):
        sentences.append("A submission with a grader error is not gradable there: no score, and no attempt is used.")
    if any((final_score(result) or 0) > result.max_score for result in results):
        sentences.append("Extra credit past full marks is cut off: PrairieLearn's scores end at 1.")
    without = sum("images" not in str(document(result)) for result in results if _has_counterexample(result))
    if without:
        sentences.append(f"{without} submissions' counterexamples have no picture: they hold no tensor, or no room.")
    return sentences


def document(result: SubmissionResult) -> dict[str, Any]:
    """What PrairieLearn reads; where it would be too large, without pictures, then without outputs."""
    result = seen_by(result, Audience.STUDENT)
    part = share(final_score(result), result.max_score)
    if part is None:
        return {"gradable": False, "format_errors": [_OURS], "output": notes_text(result)}
    tests = [_test(question) for question in result.questions if not question.manual]
    found = {"gradable": True, "score": part, "output": notes_text(result), "tests": tests}
    for dispensable in ("images", "output"):
        if len(encoded(found)) <= MAX_BYTES:
            break
        found["tests"] = tests = [{key: each[key] for key in each if key != dispensable} for each in tests]
    return found


def _test(question: QuestionResult) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": one_line(f"{question.id} {question.title}"),
        "points": question.score,
        "max_points": question.max_score,
        "message": printable(question.hint or ""),
        "output": question_text(question),
    }
    images = _images(question)
    return found | {"images": images} if images else found


def _images(question: QuestionResult) -> list[dict[str, str]]:
    for check in question.checks:
        url = data_url(check.counterexample) if check.counterexample is not None else None
        if url is not None:
            return [{"label": one_line(check.description), "url": url}]
    return []


def _has_counterexample(result: SubmissionResult) -> bool:
    return any(check.counterexample for question in result.questions for check in question.checks)
