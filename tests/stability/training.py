"""What the scripts about trained questions share: whom they train, with which inputs, and how they tell it."""

from __future__ import annotations

import argparse
import hashlib
import statistics
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any, Protocol, TypeVar

import torch

from grader import catalog, variants
from grader.examples import derive_seed
from grader.question import Question
from grader.remote import Student
from grader.strategies import FULL_PRECISION, Numbers
from grader.transports import LocalTransport, OnceTransport
from grader.variants import StandIn
from tests.stability.full_marks import ROOT, SETTINGS, InProcess

RIGHT = ("solution", "alternative")


class Row(Protocol):
    """One training: besides these, what was measured, each figure under the name of its column."""

    @property
    def name(self) -> str:
        """Of the answer."""

    @property
    def kind(self) -> str:
        """Of the answer: solution, alternative, short, listed or trivial."""

    @property
    def said(self) -> str | None:
        """The misconception that the grader would name."""


def stand_ins(assignment_name: str, question: Question, *, steps: int, short: Sequence[int]) -> list[StandIn]:
    """Right answers, right ones that are cut short, wrong ones, and answers without content.

    Args:
        assignment_name: The question's assignment.
        question: The trained one.
        steps: After how many the model solution stops.
        short: And after how many it is stopped too early.
    """
    assignment = catalog.load(ROOT, assignment_name)
    source, whole = assignment.solution_source, f"steps: int = {steps}"
    if whole not in source:
        raise ValueError(f"the solution of {question.id} does not say `{whole}`; say here after how many it stops")
    mine = next(one for one in assignment.questions if one.id == question.id)
    cut = [
        StandIn(name=f"{count} steps", kind="short", source=source.replace(whole, f"steps: int = {count}"))
        for count in short
    ]
    listed = [one for one in variants.misconceptions(assignment, mine) if one.kind == "listed"]
    solution = StandIn(name="solution", kind="solution", source=source)
    trivial = variants.trivial_answers(assignment, mine)
    return [solution, *variants.alternatives(assignment, mine), *cut, *listed, *trivial]


def student_of(question: Question, stand_in: StandIn, number: int) -> tuple[Student, Callable[[], Numbers]]:
    """The answer as checks see it, and their source of numbers under the course secret of that number.

    Torch's default dtype and its threads are taken in turn.
    """
    torch.set_num_threads(1)
    # What code of others makes torch warn of is no news here.
    warnings.simplefilter("ignore")
    link: Any = InProcess(stand_in.defined(), *SETTINGS[number % len(SETTINGS)])
    seed = derive_seed(hashlib.sha256(f"stability {number}".encode()).digest(), "training", question.id)
    student = Student(question.functions, OnceTransport(link), LocalTransport(question.oracles))
    return student, lambda: Numbers(seed=seed, decimals=FULL_PRECISION)


def taken_for_another(question: Question, rows: Sequence[Row]) -> Iterator[str]:
    """Answers that are told a mistake which is not theirs."""
    sentences = {variant.name: variant.sentence for variant in question.misconceptions}
    for row in rows:
        is_fine = row.kind in (*RIGHT, "short")
        if row.said and (is_fine or (row.kind == "listed" and sentences[row.said] != sentences[row.name])):
            yield f"{row.name} is taken for {row.said}"


def table(rows: Sequence[Row], columns: Sequence[str]) -> str:
    """One line for each answer: median and range of what was measured, and how often the grader would say what."""
    lines = [f"{'answer':40s}" + "".join(f"{column:>32s}" for column in columns) + "  said"]
    for name in dict.fromkeys(row.name for row in rows):
        mine = [row for row in rows if row.name == name]
        said = ", ".join(f"{what} {count}" for what, count in Counter(row.said for row in mine).items())
        ranges = "".join(f"{_range([getattr(row, column) for row in mine]):>32s}" for column in columns)
        lines.append(f"{name:40s}{ranges}  {said}")
    return "\n".join(lines)


def _range(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.3g} ({min(values):.3g} to {max(values):.3g})"


R = TypeVar("R", bound="Row")


def main(
    answers: Sequence[StandIn],
    measured: Callable[[StandIn, int], R],
    problems: Callable[[Sequence[R]], Sequence[str]],
    columns: Sequence[str],
) -> None:
    """Train what the command line asks for, print the table and what is wrong with it; exit with 1 where anything is.

    Args:
        answers: Of `stand_ins`.
        measured: Trains one with the course secret of a number.
        problems: What must not be.
        columns: Names of figures of a row; the first is told as soon as a training ends.
    """
    parser = argparse.ArgumentParser(description="Do training noise and thresholds keep apart?")
    parser.add_argument("--secrets", type=int, default=20)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", nargs="*", default=[], metavar="NAME", help="answers, or kinds of answers")
    options = parser.parse_args()
    chosen = [one for one in answers if not options.only or {one.name, one.kind} & set(options.only)]
    numbers = range(options.first, options.first + options.secrets)
    rows: list[R] = []
    with ProcessPoolExecutor(options.jobs) as pool:
        futures = [pool.submit(measured, one, number) for one in chosen for number in numbers]
        for future in futures:
            rows.append(future.result())
            figure = getattr(rows[-1], columns[0])
            print(f"{len(rows)} of {len(futures)}: {rows[-1].name} {columns[0]} {figure:.4f}", file=sys.stderr)
    wrong = problems(rows)
    print(table(rows, columns), *wrong, sep="\n")
    sys.exit(1 if wrong else 0)
