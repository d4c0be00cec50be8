"""The oracles of dsm against sources that share no code with them."""

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
from torch.distributions import Categorical, Independent, MixtureSameFamily, MultivariateNormal, Normal

from grader import catalog
from grader.catalog import LoadedAssignment
from grader.families import described
from grader.worker import families
from reference.dsm._noisy_mixture import N_TEST, N_TRAIN, ExactScore, world
from reference.dsm.train_score import Field

Oracle = Callable[..., Any]

POINTS = {"dsm.1": 20, "dsm.2": 20, "dsm.3": 10, "dsm.4": 15, "dsm.5": 15, "dsm.6": 20}
COURSE = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def assignment() -> LoadedAssignment:
    return catalog.load(COURSE, "dsm")


@pytest.fixture(scope="module")
def oracles(assignment: LoadedAssignment) -> dict[str, Oracle]:
    return {name: oracle for question in assignment.questions for name, oracle in question.oracles.items()}


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(11)


def normal(random: np.random.Generator, *shape: int) -> Tensor:
    return torch.from_numpy(random.normal(size=shape))


def numbers(*values: Any) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def number(value: float) -> Tensor:
    return torch.tensor(value, dtype=torch.float64)


def exactly(actual: Tensor, expected: object, rtol: float = 1e-11) -> None:
    wanted = expected.detach().numpy() if isinstance(expected, Tensor) else np.asarray(expected, dtype=np.float64)
    np.testing.assert_allclose(actual.detach().numpy(), wanted, rtol=rtol, atol=1e-12)


def torch_mixture(logits: Tensor, mu: Tensor, var: Tensor) -> MixtureSameFamily:
    return MixtureSameFamily(Categorical(logits=logits), Independent(Normal(mu, var.sqrt()), 1))


def torch_score(mixture: MixtureSameFamily, x: Tensor) -> Tensor:
    leaf = x.detach().clone().requires_grad_()
    return torch.autograd.grad(mixture.log_prob(leaf).sum(), leaf)[0]


def test_points_are_those_of_the_catalogue(assignment: LoadedAssignment) -> None:
    points = {question.id: question.points for question in assignment.questions if not question.extra}
    assert points == POINTS
    assert sum(points.values()) == 100
    assert [(question.id, question.points) for question in assignment.questions if question.extra] == [("dsm.7", 5)]


# dsm.1


def test_dsm_loss_entry_by_entry(oracles: dict[str, Oracle], random: np.random.Generator) -> None:
    """In numpy, one data point at a time."""
    x, eps, matrix, sigma = (random.normal(size=s) for s in ((4, 3), (4, 3), (3, 3), ()))
    sigma = 0.3 + abs(float(sigma))
    terms = [0.5 * np.sum((matrix @ (a + sigma * e) + e / sigma) ** 2) for a, e in zip(x, eps, strict=True)]
    field = torch.from_numpy(matrix)
    value = oracles["dsm_loss"](lambda x: x @ field.mT, torch.from_numpy(x), sigma, torch.from_numpy(eps))
    exactly(value, np.mean(terms))


def test_dsm_loss_is_the_explicit_one_but_for_a_constant(oracles: dict[str, Oracle]) -> None:
    """By scipy's double quadrature: a two-point data set, a curved field and a zero one, the noisy score by hand."""
    data, sigma = (-0.8, 1.1), 0.6

    def density(t: float) -> float:
        return sum(float(scipy.stats.norm.pdf(t, m, sigma)) for m in data) / len(data)

    def noisy_score(t: float) -> float:
        slopes = sum((m - t) / sigma**2 * float(scipy.stats.norm.pdf(t, m, sigma)) for m in data)
        return slopes / len(data) / density(t)

    differences = []
    for field in (lambda x: torch.sin(2 * x) - 0.3, torch.zeros_like):

        def explicit(t: float, field: Callable[[Tensor], Tensor] = field) -> float:
            return 0.5 * (field(number(t)).item() - noisy_score(t)) ** 2 * density(t)

        def denoising(e: float, m: float, field: Callable[[Tensor], Tensor] = field) -> float:
            loss = oracles["dsm_loss"](field, numbers([m]), sigma, numbers([e]))
            return loss.item() * float(scipy.stats.norm.pdf(e))

        esm, _ = scipy.integrate.quad(explicit, -8, 8, limit=200)
        dsm = sum(scipy.integrate.quad(denoising, -9, 9, args=(m,), limit=200)[0] for m in data) / len(data)
        differences.append(dsm - esm)
    assert differences[0] == pytest.approx(differences[1], rel=1e-7)


def test_dsm_loss_worked_number(oracles: dict[str, Oracle]) -> None:
    exactly(oracles["dsm_loss"](lambda x: -x, numbers([2.0]), 0.5, numbers([1.0])), 0.125)


# dsm.2


def test_multi_sigma_dsm_loss_entry_by_entry(oracles: dict[str, Oracle], random: np.random.Generator) -> None:
    """In numpy, one pixel at a time, for the family that the checks use."""
    shape = (3, 2, 4)
    x, eps, frequency, offset, tilt = (random.normal(size=s) for s in (shape, shape, (2, 4), (2, 4), (2, 4)))
    sigmas, idx = np.array([2.2, 0.4, 0.9]), np.array([2, 0, 1])
    wave = {"frequency": frequency, "offset": offset, "tilt": tilt}
    field = families.built(described("noisy_wave", **{k: torch.from_numpy(v) for k, v in wave.items()}), "cpu")
    for weighting in ("none", "sigma2"):
        total = 0.0
        for b, i, j in itertools.product(*map(range, shape)):
            sigma = sigmas[idx[b]]
            noisy = x[b, i, j] + sigma * eps[b, i, j]
            score = (math.sin(frequency[i, j] * noisy + offset[i, j]) - tilt[i, j] * sigma) / (1 + sigma)
            weight = sigma**2 if weighting == "sigma2" else 1.0
            total += weight * 0.5 * (score + eps[b, i, j] / sigma) ** 2
        value = oracles["multi_sigma_dsm_loss"](
            field, *map(torch.from_numpy, (x, sigmas, idx, eps)), weighting=weighting
        )
        exactly(value, total / 3)


def test_noisy_gaussian_score_is_a_gaussians() -> None:
    """torch.distributions, at one level for each example and at one for all."""
    mean, variance, x = numbers(0.4, -1.0), numbers(0.7, 2.0), numbers([0.3, 0.9], [-2.0, 1.5], [0.0, 0.1])
    field = families.built(described("noisy_gaussian_score", mean=mean, variance=variance), "cpu")
    for sigma in (numbers(0.5, 1.0, 2.0), number(0.8)):
        level = sigma[:, None] if sigma.dim() else sigma
        leaf = x.clone().requires_grad_()
        log_density = Normal(mean, (variance + level**2).sqrt()).log_prob(leaf).sum()
        exactly(field(x, sigma), torch.autograd.grad(log_density, leaf)[0])
    with pytest.raises(ValueError, match=r"expected \[3\]"):
        field(x, numbers(1.0, 2.0))


@pytest.mark.parametrize(("weighting", "loss"), [("none", 1.0625), ("sigma2", 1.015625)])
def test_multi_sigma_dsm_loss_worked_numbers(oracles: dict[str, Oracle], weighting: str, loss: float) -> None:
    x, eps, idx = numbers([2.0], [2.0]), numbers([1.0], [1.0]), torch.tensor([0, 1])
    value = oracles["multi_sigma_dsm_loss"](lambda x, sigma: -x, x, numbers(1.0, 0.5), idx, eps, weighting=weighting)
    exactly(value, loss)


# dsm.3


def test_noisy_gmm_score_against_autograd(oracles: dict[str, Oracle], random: np.random.Generator) -> None:
    """Of torch.distributions.MixtureSameFamily."""
    x, logits, mu, var = normal(random, 2, 3, 5), normal(random, 4), normal(random, 4, 5), normal(random, 4, 5).exp()
    right = torch_score(torch_mixture(logits, mu, var + 0.49), x)
    exactly(oracles["noisy_gmm_score"](x, logits, mu, var, 0.7), right)


@pytest.mark.parametrize("x", [-1000.0, 0.3])
def test_noisy_gmm_score_in_fifty_digits(oracles: dict[str, Oracle], x: float) -> None:
    """mpmath's derivative of the logarithm of the convolution integral; far away, of the sum of exponentials."""
    logits, mu, var, sigma = [0.2, -0.5], [-1.5, 2.0], [0.6, 1.8], 0.8
    with mpmath.workdps(50):
        total = sum(mpmath.exp(weight) for weight in logits)

        def clean(t: Any) -> Any:
            return sum(
                mpmath.exp(w) / total * mpmath.npdf(t, m, mpmath.sqrt(v))
                for w, m, v in zip(logits, mu, var, strict=True)
            )

        def noisy(t: Any) -> Any:
            if x == 0.3:
                return mpmath.quad(lambda u: clean(u) * mpmath.npdf(t, u, sigma), [-12, -2, 2, 12])
            widened = [mpmath.sqrt(v + mpmath.mpf(sigma) ** 2) for v in var]
            return sum(mpmath.exp(w) * mpmath.npdf(t, m, s) for w, m, s in zip(logits, mu, widened, strict=True))

        right = float(mpmath.diff(lambda t: mpmath.log(noisy(t)), mpmath.mpf(x)))
    value = oracles["noisy_gmm_score"](
        numbers([x]), numbers(*logits), numbers(*mu)[:, None], numbers(*var)[:, None], sigma
    )
    exactly(value, [[right]], 1e-9)


def test_noisy_gmm_score_is_the_mean_way_back(oracles: dict[str, Oracle]) -> None:
    """Vincent's identity, by scipy's quadrature over clean points."""
    mixture, sigma, x = torch_mixture(numbers(0.1, 0.6), numbers([-1.0], [1.4]), numbers([0.5], [1.1])), 0.7, 0.45

    def expectation(inside: Callable[[float], float]) -> float:
        def integrand(t: float) -> float:
            likelihood = float(scipy.stats.norm.pdf(x, t, sigma))
            return math.exp(mixture.log_prob(numbers(t)).item()) * likelihood * inside(t)

        return float(scipy.integrate.quad(integrand, -10, 10, limit=200)[0])

    right = expectation(lambda t: (t - x) / sigma**2) / expectation(lambda t: 1.0)
    value = oracles["noisy_gmm_score"](
        numbers([x]), numbers(0.1, 0.6), numbers([-1.0], [1.4]), numbers([0.5], [1.1]), sigma
    )
    exactly(value, [[right]], 1e-8)
    exactly(oracles["noisy_gmm_score"](numbers([2.0]), numbers(0.3), numbers([0.0]), numbers([3.0]), 1.0), [[-0.5]])


# dsm.4


def joint_gaussian(v: float, abar: float) -> tuple[float, float]:
    """Var(x_t) and Cov(x0, x_t) for x0 of variance v."""
    return abar * v + 1 - abar, math.sqrt(abar) * v


def test_tweedie_is_linear_regression_for_gaussian_data(oracles: dict[str, Oracle]) -> None:
    """The conditional mean of a bivariate Gaussian, with the score from torch's MultivariateNormal."""
    m, v, abar, x_t = 0.7, 1.9, 0.35, -1.2
    variance, covariance = joint_gaussian(v, abar)
    leaf = numbers(x_t).requires_grad_()
    density = MultivariateNormal(numbers(math.sqrt(abar) * m), numbers([variance]))
    score = torch.autograd.grad(density.log_prob(leaf), leaf)[0]
    right = m + covariance / variance * (x_t - math.sqrt(abar) * m)
    exactly(oracles["tweedie_x0"](numbers(x_t), score, number(abar)), [right])


def test_noise_predictions_are_denoising_score_matching(
    oracles: dict[str, Oracle], random: np.random.Generator
) -> None:
    """The identity of the handout, with the loss of dsm.1 written out in numpy."""
    eps_hat, eps, abar = random.normal(size=5), random.normal(size=5), 0.27
    score = oracles["eps_to_score"](torch.from_numpy(eps_hat), number(abar)).numpy()
    loss = 0.5 * np.sum((score + eps / math.sqrt(1 - abar)) ** 2)
    assert 2 * (1 - abar) * loss == pytest.approx(np.sum((eps_hat - eps) ** 2), rel=1e-12)


def test_noise_and_scores_in_fifty_digits(oracles: dict[str, Oracle]) -> None:
    """mpmath, at levels where 1 - abar or abar is small."""
    for level in (1 - 1e-7, 1e-5):
        with mpmath.workdps(50):
            abar, x0, eps = mpmath.mpf(level), mpmath.mpf(1.25), mpmath.mpf(-0.75)
            x_t = mpmath.sqrt(abar) * x0 + mpmath.sqrt(1 - abar) * eps
            score = -eps / mpmath.sqrt(1 - abar)
            wanted = float(x_t), float(score)
        exactly(oracles["vp_perturb"](numbers(1.25), number(level), numbers(-0.75)), [wanted[0]])
        exactly(oracles["eps_to_score"](numbers(-0.75), number(level)), [wanted[1]])
        exactly(oracles["score_to_eps"](numbers(wanted[1]), number(level)), [-0.75])
        exactly(oracles["tweedie_x0"](numbers(wanted[0]), numbers(wanted[1]), number(level)), [1.25], 1e-9)


def test_noise_and_scores_worked_numbers(oracles: dict[str, Oracle]) -> None:
    abar = number(0.64)
    exactly(oracles["vp_perturb"](numbers(1.0), abar, numbers(2.0)), [2.0])
    exactly(oracles["eps_to_score"](numbers(3.0), abar), [-5.0])
    exactly(oracles["score_to_eps"](numbers(-5.0), abar), [3.0])
    exactly(oracles["tweedie_x0"](numbers(2.0), numbers(-5.0), abar), [0.25])


# dsm.5


def test_langevin_in_exact_fractions(oracles: dict[str, Oracle]) -> None:
    """With h = 1/8 the root of 2h is 1/2, and a linear field keeps fractions."""
    start, noise, step = Fraction(3, 2), [Fraction(1), Fraction(-3), Fraction(5, 2)], Fraction(1, 8)
    states = [start]
    for z in noise:
        states.append(states[-1] + step * (Fraction(1, 2) - states[-1]) + Fraction(1, 2) * z)
    path = oracles["langevin"](lambda x: 0.5 - x, numbers(1.5), 0.125, numbers([1.0], [-3.0], [2.5]), return_path=True)
    exactly(path.flatten(), [float(state) for state in states])


def test_annealed_langevin_in_exact_fractions(oracles: dict[str, Oracle]) -> None:
    """Levels 2 and 1 with eps0 = 1/8: steps 1/2 and 1/8, roots 1 and 1/2."""
    state = Fraction(8)
    for sigma, step, root, z in ((2, Fraction(1, 2), 1, 3), (1, Fraction(1, 8), Fraction(1, 2), -1)):
        for _ in range(2):
            state = state - step * state / sigma**2 + root * z
    noise = numbers([[3.0], [3.0]], [[-1.0], [-1.0]])
    value = oracles["annealed_langevin"](lambda x, sigma: -x / sigma**2, numbers(8.0), numbers(2.0, 1.0), 0.125, noise)
    exactly(value, [float(state)])


@pytest.mark.parametrize("step", [0.1, 0.5, 1.0])
def test_langevin_has_the_stationary_law_of_the_handout(oracles: dict[str, Oracle], step: float) -> None:
    """20,000 chains of 60 steps on N(0, 2): scipy's chi-square and Kolmogorov-Smirnov tests."""
    generator = torch.Generator().manual_seed(3)
    noise = torch.randn((60, 20_000, 1), generator=generator, dtype=torch.float64)
    variance = 2 / (1 - step / 4)
    # From the law itself it stays, however slowly it would be reached.
    start = math.sqrt(variance) * torch.randn((20_000, 1), generator=generator, dtype=torch.float64)
    final = oracles["langevin"](lambda x: -x / 2, start, step, noise).flatten().numpy() / math.sqrt(variance)
    square = float((final**2).sum())
    assert 2 * min(scipy.stats.chi2.cdf(square, 20_000), scipy.stats.chi2.sf(square, 20_000)) > 1e-6
    assert scipy.stats.kstest(final, "norm").pvalue > 1e-6


def test_langevin_worked_numbers(oracles: dict[str, Oracle]) -> None:
    exactly(oracles["langevin"](lambda x: -x, numbers(1.0), 0.5, numbers([1.0])), [1.5])
    still = torch.zeros(2, 1, 1, dtype=torch.float64)
    value = oracles["annealed_langevin"](lambda x, s: -x / s**2, numbers(8.0), numbers(2.0, 1.0), 0.5, still)
    exactly(value, [2.0])


# dsm.6


def test_the_oracle_of_training_is_the_score_of_its_data(oracles: dict[str, Oracle]) -> None:
    """Autograd of torch's mixture; and the data come from that mixture, by a test of its log-density's mean."""
    data = world(5)
    mixture = torch_mixture(data.logits, data.mu, data.var + 0.25)
    x = data.test + 0.5 * data.noise
    module = oracles["train_score"](data.train, 0.5, generator=torch.Generator().manual_seed(5))
    exactly(module(x), torch_score(mixture, x), 1e-9)
    assert module(x.float()).dtype == torch.float32
    clean = torch_mixture(data.logits, data.mu, data.var)
    fresh = clean.log_prob(clean.sample((N_TRAIN,)))
    for points in (data.train, data.test):
        mine = clean.log_prob(points)
        error = math.sqrt(float(fresh.var()) / len(fresh) + float(mine.var()) / len(mine))
        assert abs((mine.mean() - fresh.mean()).item()) < 6 * error
    assert (len(data.train), len(data.test)) == (N_TRAIN, N_TEST)


def test_mistakes_have_the_divergences_of_the_catalogue() -> None:
    """4 for the wrong sign, 1 for no field, (1 - sigma)^2 without 1 / sigma, (1 + sigma)^2 for a noise prediction."""
    data, sigma = world(8), 0.5
    x = data.test + sigma * data.noise
    right = ExactScore(data, sigma)(x)
    for factor, divergence in ((-1.0, 4.0), (0.0, 1.0), (sigma, 0.25), (-sigma, 2.25), (1 / sigma, 1.0)):
        made = Field(data=data, x=x, value=factor * right)
        assert made.divergence == pytest.approx(divergence, rel=1e-9)
        assert made.multiple == pytest.approx((factor, 0.0), abs=1e-9)


# dsm.7


def test_ddpm_posterior_conditions_a_joint_gaussian(oracles: dict[str, Oracle]) -> None:
    """The mean and variance of x_s given x_t, by numpy's solve on the joint covariance given x0."""
    x0, x_t, abar_t, abar_s = 0.6, -1.7, 0.21, 0.73
    a = abar_t / abar_s
    covariance = np.array([[1 - abar_s, math.sqrt(a) * (1 - abar_s)], [math.sqrt(a) * (1 - abar_s), 1 - abar_t]])
    gain = np.linalg.solve(covariance[1:, 1:], covariance[1:, :1])[0, 0]
    mean = math.sqrt(abar_s) * x0 + gain * (x_t - math.sqrt(abar_t) * x0)
    got = oracles["ddpm_posterior"](numbers(x0), numbers(x_t), number(abar_t), number(abar_s))
    exactly(got[0], [mean])
    exactly(got[1], covariance[0, 0] - gain * covariance[0, 1])


def test_ddpm_posterior_is_ho_et_als_for_neighbouring_times(oracles: dict[str, Oracle]) -> None:
    """Equations 6 and 7 of Ho et al. 2020, in their own symbols."""
    abar_s, beta = 0.8, 0.03
    alpha = 1 - beta
    abar_t = alpha * abar_s
    x0, x_t = 1.3, 0.4
    mean = math.sqrt(abar_s) * beta / (1 - abar_t) * x0 + math.sqrt(alpha) * (1 - abar_s) / (1 - abar_t) * x_t
    got = oracles["ddpm_posterior"](numbers(x0), numbers(x_t), number(abar_t), number(abar_s))
    exactly(got[0], [mean])
    exactly(got[1], (1 - abar_s) / (1 - abar_t) * beta)
    worked = oracles["ddpm_posterior"](numbers(1.0), numbers(2.0), number(0.25), number(0.64))
    exactly(worked[0], [1.25])
    exactly(worked[1], 0.2925)


# The handout's tables


def test_the_tables_of_the_handout(oracles: dict[str, Oracle]) -> None:
    """Losses over all signs of data and noise; variances that a step of the oracle leaves as they are."""
    handout = (COURSE / "assignments" / "dsm" / "README.md").read_text(encoding="utf-8")
    pairs = numbers(*itertools.product((3**0.5, -(3**0.5)), (1.0, -1.0)))
    for v in (1, 2, 3, 4, 8):
        loss = oracles["dsm_loss"](lambda x, v=v: -x / v, pairs[:, :1], 1.0, pairs[:, 1:]).item()
        explicit = 0.5 * 4 * (1 / v - 1 / 4) ** 2
        assert f"| {v} | {loss:.4f} | {explicit:.4f} | {loss - explicit:.4f} |" in handout
    for step in (0.01, 0.1, 0.5, 1):
        moved = oracles["langevin"](lambda x: -x, numbers([1.0], [0.0]), step, numbers([[0.0], [1.0]])).flatten()
        stationary = (moved[1] ** 2 / (1 - moved[0] ** 2)).item()
        assert f"| {step:g} | {stationary:.4f} |" in handout
