"""One question of one submission: every check of it, turned into a verdict.

A check is first run on recorded inputs with the student's answers fetched in one frame. Only where that fails does
Hypothesis run it live, to find the smallest input that still fails. This module alone turns exceptions of checks
and workers into outcomes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis.errors import Flaky

from grader.accepted import Accepted
from grader.errors import CheckFailed, GraderError, WorkerFailure
from grader.examples import Drawn, Example, Recording, calls_of, record_examples, run_body, run_given
from grader.link import Batch, Link
from grader.model import Cause, Kind, Outcome
from grader.question import Check, Question
from grader.recorded import Answers, RecordedAnswers
from grader.remote import Student
from grader.replies import is_too_large
from grader.transports import Call, LocalTransport, OnceTransport, ReplayTransport
from grader.worker.frames import WireError
from grader.worker.messages import Answer

MAX_SHRINK_RUNS = 80
"""Live runs of a check's body while a counterexample is shrunk."""

MAX_SHRINK_S = 10.0
"""After which no further live run starts; quick code never takes a tenth of it."""

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
    unfit: tuple[str, ...] = ()
    """Why inputs were left out of the check."""
    on_own_inputs: bool = False
    """Whether it passes on the class's inputs, and fails on one that this submission alone meets."""


@dataclass(kw_only=True)
class QuestionSession:
    """One question of one submission.

    Args:
        question: The question.
        recordings: Of all its checks, in order.
        everything: The calls of all of them.
        link: The submission in its worker.
        personal: By value check, the inputs that this submission alone meets.
        forbidden_uses: What the static scan found for this question.
        is_trial: Whether the worker has served other questions: then only what passes counts, and the question is
            judged again in a worker of its own where anything does not.
    """

    question: Question
    recordings: Sequence[Recording]
    everything: Batch
    link: Link
    personal: Mapping[str, Sequence[Drawn]]
    forbidden_uses: Sequence[str] = ()
    is_trial: bool = False
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    accepted: Accepted = field(default_factory=Accepted)
    """By this process, of this question's recorded inputs."""
    _own: dict[str, tuple[Sequence[Example], Sequence[Answer]]] | None = None
    _own_unfit: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _has_shrunk: bool = False
    _trained: OnceTransport | None = None

    def __post_init__(self) -> None:
        self._recorded = RecordedAnswers(
            self.recordings, self.everything, self.link, self.accepted, self.forbidden_uses
        )

    @property
    def answers(self) -> Mapping[str, Answers]:
        """By check, the student's answers to the recorded calls; what a diagnosis goes by."""
        return self._recorded.by_check

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
        unfit = (*recording.unfit, *self._own_unfit.get(check.name, ()))
        verdict = replace(verdict, duration_s=time.perf_counter() - start, unfit=unfit)
        self.verdicts[check.name] = verdict
        return verdict

    def _judge(self, recording: Recording) -> Verdict:
        check = recording.check
        try:
            if check.kind is Kind.TRAINING:
                return self._judge_trained(recording)
            failing = self._judge_recorded(recording)
            if failing is not None:
                return self._smallest(recording, failing)
            if check.kind is Kind.VALUE:
                failing, _ = self._replay(check, *self._fetched_own(check))
                if failing is not None:
                    return replace(failing, on_own_inputs=True)
            return Verdict(check=check, outcome=Outcome.PASSED)
        except CheckFailed as failure:
            return Verdict(check=check, outcome=Outcome.FAILED, failure=failure)
        except (GraderError, WireError) as fault:
            return Verdict(check=check, outcome=Outcome.ERROR, fault=str(fault))

    def _judge_recorded(self, recording: Recording) -> Verdict | None:
        """The first failure on the class's inputs, or None."""
        if self._recorded.are_accepted(recording):
            return None
        failing, asked_more = self._replay(recording.check, recording.examples, self._recorded.of(recording))
        if failing is None and not asked_more:
            self._recorded.accept(recording)
        return failing

    def _judge_trained(self, recording: Recording) -> Verdict:
        """Run a training check live, for what it asks depends on a module that is not there before.

        What several checks ask alike, first of all the training itself, is asked once.
        """
        self._trained = self._trained or OnceTransport(self.link)
        (example,) = recording.examples
        student = self._student(self._trained, None)
        failure = _failure_of(recording.check, student, example.drawn)
        self._recorded.note(recording, list(student.shown))
        if failure is None:
            return Verdict(check=recording.check, outcome=Outcome.PASSED)
        return Verdict(check=recording.check, outcome=Outcome.FAILED, failure=failure, calls=tuple(student.shown))

    def _fetched_own(self, check: Check) -> tuple[Sequence[Example], Sequence[Answer]]:
        """The submission's own inputs for a value check, with the student's answers; the first fetches those of all."""
        if self._own is None:
            self._own = self._fetch_all_own()
        if check.name not in self._own:
            examples = self._own_examples(check)
            self._own[check.name] = examples, self.link.perform_all(Batch(calls_of(examples)))
        return self._own[check.name]

    def _fetch_all_own(self) -> dict[str, tuple[Sequence[Example], Sequence[Answer]]]:
        """In one exchange; a worker that dies at it is not held against the submission, as nothing had to be asked."""
        deaths = list(self.link.deaths)
        try:
            examples = {check.name: self._own_examples(check) for check in self.question.checks}
            answers = self.link.perform_all(Batch([call for each in examples.values() for call in calls_of(each)]))
        except (WorkerFailure, WireError, GraderError):
            self.link.deaths[:] = deaths
            return {}
        if any(is_too_large(answer) for answer in answers):
            return {}
        rest = iter(answers)
        return {name: (each, [next(rest) for _ in calls_of(each)]) for name, each in examples.items()}

    def _own_examples(self, check: Check) -> list[Example]:
        examples, unfit = record_examples(self.question, check, self.personal.get(check.name, ()))
        self._own_unfit[check.name] = tuple(map(str, unfit))
        return examples

    def _replay(
        self, check: Check, examples: Sequence[Example], answers: Sequence[Answer]
    ) -> tuple[Verdict | None, bool]:
        """Run the check's body on recorded inputs and fetched answers.

        Returns:
            The first failure, or None; and whether the body asked anything else than what was fetched.
        """
        rest = iter(answers)
        asked_more = False
        for example in examples:
            mine = [(call, next(rest)) for call, _ in example.calls]
            transport = ReplayTransport(mine, self.link)
            student = self._student(transport, example)
            failure = _failure_of(check, student, example.drawn)
            if failure is not None:
                return Verdict(check=check, outcome=Outcome.FAILED, failure=failure, calls=tuple(student.shown)), True
            asked_more |= transport.position < len(student.shown)
        return None, asked_more

    def _student(self, transport: Any, example: Example | None) -> Student:
        oracle: Any = LocalTransport(self.question.oracles)
        if example is not None:
            oracle = ReplayTransport(example.calls, oracle)
        return Student(self.question.functions, transport, oracle, self.forbidden_uses)

    def _smallest(self, recording: Recording, failing: Verdict) -> Verdict:
        """The failure on the smallest input that Hypothesis finds; shrinking is done once a question."""
        assert failing.failure is not None
        if self.is_trial or self._has_shrunk or failing.failure.cause not in _SHRINKABLE:
            return failing
        self._has_shrunk = True
        search = _Search(
            check=recording.check,
            attempt=lambda: self._student(self.link, None),
            is_fit=lambda drawn: bool(record_examples(self.question, recording.check, [drawn])[0]),
        )
        try:
            run_given(recording.check.test, recording.seed, search.body)
        except CheckFailed:
            assert search.best is not None
            return search.best
        except Flaky:
            pass
        # Where the search was cut short, Hypothesis has missed failures that there were: the code did not change.
        return (search.best or failing) if search.is_over else _nondeterministic(failing)


@dataclass(kw_only=True)
class _Search:
    """What Hypothesis runs while it shrinks: live, and no more often than the limit.

    After the limit, inputs not yet seen to fail are let pass, so that the shrinker stops where it is.
    """

    check: Check
    attempt: Callable[[], Student]
    is_fit: Callable[[Drawn], bool]
    """Whether the oracle passes on an input; where it does not, nobody could."""
    started: float = field(default_factory=time.monotonic)
    runs: int = 0
    best: Verdict | None = None
    best_drawn: str = ""

    @property
    def is_over(self) -> bool:
        """Whether no more is run live."""
        return self.runs >= MAX_SHRINK_RUNS or time.monotonic() - self.started > MAX_SHRINK_S

    def body(self, drawn: Drawn) -> None:
        """One input."""
        text = repr(drawn)
        if self.is_over:
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
        if failure is None or not self.is_fit(drawn):
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
