"""kl.4: the KL from samples of q, by two estimators of the same mean.

With r = log p(z) - log q(z), z ~ q:  k1 = -r,  k3 = exp(r) - 1 - r  (Schulman 2020, "Approximating KL divergence").
E_q[exp(r)] = 1, so both have mean KL(q || p); k3 is never negative because exp(r) >= 1 + r.
"""

from __future__ import annotations

import math

import hypothesis.strategies as st
import torch
from hypothesis import given
from hypothesis.strategies import SearchStrategy
from torch import Tensor

from grader.compare import PRECISION, ROUNDED, Tolerance, assert_value, expect
from grader.question import Question
from grader.remote import Student
from grader.standard import (
    Arguments,
    accepts_any_strides,
    accepts_empty_batches,
    arguments,
    does_constant_work,
    ignores_other_examples,
    keeps_generators,
    leaves_inputs_unchanged,
    oracle_vjp,
    runs_on_other_devices,
)
from grader.strategies import Numbers, Shape, numbers

question = Question(id="kl.4", functions=["kl_mc"], title="KL from samples, with its standard error")


@question.oracle
def kl_mc(log_q: Tensor, log_p: Tensor, dim: int = 0, kind: str = "k1") -> tuple[Tensor, Tensor]:
    """Estimate in nats and its standard error; the inputs' shape without `dim`."""
    log_ratio = log_p - log_q
    contributions = -log_ratio if kind == "k1" else torch.expm1(log_ratio) - log_ratio
    n, mean = contributions.shape[dim], contributions.mean(dim)
    # Spelled out, because torch.std warns where n = 1; 0 / 0 is the nan that is wanted there.
    variance = (contributions - mean.unsqueeze(dim)).square().sum(dim) / (n - 1)
    return mean, (variance / n).sqrt()


Layout = tuple[Shape, int]

LAYOUTS: tuple[Layout, ...] = (
    ((5,), 0),
    ((7,), -1),
    ((7, 3), 0),
    ((3, 7), 1),
    ((3, 7), -1),
    ((7, 1), 0),
    ((2, 7, 3), 1),
    ((5, 2, 3), 0),
)
"""Shapes and the dimension that the samples are along; its size is none of the others."""

SIDEWAYS: tuple[Layout, ...] = (((3, 7), 1), ((2, 7, 3), 1))
"""With the samples along another dimension than the first."""

KINDS = ("k1", "k3")


@st.composite
def log_densities(
    draw: st.DrawFn, *, kind: str = "k1", layouts: tuple[Layout, ...] = LAYOUTS, level: float = -2.0
) -> Arguments:
    """Arguments (log_q, log_p, dim, kind) with densities near exp(level); defaults are left to the function."""
    (shape, dim), source = draw(st.sampled_from(layouts)), draw(numbers())
    log_q = level + source.normal(shape)
    chosen = {"dim": dim} if dim else {}
    return of_kind(arguments(log_q, log_q + source.normal(shape, scale=0.8), **chosen), kind)


def of_kind(inputs: Arguments, kind: str) -> Arguments:
    """The same samples for the other estimator; k1 is the default and not said."""
    return Arguments(inputs.args, inputs.kwargs if kind == "k1" else {**inputs.kwargs, "kind": kind})


# Log-densities that nearly cancel: their rounding to float32, which the precision check is for, shows at 1e-6.
CANCELLING = Tolerance(rtol=1e-6, atol=2e-6)


def assert_estimate(student: Student, inputs: Arguments, tolerance: Tolerance = CANCELLING) -> None:
    """The first of the two results is right."""
    right, _ = kl_mc(*inputs.args, **inputs.kwargs)
    assert_value(student.kl_mc(*inputs.args, **inputs.kwargs)[0], right, tolerance=tolerance)


@question.check("value", points=1.5)
@given(inputs=log_densities())
def check_k1_estimate(student: Student, inputs: Arguments) -> None:
    """k1 is the mean of log q - log p over the samples."""
    assert_estimate(student, inputs)


@question.check("value", points=2.5)
@given(inputs=log_densities(kind="k3"))
def check_k3_estimate(student: Student, inputs: Arguments) -> None:
    """k3 is the mean of exp(r) - 1 - r over the samples."""
    assert_estimate(student, inputs)


@question.check("value", points=2)
@given(inputs=log_densities(), sideways=log_densities(layouts=SIDEWAYS))
def check_standard_error(student: Student, inputs: Arguments, sideways: Arguments) -> None:
    """The standard error is s / sqrt(n), with the unbiased variance s^2 of the contributions of the same kind."""
    for asked in (of_kind(each, kind) for each in (inputs, sideways) for kind in KINDS):
        _, right = kl_mc(*asked.args, **asked.kwargs)
        assert_value(student.kl_mc(*asked.args, **asked.kwargs)[1], right, tolerance=CANCELLING)


@question.check("precision", points=0.75, requires=(check_k1_estimate, check_k3_estimate))
@given(inputs=log_densities())
def check_keeps_float64_precision(student: Student, inputs: Arguments) -> None:
    """Keeps the accuracy of float64 inputs."""
    for kind in KINDS:
        assert_estimate(student, of_kind(inputs, kind), PRECISION)


def assert_gradients(student: Student, inputs: Arguments, source: Numbers) -> None:
    """The estimate's gradients are right; the standard error may be a constant."""
    estimate, _ = kl_mc(*inputs.args, **inputs.kwargs)
    weights = (source.normal(tuple(estimate.shape)), torch.zeros_like(estimate))
    actual = student.kl_mc.vjp(inputs.args, weights, inputs.kwargs)
    assert_value(actual, oracle_vjp(kl_mc, inputs, weights), tolerance=CANCELLING)


@question.check("gradient", points=1)
@given(inputs=log_densities(), source=numbers())
def check_k1_gradients(student: Student, inputs: Arguments, source: Numbers) -> None:
    """The k1 estimate can be differentiated in both log-densities."""
    assert_gradients(student, inputs, source)


@question.check("gradient", points=2)
@given(inputs=log_densities(kind="k3"), source=numbers())
def check_k3_gradients(student: Student, inputs: Arguments, source: Numbers) -> None:
    """The k3 estimate can be differentiated in both log-densities."""
    assert_gradients(student, inputs, source)


@question.check("law", points=1)
@given(counts=st.tuples(*[st.integers(1, 4)] * 3), source=numbers())
def check_is_unbiased(student: Student, counts: tuple[int, int, int], source: Numbers) -> None:
    """Is exactly the KL where three states are sampled in exact proportion to q, for both kinds."""
    samples = torch.repeat_interleave(torch.arange(3), torch.tensor(counts))
    q, p = torch.tensor(counts, dtype=torch.float64) / sum(counts), source.simplex((3,))
    exact = (q * (q / p).log()).sum()
    for kind in KINDS:
        assert_value(student.kl_mc(q.log()[samples], p.log()[samples], kind=kind)[0], exact)


@question.check("law", points=0.75)
@given(source=numbers(), batch=st.sampled_from((1, 3, 5)))
def check_k3_is_positive_for_every_sample(student: Student, source: Numbers, batch: int) -> None:
    """For a single sample k3 is positive whichever density is larger, and k1 changes its sign with the difference."""
    low = source.normal((1, batch))
    high = low + source.uniform((1, batch), low=0.5, high=1.5)
    for log_q, log_p in ((low, high), (high, low)):
        expect(student.kl_mc(log_q, log_p, kind="k3")[0] > 0, "a single sample's k3 is not positive.")
    assert_value(student.kl_mc(low, high)[0], -student.kl_mc(high, low)[0])


def change_all_but_first(inputs: Arguments, source: Numbers) -> Arguments:
    """Other values for every example but the first; examples are rows."""
    return Arguments(
        tuple(torch.cat((t[:1], source.normal(tuple(t[1:].shape)))) for t in inputs.args), dict(inputs.kwargs)
    )


question.check("law", points=0.5, requires=check_is_unbiased)(
    ignores_other_examples(log_densities(layouts=(((2, 7), 1), ((3, 7), -1))), change_all_but_first)
)


@question.check("stress", points=0.5, requires=check_k1_estimate)
@given(inputs=log_densities(layouts=(((1,), 0), ((1, 3), 0))))
def check_single_sample_has_no_error_estimate(student: Student, inputs: Arguments) -> None:
    """One sample gives an estimate, and nan as its standard error: a spread cannot be seen from one sample."""
    assert_estimate(student, inputs)
    _, error = student.kl_mc(*inputs.args, **inputs.kwargs)
    expect(torch.isnan(error), "the standard error of a single sample is a number.")


@question.check("stress", points=0.5, requires=(check_k1_estimate, check_k3_estimate))
@given(inputs=log_densities(level=-1e4), apart=st.sampled_from((-3000.0, -40.0, 30.0)))
def check_compares_tiny_densities(student: Student, inputs: Arguments, apart: float) -> None:
    """Is right where both densities are smaller than any float, near each other or far apart."""
    log_q, log_p = inputs.args
    for kind in KINDS:
        assert_estimate(student, of_kind(inputs, kind))
        assert_estimate(student, of_kind(Arguments((log_q, log_p + apart), dict(inputs.kwargs)), kind))


@question.check("stress", points=0.5, requires=(check_k1_estimate, check_k3_estimate))
@given(inputs=log_densities())
def check_accurate_in_float32(student: Student, inputs: Arguments) -> None:
    """Stays accurate in float32."""
    for kind in KINDS:
        narrow = of_kind(inputs, kind).to(torch.float32)
        exact, _ = kl_mc(*narrow.to(torch.float64).args, **narrow.kwargs)
        estimate, _ = student.kl_mc(*narrow.args, **narrow.kwargs)
        assert_value(estimate, exact.to(torch.float32), tolerance=ROUNDED[torch.float32])


def batches(*sizes: int, samples: int = 7) -> SearchStrategy[Arguments]:
    """Arguments with one batch dimension before the samples."""
    return log_densities(layouts=tuple(((size, samples), 1) for size in sizes))


question.check("robustness", points=0.25, requires=check_k1_estimate)(leaves_inputs_unchanged(log_densities()))
question.check("robustness", points=0.25, requires=(check_k1_estimate, check_standard_error))(
    accepts_any_strides(kl_mc, log_densities(layouts=SIDEWAYS))
)
question.check("robustness", points=0.25, requires=(check_k1_estimate, check_standard_error))(
    accepts_empty_batches(log_densities(layouts=(((7, 0), 0), ((0, 7), 1), ((0, 7, 3), 1))), kl_mc)
)
question.check("behaviour", points=0.25, requires=check_k1_estimate)(runs_on_other_devices(log_densities()))
question.check("behaviour", points=0.25, requires=check_k1_estimate)(keeps_generators(log_densities()))
question.check("behaviour", points=0.25, requires=check_k1_estimate)(
    does_constant_work(batches(3), batches(300, samples=70))
)

Pair = tuple[Tensor, Tensor]


@question.misconception("Your samples come from q already; what does your weight correct for?")
def treats_samples_as_from_p(log_q: Tensor, log_p: Tensor, dim: int = 0, kind: str = "k1") -> Pair:
    weight, log_ratio = torch.exp(log_q - log_p), log_q - log_p
    contributions = weight * log_ratio if kind == "k1" else weight * log_ratio - (weight - 1)
    n = contributions.shape[dim]
    return contributions.mean(dim), contributions.std(dim) / math.sqrt(n)


@question.misconception("Where q puts its samples, log q is mostly the larger; should your average be negative?")
def subtracts_the_wrong_way(log_q: Tensor, log_p: Tensor, dim: int = 0, kind: str = "k1") -> Pair:
    log_ratio = log_p - log_q
    contributions = log_ratio if kind == "k1" else torch.expm1(log_ratio) + log_ratio
    n = contributions.shape[dim]
    return contributions.mean(dim), contributions.std(dim) / math.sqrt(n)


@question.misconception("Over samples from q, which of p/q and q/p averages to 1?")
def turns_the_ratio_over(log_q: Tensor, log_p: Tensor, dim: int = 0, kind: str = "k1") -> Pair:
    log_ratio = log_q - log_p
    contributions = log_ratio if kind == "k1" else torch.exp(log_ratio) - 1 - log_ratio
    n = contributions.shape[dim]
    return contributions.mean(dim), contributions.std(dim) / math.sqrt(n)


@question.misconception("Draw exp(-r) - 1 - r for r near 0: is it ever negative, and can k3 be?")
def exponentiates_minus_r(log_q: Tensor, log_p: Tensor, dim: int = 0, kind: str = "k1") -> Pair:
    log_ratio = log_p - log_q
    contributions = -log_ratio if kind == "k1" else torch.exp(-log_ratio) - 1 - log_ratio
    n = contributions.shape[dim]
    return contributions.mean(dim), contributions.std(dim) / math.sqrt(n)


@question.misconception("Ask for both kinds on the same samples: should you get the same number twice?")
def ignores_the_kind(log_q: Tensor, log_p: Tensor, dim: int = 0, kind: str = "k1") -> Pair:
    contributions = log_q - log_p
    n = contributions.shape[dim]
    return contributions.mean(dim), contributions.std(dim) / math.sqrt(n)


@question.misconception("k3 should be zero where the two densities agree; what is yours there?")
def forgets_the_minus_one(log_q: Tensor, log_p: Tensor, dim: int = 0, kind: str = "k1") -> Pair:
    log_ratio = log_p - log_q
    contributions = -log_ratio if kind == "k1" else torch.exp(log_ratio) - log_ratio
    n = contributions.shape[dim]
    return contributions.mean(dim), contributions.std(dim) / math.sqrt(n)


@question.misconception("k2, r^2 / 2, is a third estimator. Compare it with k3 at r = 1: are they the same?")
def squares_the_log_ratio(log_q: Tensor, log_p: Tensor, dim: int = 0, kind: str = "k1") -> Pair:
    log_ratio = log_p - log_q
    contributions = -log_ratio if kind == "k1" else 0.5 * log_ratio.square()
    n = contributions.shape[dim]
    return contributions.mean(dim), contributions.std(dim) / math.sqrt(n)


@question.misconception(
    "A KL is never negative, but an estimate may be. What does cutting off one side do to its mean?"
)
def clamps_negative_estimates(log_q: Tensor, log_p: Tensor, dim: int = 0, kind: str = "k1") -> Pair:
    log_ratio = log_p - log_q
    contributions = -log_ratio if kind == "k1" else torch.expm1(log_ratio) - log_ratio
    n = contributions.shape[dim]
    return contributions.mean(dim).clamp(min=0), contributions.std(dim) / math.sqrt(n)


@question.misconception(
    "A KL is never negative, but one sample's part may be. What does cutting off one side do to the mean?"
)
def clamps_negative_contributions(log_q: Tensor, log_p: Tensor, dim: int = 0, kind: str = "k1") -> Pair:
    log_ratio = log_p - log_q
    contributions = (-log_ratio if kind == "k1" else torch.expm1(log_ratio) - log_ratio).clamp(min=0)
    n = contributions.shape[dim]
    return contributions.mean(dim), contributions.std(dim) / math.sqrt(n)


@question.misconception("Two log-densities may differ by 40 and more. What does your estimate make of such a sample?")
def clamps_the_log_ratio(log_q: Tensor, log_p: Tensor, dim: int = 0, kind: str = "k1") -> Pair:
    log_ratio = (log_p - log_q).clamp(-20, 20)
    contributions = -log_ratio if kind == "k1" else torch.expm1(log_ratio) - log_ratio
    n = contributions.shape[dim]
    return contributions.mean(dim), contributions.std(dim) / math.sqrt(n)


@question.misconception("From one sample you would report a standard error of 0; how sure are you then?")
def divides_the_variance_by_n(log_q: Tensor, log_p: Tensor, dim: int = 0, kind: str = "k1") -> Pair:
    log_ratio = log_p - log_q
    contributions = -log_ratio if kind == "k1" else torch.expm1(log_ratio) - log_ratio
    n = contributions.shape[dim]
    return contributions.mean(dim), contributions.std(dim, correction=0) / math.sqrt(n)


@question.misconception("With a hundred times the samples, how much smaller should the standard error be? Yours stays.")
def returns_the_standard_deviation(log_q: Tensor, log_p: Tensor, dim: int = 0, kind: str = "k1") -> Pair:
    log_ratio = log_p - log_q
    contributions = -log_ratio if kind == "k1" else torch.expm1(log_ratio) - log_ratio
    return contributions.mean(dim), contributions.std(dim)


@question.misconception(
    "With a hundred times the samples, does an average become a hundred times as sure, or ten times?"
)
def divides_the_error_by_n(log_q: Tensor, log_p: Tensor, dim: int = 0, kind: str = "k1") -> Pair:
    log_ratio = log_p - log_q
    contributions = -log_ratio if kind == "k1" else torch.expm1(log_ratio) - log_ratio
    return contributions.mean(dim), contributions.std(dim) / contributions.shape[dim]


@question.misconception("You report k1's error for k3; which numbers did you average?")
def measures_the_error_of_k1_only(log_q: Tensor, log_p: Tensor, dim: int = 0, kind: str = "k1") -> Pair:
    log_ratio = log_p - log_q
    contributions = -log_ratio if kind == "k1" else torch.expm1(log_ratio) - log_ratio
    return contributions.mean(dim), log_ratio.std(dim) / math.sqrt(log_ratio.shape[dim])


@question.misconception("Samples along dim = 1: how many samples are there, and what do you divide by?")
def counts_the_first_dimension(log_q: Tensor, log_p: Tensor, dim: int = 0, kind: str = "k1") -> Pair:
    log_ratio = log_p - log_q
    contributions = -log_ratio if kind == "k1" else torch.expm1(log_ratio) - log_ratio
    return contributions.mean(dim), contributions.std(dim) / math.sqrt(len(contributions))


@question.misconception("Samples along dim = 1: which dimension should be gone from the result?")
def ignores_dim(log_q: Tensor, log_p: Tensor, dim: int = 0, kind: str = "k1") -> Pair:
    log_ratio = log_p - log_q
    contributions = -log_ratio if kind == "k1" else torch.expm1(log_ratio) - log_ratio
    return contributions.mean(0), contributions.std(0) / math.sqrt(contributions.shape[0])


@question.misconception("Evaluate one example alone, then among others: why does its standard error change?")
def pools_the_error_over_the_batch(log_q: Tensor, log_p: Tensor, dim: int = 0, kind: str = "k1") -> Pair:
    log_ratio = log_p - log_q
    contributions = -log_ratio if kind == "k1" else torch.expm1(log_ratio) - log_ratio
    estimate = contributions.mean(dim)
    return estimate, (contributions.std() / math.sqrt(contributions.shape[dim])).expand(estimate.shape)


@question.misconception(
    "log q = log p = -10000 is an ordinary pair of densities in many dimensions. What is exp(-10000)?"
)
def divides_two_exponentials(log_q: Tensor, log_p: Tensor, dim: int = 0, kind: str = "k1") -> Pair:
    ratio = torch.exp(log_p) / torch.exp(log_q)
    contributions = -torch.log(ratio) if kind == "k1" else ratio - 1 - torch.log(ratio)
    n = contributions.shape[dim]
    return contributions.mean(dim), contributions.std(dim) / math.sqrt(n)


@question.misconception("Your values are right, but nothing can be trained with them: which gradients are missing?")
def detaches_log_p(log_q: Tensor, log_p: Tensor, dim: int = 0, kind: str = "k1") -> Pair:
    log_ratio = log_p.detach() - log_q
    contributions = -log_ratio if kind == "k1" else torch.expm1(log_ratio) - log_ratio
    n = contributions.shape[dim]
    return contributions.mean(dim), contributions.std(dim) / math.sqrt(n)


@question.misconception("Which dtype went in, and which came out? A model in float32 cannot add the two.")
def returns_double(log_q: Tensor, log_p: Tensor, dim: int = 0, kind: str = "k1") -> Pair:
    log_ratio = log_p.double() - log_q.double()
    contributions = -log_ratio if kind == "k1" else torch.expm1(log_ratio) - log_ratio
    n = contributions.shape[dim]
    return contributions.mean(dim), contributions.std(dim) / math.sqrt(n)


@question.alternative
def exponentiates_and_sums(log_q: Tensor, log_p: Tensor, dim: int = 0, kind: str = "k1") -> Pair:
    n = log_q.size(dim)
    difference = log_q - log_p
    terms = difference + torch.exp(-difference) - 1 if kind == "k3" else difference
    mean = torch.sum(terms, dim=dim, keepdim=True) / n
    variance = torch.sum((terms - mean) ** 2, dim=dim) / (n - 1)
    return mean.squeeze(dim), torch.sqrt(variance / n)


@question.alternative
def moves_the_samples_first(log_q: Tensor, log_p: Tensor, dim: int = 0, kind: str = "k1") -> Pair:
    log_ratio = (log_p - log_q).movedim(dim, 0)
    terms = torch.exp(log_ratio) - 1 - log_ratio if kind == "k3" else -log_ratio
    return terms.mean(dim=0), (terms.var(dim=0, unbiased=True) / len(terms)).sqrt()


@question.alternative
def gives_the_error_without_gradients(log_q: Tensor, log_p: Tensor, dim: int = 0, kind: str = "k1") -> Pair:
    estimates = {"k1": log_q - log_p, "k3": torch.expm1(log_p - log_q) + log_q - log_p}[kind]
    with torch.no_grad():
        error = torch.std(estimates, dim=dim) * estimates.shape[dim] ** -0.5
    return torch.mean(estimates, dim), error
