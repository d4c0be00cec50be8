"""lvm.1: the logarithm of a mean of exponentials.

log_mean_exp(x) = log(1/n sum_i exp(x_i)) = m + log(1/n sum_i exp(x_i - m)) for every finite m
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import hypothesis.strategies as st
import torch
from hypothesis import given
from torch import Tensor

from grader.compare import ROUNDED, Tolerance, assert_value, expect
from grader.question import Question
from grader.remote import Student
from grader.standard import (
    Arguments,
    accepts_any_strides,
    accepts_empty_batches,
    accurate_in,
    avoids_forbidden_names,
    does_constant_work,
    gradients_match,
    ignores_other_examples,
    keeps_generators,
    keeps_precision,
    leaves_inputs_unchanged,
    matches_oracle,
    oracle_vjp,
    runs_on_other_devices,
    second_gradients_match,
)
from grader.strategies import Numbers, Shape, numbers
from reference.latent._log_mean_exp_mistakes import SENTENCES

INF = math.inf

question = Question(
    id="lvm.1",
    functions=["log_mean_exp"],
    title="Logarithm of a mean of exponentials",
    forbidden=["torch.logsumexp"],
)


def log_mean_exp(x: Tensor, dim: int, keepdim: bool = False) -> Tensor:
    """The inputs' shape without `dim`, or with size 1 there."""
    nothing = (x == -INF).all(dim, keepdim=True)
    # Autograd's slope of logsumexp is nan where all entries are -inf: there it is asked about zeros instead.
    value = torch.logsumexp(x.masked_fill(nothing, 0.0), dim, keepdim=True).masked_fill(nothing, -INF)
    value = value - math.log(x.shape[dim])
    return value if keepdim else value.squeeze(dim)


# Not as a decorator, which would lose the types that other questions and their misconceptions use.
question.oracle(log_mean_exp)

Layout = tuple[Shape, int]

VECTORS: tuple[Layout, ...] = (((2,), 0), ((5,), 0), ((7,), -1))

TABLES: tuple[Layout, ...] = (((7, 3), 0), ((3, 7), 1), ((3, 7), -1), ((1, 5), -1), ((5, 1), 0), ((7, 2), -2))

BLOCKS: tuple[Layout, ...] = (((2, 7, 3), 1), ((5, 2, 3), 0), ((2, 3, 5), -1), ((5, 2, 3), -3), ((2, 7, 3), -2))
"""Shapes and the dimension that is averaged over; its size is none of the others."""

ALL = (*VECTORS, *TABLES, *BLOCKS)


def draw_logs(source: Numbers, shape: Shape, *, level: float = 0.0) -> Tensor:
    """Numbers near `level` that differ enough for a mean of logarithms to be something else."""
    return level + source.normal(shape, scale=1.5)


@st.composite
def logs(draw: st.DrawFn, *, layouts: Sequence[Layout] = ALL, keepdim: bool = False, level: float = 0.0) -> Arguments:
    """Arguments (x, dim) and keepdim, which is left to its default where it is false."""
    (shape, dim), source = draw(st.sampled_from(layouts)), draw(numbers())
    return Arguments((draw_logs(source, shape, level=level), dim), {"keepdim": True} if keepdim else {})


check_values = question.check("value", points=3, description="Equals log(1/n sum exp x) for a vector.")(
    matches_oracle(log_mean_exp, logs(layouts=VECTORS))
)
check_any_dimension = question.check(
    "value",
    points=2,
    name="values_along_any_dimension",
    description="Averages along the dimension that is asked for, counted from the front or from the end.",
)(matches_oracle(log_mean_exp, logs(layouts=(*TABLES, *BLOCKS))))
question.check(
    "value",
    points=1,
    name="values_with_keepdim",
    description="Keeps the averaged dimension, with size 1, where keepdim is true.",
)(matches_oracle(log_mean_exp, logs(keepdim=True)))

question.check("precision", points=0.5)(keeps_precision(log_mean_exp, logs()))

question.check("gradient", points=2, description="Has the gradient softmax(x).")(gradients_match(log_mean_exp, logs()))
question.check("gradient", points=1)(second_gradients_match(log_mean_exp, logs()))

LEVELS = st.sampled_from((-9.0, 8.0))


@question.check("law", points=0.5)
@given(inputs=logs(), shift=st.sampled_from((-3.0, 0.7, 12.0)))
def check_moves_with_its_input(student: Student, inputs: Arguments, shift: float) -> None:
    """Adding one number to all entries adds it to the result."""
    x, dim = inputs.args
    assert_value(student.log_mean_exp(x + shift, dim), student.log_mean_exp(x, dim) + shift)


@question.check("law", points=0.5)
@given(source=numbers(), layout=st.sampled_from(ALL), level=LEVELS)
def check_lies_between_mean_and_maximum(student: Student, source: Numbers, layout: Layout, level: float) -> None:
    """Lies between the mean of the entries (Jensen) and the largest one."""
    shape, dim = layout
    x = draw_logs(source, shape, level=level) + torch.linspace(-1, 1, shape[dim]).double().reshape(
        [-1 if axis == dim % len(shape) else 1 for axis in range(len(shape))]
    )
    value = student.log_mean_exp(x, dim)
    expect(value > x.mean(dim), "the result is not above the mean of the entries.")
    expect(value < x.amax(dim), "the result is not below the largest entry.")


@question.check("law", points=0.5)
@given(inputs=logs(), count=st.sampled_from((1, 4)))
def check_counts_entries_of_minus_infinity(student: Student, inputs: Arguments, count: int) -> None:
    """An entry of -inf adds nothing to the sum and one to n: n entries among n' lower the result by log(n' / n)."""
    x, dim = inputs.args
    n = x.shape[dim]
    padding = torch.full_like(x.narrow(dim, 0, 1), -INF).repeat_interleave(count, dim=dim)
    lowered = student.log_mean_exp(x, dim) - math.log((n + count) / n)
    assert_value(student.log_mean_exp(torch.cat((padding, x), dim), dim), lowered)


@question.check("law", points=0.25)
@given(inputs=logs(), source=numbers())
def check_treats_all_entries_alike(student: Student, inputs: Arguments, source: Numbers) -> None:
    """Reordering the entries changes nothing; raising one of them by 1 raises the result by less."""
    x, dim = inputs.args
    value = student.log_mean_exp(x, dim)
    order = source.permutation(x.shape[dim])
    assert_value(student.log_mean_exp(x.index_select(dim, order), dim), value)
    raised = x.index_add(dim, order[:1], torch.ones_like(x.narrow(dim, 0, 1)))
    rise = student.log_mean_exp(raised, dim) - value
    expect((rise > 0) & (rise < 1 - 1e-9), "raising one of several entries does not raise the result by less.")


@question.check("law", points=0.25, requires=check_moves_with_its_input)
@given(inputs=logs(layouts=(((1,), 0), ((1, 3), 0), ((3, 1), -1), ((2, 1, 5), 1))))
def check_returns_a_single_entry(student: Student, inputs: Arguments) -> None:
    """Is the entry itself where there is only one."""
    x, dim = inputs.args
    assert_value(student.log_mean_exp(x, dim), x.select(dim, 0))


def move_others_far_away(inputs: Arguments, source: Numbers) -> Arguments:
    """Numbers near 2000 for every row but the first, which no shift shared by the rows survives."""
    x, dim = inputs.args
    return Arguments((torch.cat((x[:1], draw_logs(source, tuple(x[1:].shape), level=2000.0))), dim))


question.check("law", points=0.25, requires=check_any_dimension)(
    ignores_other_examples(logs(layouts=(((2, 7), -1), ((3, 7), 1), ((3, 5, 2), 1))), move_others_far_away)
)


# Where entries are 1e4, m + log(...) keeps 1e-3 of float32 at most; softmax(x) from it is as good as that.
LARGE_GRADIENTS = {
    torch.float64: Tolerance(rtol=1e-9, atol=1e-10),
    torch.float32: Tolerance(rtol=5e-3, atol=5e-3),
}


@question.check("stress", points=0.5, requires=check_values)
@given(source=numbers(), dtype=st.sampled_from((torch.float64, torch.float32)))
def check_survives_large_entries(student: Student, source: Numbers, dtype: torch.dtype) -> None:
    """Stays exact, values and gradients, for entries near 1e4, near -1e4, and of very different size."""
    x = source.normal((4, 3)) + torch.tensor([[1e4], [-1e4], [0.0], [0.0]])
    x[3, 0] = -1e4
    x = x.to(dtype)
    for each in (x, x[0], x[1]):
        exact = Arguments((each.double(), -1))
        weights = source.restarted().normal(tuple(each.shape[:-1]))
        got = student.log_mean_exp(each, -1)
        assert_value(got.double(), log_mean_exp(*exact.args), tolerance=ROUNDED[dtype])
        (gradient,) = student.log_mean_exp.vjp((each, -1), weights)
        (right,) = oracle_vjp(log_mean_exp, exact, weights)
        assert_value(gradient.double(), right, tolerance=LARGE_GRADIENTS[dtype])


def without_mass(rows: int = 3) -> Tensor:
    """Rows of which the second holds nothing but -inf."""
    x = torch.tensor([[0.3, -0.9, 1.4], [-INF, -INF, -INF], [-INF, 0.6, -1.1]], dtype=torch.float64)
    return x[:rows]


@question.check("stress", points=0.25, requires=check_values)
@given(dtype=st.sampled_from((torch.float64, torch.float32)))
def check_gives_minus_infinity_for_nothing_else(student: Student, dtype: torch.dtype) -> None:
    """Is -inf where all entries are -inf, whatever the other rows hold."""
    for x in (without_mass(), without_mass()[1]):
        got = student.log_mean_exp(x.to(dtype), -1)
        assert_value(got.double(), log_mean_exp(x, -1), tolerance=ROUNDED[torch.float32])


@question.check("stress", points=0.25, requires=check_values)
@given(source=numbers())
def check_has_no_slope_at_minus_infinity(student: Student, source: Numbers) -> None:
    """Has the gradient 0 where all entries are -inf, and leaves the gradients of other rows alone."""
    weights, x = source.normal((3,)), without_mass()
    (gradient,) = student.log_mean_exp.vjp((x, -1), weights)
    assert_value(gradient, oracle_vjp(log_mean_exp, Arguments((x, -1)), weights)[0])


@question.check("stress", points=0.25, requires=check_values)
@given(source=numbers())
def check_gives_infinity_for_infinity(student: Student, source: Numbers) -> None:
    """Is +inf where an entry is +inf, in that row alone."""
    x = source.normal((3, 5))
    x[1, 2] = INF
    assert_value(student.log_mean_exp(x, -1), log_mean_exp(x, -1))


question.check("stress", points=0.25, requires=check_values)(accurate_in(torch.float16, log_mean_exp, logs()))

ROWS: tuple[Layout, ...] = (((3, 7), -1),)

question.check("robustness", points=0.25, requires=check_values)(leaves_inputs_unchanged(logs(layouts=ROWS)))
question.check("robustness", points=0.25, requires=check_any_dimension)(
    accepts_any_strides(log_mean_exp, logs(layouts=(*ROWS, ((2, 7, 3), 1))))
)
question.check("robustness", points=0.25, requires=check_any_dimension)(
    accepts_empty_batches(logs(layouts=(((0, 7), -1), ((7, 0), 0), ((0, 5, 3), 1))), log_mean_exp)
)
question.check("behaviour", points=0.25, requires=check_values)(runs_on_other_devices(logs(layouts=ROWS)))
question.check("behaviour", points=0.25, requires=check_values)(keeps_generators(logs(layouts=ROWS)))
question.check("behaviour", points=0.25, requires=check_values)(
    does_constant_work(logs(layouts=(((3, 7), -1),)), logs(layouts=(((300, 7), -1),)))
)
question.check("behaviour", points=0.25, requires=check_values)(avoids_forbidden_names(logs(layouts=ROWS)))


for mistake, sentence in SENTENCES.items():
    question.misconception(sentence)(mistake)


@question.alternative
def masks_what_has_no_mass(x: Tensor, dim: int, keepdim: bool = False) -> Tensor:
    largest = x.detach().max(dim=dim, keepdim=True).values
    largest = largest.masked_fill(torch.isinf(largest), 0)
    total = torch.exp(x - largest).mean(dim=dim, keepdim=True)
    empty = total == 0
    value = (torch.log(total.masked_fill(empty, 1)) + largest).masked_fill(empty, float("-inf"))
    return value if keepdim else value.squeeze(dim)


@question.alternative
def adds_entry_by_entry(x: Tensor, dim: int, keepdim: bool = False) -> Tensor:
    nothing = x.isneginf().all(dim)
    total, *others = x.masked_fill(nothing.unsqueeze(dim), 0).unbind(dim)
    for entry in others:
        total = torch.logaddexp(total, entry)
    value = (total - math.log(x.size(dim))).masked_fill(nothing, -math.inf)
    return value.unsqueeze(dim) if keepdim else value


@question.alternative
def replaces_rows_without_mass(x: Tensor, dim: int, keepdim: bool = False) -> Tensor:
    nothing = (x == float("-inf")).all(dim, keepdim=True)
    something = torch.where(nothing, torch.zeros_like(x), x)
    n = torch.tensor(x.shape[dim], dtype=x.dtype, device=x.device)
    largest = something.amax(dim, keepdim=True)
    certain = torch.where(largest == float("inf"), torch.zeros_like(largest), largest)
    value = certain + (something - certain).exp().sum(dim, keepdim=True).log() - n.log()
    value = torch.where(nothing, torch.full_like(value, float("-inf")), value)
    return value if keepdim else value.squeeze(dim)


@question.alternative
def subtracts_from_a_log_softmax(x: Tensor, dim: int, keepdim: bool = False) -> Tensor:
    largest, where = x.max(dim, keepdim=True)
    finite = torch.isfinite(largest)
    rows = torch.where(finite, x, torch.zeros_like(x))
    top = torch.where(finite, largest, torch.zeros_like(largest))
    normaliser = top - torch.log_softmax(rows, dim).gather(dim, where)
    value = torch.where(finite, normaliser - math.log(x.shape[dim]), largest.detach())
    return value if keepdim else value.squeeze(dim)
