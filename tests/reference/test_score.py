"""The oracles of score against sources that share no code with them."""

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
import scipy.optimize
import scipy.stats
import torch
from torch import Tensor, nn
from torch.distributions import Categorical, Independent, MixtureSameFamily, MultivariateNormal, Normal

from grader import catalog
from grader.catalog import LoadedAssignment
from grader.families import described
from grader.worker import families

Oracle = Callable[..., Any]
Field = Callable[[Tensor], Tensor]

POINTS = {"score.1": 10, "score.2": 15, "score.3": 15, "score.4": 15, "score.5": 15, "score.6": 15, "score.7": 15}
COURSE = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def assignment() -> LoadedAssignment:
    return catalog.load(COURSE, "score")


@pytest.fixture(scope="module")
def oracles(assignment: LoadedAssignment) -> dict[str, Oracle]:
    return {name: oracle for question in assignment.questions for name, oracle in question.oracles.items()}


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(7)


def normal(random: np.random.Generator, *shape: int) -> Tensor:
    return torch.from_numpy(random.normal(size=shape))


def numbers(*values: Any) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def exactly(actual: Tensor, expected: object, rtol: float = 1e-11) -> None:
    wanted = expected.detach().numpy() if isinstance(expected, Tensor) else np.asarray(expected, dtype=np.float64)
    np.testing.assert_allclose(actual.detach().numpy(), wanted, rtol=rtol, atol=1e-12)


def factor(random: np.random.Generator, *shape: int) -> Tensor:
    lower = torch.tril(0.5 * normal(random, *shape, shape[-1]), -1)
    return lower + torch.diag_embed(torch.exp(0.3 * normal(random, *shape)))


def gradient(log_density: Field, x: Tensor) -> Tensor:
    leaf = x.detach().clone().requires_grad_()
    return torch.autograd.grad(log_density(leaf).sum(), leaf)[0]


def torch_mixture(logits: Tensor, mu: Tensor, logvar: Tensor) -> MixtureSameFamily:
    return MixtureSameFamily(Categorical(logits=logits), Independent(Normal(mu, torch.exp(logvar / 2)), 1))


def network(random: np.random.Generator, dim: int) -> tuple[nn.Sequential, Field]:
    """A network of torch's own layers, and the family with its weights."""
    net = nn.Sequential(nn.Linear(dim, 4), nn.Softplus(), nn.Linear(4, dim)).double()
    for parameter in net.parameters():
        parameter.data = normal(random, *parameter.shape)
    layers = {"weights": [net[0].weight, net[2].weight], "biases": [net[0].bias, net[2].bias]}
    return net, families.built(described("mlp_field", **layers), "cpu")


def jacobians(field: Field, x: Tensor) -> Tensor:
    """[batch, dim, dim], by finite differences of one point at a time, in numpy."""
    step = 1e-5
    found = []
    for point in x.detach():
        columns = [
            (field((point + step * axis)[None]) - field((point - step * axis)[None]))[0].detach() / (2 * step)
            for axis in torch.eye(len(point), dtype=torch.float64)
        ]
        found.append(torch.stack(columns, dim=1))
    return torch.stack(found)


def test_points_are_the_catalogues(assignment: LoadedAssignment) -> None:
    assert {one.id: one.points for one in assignment.questions if not one.extra} == POINTS
    assert [(one.id, one.points) for one in assignment.questions if one.extra] == [("score.8", 5)]
    assert not assignment.written


# score.1


def test_gaussian_score_against_autograd(oracles: dict[str, Oracle], random: np.random.Generator) -> None:
    """Of torch.distributions.MultivariateNormal."""
    x, mu, scale = normal(random, 2, 3, 5), normal(random, 3, 5), factor(random, 2, 3, 5)
    right = gradient(MultivariateNormal(mu.expand(2, 3, 5), scale_tril=scale).log_prob, x)
    exactly(oracles["gaussian_score"](x, mu, scale), right)


def test_gaussian_score_in_fifty_digits(oracles: dict[str, Oracle]) -> None:
    """mpmath, for a covariance whose condition number is 1e8."""
    scale, away = [[1.0, 0.0], [0.7, 1e-4]], [0.3, 0.21003]
    with mpmath.workdps(50):
        lower = mpmath.matrix(scale)
        right = mpmath.lu_solve(lower * lower.T, -mpmath.matrix(away))
        wanted = [float(each) for each in right]
    exactly(
        oracles["gaussian_score"](numbers(*away), torch.zeros(2, dtype=torch.float64), numbers(*scale)), wanted, 1e-9
    )


def test_gaussian_score_worked_numbers(oracles: dict[str, Oracle]) -> None:
    exactly(oracles["gaussian_score"](numbers(3.0), numbers(2.0), numbers([2.0])), [-0.25])
    value = oracles["gaussian_score"](numbers(1.0, 0.0), numbers(0.0, 0.0), numbers([1.0, 0.0], [1.0, 1.0]))
    exactly(value, [-2.0, 1.0])


# score.2


def test_gmm_score_against_autograd(oracles: dict[str, Oracle], random: np.random.Generator) -> None:
    """Of torch.distributions.MixtureSameFamily."""
    x, logits, mu, logvar = normal(random, 2, 3, 5), normal(random, 4), normal(random, 4, 5), normal(random, 4, 5)
    exactly(oracles["gmm_score"](x, logits, mu, logvar), gradient(torch_mixture(logits, mu, logvar).log_prob, x))


@pytest.mark.parametrize("x", [-1000.0, 0.3, 1000.0])
def test_gmm_score_in_fifty_digits(oracles: dict[str, Oracle], x: float) -> None:
    """mpmath's numerical derivative of the logarithm of a sum of exponentials that float64 cannot hold."""
    logits, mu, logvar = [0.2, -0.5], [-1.5, 2.0], [-0.4, 0.6]

    def log_density(t: Any) -> Any:
        return mpmath.log(
            sum(
                mpmath.exp(weight - log_variance / 2 - (t - mean) ** 2 / mpmath.exp(log_variance) / 2)
                for weight, mean, log_variance in zip(logits, mu, logvar, strict=True)
            )
        )

    with mpmath.workdps(50):
        right = float(mpmath.diff(log_density, mpmath.mpf(x)))
    value = oracles["gmm_score"](numbers([x]), numbers(*logits), numbers(*mu)[:, None], numbers(*logvar)[:, None])
    exactly(value, [[right]])


def test_gmm_score_worked_numbers(oracles: dict[str, Oracle]) -> None:
    value = oracles["gmm_score"](numbers([1.0], [0.5]), numbers(0.0, 0.0), numbers([0.0], [2.0]), numbers([0.0], [0.0]))
    near, far = math.exp(-0.125), math.exp(-1.125)
    exactly(value, [[0.0], [(near * -0.5 + far * 1.5) / (near + far)]])
    assert round(value[1].item(), 4) == 0.0379


# score.3


def test_log_prob_score_row_by_row(oracles: dict[str, Oracle], random: np.random.Generator) -> None:
    """torch.func.vmap of torch.func.grad, and closed forms for the described densities."""
    logits, mu, logvar, scale = normal(random, 3), normal(random, 3, 5), normal(random, 3, 5), factor(random, 5)
    x = normal(random, 4, 5)
    mixture = families.built(described("mixture_log_density", logits=logits, mu=mu, logvar=logvar), "cpu")
    gaussian = families.built(described("gaussian_log_density", mu=mu[0], scale_tril=scale), "cpu")
    exactly(mixture(x), torch_mixture(logits, mu, logvar).log_prob(x))
    exactly(gaussian(x), MultivariateNormal(mu[0], scale_tril=scale).log_prob(x))
    for density in (mixture, gaussian):
        exactly(oracles["log_prob_score"](density, x), torch.func.vmap(torch.func.grad(density))(x))
    exactly(oracles["log_prob_score"](gaussian, x), (mu[0] - x) @ torch.linalg.inv(scale @ scale.mT))
    score = families.built(described("mixture_score", logits=logits, mu=mu, logvar=logvar), "cpu")
    exactly(score(x), oracles["log_prob_score"](mixture, x))


def test_energy_score_of_a_discretised_density(oracles: dict[str, Oracle]) -> None:
    """The slope of log(exp(-E) / Z), with Z by scipy's quadrature: no Z in the score."""
    for log_partition in (0.0, 11.0):
        energy = families.built(
            described(
                "quadratic_energy",
                center=numbers(0.4),
                precision=numbers([2.5]),
                log_partition=numbers(log_partition)[0],
            ),
            "cpu",
        )

        def unnormalised(t: float, energy: Field = energy) -> float:
            return math.exp(-energy(numbers([t])).item())

        partition, _ = scipy.integrate.quad(unnormalised, -10, 10)
        step, at = 1e-4, 1.3
        slope = (math.log(unnormalised(at + step) / partition) - math.log(unnormalised(at - step) / partition)) / (
            2 * step
        )
        exactly(oracles["energy_score"](energy, numbers([at])), [[slope]], 1e-7)


# score.4 and score.5


def test_divergence_against_finite_differences(oracles: dict[str, Oracle], random: np.random.Generator) -> None:
    net, field = network(random, 3)
    x = normal(random, 4, 3)
    exactly(field(x), net(x))
    right = jacobians(net, x)
    exactly(oracles["divergence"](field, x), torch.stack([one.trace() for one in right]), 1e-7)


def test_divergence_of_polynomials(oracles: dict[str, Oracle]) -> None:
    """By hand: the field (x^2 y, x + y^3, x y z) has the divergence 2 x y + 3 y^2 + x y."""

    def field(p: Tensor) -> Tensor:
        x, y, z = p[..., 0], p[..., 1], p[..., 2]
        return torch.stack((x * x * y, x + y**3, x * y * z), dim=-1)

    points = numbers([1.0, 2.0, -3.0], [-0.5, 0.25, 4.0])
    exactly(oracles["divergence"](field, points), [3 * 2 + 3 * 4, 3 * -0.125 + 3 * 0.0625])


def test_hutchinson_divergence_entry_by_entry(oracles: dict[str, Oracle], random: np.random.Generator) -> None:
    net, field = network(random, 3)
    x, v = normal(random, 4, 3), normal(random, 5, 4, 3)
    right = jacobians(net, x).numpy()
    wanted = [np.mean([v[s, b].numpy() @ right[b] @ v[s, b].numpy() for s in range(len(v))]) for b in range(len(x))]
    exactly(oracles["hutchinson_divergence"](field, x, v), wanted, 1e-6)


def test_hutchinson_divergence_over_all_signs(oracles: dict[str, Oracle], random: np.random.Generator) -> None:
    """Every one of the 2^4 vectors, from itertools: the trace, exactly."""
    matrix = normal(random, 4, 4)
    every = numbers(*itertools.product((-1.0, 1.0), repeat=4))[:, None]
    field = families.built(described("affine_field", matrix=matrix, offset=normal(random, 4)), "cpu")
    exactly(oracles["hutchinson_divergence"](field, normal(random, 1, 4), every), [matrix.trace().item()])


def test_divergences_worked_numbers(oracles: dict[str, Oracle]) -> None:
    matrix, x = numbers([1.0, 2.0], [3.0, 4.0]), numbers([0.2, -0.9])

    def field(x: Tensor) -> Tensor:
        return x @ matrix.mT

    exactly(oracles["divergence"](field, x), [5.0])
    exactly(oracles["hutchinson_divergence"](field, x, numbers([[1.0, 1.0]])), [10.0])
    exactly(oracles["hutchinson_divergence"](field, x, numbers([[1.0, -1.0]])), [0.0])


def test_variance_of_hutchinsons_estimate(oracles: dict[str, Oracle], random: np.random.Generator) -> None:
    """What the handout says of it: 2 sum_{i != j} J_ij^2 for signs, over all of them."""
    half = normal(random, 4, 4)
    matrix = half + half.mT
    every = numbers(*itertools.product((-1.0, 1.0), repeat=4))
    estimates = torch.stack(
        [oracles["hutchinson_divergence"](lambda x: x @ matrix.mT, every[:1], v[None, None])[0] for v in every]
    )
    exactly(estimates.var(correction=0), 2 * (matrix.square().sum() - matrix.diagonal().square().sum()))


def test_rademacher_is_fair(oracles: dict[str, Oracle]) -> None:
    """scipy's exact binomial test of the sum of signs and of the products of neighbours."""
    signs = oracles["rademacher"]((4000, 2), generator=torch.Generator().manual_seed(3))
    assert set(signs.unique().tolist()) == {-1.0, 1.0}
    for count in ((signs > 0).sum(0).tolist(), [(signs.prod(1) > 0).sum().item()]):
        assert all(scipy.stats.binomtest(one, 4000).pvalue > 1e-6 for one in count)


# score.6


def quadrature(field: Field, p: MixtureSameFamily) -> tuple[float, float, float]:
    """ISM, ESM and 1/2 E s_p^2 in one dimension, by scipy's adaptive quadrature and numerical derivatives."""
    step = 1e-5

    def expectation(inside: Callable[[float], float]) -> float:
        value, _ = scipy.integrate.quad(
            lambda t: math.exp(p.log_prob(numbers(t)).item()) * inside(t), -14, 14, limit=400, points=[-1.5, 2.0]
        )
        return float(value)

    def s(t: float) -> float:
        return float(field(numbers([t])).item())

    def s_p(t: float) -> float:
        return float((p.log_prob(numbers(t + step)) - p.log_prob(numbers(t - step))).item()) / (2 * step)

    implicit = expectation(lambda t: (s(t + step) - s(t - step)) / (2 * step) + 0.5 * s(t) ** 2)
    explicit = expectation(lambda t: 0.5 * (s(t) - s_p(t)) ** 2)
    return implicit, explicit, expectation(lambda t: 0.5 * s_p(t) ** 2)


def test_ism_loss_is_the_explicit_one_but_for_a_constant(
    oracles: dict[str, Oracle], random: np.random.Generator
) -> None:
    """The identity, and the oracle's own share of it, by scipy's quadrature for a mixture and a network."""
    _, field = network(random, 1)
    p = torch_mixture(numbers(0.2, -0.5), numbers([-1.5], [2.0]), numbers([-0.4], [0.6]))
    with torch.no_grad():
        implicit, explicit, constant = quadrature(field, p)
    assert implicit + constant == pytest.approx(explicit, rel=1e-6)
    grid = torch.linspace(-14, 14, 561, dtype=torch.float64)[:, None]
    weights = p.log_prob(grid).exp() * 0.05
    mine = sum(weight * oracles["ism_loss"](field, point[None]) for weight, point in zip(weights, grid, strict=True))
    assert mine.item() == pytest.approx(implicit, rel=1e-6)


def test_ism_loss_entry_by_entry(oracles: dict[str, Oracle], random: np.random.Generator) -> None:
    net, field = network(random, 3)
    x = normal(random, 4, 3)
    traces = torch.stack([one.trace() for one in jacobians(net, x)])
    exactly(oracles["ism_loss"](field, x), traces.mean() + 0.5 * net(x).square().sum() / 4, 1e-7)


def test_ism_loss_of_affine_fields(oracles: dict[str, Oracle], random: np.random.Generator) -> None:
    """In closed form: tr A + 1/2 (tr(A S A^T) + |A m + b|^2), with the data's mean m and biased covariance S."""
    matrix, offset, x = normal(random, 3, 3).numpy(), normal(random, 3).numpy(), normal(random, 7, 3)
    m, covariance = x.numpy().mean(0), np.cov(x.numpy().T, bias=True)
    square = np.trace(matrix @ covariance @ matrix.T) + np.sum((matrix @ m + offset) ** 2)
    field = families.built(
        described("affine_field", matrix=torch.from_numpy(matrix), offset=torch.from_numpy(offset)), "cpu"
    )
    exactly(oracles["ism_loss"](field, x), np.trace(matrix) + square / 2)


def test_ism_loss_is_nothing_new_for_relu_energies(oracles: dict[str, Oracle], random: np.random.Generator) -> None:
    """The trap of the handout: the gradient of a ReLU network has no divergence, so the loss is the norm alone."""
    net = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 1)).double()
    x = normal(random, 4, 3)
    score = oracles["energy_score"]

    def field(points: Tensor) -> Tensor:
        value: Tensor = score(lambda p: net(p).squeeze(-1), points)
        return value

    exactly(oracles["ism_loss"](field, x), 0.5 * field(x).square().sum(-1).mean())


def test_losses_worked_numbers(oracles: dict[str, Oracle]) -> None:
    exactly(oracles["ism_loss"](lambda x: -x / 4, numbers([-2.0], [2.0])), -0.125)
    matrix, x, v = numbers([1.0, 2.0], [3.0, 4.0]), numbers([1.0, 0.0]), numbers([1.0, 1.0])
    for reduced, right in ((False, 18.0), (True, 15.0)):
        exactly(oracles["ssm_loss"](lambda x: x @ matrix.mT, x, v, variance_reduced=reduced), right)


# score.7


@pytest.mark.parametrize("reduced", [False, True])
def test_ssm_loss_entry_by_entry(oracles: dict[str, Oracle], random: np.random.Generator, reduced: bool) -> None:
    net, field = network(random, 3)
    x, v = normal(random, 4, 3), normal(random, 5, 4, 3)
    right, scores = jacobians(net, x).numpy(), net(x).detach().numpy()
    terms = [
        w @ right[b] @ w + 0.5 * (scores[b] @ scores[b] if reduced else (w @ scores[b]) ** 2)
        for one in v.numpy()
        for b, w in enumerate(one)
    ]
    exactly(oracles["ssm_loss"](field, x, v, variance_reduced=reduced), np.mean(terms), 1e-7)


@pytest.mark.parametrize("reduced", [False, True])
def test_ssm_loss_over_all_signs_is_the_implicit_one(oracles: dict[str, Oracle], reduced: bool) -> None:
    """In exact fractions, for A x at an integer point, over every sign vector."""
    matrix, point = [[1, -2, 0], [3, 4, -1], [2, 0, -5]], [2, -1, 3]
    s = [sum(a * p for a, p in zip(row, point, strict=True)) for row in matrix]
    implicit = Fraction(sum(matrix[d][d] for d in range(3))) + Fraction(sum(each * each for each in s), 2)
    every = list(itertools.product((-1, 1), repeat=3))
    sliced = Fraction(0)
    for v in every:
        curvature = sum(v[i] * matrix[i][j] * v[j] for i in range(3) for j in range(3))
        square = sum(each * each for each in s) if reduced else sum(a * b for a, b in zip(v, s, strict=True)) ** 2
        sliced += Fraction(curvature) + Fraction(square, 2)
    assert sliced / len(every) == implicit
    directions = torch.tensor(every, dtype=torch.float64)[:, None]
    field = torch.tensor(matrix, dtype=torch.float64)
    x = torch.tensor([point], dtype=torch.float64)
    value = oracles["ssm_loss"](lambda x: x @ field.mT, x, directions, variance_reduced=reduced)
    exactly(value, float(implicit))


# score.8


def test_fit_gaussian_ism_minimises_the_loss(oracles: dict[str, Oracle], random: np.random.Generator) -> None:
    """scipy.optimize of the objective as Hyvarinen wrote it, with no derivative by hand."""
    x = 0.7 + 1.3 * random.normal(size=9)

    def loss(parameters: np.ndarray[Any, np.dtype[np.float64]]) -> float:
        m, v = parameters[0], math.exp(parameters[1])
        return float(np.mean(-1 / v + 0.5 * ((x - m) / v) ** 2))

    best = scipy.optimize.minimize(loss, [0.0, 0.0], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-13})
    m, v = oracles["fit_gaussian_ism"](torch.from_numpy(x)[:, None])
    exactly(m, [best.x[0]], 1e-5)
    exactly(v, [math.exp(best.x[1])], 1e-5)
    exactly(torch.stack(oracles["fit_gaussian_ism"](numbers([0.0], [0.0], [3.0]))), [[1.0], [2.0]])


def test_the_table_of_the_handout(oracles: dict[str, Oracle]) -> None:
    handout = (COURSE / "assignments" / "score" / "README.md").read_text(encoding="utf-8")
    x = numbers([-2.0], [2.0])
    for v in (1, 2, 4, 8, 16):

        def field(x: Tensor, v: int = v) -> Tensor:
            return -x / v

        trace, implicit = oracles["divergence"](field, x).mean(), oracles["ism_loss"](field, x)
        square = implicit - trace
        row = [f"{each.item() + 0.0:.4f}" for each in (trace, square, implicit, implicit + 0.125)]
        assert f"| {v} | {' | '.join(row)} |" in handout
