"""The oracles of encoders against sources that share no code with them, and the table of its handout."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
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
from torch.distributions import MultivariateNormal, Normal

from grader import catalog, variants
from grader.catalog import LoadedAssignment
from grader.diagnosis import recognised
from grader.errors import CheckFailed
from grader.examples import run_body
from grader.families import generator
from grader.marking import Marker
from grader.model import Outcome, Submission
from grader.question import Question
from grader.remote import Student
from grader.session import Verdict
from grader.standard import arguments
from grader.strategies import Numbers
from grader.task import Task
from grader.transports import LocalTransport
from grader.worker import families
from reference.encoders import fit_local_posterior, gaussian_encoder, reparam_grad, reparameterize, train_vae
from reference.encoders._noise import standardised
from tests.tiny_course import grade_all, plan

SAMPLER_SEEDS = int(os.environ.get("SAMPLER_SEEDS", "8"))
"""More of them for a measurement of how often wrong samplers are rejected, and right ones are not."""

ROOT = Path(__file__).parents[2]
HANDOUT = ROOT / "assignments" / "encoders" / "README.md"
POINTS = {"enc.1": 20, "enc.2": 15, "enc.3": 20, "enc.4": 20, "enc.5": 25}


@pytest.fixture(scope="module")
def assignment() -> LoadedAssignment:
    return catalog.load(ROOT, "encoders")


@pytest.fixture
def source() -> Numbers:
    return Numbers(seed=7, decimals=17)


def numbers(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def exactly(actual: Tensor, expected: object, rtol: float = 1e-12) -> None:
    np.testing.assert_allclose(actual.detach().numpy(), np.asarray(expected, dtype=np.float64), rtol=rtol, atol=1e-13)


def test_questions_are_worth_what_the_catalogue_says(assignment: LoadedAssignment) -> None:
    found = {question.id: question.points for question in (*assignment.questions, *assignment.written)}
    assert found == POINTS
    assert sum(found.values()) == 100


def test_checks_are_worth_quarters_of_a_point(assignment: LoadedAssignment) -> None:
    points = [check.points for question in assignment.questions for check in question.checks]
    assert all(each * 4 == int(each * 4) > 0 for each in points)


# enc.1


@pytest.mark.parametrize("logvar", [-200.0, -110.0, -1.3, 40.0])
def test_reparameterize_against_mpmath(logvar: float) -> None:
    with mpmath.workdps(60):
        right = float(mpmath.mpf(0.3) + mpmath.exp(mpmath.mpf(logvar) / 2) * mpmath.mpf(-1.7))
    exactly(reparameterize.reparameterize(numbers(0.3), numbers(logvar), eps=numbers(-1.7)[None])[0], right)


def test_reparameterize_draws_a_gaussian_by_scipy() -> None:
    """Kolmogorov-Smirnov against scipy.stats.norm, and the covariance of what should be independent."""
    mu, logvar = numbers(0.5, -1.0), numbers(-1.0, 1.5)
    drawn = reparameterize.reparameterize(mu, logvar, n_samples=20_000, generator=torch.Generator().manual_seed(3))
    for i in range(2):
        law = scipy.stats.norm(mu[i].item(), math.exp(logvar[i].item() / 2))
        assert scipy.stats.kstest(drawn[:, i].numpy(), law.cdf).pvalue > 1e-4
    assert abs(np.corrcoef(drawn.numpy().T)[0, 1]) < 0.04


def _module(assignment: LoadedAssignment, question: Question, mistake: str | None) -> dict[str, Any]:
    """The solution's module, with one function replaced by a wrong answer."""
    every = variants.misconceptions(assignment, question)
    source = next((one.source for one in every if one.name == mistake), assignment.solution_source)
    module: dict[str, Any] = {"__name__": "work"}
    exec(compile(source, "<work>", "exec", dont_inherit=True), module)
    return module


def _failures(question: Question, module: dict[str, Any], check: str, seed: int) -> list[Verdict]:
    """What a sampling check of enc.1 finds, with draws from this seed."""
    found = next(one for one in question.checks if one.name == check)
    source = Numbers(seed=seed, decimals=17)
    samples = 400 if check == "draws_the_right_law" else 4
    mu, logvar = source.normal((3, 2)), source.uniform((3, 2), low=-2.0, high=2.0)
    drawn = {"inputs": arguments(mu, logvar, n_samples=samples, generator=generator(seed))}
    student = Student(question.functions, LocalTransport(module, quiet=False), LocalTransport(question.oracles))
    try:
        run_body(found, student, drawn)
    except CheckFailed as failure:
        return [Verdict(check=found, outcome=Outcome.FAILED, failure=failure)]
    return []


SHARED = {
    "shares_noise_between_examples": "Two different rows of your batch received identical noise",
    "shares_noise_between_samples": "the same number three times",
    "shares_noise_between_latents": "All latents of an example move up and down together",
}
WRONG_LAW = (
    *SHARED,
    "applies_the_spread_twice",
    "scales_with_the_variance",
    "scales_with_logvar",
    "draws_uniform_noise",
    "draws_uniform_noise_of_unit_variance",
)


@pytest.mark.parametrize("mistake", WRONG_LAW)
def test_samplers_of_another_law_are_rejected(assignment: LoadedAssignment, mistake: str) -> None:
    question = assignment.questions[0]
    module = _module(assignment, question, mistake)
    found = [_failures(question, module, "draws_the_right_law", seed) for seed in range(SAMPLER_SEEDS)]
    assert sum(map(bool, found)) >= 0.999 * SAMPLER_SEEDS


def test_samplers_of_the_right_law_are_not(assignment: LoadedAssignment) -> None:
    question = assignment.questions[0]
    for variant in (None, *(one.name for one in question.alternatives)):
        every = {one.name: one.source for one in variants.alternatives(assignment, question)}
        module: dict[str, Any] = {"__name__": "work"}
        exec(compile(every.get(variant or "", assignment.solution_source), "<work>", "exec"), module)
        for seed in range(SAMPLER_SEEDS):
            assert not _failures(question, module, "draws_the_right_law", seed)
            assert not _failures(question, module, "draws_noise_for_every_entry", seed)


@pytest.mark.parametrize("mistake", SHARED)
def test_shared_noise_is_named_whatever_the_order_of_draws(assignment: LoadedAssignment, mistake: str) -> None:
    question = assignment.questions[0]
    module = _module(assignment, question, mistake)
    for seed in range(SAMPLER_SEEDS):
        verdicts = _failures(question, module, "draws_noise_for_every_entry", seed)
        diagnosis = recognised(question, verdicts)
        assert diagnosis is not None
        assert SHARED[mistake] in diagnosis.sentence


ONE_NOISE_VECTOR_FOR_THE_BATCH = """

def reparameterize(mu, logvar, *, eps=None, n_samples=1, generator=None):
    if eps is None:
        noise = torch.randn(mu.shape[-1], n_samples, generator=generator, dtype=mu.dtype, device=mu.device)
        eps = noise.T.reshape(n_samples, *[1] * (mu.dim() - 1), -1).expand(n_samples, *mu.shape)
    return mu + torch.exp(0.5 * logvar) * eps
"""


def test_one_noise_vector_for_the_batch_is_rejected_with_its_sentence(assignment: LoadedAssignment) -> None:
    """The false accept of public graders that test marginals; the draws come in an order that no listed answer has."""
    source = assignment.solution_source + ONE_NOISE_VECTOR_FOR_THE_BATCH
    course = plan(course=ROOT, protected=(ROOT / "reference", ROOT / "solutions"))
    handed_in = Task(
        submission=Submission(id="ada", assignment="encoders", source=source, sha256="0" * 64, filename="encoders.py"),
        device="cpu",
        key="one noise vector",
        questions=("enc.1",),
    )
    with Marker(course) as marker:
        (result,) = grade_all(marker, [handed_in])
    (question,) = result.questions
    failed = {check.name for check in question.checks if check.outcome is Outcome.FAILED}
    assert {"draws_the_right_law", "draws_noise_for_every_entry"} <= failed
    assert question.score is not None
    assert question.score < question.max_score
    assert question.misconception == "shares_noise_between_examples"
    assert SHARED["shares_noise_between_examples"] in (question.hint or "")


# enc.2


def test_gaussian_encoder_against_numpy(source: Numbers) -> None:
    module = gaussian_encoder.GaussianEncoder(5, 2, 7).double()
    state = gaussian_encoder.state_of(source, (5, 2, 7))
    module.load_state_dict(state)
    x, weights = source.normal((2, 3, 5)), {name: tensor.numpy() for name, tensor in state.items()}
    hidden = np.tanh(x.numpy() @ weights["trunk.weight"].T + weights["trunk.bias"])
    for result, head in zip(module(x), ("mu_head", "logvar_head"), strict=True):
        exactly(result, hidden @ weights[f"{head}.weight"].T + weights[f"{head}.bias"])


# enc.3


def test_estimators_have_the_worked_numbers() -> None:
    inputs = (lambda z: z.square().sum(-1), numbers(1.0), numbers(math.log(4)), numbers(0.5, -0.5)[:, None])
    exactly(torch.cat(reparam_grad.reparam_grad(*inputs)), [2, 1])
    exactly(torch.cat(reparam_grad.score_function_grad(*inputs)), [0.5, -0.75])
    exactly(torch.cat(reparam_grad.score_function_grad(*inputs, 1.0)), [0.5, -0.375])


def test_reparam_grad_against_finite_differences(source: Numbers) -> None:
    """scipy.optimize.approx_fprime of the sample mean."""
    mu, logvar, eps = source.normal((3,)), source.normal((3,)), source.normal((4, 3))
    frequency = source.uniform((3,), low=0.5, high=1.5)

    def mean(both: np.ndarray[Any, np.dtype[np.float64]]) -> float:
        z = both[:3] + np.exp(both[3:] / 2) * eps.numpy()
        return float(np.sin(frequency.numpy() * z).sum(-1).mean())

    numeric = scipy.optimize.approx_fprime(torch.cat((mu, logvar)).numpy(), mean, 1e-7)
    found = reparam_grad.reparam_grad(lambda z: torch.sin(frequency * z).sum(-1), mu, logvar, eps)
    exactly(torch.cat(found), numeric, rtol=1e-5)


def test_score_function_grad_against_torch_distributions(source: Numbers) -> None:
    """Autograd of the log-density of torch.distributions.Normal, one sample at a time."""
    mu, logvar, eps = source.normal((2, 3)), source.normal((2, 3)), source.normal((4, 2, 3))
    m, v = mu.clone().requires_grad_(), logvar.clone().requires_grad_()
    total = torch.zeros((), dtype=torch.float64)
    for noise in eps:
        z = (mu + torch.exp(logvar / 2) * noise).detach()
        total = total + ((z.pow(3).sum(-1) - 2) * Normal(m, torch.exp(v / 2)).log_prob(z).sum(-1)).sum() / 4
    found = reparam_grad.score_function_grad(lambda z: z.pow(3).sum(-1), mu, logvar, eps, 2.0)
    for one, right in zip(found, torch.autograd.grad(total, (m, v)), strict=True):
        exactly(one, right)


@pytest.mark.parametrize("function", [reparam_grad.reparam_grad, reparam_grad.score_function_grad])
def test_estimators_are_unbiased_by_quadrature(function: Callable[..., tuple[Tensor, Tensor]]) -> None:
    """Gauss-Hermite nodes, each repeated by its weight in the sum, against derivatives of scipy.integrate.quad."""
    mu, logvar, step = 0.7, -0.4, 1e-5
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)

    def expectation(mean: float, log_variance: float) -> float:
        law = scipy.stats.norm(mean, math.exp(log_variance / 2))
        return float(scipy.integrate.quad(lambda z: law.pdf(z) * math.sin(z), -12, 12, epsabs=1e-13)[0])

    found = [0.0, 0.0]
    for node, weight in zip(nodes, weights / weights.sum(), strict=True):
        both = function(lambda z: torch.sin(z).sum(-1), numbers(mu), numbers(logvar), numbers(node)[None])
        found = [so_far + weight * part.item() for so_far, part in zip(found, both, strict=True)]
    in_mu = (expectation(mu + step, logvar) - expectation(mu - step, logvar)) / (2 * step)
    in_logvar = (expectation(mu, logvar + step) - expectation(mu, logvar - step)) / (2 * step)
    np.testing.assert_allclose(found, [in_mu, in_logvar], rtol=1e-6)


def test_entries_have_expectations_of_their_own(source: Numbers) -> None:
    mu, logvar, eps = source.normal((3,)), source.normal((3,)), source.normal((4, 3))
    for estimator in (reparam_grad.reparam_grad, reparam_grad.score_function_grad):
        together = estimator(torch.sin, mu, logvar, eps)
        for entry in range(3):
            here = slice(entry, entry + 1)
            alone = estimator(lambda z: torch.sin(z).sum(-1), mu[here], logvar[here], eps[:, here])
            for many, one in zip(together, alone, strict=True):
                exactly(many[here], one)


# enc.4


def test_standardised_noise_has_its_moments(source: Numbers) -> None:
    noise = standardised(source, 5, (3, 2))
    exactly(noise.mean(0), np.zeros((3, 2)))
    exactly(noise.square().mean(0), np.ones((3, 2)))


def test_fit_local_posterior_has_the_worked_numbers() -> None:
    start = (numbers(0.0), numbers(0.0), numbers(-1.0, 1.0)[:, None])
    found = fit_local_posterior.fit_local_posterior(lambda z: -2 * (z - 1).square().sum(-1), *start, 1, 0.1)
    exactly(torch.cat(found), [0.4, -0.15])


def _model(source: Numbers) -> tuple[dict[str, Any], Callable[[Tensor], Tensor], MultivariateNormal]:
    """A linear Gaussian model, its log-joint by torch.distributions, and the law of x."""
    model: Any = fit_local_posterior.model_of(source, (3,), (5, 2, 4))
    weight, bias, scale = model["weight"], model["bias"], math.sqrt(model["noise_var"])

    def log_joint(z: Tensor) -> Tensor:
        likelihood = Normal(z @ weight.mT + bias, scale).log_prob(model["x"]).sum(-1)
        value: Tensor = likelihood + Normal(torch.zeros_like(z), 1.0).log_prob(z).sum(-1)
        return value

    covariance = weight @ weight.mT + model["noise_var"] * torch.eye(5, dtype=torch.float64)
    return model, log_joint, MultivariateNormal(bias, covariance)


def test_the_described_joint_is_that_of_torch_distributions(source: Numbers) -> None:
    model, log_joint, _ = _model(source)
    z = source.normal((4, 3, 2))
    built = families.built(fit_local_posterior.described("linear_gaussian_joint", **model), "cpu")
    exactly(built(z), log_joint(z))


def test_fit_local_posterior_against_sgd(source: Numbers) -> None:
    """torch.optim.SGD on a bound that torch.distributions writes."""
    _, log_joint, _ = _model(source)
    mu, logvar, eps = source.normal((3, 2)), source.normal((3, 2)), standardised(source, 4, (3, 2))
    m, v = mu.clone().requires_grad_(), logvar.clone().requires_grad_()
    optimizer = torch.optim.SGD([m, v], lr=0.05, maximize=True)
    for _ in range(4):
        optimizer.zero_grad()
        q = Normal(m, torch.exp(v / 2))
        bound = log_joint(q.loc + q.scale * eps).mean(0) + q.entropy().sum(-1)
        torch.autograd.backward(bound.sum())
        optimizer.step()
    found = fit_local_posterior.fit_local_posterior(log_joint, mu, logvar, eps, 4, 0.05)
    for one, right in zip(found, (m, v), strict=True):
        exactly(one, right.detach())


def test_the_exact_elbo_is_largest_at_the_best_diagonal_gaussian(source: Numbers) -> None:
    """scipy.optimize over mean and log-variance of one example; the ELBO by torch.distributions and many samples."""
    model, log_joint, evidence = _model(source)
    inputs = arguments(fit_local_posterior.described("linear_gaussian_joint", **model))
    exactly(fit_local_posterior.log_evidence(inputs), evidence.log_prob(model["x"]))

    def negative(both: np.ndarray[Any, np.dtype[np.float64]]) -> float:
        parts = torch.from_numpy(both).expand(3, 4)
        return -fit_local_posterior.elbo(inputs, parts[:, :2], parts[:, 2:])[0].item()

    best = scipy.optimize.minimize(negative, np.zeros(4), method="BFGS", options={"gtol": 1e-8})
    mean, precision = fit_local_posterior.posterior(inputs)
    exactly(mean[0], best.x[:2], rtol=1e-5)
    exactly(precision.diagonal(), np.exp(-best.x[2:]), rtol=1e-5)
    q = Normal(mean, precision.diagonal().rsqrt().expand(3, 2))
    noise = torch.randn((200_000, 3, 2), dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    estimates = log_joint(q.loc + q.scale * noise) + q.entropy().sum(-1)
    away = estimates.mean(0) - fit_local_posterior.elbo(inputs, mean, -precision.diagonal().log().expand(3, 2))
    assert (away.abs() < 6 * estimates.std(0) / math.sqrt(len(estimates))).all()


# enc.5


def test_train_vae_has_no_gap_in_closed_form(source: Numbers) -> None:
    """On its own training data the ELBO is the largest likelihood of any rank-2 model: no worse than the true one's."""
    data = train_vae.world(source)
    encoder, decoder = train_vae.train_vae(data.train, d_latent=2, generator=torch.Generator())
    x = data.train[:500]
    mu, logvar = encoder(x)
    _, logvar_x = decoder(mu)
    weight = torch.stack([decoder(row)[0] - decoder(torch.zeros(2).double())[0] for row in torch.eye(2).double()], -1)
    covariance = weight @ weight.mT + torch.diag(torch.exp(logvar_x[0]))
    marginal = MultivariateNormal(decoder(torch.zeros(2).double())[0], covariance)
    joint = MultivariateNormal(torch.zeros(2).double(), torch.eye(2).double())
    # With the exact posterior, log p(x, z) - log q(z) is log p(x) at every z.
    z = mu + torch.exp(logvar / 2) * source.normal((500, 2))
    mean, spread = decoder(z)
    bound = Normal(mean, torch.exp(spread / 2)).log_prob(x).sum(-1) + joint.log_prob(z)
    bound = bound - Normal(mu, torch.exp(logvar / 2)).log_prob(z).sum(-1)
    exactly(bound, marginal.log_prob(x), rtol=1e-9)
    truth = MultivariateNormal(data.bias, data.weight @ data.weight.mT + 0.25 * torch.eye(8).double())
    assert marginal.log_prob(data.train).mean() >= truth.log_prob(data.train).mean()
    test = train_vae.World(weight=data.weight, bias=data.bias, train=data.train, test=data.test)
    exactly(test.log_evidence(), truth.log_prob(data.test), rtol=1e-10)


def test_the_oracle_reaches_the_evidence_and_is_no_leak(source: Numbers) -> None:
    oracle = LocalTransport(train_vae.question.oracles)
    model = train_vae.examined(Student(["train_vae"], oracle, oracle), source)
    assert abs(model.gap) < 0.03
    assert model.errors_above < 3
    assert model.spread == pytest.approx(1.0, abs=1e-3)
    assert train_vae.suspected(model) is None


def test_a_model_that_remembers_is_found_above_the_evidence(assignment: LoadedAssignment, source: Numbers) -> None:
    question = assignment.questions[-1]
    source_text = next(
        one.source for one in variants.trivial_answers(assignment, question) if one.name == "remembers_what_it_encoded"
    )
    module: dict[str, Any] = {"__name__": "work"}
    exec(compile(source_text, "<work>", "exec"), module)
    student = Student(["train_vae"], LocalTransport(module), LocalTransport(question.oracles))
    model = train_vae.examined(student, source)
    assert model.errors_above > 100
    with pytest.raises(CheckFailed, match="above log p"):
        train_vae.assert_bound(model)


# The handout's table


@pytest.mark.parametrize("sigma", [0.3, 1.0, 3.0])
@pytest.mark.parametrize(("name", "f"), [("$z^2$", torch.square), (r"$\sin z$", torch.sin)])
def test_the_handout_shows_how_single_draws_scatter(name: str, f: Callable[[Tensor], Tensor], sigma: float) -> None:
    """Each estimator at single nodes of a Gauss-Hermite rule."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(160)
    spread = torch.full((len(nodes), 1), 2 * math.log(sigma), dtype=torch.float64)
    inputs = (f, torch.ones_like(spread), spread, torch.from_numpy(nodes)[None, :, None])
    moments = []
    for estimator in (reparam_grad.reparam_grad, reparam_grad.score_function_grad):
        single = estimator(*inputs)[0][:, 0].numpy()
        mean = np.average(single, weights=weights)
        moments.append((mean, math.sqrt(np.average((single - mean) ** 2, weights=weights))))
    (exact, pathwise), (_, score) = moments
    assert f"| {name} | {sigma:g} | {exact:.3f} | {pathwise:.2f} | {score:.2f} |" in HANDOUT.read_text()
