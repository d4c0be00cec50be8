"""What trained score networks look like, over many course secrets: dsm.6's thresholds stand on this.

    python -m tests.stability.score_network [--secrets 20] [--first 0] [--jobs 2] [--only NAME ...]

For the model solution and every alternative, for the same loss trained too briefly, and for every wrong answer: the
relative Fisher divergence, the best multiple of the right score and what it leaves over, and what the grader would
say. Exits with 1 where a right answer is not within the threshold of full points, or a wrong answer or short training
is taken for another mistake. The settings of torch's default dtype and threads are taken in turn.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from grader.variants import StandIn
from reference.dsm.train_score import FULL, examined, question, suspected
from tests.stability import training

SHORT = (25, 50, 100, 200, 400)
"""Steps after which the model solution is stopped too early."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One training."""

    name: str
    kind: str
    divergence: float
    factor: float
    left_over: float
    cpu_s: float
    said: str | None


def measured(stand_in: StandIn, number: int) -> Row:
    """Train once, with the course secret of that number."""
    student, source = training.student_of(question, stand_in, number)
    start = time.process_time()
    field = examined(student, source())
    cpu_s = time.process_time() - start
    factor, left_over = field.multiple
    return Row(
        name=stand_in.name,
        kind=stand_in.kind,
        divergence=field.divergence,
        factor=factor,
        left_over=left_over,
        cpu_s=cpu_s,
        said=suspected(field),
    )


def problems(rows: Sequence[Row]) -> list[str]:
    """What must not be."""
    missed = [
        f"{row.name} has a relative Fisher divergence of {row.divergence:.4f}"
        for row in rows
        if row.kind in training.RIGHT and not row.divergence <= FULL
    ]
    return [*missed, *training.taken_for_another(question, rows)]


if __name__ == "__main__":
    answers = training.stand_ins("dsm", question, steps=1200, short=SHORT)
    training.main(answers, measured, problems, ("divergence", "factor", "left_over", "cpu_s"))
