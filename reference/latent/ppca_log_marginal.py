"""lvm.5: the marginal likelihood of probabilistic PCA (Tipping & Bishop 1999, eqs. 3 to 8).

x = W z + b + noise with z ~ N(0, I) and noise ~ N(0, s2 I), so that log p(x) = log N(x; b, C) with C = W W' + s2 I.
With M = W'W + s2 I and m = M^-1 W'(x - b), the small matrix gives both parts of it:
log |C| = (D - L) log s2 + log |M|  and  (x - b)' C^-1 (x - b) = |x - b - W m|^2 / s2 + |m|^2.
"""

from __future__ import annotations

import math

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
    cotangents_like,
    does_constant_work,
    ignores_other_examples,
    keeps_generators,
    keeps_precision,
    leaves_inputs_unchanged,
    matches_oracle,
    oracle_vjp,
    runs_on_other_devices,
)
from grader.strategies import Numbers, numbers
from reference.latent._linear import (
    BATCHES,
    JITTER,
    MORE_LATENTS,
    draw_model,
    exact_log_marginal,
    isotropic_log_prob,
    models,
    nearly_noiseless,
)
from reference.latent._mixtures import change_other_points
from reference.latent._ppca_marginal_mistakes import SENTENCES

question = Question(id="lvm.5", functions=["ppca_log_marginal"], title="Marginal likelihood of probabilistic PCA")


@question.oracle
def ppca_log_marginal(x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor) -> Tensor:
    """Nats; x is [*batch, dimensions], W [dimensions, latents], b [dimensions], noise_var 0-dim."""
    dimensions, latents = W.shape
    away = x - b
    factor = torch.linalg.cholesky(W.mT @ W + noise_var * torch.eye(latents, dtype=W.dtype, device=W.device))
    mean = torch.cholesky_solve((away @ W).unsqueeze(-1), factor).squeeze(-1)
    # As a sum of two squares: their difference, |x - b|^2 less what W explains, cancels where the noise is small.
    quadratic = (away - mean @ W.mT).square().sum(-1) / noise_var + mean.square().sum(-1)
    log_det = (dimensions - latents) * torch.log(noise_var) + 2 * factor.diagonal().log().sum()
    log_prob: Tensor = -0.5 * (dimensions * math.log(2 * math.pi) + log_det + quadratic)
    return log_prob


check_values = question.check("value", points=5.5, description="Equals the log-density of one point.")(
    matches_oracle(ppca_log_marginal, models(), tolerance=JITTER)
)
question.check(
    "value",
    points=1.5,
    requires=check_values,
    name="values_for_a_batch",
    description="Gives one value per point, for any number of batch dimensions.",
)(matches_oracle(ppca_log_marginal, models(batch_shapes=BATCHES), tolerance=JITTER))
question.check(
    "value",
    points=1,
    name="values_with_more_latents_than_dimensions",
    description="Is right where there are more latents than dimensions.",
)(matches_oracle(ppca_log_marginal, models(sizes=MORE_LATENTS), tolerance=JITTER))

question.check("precision", points=1)(keeps_precision(ppca_log_marginal, models()))

ANY = models(batch_shapes=((), (3,), (2, 3)))


def assert_gradients(student: Student, inputs: Arguments, source: Numbers, *which: int) -> None:
    """The gradients in some of the arguments are right."""
    weights = cotangents_like(ppca_log_marginal(*inputs.args), source)
    got, right = student.ppca_log_marginal.vjp(inputs.args, weights), oracle_vjp(ppca_log_marginal, inputs, weights)
    for each in which:
        assert_value(got[each], right[each], tolerance=JITTER)


@question.check("gradient", points=1)
@given(inputs=ANY, source=numbers())
def check_gradients_in_points(student: Student, inputs: Arguments, source: Numbers) -> None:
    """Has the right gradient in x and in b."""
    assert_gradients(student, inputs, source, 0, 2)


@question.check("gradient", points=1.75)
@given(inputs=ANY, source=numbers())
def check_gradients_in_loadings(student: Student, inputs: Arguments, source: Numbers) -> None:
    """Has the right gradient in W."""
    assert_gradients(student, inputs, source, 1)


@question.check("gradient", points=1.25)
@given(inputs=ANY, source=numbers())
def check_gradients_in_noise(student: Student, inputs: Arguments, source: Numbers) -> None:
    """Has the right gradient in noise_var."""
    assert_gradients(student, inputs, source, 3)


@question.check("law", points=0.75)
@given(source=numbers(), latents=st.sampled_from((1, 2, 4)))
def check_integrates_to_one(student: Student, source: Numbers, latents: int) -> None:
    """Is a density: exp of it integrates to one over a line."""
    _, W, b, noise_var = draw_model(source, (), 1, latents).args
    # At a spacing of 0.4 sigma out to 8 sigma the trapezoidal rule is exact to rounding for a Gaussian.
    sigma = (W.square().sum() + noise_var).sqrt()
    grid = b + sigma * (torch.arange(-20.0, 21.0, dtype=torch.float64) * 0.4).unsqueeze(-1)
    mass = student.ppca_log_marginal(grid, W, b, noise_var).exp().sum() * 0.4 * sigma
    assert_value(mass, torch.ones_like(mass), tolerance=JITTER)


@question.check("law", points=0.75)
@given(source=numbers(), latents=st.sampled_from((1, 4)))
def check_drops_rows_to_marginalise(student: Student, source: Numbers, latents: int) -> None:
    """Integrating a dimension of x out leaves the model without that row of W and that entry of b."""
    x, W, b, noise_var = draw_model(source, (), 2, latents).args
    sigma = (W[1].square().sum() + noise_var).sqrt()
    others = b[1] + sigma * torch.linspace(-11, 11, 441, dtype=torch.float64)
    points = torch.stack((x[0].expand(441), others), dim=-1)
    mass = student.ppca_log_marginal(points, W, b, noise_var).exp().sum() * 0.05 * sigma
    assert_value(mass.log(), student.ppca_log_marginal(x[:1], W[:1], b[:1], noise_var), tolerance=JITTER)


@question.check("law", points=0.5)
@given(source=numbers(), batch=st.sampled_from(((), (3,))), dimensions=st.sampled_from((1, 5)))
def check_is_isotropic_without_latents(
    student: Student, source: Numbers, batch: tuple[int, ...], dimensions: int
) -> None:
    """Without latents, L = 0, is the log-density of N(b, noise_var I)."""
    x, W, b, noise_var = draw_model(source, batch, dimensions, 2).args
    assert_value(student.ppca_log_marginal(x, W[:, :0], b, noise_var), isotropic_log_prob(x, b, noise_var))


@question.check("law", points=0.75)
@given(inputs=models(batch_shapes=((), (3,)), sizes=((5, 2), (7, 4), (2, 5))), source=numbers())
def check_ignores_how_latents_are_named(student: Student, inputs: Arguments, source: Numbers) -> None:
    """Rotating the latents, W -> W R, or adding one that nothing depends on, changes nothing; a larger W does."""
    x, W, b, noise_var = inputs.args
    value = student.ppca_log_marginal(*inputs.args)
    rotated = W @ source.orthogonal(W.shape[-1])
    assert_value(student.ppca_log_marginal(x, rotated, b, noise_var), value, tolerance=JITTER)
    unused = torch.cat((W, torch.zeros_like(W[:, :1])), dim=-1)
    assert_value(student.ppca_log_marginal(x, unused, b, noise_var), value, tolerance=JITTER)
    larger = student.ppca_log_marginal(x, 30 * W, b, noise_var)
    expect(larger < value - 0.1, "a much larger W does not spread the density.")


question.check("law", points=0.25, requires=check_values)(
    ignores_other_examples(models(batch_shapes=((2,), (3,))), change_other_points)
)

# Ten times the worst error of five correct variants on 600 draws: |x - b|^2 less what W explains, divided by 1e-8.
NEARLY_NOISELESS = Tolerance(rtol=2e-6, atol=2e-6)


@question.check("stress", points=0.75, requires=check_values)
@given(source=numbers(), sizes=st.sampled_from(((5, 2), (7, 3))))
def check_survives_little_noise(student: Student, source: Numbers, sizes: tuple[int, int]) -> None:
    """Stays exact where the noise variance is 1e-8."""
    inputs = nearly_noiseless(source, *sizes)
    assert_value(student.ppca_log_marginal(*inputs.args), exact_log_marginal(*inputs.args), tolerance=NEARLY_NOISELESS)


@question.check("stress", points=1, requires=check_values, examples=1)
@given(source=numbers())
def check_handles_twenty_thousand_dimensions(student: Student, source: Numbers) -> None:
    """Is right for x of 20,000 dimensions, whose covariance would fill 3 GB."""
    inputs = draw_model(source, (), 20_000, 3)
    assert_value(student.ppca_log_marginal(*inputs.args), ppca_log_marginal(*inputs.args))


# Ten times the worst error of five correct variants on 2,400 draws, 4e-6.
question.check("stress", points=0.25)(
    accurate_in(
        torch.float32, ppca_log_marginal, models(batch_shapes=((3,),)), tolerance=Tolerance(rtol=4e-5, atol=4e-5)
    )
)

THREE = models(batch_shapes=((3,),))

question.check("robustness", points=0.25, requires=check_values)(leaves_inputs_unchanged(THREE))
question.check("robustness", points=0.5, requires=check_values)(accepts_any_strides(ppca_log_marginal, THREE))
question.check("robustness", points=0.25, requires=check_values)(
    accepts_empty_batches(models(batch_shapes=((0,), (0, 3))), ppca_log_marginal)
)
question.check("behaviour", points=0.25, requires=check_values)(runs_on_other_devices(THREE))
question.check("behaviour", points=0.25, requires=check_values)(keeps_generators(THREE))
question.check("behaviour", points=0.5, requires=check_values)(
    does_constant_work(models(batch_shapes=((3,),), sizes=((5, 2),)), models(batch_shapes=((300,),), sizes=((5, 2),)))
)

for mistake, sentence in SENTENCES.items():
    question.misconception(sentence)(mistake)


@question.alternative
def subtracts_what_is_explained(x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor) -> Tensor:
    D, L = W.shape
    M = W.T @ W + noise_var * torch.eye(L, dtype=W.dtype, device=W.device)
    y = x - b
    projected = y @ W
    explained = (projected * torch.linalg.solve(M, projected.unsqueeze(-1)).squeeze(-1)).sum(-1)
    quadratic = ((y * y).sum(-1) - explained) / noise_var
    log_det = (D - L) * noise_var.log() + torch.linalg.slogdet(M).logabsdet
    log_prob: Tensor = -(quadratic + log_det + D * math.log(2 * math.pi)) / 2
    return log_prob


@question.alternative
def scales_by_the_noise_first(x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor) -> Tensor:
    D, L = W.shape
    std = noise_var.sqrt()
    A, y = W / std, (x - b) / std
    factor = torch.linalg.cholesky(torch.eye(L, dtype=W.dtype, device=W.device) + A.mT @ A)
    half = torch.linalg.solve_triangular(factor, (y @ A).unsqueeze(-1), upper=False).squeeze(-1)
    quadratic = y.pow(2).sum(-1) - half.pow(2).sum(-1)
    log_det = D * torch.log(noise_var) + 2 * torch.log(torch.diagonal(factor)).sum()
    log_two_pi = torch.log(torch.tensor(2 * math.pi, dtype=x.dtype, device=x.device))
    log_prob: Tensor = -0.5 * (D * log_two_pi + log_det + quadratic)
    return log_prob


@question.alternative
def inverts_the_small_matrix(x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor) -> Tensor:
    D, L = W.shape
    M = torch.einsum("dk,dl->kl", W, W) + torch.diag_embed(noise_var.expand(L))
    m = torch.einsum("...d,dl,kl->...k", x - b, W, torch.linalg.inv(M))
    residual = x - b - torch.einsum("dk,...k->...d", W, m)
    quadratic = residual.square().sum(-1) / noise_var + m.square().sum(-1)
    log_det = D * torch.log(noise_var) + torch.logdet(M / noise_var)
    return -0.5 * (D * math.log(2 * math.pi) + log_det + quadratic)


@question.alternative
def asks_the_distribution(x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor) -> Tensor:
    # A column of zeros changes nothing, and the library's class needs at least one.
    factor = torch.nn.functional.pad(W, (0, 1))
    model = torch.distributions.LowRankMultivariateNormal(b, factor, noise_var.expand(b.shape), validate_args=False)
    log_prob: Tensor = model.log_prob(x)  # type: ignore[no-untyped-call]  # torch gives it no type
    return log_prob
