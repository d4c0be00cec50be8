"""GitHub: annotations of a workflow run, at most one a question, and a check run for each submission.

`annotations.txt` holds workflow commands for a step to print; `checks/<assignment>/<device>/<id>.json` are bodies for
the check-runs API, on the commit that was graded where the submission is one. GitHub shows ten annotations of a kind
for a step and refuses a summary above 65,535 characters.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from grader.files import write_atomically
from grader.lateness import final_score
from grader.model import Outcome, QuestionResult, SubmissionResult
from grader.reports import markdown_summary
from grader.reports.audience import Audience, seen_by
from grader.reports.documents import write_each
from grader.reports.figures import has_grader_error, points, questions_of
from grader.text import one_line

NAME = "github"
FILENAME = "github"
MAX_ANNOTATIONS = 10
MAX_SUMMARY_CHARS = 65_000
"""Below the 65,535 that GitHub takes."""


def write(results: Sequence[SubmissionResult], path: Path, *, audience: Audience) -> list[str]:
    """Writes the annotations and the checks; students read both, so nothing for staff is in them."""
    results = [seen_by(result, Audience.STUDENT) for result in results]
    lines = annotation_lines(results)
    write_atomically(path / "annotations.txt", "".join(f"{line}\n" for line in lines[:MAX_ANNOTATIONS]).encode())
    write_each(results, path / "checks", check_run)
    sentences = ["Flags and staff detail are left out: students read these files."]
    if len(lines) > MAX_ANNOTATIONS:
        sentences.append(f"{len(lines) - MAX_ANNOTATIONS} questions have no annotation: GitHub shows ten a step.")
    return sentences


def annotation_lines(results: Sequence[SubmissionResult]) -> list[str]:
    """One `::warning` for each question on which points were lost, the worst first."""
    found = []
    for about in questions_of(results).values():
        asked = [question for result in results for question in result.questions if question.id == about.id]
        failed = [question for question in asked if question.score is not None and question.score < question.max_score]
        if failed:
            found.append((len(failed) / len(asked), _annotation(about, failed, len(asked))))
    return [text for _, text in sorted(found, key=lambda each: -each[0])]


def check_run(result: SubmissionResult) -> dict[str, Any]:
    """The body of one check run; a score is no verdict, so only full marks are a success and nothing is a failure."""
    score = final_score(result)
    summary = markdown_summary.submission(result)
    if len(summary) > MAX_SUMMARY_CHARS:
        summary = f"{summary[:MAX_SUMMARY_CHARS]}\n\n*The rest does not fit here; the report has it.*"
    full = score is not None and score >= result.max_score
    title = f"{points(score)} / {points(result.max_score)}"
    if has_grader_error(result):
        title = "No score: the grader failed, not you"
    commit = result.submission.commit
    return {
        **({"head_sha": commit} if commit else {}),
        "name": f"grader: {result.assignment} on {result.device}",
        "status": "completed",
        "external_id": result.submission.id,
        "conclusion": "success" if full else "neutral",
        "output": {"title": title, "summary": summary},
    }


def _annotation(about: QuestionResult, failed: Sequence[QuestionResult], asked: int) -> str:
    title = f"{about.id} {about.title}"
    if asked == 1:
        title += f": {points(failed[0].score)} / {points(about.max_score)}"
    return f"::warning title={_property(title)}::{_data(_message(failed, asked))}"


def _message(failed: Sequence[QuestionResult], asked: int) -> str:
    checks = Counter(
        check.description for question in failed for check in question.checks if check.outcome is Outcome.FAILED
    )
    most = checks.most_common(1)
    if asked == 1:
        return failed[0].hint or (f"Does not hold: {most[0][0]}" if most else "Not all points.")
    often = f" Most often, this does not hold ({most[0][1]}): {most[0][0]}" if most else ""
    return f"{len(failed)} of {asked} submissions lost points.{often}"


def _data(text: str) -> str:
    return one_line(text, 1_000).replace("%", "%25")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
