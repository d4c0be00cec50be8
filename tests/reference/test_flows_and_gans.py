"""The oracles of frontier's flows and adversarial losses against sources that share no code with them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.integrate
import scipy.stats
import torch
from torch import Tensor

from grader import catalog
from grader.catalog import LoadedAssignment
from grader.question import Question
from grader.strategies import Numbers
from grader.worker import families
from reference.frontier import flow_log_prob

ROOT = Path(__file__).parents[2]
POINTS = {"fr.1": 10}


@pytest.fixture(scope="module")
def assignment() -> LoadedAssignment:
    return catalog.load(ROOT, "frontier")


@pytest.fixture
def source() -> Numbers:
    return Numbers(seed=7, decimals=17)


def by_id(assignment: LoadedAssignment, identity: str) -> Question:
    return next(question for question in assignment.questions if question.id == identity)


def numbers(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def exactly(actual: Tensor, expected: object, rtol: float = 1e-12) -> None:
    np.testing.assert_allclose(actual.detach().numpy(), np.asarray(expected, dtype=np.float64), rtol=rtol, atol=1e-13)


@pytest.mark.parametrize("identity", POINTS)
def test_questions_are_worth_what_the_catalogue_says(assignment: LoadedAssignment, identity: str) -> None:
    question = by_id(assignment, identity)
    assert question.points == POINTS[identity]
    assert all(check.points * 4 == int(check.points * 4) > 0 for check in question.checks)


# fr.1


def a_flow(source: Numbers, kind: str, dim: int) -> tuple[Any, Any]:
    """A map and a base, built."""
    return families.built((flow_log_prob.flow(source, kind, dim), flow_log_prob.base(source, dim)), "cpu")


@pytest.mark.parametrize("kind", flow_log_prob.KINDS)
@pytest.mark.parametrize("dim", flow_log_prob.SIZES)
def test_log_determinants_of_the_maps_against_autograd(source: Numbers, kind: str, dim: int) -> None:
    """The described maps say the log-determinant that numpy takes of the Jacobian by autograd."""
    inverse, _ = a_flow(source, kind, dim)
    for x in source.normal((4, dim)):
        jacobian = torch.autograd.functional.jacobian(lambda point: inverse(point)[0], x)
        exactly(inverse(x)[1], np.linalg.slogdet(jacobian.numpy())[1], rtol=1e-9)


@pytest.mark.parametrize("kind", flow_log_prob.KINDS)
def test_flow_log_prob_against_scipy_and_quadrature(source: Numbers, kind: str) -> None:
    """The base by scipy.stats, the slope by central differences, and the integral by scipy.integrate."""
    inverse, base = a_flow(source, kind, 1)

    def log_density(x: float) -> float:
        return flow_log_prob.flow_log_prob(numbers(x), inverse, base).item()

    mu, scale = flow_log_prob.base(Numbers(seed=3, decimals=17), 1).parameters.values()
    law = scipy.stats.norm(mu.item(), scale.item())
    own = families.built(flow_log_prob.base(Numbers(seed=3, decimals=17), 1), "cpu")
    for x in (-1.3, 0.2, 2.1):
        z, ahead, behind = (inverse(numbers(x + step))[0].item() for step in (0.0, 1e-5, -1e-5))
        exact = law.logpdf(z) + math.log(abs(ahead - behind) / 2e-5)
        exactly(flow_log_prob.flow_log_prob(numbers(x), inverse, own), exact, rtol=1e-8)
    total, _ = scipy.integrate.quad(lambda x: math.exp(log_density(x)), -30, 30, limit=200)
    assert abs(total - 1) < 1e-7


def test_composed_log_prob_against_the_jacobian_of_the_whole(source: Numbers) -> None:
    """numpy's determinant of the Jacobian of three maps in a row."""
    maps = [a_flow(source, kind, 2)[0] for kind in ("bent", "affine", "bent")]
    base = families.built(flow_log_prob.base(source, 2), "cpu")

    def through(x: Tensor) -> Tensor:
        for inverse in maps:
            x, _ = inverse(x)
        return x

    for x in source.normal((3, 2)):
        jacobian = torch.autograd.functional.jacobian(through, x)
        exact = base(through(x)).item() + np.linalg.slogdet(jacobian.numpy())[1]
        exactly(flow_log_prob.composed_log_prob(x, maps, base), exact, rtol=1e-9)


def test_flow_worked_numbers() -> None:
    """Docstrings and handout."""

    def half(x: Tensor) -> tuple[Tensor, Tensor]:
        return x / 2, torch.full(x.shape[:-1], math.log(0.5), dtype=x.dtype)

    def less(x: Tensor) -> tuple[Tensor, Tensor]:
        return x - 1, torch.zeros(x.shape[:-1], dtype=x.dtype)

    def base(z: Tensor) -> Tensor:
        return torch.from_numpy(np.asarray(scipy.stats.norm.logpdf(z.numpy()).sum(-1)))

    for x, exact in ((0.0, -1.612), (2.0, -2.112), (-4.0, -3.612)):
        assert round(flow_log_prob.flow_log_prob(numbers(x), half, base).item(), 3) == exact
    for maps, exact in (([half, less], -2.112), ([less, half], -1.737)):
        assert round(flow_log_prob.composed_log_prob(numbers(0.0), maps, base).item(), 3) == exact
