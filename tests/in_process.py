"""Submissions as Python functions in this process, behind a link that counts, fails or dies as a test says."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from grader.errors import WorkerFailure
from grader.examples import Recording
from grader.link import Batch
from grader.model import Cause
from grader.question import Question
from grader.received import Received
from grader.session import QuestionSession, Verdict
from grader.transports import Call, LocalTransport
from grader.worker import wire
from grader.worker.messages import Answer, Packed, Reply, Returned, encode


class FakeLink:
    """Answers as a worker that holds these functions would; from its n-th call on it may die."""

    def __init__(self, functions: Mapping[str, Any], *, dies_at: float = math.inf, cause: Cause = Cause.CRASH) -> None:
        self.transport = LocalTransport(functions, quiet=False)
        self.dies_at = dies_at
        self.cause = cause
        self.calls = 0
        self.exchanges = 0
        self.known = 0
        """Replies that need not be read."""
        self.deaths: list[WorkerFailure] = []

    def perform(self, call: Call) -> Answer:
        return self.perform_all(Batch([call]))[0]

    def perform_all(self, batch: Batch) -> list[Answer]:
        if not batch.calls:
            return []
        self.exchanges += 1
        answers = []
        for call in batch.calls:
            self.calls += 1
            if self.calls >= self.dies_at:
                self.deaths.append(WorkerFailure(self.cause, "it died"))
                raise self.deaths[-1]
            answers.append(self.transport.perform(call))
        return answers

    def reply_to(self, batch: Batch, is_known: Callable[[Received], bool]) -> Received:
        packer = wire.Packer()
        answers = [
            Packed(packer.pack(answer.value)) if isinstance(answer, Returned) else answer
            for answer in self.perform_all(batch)
        ]
        body = memoryview(b"".join(packer.parts))
        received = Received(
            encode(Reply(self.exchanges, answers)), body, number=self.exchanges, count=len(answers), lines=()
        )
        self.known += is_known(received)
        return received


def session_of(question: Question, recordings: Sequence[Recording], link: FakeLink, **more: Any) -> QuestionSession:
    values: dict[str, Any] = {"personal": {check.name: [] for check in question.checks}, **more}
    everything = Batch([call for recording in recordings for call in recording.calls])
    return QuestionSession(question=question, recordings=recordings, everything=everything, link=link, **values)  # type: ignore[arg-type]


def verdicts(question: Question, recordings: Sequence[Recording], link: FakeLink, **more: Any) -> dict[str, Verdict]:
    grading = session_of(question, recordings, link, **more)
    return {recording.check.name: grading.run(recording) for recording in recordings}
