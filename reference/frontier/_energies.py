"""Described energies, and the points where they are asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import hypothesis.strategies as st
import torch
from torch import Tensor

from grader.families import described
from grader.standard import Arguments
from grader.strategies import Numbers, numbers
from grader.worker.described import Described

Maker = Callable[[Numbers, int], Described]

DIMENSIONS: tuple[int, ...] = (1, 2, 5)


def bowl(source: Numbers, dim: int) -> Described:
    """A quadratic energy around some point."""
    factor = source.scale_tril((), dim)
    return described(
        "quadratic_energy",
        center=source.normal((dim,)),
        precision=factor @ factor.mT,
        log_partition=torch.tensor(0.7, dtype=torch.float64),
    )


def raised(quadratic: Described, constant: float) -> Described:
    """A quadratic energy with a constant added."""
    own = quadratic.parameters["log_partition"]
    return described(quadratic.family, **{**quadratic.parameters, "log_partition": own + constant})


def network(source: Numbers, dim: int) -> Described:
    """A network with one hidden layer of four units."""
    pairs = list(pairwise((dim, 4, 1)))
    weights = [source.normal((outputs, inputs)) for inputs, outputs in pairs]
    return described("mlp_energy", weights=weights, biases=[source.normal((outputs,)) for _, outputs in pairs])


ENERGIES: tuple[Maker, ...] = (bowl, network)


@st.composite
def energies_on_grids(
    draw: st.DrawFn, *, dims: Sequence[int] = DIMENSIONS, points: Sequence[int] = (3, 7, 1)
) -> Arguments:
    """Arguments (energy_fn, grid, dx); the points are anywhere, as the sum does not ask where they are."""
    maker, dim = draw(st.sampled_from(ENERGIES)), draw(st.sampled_from(dims))
    size, dx = draw(st.sampled_from(points)), draw(st.sampled_from((0.3, 0.04, 2.7)))
    source = draw(numbers())
    return Arguments((maker(source, dim), source.normal((size, dim), scale=1.3), dx))


@st.composite
def energies_of_samples(
    draw: st.DrawFn, *, makers: Sequence[Maker] = ENERGIES, sizes: Sequence[tuple[int, int]] = ((3, 2), (1, 4), (5, 1))
) -> Arguments:
    """Arguments (energy_fn, x_data, x_model), with these numbers of data and of samples."""
    maker, dim = draw(st.sampled_from(makers)), draw(st.sampled_from(DIMENSIONS))
    n_data, n_model = draw(st.sampled_from(sizes))
    source = draw(numbers())
    x_data, x_model = source.normal((n_data, dim), loc=0.4), source.normal((n_model, dim), scale=1.3)
    return Arguments((maker(source, dim), x_data, x_model))


def states() -> Tensor:
    """All 16 states of four binary variables, [16, 4]."""
    one = torch.tensor([0.0, 1.0], dtype=torch.float64)
    return torch.cartesian_prod(one, one, one, one)
