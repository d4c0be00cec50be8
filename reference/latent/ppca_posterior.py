"""lvm.6: the posterior of the latents of probabilistic PCA (Bishop 2006, eq. 12.42).

z | x ~ N(M^-1 W'(x - b), s2 M^-1),  M = W'W + s2 I
"""

from __future__ import annotations

import math

import torch
from hypothesis import given
from torch import Tensor

from grader.compare import PRECISION, Tolerance, assert_value, expect
from grader.question import Question
from grader.remote import Student
from grader.standard import (
    Arguments,
    accepts_any_strides,
    accepts_empty_batches,
    accurate_in,
    cotangents_like,
    does_constant_work,
    keeps_generators,
    leaves_inputs_unchanged,
    oracle_vjp,
    runs_on_other_devices,
)
from grader.strategies import Numbers, numbers
from reference.latent._linear import (
    BATCHES,
    FEWER_LATENTS,
    JITTER,
    MORE_LATENTS,
    isotropic_log_prob,
    models,
)
from reference.latent._mixtures import change_other_points
from reference.latent._ppca_posterior_mistakes import SENTENCES, Pair
from reference.latent.ppca_log_marginal import ppca_log_marginal

question = Question(id="lvm.6", functions=["ppca_posterior"], title="Posterior of probabilistic PCA")


@question.oracle
def ppca_posterior(x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor) -> Pair:
    """Mean [*batch, latents] and covariance [latents, latents]."""
    small = W.mT @ W + noise_var * torch.eye(W.shape[1], dtype=W.dtype, device=W.device)
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(small))
    return (x - b) @ W @ inverse, noise_var * inverse


def assert_part(student: Student, inputs: Arguments, part: int) -> None:
    """The mean, or the covariance, is right."""
    got, right = student.ppca_posterior(*inputs.args)[part], ppca_posterior(*inputs.args)[part]
    assert_value(got, right, tolerance=JITTER)


@question.check("value", points=2.75)
@given(inputs=models())
def check_mean(student: Student, inputs: Arguments) -> None:
    """The mean is right for one point."""
    assert_part(student, inputs, 0)


@question.check("value", points=2.25)
@given(inputs=models())
def check_covariance(student: Student, inputs: Arguments) -> None:
    """The covariance is right for one point."""
    assert_part(student, inputs, 1)


@question.check("value", points=1)
@given(inputs=models(batch_shapes=BATCHES))
def check_batch(student: Student, inputs: Arguments) -> None:
    """A batch has one mean for each point and one covariance for all."""
    assert_value(student.ppca_posterior(*inputs.args), ppca_posterior(*inputs.args), tolerance=JITTER)


@question.check("value", points=0.5)
@given(inputs=models(sizes=MORE_LATENTS))
def check_more_latents_than_dimensions(student: Student, inputs: Arguments) -> None:
    """Both are right where there are more latents than dimensions."""
    assert_value(student.ppca_posterior(*inputs.args), ppca_posterior(*inputs.args), tolerance=JITTER)


@question.check("precision", points=0.75)
@given(inputs=models())
def check_keeps_float64_precision(student: Student, inputs: Arguments) -> None:
    """Keeps the accuracy of float64 inputs."""
    assert_value(student.ppca_posterior(*inputs.args), ppca_posterior(*inputs.args), tolerance=PRECISION)


def assert_gradients(student: Student, inputs: Arguments, source: Numbers, part: int) -> None:
    """The gradients of one of the results are right, in all arguments."""
    weights = list(cotangents_like(ppca_posterior(*inputs.args), source))
    weights[1 - part] = torch.zeros_like(weights[1 - part])
    got = student.ppca_posterior.vjp(inputs.args, tuple(weights))
    assert_value(got, oracle_vjp(ppca_posterior, inputs, tuple(weights)), tolerance=JITTER)


ANY = models(batch_shapes=((), (3,), (2, 3)), sizes=(*FEWER_LATENTS, (2, 5)))


@question.check("gradient", points=1.75)
@given(inputs=ANY, source=numbers())
def check_gradients_of_the_mean(student: Student, inputs: Arguments, source: Numbers) -> None:
    """The mean has the right gradient in x, W, b and noise_var."""
    assert_gradients(student, inputs, source, 0)


@question.check("gradient", points=1.25)
@given(inputs=ANY, source=numbers())
def check_gradients_of_the_covariance(student: Student, inputs: Arguments, source: Numbers) -> None:
    """The covariance has the right gradient in W and noise_var, and none in x and b."""
    assert_gradients(student, inputs, source, 1)


def gaussian_log_prob(z: Tensor, mean: Tensor, cov: Tensor) -> Tensor:
    """log N(z; mean, cov), once cov is known to be a covariance.

    Raises:
        CheckFailed: Where it is none.
    """
    expect(torch.isfinite(cov), "the covariance has entries that are not finite.")
    assert_value(cov, cov.mT)
    values, vectors = torch.linalg.eigh(cov)
    expect(values > 0, "the covariance is not positive definite.")
    squares = ((z - mean) @ vectors).square() / values
    log_prob: Tensor = -0.5 * (squares + torch.log(2 * math.pi * values)).sum(-1)
    return log_prob


@question.check("law", points=1)
@given(inputs=models(sizes=(*FEWER_LATENTS, (2, 5))), source=numbers())
def check_obeys_bayes_rule(student: Student, inputs: Arguments, source: Numbers) -> None:
    """log p(x|z) + log p(z) - log p(z|x) is the same number for every z: log p(x)."""
    x, W, b, noise_var = inputs.args
    mean, cov = student.ppca_posterior(*inputs.args)
    z = source.normal((5, *x.shape[:-1], W.shape[1]), scale=1.5)
    one = torch.ones((), dtype=torch.float64)
    joint = isotropic_log_prob(x, z @ W.mT + b, noise_var) + isotropic_log_prob(z, torch.zeros_like(z), one)
    evidence = joint - gaussian_log_prob(z, mean, cov)
    assert_value(evidence, ppca_log_marginal(*inputs.args).expand_as(evidence), tolerance=JITTER)


# Ten times the distance from the limit on 1,200 draws: 8e-6, for directions that W hardly sees.
NEARLY = Tolerance(rtol=1e-4, atol=1e-4)


@question.check("law", points=0.5)
@given(inputs=models(batch_shapes=((), (3,)), sizes=((5, 2), (7, 1), (11, 3))))
def check_projects_without_noise(student: Student, inputs: Arguments) -> None:
    """With hardly any noise, the mean is the least-squares solution of W z = x - b, and the covariance vanishes."""
    x, W, b, _ = inputs.args
    solution = torch.linalg.lstsq(W, (x - b).reshape(-1, W.shape[0]).mT).solution.mT.reshape(*x.shape[:-1], W.shape[1])
    mean, cov = student.ppca_posterior(x, W, b, torch.tensor(1e-6, dtype=torch.float64))
    assert_value(mean, solution, tolerance=NEARLY)
    assert_value(cov, torch.zeros_like(cov), tolerance=NEARLY)


@question.check("law", points=0.5)
@given(inputs=models(batch_shapes=((), (3,)), sizes=((5, 2), (2, 5), (7, 1))))
def check_returns_to_the_prior(student: Student, inputs: Arguments) -> None:
    """With very much noise, the covariance is that of the prior, and W'(x - b) / noise_var is left of the mean."""
    x, W, b, _ = inputs.args
    mean, cov = student.ppca_posterior(x, W, b, torch.tensor(1e9, dtype=torch.float64))
    assert_value(cov, torch.eye(W.shape[1], dtype=torch.float64), tolerance=JITTER)
    assert_value(1e9 * mean, (x - b) @ W, tolerance=JITTER)


@question.check("law", points=0.25)
@given(inputs=models(), source=numbers())
def check_moves_only_the_mean_with_the_point(student: Student, inputs: Arguments, source: Numbers) -> None:
    """Another point has another mean and the same covariance; moving x and b together changes neither."""
    x, W, b, noise_var = inputs.args
    mean, cov = student.ppca_posterior(*inputs.args)
    shift = source.normal(tuple(b.shape))
    assert_value(student.ppca_posterior(x + shift, W, b + shift, noise_var), (mean, cov))
    other_mean, other_cov = student.ppca_posterior(x + shift, W, b, noise_var)
    assert_value(other_cov, cov)
    expect((other_mean - mean).abs() > 0, "another point has the same mean.")


@question.check("law", points=0.25, requires=check_mean)
@given(inputs=models(batch_shapes=((2,), (3,))), source=numbers())
def check_treats_examples_independently(student: Student, inputs: Arguments, source: Numbers) -> None:
    """Treats each example of a batch on its own."""
    changed = change_other_points(inputs, source)
    before, after = student.ppca_posterior(*inputs.args), student.ppca_posterior(*changed.args)
    assert_value((after[0][0], after[1]), (before[0][0], before[1]))


# Ten times the worst error of five correct variants on 2,400 draws, 3e-6.
SINGLE = Tolerance(rtol=4e-5, atol=4e-5)

question.check("stress", points=0.75)(
    accurate_in(torch.float32, ppca_posterior, models(batch_shapes=((3,),)), tolerance=SINGLE)
)

THREE = models(batch_shapes=((3,),))

question.check("robustness", points=0.25, requires=check_mean)(leaves_inputs_unchanged(THREE))
question.check("robustness", points=0.25, requires=check_batch)(accepts_any_strides(ppca_posterior, THREE))
question.check("robustness", points=0.25, requires=check_batch)(
    accepts_empty_batches(models(batch_shapes=((0,), (0, 3))), ppca_posterior)
)
question.check("behaviour", points=0.25, requires=check_mean)(runs_on_other_devices(THREE))
question.check("behaviour", points=0.25, requires=check_mean)(keeps_generators(THREE))
question.check("behaviour", points=0.25, requires=check_mean)(
    does_constant_work(models(batch_shapes=((3,),), sizes=((5, 2),)), models(batch_shapes=((300,),), sizes=((5, 2),)))
)

for mistake, sentence in SENTENCES.items():
    question.misconception(sentence)(mistake)


@question.alternative
def conditions_the_joint_gaussian(x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor) -> Pair:
    D, L = W.shape
    C = W @ W.T + noise_var * torch.eye(D, dtype=W.dtype, device=W.device)
    gain = torch.linalg.solve(C, W).T
    return (x - b) @ gain.T, torch.eye(L, dtype=W.dtype, device=W.device) - gain @ W


@question.alternative
def inverts_the_posterior_precision(x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor) -> Pair:
    precision = torch.einsum("dk,dl->kl", W, W) / noise_var + torch.eye(W.shape[1], dtype=W.dtype, device=W.device)
    cov: Tensor = torch.inverse(precision)
    return torch.einsum("kl,dl,...d->...k", cov, W, x - b) / noise_var, cov


@question.alternative
def solves_for_both(x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor) -> Pair:
    identity = torch.diag_embed(torch.ones_like(W[0]))
    M = W.transpose(0, 1).matmul(W) + noise_var * identity
    mean = torch.linalg.solve(M, (W.mT @ (x - b).unsqueeze(-1))).squeeze(-1)
    return mean, noise_var * torch.linalg.solve(M, identity)


@question.alternative
def squares_the_inverse_factor(x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor) -> Pair:
    M = W.mT @ W + noise_var * torch.eye(W.shape[1], dtype=W.dtype, device=W.device)
    factor = torch.linalg.cholesky(M)
    root = torch.linalg.solve_triangular(factor, torch.eye(M.shape[0], dtype=M.dtype, device=M.device), upper=False)
    inverse = root.mT @ root
    return torch.matmul(torch.matmul(x - b, W), inverse), noise_var * inverse
