"""Gradescope's job: grades `/autograder/submission` and writes `/autograder/results/results.json`.

After each question it writes what there is so far. A fault of the grader leaves no results at all, which Gradescope
shows as a failed autograder. What is printed is shown to instructors alone. Source of the layout and of the metadata:
docs/specs.md and docs/submission_metadata.md of gradescope/autograder_samples.
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from grader.exits import ending
from grader.files import write_atomically
from grader.handins import safe_id
from grader.hosts.single import grade, settings_at, submission_in
from grader.model import SubmissionResult
from grader.reports import gradescope
from grader.reports.documents import encoded
from grader.reports.figures import has_grader_error, points
from grader.text import one_line

ROOT = Path("/autograder")
CONFIG = "gradescope.json"
OURS = 4
STATE = "grader_counted"
"""In `extra_data`: when the submissions that count against the limit were made."""


class Limit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How often a student may have something graded."""

    submissions: int
    hours: float


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the instructor chose when the package was made."""

    assignment: str
    visibility: str = "visible"
    visibilities: dict[str, str] = {}
    leaderboard: list[str] = []
    limit: Limit | None = None


class User(msgspec.Struct, frozen=True, kw_only=True):
    """One of those who handed in."""

    id: int | str | None = None
    email: str = ""


class Previous(msgspec.Struct, frozen=True, kw_only=True):
    """An earlier submission; Gradescope gives the results of the latest alone."""

    submission_time: str
    autograder_error: bool = False
    results: dict[str, Any] | None = None


class Metadata(msgspec.Struct, frozen=True, kw_only=True):
    """What is used of `submission_metadata.json`."""

    id: int | str
    created_at: str
    users: list[User] = []
    previous_submissions: list[Previous] = []


def main(root: Path = ROOT) -> int:
    """Grade, or refuse because of the limit; the exit code is 0 where results were written."""
    config = msgspec.json.decode((root / "source" / CONFIG).read_bytes(), type=Config)
    metadata = msgspec.json.decode((root / "submission_metadata.json").read_bytes(), type=Metadata)
    results = root / "results" / "results.json"
    counted = counted_times(metadata, config.limit)
    if config.limit and len(counted) >= config.limit.submissions:
        return _refuse(metadata, config.limit, counted, results)
    settings = settings_at(root / "source")
    student = safe_id(_name_of(metadata), set())
    submission = submission_in(root / "submission", config.assignment, settings.course, student=student)
    submission = msgspec.structs.replace(submission, submitted_at=_utc(metadata.created_at))
    counted = [*counted, metadata.created_at]

    def tell(result: SubmissionResult) -> None:
        write_atomically(results, encoded(partial(document(result, config, counted), len(result.questions))))

    result = grade(settings, submission, tell)
    for line in staff_lines(result):
        print(line)
    if has_grader_error(result):
        results.unlink(missing_ok=True)
        return OURS
    write_atomically(results, encoded(document(result, config, counted)))
    return 0


def document(result: SubmissionResult, config: Config, counted: list[str]) -> dict[str, Any]:
    """The results of a submission, with what the next one has to know of the limit."""
    found = gradescope.document(
        result, visibility=config.visibility, visibilities=config.visibilities, leaderboard=config.leaderboard
    )
    found["extra_data"][STATE] = counted
    return found


def partial(found: dict[str, Any], graded: int) -> dict[str, Any]:
    """The same, said to be incomplete."""
    note = f"INCOMPLETE: {graded} questions are graded so far. If this stays, grading was cut short; tell your course."
    return {**found, "output": f"{note}\n{found['output']}".strip()}


def counted_times(metadata: Metadata, limit: Limit | None) -> list[str]:
    """When the submissions within the limit's hours were made, counted back from this one.

    Refused ones do not count: each result carries the list on. Of what came after the latest that has one, because the
    autograder failed then, every submission counts that it did not fail on.
    """
    if limit is None:
        return []
    known: list[str] = []
    for each in _earlier(metadata):
        told = ((each.results or {}).get("extra_data") or {}).get(STATE)
        if told is not None:
            known = list(told)
        elif not each.autograder_error:
            known.append(each.submission_time)
    now = _time(metadata.created_at)
    # One that is graded anew has later ones, which were counted with it.
    return [time for time in known if now - timedelta(hours=limit.hours) < _time(time) < now]


def staff_lines(result: SubmissionResult) -> list[str]:
    """What instructors see beside the results: the score as it is, flags, and details of failures."""
    lines = [f"{result.submission.id}: {points(result.score)} of {points(result.max_score)} ({result.sandbox.mode})"]
    lines += [f"to review: {one_line(flag)}" for flag in result.flags]
    for question in result.questions:
        if question.misconception:
            lines.append(f"{question.id}: {one_line(question.misconception)}")
        lines += [f"{question.id} {check.name}: {one_line(check.staff)}" for check in question.checks if check.staff]
    return lines


def _refuse(metadata: Metadata, limit: Limit, counted: list[str], results: Path) -> int:
    """Write the latest results again, and why."""
    latest = _earlier(metadata)[-1].results
    if latest is None:
        print("the limit is reached, and Gradescope gave no earlier results to show again")
        return OURS
    again = _time(min(counted, key=_time)) + timedelta(hours=limit.hours)
    note = (
        f"NOT GRADED: {len(counted)} submissions in {limit.hours:g} hours were graded, which is the limit. The results "
        f"below are those of an earlier submission. The next one is graded after {again:%Y-%m-%d %H:%M %Z}."
    )
    before = str(latest.get("output") or "")
    rest = before.partition("\n\n")[2] if before.startswith("NOT GRADED") else before
    extra = {**(latest.get("extra_data") or {}), STATE: counted}
    found = {**latest, "output": f"{note}\n\n{rest}", "output_format": "text", "extra_data": extra}
    write_atomically(results, encoded(found))
    return 0


def _earlier(metadata: Metadata) -> list[Previous]:
    """The submissions before this one, the latest last."""
    now = _time(metadata.created_at)
    earlier = [each for each in metadata.previous_submissions if _time(each.submission_time) < now]
    return sorted(earlier, key=lambda each: _time(each.submission_time))


def _name_of(metadata: Metadata) -> str:
    """The first user's address, or what else tells this submission from others."""
    first = metadata.users[0] if metadata.users else User()
    return first.email or f"submission-{metadata.id}"


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _utc(text: str) -> str:
    return _time(text).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


if __name__ == "__main__":
    sys.exit(ending(lambda: main(Path(os.environ.get("AUTOGRADER_ROOT", ROOT)))))
