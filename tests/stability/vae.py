"""What trained encoders and decoders look like, over many course secrets: enc.5's thresholds stand on this.

    python -m tests.stability.vae [--secrets 20] [--first 0] [--jobs 2] [--only NAME ...]

For the model solution and every alternative, for the same loss trained too briefly, and for every wrong answer: the
gap between log p(x) and the ELBO, how sure q is against the best q for its decoder (1 is right), and what the grader
would say. Exits with 1 where a right answer is not within the threshold of full points, or a wrong answer or short
training is taken for another mistake. The settings of torch's default dtype and threads are taken in turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from grader.variants import StandIn
from reference.encoders.train_vae import FULL, MAX_ERRORS, examined, question, suspected
from tests.stability import training

SHORT = (50, 100, 200, 400)
"""Steps after which the model solution is stopped too early."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One training."""

    name: str
    kind: str
    gap: float
    errors_above: float
    spread: float
    mean_square: float
    variance: float
    said: str | None


def measured(stand_in: StandIn, number: int) -> Row:
    """Train once, with the course secret of that number."""
    student, source = training.student_of(question, stand_in, number)
    model = examined(student, source())
    return Row(
        name=stand_in.name,
        kind=stand_in.kind,
        gap=model.gap,
        errors_above=model.errors_above,
        spread=model.spread,
        mean_square=model.mean_square,
        variance=model.variance,
        said=suspected(model),
    )


def problems(rows: Sequence[Row]) -> list[str]:
    """What must not be."""
    missed = [
        f"{row.name} has a gap of {row.gap:.3f}, {row.errors_above:.1f} standard errors above"
        for row in rows
        if row.kind in training.RIGHT and not (row.gap <= FULL and row.errors_above <= MAX_ERRORS)
    ]
    return [*missed, *training.taken_for_another(question, rows)]


if __name__ == "__main__":
    answers = training.stand_ins("encoders", question, steps=1000, short=SHORT)
    training.main(answers, measured, problems, ("gap", "spread", "mean_square", "variance"))
