"""The oracles of latent against sources that share no code with them, and the tables of its handout."""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest
import scipy.integrate
import scipy.special
import scipy.stats
import torch
from sklearn.mixture import GaussianMixture
from torch import Tensor
from torch.distributions import Categorical, Independent, MixtureSameFamily, MultivariateNormal, Normal

from grader import catalog
from grader.catalog import LoadedAssignment
from grader.errors import CheckFailed
from grader.strategies import Numbers
from grader.worker.described import Described
from reference.latent import (
    _built_on_log_mean_exp,
    em_step,
    gmm_log_prob,
    log_mean_exp,
    ppca_log_marginal,
    ppca_posterior,
    prior_mc_log_marginal,
)
from reference.latent._linear import draw_model, exact_log_marginal, exact_posterior, nearly_noiseless
from reference.latent._sampling_mistakes import SENTENCES

SAMPLER_SEEDS = int(os.environ.get("SAMPLER_SEEDS", "8"))
"""More of them for a measurement: 1,000 were tried of each wrong sampler and of each right one."""

POINTS = {"lvm.1": 15, "lvm.2": 20, "lvm.3": 20, "lvm.4": 10, "lvm.5": 20, "lvm.6": 15}
HANDOUT = Path(__file__).parents[2] / "assignments" / "latent" / "README.md"


@pytest.fixture(scope="module")
def assignment() -> LoadedAssignment:
    return catalog.load(Path(__file__).parents[2], "latent")


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(7)


def normal(random: np.random.Generator, *shape: int) -> Tensor:
    return torch.from_numpy(random.normal(size=shape))


def numbers(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def exactly(actual: Tensor, expected: object, rtol: float = 1e-12) -> None:
    np.testing.assert_allclose(actual.numpy(), np.asarray(expected, dtype=np.float64), rtol=rtol, atol=1e-13)


def test_questions_are_worth_what_the_catalogue_says(assignment: LoadedAssignment) -> None:
    assert {question.id: question.points for question in assignment.questions} == POINTS
    assert sum(POINTS.values()) == 100


def test_checks_are_worth_quarters_of_a_point(assignment: LoadedAssignment) -> None:
    points = [check.points for question in assignment.questions for check in question.checks]
    assert all(each * 4 == int(each * 4) > 0 for each in points)


def test_the_first_check_is_a_value_check_that_requires_no_other(assignment: LoadedAssignment) -> None:
    firsts = [question.checks[0] for question in assignment.questions]
    assert [(check.kind, check.requires) for check in firsts] == [("value", ())] * len(firsts)


# lvm.1


@pytest.mark.parametrize(
    "entries", [[0.3, -1.7, 2.4], [1e4, 9.9e3, 1e4 - 0.5], [-1e4, -1e4 + 3], [-math.inf, 0.4], [5.0], [-700.0, 700.0]]
)
def test_log_mean_exp_is_exact(entries: list[float]) -> None:
    """Against mpmath in 60 digits."""
    with mpmath.workdps(60):
        expected = float(mpmath.log(mpmath.fsum(map(mpmath.exp, entries)) / len(entries)))
    exactly(log_mean_exp.log_mean_exp(numbers(*entries), 0), expected)


def test_log_mean_exp_is_scipys(random: np.random.Generator) -> None:
    x = 3 * random.normal(size=(2, 5, 3))
    for dim in (0, 1, -1):
        expected = scipy.special.logsumexp(x, axis=dim, b=1 / x.shape[dim])
        exactly(log_mean_exp.log_mean_exp(torch.from_numpy(x), dim), expected)
        kept = scipy.special.logsumexp(x, axis=dim, b=1 / x.shape[dim], keepdims=True)
        exactly(log_mean_exp.log_mean_exp(torch.from_numpy(x), dim, keepdim=True), kept)


def test_log_mean_exp_of_infinities_and_its_slope() -> None:
    """By hand; the slope is numpy's softmax, and zero where there is no mass."""
    x = torch.tensor([[-math.inf, -math.inf], [0.3, -math.inf], [0.3, 1.2]], dtype=torch.float64, requires_grad=True)
    value = log_mean_exp.log_mean_exp(x, -1)
    exactly(value.detach()[:2], [-math.inf, 0.3 - math.log(2)])
    (slope,) = torch.autograd.grad(value.sum(), x)
    exactly(slope, [[0, 0], [1, 0], scipy.special.softmax([0.3, 1.2])])
    exactly(log_mean_exp.log_mean_exp(numbers(0.3, math.inf), 0), math.inf)


# lvm.2


def mixture(logits: Tensor, mu: Tensor, logvar: Tensor) -> MixtureSameFamily:
    return MixtureSameFamily(Categorical(logits=logits), Independent(Normal(mu, torch.exp(logvar / 2)), 1))


@pytest.mark.parametrize("batch", [(), (2, 4)])
def test_gmm_log_prob_is_torch_distributions(random: np.random.Generator, batch: tuple[int, ...]) -> None:
    x, parameters = normal(random, *batch, 5), (normal(random, 3), normal(random, 3, 5), normal(random, 3, 5))
    exactly(gmm_log_prob.gmm_log_prob(x, *parameters), mixture(*parameters).log_prob(x))


def test_gmm_log_prob_is_exact_far_away() -> None:
    """Against mpmath: densities, products and a sum in 60 digits, a thousand standard deviations away."""
    x, weights, mu, logvar = (1e3, -1e3), (0.25, 0.75), ((0.3, 1.0), (-2.0, 0.1)), ((0.4, -1.0), (0.0, 1.1))
    with mpmath.workdps(60):
        total = mpmath.mpf(0)
        for weight, means, spreads in zip(weights, mu, logvar, strict=True):
            density = mpmath.mpf(weight)
            for point, mean, spread in zip(x, means, spreads, strict=True):
                var = mpmath.exp(spread)
                density *= mpmath.exp(-((point - mpmath.mpf(mean)) ** 2) / (2 * var)) / mpmath.sqrt(2 * mpmath.pi * var)
            total += density
        expected = float(mpmath.log(total))
    logits = numbers(0.0, math.log(3))
    value = gmm_log_prob.gmm_log_prob(
        numbers(*x), logits, torch.tensor(mu, dtype=torch.float64), torch.tensor(logvar, dtype=torch.float64)
    )
    exactly(value, expected)


def test_gmm_log_prob_with_a_logit_of_minus_infinity(random: np.random.Generator) -> None:
    """The mixture of the others, and no slope in the logit that is not there."""
    x, logits, mu, logvar = normal(random, 4, 5), normal(random, 3), normal(random, 3, 5), normal(random, 3, 5)
    logits[1] = -math.inf
    logits.requires_grad_()
    value = gmm_log_prob.gmm_log_prob(x, logits, mu, logvar)
    others = [0, 2]
    exactly(value.detach(), mixture(logits.detach()[others], mu[others], logvar[others]).log_prob(x))
    (slope,) = torch.autograd.grad(value.sum(), logits)
    assert slope[1] == 0
    assert torch.isfinite(slope).all()


# lvm.3


def test_em_step_is_one_step_of_sklearn(random: np.random.Generator) -> None:
    """GaussianMixture with diagonal covariances, started at the same parameters and stopped after one step."""
    x, weights, mu = random.normal(size=(40, 3)), np.array([0.2, 0.5, 0.3]), random.normal(size=(3, 3))
    var = np.exp(0.5 * random.normal(size=(3, 3)))
    model = GaussianMixture(
        3, covariance_type="diag", reg_covar=0, max_iter=1, weights_init=weights, means_init=mu, precisions_init=1 / var
    )
    with pytest.warns(match="did not converge"):
        model.fit(x)
    logits, new_mu, new_var, _ = em_step.em_step(
        torch.from_numpy(x), torch.from_numpy(np.log(weights)) + 2, torch.from_numpy(mu), torch.from_numpy(var)
    )
    exactly(logits.exp(), model.weights_, rtol=1e-9)
    exactly(new_mu, model.means_, rtol=1e-9)
    exactly(new_var, model.covariances_, rtol=1e-9)


def test_em_step_is_numpys_weighted_average(random: np.random.Generator) -> None:
    """Responsibilities from scipy.stats densities, and the log-likelihood of torch.distributions."""
    x, logits, mu = random.normal(size=(11, 2)), random.normal(size=3), random.normal(size=(3, 2))
    var = np.exp(random.normal(size=(3, 2)))
    densities = scipy.special.softmax(logits) * scipy.stats.norm.pdf(x[:, None], mu, np.sqrt(var)).prod(-1)
    r = densities / densities.sum(1, keepdims=True)
    means = np.stack([np.average(x, axis=0, weights=r[:, k]) for k in range(3)])
    spreads = np.stack([np.average((x - means[k]) ** 2, axis=0, weights=r[:, k]) for k in range(3)])
    floor = float(np.quantile(spreads, 0.4))
    given = [torch.from_numpy(each) for each in (x, logits, mu, var)]
    results = em_step.em_step(*given, min_var=floor)
    log_lik = mixture(given[1], given[2], given[3].log()).log_prob(given[0]).sum()
    expected = (np.log(r.sum(0) / 11), means, np.maximum(spreads, floor), log_lik)
    for result, right in zip(results, expected, strict=True):
        exactly(result, right)


def test_em_step_ends_where_the_likelihood_has_no_slope(random: np.random.Generator) -> None:
    """After 500 steps; the likelihood is torch.distributions', its slope autograd's."""
    x = torch.cat((normal(random, 30, 2) - 2, normal(random, 30, 2) + 2))
    parameters = [normal(random, 2), normal(random, 2, 2), torch.ones(2, 2, dtype=torch.float64)]
    for _ in range(500):
        parameters = list(em_step.em_step(x, *parameters)[:3])
    logits, mu, logvar = (each.requires_grad_() for each in (parameters[0], parameters[1], parameters[2].log()))
    slopes = torch.autograd.grad(mixture(logits, mu, logvar).log_prob(x).sum(), (logits, mu, logvar))
    assert max(slope.abs().max().item() for slope in slopes) < 1e-8


def test_em_step_keeps_empty_components() -> None:
    """By hand: no data at all, and a component that no point can belong to."""
    mu, var = torch.tensor([[0.5], [1e6]], dtype=torch.float64), torch.tensor([[1.0], [0.2]], dtype=torch.float64)
    logits, new_mu, new_var, log_lik = em_step.em_step(torch.zeros(0, 1).double(), numbers(0, 0), mu, var, min_var=9.0)
    exactly(logits, [-math.inf, -math.inf])
    exactly(new_mu, mu)
    exactly(new_var, var)
    exactly(log_lik, 0.0)
    logits, new_mu, new_var, _ = em_step.em_step(torch.ones(4, 1).double(), numbers(0, 0), mu, var, min_var=9.0)
    exactly(logits, [0.0, -math.inf])
    exactly(new_mu, [[1.0], [1e6]])
    exactly(new_var, [[9.0], [0.2]])


# lvm.4


@pytest.mark.parametrize("samples", [1, 2, 4])
def test_prior_mc_log_marginal_is_unbiased_over_all_draws(samples: int) -> None:
    """Every sequence of draws from three states, with numpy's logarithms and exponentials."""
    prior, likelihood = np.array([0.5, 0.3, 0.2]), np.array([0.1, 0.02, 0.6])
    sequences = np.array(list(itertools.product(range(3), repeat=samples))).T
    estimates = prior_mc_log_marginal.prior_mc_log_marginal(torch.from_numpy(np.log(likelihood[sequences])))
    exactly(estimates, np.log(likelihood[sequences].mean(0)))
    assert prior[sequences].prod(0) @ np.exp(estimates.numpy()) == pytest.approx(prior @ likelihood, rel=1e-12)


def test_ancestral_sample_has_the_moments_of_the_mixture() -> None:
    """Mean and variance of torch.distributions, and weights, within six standard errors."""
    logits, mu, logvar = numbers(0.2, 1.4, -0.5), normal(np.random.default_rng(3), 3, 2), numbers(-1, 1, 0.5)[:, None]
    logvar, n = logvar.expand(3, 2), 40_000
    x, z = prior_mc_log_marginal.ancestral_sample(logits, mu, logvar, n, generator=torch.Generator().manual_seed(5))
    law = mixture(logits, mu, logvar)
    assert ((x.mean(0) - law.mean).abs() < 6 * (law.variance / n).sqrt()).all()
    assert ((x.var(0) / law.variance - 1).abs() < 6 * math.sqrt(4 / n)).all()
    weights = logits.softmax(0)
    assert ((torch.bincount(z) / n - weights).abs() < 6 * (weights * (1 - weights) / n).sqrt()).all()


class Sampling:
    """A student whose sampler is a function of this process."""

    def __init__(self, sampler: Callable[..., tuple[Tensor, Tensor]]) -> None:
        self.sampler = sampler

    def ancestral_sample(self, *args: Any, generator: Described) -> tuple[Tensor, Tensor]:
        return self.sampler(*args, generator=torch.Generator().manual_seed(generator.parameters["seed"]))


LAWS = [check.body for check in prior_mc_log_marginal.question.checks if check.name.startswith("draws_")]
OTHER_MISTAKES = {"loops_over_the_draws", "returns_double"}
WRONG_SAMPLERS = {
    mistake.__name__: mistake
    for mistake, (replaced, _) in SENTENCES.items()
    if replaced == "ancestral_sample" and mistake.__name__ not in OTHER_MISTAKES
}
RIGHT_SAMPLERS = (
    prior_mc_log_marginal.ancestral_sample,
    prior_mc_log_marginal.compares_with_the_cumulative_weights,
    prior_mc_log_marginal.adds_gumbel_noise,
    prior_mc_log_marginal.draws_every_component_and_selects,
)


def rejected(sampler: Callable[..., tuple[Tensor, Tensor]], seed: int) -> bool:
    for law in LAWS:
        try:
            law(Sampling(sampler), source=Numbers(seed=seed, decimals=(1, 2, 17)[seed % 3]), seed=seed + 1000)
        except CheckFailed:
            return True
    return False


@pytest.mark.parametrize("name", WRONG_SAMPLERS)
def test_wrong_samplers_are_told_from_the_law(name: str) -> None:
    with torch.random.fork_rng():
        assert all(rejected(WRONG_SAMPLERS[name], seed) for seed in range(SAMPLER_SEEDS))


@pytest.mark.parametrize("sampler", RIGHT_SAMPLERS)
def test_right_samplers_obey_the_law(sampler: Callable[..., tuple[Tensor, Tensor]]) -> None:
    """In whatever order they draw."""
    assert not any(rejected(sampler, seed) for seed in range(SAMPLER_SEEDS))


# lvm.5


@pytest.mark.parametrize(("dimensions", "latents"), [(5, 2), (2, 5), (1, 1), (3, 3)])
def test_ppca_log_marginal_is_torch_distributions(random: np.random.Generator, dimensions: int, latents: int) -> None:
    """MultivariateNormal with the dense covariance."""
    x, W, b, noise_var = *(normal(random, *s) for s in ((2, 3, dimensions), (dimensions, latents), (dimensions,))), 0.37
    dense = MultivariateNormal(b, W @ W.mT + noise_var * torch.eye(dimensions, dtype=torch.float64))
    value = ppca_log_marginal.ppca_log_marginal(x, W, b, torch.tensor(noise_var, dtype=torch.float64))
    exactly(value, dense.log_prob(x), rtol=1e-11)


def test_ppca_log_marginal_is_an_integral_over_the_latent() -> None:
    """scipy.integrate.quad over z of scipy.stats densities."""
    x, w, b, noise_var = (1.3, -0.4), (0.9, -1.1), (0.2, 0.5), 0.45

    def joint(z: float) -> float:
        given = [scipy.stats.norm.pdf(x[d], w[d] * z + b[d], math.sqrt(noise_var)) for d in range(2)]
        return float(scipy.stats.norm.pdf(z) * given[0] * given[1])

    evidence, _ = scipy.integrate.quad(joint, -12, 12, epsabs=1e-14)
    value = ppca_log_marginal.ppca_log_marginal(
        numbers(*x), numbers(*w)[:, None], numbers(*b), torch.tensor(noise_var, dtype=torch.float64)
    )
    exactly(value, math.log(evidence), rtol=1e-10)


@pytest.mark.parametrize("sizes", [(5, 2), (7, 3)])
def test_ppca_log_marginal_with_little_noise_against_mpmath(sizes: tuple[int, int]) -> None:
    """At a noise variance of 1e-8 the oracle keeps ten digits."""
    inputs = nearly_noiseless(Numbers(seed=4, decimals=17), *sizes).args
    exactly(ppca_log_marginal.ppca_log_marginal(*inputs), exact_log_marginal(*inputs), rtol=1e-8)


def test_exact_log_marginal_is_torch_distributions() -> None:
    x, W, b, noise_var = draw_model(Numbers(seed=9, decimals=17), (), 5, 2).args
    dense = MultivariateNormal(b, W @ W.mT + noise_var * torch.eye(5, dtype=torch.float64))
    exactly(exact_log_marginal(x, W, b, noise_var), dense.log_prob(x), rtol=1e-11)


# lvm.6


@pytest.mark.parametrize(("dimensions", "latents"), [(5, 2), (2, 5), (1, 1)])
def test_ppca_posterior_conditions_the_joint_gaussian(dimensions: int, latents: int) -> None:
    """In 50 digits, through the dense covariance of x."""
    inputs = draw_model(Numbers(seed=6, decimals=17), (), dimensions, latents).args
    for actual, expected in zip(ppca_posterior.ppca_posterior(*inputs), exact_posterior(*inputs), strict=True):
        exactly(actual, expected, rtol=1e-11)


def test_ppca_posterior_is_where_the_joint_has_no_slope() -> None:
    """The log-joint is torch.distributions'; its slope at the mean is 0, its Hessian minus the inverse covariance."""
    x, W, b, noise_var = draw_model(Numbers(seed=8, decimals=17), (), 5, 3).args
    mean, cov = ppca_posterior.ppca_posterior(x, W, b, noise_var)

    def log_joint(z: Tensor) -> Tensor:
        log_prob: Tensor = Normal(W @ z + b, noise_var.sqrt()).log_prob(x).sum()
        return log_prob - 0.5 * z.square().sum()

    slope = torch.autograd.functional.jacobian(log_joint, mean)
    assert isinstance(slope, Tensor)
    assert slope.abs().max() < 1e-12
    hessian = torch.autograd.functional.hessian(log_joint, mean)
    assert isinstance(hessian, Tensor)
    exactly(-hessian @ cov, np.eye(3), rtol=1e-11)


# What is built on lvm.1


def test_composed_oracles_are_the_oracles_where_lvm_1_is_right(random: np.random.Generator) -> None:
    x, parameters = normal(random, 4, 5), (normal(random, 3), normal(random, 3, 5), normal(random, 3, 5))
    composed = _built_on_log_mean_exp.gmm_log_prob(x, *parameters, log_mean_exp=log_mean_exp.log_mean_exp)
    exactly(composed, gmm_log_prob.gmm_log_prob(x, *parameters))
    log_lik = normal(random, 7, 3)
    estimate = _built_on_log_mean_exp.prior_mc_log_marginal(log_lik, log_mean_exp=log_mean_exp.log_mean_exp)
    exactly(estimate, prior_mc_log_marginal.prior_mc_log_marginal(log_lik))


# The handout's tables


def test_the_handout_shows_where_densities_underflow() -> None:
    """One column by torch.distributions in float64, the other by float32 densities."""
    logits, mu, var = numbers(0.0, math.log(3)), numbers(0.0, 2.0)[:, None], numbers(1.0, 4.0)[:, None]
    right, text = mixture(logits, mu, var.log()), HANDOUT.read_text()
    for x in (0, 10, 20, 30, 50):
        point = torch.tensor([float(x)])
        away, spread = point - mu[:, 0].float(), var[:, 0].float()
        densities = torch.exp(-0.5 * away**2 / spread) / torch.sqrt(2 * math.pi * spread)
        first = torch.log((logits.float().softmax(0) * densities).sum()).item()
        assert f"| {x} | {right.log_prob(point.double()).item():.3f} | {first:.3f} |" in text


def test_the_handout_shows_how_the_bound_tightens() -> None:
    prior, likelihood = np.array([0.5, 0.3, 0.2]), np.array([0.1, 0.02, 0.6])
    for samples in (1, 2, 3, 8):
        sequences = np.array(list(itertools.product(range(3), repeat=samples))).T
        mean = prior[sequences].prod(0) @ np.log(likelihood[sequences].mean(0))
        assert f"| {samples} | {mean:.3f} | {math.log(prior @ likelihood):.3f} |" in HANDOUT.read_text()
