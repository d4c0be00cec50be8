"""One submission, one device: every check of an assignment, each turned into a verdict.

A check is first run on recorded inputs with the student's answers fetched in one frame. Only where that fails does
Hypothesis run it live, to find the smallest input that still fails. This module alone turns exceptions of checks
and workers into outcomes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis.errors import Flaky

from grader.errors import CheckFailed, GraderError, WorkerFailure
from grader.examples import Drawn, Example, Recording, record_personal, run_body, run_given
from grader.link import Link
from grader.model import Cause, Kind, Outcome
from grader.question import Check, Question
from grader.remote import Answer, Call, LocalTransport, ReplayTransport, Student

MAX_SHRINK_RUNS = 80
"""Live runs of a check's body while a counterexample is shrunk."""

_SHRINKABLE = {Cause.MISMATCH, Cause.SHAPE, Cause.DTYPE, Cause.NON_FINITE, Cause.EXCEPTION, Cause.DEVICE}


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a check found, before anything is decided about who may see it."""

    check: Check
    outcome: Outcome
    failure: CheckFailed | None = None
    calls: tuple[tuple[Call, Answer], ...] = ()
    """The calls of the smallest failing input, with the student's own answers."""
    fault: str | None = None
    """The grader's own fault, for the instructor."""
    duration_s: float = 0.0


@dataclass(kw_only=True)
class QuestionSession:
    """One question of one submission.

    Args:
        question: The question.
        recordings: Of all its checks, in order.
        link: The submission in its worker.
        secret: The course secret.
        sha256: Of the submission.
        forbidden_uses: What the static scan found for this question.
    """

    question: Question
    recordings: Sequence[Recording]
    link: Link
    secret: bytes
    sha256: str
    forbidden_uses: Sequence[str] = ()
    answers: dict[str, list[tuple[Call, Answer]]] = field(default_factory=dict)
    """By check, the student's answers to the recorded calls; what a diagnosis goes by."""
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    _has_shrunk: bool = False

    def run(self, recording: Recording) -> Verdict:
        """Run one check; never raises for anything that the submission does.

        Raises:
            SandboxError: Where no worker can be confined any more.
        """
        start = time.perf_counter()
        check = recording.check
        if any(self.verdicts[name].outcome is not Outcome.PASSED for name in check.requires):
            verdict = Verdict(check=check, outcome=Outcome.SKIPPED)
        else:
            verdict = self._judge(recording)
        verdict = _timed(verdict, time.perf_counter() - start)
        self.verdicts[check.name] = verdict
        return verdict

    def _judge(self, recording: Recording) -> Verdict:
        try:
            failing = self._replay(recording)
            if failing is None and recording.check.kind is Kind.VALUE:
                recording = record_personal(self.question, recording.check, self.secret, self.sha256)
                failing = self._replay(recording)
            if failing is None:
                return Verdict(check=recording.check, outcome=Outcome.PASSED)
            return self._smallest(recording, failing)
        except CheckFailed as failure:
            return Verdict(check=recording.check, outcome=Outcome.FAILED, failure=failure)
        except GraderError as fault:
            return Verdict(check=recording.check, outcome=Outcome.ERROR, fault=str(fault))

    def _replay(self, recording: Recording) -> Verdict | None:
        """Run the check's body on every recorded input; the first failure, or None."""
        answers = self.link.perform_all(recording.calls)
        asked = list(zip(recording.calls, answers, strict=True))
        self.answers.setdefault(recording.check.name, asked)
        position = 0
        for example in recording.examples:
            mine = asked[position : position + len(example.calls)]
            position += len(example.calls)
            student = self._student(ReplayTransport(mine, self.link), example)
            failure = _failure_of(recording.check, student, example.drawn)
            if failure is not None:
                return Verdict(
                    check=recording.check,
                    outcome=Outcome.FAILED,
                    failure=failure,
                    calls=tuple(student.shown),
                )
        return None

    def _student(self, transport: Any, example: Example | None) -> Student:
        oracle: Any = LocalTransport(self.question.oracles)
        if example is not None:
            oracle = ReplayTransport(example.calls, oracle)
        return Student(self.question.functions, transport, oracle, self.forbidden_uses)

    def _smallest(self, recording: Recording, failing: Verdict) -> Verdict:
        """The failure on the smallest input that Hypothesis finds; shrinking is done once a question."""
        assert failing.failure is not None
        if self._has_shrunk or failing.failure.cause not in _SHRINKABLE:
            return failing
        self._has_shrunk = True
        search = _Search(check=recording.check, attempt=lambda: self._student(self.link, None))
        try:
            run_given(recording.test, recording.seed, search.body)
        except (CheckFailed, Flaky) as error:
            return search.best if isinstance(error, CheckFailed) and search.best else _nondeterministic(failing)
        return failing if self.link.deaths else _nondeterministic(failing)


@dataclass(kw_only=True)
class _Search:
    """What Hypothesis runs while it shrinks: live, and no more often than the limit.

    After the limit, inputs not yet seen to fail are let pass, so that the shrinker stops where it is.
    """

    check: Check
    attempt: Callable[[], Student]
    runs: int = 0
    best: Verdict | None = None
    best_drawn: str = ""

    def body(self, drawn: Drawn) -> None:
        """One input."""
        text = repr(drawn)
        if self.runs >= MAX_SHRINK_RUNS:
            if self.best is not None and text == self.best_drawn:
                assert self.best.failure is not None
                raise self.best.failure
            return
        self.runs += 1
        student = self.attempt()
        failure = _failure_of(self.check, student, drawn)
        if isinstance(failure, WorkerFailure):
            # Another input kills the worker; what was found before stands, and no more time goes into this.
            self.runs = MAX_SHRINK_RUNS
            return
        if failure is None:
            return
        self.best_drawn = text
        self.best = Verdict(check=self.check, outcome=Outcome.FAILED, failure=failure, calls=tuple(student.shown))
        raise failure


def _failure_of(check: Check, student: Student, drawn: Drawn) -> CheckFailed | None:
    try:
        run_body(check, student, drawn)
    except CheckFailed as failure:
        return failure
    return None


def _nondeterministic(failing: Verdict) -> Verdict:
    failure = CheckFailed(Cause.NONDETERMINISTIC, "Called twice with the same inputs, your code behaved differently.")
    return Verdict(check=failing.check, outcome=Outcome.FAILED, failure=failure, calls=failing.calls)


def _timed(verdict: Verdict, duration_s: float) -> Verdict:
    return Verdict(
        check=verdict.check,
        outcome=verdict.outcome,
        failure=verdict.failure,
        calls=verdict.calls,
        fault=verdict.fault,
        duration_s=duration_s,
    )
