"""The oracles of gaussian_kl against sources that share no code with them."""

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
from torch import Tensor
from torch.distributions import Categorical, Independent, MixtureSameFamily, MultivariateNormal, Normal, kl_divergence

from grader import catalog
from grader.catalog import LoadedAssignment

Oracle = Callable[..., Any]

POINTS = {"kl.1": 20, "kl.2": 15, "kl.3": 20, "kl.4": 15, "kl.5": 10, "kl.6": 10, "C2": 5, "C4": 5}


@pytest.fixture(scope="module")
def assignment() -> LoadedAssignment:
    return catalog.load(Path(__file__).parents[2], "gaussian_kl")


@pytest.fixture(scope="module")
def oracles(assignment: LoadedAssignment) -> dict[str, Oracle]:
    return {name: oracle for question in assignment.questions for name, oracle in question.oracles.items()}


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(7)


def normal(random: np.random.Generator, *shape: int) -> Tensor:
    return torch.from_numpy(random.normal(size=shape))


def scale_tril(random: np.random.Generator, *shape: int) -> Tensor:
    lower = torch.tril(0.5 * normal(random, *shape, shape[-1]), -1)
    return lower + torch.diag_embed(torch.exp(0.3 * normal(random, *shape)))


def numbers(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def exactly(actual: Tensor, expected: object, rtol: float = 1e-12) -> None:
    np.testing.assert_allclose(actual.numpy(), np.asarray(expected, dtype=np.float64), rtol=rtol, atol=1e-13)


def test_questions_are_worth_what_the_catalogue_says(assignment: LoadedAssignment) -> None:
    found = {question.id: question.points for question in (*assignment.questions, *assignment.written)}
    assert found == POINTS
    assert sum(found.values()) == 100


def test_checks_are_worth_quarters_of_a_point(assignment: LoadedAssignment) -> None:
    points = [check.points for question in assignment.questions for check in question.checks]
    assert all(each * 4 == int(each * 4) > 0 for each in points)


def test_rubrics_have_the_catalogues_lines(assignment: LoadedAssignment) -> None:
    rubrics = {question.id: [item.points for item in question.rubric] for question in assignment.written}
    assert rubrics == {"C2": [2, 1, 1, 1], "C4": [1, 1, 1, 1, 1]}


# kl.1


def test_kl_standard_against_torch_distributions(oracles: dict[str, Oracle], random: np.random.Generator) -> None:
    mu, logvar = normal(random, 2, 3, 5), normal(random, 2, 3, 5)
    q, p = Normal(mu, torch.exp(logvar / 2)), Normal(torch.zeros(5).double(), 1.0)
    exactly(oracles["kl_standard"](mu, logvar), kl_divergence(q, p).sum(-1))


@pytest.mark.parametrize(("mu", "logvar"), [(0.7, -1.2), (-2.1, 0.9)])
def test_kl_standard_against_quadrature(oracles: dict[str, Oracle], mu: float, logvar: float) -> None:
    """The definition, by scipy.integrate.quad over scipy.stats densities."""
    q, p = scipy.stats.norm(mu, math.exp(logvar / 2)), scipy.stats.norm()
    value, _ = scipy.integrate.quad(lambda z: q.pdf(z) * (q.logpdf(z) - p.logpdf(z)), -25, 25, epsabs=1e-13)
    exactly(oracles["kl_standard"](numbers(mu), numbers(logvar)), value, rtol=1e-9)


@pytest.mark.parametrize("logvar", [-200.0, -110.0, -1e-4, 1e-9, 80.0])
def test_kl_standard_against_mpmath(oracles: dict[str, Oracle], logvar: float) -> None:
    """The textbook formula in 60 digits, where float64 would lose some of them."""
    with mpmath.workdps(60):
        x = mpmath.mpf(logvar)
        exact = float((mpmath.exp(x) - 1 - x) / 2)
    # expm1(x) - x still cancels to x^2 / 2 near 0.
    np.testing.assert_allclose(oracles["kl_standard"](numbers(0.0), numbers(logvar)).item(), exact, rtol=1e-6)


def test_kl_standard_has_the_fisher_information_as_hessian_at_the_prior(oracles: dict[str, Oracle]) -> None:
    """1 in mu and 1/2 in logvar (Kullback 1959, section 2.6)."""

    def value(both: Tensor) -> Tensor:
        kl: Tensor = oracles["kl_standard"](both[:2], both[2:])
        return kl

    hessian = torch.autograd.functional.hessian(value, numbers(0.0, 0.0, 0.0, 0.0))
    exactly(hessian, np.diag([1.0, 1.0, 0.5, 0.5]))


# kl.2


def test_kl_diag_against_torch_distributions(oracles: dict[str, Oracle], random: np.random.Generator) -> None:
    mu_q, logvar_q, mu_p, logvar_p = normal(random, 2, 1, 5), normal(random, 3, 5), normal(random, 5), normal(random, 5)
    q, p = Normal(mu_q, torch.exp(logvar_q / 2)), Normal(mu_p, torch.exp(logvar_p / 2))
    exactly(oracles["kl_diag"](mu_q, logvar_q, mu_p, logvar_p), kl_divergence(q, p).sum(-1))


@pytest.mark.parametrize(("level", "shift"), [(95.0, 2.0), (-95.0, 0.0), (720.0, 2.0), (-720.0, 0.0)])
def test_kl_diag_against_mpmath_far_out(oracles: dict[str, Oracle], level: float, shift: float) -> None:
    """The textbook formula in 60 digits, where the variances leave the range of floating-point numbers."""
    logvar_q, logvar_p = level + 0.5, level - 0.5
    with mpmath.workdps(60):
        var_q, var_p = mpmath.exp(logvar_q), mpmath.exp(logvar_p)
        exact = float((mpmath.log(var_p / var_q) + (var_q + mpmath.mpf(shift) ** 2) / var_p - 1) / 2)
    actual = oracles["kl_diag"](numbers(shift), numbers(logvar_q), numbers(0.0), numbers(logvar_p))
    exactly(actual, exact)


# kl.3


def test_kl_full_against_torch_distributions(oracles: dict[str, Oracle], random: np.random.Generator) -> None:
    mu_q, scale_q, mu_p, scale_p = (
        normal(random, 2, 1, 5),
        scale_tril(random, 2, 1, 5),
        normal(random, 3, 5),
        scale_tril(random, 3, 5),
    )
    q, p = MultivariateNormal(mu_q, scale_tril=scale_q), MultivariateNormal(mu_p, scale_tril=scale_p)
    exactly(oracles["kl_full"](mu_q, scale_q, mu_p, scale_p), kl_divergence(q, p))


def mpmath_kl_full(mu_q: Tensor, scale_q: Tensor, mu_p: Tensor, scale_p: Tensor) -> float:
    """Through covariances and their determinants, in 60 digits."""
    with mpmath.workdps(60):
        factor_q, factor_p = (mpmath.matrix(scale.tolist()) for scale in (scale_q, scale_p))
        sigma_q, sigma_p = factor_q * factor_q.T, factor_p * factor_p.T
        away = mpmath.matrix(mu_q.tolist()) - mpmath.matrix(mu_p.tolist())
        solved = mpmath.inverse(sigma_p)
        trace = sum((solved * sigma_q)[i, i] for i in range(len(mu_q)))
        log_dets = mpmath.log(mpmath.det(sigma_p) / mpmath.det(sigma_q))
        return float((trace + (away.T * solved * away)[0] - len(mu_q) + log_dets) / 2)


@pytest.mark.parametrize("size", [2, 5])
def test_kl_full_against_mpmath_where_ill_conditioned(
    oracles: dict[str, Oracle], random: np.random.Generator, size: int
) -> None:
    """At a condition number of 1e8 the oracle keeps ten digits."""
    rotation = torch.linalg.qr(normal(random, size, size)).Q
    covariance = (rotation * torch.logspace(0, -8, size, dtype=torch.float64)) @ rotation.mT
    scale_p = torch.linalg.cholesky((covariance + covariance.mT) / 2)
    scale_q = scale_p @ scale_tril(random, size)
    mu_p = normal(random, size)
    mu_q = mu_p + scale_p @ normal(random, size)
    inputs = (mu_q, scale_q, mu_p, scale_p)
    exactly(oracles["kl_full"](*inputs), mpmath_kl_full(*inputs), rtol=1e-10)


# kl.4


@pytest.mark.parametrize("kind", ["k1", "k3"])
def test_kl_mc_is_unbiased_over_all_samples_of_three_states(oracles: dict[str, Oracle], kind: str) -> None:
    """Every sequence of two draws, weighted by its probability, against the definition."""
    q, p = [Fraction(1, 2), Fraction(1, 3), Fraction(1, 6)], [Fraction(1, 5), Fraction(3, 10), Fraction(1, 2)]
    log_q, log_p = numbers(*map(float, q)).log(), numbers(*map(float, p)).log()
    mean = 0.0
    for draws in itertools.product(range(3), repeat=2):
        estimate, _ = oracles["kl_mc"](log_q[list(draws)], log_p[list(draws)], kind=kind)
        mean += float(q[draws[0]] * q[draws[1]]) * estimate.item()
    exact = sum(float(a) * math.log(a / b) for a, b in zip(q, p, strict=True))
    assert mean == pytest.approx(exact, rel=1e-12)


@pytest.mark.parametrize("kind", ["k1", "k3"])
def test_kl_mc_against_scipy(oracles: dict[str, Oracle], random: np.random.Generator, kind: str) -> None:
    """scipy.stats.sem divides by n - 1, as asked."""
    log_q, log_p = normal(random, 2, 7, 3), normal(random, 2, 7, 3)
    r = (log_p - log_q).numpy()
    contributions = -r if kind == "k1" else np.exp(r) - 1 - r
    estimate, error = oracles["kl_mc"](log_q, log_p, dim=1, kind=kind)
    exactly(estimate, contributions.mean(1))
    exactly(error, scipy.stats.sem(contributions, axis=1))


@pytest.mark.parametrize("kind", ["k1", "k3"])
def test_kl_mc_comes_near_the_closed_form(oracles: dict[str, Oracle], random: np.random.Generator, kind: str) -> None:
    q, p = Normal(numbers(0.3, -0.2), numbers(0.8, 1.1)), Normal(numbers(0.0, 0.0), numbers(1.0, 1.0))
    z = q.mean + q.stddev * normal(random, 20_000, 2)
    estimate, error = oracles["kl_mc"](q.log_prob(z).sum(-1), p.log_prob(z).sum(-1), kind=kind)
    assert 0 < error < 0.01
    assert abs(estimate - kl_divergence(q, p).sum()) < 6 * error


def test_kl_mc_of_one_sample_has_no_error(oracles: dict[str, Oracle]) -> None:
    """And the oracle gives no warning, which the grader's own tests would turn into an exception."""
    estimate, error = oracles["kl_mc"](numbers(-1.0), numbers(-2.0))
    assert (estimate.item(), math.isnan(error)) == (1.0, True)


# kl.5


def mixture(logits: Tensor, mu: Tensor, logvar: Tensor) -> MixtureSameFamily:
    components = Independent(Normal(mu, torch.exp(logvar / 2)), 1)
    return MixtureSameFamily(Categorical(logits=logits), components)


GRID = torch.linspace(-25, 25, 10001, dtype=torch.float64).unsqueeze(-1)
STEP = 0.005


def test_moment_match_against_torch_distributions(oracles: dict[str, Oracle], random: np.random.Generator) -> None:
    log_weights, mu, logvar = normal(random, 3) + 2, normal(random, 3, 5), normal(random, 3, 5)
    mean, var = oracles["moment_match"](log_weights, mu, logvar.exp())
    p = mixture(log_weights, mu, logvar)
    exactly(mean, p.mean)
    exactly(var, p.variance)


def test_moment_match_minimises_the_forward_kl(oracles: dict[str, Oracle]) -> None:
    """scipy.optimize over mean and variance, with the KL integrated on a grid."""
    log_weights, mu, logvar = numbers(0.2, -0.5), numbers(-1.5, 2.0)[:, None], numbers(-0.4, 0.6)[:, None]
    log_p = mixture(log_weights, mu, logvar).log_prob(GRID).numpy()

    def forward_kl(parameters: np.ndarray[Any, np.dtype[np.float64]]) -> float:
        log_g = scipy.stats.norm.logpdf(GRID[:, 0].numpy(), parameters[0], math.exp(parameters[1] / 2))
        return float((np.exp(log_p) * (log_p - log_g)).sum() * STEP)

    best = scipy.optimize.minimize(forward_kl, [0.0, 0.0], method="BFGS", options={"gtol": 1e-8})
    mean, var = oracles["moment_match"](log_weights, mu, logvar.exp())
    exactly(mean, [best.x[0]], rtol=1e-5)
    exactly(var, [math.exp(best.x[1])], rtol=1e-5)


# kl.6


def noise(random: np.random.Generator, samples: int, dim: int) -> Tensor:
    eps = normal(random, samples, dim)
    eps = eps - eps.mean(0)
    return eps / eps.square().mean(0).sqrt()


def test_reverse_kl_fit_against_autograd(oracles: dict[str, Oracle], random: np.random.Generator) -> None:
    """torch.optim.SGD on torch.distributions: no gradient is written by hand there."""
    logits, mu, logvar = normal(random, 3), normal(random, 3, 2), normal(random, 3, 2)
    init_mu, init_logvar, eps = normal(random, 2), normal(random, 2), noise(random, 7, 2)
    m, v = init_mu.clone().requires_grad_(), init_logvar.clone().requires_grad_()
    target, optimiser, losses = mixture(logits, mu, logvar), torch.optim.SGD([m, v], lr=0.2), []
    for _ in range(5):
        z = m + torch.exp(v / 2) * eps
        loss = (Normal(m, torch.exp(v / 2)).log_prob(z).sum(-1) - target.log_prob(z)).mean()
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        losses.append(loss.item())
    fit = oracles["reverse_kl_fit"](logits, mu, logvar, init_mu, init_logvar, steps=5, lr=0.2, eps=eps)
    for actual, expected in zip(fit, (m.detach(), v.detach(), losses), strict=True):
        exactly(actual, expected)


MODES = (numbers(0.0, 0.4), numbers(-4.0, 5.0)[:, None], numbers(-0.3, 0.2)[:, None])


def reverse_kl(m: float, v: float) -> float:
    q = Normal(m, math.exp(v / 2))
    log_q = q.log_prob(GRID)[:, 0]
    return float((log_q.exp() * (log_q - mixture(*MODES).log_prob(GRID))).sum() * STEP)


@pytest.mark.parametrize("mode", [0, 1])
def test_reverse_kl_fit_reaches_the_optimum_of_its_mode(
    oracles: dict[str, Oracle], random: np.random.Generator, mode: int
) -> None:
    """Within 0.02 of what scipy.optimize finds near that mode, with the KL integrated on a grid."""
    start = MODES[1][mode] + 1.7, MODES[2][mode] + 0.5
    m, v, trace = oracles["reverse_kl_fit"](*MODES, *start, steps=25, lr=0.4, eps=noise(random, 8, 1))
    best = scipy.optimize.minimize(lambda x: reverse_kl(*x), [part.item() for part in start], method="Nelder-Mead")
    assert reverse_kl(m.item(), v.item()) < best.fun + 0.02
    assert abs(m.item() - MODES[1][mode].item()) < 0.1
    assert (trace.diff() < 1e-9).all()


def test_forward_and_reverse_fits_of_two_modes_differ(oracles: dict[str, Oracle]) -> None:
    """The forward fit puts a quarter of its mass between the modes, where mixture and reverse fits have none."""
    logits, mu, logvar = MODES
    mean, var = oracles["moment_match"](logits, mu, logvar.exp())
    between = scipy.stats.norm(mean.item(), math.sqrt(var.item()))
    inside = [scipy.stats.norm(m.item(), math.exp(v.item() / 2)) for m, v in zip(mu, logvar, strict=True)]
    gap = (inside[0].ppf(0.999), inside[1].ppf(0.001))
    assert between.cdf(gap[1]) - between.cdf(gap[0]) > 0.2
    assert abs(mean.item() - mu.mean().item()) < 1.5
