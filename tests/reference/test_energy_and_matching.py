"""The oracles of fr.5 against sources that share no code with them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest
import scipy.integrate
import scipy.stats
import torch
from torch import Tensor

from grader import catalog
from grader.catalog import LoadedAssignment
from grader.families import described
from grader.worker import families

Oracle = Callable[..., Any]
COURSE = Path(__file__).parents[2]
POINTS = {"fr.5": 15}


@pytest.fixture(scope="module")
def assignment() -> LoadedAssignment:
    return catalog.load(COURSE, "frontier")


@pytest.fixture(scope="module")
def oracles(assignment: LoadedAssignment) -> dict[str, Oracle]:
    return {name: oracle for question in assignment.questions for name, oracle in question.oracles.items()}


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(11)


def normal(random: np.random.Generator, *shape: int) -> Tensor:
    return torch.from_numpy(random.normal(size=shape))


def exactly(actual: Tensor, expected: object, rtol: float = 1e-11) -> None:
    wanted = expected.detach().numpy() if isinstance(expected, Tensor) else np.asarray(expected, dtype=np.float64)
    np.testing.assert_allclose(actual.detach().numpy(), wanted, rtol=rtol, atol=1e-12)


@pytest.mark.parametrize("id", POINTS)
def test_points_are_the_catalogues(assignment: LoadedAssignment, id: str) -> None:
    (question,) = (one for one in assignment.questions if one.id == id)
    assert question.points == POINTS[id]


# fr.5


@pytest.mark.parametrize("shift", [0, -2000, 2000])
def test_log_partition_in_fifty_digits(oracles: dict[str, Oracle], random: np.random.Generator, shift: int) -> None:
    """mpmath, term by term, also where exp(-E) is no float."""
    grid = normal(random, 7, 2)
    with mpmath.workdps(50):
        terms = [mpmath.exp(-(mpmath.mpf(float(a)) ** 2 + 3 * mpmath.mpf(float(b)) + shift)) for a, b in grid]
        right = float(mpmath.log(mpmath.fsum(terms) * mpmath.mpf(0.04)))
    exactly(oracles["log_partition"](lambda x: x[:, 0] ** 2 + 3 * x[:, 1] + shift, grid, 0.04), right)


def test_log_partition_against_quadrature(oracles: dict[str, Oracle]) -> None:
    """scipy's adaptive quadrature of a double well."""
    right, _ = scipy.integrate.quad(lambda x: math.exp(-((x**2 - 2) ** 2) / 3 - x / 4), -8, 8, epsabs=1e-12)
    grid = torch.arange(-800, 801, dtype=torch.float64)[:, None] / 100
    got = oracles["log_partition"](lambda x: ((x**2 - 2) ** 2 / 3 + x / 4)[:, 0], grid, 0.01)
    exactly(got, math.log(right), rtol=1e-9)


def test_log_partition_of_a_gaussian(oracles: dict[str, Oracle]) -> None:
    """The normaliser of scipy's multivariate normal, on a grid of two dimensions."""
    covariance = np.array([[1.3, 0.4], [0.4, 0.8]])
    axis = torch.arange(-60, 61, dtype=torch.float64) / 6
    precision = torch.from_numpy(np.linalg.inv(covariance))
    got = oracles["log_partition"](
        lambda x: 0.5 * torch.einsum("ni,ij,nj->n", x, precision, x), torch.cartesian_prod(axis, axis), 1 / 36
    )
    exactly(got, -scipy.stats.multivariate_normal([0, 0], covariance).logpdf([0, 0]), rtol=1e-10)


def test_surrogate_gradient_by_enumeration(oracles: dict[str, Oracle]) -> None:
    """Sixteen states whose energies are -log n make n of 136 samples each, counted here with fractions."""
    states = list(itertools.product((0, 1), repeat=4))
    copies = range(1, 17)
    table = torch.tensor([-math.log(n) for n in copies], dtype=torch.float64).requires_grad_()

    def energy(x: Tensor) -> Tensor:
        return table[(x @ torch.tensor([8.0, 4.0, 2.0, 1.0], dtype=torch.float64)).long()]

    samples = torch.tensor([s for s, n in zip(states, copies, strict=True) for _ in range(n)], dtype=torch.float64)
    x_data = torch.tensor([states[3], states[3], states[12]], dtype=torch.float64)
    (gradient,) = torch.autograd.grad(oracles["ebm_surrogate"](energy, x_data, samples), table)
    seen = {3: Fraction(2, 3), 12: Fraction(1, 3)}
    right = [seen.get(state, Fraction(0)) - Fraction(n, 136) for state, n in enumerate(copies)]
    exactly(gradient, [float(each) for each in right])


def test_surrogate_in_numpy(oracles: dict[str, Oracle], random: np.random.Generator) -> None:
    parameters = {
        "weights": [normal(random, 4, 2), normal(random, 1, 4)],
        "biases": [normal(random, 4), normal(random, 1)],
    }
    energy = families.built(described("mlp_energy", **parameters), "cpu")
    x_data, x_model = normal(random, 3, 2), normal(random, 5, 2)

    def by_hand(x: Tensor) -> float:
        (first, second), (a, b) = ([p.numpy() for p in parameters[name]] for name in ("weights", "biases"))
        return float(np.mean(np.log1p(np.exp(x.numpy() @ first.T + a)) @ second.T + b))

    exactly(oracles["ebm_surrogate"](energy, x_data, x_model), by_hand(x_data) - by_hand(x_model))
