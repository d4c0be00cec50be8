"""Pairs of evidence on two models, and densities of which the mass on a unit cube is known."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import hypothesis.strategies as st

from grader.families import described, record
from grader.standard import Arguments
from grader.strategies import Numbers, Shape, numbers
from grader.worker.described import Described


@dataclass(frozen=True)
class Evidence:
    """What the stub defines; checks send a record of this name."""

    kind: str
    nats: float
    measure: str
    n_dims: int
    unit_scale: float = 1.0


KINDS = ("exact", "lower", "upper")

Case = tuple[Described, Described]


def evidence(kind: str, nats: float, measure: str = "lebesgue", n_dims: int = 3, unit_scale: float = 1.0) -> Described:
    """An `Evidence`."""
    return record("Evidence", kind=kind, nats=nats, measure=measure, n_dims=n_dims, unit_scale=unit_scale)


def changed(one: Described, **changes: Any) -> Described:
    """The same evidence but for some of its parts."""
    return record("Evidence", **{**one.parameters["fields"], **changes})


def in_raw_units(one: Described) -> Described:
    """The same evidence, its density taken of data in their own units."""
    fields = one.parameters["fields"]
    shift = fields["n_dims"] * math.log(fields["unit_scale"])
    return changed(one, nats=fields["nats"] + shift, unit_scale=1.0)


@st.composite
def levels(draw: st.DrawFn) -> tuple[float, float]:
    """A lower and a higher number of nats; what scaling adds, in three dimensions, is more than is between them."""
    source = draw(numbers())
    high, gap = source.normal((), loc=-20.0, scale=30.0).item(), source.uniform((), low=0.5, high=8.0).item()
    # Relative to a number near zero, nothing is near.
    high = high if abs(high) > 0.5 else high - 2.0
    return high - gap, high


def same_unit(low: float, high: float, measure: str) -> Iterator[Case]:
    """All pairs of kinds, with the higher number on either side: 18 cases."""
    for first, second in itertools.product(KINDS, KINDS):
        yield evidence(first, high, measure), evidence(second, low, measure)
        yield evidence(first, low, measure), evidence(second, high, measure)


def other_units(low: float, high: float, scale: float, n_dims: int) -> Iterator[Case]:
    """Densities of scaled data, against others."""
    shift = n_dims * math.log(scale)
    for first, second in (("exact", "exact"), ("lower", "exact"), ("exact", "upper")):
        better = evidence(first, high - shift, n_dims=n_dims, unit_scale=scale)
        worse = evidence(second, low, n_dims=n_dims)
        yield better, worse
        yield worse, better
        # Both scaled alike: what is added is the same on both sides.
        yield better, changed(worse, nats=low - shift, unit_scale=scale)
    raw = evidence("exact", high, n_dims=n_dims)
    # Between these lie the places where other corrections change sides: none, one dimension's, twice, the opposite.
    for part in (-0.2, 0.3, 0.85, 1.5, 3.0):
        yield changed(raw, nats=high + (part - 1) * shift, unit_scale=scale), raw


def other_measures(low: float, high: float) -> Iterator[Case]:
    """A probability against a density, of all kinds, with the higher number on either side: 18 cases."""
    for first, second in itertools.product(KINDS, KINDS):
        yield evidence(first, high, "counting"), evidence(second, low, "lebesgue")
        yield evidence(second, high, "lebesgue"), evidence(first, low, "counting")


def scaled_masses(low: float, high: float, scale: float) -> Iterator[Case]:
    """Probabilities of integers that somebody scaled: with the scale, and without it, and one density beside."""
    better, worse = evidence("exact", high, "counting", unit_scale=scale), evidence("exact", low, "counting")
    yield better, worse
    yield worse, better
    shift = 3 * math.log(scale)
    density = evidence("lower", high - shift, unit_scale=scale)
    yield density, changed(worse, unit_scale=scale)
    yield changed(density, nats=low - shift), changed(better, kind="upper")


def other_images(low: float, high: float, measure: str) -> Iterator[Case]:
    """Numbers of dimensions that differ, between cases where they do not."""
    better, worse = evidence("exact", high, measure), evidence("exact", low, measure)
    yield better, worse
    yield changed(better, n_dims=4), worse
    yield worse, better
    yield worse, changed(better, n_dims=2)
    yield changed(better, nats=-abs(high), n_dims=5), changed(worse, nats=-2 * abs(high), n_dims=4)


def ties(low: float, high: float, scale: float) -> Iterator[Case]:
    """The same number twice, on two ways that differ in the last digits, between cases that are no ties.

    The slack is relative: 1e-6 apart is no tie, and equal large numbers may differ by more than 1e-9.
    """
    shift = 3 * math.log(scale)
    for first, second in (("exact", "exact"), ("lower", "exact"), ("exact", "upper")):
        a, b = evidence(first, high), evidence(second, high)
        yield a, b
        yield b, changed(a, nats=high * (1 + 2e-13))
        yield changed(a, nats=high * (1 + 2e-13)), b
        yield changed(a, nats=high - shift, unit_scale=scale), b
        yield a, changed(b, nats=low)
        yield changed(b, nats=low), a
        yield a, changed(b, nats=high - 1e-6 * abs(high))
        yield changed(a, nats=4000 * high), changed(b, nats=4000 * high * (1 + 2e-10))


BATCHES: tuple[Shape, ...] = ((3,), (1,), (2, 3))


@st.composite
def dequantised(
    draw: st.DrawFn,
    *,
    batches: tuple[Shape, ...] = BATCHES,
    dims: tuple[int, ...] = (5, 2, 1),
    samples: tuple[int, ...] = (7, 1, 4),
) -> Arguments:
    """Arguments (log_density_fn, x_int, u): mixtures, integers from -4 to 4, and draws [samples, *batch, dim]."""
    batch, dim, count = draw(st.sampled_from(batches)), draw(st.sampled_from(dims)), draw(st.sampled_from(samples))
    source = draw(numbers())
    x_int = source.integers((*batch, dim), low=-4, high=5)
    return Arguments((mixture(source, dim), x_int, source.uniform((count, *batch, dim), low=0.02, high=0.98)))


@st.composite
def dequantised_once(draw: st.DrawFn) -> Arguments:
    """The same with one draw, [*batch, dim], also where there is no batch."""
    inputs = draw(dequantised(batches=(*BATCHES, ()), samples=(1,)))
    return Arguments((*inputs.args[:2], inputs.args[2][0]))


def mixture(source: Numbers, dim: int) -> Described:
    """Two wide and overlapping components."""
    return described(
        "mixture_log_density",
        logits=source.normal((2,)),
        mu=source.normal((2, dim), loc=0.4, scale=1.5),
        logvar=source.uniform((2, dim), low=-0.3, high=1.5),
    )
