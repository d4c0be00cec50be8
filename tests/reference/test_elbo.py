"""The oracles of elbo against sources that share no code with them, and two false accepts of known graders."""

from __future__ import annotations

import itertools
import math
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
from torch import Tensor
from torch.distributions import Bernoulli, Independent, MultivariateNormal, Normal, kl_divergence

from grader import catalog, variants
from grader.catalog import LoadedAssignment
from grader.diagnosis import Diagnosis, Fingerprint, diagnose
from grader.examples import record_question
from grader.link import Batch
from grader.model import Outcome
from grader.question import Question
from grader.session import QuestionSession, Verdict
from tests.in_process import FakeLink

Oracle = Callable[..., Any]

COURSE = Path(__file__).parents[2]
POINTS = {"elbo.1": 15, "elbo.2": 20, "elbo.3": 20, "elbo.4": 10, "elbo.5": 20, "C1": 15}


@pytest.fixture(scope="module")
def assignment() -> LoadedAssignment:
    return catalog.load(COURSE, "elbo")


@pytest.fixture(scope="module")
def oracles(assignment: LoadedAssignment) -> dict[str, Oracle]:
    return {name: oracle for question in assignment.questions for name, oracle in question.oracles.items()}


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(7)


def normal(random: np.random.Generator, *shape: int) -> Tensor:
    return torch.from_numpy(random.normal(size=shape))


def covariances(random: np.random.Generator, *shape: int) -> Tensor:
    factor = torch.tril(0.5 * normal(random, *shape, shape[-1]), -1) + torch.diag_embed(normal(random, *shape).exp())
    return factor @ factor.mT


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


def test_the_rubric_has_the_catalogues_lines(assignment: LoadedAssignment) -> None:
    (written,) = assignment.written
    assert (written.id, [item.points for item in written.rubric]) == ("C1", [2, 3, 4, 2, 2, 1, 1])


def test_worked_numbers(oracles: dict[str, Oracle]) -> None:
    """Those of the docstrings and the handout, to the digits given there."""
    three, one, zero = numbers(3, 3).log(), numbers(1), numbers(0)
    found = {
        "discrete_elbo": oracles["discrete_elbo"](numbers(0.3, 0.1).log(), numbers(0.5, 0.5).log()),
        "vae_elbo": oracles["vae_elbo"](numbers(1, 0), three, one, zero),
        "iwae_bound": [oracles["iwae_bound"](numbers(0, math.log(3)))],
        "vae_iwae": [oracles["vae_iwae"](one, three[:, None], numbers(0, 2)[:, None], one, zero)],
        "effective": [oracles["importance_weights"](numbers(0, math.log(3)))[1]],
        "ppca": oracles["elbo_gap_ppca"](one, numbers(2)[:, None], zero, numbers(1)[0], zero, one[:, None]),
    }
    assert {name: [round(part.item(), 3) for part in parts] for name, parts in found.items()} == {
        "discrete_elbo": [-1.060, -0.916, 0.144],
        "vae_elbo": [-2.174, -1.674, 0.5],
        "iwae_bound": [0.693],
        "vae_iwae": [-0.354],
        "effective": [1.6],
        "ppca": [-1.824, -3.419, 1.595],
    }


def tightening_table(iwae_bound: Oracle) -> str:
    """The handout's table: E[L_K] over all tuples of K draws of a three-state latent."""
    joint, q = numbers(0.05, 0.10, 0.25), numbers(0.5, 0.3, 0.2)
    lines = ["| K | L_K | log p(x) - L_K |", "|---:|---:|---:|"]
    for count in (1, 2, 4, 8):
        draws = torch.tensor(list(itertools.product(range(3), repeat=count))).T
        bound = (q[draws].prod(0) * iwae_bound((joint / q).log()[draws])).sum().item()
        lines.append(f"| {count} | {bound:.4f} | {math.log(0.4) - bound:.4f} |")
    return "\n".join(lines)


def test_the_handouts_table_is_what_the_code_computes(oracles: dict[str, Oracle]) -> None:
    assert tightening_table(oracles["iwae_bound"]) in (COURSE / "assignments" / "elbo" / "README.md").read_text()


# elbo.1


def test_discrete_elbo_against_scipy(oracles: dict[str, Oracle], random: np.random.Generator) -> None:
    """scipy.special: logsumexp for the evidence, rel_entr for the gap."""
    log_joint, q = random.normal(size=(2, 3, 5)), random.dirichlet(np.ones(5), size=(2, 3))
    elbo, log_px, gap = oracles["discrete_elbo"](torch.from_numpy(log_joint), torch.from_numpy(np.log(q)))
    evidence = scipy.special.logsumexp(log_joint, axis=-1)
    exactly(log_px, evidence)
    exactly(gap, scipy.special.rel_entr(q, scipy.special.softmax(log_joint, axis=-1)).sum(-1), rtol=1e-10)
    exactly(elbo, (q * log_joint).sum(-1) + scipy.stats.entropy(q, axis=-1), rtol=1e-10)


def test_discrete_elbo_of_impossible_states_against_scipy(oracles: dict[str, Oracle]) -> None:
    """rel_entr knows that 0 log 0 = 0 and that p log(p / 0) = inf."""
    joint, chosen = np.array([0.2, 0.0, 0.1]), np.array([[0.5, 0.0, 0.5], [0.5, 0.5, 0.0], [0.0, 0.0, 1.0]])
    log_joint, log_q = torch.from_numpy(joint).log().expand(3, 3), torch.from_numpy(chosen).log()
    elbo, log_px, gap = oracles["discrete_elbo"](log_joint, log_q)
    exactly(log_px, np.log([0.3] * 3))
    exactly(elbo, -scipy.special.rel_entr(chosen, joint).sum(-1))
    exactly(gap, scipy.special.rel_entr(chosen, joint / 0.3).sum(-1))


def test_the_log_of_a_mean_joint_is_too_low_and_the_posterior_mean_too_high(random: np.random.Generator) -> None:
    """The first mistake stays below log p(x), as q weighs with at most 1; the second exceeds it, by a divergence."""
    log_joint, log_q = random.normal(size=(200, 5)), np.log(random.dirichlet(np.ones(5), size=200))
    log_px = scipy.special.logsumexp(log_joint, axis=-1)
    posterior = scipy.special.softmax(log_joint, axis=-1)
    assert (scipy.special.logsumexp(log_q + log_joint, axis=-1) < log_px).all()
    assert ((posterior * (log_joint - log_q)).sum(-1) > log_px).all()


# elbo.2


def test_vae_elbo_against_torch_distributions(oracles: dict[str, Oracle], random: np.random.Generator) -> None:
    x, logits = (normal(random, 2, 3, 5) > 0).double(), normal(random, 2, 3, 5)
    mu, logvar = normal(random, 2, 3, 4), normal(random, 2, 3, 4)
    elbo, recon, kl = oracles["vae_elbo"](x, logits, mu, logvar)
    log_lik: Tensor = Independent(Bernoulli(logits=logits), 1).log_prob(x)  # type: ignore[no-untyped-call]
    divergence = kl_divergence(Normal(mu, torch.exp(logvar / 2)), Normal(0.0, 1.0)).sum(-1)
    exactly(recon, log_lik)
    exactly(kl, divergence)
    exactly(elbo, log_lik - divergence)


@pytest.mark.parametrize("logit", [-200.0, -30.0, 0.7, 200.0])
@pytest.mark.parametrize("x", [0.0, 0.3, 1.0])
def test_vae_elbo_against_mpmath_far_out(oracles: dict[str, Oracle], logit: float, x: float) -> None:
    """The definition in 120 digits, where 1 - p leaves the floating-point numbers."""
    with mpmath.workdps(120):
        p = 1 / (1 + mpmath.exp(-mpmath.mpf(logit)))
        exact = float(x * mpmath.log(p) + (1 - mpmath.mpf(x)) * mpmath.log(1 - p))
    _, recon, _ = oracles["vae_elbo"](numbers(x), numbers(logit), numbers(0.0), numbers(0.0))
    exactly(recon, exact)


# elbo.3


@pytest.mark.parametrize("spread", [1.0, 1000.0])
def test_iwae_bound_against_mpmath(oracles: dict[str, Oracle], random: np.random.Generator, spread: float) -> None:
    log_w = spread * normal(random, 7)
    with mpmath.workdps(60):
        exact = mpmath.log(sum(mpmath.exp(mpmath.mpf(one)) for one in log_w.tolist()) / 7)
    exactly(oracles["iwae_bound"](log_w), float(exact))
    with_nothing = torch.cat((log_w, numbers(*[-math.inf] * 7)))
    exactly(oracles["iwae_bound"](with_nothing), float(exact) - math.log(2))


def test_iwae_bound_is_exact_on_average(oracles: dict[str, Oracle]) -> None:
    """Over all tuples of draws of three states: the ELBO at K = 1, rising, below log p(x), and unbiased inside."""
    joint, q = numbers(0.07, 0.21, 0.02), numbers(0.2, 0.3, 0.5)
    bounds = []
    for count in (1, 2, 3, 4):
        draws = torch.tensor(list(itertools.product(range(3), repeat=count))).T
        bound = oracles["iwae_bound"]((joint / q).log()[draws])
        exactly((q[draws].prod(0) * bound.exp()).sum(), joint.sum())
        bounds.append((q[draws].prod(0) * bound).sum().item())
    assert bounds == sorted(bounds)
    assert bounds[0] == pytest.approx(-scipy.special.rel_entr(q.numpy(), joint.numpy()).sum())
    assert bounds[-1] < math.log(0.3)


def test_vae_iwae_against_scipy(oracles: dict[str, Oracle], random: np.random.Generator) -> None:
    """scipy.stats densities, and scipy.special.logsumexp."""
    x, logits = random.integers(0, 2, (3, 5)), random.normal(size=(7, 3, 5))
    mu, logvar, z = random.normal(size=(3, 2)), random.normal(size=(3, 2)), random.normal(size=(7, 3, 2))
    log_w = scipy.stats.bernoulli.logpmf(x, scipy.special.expit(logits)).sum(-1)
    log_w = log_w + scipy.stats.norm.logpdf(z).sum(-1) - scipy.stats.norm.logpdf(z, mu, np.exp(logvar / 2)).sum(-1)
    inputs = (torch.from_numpy(part) for part in (x.astype(np.float64), logits, z, mu, logvar))
    exactly(oracles["vae_iwae"](*inputs), scipy.special.logsumexp(log_w, axis=0, b=1 / 7), rtol=1e-11)


# elbo.4


@pytest.mark.parametrize("spread", [1.0, 1000.0])
def test_importance_weights_against_mpmath(
    oracles: dict[str, Oracle], random: np.random.Generator, spread: float
) -> None:
    log_w = spread * normal(random, 7)
    weights, size = oracles["importance_weights"](log_w)
    with mpmath.workdps(60):
        exact = [mpmath.exp(mpmath.mpf(one)) for one in log_w.tolist()]
        exact_size = sum(exact) ** 2 / sum(one**2 for one in exact)
        exactly(weights, [float(one / sum(exact)) for one in exact], rtol=1e-11)
    exactly(size, float(exact_size))


def test_effective_sample_size_is_that_of_a_mean_as_noisy(oracles: dict[str, Oracle]) -> None:
    """Its definition: the plain mean of so many samples has the variance of the weighted mean (Owen 2013, 9.13)."""
    weights, size = oracles["importance_weights"](numbers(0.3, -1.0, 0.8, 0.1))
    exactly(1 / size, (weights.numpy() ** 2).sum())


# elbo.5


@pytest.mark.parametrize(("dim", "latent"), [(5, 2), (2, 5), (1, 1)])
def test_elbo_gap_ppca_against_torch_distributions(
    oracles: dict[str, Oracle], random: np.random.Generator, dim: int, latent: int
) -> None:
    """Evidence by the dense covariance, posterior by conditioning the joint Gaussian, the ELBO as their difference."""
    x, W, b, noise_var = normal(random, 3, dim), normal(random, dim, latent), normal(random, dim), numbers(0.4)[0]
    mean, cov = normal(random, 3, latent), covariances(random, 3, latent)
    log_px, elbo, kl = oracles["elbo_gap_ppca"](x, W, b, noise_var, mean, cov)
    dense = W @ W.mT + noise_var * torch.eye(dim).double()
    gain = W.mT @ torch.linalg.inv(dense)
    left = torch.eye(latent).double() - gain @ W
    target = MultivariateNormal((x - b) @ gain.mT, (left + left.mT) / 2)
    divergence = kl_divergence(MultivariateNormal(mean, cov), target)
    evidence: Tensor = MultivariateNormal(b, dense).log_prob(x)  # type: ignore[no-untyped-call]
    exactly(log_px, evidence)
    exactly(kl, divergence, rtol=1e-9)
    exactly(elbo, evidence - divergence, rtol=1e-9)


def test_elbo_gap_ppca_against_quadrature(oracles: dict[str, Oracle]) -> None:
    """scipy.integrate.quad over scipy.stats densities, for one latent."""
    x, W, b, noise_var = np.array([0.7, -1.2]), np.array([0.9, -0.4]), np.array([0.1, 0.3]), 0.6
    q = scipy.stats.norm(0.8, 0.5)

    def log_joint(z: float) -> float:
        log_lik = scipy.stats.norm.logpdf(x, b + W * z, math.sqrt(noise_var)).sum()
        return float(log_lik + scipy.stats.norm.logpdf(z))

    evidence, _ = scipy.integrate.quad(lambda z: math.exp(log_joint(z)), -12, 12, epsabs=1e-14)
    bound, _ = scipy.integrate.quad(lambda z: q.pdf(z) * (log_joint(z) - q.logpdf(z)), -6, 7, epsabs=1e-13)
    model = [torch.from_numpy(part) for part in (x, W[:, None], b)]
    log_px, elbo, kl = oracles["elbo_gap_ppca"](*model, numbers(noise_var)[0], numbers(0.8), numbers(0.25)[:, None])
    exactly(log_px, math.log(evidence), rtol=1e-9)
    exactly(elbo, bound, rtol=1e-9)
    exactly(kl, math.log(evidence) - bound, rtol=1e-9)


def test_elbo_gap_ppca_against_a_million_samples(oracles: dict[str, Oracle], random: np.random.Generator) -> None:
    """Within six standard errors of the definition's mean."""
    x, W, b, noise_var = normal(random, 4), normal(random, 4, 2), normal(random, 4), numbers(0.5)[0]
    mean, cov = normal(random, 2), covariances(random, 2)
    z = mean + normal(random, 1_000_000, 2) @ torch.linalg.cholesky(cov).mT
    squares = (x - b - z @ W.mT).square().sum(-1) / noise_var + z.square().sum(-1)
    away = torch.linalg.solve_triangular(torch.linalg.cholesky(cov), (z - mean).mT, upper=False).square().sum(0)
    constants = 4 * torch.log(2 * math.pi * noise_var) - torch.logdet(cov)
    terms = -0.5 * (constants + squares - away)
    _, elbo, _ = oracles["elbo_gap_ppca"](x, W, b, noise_var, mean, cov)
    assert abs(terms.mean() - elbo) < 6 * terms.std() / 1000


# False accepts of the public graders of well-known courses


@pytest.fixture(scope="module")
def graded(assignment: LoadedAssignment) -> Callable[[str], tuple[list[Verdict], Diagnosis | None]]:
    """Grades a definition that is added to the model solution of elbo.3."""
    question: Question = next(question for question in assignment.questions if question.id == "elbo.3")
    recordings = record_question(question, b"any course")
    known = [Fingerprint(question, one, recordings) for one in variants.misconceptions(assignment, question)]

    def grade(definition: str) -> tuple[list[Verdict], Diagnosis | None]:
        module: dict[str, Any] = {"__name__": "student"}
        exec(compile(assignment.solution_source + definition, "student", "exec", dont_inherit=True), module)
        session = QuestionSession(
            question=question,
            recordings=recordings,
            everything=Batch([call for recording in recordings for call in recording.calls]),
            link=FakeLink(module),  # type: ignore[arg-type]  # a link that needs no process
            personal={check.name: [] for check in question.checks},
            forbidden_uses=[],
        )
        verdicts = [session.run(recording) for recording in recordings]
        return verdicts, diagnose(verdicts, session.answers, known)

    return grade


ANALYTIC_KL = """
def vae_iwae(x, logits, z, mu, logvar):
    log_px_given_z = (x * logits - F.softplus(logits)).sum(dim=-1)
    kl = -0.5 * torch.sum(1 + logvar - mu**2 - logvar.exp(), dim=-1)
    log_w = log_px_given_z - kl
    largest = log_w.max(dim=0).values
    return largest + torch.log(torch.mean(torch.exp(log_w - largest), dim=0))
"""

MIXED_DATA_POINTS = """
def iwae_bound(log_w, dim=0):
    k = log_w.shape[dim]
    largest = log_w.contiguous().view(-1, k).max(dim=1, keepdim=True).values
    mean = torch.exp(log_w.contiguous().view(-1, k) - largest).mean(dim=1, keepdim=True)
    return (largest + mean.log()).view(log_w.select(dim, 0).shape)
"""

MIXED_IN_THE_AUTOENCODER = """
def vae_iwae(x, logits, z, mu, logvar):
    log_lik = (x * logits - F.softplus(logits)).sum(-1)
    log_w = log_lik + 0.5 * (logvar + (z - mu).pow(2) / logvar.exp() - z.pow(2)).sum(-1)
    return torch.logsumexp(log_w.contiguous().view(*log_w.shape[1:], -1), dim=-1) - math.log(z.shape[0])
"""

Grade = Callable[[str], tuple[list[Verdict], Diagnosis | None]]


def test_the_analytic_kl_inside_the_log_is_rejected(graded: Grade) -> None:
    """A course's own tests let it pass, with 0.15 tolerated on a value of 544."""
    verdicts, diagnosis = graded(ANALYTIC_KL)
    failed = {verdict.check.name for verdict in verdicts if verdict.outcome is Outcome.FAILED}
    assert failed >= {"values_of_vae_iwae", "gradients_of_vae_iwae", "a_single_weight_has_mean_px"}
    assert diagnosis is not None
    assert diagnosis.names == ("puts_the_analytic_kl_inside",)
    assert diagnosis.sentence == (
        "With q = prior shifted, more samples do not tighten your bound; which part of the weight is missing its "
        "randomness?"
    )


@pytest.mark.parametrize("definition", [MIXED_DATA_POINTS, MIXED_IN_THE_AUTOENCODER])
def test_mixed_data_points_are_rejected(graded: Grade, definition: str) -> None:
    """A wrong view, which one course's grader takes for a second reference value; right for one example alone."""
    verdicts, diagnosis = graded(definition)
    failed = {verdict.check.name for verdict in verdicts if verdict.outcome is Outcome.FAILED}
    assert failed & {"values_along_any_dimension", "values_for_a_batch_of_vae_iwae"}
    assert diagnosis is not None
    assert diagnosis.sentence == "Changing example 2 changed the bound of example 1."


def test_the_model_solution_draws_no_sentence(graded: Grade) -> None:
    verdicts, diagnosis = graded("")
    assert all(verdict.outcome is Outcome.PASSED for verdict in verdicts)
    assert diagnosis is None
