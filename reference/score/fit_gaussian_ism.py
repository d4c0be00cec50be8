"""score.8: the Gaussian that score matching fits: mean and biased variance, as maximum likelihood does.

For s(x) = -(x - m) / v in one dimension, ISM = -1/v + E(x - m)^2 / (2 v^2), least at m = E x, v = E(x - m)^2.
"""

from __future__ import annotations

import hypothesis.strategies as st
import torch
from hypothesis import given
from hypothesis.strategies import SearchStrategy
from torch import Tensor

from grader.compare import PRECISION, assert_value, expect
from grader.question import Question
from grader.remote import Student
from grader.standard import (
    Arguments,
    accepts_any_strides,
    accurate_in,
    arguments,
    does_constant_work,
    gradients_match,
    keeps_generators,
    keeps_precision,
    leaves_inputs_unchanged,
    matches_oracle,
    runs_on_other_devices,
)
from grader.strategies import Numbers, numbers

question = Question(
    id="score.8",
    functions=["fit_gaussian_ism"],
    title="A Gaussian fitted by score matching",
    extra=True,
    exempt={"fails_on_empty": "no Gaussian fits no data"},
)


@question.oracle
def fit_gaussian_ism(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance of each dimension, [dim]; x is [n, dim]."""
    var, mean = torch.var_mean(x, dim=0, correction=0)
    return mean, var


@st.composite
def data(draw: st.DrawFn, *, counts: tuple[int, ...] = (5, 11), dims: tuple[int, ...] = (1, 5, 7)) -> Arguments:
    """Arguments (x,) whose columns differ in place and spread."""
    count, dim, source = draw(st.sampled_from(counts)), draw(st.sampled_from(dims)), draw(numbers())
    center, spread = source.normal((dim,), loc=3, scale=0.5), source.uniform((dim,), low=1, high=3)
    return arguments(center + spread * source.normal((count, dim)))


def losses(x: Tensor, m: Tensor, v: Tensor) -> Tensor:
    """The objective of each dimension, [dim]."""
    return (x - m).square().mean(0) / (2 * v.square()) - 1 / v


check_values = question.check("value", points=1.75, description="Is the minimiser in closed form.")(
    matches_oracle(fit_gaussian_ism, data())
)
question.check("precision", points=0.25, requires=check_values)(keeps_precision(fit_gaussian_ism, data()))
question.check("gradient", points=0.75)(gradients_match(fit_gaussian_ism, data()))


@question.check("law", points=0.5)
@given(inputs=data())
def check_nothing_near_is_better(student: Student, inputs: Arguments) -> None:
    """No mean and no variance near the ones returned has a lower ism_loss."""
    (x,) = inputs.args
    m, v = student.fit_gaussian_ism(x)
    here = losses(x, m, v)
    better = "there is a Gaussian near yours whose implicit score matching loss is lower."
    for away in (-0.05, 0.05):
        expect(losses(x, m + away, v) >= here, better)
        expect(losses(x, m, v * (1 + away)) >= here, better)


@question.check("stress", points=0.25, requires=check_values)
@given(source=numbers())
def check_gives_one_point_no_variance(student: Student, source: Numbers) -> None:
    """One point is its own mean, and has the variance zero."""
    x = source.normal((1, 5))
    assert_value(student.fit_gaussian_ism(x), (x[0], torch.zeros_like(x[0])), tolerance=PRECISION)


def rows(count: int) -> SearchStrategy[Arguments]:
    """This many points in five dimensions."""
    return data(counts=(count,), dims=(5,))


question.check("stress", points=0.25, requires=check_values)(accurate_in(torch.float32, fit_gaussian_ism, rows(11)))
question.check("robustness", points=0.25, requires=check_values)(leaves_inputs_unchanged(data()))
question.check("robustness", points=0.25, requires=check_values)(accepts_any_strides(fit_gaussian_ism, data()))
question.check("behaviour", points=0.25, requires=check_values)(keeps_generators(data()))
question.check("behaviour", points=0.25, requires=check_values)(runs_on_other_devices(data()))
question.check("behaviour", points=0.25, requires=check_values)(does_constant_work(rows(3), rows(300)))


@question.misconception("Minimise -1/v + E(x - m)^2 / (2 v^2) in v for three points: does N or N - 1 come out?")
def divides_by_n_minus_one(x: Tensor) -> tuple[Tensor, Tensor]:
    return x.mean(0), x.var(0) if len(x) > 1 else torch.zeros_like(x[0])


@question.misconception(
    "Change units so that all data are 3 times larger: by what factor should the second result grow?"
)
def returns_the_standard_deviation(x: Tensor) -> tuple[Tensor, Tensor]:
    return x.mean(0), x.std(0, correction=0)


@question.misconception("A score -x / 4 belongs to which variance, and which precision?")
def returns_the_precision(x: Tensor) -> tuple[Tensor, Tensor]:
    return x.mean(0), 1 / x.var(0, correction=0)


@question.misconception("Fit data from N(0, 4) in one dimension: your variance is off by a factor of 2.")
def forgets_the_half(x: Tensor) -> tuple[Tensor, Tensor]:
    return x.mean(0), 2 * x.var(0, correction=0)


@question.misconception("Move all data by 10: should their spread change?")
def forgets_to_centre(x: Tensor) -> tuple[Tensor, Tensor]:
    return x.mean(0), x.square().mean(0)


@question.misconception("Dimensions are independent: each needs its own mean and variance.")
def pools_the_dimensions(x: Tensor) -> tuple[Tensor, Tensor]:
    return x.mean().expand(x.shape[1]), x.var(correction=0).expand(x.shape[1])


@question.misconception("For N points of D dimensions, how many means should come back?")
def averages_over_the_dimensions(x: Tensor) -> tuple[Tensor, Tensor]:
    return x.mean(1), x.var(1, correction=0)


@question.misconception("Take one data point: how far does it lie from itself?")
def adds_a_small_constant(x: Tensor) -> tuple[Tensor, Tensor]:
    return x.mean(0), x.var(0, correction=0) + 1e-8


@question.misconception("Move one data point a little: do your estimates know that they depend on it?")
def detaches_the_data(x: Tensor) -> tuple[Tensor, Tensor]:
    x = x.detach()
    return x.mean(0), x.var(0, correction=0)


@question.misconception("Which dtype went in, and which came out? A model in float32 cannot add the two.")
def returns_double(x: Tensor) -> tuple[Tensor, Tensor]:
    return x.double().mean(0), x.double().var(0, correction=0)


@question.alternative
def uses_moments(x: Tensor) -> tuple[Tensor, Tensor]:
    ones = x.new_ones(x.shape[0])
    m = ones @ x / x.shape[0]
    centred = x - m
    return m, torch.einsum("nd,nd->d", centred, centred) / x.shape[0]


@question.alternative
def rescales_the_unbiased_variance(x: Tensor) -> tuple[Tensor, Tensor]:
    m = torch.sum(x, dim=0) / len(x)
    return m, torch.cov(x.T, correction=0).reshape(x.shape[1], x.shape[1]).diagonal()


@question.alternative
def asks_for_both_at_once(x: Tensor) -> tuple[Tensor, Tensor]:
    var, mean = torch.var_mean(x, dim=0, correction=0)
    return mean, var
