"""The tiny course of `courses/tiny`: its plan, and submissions to it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from grader import plugin
from grader.marking import Marker
from grader.model import (
    CheckResult,
    Environment,
    Outcome,
    QuestionResult,
    SandboxInfo,
    Submission,
    SubmissionInfo,
    SubmissionResult,
    to_json,
)
from grader.task import Plan, Task

TINY = Path(__file__).parent / "courses" / "tiny"
SOLUTION = (TINY / "solutions" / "tiny" / "tiny.py").read_text(encoding="utf-8")
SECRET = bytes(range(32))


def plan(**changes: Any) -> Plan:
    values = {
        "course": TINY,
        "secret": SECRET,
        "sandbox": "strict",
        "wall_s": 10.0,
        "memory_mib": 512,
        "protected": (TINY / "reference", TINY / "solutions"),
    }
    return Plan(**{**values, **changes})


def with_function(body: str) -> str:
    """The solution with a function defined anew at its end."""
    return f"{SOLUTION}\n\n{body}\n"


def energy(expression: str) -> str:
    """The solution whose energy is this expression of x and scale."""
    return with_function(f"def energy(x, scale):\n    return {expression}")


def submission(source: str, *, student: str = "ada", **more: Any) -> Submission:
    sha256 = hashlib.sha256(source.encode()).hexdigest()
    return Submission(id=student, assignment="tiny", source=source, sha256=sha256, filename="tiny.py", **more)


def task(source: str, *, questions: Sequence[str] | None = None, device: str = "cpu", **more: Any) -> Task:
    handed_in = submission(source, **more)
    key = hashlib.sha256(f"{handed_in.id} {handed_in.sha256} {device}".encode()).hexdigest()
    return Task(submission=handed_in, device=device, key=key, questions=None if questions is None else tuple(questions))


def graded(task: Task, score: float | None = 1.0) -> SubmissionResult:
    """A made-up result of a task."""
    outcome = Outcome.ERROR if score is None else Outcome.PASSED
    return SubmissionResult(
        key=task.key,
        assignment=task.submission.assignment,
        submission=SubmissionInfo(id=task.submission.id, sha256=task.submission.sha256),
        device=task.device,
        score=score,
        max_score=1.0,
        needs_review=False,
        duration_s=0.0,
        environment=Environment(grader="0", torch="2", python="3", cpu_capability="x"),
        sandbox=SandboxInfo(mode="strict", layers=()),
        seed_fingerprint="f",
        questions=(QuestionResult(id="tiny.1", title="One", score=score, max_score=1.0, outcome=outcome),),
    )


def grade_all(marker: Marker, tasks: Sequence[Task]) -> list[SubmissionResult]:
    """What a grading process makes of tasks."""
    results: list[SubmissionResult] = []
    plugin.run(marker, tasks, lambda _, result: results.append(result))
    return results


def grade(marker: Marker, source: str, **more: Any) -> SubmissionResult:
    return grade_all(marker, [task(source, **more)])[0]


def grade_energy(marker: Marker, source: str, **more: Any) -> QuestionResult:
    """The first question alone."""
    return grade(marker, source, questions=("tiny.1",), **more).questions[0]


def by_name(result: QuestionResult) -> dict[str, CheckResult]:
    return {check.name: check for check in result.checks}


def without_durations(result: SubmissionResult) -> bytes:
    """The document, byte by byte, but for how long anything took."""
    replace = msgspec.structs.replace
    questions = tuple(
        replace(question, checks=tuple(replace(check, duration_s=0.0) for check in question.checks))
        for question in result.questions
    )
    return to_json(replace(result, duration_s=0.0, questions=questions))
