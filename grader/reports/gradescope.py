"""Gradescope's `results.json`: one test a question, with partial credit.

Source: Gradescope's autograder specification (docs/specs.md of gradescope/autograder_samples). Where the grader itself
failed, a document has no score, which Gradescope shows as an autograder that failed, not as a zero.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from grader.lateness import final_score
from grader.model import QuestionResult, SubmissionResult
from grader.reports.audience import Audience, seen_by
from grader.reports.documents import write_each
from grader.reports.figures import has_grader_error, share
from grader.reports.plain import notes_text, question_text
from grader.text import one_line

NAME = "gradescope"
FILENAME = "gradescope"

VISIBILITIES = ("visible", "after_due_date", "after_published", "hidden")


def write(results: Sequence[SubmissionResult], path: Path, *, audience: Audience) -> list[str]:
    """Writes one file a result; a Gradescope test is read by students, so nothing for staff is in it."""
    write_each(results, path, document)
    sentences = ["Flags and staff detail are left out: students read these files."]
    if any(question.manual for result in results for question in result.questions):
        sentences.append("Written questions are left out: Gradescope marks them on the assignment's outline.")
    if any(map(has_grader_error, results)):
        sentences.append("A submission with a grader error has no score; Gradescope shows that its autograder failed.")
    return sentences


def document(
    result: SubmissionResult,
    *,
    visibility: str = "visible",
    visibilities: Mapping[str, str] | None = None,
    leaderboard: Collection[str] = (),
) -> dict[str, Any]:
    """What Gradescope reads.

    Args:
        result: One submission.
        visibility: Who sees the tests, and when: one of `VISIBILITIES`.
        visibilities: The same for single questions, by id. Students see no total while any test is hidden from them.
        leaderboard: Ids of questions whose share of their points the class's leaderboard shows.
    """
    result = seen_by(result, Audience.STUDENT)
    automatic = [question for question in result.questions if not question.manual]
    found = {
        "execution_time": round(result.duration_s, 1),
        "output": notes_text(result),
        "output_format": "text",
        "test_output_format": "text",
        "test_name_format": "text",
        "visibility": visibility,
        "stdout_visibility": "hidden",
        "tests": [_test(question, (visibilities or {}).get(question.id)) for question in automatic],
        "leaderboard": [_standing(question) for question in automatic if question.id in leaderboard],
        "extra_data": {
            "submission": result.submission.id,
            "sha256": result.submission.sha256,
            "assignment": result.assignment,
            "device": result.device,
            "max_score": result.max_score,
            "seed_fingerprint": result.seed_fingerprint,
        },
    }
    score = final_score(result)
    return found if score is None else {"score": score, **found}


def _test(question: QuestionResult, visibility: str | None) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": one_line(f"{question.id} {question.title}"),
        "number": one_line(question.id.rpartition(".")[2]),
        "max_score": question.max_score,
        "output": question_text(question),
        "extra_data": {"question": question.id},
    }
    if question.score is not None:
        found |= {"score": question.score, "status": "passed" if question.score >= question.max_score else "failed"}
    return found if visibility is None else found | {"visibility": visibility}


def _standing(question: QuestionResult) -> dict[str, Any]:
    part = share(question.score, question.max_score)
    return {"name": one_line(question.title, 60), "value": round(100 * part, 1) if part is not None else "—"}
