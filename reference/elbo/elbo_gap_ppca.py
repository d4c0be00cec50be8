"""elbo.5: evidence, ELBO and gap of probabilistic PCA for any Gaussian q (Tipping & Bishop 1999, eqs. 4 and 7).

log p(x) = log N(x; b, WW' + s2 I),  E_q[log p(x | z)] = -1/2 [D log 2 pi s2 + (|x - b - W m|^2 + tr W S W') / s2],
ELBO = E_q[log p(x | z)] - KL(q || N(0, I)),  q = N(m, S),  posterior N(M^-1 W'(x - b), s2 M^-1),  M = W'W + s2 I
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import hypothesis.strategies as st
import torch
from hypothesis import given
from torch import Tensor

from grader.compare import Tolerance, assert_value, expect
from grader.question import Question
from grader.remote import Student
from grader.standard import (
    Arguments,
    accepts_any_strides,
    accepts_empty_batches,
    accurate_in,
    arguments,
    does_constant_work,
    ignores_other_examples,
    keeps_generators,
    keeps_precision,
    leaves_inputs_unchanged,
    matches_oracle,
    runs_on_other_devices,
)
from grader.strategies import BATCH_SHAPES, Numbers, Shape, numbers
from reference.elbo import _ppca_bound_mistakes, _ppca_gap_mistakes, _ppca_term_mistakes
from reference.elbo._parts import (
    CANCELLING,
    NO_EXAMPLE,
    ONE_BATCH_DIMENSION,
    ONE_EXAMPLE,
    SEVERAL_EXAMPLES,
    THREE_EXAMPLES,
    part_gradients_match,
    part_matches,
)

question = Question(id="elbo.5", functions=["elbo_gap_ppca"], title="The gap of a linear model, in closed form")

# Ten times the worst error of four correct variants on 600 draws.
SINGLE = Tolerance(rtol=5e-5, atol=5e-5)

Triple = tuple[Tensor, Tensor, Tensor]


def posterior(x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor) -> tuple[Tensor, Tensor]:
    """Mean [*batch, latent] and covariance [latent, latent] of p(z | x)."""
    eye = torch.eye(W.shape[-1]).to(W)
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(W.mT @ W + noise_var * eye))
    return (x - b) @ W @ inverse, noise_var * inverse


def gaussian_kl(mean: Tensor, chol: Tensor, other_mean: Tensor, other_chol: Tensor) -> Tensor:
    """KL between Gaussians given by means and Cholesky factors of their covariances."""
    spread = torch.linalg.solve_triangular(other_chol, chol, upper=False)
    shift = torch.linalg.solve_triangular(other_chol, (mean - other_mean).unsqueeze(-1), upper=False)
    squares = spread.square().sum((-2, -1)) + shift.square().sum((-2, -1))
    log_dets = (other_chol.diagonal(dim1=-2, dim2=-1).log() - chol.diagonal(dim1=-2, dim2=-1).log()).sum(-1)
    kl: Tensor = 0.5 * (squares - mean.shape[-1]) + log_dets
    return kl


@question.oracle
def elbo_gap_ppca(x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor, q_mean: Tensor, q_cov: Tensor) -> Triple:
    """(log_px, elbo, kl), each [*batch], each by its own formula."""
    dim, latent = W.shape
    residual, chol_q = x - b, torch.linalg.cholesky(q_cov)
    chol_x = torch.linalg.cholesky(W @ W.mT + noise_var * torch.eye(dim).to(W))
    whitened = torch.linalg.solve_triangular(chol_x, residual.unsqueeze(-1), upper=False).squeeze(-1)
    log_px = -0.5 * (dim * math.log(2 * math.pi) + whitened.square().sum(-1)) - chol_x.diagonal().log().sum()

    misfit = (residual - q_mean @ W.mT).square().sum(-1) + (W @ chol_q).square().sum((-2, -1))
    expected = -0.5 * (dim * torch.log(2 * math.pi * noise_var) + misfit / noise_var)
    elbo = expected - gaussian_kl(q_mean, chol_q, torch.zeros_like(q_mean), torch.eye(latent).to(W))

    mean, covariance = posterior(x, W, b, noise_var)
    return log_px, elbo, gaussian_kl(q_mean, chol_q, mean, torch.linalg.cholesky(covariance))


def draw_model(
    source: Numbers, batch: Shape, size: tuple[int, int], *, noise: float = 1.0, spread: float = 1.0
) -> Arguments:
    """Arguments of the function; s2 is 0.3 to 0.7 times `noise`, and S is `spread` times a matrix of size 1."""
    dim, latent = size
    x, W, b = source.normal((*batch, dim), scale=1.5), source.normal((dim, latent), scale=0.8), source.normal((dim,))
    noise_var = noise * source.uniform((), low=0.3, high=0.7)
    q_mean, factor = source.normal((*batch, latent)), source.scale_tril(batch, latent)
    return arguments(x, W, b, noise_var, q_mean, spread * factor @ factor.mT)


WIDE = ((5, 2), (7, 4), (1, 1), (4, 2), (5, 1))
"""Sizes (dim, latent) with no more latents than dimensions."""


@st.composite
def models(
    draw: st.DrawFn,
    *,
    batch_shapes: Sequence[Shape] = BATCH_SHAPES,
    sizes: Sequence[tuple[int, int]] = WIDE,
    noise: float = 1.0,
    spread: float = 1.0,
) -> Arguments:
    """Arguments (x, W, b, noise_var, q_mean, q_cov)."""
    batch, size = draw(st.sampled_from(tuple(batch_shapes))), draw(st.sampled_from(tuple(sizes)))
    return draw_model(draw(numbers()), batch, size, noise=noise, spread=spread)


single = models(batch_shapes=ONE_EXAMPLE)

check_evidence = question.check(
    "value", points=1.75, name="log_evidence", description="log_px is the log-density of N(b, WW' + s2 I) at x."
)(part_matches(elbo_gap_ppca, single, 0, tolerance=CANCELLING))
check_elbo = question.check(
    "value", points=2.75, name="elbo", description="elbo is E_q[log p(x, z) - log q(z)], in closed form."
)(part_matches(elbo_gap_ppca, single, 1, tolerance=CANCELLING))
check_kl = question.check(
    "value", points=2.5, name="gap", description="kl is the divergence from q to the posterior of z."
)(part_matches(elbo_gap_ppca, single, 2, tolerance=CANCELLING))
ALL_VALUES = (check_evidence, check_elbo, check_kl)

question.check(
    "value",
    points=1,
    requires=ALL_VALUES,
    name="values_for_a_batch",
    description="Gives three values per example, for any number of batch dimensions.",
)(matches_oracle(elbo_gap_ppca, models(batch_shapes=SEVERAL_EXAMPLES), tolerance=CANCELLING))

question.check("precision", points=1, requires=ALL_VALUES)(keeps_precision(elbo_gap_ppca, single))


def in_model_and_q(inputs: Arguments, gradients: Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients in W, q_mean and q_cov, the last one among symmetric matrices."""
    _, in_loadings, _, _, in_mean, in_cov = gradients
    return in_loadings, in_mean, 0.5 * (in_cov + in_cov.mT)


question.check(
    "gradient",
    points=2,
    name="gradients_of_the_elbo",
    description="The ELBO has the right gradients in W, q_mean and q_cov.",
)(part_gradients_match(elbo_gap_ppca, models(), [1], along=in_model_and_q, tolerance=CANCELLING))
question.check(
    "gradient",
    points=2,
    name="gradients_of_evidence_and_gap",
    description="log_px and kl have the right gradients in W, q_mean and q_cov.",
)(part_gradients_match(elbo_gap_ppca, models(), [0, 2], along=in_model_and_q, tolerance=CANCELLING))


@question.check("law", points=0.75)
@given(inputs=models())
def check_adds_up(student: Student, inputs: Arguments) -> None:
    """log_px - elbo = kl, and kl is positive where q is not the posterior."""
    log_px, elbo, kl = student.elbo_gap_ppca(*inputs.args)
    assert_value(log_px - elbo, kl)
    expect(kl > 0, "kl is not positive although q is not the posterior.")


@question.check("law", points=0.25)
@given(inputs=models(), source=numbers())
def check_evidence_does_not_know_q(student: Student, inputs: Arguments, source: Numbers) -> None:
    """Another q has the same log_px, and another ELBO."""
    *model, q_mean, q_cov = inputs.args
    before = student.elbo_gap_ppca(*inputs.args)
    after = student.elbo_gap_ppca(*model, q_mean + source.uniform(tuple(q_mean.shape)), 1.5 * q_cov)
    assert_value(after[0], before[0])
    expect((after[1] - before[1]).abs() > 1e-9, "another q has the same ELBO.")


@question.check("law", points=1)
@given(inputs=models())
def check_touches_at_the_posterior(student: Student, inputs: Arguments) -> None:
    """With q the posterior, and only there, the ELBO is log_px, kl is 0, and the slope of the ELBO in q is 0."""
    *model, _, q_cov = inputs.args
    mean, covariance = posterior(*model)
    best = (*model, mean, covariance.expand_as(q_cov).contiguous())
    log_px, elbo, kl = student.elbo_gap_ppca(*best)
    zero = torch.zeros_like(kl)
    assert_value((elbo, kl), (log_px, zero))
    expect(student.elbo_gap_ppca(*inputs.args)[2] > 1e-9, "kl is zero although q is not the posterior.")
    *_, in_mean, in_cov = student.elbo_gap_ppca.vjp(best, (zero, torch.ones_like(zero), zero))
    assert_value((in_mean, in_cov + in_cov.mT), (torch.zeros_like(in_mean), torch.zeros_like(in_cov)))


@question.check("law", points=0.5)
@given(inputs=models(), source=numbers())
def check_is_concave_in_the_mean(student: Student, inputs: Arguments, source: Numbers) -> None:
    """Along any direction of q_mean the ELBO is a parabola that opens downwards, as wide as the posterior."""
    x, W, b, noise_var, q_mean, q_cov = inputs.args
    step = source.normal(tuple(q_mean.shape))
    means = (q_mean - step, q_mean, q_mean + step)
    left, middle, right = (student.elbo_gap_ppca(x, W, b, noise_var, mean, q_cov)[1] for mean in means)
    assert_value(left + right - 2 * middle, -(step.square().sum(-1) + (step @ W.mT).square().sum(-1) / noise_var))


def change_others(inputs: Arguments, source: Numbers) -> Arguments:
    """Another x, and another q, for every example but the first; the model is shared."""
    x, W, b, noise_var, q_mean, q_cov = inputs.args
    others = draw_model(source, (len(x) - 1,), tuple(W.shape), spread=3.0).args
    x, q_mean, q_cov = (
        torch.cat((mine[:1], new)) for mine, new in zip((x, q_mean, q_cov), (others[0], *others[4:]), strict=True)
    )
    return arguments(x, W, b, noise_var, q_mean, q_cov)


question.check("law", points=0.5, requires=ALL_VALUES)(
    ignores_other_examples(models(batch_shapes=ONE_BATCH_DIMENSION), change_others)
)

question.check(
    "stress",
    points=0.5,
    examples=5,
    name="accepts_more_latents_than_dimensions",
    description="Is right where there are more latents than dimensions.",
)(matches_oracle(elbo_gap_ppca, models(batch_shapes=ONE_EXAMPLE, sizes=((2, 5), (1, 2))), tolerance=CANCELLING))
question.check(
    "stress",
    points=0.5,
    examples=5,
    name="accepts_little_noise",
    description="Is right where the noise has a variance of 1e-4.",
)(matches_oracle(elbo_gap_ppca, models(batch_shapes=ONE_EXAMPLE, noise=1e-4), tolerance=CANCELLING))
question.check(
    "stress",
    points=0.5,
    examples=5,
    name="accepts_a_narrow_q",
    description="Is right where q has variances of 1e-8.",
)(matches_oracle(elbo_gap_ppca, models(batch_shapes=ONE_EXAMPLE, spread=1e-8), tolerance=CANCELLING))
question.check("stress", points=0.5, requires=ALL_VALUES, examples=5)(
    accurate_in(torch.float32, elbo_gap_ppca, models(), tolerance=SINGLE)
)

rows = models(batch_shapes=THREE_EXAMPLES, sizes=((5, 2),))
question.check("robustness", points=0.5, requires=ALL_VALUES)(leaves_inputs_unchanged(rows))
question.check("robustness", points=0.25, requires=ALL_VALUES)(
    accepts_any_strides(elbo_gap_ppca, rows, tolerance=CANCELLING)
)
question.check("robustness", points=0.25, requires=ALL_VALUES)(
    accepts_empty_batches(models(batch_shapes=NO_EXAMPLE), elbo_gap_ppca)
)
question.check("behaviour", points=0.25, requires=ALL_VALUES)(runs_on_other_devices(rows))
question.check("behaviour", points=0.25, requires=ALL_VALUES)(keeps_generators(rows))
question.check("behaviour", points=0.5, requires=ALL_VALUES)(
    does_constant_work(rows, models(batch_shapes=((300,),), sizes=((5, 2),)))
)

for bank in (_ppca_gap_mistakes, _ppca_bound_mistakes, _ppca_term_mistakes):
    for wrong, sentence in bank.SENTENCES.items():
        question.misconception(sentence)(wrong)


@question.alternative
def inverts_the_dense_covariance(
    x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor, q_mean: Tensor, q_cov: Tensor
) -> Triple:
    dim, latent = W.shape
    r = x - b
    cov = W @ W.T + noise_var * torch.eye(dim, dtype=W.dtype, device=W.device)
    quadratic = (r @ torch.linalg.inv(cov) * r).sum(-1)
    log_px = -0.5 * (dim * math.log(2 * math.pi) + torch.logdet(cov) + quadratic)
    misfit = ((r - q_mean @ W.T) ** 2).sum(-1) + (W.T @ W * q_cov).sum((-2, -1))
    log_lik = -0.5 * (dim * torch.log(2 * math.pi * noise_var) + misfit / noise_var)
    spread = torch.diagonal(q_cov, dim1=-2, dim2=-1).sum(-1) + (q_mean**2).sum(-1)
    elbo = log_lik - 0.5 * (spread - latent - torch.logdet(q_cov))
    return log_px, elbo, log_px - elbo


@question.alternative
def asks_the_library(x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor, q_mean: Tensor, q_cov: Tensor) -> Triple:
    library = torch.distributions
    normal = library.MultivariateNormal
    eye_x, eye_z = (torch.eye(n, dtype=W.dtype, device=W.device) for n in W.shape)
    p = normal(b, W @ W.mT + noise_var * eye_x, validate_args=False)
    log_px = p.log_prob(x)  # type: ignore[no-untyped-call]  # torch does not type it
    q = normal(q_mean, q_cov, validate_args=False)
    precision = eye_z + W.mT @ W / noise_var
    mean = torch.linalg.solve(precision, ((x - b) @ W / noise_var).unsqueeze(-1)).squeeze(-1)
    target = normal(mean, torch.linalg.inv(precision), validate_args=False)
    kl = library.kl_divergence(q, target)
    return log_px, log_px - kl, kl


@question.alternative
def adds_entropy_and_energy(
    x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor, q_mean: Tensor, q_cov: Tensor
) -> Triple:
    dim, latent = W.size()
    two_pi = torch.tensor(2 * math.pi, dtype=W.dtype, device=W.device)
    gram = W.mT @ W
    M = gram + noise_var * torch.eye(latent, dtype=W.dtype, device=W.device)
    r = x - b
    back = r @ W
    explained = torch.einsum("...l,...l->...", back, torch.linalg.solve(M, back.unsqueeze(-1)).squeeze(-1))
    log_det = torch.linalg.slogdet(M).logabsdet + (dim - latent) * noise_var.log()
    log_px = -(dim * two_pi.log() + log_det + (r.pow(2).sum(-1) - explained) / noise_var) / 2
    second_moment = q_cov + q_mean.unsqueeze(-1) * q_mean.unsqueeze(-2)
    energy = r.pow(2).sum(-1) - 2 * (back * q_mean).sum(-1) + torch.einsum("lm,...ml->...", gram, second_moment)
    entropy = 0.5 * (latent * (1 + two_pi.log()) + torch.linalg.slogdet(q_cov).logabsdet)
    log_prior = -0.5 * (latent * two_pi.log() + torch.einsum("...ll->...", second_moment))
    elbo = -0.5 * (dim * (two_pi * noise_var).log() + energy / noise_var) + log_prior + entropy
    return log_px, elbo, log_px - elbo
