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
import hypothesis.strategies as st
from hypothesis.errors import Unsatisfiable
from hypothesis.internal.conjecture import providers
from hypothesis.internal.constants_ast import Constants

from grader.errors import CheckFailed, GraderError
from grader.model import Cause, Kind
from grader.question import Check, Function, Question
from grader.remote import Student
from grader.strategies import FULL_PRECISION, Numbers, beyond_the_simplest
from grader.transports import Call, LocalTransport, RecordingTransport
from grader.worker.messages import Answer

# Hypothesis also draws literals of whichever local modules are loaded by then. With them a seed would give other
# inputs in another process, later in the same one, and after any edit of the grader.
providers._get_local_constants = Constants

Drawn = Mapping[str, Any]

PERSONAL_EXAMPLES = 2
"""Inputs of each value check that are drawn for one submission alone."""


@dataclass(frozen=True, kw_only=True)
class Example:
    """One drawn input, the calls that the check makes on it, and the oracle's answers to them."""

    drawn: Drawn
    calls: tuple[tuple[Call, Answer], ...]


@dataclass(frozen=True, kw_only=True)
class Recording:
    """A check's inputs for one seed, from which Hypothesis draws the same ones again."""

    check: Check
    seed: int
    examples: tuple[Example, ...]
    unfit: tuple[str, ...] = ()
    """Why inputs were left out: one that the oracle itself fails says nothing about a submission."""

    @property
    def calls(self) -> list[Call]:
        """Every call of every example, in order, that can be made before any of them is answered."""
        return [] if self.check.kind is Kind.TRAINING else calls_of(self.examples)


def calls_of(examples: Sequence[Example]) -> list[Call]:
    """Every call of every example, in order."""
    return [call for example in examples for call, _ in example.calls]


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


def record_question(question: Question, secret: bytes) -> list[Recording]:
    """The recordings of all checks of a question, the same for a whole class.

    Raises:
        GraderError: Where the oracle fails a check on most of its inputs, or a check draws no input.
    """
    return [
        _record_training(question, check, derive_seed(secret, "training", question.id))
        if check.kind is Kind.TRAINING
        else _record(question, check, derive_seed(secret, "class", question.id, check.name))
        for check in question.checks
    ]


def _record_training(question: Question, check: Check, seed: int) -> Recording:
    """One example, the same for all training checks of the question, so that what they share is trained once."""
    drawn = {"source": Numbers(seed=seed, decimals=FULL_PRECISION)}
    return Recording(check=check, seed=seed, examples=(record_example(question, check, drawn),))


def _record(question: Question, check: Check, seed: int) -> Recording:
    every: list[Drawn] = []
    try:
        run_given(check.test, seed, every.append)
    except Unsatisfiable as error:
        raise GraderError(f"{question.id}: check {check.name} draws no input: {error}") from error
    examples, unfit = record_examples(question, check, every)
    if len(unfit) > len(examples):
        raise unfit[0]
    return Recording(check=check, seed=seed, examples=tuple(examples), unfit=tuple(map(str, unfit)))


def record_examples(
    question: Question, check: Check, every: Sequence[Drawn]
) -> tuple[list[Example], list[GraderError]]:
    """The examples of all inputs that are fit for a check, and why others are not.

    Among hundreds of courses one draws the middle of an interval, or the same point twice, where no answer has the
    property: that is the check's fault, and must cost neither that course its question nor anybody a point.
    """
    examples: list[Example] = []
    unfit: list[GraderError] = []
    for drawn in every:
        try:
            examples.append(record_example(question, check, drawn))
        except GraderError as error:
            unfit.append(error)
    return examples, unfit


def record_example(question: Question, check: Check, drawn: Drawn) -> Example:
    """Run a check on one input with the oracle in the student's place.

    Raises:
        GraderError: Where the oracle fails the check.
    """
    oracle = LocalTransport(question.oracles)
    recorder = RecordingTransport(oracle)
    try:
        run_body(check, Student(question.functions, recorder, oracle), drawn)
    except CheckFailed as failure:
        raise GraderError(f"{question.id}: the oracle itself fails check {check.name}: {failure}") from failure
    return Example(drawn=drawn, calls=tuple(recorder.log))


class PersonalInputs:
    """Inputs of value checks that one submission alone meets, so that knowing a classmate's is worth nothing.

    All value checks of an assignment are drawn for in one go, since most of the cost is Hypothesis's start.

    Args:
        questions: The assignment's.
    """

    def __init__(self, questions: Sequence[Question]) -> None:
        strategies = {
            (question.id, check.name): st.fixed_dictionaries(dict(check.strategies))
            for question in questions
            for check in question.checks
            if check.kind is Kind.VALUE
        }

        @hypothesis.settings(max_examples=PERSONAL_EXAMPLES)
        @hypothesis.given(drawn=beyond_the_simplest(st.fixed_dictionaries(strategies)))
        def test(student: None, drawn: Drawn) -> None:
            """Replaced by `run_given`."""

        self._test = test

    def draw(self, secret: bytes, sha256: str) -> Mapping[tuple[str, str], list[Drawn]]:
        """By question's id and check's name, the inputs of the submission with this hash."""
        every: list[Mapping[tuple[str, str], Drawn]] = []
        run_given(self._test, derive_seed(secret, "own", sha256), lambda drawn: every.append(drawn["drawn"]))
        return {key: [drawn[key] for drawn in every] for key in every[0]}
