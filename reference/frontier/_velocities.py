"""Described velocities, and pairs of noise and data with their times."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import hypothesis.strategies as st
import torch
from torch import Tensor

from grader.families import described
from grader.standard import Arguments
from grader.strategies import Numbers, Shape, numbers
from grader.worker.described import Described

Maker = Callable[[Numbers, Shape], Described]

Shapes = tuple[tuple[Shape, Shape], ...]
"""Of batch and event."""

ROWS: Shapes = (((3,), (5,)), ((1,), (2,)), ((7,), (1,)))
IMAGES: Shapes = (((3,), (2, 4, 5)), ((5,), (1, 3, 2)))
OTHERS: Shapes = (*IMAGES, ((2, 3), (4, 5)), ((2, 3), (5,)), ((), (5,)))


def affine(source: Numbers, event: Shape) -> Described:
    """Linear in x and in t."""
    (dim,) = event
    matrix = source.normal((dim, dim), scale=0.6)
    return described("affine_velocity", matrix=matrix, drift=source.normal((dim,)), offset=source.normal((dim,)))


def network(source: Numbers, event: Shape) -> Described:
    """One hidden layer of four units."""
    (dim,) = event
    pairs = list(pairwise((dim + 1, 4, dim)))
    weights = [source.normal((outputs, inputs)) for inputs, outputs in pairs]
    return described("mlp_velocity", weights=weights, biases=[source.normal((outputs,)) for _, outputs in pairs])


def entrywise(source: Numbers, event: Shape) -> Described:
    """A gain and a drift for each entry, for events of any shape."""
    return described("entrywise_velocity", gain=source.normal(event, scale=0.6), drift=source.normal(event))


def constant(velocity: Tensor) -> Described:
    """The same velocity everywhere and always."""
    still = torch.zeros_like(velocity)
    matrix = torch.zeros((*velocity.shape, *velocity.shape), dtype=velocity.dtype)
    return described("affine_velocity", matrix=matrix, drift=still, offset=velocity)


FIELDS: tuple[Maker, ...] = (affine, network)


def cfm_pair(x0: Tensor, x1: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    """The oracle of fr.6: (x_t, u), both [*batch, *event]; t is [*batch]."""
    time = t[(...,) + (None,) * (x0.dim() - t.dim())]
    u = x1 - x0
    return x0 + time * u, u


def pair(source: Numbers, batch: Shape, event: Shape) -> tuple[Tensor, Tensor, Tensor]:
    """(x0, x1, t); a t of 0.9 at most leaves what divides by t or by 1 - t right to rounding, but for the ends."""
    shape = (*batch, *event)
    return source.normal(shape), source.normal(shape, loc=0.8, scale=1.6), source.uniform(batch, low=0.1, high=0.9)


@st.composite
def pairs(draw: st.DrawFn, *, shapes: Shapes = ROWS) -> Arguments:
    """Arguments (x0, x1, t)."""
    batch, event = draw(st.sampled_from(shapes))
    return Arguments(pair(draw(numbers()), batch, event))


@st.composite
def fields_on_pairs(draw: st.DrawFn, *, makers: Sequence[Maker] = FIELDS, shapes: Shapes = ROWS) -> Arguments:
    """Arguments (v_fn, x0, x1, t)."""
    maker, (batch, event) = draw(st.sampled_from(makers)), draw(st.sampled_from(shapes))
    source = draw(numbers())
    return Arguments((maker(source, event), *pair(source, batch, event)))


@st.composite
def fields_from(
    draw: st.DrawFn,
    *,
    makers: Sequence[Maker] = FIELDS,
    shapes: Shapes = ROWS,
    steps: Sequence[int] = (3, 1, 7),
) -> Arguments:
    """Arguments (v_fn, x0, n_steps)."""
    maker, (batch, event) = draw(st.sampled_from(makers)), draw(st.sampled_from(shapes))
    source = draw(numbers())
    return Arguments((maker(source, event), source.normal((*batch, *event)), draw(st.sampled_from(steps))))
