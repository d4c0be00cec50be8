"""fr.7: what a likelihood says of a model: dequantisation, bounds, measures (Theis et al. 2016, sections 3.1 and 3.2).

log P(x) = log int_{[0,1)^D} p(x + u) du >= E_u[log p(x + u)];  y = c x:  log p_x(x) = log p_y(y) + D log c
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import hypothesis.strategies as st
import torch
from hypothesis import given
from torch import Tensor

from grader.compare import assert_value, expect
from grader.families import described
from grader.question import Question
from grader.remote import Student
from grader.standard import (
    Arguments,
    accepts_any_strides,
    accepts_empty_batches,
    accurate_in,
    answer,
    cotangents_like,
    does_constant_work,
    keeps_generators,
    keeps_precision,
    leaves_inputs_unchanged,
    matches_oracle,
    oracle_vjp,
    runs_on_other_devices,
)
from grader.strategies import Numbers, numbers
from reference.frontier._bound_mistakes import BOUND
from reference.frontier._evidence import (
    Case,
    Evidence,
    dequantised,
    dequantised_once,
    in_raw_units,
    levels,
    other_images,
    other_measures,
    other_units,
    same_unit,
    scaled_masses,
    ties,
)
from reference.frontier._ranking_mistakes import RANKING
from reference.frontier._ranking_unit_mistakes import UNITS

Density = Callable[[Tensor], Tensor]

question = Question(id="fr.7", functions=["dequantized_log_mass_bound", "rank_models"], title="What a likelihood says")


@question.oracle
def dequantized_log_mass_bound(log_density_fn: Density, x_int: Tensor, u: Tensor) -> Tensor:
    """Nats, [*batch]; x_int is [*batch, dim], u [samples, *batch, dim] or [*batch, dim]."""
    draws = u if u.dim() > x_int.dim() else u.unsqueeze(0)
    return torch.stack([log_density_fn(x_int + draw) for draw in draws]).mean(0)


@question.oracle
def rank_models(a: Evidence, b: Evidence) -> str:
    """What is certain of the two intervals that the log-likelihoods lie in."""
    if a.n_dims != b.n_dims:
        return "undetermined"
    ranges = [_range(one, of_mass=a.measure != b.measure) for one in (a, b)]
    for winner, ((low, _), (_, high)) in zip("ab", (ranges, ranges[::-1]), strict=True):
        if low > high and not math.isclose(low, high, rel_tol=1e-9):
            return winner
    return "undetermined"


def _range(one: Evidence, *, of_mass: bool) -> tuple[float, float]:
    if one.measure == "counting":
        low = high = one.nats
    else:
        low = high = one.nats + one.n_dims * math.log(one.unit_scale)
        # E_u[log p(x + u)] <= log P(x): of the mass, a density gives a lower bound, and no upper one.
        high = math.inf if of_mass else high
    return -math.inf if one.kind == "upper" else low, math.inf if one.kind == "lower" else high


inputs = dequantised()
check_bound = question.check(
    "value", points=1, name="bound", description="Is the mean of log p(x + u) over the draws of u."
)(matches_oracle(dequantized_log_mass_bound, dequantised(batches=((1,),))))
question.check(
    "value", points=0.5, requires=check_bound, name="bound_for_a_batch", description="Bounds each example on its own."
)(matches_oracle(dequantized_log_mass_bound, dequantised(batches=((3,), (2, 3)))))
question.check(
    "value",
    points=0.25,
    requires=check_bound,
    name="bound_of_one_draw",
    description="A u that is shaped like x is one draw.",
)(matches_oracle(dequantized_log_mass_bound, dequantised_once()))
question.check("precision", points=0.25)(keeps_precision(dequantized_log_mass_bound, inputs))


@question.check("gradient", points=0.5)
@given(inputs=inputs, source=numbers())
def check_bound_trains_the_density(student: Student, inputs: Arguments, source: Numbers) -> None:
    """The bound has the right gradient in the parameters of the density."""
    weights = cotangents_like(inputs.args[1][..., 0], source)
    got = student.dequantized_log_mass_bound.vjp(inputs.args, weights)
    assert_value(got[:-1], oracle_vjp(dequantized_log_mass_bound, inputs, weights)[:-1])


@question.check("law", points=0.25)
@given(source=numbers(), dim=st.sampled_from((1, 2)))
def check_lies_below_the_mass(student: Student, source: Numbers, dim: int) -> None:
    """With draws all over the unit cube it lies below the log-mass, and of a wide and flat density next to it."""
    ticks = (torch.arange(30, dtype=torch.float64) + 0.5) / 30
    u = torch.cartesian_prod(*[ticks] * dim).reshape(-1, 1, dim)
    x_int, mu = source.integers((1, dim), low=-3, high=4), source.normal((dim,), scale=0.4)
    for std, below in ((0.6, 0.0), (40.0, -1e-6)):
        density = described("gaussian_log_density", mu=mu, scale_tril=torch.eye(dim, dtype=torch.float64) * std)
        got, again = (student.dequantized_log_mass_bound(density, x_int, u) for _ in range(2))
        expect(
            (got == again) | got.isnan(),
            "the same arguments give two different bounds.",
            misconception="draws_noise_of_its_own",
        )
        ends = [torch.special.log_ndtr((x_int + end - mu) / std) for end in (0, 1)]
        log_mass = (ends[1] + torch.log1p(-torch.exp(ends[0] - ends[1]))).sum(-1)
        expect(got < log_mass - below, "the bound is not below the log-mass.")
    expect(got > log_mass - 1e-3, "of a flat density, the bound is not next to the log-mass.")


question.check("stress", points=0.25, requires=check_bound, examples=4)(
    accurate_in(torch.float32, dequantized_log_mass_bound, inputs)
)
question.check("robustness", points=0.25, requires=check_bound)(leaves_inputs_unchanged(inputs))
question.check("robustness", points=0.25, requires=check_bound)(
    accepts_any_strides(dequantized_log_mass_bound, dequantised(batches=((3,), (2, 3)), dims=(5, 2)))
)
question.check("robustness", points=0.25, requires=check_bound)(
    accepts_empty_batches(dequantised(batches=((0,), (0, 3))), dequantized_log_mass_bound)
)
question.check("behaviour", points=0.25, requires=check_bound)(runs_on_other_devices(inputs))
question.check("behaviour", points=0.25, requires=check_bound)(keeps_generators(inputs))


def rows(count: int) -> st.SearchStrategy[Arguments]:
    """Four draws for each of some data in two dimensions."""
    return dequantised(batches=((count,),), dims=(2,), samples=(4,))


question.check("behaviour", points=0.25, requires=check_bound)(does_constant_work(rows(3), rows(300)))


def decide(student: Student, cases: Iterable[Case]) -> None:
    """Each case is decided as it should be."""
    for a, b in cases:
        right = answer(rank_models, Arguments((a, b)))
        expect(student.rank_models(a, b) == right, "the decision is not what these two numbers allow.")


scales, measures = st.sampled_from((1 / 256, 0.01, 30.0)), st.sampled_from(("counting", "lebesgue"))


@question.check("value", points=1.75, examples=3)
@given(levels=levels(), measure=measures)
def check_decides_by_what_is_known(student: Student, levels: tuple[float, float], measure: str) -> None:
    """In one measure and one unit, the model wins that wins whatever the two log-likelihoods are."""
    decide(student, same_unit(*levels, measure))


@question.check("value", points=1.25, examples=3)
@given(levels=levels(), scale=scales, n_dims=st.sampled_from((3, 784)))
def check_compares_densities_of_the_same_data(
    student: Student, levels: tuple[float, float], scale: float, n_dims: int
) -> None:
    """Densities of scaled data are compared as densities of the data in their own units."""
    decide(student, other_units(*levels, scale, n_dims))


@question.check("value", points=0.75, examples=2)
@given(levels=levels())
def check_compares_a_density_with_a_probability(student: Student, levels: tuple[float, float]) -> None:
    """Of a probability, a density gives a lower bound and nothing else."""
    decide(student, other_measures(*levels))


@question.check("law", points=0.25)
@given(levels=levels(), scale=scales)
def check_leaves_probabilities_as_they_are(student: Student, levels: tuple[float, float], scale: float) -> None:
    """A probability does not change with the unit of the data."""
    decide(student, scaled_masses(*levels, scale))


@question.check("law", points=0.5)
@given(levels=levels(), measure=measures)
def check_keeps_apart_what_are_other_images(student: Student, levels: tuple[float, float], measure: str) -> None:
    """Log-likelihoods of images with other numbers of dimensions are not compared; those of the same images are."""
    decide(student, other_images(*levels, measure))


@question.check("law", points=0.5, examples=2)
@given(levels=levels(), scale=scales)
def check_leaves_ties_undetermined(student: Student, levels: tuple[float, float], scale: float) -> None:
    """Equal numbers, also after rounding, decide nothing; different ones do."""
    decide(student, ties(*levels, scale))


# Who never decides treats both sides alike.
@question.check("law", points=0.25, requires=check_decides_by_what_is_known, examples=1)
@given(levels=levels(), scale=scales)
def check_does_not_care_who_is_first(student: Student, levels: tuple[float, float], scale: float) -> None:
    """With a and b exchanged, the winner is the same model."""
    turned = {"a": "b", "b": "a", "undetermined": "undetermined"}
    for a, b in (*other_units(*levels, scale, 3), *ties(*levels, scale)):
        first, again = student.rank_models(a, b), student.rank_models(b, a)
        expect(turned.get(first) == again, "with a and b exchanged, another model wins.")


@question.check("law", points=0.25, requires=check_decides_by_what_is_known, examples=1)
@given(levels=levels(), scale=scales)
def check_does_not_care_about_the_unit(student: Student, levels: tuple[float, float], scale: float) -> None:
    """Scaling the data by c lowers a log-density by D log c, and changes no decision."""
    for a, b in other_units(*levels, scale, 3):
        expect(
            student.rank_models(a, b) == student.rank_models(in_raw_units(a), in_raw_units(b)),
            "the decision changes with the unit of the data.",
        )


for sentence, wrong in BOUND:
    question.misconception(sentence)(wrong)
for sentence, wrong in (*RANKING, *UNITS):
    question.misconception(sentence, replaces="rank_models")(wrong)


@question.alternative
def adds_up_the_draws(log_density_fn: Density, x_int: Tensor, u: Tensor) -> Tensor:
    x = x_int.to(u.dtype)
    if u.shape == x.shape:
        return log_density_fn(x.add(u))
    return torch.sum(log_density_fn(x + u), dim=0) / len(u)


@question.alternative
def flattens_all_points(log_density_fn: Density, x_int: Tensor, u: Tensor) -> Tensor:
    points = torch.add(u, x_int)
    values = log_density_fn(points.reshape(-1, points.shape[-1])).reshape(points.shape[:-1])
    return values if values.dim() == x_int.dim() - 1 else values.mean(dim=0)


@question.alternative
def makes_one_draw_a_sample(log_density_fn: Density, x_int: Tensor, u: Tensor) -> Tensor:
    draws = u[None] if u.ndim == x_int.ndim else u
    weights = u.new_full((len(draws), *(1 for _ in x_int.shape[:-1])), 1 / len(draws))
    return (log_density_fn(x_int[None] + draws) * weights).sum(0)


@question.alternative_of("rank_models")
def asks_what_must_be_true(a: Evidence, b: Evidence) -> str:
    if a.n_dims != b.n_dims:
        return "undetermined"
    mixed = a.measure != b.measure

    def at_least(one: Evidence) -> float | None:
        if one.kind == "upper":
            return None
        return float(one.nats if one.measure == "counting" else one.nats + one.n_dims * math.log(one.unit_scale))

    def at_most(one: Evidence) -> float | None:
        if one.kind == "lower" or (mixed and one.measure == "lebesgue"):
            return None
        return float(one.nats if one.measure == "counting" else one.nats + one.n_dims * math.log(one.unit_scale))

    def beats(one: Evidence, other: Evidence) -> bool:
        low, high = at_least(one), at_most(other)
        if low is None or high is None or math.isclose(low, high, rel_tol=1e-9):
            return False
        return low > high

    return "a" if beats(a, b) else "b" if beats(b, a) else "undetermined"


@question.alternative_of("rank_models")
def matches_on_the_class(a: Evidence, b: Evidence) -> str:
    def raw(evidence: Evidence) -> Evidence:
        match evidence:
            case Evidence(measure="lebesgue", nats=nats, n_dims=dims, unit_scale=factor):
                return Evidence(evidence.kind, nats + dims * math.log(factor), "lebesgue", dims)
        return evidence

    def as_mass(evidence: Evidence) -> Evidence:
        if evidence.measure == "counting":
            return evidence
        return Evidence("none" if evidence.kind == "upper" else "lower", evidence.nats, "counting", evidence.n_dims)

    a, b = raw(a), raw(b)
    if {a.measure, b.measure} == {"counting", "lebesgue"}:
        a, b = as_mass(a), as_mass(b)
    if a.n_dims != b.n_dims or abs(a.nats - b.nats) <= 1e-9 * max(abs(a.nats), abs(b.nats)):
        return "undetermined"
    winner, loser, name = (a, b, "a") if a.nats > b.nats else (b, a, "b")
    sure = winner.kind in ("exact", "lower") and loser.kind in ("exact", "upper")
    return name if sure else "undetermined"


@question.alternative_of("rank_models")
def sorts_the_ends(a: Evidence, b: Evidence) -> str:
    ends = []
    for one in (a, b):
        is_density = int(one.measure == "lebesgue")
        nats = one.nats + is_density * one.n_dims * float(torch.tensor(one.unit_scale, dtype=torch.float64).log())
        low, high = nats, nats
        if one.kind == "lower" or (is_density and a.measure != b.measure):
            high = float("inf")
        if one.kind == "upper":
            low = float("-inf")
        ends.append((low, high))
    margin = [ends[i][0] - ends[1 - i][1] for i in (0, 1)]
    scale = [max(abs(ends[i][0]), abs(ends[1 - i][1])) for i in (0, 1)]
    sure = [
        a.n_dims == b.n_dims and m > 0 and (s == float("inf") or m > 1e-9 * s)
        for m, s in zip(margin, scale, strict=True)
    ]
    return "ab"[sure.index(True)] if any(sure) else "undetermined"
