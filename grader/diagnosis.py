"""Which known misconception a failing submission's numbers are.

Every wrong answer that an author lists is run on the same recorded inputs as the student's code. A submission is
recognised where its answers equal one wrong answer's, and no other's, on the checks that tell. Wrong answers
that agree wherever the student fails form one class, and something is said only where the whole class has one
sentence.
"""

from __future__ import annotations

import re
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from grader.compare import Tolerance
from grader.errors import CheckFailed, GraderError
from grader.examples import Recording, run_body
from grader.model import Kind, Outcome
from grader.question import Question
from grader.recorded import Answers
from grader.remote import Student
from grader.scan import forbidden_uses
from grader.session import Verdict
from grader.transports import Call, LocalTransport, ReplayTransport
from grader.variants import StandIn
from grader.worker.messages import Answer, Mode, Raised

_NUMBERS = re.compile(r"\d+(, \d+)*")
"""Sizes and positions in messages, alone and in lists."""

SAME = Tolerance(rtol=1e-6, atol=1e-8)
"""Two programs that make the same mistake agree to rounding; programs that make different ones do not."""


class Fingerprint:
    """What one wrong answer does on the recorded inputs of a question, found out call by call as it is asked for.

    Args:
        question: The question.
        stand_in: An author's wrong answer; it is run in this process.
        recordings: Of all checks of the question.
    """

    def __init__(self, question: Question, stand_in: StandIn, recordings: Sequence[Recording]) -> None:
        assert stand_in.sentence is not None
        self.name = stand_in.name
        self.sentence = stand_in.sentence
        self._question = question
        self._stand_in = stand_in
        self._recordings = {recording.check.name: recording for recording in recordings}
        self._answers: dict[str, list[tuple[Call, Answer]]] = defaultdict(list)
        self._failures: dict[str, CheckFailed | None] = {}

    def answers(self, check: str) -> Iterator[tuple[Call, Answer]]:
        """What it answers to the calls of the check of that name, in order."""
        known = self._answers[check]
        for position, call in enumerate(self._recordings[check].calls):
            if position == len(known):
                with _no_warnings():
                    known.append((call, self._transport.perform(call)))
            yield known[position]

    def failure(self, check: str) -> CheckFailed | None:
        """How it fails the check of that name, whether or not a required check failed before."""
        if check not in self._failures:
            asked = list(self.answers(check))
            with _no_warnings():
                self._failures[check] = _first_failure(
                    self._question, self._recordings[check], asked, self._transport, self._used
                )
        return self._failures[check]

    @cached_property
    def _transport(self) -> LocalTransport:
        return LocalTransport(self._stand_in.defined(), quiet=False)

    @cached_property
    def _used(self) -> Sequence[str]:
        return forbidden_uses(self._stand_in.source, self._question.function, self._question.forbidden)


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """The misconception that a submission shows."""

    names: tuple[str, ...]
    """All that agree here; they have one sentence."""
    sentence: str


@contextmanager
def _no_warnings() -> Iterator[None]:
    """What a wrong answer makes torch warn of is no news to whoever grades."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _first_failure(
    question: Question, recording: Recording, asked: Answers, live: LocalTransport, used: Sequence[str]
) -> CheckFailed | None:
    position = 0
    for example in recording.examples:
        mine = asked[position : position + len(example.calls)]
        position += len(example.calls)
        oracle = ReplayTransport(example.calls, LocalTransport(question.oracles))
        student = Student(question.functions, ReplayTransport(mine, live), oracle, used)
        try:
            run_body(recording.check, student, example.drawn)
        except CheckFailed as failure:
            return failure
        except GraderError as fault:
            raise GraderError(f"{question.id}: {fault}") from fault
    return None


def diagnose(
    verdicts: Sequence[Verdict], answers: Mapping[str, Answers], known: Sequence[Fingerprint]
) -> Diagnosis | None:
    """The one class of wrong answers that a submission's failures show, if there is exactly one.

    Args:
        verdicts: Of all checks of a question, in order.
        answers: The student's, by check.
        known: Every wrong answer of the question.
    """
    failed = [verdict for verdict in verdicts if verdict.outcome is Outcome.FAILED]
    # Nobody has told what wrong answers do on a submission's own inputs; where it fails elsewhere too, that tells.
    wrong_values = [one for one in failed if one.check.kind is Kind.VALUE and not one.on_own_inputs]
    for verdict in wrong_values[:1] or failed:
        candidates = [one for one in known if _explains(one, verdict, answers)]
        if candidates:
            return _one_class(_most_alike(candidates, verdicts, answers))
    return None


def recognised(question: Question, verdicts: Sequence[Verdict]) -> Diagnosis | None:
    """The wrong answer that a failed check has named itself.

    Raises:
        GraderError: Where the question has no misconception of that name.
    """
    for name in (verdict.failure.misconception for verdict in verdicts if verdict.failure is not None):
        if name is None:
            continue
        sentences = {variant.name: variant.sentence for variant in question.misconceptions}
        sentence = sentences.get(name)
        if sentence is None:
            raise GraderError(f"{question.id}: a check names the misconception {name}, which is not declared")
        same = tuple(other for other, text in sentences.items() if text == sentence)
        return Diagnosis(names=same, sentence=sentence)
    return None


def _explains(one: Fingerprint, verdict: Verdict, answers: Mapping[str, Answers]) -> bool:
    """Whether a wrong answer fails this check as the submission does."""
    name = verdict.check.name
    if verdict.failure is None or name not in answers:
        return False
    if any(_asks(mode, answers[name]) for mode in (Mode.OBSERVE, Mode.COUNT, Mode.META)):
        failure = one.failure(name) if _same_behaviour(answers[name], one.answers(name)) else None
        return failure is not None and failure.cause == verdict.failure.cause
    pairs = []
    for (_, mine), (_, theirs) in zip(answers[name], one.answers(name), strict=True):
        # Most are another mistake at the first input, and need not be asked about the others.
        if not same_answer(mine, theirs):
            return False
        pairs.append((mine, theirs))
    if one.failure(name) is None:
        return False
    return verdict.check.kind is not Kind.VALUE or _has_values(pairs) or all(_say_the_same(*pair) for pair in pairs)


def _has_values(pairs: Sequence[tuple[Answer, Answer]]) -> bool:
    return not all(isinstance(mine, Raised) for mine, _ in pairs)


def _say_the_same(mine: Answer, theirs: Answer) -> bool:
    """Of two that raised wherever values were asked for: the type of exception alone does not make them one mistake."""
    assert isinstance(mine, Raised)
    assert isinstance(theirs, Raised)
    return _NUMBERS.sub("n", mine.message) == _NUMBERS.sub("n", theirs.message)


def _same_behaviour(ours: Answers, known: Iterable[tuple[Call, Answer]]) -> bool:
    """For observations: the same tensors written to or marked, generators moved, and kind of exception."""
    for (_, mine), (_, theirs) in zip(ours, known, strict=True):
        if isinstance(mine, Raised) or isinstance(theirs, Raised):
            if not same_answer(mine, theirs):
                return False
            continue
        if isinstance(mine.value, dict) and isinstance(theirs.value, dict):
            keys = ("changed", "marked", "generators")
            if not all(_same_value(mine.value.get(key), theirs.value.get(key), SAME) for key in keys):
                return False
    return True


def _most_alike(
    candidates: Sequence[Fingerprint], verdicts: Sequence[Verdict], answers: Mapping[str, Answers]
) -> list[Fingerprint]:
    """Of several wrong answers that fit, those that agree with the submission on most checks.

    On the meta device, for which torch loads its compiler, only where the other checks leave a choice.
    """
    on_meta = [verdict for verdict in verdicts if _asks(Mode.META, answers.get(verdict.check.name, ()))]
    best = _agreeing(candidates, [verdict for verdict in verdicts if verdict not in on_meta], answers)
    return best if _one_class(best) else _agreeing(best, on_meta, answers)


def _agreeing(
    candidates: Sequence[Fingerprint], verdicts: Sequence[Verdict], answers: Mapping[str, Answers]
) -> list[Fingerprint]:
    """Those that agree with the submission on most of these checks."""
    if len(candidates) == 1:
        return list(candidates)
    agreement = [
        sum(
            (verdict.outcome is Outcome.PASSED and one.failure(verdict.check.name) is None)
            or (verdict.outcome is Outcome.FAILED and _explains(one, verdict, answers))
            for verdict in verdicts
        )
        for one in candidates
    ]
    return [one for one, count in zip(candidates, agreement, strict=True) if count == max(agreement)]


def _asks(mode: Mode, answers: Answers) -> bool:
    return any(call.mode is mode for call, _ in answers)


def _one_class(candidates: Sequence[Fingerprint]) -> Diagnosis | None:
    if len({one.sentence for one in candidates}) > 1:
        return None
    return Diagnosis(names=tuple(one.name for one in candidates), sentence=candidates[0].sentence)


def same_answer(mine: Answer, theirs: Answer, tolerance: Tolerance = SAME) -> bool:
    """Whether two programs answered alike: equal values, nan for nan, or the same type of exception.

    Args:
        mine: One answer.
        theirs: The other.
        tolerance: Of numbers in float64; those of fewer digits are held to what rounding leaves of them.
    """
    if isinstance(mine, Raised) or isinstance(theirs, Raised):
        return isinstance(mine, Raised) and isinstance(theirs, Raised) and mine.type_name == theirs.type_name
    return _same_value(mine.value, theirs.value, tolerance)


def _same_value(mine: Any, theirs: Any, tolerance: Tolerance) -> bool:
    if isinstance(mine, Tensor) and isinstance(theirs, Tensor):
        return mine.shape == theirs.shape and mine.dtype == theirs.dtype and _same_numbers(mine, theirs, tolerance)
    if isinstance(mine, tuple | list) and isinstance(theirs, tuple | list):
        return len(mine) == len(theirs) and all(_same_value(a, b, tolerance) for a, b in zip(mine, theirs, strict=True))
    if isinstance(mine, dict) and isinstance(theirs, dict):
        return mine.keys() == theirs.keys() and all(_same_value(mine[key], theirs[key], tolerance) for key in mine)
    return type(mine) is type(theirs) and bool(mine == theirs)


def _same_numbers(mine: Tensor, theirs: Tensor, tolerance: Tolerance) -> bool:
    rough = mine.dtype not in (torch.float64, torch.int64)
    a, b = mine.detach().to(torch.float64), theirs.detach().to(torch.float64)
    rtol = 2e-2 if rough and mine.dtype != torch.float32 else 1e-4 if rough else tolerance.rtol
    return bool(torch.allclose(a, b, rtol=rtol, atol=tolerance.atol if not rough else 1e-5, equal_nan=True))
