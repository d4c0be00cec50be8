"""One grading process: its zygote, its recordings, and the way from a task to a result document."""

from __future__ import annotations

import gc
import math
import platform
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Self

import msgspec
import torch

import grader
from grader import carrying, catalog, sandboxes, scan, scoring, secret, variants
from grader.accepted import Accepted
from grader.carrying import Carried
from grader.catalog import LoadedAssignment
from grader.diagnosis import Diagnosis, Fingerprint, diagnose, recognised
from grader.errors import CheckFailed, WorkerFailure
from grader.examples import Drawn, PersonalInputs, Recording, derive_seed, record_question
from grader.feedback import check_result, following_result
from grader.link import Batch, Link, Relay
from grader.model import (
    Cause,
    CheckResult,
    Environment,
    Kind,
    Outcome,
    QuestionResult,
    SandboxInfo,
    SubmissionInfo,
    SubmissionResult,
)
from grader.question import Question
from grader.session import QuestionSession, Verdict
from grader.task import Plan, Task
from grader.workers import Worker
from grader.zygotes import Zygotes

EXCHANGES = 6
"""How many times its time limit a question's code may take to answer, all exchanges together."""

CLOCK = 3
"""Seconds on the clock for each second of processor time that training may take: graders share their cores."""

AROUND_TRAINING_S = 10
"""Processor time beyond a training budget: for the import, and for using what was trained."""

MAX_UNCOLLECTED_BYTES = 64 << 20
"""What the replies to questions that are graded may hold of memory before garbage is looked for."""


class Marker:
    """Everything that grading processes keep from one submission to the next. A context manager.

    Args:
        plan: How to work.
        zygotes: Where there are some that warm up already.
    """

    def __init__(self, plan: Plan, zygotes: Zygotes | None = None) -> None:
        # As in a worker: the same kernels and the same order of summation, and no core taken from the students' code.
        torch.set_num_threads(1)
        self.plan = plan
        self._assignments: dict[str, LoadedAssignment] = {}
        self._recordings: dict[Question, Sequence[Recording]] = {}
        self._batches: dict[Question, Batch] = {}
        self._accepted: dict[Question, Accepted] = defaultdict(Accepted)
        self._known: dict[Question, Sequence[Fingerprint]] = {}
        self._inputs: dict[str, PersonalInputs] = {}
        self._drawn: tuple[tuple[str, str], Mapping[tuple[str, str], list[Drawn]]] = ("", ""), {}
        self._uncollected_bytes = 0
        """What the replies to questions have taken up since garbage was looked for."""
        self.zygotes = zygotes or Zygotes(plan)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.zygotes.close()

    def prepare(self, task: Task) -> None:
        """Load and record all that grading a task takes, before anybody waits for it."""
        for question in self.questions(task):
            self.recordings(question)

    def continue_with(self, zygotes: Zygotes) -> None:
        """Go on in a process that was forked from the one that made this, which keeps its own zygotes."""
        self.zygotes.let_go()
        self.zygotes = zygotes

    def assignment(self, name: str) -> LoadedAssignment:
        """An assignment of the course, loaded once."""
        if name not in self._assignments:
            self._assignments[name] = catalog.load(self.plan.course, name)
        return self._assignments[name]

    def recordings(self, question: Question) -> Sequence[Recording]:
        """The class's inputs for a question's checks, recorded once."""
        if question not in self._recordings:
            recordings = record_question(question, self.plan.secret)
            self._recordings[question] = recordings
            self._batches[question] = Batch([call for recording in recordings for call in recording.calls])
        return self._recordings[question]

    def known(self, assignment: LoadedAssignment, question: Question) -> Sequence[Fingerprint]:
        """The question's wrong answers, prepared when the first submission fails it."""
        if question not in self._known:
            # What is trained differs from run to run; its checks recognise what they can themselves.
            self._known[question] = (
                []
                if question.budget_s is not None
                else [
                    Fingerprint(question, stand_in, self.recordings(question))
                    for stand_in in variants.misconceptions(assignment, question)
                ]
            )
        return self._known[question]

    def questions(self, task: Task) -> list[Question]:
        """The automatic questions that a task asks for."""
        every = self.assignment(task.submission.assignment).questions
        return [question for question in every if task.questions is None or question.id in task.questions]

    @contextmanager
    def session(self, task: Task, question: Question, relay: Relay) -> Iterator[QuestionSession]:
        """A question of a submission, with its worker for as long as it lasts.

        One in a worker that the relay had is a trial.
        """
        self._collect()
        submission = task.submission
        # Before a zygote is asked for, which at first takes as long as this to be ready.
        recordings = self.recordings(question)
        zygote, wall_s, budget_s = self.zygotes.of(task.device), self.plan.wall_s, question.budget_s
        spawn: Callable[[], Worker] = zygote.spawn
        if budget_s is not None:
            spawn = partial(zygote.spawn, cpu_s=math.ceil(budget_s) + AROUND_TRAINING_S)
            wall_s = max(wall_s, CLOCK * (budget_s + AROUND_TRAINING_S))
        link = Link(
            spawn,
            module=submission.assignment,
            source=submission.source,
            device=task.device,
            seed=derive_seed(self.plan.secret, "worker", submission.sha256, question.id) >> 1,
            relay=relay,
            is_alone=budget_s is not None,
            total_s=EXCHANGES * self.plan.wall_s + (wall_s if budget_s is not None else 0.0),
            wall_s=wall_s,
        )
        try:
            yield QuestionSession(
                question=question,
                recordings=recordings,
                everything=self._batches[question],
                link=link,
                personal=self._personal(task, question),
                is_trial=link.is_inherited,
                accepted=self._accepted[question],
                forbidden_uses=scan.forbidden_uses(submission.source, question.function, question.forbidden),
            )
        finally:
            link.close()
            self._uncollected_bytes += link.received_bytes

    def _collect(self) -> None:
        """Let go of what large replies left, which Python, counting objects and not bytes, may keep for a whole class.

        A failure's traceback and pytest's items refer to themselves, and lead to all that the question was answered.
        """
        if self._uncollected_bytes > MAX_UNCOLLECTED_BYTES:
            gc.collect()
            self._uncollected_bytes = 0

    def _personal(self, task: Task, question: Question) -> dict[str, list[Drawn]]:
        """By value check of the question, the inputs that this submission alone meets."""
        if all(check.kind is not Kind.VALUE for check in question.checks):
            return {}
        name, sha256 = task.submission.assignment, task.submission.sha256
        if name not in self._inputs:
            self._inputs[name] = PersonalInputs(self.assignment(name).questions)
        if self._drawn[0] != (name, sha256):
            self._drawn = (name, sha256), self._inputs[name].draw(self.plan.secret, sha256)
        return {check: drawn for (identity, check), drawn in self._drawn[1].items() if identity == question.id}

    def question_result(
        self,
        task: Task,
        session: QuestionSession,
        verdicts: Sequence[Verdict],
        earlier: Mapping[str, QuestionResult],
    ) -> QuestionResult:
        """What a question earned, with a diagnosis where it failed.

        Args:
            task: What is graded.
            session: The question, with its worker.
            verdicts: Of its checks, in order.
            earlier: What the questions before it in the assignment earned, by id.
        """
        found: Diagnosis | None = None
        if any(_is_telling(verdict) for verdict in verdicts):
            assignment = self.assignment(task.submission.assignment)
            found = recognised(session.question, verdicts)
            found = found or diagnose(verdicts, session.answers, self.known(assignment, session.question))
        misconception = " / ".join(found.names) if found else None
        known = {name: result.misconception for name, result in earlier.items()}
        following = self._carried(task, session, verdicts, {**known, session.question.id: misconception})
        elsewhere = following is not None and following.mistake.question is not session.question
        return scoring.question_result(
            session.question,
            [self._check_result(verdict, following) for verdict in verdicts],
            hint=carrying.hint(following) if following and elsewhere else found.sentence if found else None,
            misconception=misconception,
            because_of=following.mistake.question.id if following and elsewhere else None,
        )

    def _check_result(self, verdict: Verdict, following: Carried | None) -> CheckResult:
        if following is None or verdict.check.name not in following.checks:
            return check_result(verdict)
        score = verdict.check.points if self.plan.carry else 0.0
        return following_result(verdict, carrying.hint(following), score)

    def _carried(
        self,
        task: Task,
        session: QuestionSession,
        verdicts: Sequence[Verdict],
        misconceptions: Mapping[str, str | None],
    ) -> Carried | None:
        question = session.question
        if not question.composed_oracles or all(verdict.outcome is Outcome.PASSED for verdict in verdicts):
            return None
        assignment = self.assignment(task.submission.assignment)
        mistakes = carrying.earlier_mistakes(assignment, question, misconceptions)
        return carrying.carried(question, verdicts, session.answers, mistakes)

    def without_running(
        self, task: Task, question: Question, *, failure: CheckFailed | None = None, fault: str | None = None
    ) -> QuestionResult:
        """A question whose checks all end the same way: with a failure, a fault, or (neither) skipped."""
        outcome = Outcome.FAILED if failure else Outcome.ERROR if fault else Outcome.SKIPPED
        checks = [
            check_result(Verdict(check=check, outcome=outcome, failure=failure, fault=fault))
            for check in question.checks
        ]
        if outcome is Outcome.SKIPPED:
            checks = [_no_device(check, task.device) for check in checks]
        result = scoring.question_result(question, checks)
        # What was never run is not a zero.
        return msgspec.structs.replace(result, score=None) if outcome is Outcome.SKIPPED else result

    def document(self, task: Task, questions: Sequence[QuestionResult], started: float) -> SubmissionResult:
        """The result document of a submission whose automatic questions are graded."""
        submission = task.submission
        assignment = self.assignment(submission.assignment)
        written = [
            scoring.written_result(question, submission.answers.get(question.id))
            for question in assignment.written
            if task.questions is None
        ]
        flags = [*scan.suspicious(submission.source), *scoring.review_flags(questions)]
        faulty = any(question.outcome is Outcome.ERROR for question in questions)
        return SubmissionResult(
            key=task.key,
            assignment=submission.assignment,
            submission=SubmissionInfo(
                id=submission.id,
                sha256=submission.sha256,
                submitted_at=submission.submitted_at,
                filename=submission.filename,
                name=submission.name,
                commit=submission.commit,
            ),
            device=task.device,
            score=scoring.total(questions),
            max_score=scoring.max_total(questions),
            needs_review=bool(flags) or faulty,
            flags=tuple(flags),
            notes=submission.notes,
            duration_s=round(time.perf_counter() - started, 1),
            environment=environment(),
            sandbox=self._sandbox_info(),
            seed_fingerprint=secret.fingerprint(self.plan.secret),
            questions=(*questions, *written),
        )

    def _sandbox_info(self) -> SandboxInfo:
        profile = sandboxes.load(self.plan.sandbox)
        return SandboxInfo(mode=profile.mode, layers=tuple(str(layer) for layer in profile.layers))


def environment() -> Environment:
    """What this process computes with."""
    return Environment(
        grader=grader.__version__,
        torch=str(torch.__version__),
        python=platform.python_version(),
        cpu_capability=torch.backends.cpu.get_cpu_capability(),
    )


def _is_telling(verdict: Verdict) -> bool:
    """Whether a failure can be a misconception, not just work that is missing or a process that is gone."""
    failure = verdict.failure
    return failure is not None and failure.cause is not Cause.NOT_IMPLEMENTED and not isinstance(failure, WorkerFailure)


def is_absent(device: str) -> bool:
    """Whether this machine lacks a device that was asked for."""
    return device != "cpu" and not torch.cuda.is_available()


def _no_device(check: CheckResult, device: str) -> CheckResult:
    return msgspec.structs.replace(
        check, cause=Cause.DEVICE, message=f"Not run: this machine has no device {device!r}."
    )
