"""Right answers keep full marks, whatever inputs a course draws: the model solutions and every alternative.

    python -m tests.stability.full_marks [ASSIGNMENT ...] [--secrets 200] [--jobs 2]

Each course secret gives all checks other inputs. The code is run in this process, without a sandbox. With torch's
default dtype float32 or float64, on one thread or two: the secrets take the four in turn. Questions that train are
left out here; they have scripts of their own. Not part of the test suite: 200 secrets take a while.
"""

from __future__ import annotations

import hashlib
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from grader import catalog, variants
from grader.catalog import LoadedAssignment
from grader.examples import PersonalInputs, record_question
from grader.link import Batch
from grader.model import Outcome
from grader.question import Question
from grader.session import QuestionSession, Verdict
from grader.transports import Call, LocalTransport
from grader.variants import StandIn
from grader.worker.messages import Answer
from tests.stability.many_secrets import ROOT, under_many_secrets

SETTINGS = [(dtype, threads) for dtype in (torch.float32, torch.float64) for threads in (1, 2)]


class InProcess:
    """A link to right code in this process, with torch set up as a student's program may set it up."""

    def __init__(self, functions: Mapping[str, Any], dtype: torch.dtype, threads: int) -> None:
        self.transport = LocalTransport(functions, quiet=False)
        self.dtype, self.threads = dtype, threads
        self.deaths: list[Any] = []

    def perform(self, call: Call) -> Answer:
        with _set_up(self.dtype, self.threads):
            return self.transport.perform(call)

    def perform_all(self, batch: Batch) -> list[Answer]:
        with _set_up(self.dtype, self.threads):
            return [self.transport.perform(call) for call in batch.calls]

    def reply_to(self, batch: Batch, is_known: object) -> AtHand:
        return AtHand(self.perform_all(batch))


@dataclass(frozen=True)
class AtHand:
    """A reply that never was bytes."""

    answers: list[Answer]
    digest: None = None

    def read(self) -> list[Answer]:
        return self.answers


@contextmanager
def _set_up(dtype: torch.dtype, threads: int) -> Iterator[None]:
    before = torch.get_default_dtype(), torch.get_num_threads()
    torch.set_default_dtype(dtype)
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_default_dtype(before[0])
        torch.set_num_threads(before[1])


StandIns = Callable[[LoadedAssignment, Question], Sequence[StandIn]]


def right_answers(assignment: LoadedAssignment, question: Question) -> list[StandIn]:
    """The model solution and every alternative."""
    solution = StandIn(name="solution", kind="solution", source=assignment.solution_source)
    return [solution, *variants.alternatives(assignment, question)]


def judged(name: str, number: int, answers: StandIns) -> Iterator[tuple[Question, StandIn, list[Verdict]]]:
    """Answers to the questions of an assignment that do not train, with the course secret of that number."""
    torch.set_num_threads(1)
    # What code of others makes torch warn of is no news here.
    warnings.simplefilter("ignore")
    assignment = catalog.load(ROOT, name)
    secret = hashlib.sha256(f"stability {number}".encode()).digest()
    drawn = PersonalInputs(assignment.questions).draw(secret, hashlib.sha256(bytes([number % 256])).hexdigest())
    for question in assignment.questions:
        if question.budget_s is not None:
            continue
        personal = {check: inputs for (identity, check), inputs in drawn.items() if identity == question.id}
        recordings = record_question(question, secret)
        everything = Batch([call for recording in recordings for call in recording.calls])
        for stand_in in answers(assignment, question):
            link: Any = InProcess(stand_in.defined(), *SETTINGS[number % len(SETTINGS)])
            session = QuestionSession(
                question=question, recordings=recordings, everything=everything, link=link, personal=personal
            )
            yield question, stand_in, [session.run(recording) for recording in recordings]


def lost_points(name: str, number: int) -> list[str]:
    """What right answers lose with the course secret of that number; one line each."""
    return [
        f"{name}, secret {number}: {question.id} {stand_in.name} {SETTINGS[number % len(SETTINGS)]}: "
        f"{verdict.check.name}: {verdict.failure or verdict.fault}"
        for question, stand_in, verdicts in judged(name, number, right_answers)
        for verdict in verdicts
        if verdict.outcome is not Outcome.PASSED
    ]


def main() -> None:
    """Print what was lost, and how much was tried; exit with 1 where anything was lost."""
    tried, found = under_many_secrets(
        lost_points, description="Do right answers keep full marks whatever inputs are drawn?", secrets=200
    )
    lost = [line for lines in found for line in lines]
    print("\n".join(lost))
    print(f"{tried}: {len(lost)} checks lost")
    sys.exit(1 if lost else 0)


if __name__ == "__main__":
    main()
