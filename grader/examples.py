"""Drawing a check's inputs, and what its body does with them when the oracle stands in for the student.

The inputs of a check are those that Hypothesis draws from one seed. They are recorded once, together with the
calls that the check's body makes and the oracle's answers, so that a submission can be asked all of them in one
frame.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import hypothesis

from grader.errors import CheckFailed, GraderError
from grader.model import Cause
from grader.question import Check, Function, Question
from grader.remote import Answer, Call, LocalTransport, RecordingTransport, Student
from grader.strategies import Numbers

Drawn = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Example:
    """One drawn input, the calls that the check makes on it, and the oracle's answers to them."""

    drawn: Drawn
    calls: tuple[tuple[Call, Answer], ...]


@dataclass(frozen=True, kw_only=True)
class Recording:
    """A check's inputs for one seed. `test` and `seed` draw the same inputs again."""

    check: Check
    test: Function
    seed: int
    examples: tuple[Example, ...]

    @property
    def calls(self) -> list[Call]:
        """Every call of every example, in order."""
        return [call for example in self.examples for call, _ in example.calls]


def derive_seed(secret: bytes, *parts: str) -> int:
    """A seed that only the holder of the course secret can compute."""
    message = b"\0".join(part.encode() for part in parts)
    return int.from_bytes(hmac.new(secret, message, hashlib.sha256).digest()[:8], "big")


def run_body(check: Check, student: Student, drawn: Drawn) -> None:
    """The check's body on one input.

    Raises:
        CheckFailed: Where the body finds the student's code wrong.
        GraderError: Where the body itself breaks.
    """
    fresh = {name: value.restarted() if isinstance(value, Numbers) else value for name, value in drawn.items()}
    try:
        check.body(student, **fresh)
    except (CheckFailed, GraderError):
        raise
    except AssertionError as failure:
        raise CheckFailed(Cause.MISMATCH, "what this check says does not hold.") from failure
    except Exception as error:
        raise GraderError(f"check {check.name} broke: {type(error).__name__}: {error}") from error


def run_given(test: Function, seed: int, body: Callable[[Drawn], None]) -> None:
    """Let Hypothesis draw the inputs of a check from a seed, and shrink those on which `body` raises.

    `test` itself does not run; its inner function is replaced for the time, as Hypothesis documents.
    """
    handle: Any = test.hypothesis  # type: ignore[attr-defined]  # documented by Hypothesis, not typed
    original = handle.inner_test
    handle.inner_test = lambda student, **drawn: body(drawn)
    try:
        hypothesis.seed(seed)(test)(None)
    finally:
        handle.inner_test = original


def record(question: Question, check: Check, test: Function, seed: int) -> Recording:
    """Run a check with the oracle in the student's place.

    Args:
        question: The check's question.
        check: The check.
        test: Which of its `@given` functions draws: `check.test` or `check.personal`.
        seed: For Hypothesis.

    Raises:
        GraderError: Where the oracle fails the check, or draws no input.
    """
    oracle = LocalTransport(question.oracles)
    examples: list[Example] = []

    def body(drawn: Drawn) -> None:
        recorder = RecordingTransport(oracle)
        run_body(check, Student(question.functions, recorder, oracle), drawn)
        examples.append(Example(drawn=drawn, calls=tuple(recorder.log)))

    try:
        run_given(test, seed, body)
    except CheckFailed as failure:
        raise GraderError(f"{question.id}: the oracle itself fails check {check.name}: {failure}") from failure
    if not examples:
        raise GraderError(f"{question.id}: check {check.name} drew no input")
    return Recording(check=check, test=test, seed=seed, examples=tuple(examples))


def record_question(question: Question, secret: bytes) -> Sequence[Recording]:
    """The recordings of all checks of a question, the same for a whole class."""
    return [
        record(question, check, check.test, derive_seed(secret, "class", question.id, check.name))
        for check in question.checks
    ]


def record_personal(question: Question, check: Check, secret: bytes, sha256: str) -> Recording:
    """Inputs that only this submission meets, so that knowing a classmate's is worth nothing."""
    return record(question, check, check.personal, derive_seed(secret, "own", question.id, check.name, sha256))
