"""Result documents as a class produces them, the hostile ones too."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from grader.model import (
    CallShown,
    Cause,
    CheckResult,
    Counterexample,
    Environment,
    Kind,
    Outcome,
    QuestionResult,
    SandboxInfo,
    SubmissionInfo,
    SubmissionResult,
)

GOLDEN = Path(__file__).parent / "golden"

HOSTILE = (
    "</pre><script>alert(1)</script><img src=x onerror=alert(2)>\x1b[2J\u202egnp.exe\u200b\r\n"
    "=cmd|' /C calc'!A0 `x` | **b** [l](javascript:1) ]]> {{ 7 * 7 }} [bold]b[/bold] \ufffe"
)

TITLES = {
    "mle": [
        ("mle.1", "Mean and variance of a Gaussian by maximum likelihood", 3.0),
        ("mle.2", "Categorical likelihood from counts", 2.0),
        ("mle.3", "Log-sum-exp", 3.0),
        ("mle.4", "Negative log-likelihood of a mixture", 4.0),
        ("mle.5", "Bessel's correction and bias", 2.0),
        ("mle.6", "Fisher information", 4.0),
    ],
    "gaussian_kl": [
        ("kl.1", "KL between diagonal Gaussians", 4.0),
        ("kl.2", "KL to the standard normal", 3.0),
        ("kl.3", "Monte Carlo estimate of the KL", 3.0),
        ("kl.4", "Full covariance", 4.0),
        ("kl.5", "Reverse and forward KL", 2.0),
        ("kl.6", "KL by quadrature", 2.0),
    ],
}
CHECKS = [
    ("value", "Agrees with the definition on random inputs", Kind.VALUE),
    ("gradient", "Gradients with respect to mu and logvar are right", Kind.GRADIENT),
    ("law", "Is zero at the prior, and adds over latents", Kind.LAW),
    ("stress", "Stays finite for log-variances from -80 to 80", Kind.STRESS),
    ("behaviour", "Leaves its inputs and the global random state alone", Kind.BEHAVIOUR),
]
MISCONCEPTIONS = {
    "std-for-logvar": "It looks as if logvar is used as a log standard deviation; var is exp(logvar).",
    "mean-over-latents": "The sum over latent dimensions became a mean; the KL of independent latents adds.",
    "unbiased-variance": "Maximum likelihood divides by n, not by n - 1.",
}
EXAMPLE = Counterexample(
    calls=(
        CallShown(
            call="kl_diagonal(torch.tensor([[0., 0.]]), torch.tensor([[1., 0.]]))",
            returned="tensor([3.1945], dtype=torch.float64)",
        ),
    )
)


def check(index: int, outcome: Outcome, points: float, cause: Cause | None = None) -> CheckResult:
    name, description, kind = CHECKS[index]
    failed = outcome is Outcome.FAILED
    messages = {
        Cause.MISMATCH: "Expected another value: relative error 1.0, allowed 1e-6.",
        Cause.NON_FINITE: "Returned inf for a log-variance of 80; the result should be finite.",
        Cause.SHAPE: "Expected shape [4], got []; return one value per example.",
        Cause.TIMEOUT: "Still running after 10 s. Is there a loop that never ends?",
        Cause.REQUIRES: "Not run: the check of the value must pass first.",
        Cause.DEVICE: "Not run: this machine has no CUDA device.",
        Cause.INTERNAL: "The grader failed here; this is not your fault, and no score is given.",
        Cause.NOT_IMPLEMENTED: "The function still raises NotImplementedError.",
    }
    return CheckResult(
        name=f"check_{name}",
        description=description,
        kind=kind,
        outcome=outcome,
        score=points if outcome is Outcome.PASSED else 0.0,
        max_score=points,
        cause=cause,
        message=messages.get(cause) if cause else None,
        counterexample=EXAMPLE if failed and cause in (Cause.MISMATCH, Cause.NON_FINITE) else None,
        duration_s=0.012 * (index + 1),
        staff="STAFF-ONLY trace" if failed else None,
    )


def without_code(result: SubmissionResult) -> SubmissionResult:
    """The same, where the first question's function is not there."""
    first, *others = result.questions
    checks = tuple(check(index, Outcome.FAILED, 1.0, Cause.NOT_IMPLEMENTED) for index in range(len(CHECKS)))
    return replace(result, questions=(replace(first, score=0.0, checks=checks), *others))


def question(rng: random.Random, about: tuple[str, str, float], skill: float) -> QuestionResult:
    question_id, title, max_score = about
    right = [rng.random() < skill for _ in CHECKS]
    if not right[0] and rng.random() < 0.2:
        cause = Cause.NOT_IMPLEMENTED
    else:
        cause = rng.choice([Cause.MISMATCH, Cause.MISMATCH, Cause.SHAPE, Cause.NON_FINITE, Cause.TIMEOUT])
    checks = tuple(
        check(index, Outcome.PASSED, max_score / 5)
        if ok and right[0]
        else check(index, Outcome.FAILED, max_score / 5, cause)
        if right[0] or index == 0
        else check(index, Outcome.SKIPPED, max_score / 5, Cause.REQUIRES)
        for index, ok in enumerate(right)
    )
    misconception = rng.choice([*MISCONCEPTIONS, None]) if not right[0] and cause is Cause.MISMATCH else None
    return QuestionResult(
        id=question_id,
        title=title,
        score=round(sum(each.score for each in checks), 2),
        max_score=max_score,
        outcome=Outcome.PASSED if all(right) else Outcome.FAILED,
        checks=checks,
        hint=MISCONCEPTIONS[misconception] if misconception else None,
        misconception=misconception,
    )


def manual(assignment: str, answer: str | None) -> QuestionResult:
    return QuestionResult(
        id=f"{assignment}.C2",
        title="Why the estimate is biased",
        score=None,
        max_score=3.0,
        outcome=Outcome.SKIPPED,
        manual=True,
        answer=answer,
    )


def result(
    student: str,
    assignment: str,
    questions: tuple[QuestionResult, ...],
    *,
    device: str = "cpu",
    flags: tuple[str, ...] = (),
    notes: tuple[str, ...] = (),
    mode: str = "strict",
) -> SubmissionResult:
    scores = [each.score for each in questions if not each.manual]
    return SubmissionResult(
        key=f"{student}-{assignment}-{device}",
        assignment=assignment,
        submission=SubmissionInfo(
            id=student, sha256="ab" * 32, submitted_at="2026-03-01T12:00:00Z", filename=f"{assignment}.py"
        ),
        device=device,
        score=None if None in scores else round(sum(score for score in scores if score is not None), 2),
        max_score=sum(each.max_score for each in questions if not each.manual),
        needs_review=bool(flags),
        flags=flags,
        notes=notes,
        duration_s=0.41,
        environment=Environment(grader="0.1.0", torch="2.13.0", python="3.11.7", cpu_capability="AVX512"),
        sandbox=SandboxInfo(mode=mode, layers=("namespaces", "landlock", "seccomp")),
        seed_fingerprint="5eedf1",
        questions=questions,
    )


def class_of(students: int, assignments: list[str]) -> list[SubmissionResult]:
    """A class of ordinary submissions, the same at every call."""
    rng = random.Random(20260301)
    made = []
    for number in range(students):
        skill = min(0.995, 0.55 + 0.5 * rng.random())
        for assignment in assignments:
            about = TITLES.get(assignment) or [(f"{assignment}.{i}", f"Question {i}", 3.0) for i in range(1, 7)]
            questions = tuple(question(rng, each, skill) for each in about)
            answer = "Because $E[\\hat\\sigma^2] = (n-1)/n\\,\\sigma^2$." if number % 3 else None
            flags = ("imports ctypes on line 3",) if rng.random() < 0.03 else ()
            made.append(result(f"s{number:04d}", assignment, (*questions, manual(assignment, answer)), flags=flags))
    return made


def awkward() -> list[SubmissionResult]:
    """What goes wrong: a grader error, an absent device, hostile text, unsafe ids, no sandbox, no source."""
    about = TITLES["mle"][0]
    fault = QuestionResult(
        id="mle.1",
        title=about[1],
        score=None,
        max_score=3.0,
        outcome=Outcome.ERROR,
        checks=(check(0, Outcome.ERROR, 3.0, Cause.INTERNAL),),
    )
    absent = QuestionResult(
        id="mle.1",
        title=about[1],
        score=None,
        max_score=3.0,
        outcome=Outcome.SKIPPED,
        checks=(check(0, Outcome.SKIPPED, 3.0, Cause.DEVICE),),
    )
    hostile = QuestionResult(
        id="mle.1",
        title=about[1],
        score=0.0,
        max_score=3.0,
        outcome=Outcome.FAILED,
        checks=(
            CheckResult(
                name="check_value",
                description=CHECKS[0][1],
                kind=Kind.VALUE,
                outcome=Outcome.FAILED,
                score=0.0,
                max_score=3.0,
                cause=Cause.EXCEPTION,
                message=HOSTILE,
                counterexample=Counterexample(calls=(CallShown(call=HOSTILE, returned="``` " + HOSTILE),)),
                staff="STAFF-ONLY",
            ),
        ),
        hint="Maximum likelihood divides by n, not by n - 1.",
        misconception="SECRET-misconception",
    )
    full = QuestionResult(
        id="mle.1",
        title=about[1],
        score=3.0,
        max_score=3.0,
        outcome=Outcome.PASSED,
        checks=(check(0, Outcome.PASSED, 3.0),),
    )
    nothing = QuestionResult(id="mle.1", title=about[1], score=0.0, max_score=3.0, outcome=Outcome.FAILED)
    return [
        result("-rf", "mle", (fault,)),
        result("..", "mle", (hostile, manual("mle", HOSTILE)), flags=(f"SECRET-flag {HOSTILE}",), notes=(HOSTILE,)),
        result("@SUM", "mle", (full, manual("mle", None)), mode="UNSANDBOXED"),
        result("Bob", "mle", (full,)),
        result("Bob", "mle", (absent,), device="cuda"),
        result("bob", "mle", (nothing,), notes=("The file is empty: there is no code to grade.",)),
    ]


@pytest.fixture
def small_class() -> list[SubmissionResult]:
    return class_of(4, ["mle", "gaussian_kl"])


@pytest.fixture
def awkward_class() -> list[SubmissionResult]:
    return awkward()


@pytest.fixture
def export() -> Callable[[str, Path, list[SubmissionResult]], Path]:
    """Puts another system's export where a format that fills one looks for it."""

    def put(name: str, path: Path, results: list[SubmissionResult]) -> Path:
        if name in ("canvas", "moodle"):
            path.parent.mkdir(parents=True, exist_ok=True)
            students = sorted({result.submission.id for result in results}) or ["nobody"]
            path.write_bytes((canvas_export if name == "canvas" else moodle_export)(students).encode())
        return path

    return put


def canvas_export(students: list[str]) -> str:
    """As Canvas writes one, for students whose logins are their ids."""
    titles = "Student,ID,SIS User ID,SIS Login ID,Section,HW 1: MLE (101),Gaussian KL (102),Current Score"
    rows = [
        f'"Doe, J. ""{number}""",{7000 + number},,{student},Generative models and 1 other,,-,'
        for number, student in enumerate(students)
    ]
    points = "    Points Possible,,,,,3.0,18.0,(read only)"
    return "\r\n".join([f"\ufeff{titles}", points, *rows]) + "\r\n"


def moodle_export(students: list[str]) -> str:
    """As Moodle writes a grading worksheet, for students whose e-mail addresses are their ids."""
    titles = "Identifier,Full name,Email address,Status,Grade,Maximum Grade,Grade can be changed,Feedback comments"
    rows = [
        f'"Participant {9000 + number}","Doe {number}",{student},"Submitted for grading",,3.00,Yes,"said,\nbefore"'
        for number, student in enumerate(students)
    ]
    return "\n".join([titles, *rows]) + "\n"


@pytest.fixture
def hostile() -> str:
    return HOSTILE


@pytest.fixture
def golden() -> Callable[[Path], None]:
    """Compares a written file with the golden one of its name; UPDATE_GOLDEN=1 accepts what was written."""

    def compare(written: Path) -> None:
        expected = GOLDEN / written.name
        if os.environ.get("UPDATE_GOLDEN"):
            GOLDEN.mkdir(exist_ok=True)
            expected.write_bytes(written.read_bytes())
        assert written.read_text(encoding="utf-8") == expected.read_text(encoding="utf-8"), (
            f"{expected} differs; if the change is meant, run UPDATE_GOLDEN=1 pytest tests/reports and read the diff"
        )

    return compare
