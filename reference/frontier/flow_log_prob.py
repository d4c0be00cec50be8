"""fr.1: densities under a change of variables (Rezende & Mohamed 2015, section 3).

z = f(x):  log p(x) = log p_z(z) + log|det dz/dx|;  for f = f_n o ... o f_1 the log-determinants add, each where it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import hypothesis.strategies as st
import torch
from hypothesis import given
from torch import Tensor

from grader.compare import Tolerance, assert_value, expect
from grader.families import described
from grader.question import Question
from grader.remote import Student
from grader.standard import (
    Arguments,
    about,
    accepts_any_strides,
    accepts_empty_batches,
    accurate_in,
    answer,
    arguments,
    does_constant_work,
    gradients_match,
    ignores_other_examples,
    keeps_generators,
    keeps_precision,
    leaves_inputs_unchanged,
    matches_oracle,
    runs_on_other_devices,
)
from grader.strategies import BATCH_SHAPES, Numbers, Shape, numbers
from grader.worker.described import Described
from reference.frontier._flow_mistakes import ONE, SEVERAL

Inverse = Callable[..., tuple[Tensor, Tensor]]
LogDensity = Callable[[Tensor], Tensor]

question = Question(
    id="fr.1", functions=["flow_log_prob", "composed_log_prob"], title="The density of a normalising flow"
)


@question.oracle
def flow_log_prob(x: Tensor, inverse_fn: Inverse, base_log_prob: LogDensity) -> Tensor:
    """x is [*batch, dim], the result [*batch], in nats."""
    z, log_det = inverse_fn(x)
    return base_log_prob(z) + log_det


@question.oracle
def composed_log_prob(x: Tensor, inverse_fns: Sequence[Inverse], base_log_prob: LogDensity) -> Tensor:
    """x is [*batch, dim], the result [*batch]; the functions are applied in the order of the list."""
    total = torch.zeros(x.shape[:-1], dtype=x.dtype, device=x.device)
    for inverse_fn in inverse_fns:
        x, log_det = inverse_fn(x)
        total = total + log_det
    return base_log_prob(x) + total


SIZES = (1, 2, 5)
KINDS = ("bent", "affine")


def affine(source: Numbers, dim: int) -> Described:
    """An affine map, entry by entry; half of the entries are mirrored."""
    signs = 1.0 - 2.0 * (torch.arange(dim) % 2)
    scale = signs * source.uniform((dim,), low=1.3, high=2.2)
    return described("affine_inverse", scale=scale, shift=source.normal((dim,)))


def flow(source: Numbers, kind: str, dim: int) -> Described:
    """A map in `dim` dimensions."""
    if kind == "affine":
        return affine(source, dim)
    matrix = 1.6 * source.orthogonal(dim) @ source.scale_tril((), dim)
    bend = source.uniform((dim,), low=0.4, high=1.5)
    return described("bent_inverse", matrix=matrix, offset=source.normal((dim,)), bend=bend)


def base(source: Numbers, dim: int) -> Described:
    """A Gaussian, which is not a standard one."""
    return described("gaussian_log_density", mu=source.normal((dim,)), scale_tril=source.scale_tril((), dim))


@st.composite
def flows(
    draw: st.DrawFn,
    *,
    batch_shapes: tuple[Shape, ...] = BATCH_SHAPES,
    sizes: tuple[int, ...] = SIZES,
    kinds: tuple[str, ...] = KINDS,
) -> Arguments:
    """Arguments (x, inverse_fn, base_log_prob)."""
    source, dim = draw(numbers()), draw(st.sampled_from(sizes))
    x = source.normal((*draw(st.sampled_from(batch_shapes)), dim))
    return arguments(x, flow(source, draw(st.sampled_from(kinds)), dim), base(source, dim))


@st.composite
def compositions(
    draw: st.DrawFn,
    *,
    batch_shapes: tuple[Shape, ...] = BATCH_SHAPES,
    sizes: tuple[int, ...] = SIZES,
    counts: tuple[int, ...] = (2, 3),
) -> Arguments:
    """Arguments (x, inverse_fns, base_log_prob); every list holds both kinds of maps."""
    source, dim, count = draw(numbers()), draw(st.sampled_from(sizes)), draw(st.sampled_from(counts))
    x = source.normal((*draw(st.sampled_from(batch_shapes)), dim))
    first = draw(st.sampled_from((0, 1)))
    maps = [flow(source, KINDS[(first + i) % 2], dim) for i in range(count)]
    return arguments(x, maps, base(source, dim))


# Terms of both signs may cancel; wrong answers differ by 1e-2 and more.
CANCELLED = Tolerance(rtol=1e-6, atol=1e-6)

ONE_EXAMPLE: tuple[Shape, ...] = ((), (1,))
"""Batches in which nothing can be mixed, so that the formula earns its points."""

values_of_one = question.check(
    "value", points=1.25, name="values_of_flow_log_prob", description="flow_log_prob returns the log-density of x."
)(matches_oracle(flow_log_prob, flows(batch_shapes=ONE_EXAMPLE), tolerance=CANCELLED))
question.check(
    "value",
    points=0.5,
    requires=values_of_one,
    name="batches_of_flow_log_prob",
    description="flow_log_prob returns the log-density of each x of a batch.",
    examples=4,
)(matches_oracle(flow_log_prob, flows(batch_shapes=((3,), (2, 3))), tolerance=CANCELLED))
values_of_several = question.check(
    "value",
    points=1.75,
    name="values_of_composed_log_prob",
    description="composed_log_prob returns the log-density of x through all functions.",
)(about("composed_log_prob", matches_oracle(composed_log_prob, compositions(), tolerance=CANCELLED)))

question.check(
    "precision", points=0.25, requires=values_of_one, description="flow_log_prob keeps the accuracy of float64."
)(keeps_precision(flow_log_prob, flows()))
question.check(
    "precision",
    points=0.25,
    requires=values_of_several,
    description="composed_log_prob keeps the accuracy of float64.",
)(about("composed_log_prob", keeps_precision(composed_log_prob, compositions())))

question.check("gradient", points=1, description="flow_log_prob has the right gradient in x, the flow and the base.")(
    gradients_match(flow_log_prob, flows(), tolerance=CANCELLED)
)
question.check(
    "gradient", points=1, description="composed_log_prob has the right gradient in x, every flow and the base."
)(about("composed_log_prob", gradients_match(composed_log_prob, compositions(), tolerance=CANCELLED)))


# The tails beyond the grid hold less than 1e-9, and an equidistant sum of a smooth density errs by less still. The base
# density at x integrates to 1 as well.
@question.check("law", points=0.5, requires=values_of_one)
@given(source=numbers(), kind=st.sampled_from(KINDS))
def check_integrates_to_one(student: Student, source: Numbers, kind: str) -> None:
    """Over all x of one dimension, the density of flow_log_prob integrates to 1."""
    x = 0.05 * torch.arange(-400.0, 401.0, dtype=torch.float64)[:, None]
    scale_tril = source.uniform((1, 1), low=0.6, high=1.4)
    standard = described("gaussian_log_density", mu=source.normal((1,)), scale_tril=scale_tril)
    log_density = student.flow_log_prob(x, flow(source, kind, 1), standard)
    total = 0.05 * log_density.exp().sum()
    expect((total - 1).abs() < 1e-4, "the density does not integrate to 1.")


@question.check("law", points=0.25, examples=3)
@given(source=numbers(), dim=st.sampled_from(SIZES))
def check_affine_map_gives_a_gaussian(student: Student, source: Numbers, dim: int) -> None:
    """With z = (x - b) / a and a standard normal z, x is N(b, diag a^2)."""
    x, inverse = source.normal((3, dim)), affine(source, dim)
    scale, shift = inverse.parameters["scale"], inverse.parameters["shift"]
    eye = torch.eye(dim, dtype=torch.float64)
    standard = described("gaussian_log_density", mu=torch.zeros(dim, dtype=torch.float64), scale_tril=eye)
    squares = ((x - shift) / scale).square()
    exact = -0.5 * (squares + math.log(2 * math.pi) + scale.square().log()).sum(-1)
    assert_value(student.flow_log_prob(x, inverse, standard), exact, tolerance=CANCELLED)


def _called(function: LogDensity, z: Tensor) -> Tensor:
    return function(z)


@question.check("law", points=0.25, examples=3)
@given(source=numbers(), dim=st.sampled_from(SIZES))
def check_two_affine_maps_are_one(student: Student, source: Numbers, dim: int) -> None:
    """(x - b) / a and then (. - d) / c is (x - b - a d) / (a c)."""
    x, last = source.normal((3, dim)), base(source, dim)
    first, second = affine(source, dim), affine(source, dim)
    a, b, c, d = (one.parameters[name] for one in (first, second) for name in ("scale", "shift"))
    z = (x - b - a * d) / (a * c)
    exact = answer(_called, arguments(last, z)) - (a * c).abs().log().sum()
    assert_value(student.composed_log_prob(x, [first, second], last), exact, tolerance=CANCELLED)


@question.check("law", points=0.25, requires=values_of_one, examples=3)
@given(inputs=flows())
def check_any_number_of_functions(student: Student, inputs: Arguments) -> None:
    """With one function composed_log_prob is flow_log_prob, and with none it is the base density."""
    x, inverse, last = inputs.args
    assert_value(student.composed_log_prob(x, [inverse], last), student.flow_log_prob(x, inverse, last))
    dim = x.shape[-1]
    identity = described("affine_inverse", scale=torch.ones(dim).double(), shift=torch.zeros(dim).double())
    assert_value(student.composed_log_prob(x, [], last), student.flow_log_prob(x, identity, last))


def change_all_but_first(inputs: Arguments, source: Numbers) -> Arguments:
    """Other points for every example but the first."""
    x, inverse, last = inputs.args
    return arguments(torch.cat((x[:1], source.normal(tuple(x[1:].shape)))), inverse, last)


question.check("law", points=0.25, requires=values_of_one)(
    ignores_other_examples(flows(batch_shapes=((2,), (3,))), change_all_but_first)
)


@question.check("stress", points=0.5, requires=values_of_one)
@given(source=numbers(), dim=st.sampled_from((7, 500)))
def check_far_from_the_data(student: Student, source: Numbers, dim: int) -> None:
    """Is right where the density itself is too small or too large for any float."""
    shift = source.normal((dim,))
    eye = torch.eye(dim, dtype=torch.float64)
    standard = described("gaussian_log_density", mu=torch.zeros(dim, dtype=torch.float64), scale_tril=eye)
    for scale, away in ((1e-6, 1e-6), (1e4, 1e6), (0.5, 40.0)):
        inverse = described("affine_inverse", scale=torch.full((dim,), scale, dtype=torch.float64), shift=shift)
        exact = -0.5 * dim * (away / scale) ** 2 - dim * (0.5 * math.log(2 * math.pi) + math.log(scale))
        got = student.flow_log_prob(shift + away, inverse, standard)
        assert_value(got, torch.tensor(exact, dtype=torch.float64))


question.check(
    "stress", points=0.25, requires=values_of_one, description="flow_log_prob stays accurate in float32.", examples=4
)(accurate_in(torch.float32, flow_log_prob, flows(), tolerance=Tolerance(rtol=2e-5, atol=1e-4)))
question.check(
    "stress",
    points=0.25,
    requires=values_of_several,
    description="composed_log_prob stays accurate in float32.",
    examples=4,
)(
    about(
        "composed_log_prob",
        accurate_in(torch.float32, composed_log_prob, compositions(), tolerance=Tolerance(rtol=1e-4, atol=1e-3)),
    )
)

question.check("robustness", points=0.25, requires=values_of_one)(leaves_inputs_unchanged(flows()))
question.check("robustness", points=0.25, requires=values_of_one)(
    accepts_any_strides(flow_log_prob, flows(batch_shapes=((3,), (2, 3)), sizes=(2, 5)), tolerance=CANCELLED)
)
question.check("robustness", points=0.25, requires=values_of_one)(
    accepts_empty_batches(flows(batch_shapes=((0,), (0, 3))), flow_log_prob)
)
question.check("behaviour", points=0.25, requires=values_of_one)(runs_on_other_devices(flows()))
question.check("behaviour", points=0.25, requires=values_of_one)(keeps_generators(flows()))
question.check("behaviour", points=0.25, requires=values_of_one)(
    does_constant_work(*(flows(batch_shapes=((size,),), sizes=(5,), kinds=("affine",)) for size in (3, 300)))
)

for mistakes, replaced in ((ONE, "flow_log_prob"), (SEVERAL, "composed_log_prob")):
    for mistake, sentence in mistakes.items():
        question.misconception(sentence, replaces=replaced)(mistake)


@question.alternative
def stacks_and_sums(x: Tensor, inverse_fn: Inverse, base_log_prob: LogDensity) -> Tensor:
    z, log_det = inverse_fn(x)
    return torch.stack((base_log_prob(z), log_det), dim=-1).sum(dim=-1)


@question.alternative
def subtracts_the_log_det_of_the_other_direction(x: Tensor, inverse_fn: Inverse, base_log_prob: LogDensity) -> Tensor:
    found = inverse_fn(x)
    forward_log_det = -found[1].clone()
    return torch.sub(base_log_prob(found[0]), forward_log_det)


@question.alternative
def flattens_the_batch(x: Tensor, inverse_fn: Inverse, base_log_prob: LogDensity) -> Tensor:
    z, log_det = inverse_fn(x.reshape(x.shape[:-1].numel(), x.shape[-1]))
    return (log_det + base_log_prob(z)).reshape(x.shape[:-1])


@question.alternative_of("composed_log_prob")
def collects_and_sums(x: Tensor, inverse_fns: Sequence[Inverse], base_log_prob: LogDensity) -> Tensor:
    z, terms = x, []
    for inverse_fn in inverse_fns:
        z, log_det = inverse_fn(z)
        terms.append(log_det)
    terms.append(base_log_prob(z))
    return torch.stack(terms).sum(0)


@question.alternative_of("composed_log_prob")
def goes_from_function_to_function(x: Tensor, inverse_fns: Sequence[Inverse], base_log_prob: LogDensity) -> Tensor:
    if len(inverse_fns) == 0:
        return base_log_prob(x)
    return flow_log_prob(x, inverse_fns[0], lambda z: composed_log_prob(z, inverse_fns[1:], base_log_prob))


@question.alternative_of("composed_log_prob")
def sums_from_zero(x: Tensor, inverse_fns: Sequence[Inverse], base_log_prob: LogDensity) -> Tensor:
    z = x
    total = torch.zeros_like(x[..., 0])
    for i in range(len(inverse_fns)):
        z, log_det = inverse_fns[i](z)
        total += log_det
    return total + base_log_prob(z)
