"""What trained flows look like, over many course secrets: fr.8's thresholds stand on this.

    python -m tests.stability.flow [--secrets 20] [--first 0] [--jobs 2] [--only NAME ...]

For the model solution and every alternative, for the same loss trained too briefly, and for every wrong answer: the
gap above the entropy, the integral of the density, the stated log-determinant's error, and what the grader would say.
Exits with 1 where a right answer is not within the threshold of full points or fails another demand, or a wrong answer
or short training is taken for another mistake. The settings of torch's default dtype and threads are taken in turn.
"""

from __future__ import annotations

import argparse
import hashlib
import statistics
import sys
import time
import warnings
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

import torch

from grader import catalog, variants
from grader.errors import CheckFailed
from grader.examples import derive_seed
from grader.remote import Student
from grader.strategies import FULL_PRECISION, Numbers
from grader.transports import LocalTransport, OnceTransport
from grader.variants import StandIn
from reference.frontier.train_flow import examined, question
from tests.stability.full_marks import ROOT, SETTINGS, InProcess

SHORT = (20, 50, 100, 200, 400)
"""Steps after which the model solution is stopped too early."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One training."""

    name: str
    kind: str
    gap: float
    mass: float
    stated_error: float
    seconds: float
    failed: tuple[str, ...]
    """Checks that it fails; those that require one of them are not tried."""
    said: str | None


def stand_ins() -> list[StandIn]:
    """Right answers, wrong ones, answers without content, and right ones that are cut short."""
    assignment = catalog.load(ROOT, "frontier")
    source = assignment.solution_source
    mine = next(one for one in assignment.questions if one.id == question.id)
    wrong = [one for one in variants.misconceptions(assignment, mine) if one.kind == "listed"]
    short = [
        StandIn(
            name=f"{steps} steps", kind="short", source=source.replace("steps: int = 1500", f"steps: int = {steps}")
        )
        for steps in SHORT
    ]
    solution = StandIn(name="solution", kind="solution", source=source)
    trivial = variants.trivial_answers(assignment, mine)
    return [solution, *variants.alternatives(assignment, mine), *short, *wrong, *trivial]


def measured(stand_in: StandIn, number: int) -> Row:
    """Train once, with the course secret of that number, and run all checks on it."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    link: Any = InProcess(stand_in.defined(), *SETTINGS[number % len(SETTINGS)])
    seed = derive_seed(hashlib.sha256(f"stability {number}".encode()).digest(), "training", question.id)
    student = Student(question.functions, OnceTransport(link), LocalTransport(question.oracles))

    def source() -> Numbers:
        return Numbers(seed=seed, decimals=FULL_PRECISION)

    begun = time.process_time()
    report = examined(student, source())
    seconds = time.process_time() - begun
    failed: list[str] = []
    not_tried: list[str] = []
    said = None
    for check in question.checks:
        if set(check.requires) & {*failed, *not_tried}:
            not_tried.append(check.name)
            continue
        try:
            check.body(student, source=source())
        except CheckFailed as failure:
            failed.append(check.name)
            said = said or failure.misconception
    return Row(
        name=stand_in.name,
        kind=stand_in.kind,
        gap=report.gap,
        mass=report.mass,
        stated_error=report.stated_error,
        seconds=seconds,
        failed=tuple(failed),
        said=said,
    )


def table(rows: Sequence[Row]) -> str:
    """One line for each answer: median and range of what was measured."""
    lines = [f"{'answer':32s}{'gap':>28s}{'mass':>26s}{'stated error':>28s}{'CPU s':>22s}  said"]
    for name in dict.fromkeys(row.name for row in rows):
        mine = [row for row in rows if row.name == name]
        said = ", ".join(f"{what} {count}" for what, count in Counter(row.said for row in mine).items())
        parts = [_range([getattr(row, part) for row in mine]) for part in ("gap", "mass", "stated_error")]
        seconds = _range([row.seconds for row in mine])
        lines.append(f"{name:32s}{parts[0]:>28s}{parts[1]:>26s}{parts[2]:>28s}{seconds:>22s}  {said}")
    return "\n".join(lines)


def _range(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.3g} ({min(values):.3g} to {max(values):.3g})"


def problems(rows: Sequence[Row]) -> list[str]:
    """What must not be."""
    sentences = {variant.name: variant.sentence for variant in question.misconceptions}
    found = []
    for row in rows:
        if row.kind in ("solution", "alternative") and row.failed:
            found.append(f"{row.name} fails {', '.join(row.failed)} with a gap of {row.gap:.3f}")
        if row.kind in ("listed", "trivial") and not row.failed:
            found.append(f"{row.name} passes with a gap of {row.gap:.3f}")
        if row.kind == "trivial" and question.checks[0].name not in row.failed:
            found.append(f"{row.name} earns points")
        if row.kind in ("solution", "alternative", "short") and row.said:
            found.append(f"{row.name} is taken for {row.said}")
        if row.kind == "listed" and row.said and sentences[row.said] != sentences[row.name]:
            found.append(f"{row.name} is taken for {row.said}")
    return found


def main() -> None:
    """Print the table, and what is wrong with it."""
    parser = argparse.ArgumentParser(description="Do training noise and thresholds keep apart?")
    parser.add_argument("--secrets", type=int, default=20)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", nargs="*", default=[])
    options = parser.parse_args()
    chosen = [one for one in stand_ins() if not options.only or one.name in options.only or one.kind in options.only]
    numbers = range(options.first, options.first + options.secrets)
    with ProcessPoolExecutor(options.jobs) as pool:
        futures = [pool.submit(measured, one, number) for one in chosen for number in numbers]
        rows = []
        for future in futures:
            rows.append(future.result())
            done = rows[-1]
            print(f"{len(rows)} of {len(futures)}: {done.name} {done.gap:.4f} {done.failed}", file=sys.stderr)
    wrong = problems(rows)
    print(table(rows), *wrong, sep="\n")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
