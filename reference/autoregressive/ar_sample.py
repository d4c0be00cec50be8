"""ar.7: ancestral sampling, one conditional after another (Bishop 2006, section 8.1.2).

x_i ~ softmax(logits_i(x_1, ..., x_{i-1}) / temperature),  i = 1 .. D
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import hypothesis.strategies as st
import torch
from hypothesis import given
from hypothesis.strategies import SearchStrategy
from torch import Tensor

from grader.compare import assert_value, expect
from grader.families import described, generator
from grader.question import Question
from grader.remote import Student
from grader.sampling import assert_law, frequencies
from grader.strategies import numbers

IN_A_TABLE = "the model and the generator are no tensors"
question = Question(
    id="ar.7",
    functions=["ar_sample"],
    title="Ancestral sampling",
    exempt={
        "mutates_its_input": IN_A_TABLE,
        "loops_over_batch": IN_A_TABLE + "; a listed misconception loops over the samples",
        "cpu_constant": "only the generator says where to compute, and on the meta device it is the CPU's",
        "float32_inside": IN_A_TABLE,
        "wrong_dtype": "samples are integers; a listed misconception returns another dtype",
        "fails_on_empty": IN_A_TABLE,
        "fails_on_noncontiguous": IN_A_TABLE,
        "input_returned": IN_A_TABLE,
        "input_summed": IN_A_TABLE,
    },
)

MANY = 3000
"""Samples from which a law is judged."""

# Each check asks for up to sixteen laws; together they reject a right sampler once in a million.
RATE = 1e-6 / 16


@question.oracle
def ar_sample(
    cond_logits_fn: Callable[[Tensor], Tensor],
    n: int,
    D: int,
    *,
    generator: torch.Generator,
    prefix: Tensor | None = None,
    temperature: float = 1.0,
) -> Tensor:
    """Samples [n, D], int64; the prefix is [P] or [n, P], and temperature 0 takes the most likely value."""
    columns = [] if prefix is None else list(prefix.expand(n, -1).unbind(-1))
    while len(columns) < D:
        padded = torch.stack([*columns, *[torch.zeros(n, dtype=torch.int64)] * (D - len(columns))], dim=-1)
        logits = cond_logits_fn(padded)[:, len(columns)]
        # The largest of logits / T + Gumbel noise is a draw; at T = 0 the noise no longer counts.
        gumbel = -torch.empty_like(logits).exponential_(generator=generator).log()
        columns.append((logits + temperature * gumbel).argmax(-1))
    return torch.stack(columns, dim=-1)


@dataclass(frozen=True)
class Model:
    """An autoregressive model of D variables of V values: logits [V] * (i + 1) of each variable, and a seed."""

    tables: Sequence[Tensor]
    seed: int

    @property
    def size(self) -> int:
        """Variables."""
        return len(self.tables)

    def __call__(self) -> object:
        """The model as an argument of the student's function."""
        return described("table_logits", tables=list(self.tables))

    def law(self, temperature: float = 1.0, start: int = 0) -> Tensor:
        """Probabilities of all outcomes, [V^D]; the first `start` variables come from elsewhere, uniformly."""
        joint = torch.ones((), dtype=torch.float64)
        for i, table in enumerate(self.tables):
            uniform = torch.full_like(table, 1 / table.shape[-1])
            joint = joint.unsqueeze(-1) * (uniform if i < start else (table / temperature).softmax(-1))
        return joint.flatten()

    def numbered(self, x: Tensor) -> Tensor:
        """Samples [n, D] as places in the law; -1 for what is no outcome."""
        values = self.tables[0].shape[0]
        place = torch.zeros_like(x[:, 0])
        for column in x.unbind(-1):
            place = place * values + column
        return torch.where(((x >= 0) & (x < values)).all(-1), place, -1)


@st.composite
def _drawn(draw: st.DrawFn, sizes: Sequence[tuple[int, int]], spread: float) -> Model:
    size, values = draw(st.sampled_from(sizes))
    source = draw(numbers())
    tables = [source.normal((values,) * (i + 1), scale=spread) for i in range(size)]
    return Model(tables, draw(st.integers(0, 2**31)))


def models(
    sizes: Sequence[tuple[int, int]] = ((2, 5), (3, 4), (5, 2)), spread: float = 1.5
) -> SearchStrategy[Model]:
    """Models of (D, V) with at most 64 outcomes, whose variables depend on each other."""
    return _drawn(sizes, spread)


@question.check("value", points=3, examples=5)
@given(model=models())
def check_joint_law(student: Student, model: Model) -> None:
    """Outcomes come as often as the product of the conditionals says, independently of one another."""
    x = student.ar_sample(model(), MANY, model.size, generator=generator(model.seed))
    assert_law(frequencies(model.numbered(x), model.law()), false_alarm=RATE)


@question.check("value", points=1.5, requires=check_joint_law, examples=4)
@given(model=models(((3, 4), (5, 2))), source=numbers(), length=st.sampled_from((1, 2)))
def check_prefix(student: Student, model: Model, source: object, length: int) -> None:
    """After a prefix, one for all samples or one for each, the rest is drawn given it."""
