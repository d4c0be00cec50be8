"""What the grader itself costs: its processor time for one right submission, arithmetic of oracles aside.

Counted is the processor time of the grading process, all threads, user and system, from taking a submission until
its result document is complete: drawing inputs, packing, checking and comparing answers, running the checks under
pytest. Not counted is what it spends inside oracles and their gradients, nor what zygote and workers spend: that
is told apart, and holds the student's own arithmetic.
"""

from __future__ import annotations

import functools
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

from grader import standard
from grader.marking import Marker
from grader.question import Question
from grader.task import Task
from grader.worker import calls
from tests.benchmarks import course, machine
from tests.benchmarks.figures import Figure, median

ASSIGNMENT = "mle"

Function = Callable[..., Any]


class Meter:
    """Adds up the processor time of functions; a call within a metered call counts once."""

    def __init__(self) -> None:
        self.spent_s = 0.0
        self._depth = 0

    def metered(self, function: Function) -> Function:
        """The same function, timed."""

        @functools.wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            start = time.process_time()
            self._depth += 1
            try:
                return function(*args, **kwargs)
            finally:
                self._depth -= 1
                if not self._depth:
                    self.spent_s += time.process_time() - start

        return timed


def measure(quick: bool) -> Sequence[Figure]:
    """Per submission, the median over several; the first ones warm the process up."""
    warm_up, count = (0, 1) if quick else (4, 20)
    with _metered_oracles() as meter, Marker(course.plan()) as marker:
        own_s, oracle_s, workers_s = _spent(marker, meter, warm_up, count)
        questions = marker.assignment(ASSIGNMENT).questions
        cases = sum(len(one.examples) for question in questions for one in marker.recordings(question))
        asked = sum(len(one.calls) for question in questions for one in marker.recordings(question))
    checks = sum(len(question.checks) for question in questions)
    what = f"{len(questions)} questions, {checks} checks, {cases} inputs, {asked} calls, besides a submission's own"
    return [
        Figure(
            what=f"the grader's own processor time, one {ASSIGNMENT} submission",
            measured=1000 * median(own_s),
            unit="ms",
            must=100,
            how=f"grading process without oracles, p50 of {count}; {what}",
        ),
        Figure(what="oracles' arithmetic for it", measured=1000 * median(oracle_s), unit="ms", how="not in the above"),
        Figure(
            what="zygote and workers for it",
            measured=1000 * workers_s,
            unit="ms",
            how="mean; not in the above; one worker for all its questions, and the student's arithmetic",
        ),
    ]


def _spent(marker: Marker, meter: Meter, warm_up: int, count: int) -> tuple[list[float], list[float], float]:
    """Processor seconds of the grading process, of its oracles, and of its workers."""
    own_s: list[float] = []
    oracle_s: list[float] = []
    before_s = 0.0

    def timed() -> Iterator[Task]:
        nonlocal before_s
        for number, task in enumerate(course.right(ASSIGNMENT)):
            if number == warm_up:
                own_s.clear()
                oracle_s.clear()
                before_s = _workers_s()
            start, oracle_start = time.process_time(), meter.spent_s
            yield task
            oracle_s.append(meter.spent_s - oracle_start)
            own_s.append(time.process_time() - start - oracle_s[-1])

    course.graded(marker, timed(), warm_up + count + 1)
    return own_s, oracle_s, (_workers_s() - before_s) / (count + 1)


def _workers_s() -> float:
    """Of all zygotes of this process; a worker's time is its zygote's once it has ended."""
    return sum(map(machine.cpu_s, machine.children(os.getpid())))


@contextmanager
def _metered_oracles() -> Iterator[Meter]:
    """Every oracle that is loaded meanwhile is metered, as are gradients, which this process takes of oracles alone."""
    meter = Meter()
    declare = Question.oracle
    with ExitStack() as stack:
        stack.callback(_forget_questions)
        _forget_questions()
        stack.enter_context(
            mock.patch.object(Question, "oracle", lambda self, function: declare(self, meter.metered(function)))
        )
        for module in (calls, standard):
            for name in ("vjp", "vjp2"):
                stack.enter_context(mock.patch.object(module, name, meter.metered(getattr(module, name))))
        yield meter


def _forget_questions() -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "reference"]:
        del sys.modules[name]
