"""What trained flows look like, over many course secrets: fr.8's thresholds stand on this.

    python -m tests.stability.flow [--secrets 20] [--first 0] [--jobs 2] [--only NAME ...]

For the model solution and every alternative, for the same loss trained too briefly, and for every wrong answer: the
gap above the entropy, the integral of the density, the stated log-determinant's error, and what the grader would say.
Exits with 1 where a right answer is not within the threshold of full points or fails another demand, or a wrong answer
or short training is taken for another mistake. The settings of torch's default dtype and threads are taken in turn.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from grader.errors import CheckFailed
from grader.variants import StandIn
from reference.frontier.train_flow import examined, question
from tests.stability import training

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
    cpu_s: float
    failed: tuple[str, ...]
    """Checks that it fails; those that require one of them are not tried."""
    said: str | None


def measured(stand_in: StandIn, number: int) -> Row:
    """Train once, with the course secret of that number, and run all checks on it."""
    student, source = training.student_of(question, stand_in, number)
    start = time.process_time()
    report = examined(student, source())
    cpu_s = time.process_time() - start
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
        cpu_s=cpu_s,
        failed=tuple(failed),
        said=said,
    )


def problems(rows: Sequence[Row]) -> list[str]:
    """What must not be."""
    found = []
    for row in rows:
        if row.kind in training.RIGHT and row.failed:
            found.append(f"{row.name} fails {', '.join(row.failed)} with a gap of {row.gap:.3f}")
        if row.kind in ("listed", "trivial") and not row.failed:
            found.append(f"{row.name} passes with a gap of {row.gap:.3f}")
        if row.kind == "trivial" and question.checks[0].name not in row.failed:
            found.append(f"{row.name} earns points")
    return [*found, *training.taken_for_another(question, rows)]


if __name__ == "__main__":
    answers = training.stand_ins("frontier", question, steps=1500, short=SHORT)
    training.main(answers, measured, problems, ("gap", "mass", "stated_error", "cpu_s"))
