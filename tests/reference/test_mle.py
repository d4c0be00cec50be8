"""The oracles of mle against sources that share no code with them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import mpmath
import numpy as np
import pytest
import scipy.optimize
import scipy.special
import scipy.stats
import torch
from torch import Tensor

from grader import catalog
from grader.question import Question
from reference.mle import (
    categorical_nll,
    gaussian_log_prob,
    gaussian_mle,
    map_objective,
    nll_kl_decomposition,
    ridge_map,
)
from reference.mle._exact import exact_ridge_map

QUESTIONS: Sequence[tuple[Question, str, float]] = (
    (gaussian_log_prob.question, "mle.1", 15),
    (gaussian_mle.question, "mle.2", 15),
    (categorical_nll.question, "mle.3", 15),
    (nll_kl_decomposition.question, "mle.4", 20),
    (ridge_map.question, "mle.5", 20),
    (map_objective.question, "mle.6", 15),
)


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(7)


def exactly(actual: Tensor, expected: object, rtol: float = 1e-12) -> None:
    np.testing.assert_allclose(actual.numpy(), np.asarray(expected), rtol=rtol, atol=1e-13)


@pytest.mark.parametrize(("question", "question_id", "points"), QUESTIONS, ids=[row[1] for row in QUESTIONS])
def test_a_question_is_worth_what_the_catalogue_says(question: Question, question_id: str, points: float) -> None:
    assert (question.id, question.points) == (question_id, points)
    assert all(check.points * 4 == int(check.points * 4) > 0 for check in question.checks)


def test_the_assignment_is_worth_a_hundred(request: pytest.FixtureRequest) -> None:
    assignment = catalog.load(request.config.rootpath, "mle")
    assert [question.id for question in assignment.questions] == [row[1] for row in QUESTIONS]
    assert sum(question.points for question in assignment.questions) == 100


@pytest.mark.parametrize("question", [row[0] for row in QUESTIONS], ids=lambda question: question.id)
def test_the_first_check_is_a_value_check_that_requires_no_other(question: Question) -> None:
    assert question.checks[0].kind == "value"
    assert not question.checks[0].requires


def test_gaussian_log_prob_is_scipys(random: np.random.Generator) -> None:
    x, mu, logvar = random.normal(size=(3, 4, 5))
    expected = scipy.stats.norm.logpdf(x, mu, np.exp(logvar / 2)).sum(-1)
    exactly(gaussian_log_prob.gaussian_log_prob(*map(torch.from_numpy, (x, mu, logvar))), expected)


@pytest.mark.parametrize("logvar", [-700.0, -100.0, 100.0, 700.0])
@pytest.mark.parametrize("distance", [0.0, 1e-3, 2.0])
def test_gaussian_log_prob_is_exact_for_extreme_variances(logvar: float, distance: float) -> None:
    """Against mpmath, where the result is a float64."""
    with mpmath.workdps(60):
        square = mpmath.mpf(distance) ** 2 * mpmath.exp(-logvar)
        expected = float(-(mpmath.log(2 * mpmath.pi) + logvar + square) / 2)
    x, mu = torch.tensor([distance], dtype=torch.float64), torch.zeros(1, dtype=torch.float64)
    value = gaussian_log_prob.gaussian_log_prob(x, mu, torch.tensor([logvar], dtype=torch.float64))
    exactly(value, expected)


@pytest.mark.parametrize("event", [(), (3,), (2, 3)])
def test_gaussian_mle_is_numpys_average(random: np.random.Generator, event: tuple[int, ...]) -> None:
    x, weights = random.normal(size=(6, *event)), random.uniform(0.1, 3, size=6)
    mean = np.average(x, axis=0, weights=weights)
    variance = np.average((x - mean) ** 2, axis=0, weights=weights)
    mu, var = gaussian_mle.gaussian_mle(torch.from_numpy(x), torch.from_numpy(weights))
    exactly(mu, mean)
    exactly(var, variance)
    plain_mu, plain_var = gaussian_mle.gaussian_mle(torch.from_numpy(x))
    exactly(plain_mu, x.mean(0))
    exactly(plain_var, x.var(0))


def test_gaussian_mle_is_where_the_likelihood_has_no_slope(random: np.random.Generator) -> None:
    """The likelihood is torch.distributions', its slope autograd's."""
    x, weights = torch.from_numpy(random.normal(size=(6, 3))), torch.from_numpy(random.uniform(0.1, 3, size=6))
    mu, var = (part.requires_grad_() for part in gaussian_mle.gaussian_mle(x, weights))
    log_likelihood = (weights[:, None] * torch.distributions.Normal(mu, var.sqrt()).log_prob(x)).sum()
    for slope in torch.autograd.grad(log_likelihood, (mu, var)):
        exactly(slope, np.zeros(3), rtol=0)


def test_gaussian_mle_of_a_large_mean_is_exact() -> None:
    """Against mpmath, at a mean of 1e6 with a spread of 1."""
    values = [1e6 + step for step in (0.25, -1.5, 0.75, 2.0)]
    with mpmath.workdps(40):
        mean = mpmath.fsum(map(mpmath.mpf, values)) / 4
        variance = float(mpmath.fsum((mpmath.mpf(value) - mean) ** 2 for value in values) / 4)
    exactly(gaussian_mle.gaussian_mle(torch.tensor(values, dtype=torch.float64))[1], variance)


def test_categorical_nll_is_scipys_log_softmax(random: np.random.Generator) -> None:
    logits, targets = 3 * random.normal(size=(2, 4, 5)), random.integers(5, size=(2, 4))
    expected = -np.take_along_axis(scipy.special.log_softmax(logits, axis=-1), targets[..., None], axis=-1)[..., 0]
    exactly(categorical_nll.categorical_nll(torch.from_numpy(logits), torch.from_numpy(targets)), expected)
    library = torch.nn.functional.cross_entropy(
        torch.from_numpy(logits).movedim(-1, 1), torch.from_numpy(targets), reduction="none"
    )
    exactly(library, expected)


@pytest.mark.parametrize("target", [0, 1, 2])
def test_categorical_nll_of_large_logits_is_exact(target: int) -> None:
    """Against mpmath."""
    logits = [1e4, -1e4, 9998.5]
    with mpmath.workdps(60):
        expected = float(mpmath.log(mpmath.fsum(map(mpmath.exp, logits))) - logits[target])
    value = categorical_nll.categorical_nll(torch.tensor(logits, dtype=torch.float64), torch.tensor(target))
    exactly(value, expected)


def test_nll_kl_decomposition_is_scipys_relative_entropy(random: np.random.Generator) -> None:
    p, logits = random.dirichlet(np.ones(5), size=(2, 4)), 2 * random.normal(size=(2, 4, 5))
    p[0, 0] = [0, 0.25, 0, 0.75, 0]
    p[1, 2] = [0, 0, 0, 0, 1]
    q = scipy.special.softmax(logits, axis=-1)
    entropy, kl = scipy.special.entr(p).sum(-1), scipy.special.rel_entr(p, q).sum(-1)
    results = nll_kl_decomposition.nll_kl_decomposition(torch.from_numpy(p), torch.from_numpy(logits))
    for result, expected in zip(results, (entropy + kl, entropy, kl), strict=True):
        exactly(result, expected)


def test_nll_kl_decomposition_survives_large_logits() -> None:
    """By hand: the second class has the probability exp(-2000)."""
    p, logits = torch.tensor([0.0, 1.0], dtype=torch.float64), torch.tensor([1e3, -1e3], dtype=torch.float64)
    for result, expected in zip(nll_kl_decomposition.nll_kl_decomposition(p, logits), (2e3, 0.0, 2e3), strict=True):
        exactly(result, expected)


@pytest.mark.parametrize(("rows", "features"), [(7, 3), (2, 5)])
def test_ridge_map_maximises_the_posterior(random: np.random.Generator, rows: int, features: int) -> None:
    """The log-posterior is scipy.stats', its maximum scipy.optimize's."""
    X, y, noise_var, prior_precision = random.normal(size=(rows, features)), random.normal(size=rows), 0.4, 3.0

    def negative_log_posterior(w: np.ndarray) -> float:
        log_likelihood = scipy.stats.norm.logpdf(y, X @ w, math.sqrt(noise_var)).sum()
        return float(-log_likelihood - scipy.stats.norm.logpdf(w, 0, prior_precision**-0.5).sum())

    found = scipy.optimize.minimize(negative_log_posterior, np.zeros(features), tol=1e-10)
    value = ridge_map.ridge_map(torch.from_numpy(X), torch.from_numpy(y), noise_var, prior_precision)
    np.testing.assert_allclose(value.numpy(), found.x, atol=1e-5)


@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_ridge_map_is_least_squares_with_prior_rows(random: np.random.Generator, scale: float) -> None:
    """numpy's least squares, through orthogonal factors, of the data and sqrt(noise_var prior_precision) I."""
    X, y = scale * random.normal(size=(11, 5)), random.normal(size=11)
    rows, targets = np.vstack((X, math.sqrt(0.4 * 3.0) * np.eye(5))), np.append(y, np.zeros(5))
    expected = np.linalg.lstsq(rows, targets, rcond=None)[0]
    exactly(ridge_map.ridge_map(torch.from_numpy(X), torch.from_numpy(y), 0.4, 3.0), expected, rtol=1e-9)
    exactly(exact_ridge_map(torch.from_numpy(X), torch.from_numpy(y), 0.4, 3.0), expected, rtol=1e-9)


def test_exact_ridge_map_handles_collinear_columns() -> None:
    """By hand: two equal columns share the weight 10 / (10 + 2)."""
    X, y = torch.tensor([[1.0, 1.0], [2.0, 2.0]], dtype=torch.float64), torch.tensor([1.0, 2.0], dtype=torch.float64)
    exactly(exact_ridge_map(X, y, 0.5, 4.0), [5 / 12, 5 / 12], rtol=1e-15)


def test_map_objective_is_the_log_posterior_of_all_data(random: np.random.Generator) -> None:
    """The prior is scipy.stats'; what it has at zero is the constant that is left out."""
    log_lik, theta, prior_precision, size = random.normal(size=6), random.normal(size=(3, 2)), 2.5, 6
    prior = scipy.stats.norm(0, prior_precision**-0.5)
    expected = -(log_lik.sum() + (prior.logpdf(theta) - prior.logpdf(0)).sum()) / size
    params = [torch.from_numpy(theta[0]), torch.from_numpy(theta[1:])]
    exactly(map_objective.map_objective(torch.from_numpy(log_lik), params, prior_precision, size), expected)


def test_map_objective_is_unbiased_over_every_minibatch(random: np.random.Generator) -> None:
    """Exhaustive: all six minibatches of two out of four."""
    log_lik, params = torch.from_numpy(random.normal(size=4)), [torch.from_numpy(random.normal(size=3))]
    losses = [
        map_objective.map_objective(log_lik[list(pair)], params, 2.5, 4) for pair in itertools.combinations(range(4), 2)
    ]
    exactly(torch.stack(losses).mean(), map_objective.map_objective(log_lik, params, 2.5, 4))
