"""kl.3: the KL between two Gaussians with full covariance, given by Cholesky factors.

KL(q || p) = 1/2 (tr(Sp^-1 Sq) + d^T Sp^-1 d - D + log det Sp - log det Sq),  S = L L^T,  d = mu_q - mu_p
(Rasmussen & Williams 2006, eq. A.23)
"""

from __future__ import annotations

import hypothesis.strategies as st
import torch
from hypothesis import given
from hypothesis.strategies import SearchStrategy
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
    avoids_forbidden_names,
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
from grader.strategies import BATCH_SHAPES, EVENT_SIZES, Gaussian, Numbers, Shape, diagonal_gaussians, numbers
from reference.gaussian_kl.kl_diag import kl_diag

question = Question(
    id="kl.3",
    functions=["kl_full"],
    title="KL between two Gaussians with full covariance",
    forbidden=["torch.distributions", "torch.nn.functional.kl_div", "torch.inverse", "torch.linalg.inv"],
)


@question.oracle
def kl_full(mu_q: Tensor, scale_tril_q: Tensor, mu_p: Tensor, scale_tril_p: Tensor) -> Tensor:
    """KL in nats; means are [*batch, dim], factors [*batch, dim, dim], the result is [*batch]."""
    # With M = Lp^-1 Lq and s = Lp^-1 d, the trace is |M|^2 and the quadratic form |s|^2: no covariance is formed,
    # so that the condition number enters once and not squared.
    spread = torch.linalg.solve_triangular(scale_tril_p, scale_tril_q, upper=False)
    shift = torch.linalg.solve_triangular(scale_tril_p, (mu_q - mu_p).unsqueeze(-1), upper=False)
    log_diagonals = [scale.diagonal(dim1=-2, dim2=-1).log().sum(-1) for scale in (scale_tril_q, scale_tril_p)]
    squares: Tensor = spread.square().sum((-2, -1)) + shift.square().sum((-2, -1))
    return 0.5 * (squares - mu_q.shape[-1]) + log_diagonals[1] - log_diagonals[0]


@st.composite
def quadruples(
    draw: st.DrawFn,
    *,
    batch_shapes: tuple[tuple[Shape, Shape], ...] = tuple((shape, shape) for shape in BATCH_SHAPES),
    sizes: tuple[int, ...] = EVENT_SIZES,
) -> Arguments:
    """Arguments (mu_q, scale_tril_q, mu_p, scale_tril_p); `batch_shapes` are those of q and p."""
    (batch_q, batch_p), size = draw(st.sampled_from(batch_shapes)), draw(st.sampled_from(sizes))
    source = draw(numbers())
    mu_q, mu_p = source.normal((*batch_q, size)), source.normal((*batch_p, size))
    return arguments(mu_q, source.scale_tril(batch_q, size), mu_p, source.scale_tril(batch_p, size))


def batches(*sizes: int) -> SearchStrategy[Arguments]:
    """Arguments with one batch dimension of one of these sizes."""
    return quadruples(batch_shapes=tuple(((size,), (size,)) for size in sizes), sizes=(5,))


check_values = question.check("value", points=7, description="Equals the closed form for every two Gaussians.")(
    matches_oracle(kl_full, quadruples())
)

BROADCAST: tuple[tuple[Shape, Shape], ...] = (((3,), ()), ((), (3,)), ((1,), (3,)), ((3,), (1,)), ((2, 1), (3,)))

question.check("value", points=1, name="broadcasts", description="Broadcasts the batch shapes of q and p.")(
    matches_oracle(kl_full, quadruples(batch_shapes=BROADCAST))
)

question.check("precision", points=1, requires=check_values)(keeps_precision(kl_full, quadruples()))


# A factor moves within the lower triangular matrices: what lies above its diagonal is not compared.
@question.check("gradient", points=4)
@given(inputs=quadruples(), source=numbers())
def check_gradients(student: Student, inputs: Arguments, source: Numbers) -> None:
    """Has the right gradient in both means and in the lower triangle of both factors."""
    weights = cotangents_like(kl_full(*inputs.args), source)
    expected = oracle_vjp(kl_full, inputs, weights)
    actual = student.kl_full.vjp(inputs.args, weights)
    for mean, factor in ((0, 1), (2, 3)):
        assert_value((actual[mean], actual[factor].tril()), (expected[mean], expected[factor].tril()))


@question.check("law", points=0.75)
@given(inputs=quadruples())
def check_vanishes_only_where_q_is_p(student: Student, inputs: Arguments) -> None:
    """Is zero where q and p are the same, and positive where they differ."""
    mu_q, scale_q, *_ = inputs.args
    zero = torch.zeros(mu_q.shape[:-1], dtype=mu_q.dtype)
    assert_value(student.kl_full(mu_q, scale_q, mu_q, scale_q), zero)
    expect(student.kl_full(mu_q, scale_q, 2 * mu_q, scale_q) > 0, "the means differ and the KL is not positive.")
    expect(student.kl_full(mu_q, scale_q, mu_q, 1.5 * scale_q) > 0, "the spreads differ and the KL is not positive.")


@question.check("law", points=1)
@given(q=diagonal_gaussians(), source=numbers())
def check_agrees_with_kl_diag(student: Student, q: Gaussian, source: Numbers) -> None:
    """Is the KL of kl.2 where both covariances are diagonal."""
    shape = tuple(q.mu.shape)
    p = Gaussian(mu=source.normal(shape), logvar=source.uniform(shape, low=-2.0, high=2.0))
    scale_q, scale_p = (torch.diag_embed(torch.exp(0.5 * logvar)) for logvar in (q.logvar, p.logvar))
    assert_value(student.kl_full(q.mu, scale_q, p.mu, scale_p), kl_diag(q.mu, q.logvar, p.mu, p.logvar))


@question.check("law", points=0.75, requires=check_vanishes_only_where_q_is_p)
@given(inputs=quadruples(sizes=(2, 5)), source=numbers())
def check_ignores_the_coordinate_system(student: Student, inputs: Arguments, source: Numbers) -> None:
    """Stays the same where one invertible map x -> A x + c is applied to both Gaussians."""
    mu_q, scale_q, mu_p, scale_p = inputs.args
    size = mu_q.shape[-1]
    change = source.orthogonal(size) * source.uniform((size,), low=0.5, high=1.6)
    move = source.normal((size,))

    def moved(mu: Tensor) -> Tensor:
        return mu @ change.mT + move

    def turned(scale: Tensor) -> Tensor:
        factor: Tensor = torch.linalg.cholesky(change @ scale @ scale.mT @ change.mT)
        return factor

    after = student.kl_full(moved(mu_q), turned(scale_q), moved(mu_p), turned(scale_p))
    assert_value(after, student.kl_full(*inputs.args))


def change_all_but_first(inputs: Arguments, source: Numbers) -> Arguments:
    """Other values for every example but the first."""
    mu_q, _, mu_p, _ = inputs.args
    batch, size = mu_q.shape
    means = [torch.cat((mu[:1], source.normal((batch - 1, size)))) for mu in (mu_q, mu_p)]
    scales = [torch.cat((scale[:1], source.scale_tril((batch - 1,), size))) for scale in inputs.args[1::2]]
    return arguments(means[0], scales[0], means[1], scales[1])


question.check("law", points=0.5, requires=check_vanishes_only_where_q_is_p)(
    ignores_other_examples(batches(2, 3), change_all_but_first)
)


@st.composite
def ill_conditioned(draw: st.DrawFn) -> Arguments:
    """Arguments whose covariances have a condition number near 1e8 while the KL is of order 1."""
    source, size = draw(numbers()), draw(st.sampled_from((2, 5)))
    rotation = source.orthogonal(size)
    variances = torch.logspace(0, -8, size, dtype=torch.float64)
    covariance = (rotation * variances) @ rotation.mT
    scale_p = torch.linalg.cholesky((covariance + covariance.mT) / 2)
    scale_q = scale_p @ source.scale_tril((), size)
    mu_p = source.normal((size,))
    return arguments(mu_p + scale_p @ source.normal((size,)), scale_q, mu_p, scale_p)


# Solving with the covariance instead of its factor is right too, and errs by up to 2.8e-8 here (measured against
# mpmath); ten times that is allowed.
question.check("stress", points=1.25, requires=check_values, name="survives_ill_conditioning")(
    matches_oracle(kl_full, ill_conditioned(), tolerance=Tolerance(rtol=3e-7, atol=1e-9))
)
# The same freedom in float32, for ordinary inputs; correct forms were measured to err by less than a tenth of this.
question.check("stress", points=0.75, requires=check_values)(
    accurate_in(torch.float32, kl_full, quadruples(sizes=(1, 2, 3)), tolerance=Tolerance(rtol=2e-4, atol=2e-4))
)

question.check("robustness", points=0.5, requires=check_values)(leaves_inputs_unchanged(quadruples()))
question.check("robustness", points=0.25, requires=check_values)(accepts_any_strides(kl_full, batches(2, 3)))
question.check("robustness", points=0.25, requires=check_values)(
    accepts_empty_batches(quadruples(batch_shapes=(((0,), (0,)), ((0, 3), (0, 3)))), kl_full)
)
question.check("behaviour", points=0.25, requires=check_values)(runs_on_other_devices(quadruples()))
question.check("behaviour", points=0.25, requires=check_values)(keeps_generators(quadruples()))
question.check("behaviour", points=0.25, requires=check_values)(does_constant_work(batches(3), batches(300)))
question.check("behaviour", points=0.25, requires=check_values)(avoids_forbidden_names(quadruples()))


@question.misconception(
    "Make p three times as wide in one dimension: by what factor does the determinant of its covariance grow?"
)
def forgets_the_factor_two_in_log_det(mu_q: Tensor, scale_tril_q: Tensor, mu_p: Tensor, scale_tril_p: Tensor) -> Tensor:
    spread = torch.linalg.solve_triangular(scale_tril_p, scale_tril_q, upper=False)
    shift = torch.linalg.solve_triangular(scale_tril_p, (mu_q - mu_p).unsqueeze(-1), upper=False)
    log_det_p = scale_tril_p.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    log_det_q = scale_tril_q.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    squares: Tensor = spread.square().sum((-2, -1)) + shift.square().sum((-2, -1))
    return 0.5 * (squares - mu_q.shape[-1] + log_det_p - log_det_q)


@question.misconception(
    "With diagonal factors you are right. With the factor [[1, 0], [1, 1]], is the first coordinate's variance 1 or 2?"
)
def transposes_the_factors(mu_q: Tensor, scale_tril_q: Tensor, mu_p: Tensor, scale_tril_p: Tensor) -> Tensor:
    spread = torch.linalg.solve_triangular(scale_tril_p.mT, scale_tril_q.mT, upper=True)
    shift = torch.linalg.solve_triangular(scale_tril_p.mT, (mu_q - mu_p).unsqueeze(-1), upper=True)
    diagonal_p, diagonal_q = (scale.diagonal(dim1=-2, dim2=-1) for scale in (scale_tril_p, scale_tril_q))
    squares: Tensor = spread.square().sum((-2, -1)) + shift.square().sum((-2, -1))
    return 0.5 * (squares - mu_q.shape[-1]) + (diagonal_p.log() - diagonal_q.log()).sum(-1)


@question.misconception("Let q shrink to a point at the mean of p: which of your terms explodes, and should it?")
def inverts_the_wrong_covariance_in_the_trace(
    mu_q: Tensor, scale_tril_q: Tensor, mu_p: Tensor, scale_tril_p: Tensor
) -> Tensor:
    spread = torch.linalg.solve_triangular(scale_tril_q, scale_tril_p, upper=False)
    shift = torch.linalg.solve_triangular(scale_tril_p, (mu_q - mu_p).unsqueeze(-1), upper=False)
    diagonal_p, diagonal_q = (scale.diagonal(dim1=-2, dim2=-1) for scale in (scale_tril_p, scale_tril_q))
    squares: Tensor = spread.square().sum((-2, -1)) + shift.square().sum((-2, -1))
    return 0.5 * (squares - mu_q.shape[-1]) + (diagonal_p.log() - diagonal_q.log()).sum(-1)


@question.misconception("A narrow q inside a wide p should cost little; yours explodes.")
def swaps_q_and_p(mu_q: Tensor, scale_tril_q: Tensor, mu_p: Tensor, scale_tril_p: Tensor) -> Tensor:
    spread = torch.linalg.solve_triangular(scale_tril_q, scale_tril_p, upper=False)
    shift = torch.linalg.solve_triangular(scale_tril_q, (mu_q - mu_p).unsqueeze(-1), upper=False)
    diagonal_p, diagonal_q = (scale.diagonal(dim1=-2, dim2=-1) for scale in (scale_tril_p, scale_tril_q))
    squares: Tensor = spread.square().sum((-2, -1)) + shift.square().sum((-2, -1))
    return 0.5 * (squares - mu_q.shape[-1]) + (diagonal_q.log() - diagonal_p.log()).sum(-1)


@question.misconception("In one dimension with scale 2, how many nats does a mean at distance 2 cost: 1/2, or 1?")
def scales_the_difference_once(mu_q: Tensor, scale_tril_q: Tensor, mu_p: Tensor, scale_tril_p: Tensor) -> Tensor:
    spread = torch.linalg.solve_triangular(scale_tril_p, scale_tril_q, upper=False)
    difference = (mu_q - mu_p).unsqueeze(-1)
    shift = torch.linalg.solve_triangular(scale_tril_p, difference, upper=False)
    diagonal_p, diagonal_q = (scale.diagonal(dim1=-2, dim2=-1) for scale in (scale_tril_p, scale_tril_q))
    squares: Tensor = spread.square().sum((-2, -1)) + (difference * shift).sum((-2, -1))
    return 0.5 * (squares - mu_q.shape[-1]) + (diagonal_p.log() - diagonal_q.log()).sum(-1)


@question.misconception("Where q and p are the same the KL should be zero; what is yours?")
def forgets_the_dimension(mu_q: Tensor, scale_tril_q: Tensor, mu_p: Tensor, scale_tril_p: Tensor) -> Tensor:
    spread = torch.linalg.solve_triangular(scale_tril_p, scale_tril_q, upper=False)
    shift = torch.linalg.solve_triangular(scale_tril_p, (mu_q - mu_p).unsqueeze(-1), upper=False)
    diagonal_p, diagonal_q = (scale.diagonal(dim1=-2, dim2=-1) for scale in (scale_tril_p, scale_tril_q))
    squares: Tensor = spread.square().sum((-2, -1)) + shift.square().sum((-2, -1))
    return 0.5 * squares + (diagonal_p.log() - diagonal_q.log()).sum(-1)


@question.misconception("Make p a little wider than q at the same mean: does your KL turn negative?")
def flips_the_log_determinants(mu_q: Tensor, scale_tril_q: Tensor, mu_p: Tensor, scale_tril_p: Tensor) -> Tensor:
    spread = torch.linalg.solve_triangular(scale_tril_p, scale_tril_q, upper=False)
    shift = torch.linalg.solve_triangular(scale_tril_p, (mu_q - mu_p).unsqueeze(-1), upper=False)
    diagonal_p, diagonal_q = (scale.diagonal(dim1=-2, dim2=-1) for scale in (scale_tril_p, scale_tril_q))
    squares: Tensor = spread.square().sum((-2, -1)) + shift.square().sum((-2, -1))
    return 0.5 * (squares - mu_q.shape[-1]) + (diagonal_q.log() - diagonal_p.log()).sum(-1)


@question.misconception("In one dimension with scales 2 for q and 1 for p, what is Sp^-1 Sq: 2, or 4?")
def traces_the_factors(mu_q: Tensor, scale_tril_q: Tensor, mu_p: Tensor, scale_tril_p: Tensor) -> Tensor:
    spread = torch.linalg.solve_triangular(scale_tril_p, scale_tril_q, upper=False)
    shift = torch.linalg.solve_triangular(scale_tril_p, (mu_q - mu_p).unsqueeze(-1), upper=False)
    diagonal_p, diagonal_q = (scale.diagonal(dim1=-2, dim2=-1) for scale in (scale_tril_p, scale_tril_q))
    squares: Tensor = spread.diagonal(dim1=-2, dim2=-1).sum(-1) + shift.square().sum((-2, -1))
    return 0.5 * (squares - mu_q.shape[-1]) + (diagonal_p.log() - diagonal_q.log()).sum(-1)


@question.misconception(
    "Two covariances with equal diagonals and different correlations: does your trace see the difference?"
)
def traces_the_diagonals_alone(mu_q: Tensor, scale_tril_q: Tensor, mu_p: Tensor, scale_tril_p: Tensor) -> Tensor:
    spread = torch.linalg.solve_triangular(scale_tril_p, scale_tril_q, upper=False)
    shift = torch.linalg.solve_triangular(scale_tril_p, (mu_q - mu_p).unsqueeze(-1), upper=False)
    diagonal_p, diagonal_q = (scale.diagonal(dim1=-2, dim2=-1) for scale in (scale_tril_p, scale_tril_q))
    squares: Tensor = spread.diagonal(dim1=-2, dim2=-1).square().sum(-1) + shift.square().sum((-2, -1))
    return 0.5 * (squares - mu_q.shape[-1]) + (diagonal_p.log() - diagonal_q.log()).sum(-1)


@question.misconception(
    "Divide both covariances by a million: the KL stays what it was. What does your small constant do then?"
)
def adds_jitter(mu_q: Tensor, scale_tril_q: Tensor, mu_p: Tensor, scale_tril_p: Tensor) -> Tensor:
    jitter = 1e-8 * torch.eye(mu_q.shape[-1], dtype=mu_q.dtype, device=mu_q.device)
    covariance_p = scale_tril_p @ scale_tril_p.mT + jitter
    covariance_q = scale_tril_q @ scale_tril_q.mT + jitter
    difference = (mu_q - mu_p).unsqueeze(-1)
    trace: Tensor = torch.linalg.solve(covariance_p, covariance_q).diagonal(dim1=-2, dim2=-1).sum(-1)
    mahalanobis: Tensor = (difference * torch.linalg.solve(covariance_p, difference)).sum((-2, -1))
    log_dets = torch.logdet(covariance_p) - torch.logdet(covariance_q)
    return 0.5 * (trace + mahalanobis - mu_q.shape[-1] + log_dets)


@question.misconception("With one example you are right; with three, all get the first example's mean term.")
def indexes_the_solution(mu_q: Tensor, scale_tril_q: Tensor, mu_p: Tensor, scale_tril_p: Tensor) -> Tensor:
    spread = torch.linalg.solve_triangular(scale_tril_p, scale_tril_q, upper=False)
    shift = torch.linalg.solve_triangular(scale_tril_p, (mu_q - mu_p).unsqueeze(-1), upper=False)[0]
    diagonal_p, diagonal_q = (scale.diagonal(dim1=-2, dim2=-1) for scale in (scale_tril_p, scale_tril_q))
    squares: Tensor = spread.square().sum((-2, -1)) + shift.square().sum()
    return 0.5 * (squares - mu_q.shape[-1]) + (diagonal_p.log() - diagonal_q.log()).sum(-1)


@question.misconception("Evaluate one example alone, then among others: why does its KL change?")
def pools_the_mean_term(mu_q: Tensor, scale_tril_q: Tensor, mu_p: Tensor, scale_tril_p: Tensor) -> Tensor:
    spread = torch.linalg.solve_triangular(scale_tril_p, scale_tril_q, upper=False)
    shift = torch.linalg.solve_triangular(scale_tril_p, (mu_q - mu_p).unsqueeze(-1), upper=False)
    diagonal_p, diagonal_q = (scale.diagonal(dim1=-2, dim2=-1) for scale in (scale_tril_p, scale_tril_q))
    squares: Tensor = spread.square().sum((-2, -1)) + shift.square().sum()
    return 0.5 * (squares - mu_q.shape[-1]) + (diagonal_p.log() - diagonal_q.log()).sum(-1)


@question.misconception(
    "Where q and p are the same the KL should be zero; what is yours, in one dimension and in five?"
)
def subtracts_one_instead_of_dim(mu_q: Tensor, scale_tril_q: Tensor, mu_p: Tensor, scale_tril_p: Tensor) -> Tensor:
    spread = torch.linalg.solve_triangular(scale_tril_p, scale_tril_q, upper=False)
    shift = torch.linalg.solve_triangular(scale_tril_p, (mu_q - mu_p).unsqueeze(-1), upper=False)
    diagonal_p, diagonal_q = (scale.diagonal(dim1=-2, dim2=-1) for scale in (scale_tril_p, scale_tril_q))
    squares: Tensor = spread.square().sum((-2, -1)) + shift.square().sum((-2, -1))
    return 0.5 * (squares - 1) + (diagonal_p.log() - diagonal_q.log()).sum(-1)


@question.misconception("In one dimension with scale 2 the variance is 4; which of the two do you divide by?")
def takes_factors_for_covariances(mu_q: Tensor, scale_tril_q: Tensor, mu_p: Tensor, scale_tril_p: Tensor) -> Tensor:
    difference = (mu_q - mu_p).unsqueeze(-1)
    trace: Tensor = torch.linalg.solve(scale_tril_p, scale_tril_q).diagonal(dim1=-2, dim2=-1).sum(-1)
    mahalanobis: Tensor = (difference * torch.linalg.solve(scale_tril_p, difference)).sum((-2, -1))
    log_dets = torch.logdet(scale_tril_p) - torch.logdet(scale_tril_q)
    return 0.5 * (trace + mahalanobis - mu_q.shape[-1] + log_dets)


@question.misconception(
    "Your values are right, but a learned covariance of p would never move: which gradients are missing?"
)
def detaches_the_covariance_of_p(mu_q: Tensor, scale_tril_q: Tensor, mu_p: Tensor, scale_tril_p: Tensor) -> Tensor:
    scale_tril_p = scale_tril_p.detach()
    spread = torch.linalg.solve_triangular(scale_tril_p, scale_tril_q, upper=False)
    shift = torch.linalg.solve_triangular(scale_tril_p, (mu_q - mu_p).unsqueeze(-1), upper=False)
    diagonal_p, diagonal_q = (scale.diagonal(dim1=-2, dim2=-1) for scale in (scale_tril_p, scale_tril_q))
    squares: Tensor = spread.square().sum((-2, -1)) + shift.square().sum((-2, -1))
    return 0.5 * (squares - mu_q.shape[-1]) + (diagonal_p.log() - diagonal_q.log()).sum(-1)


@question.misconception("One p for three examples: which of your steps needs q and p to have the same shape?")
def stacks_the_factors(mu_q: Tensor, scale_tril_q: Tensor, mu_p: Tensor, scale_tril_p: Tensor) -> Tensor:
    spread = torch.linalg.solve_triangular(scale_tril_p, scale_tril_q, upper=False)
    shift = torch.linalg.solve_triangular(scale_tril_p, (mu_q - mu_p).unsqueeze(-1), upper=False)
    log_dets = torch.stack((scale_tril_p, scale_tril_q)).diagonal(dim1=-2, dim2=-1).log().sum(-1)
    squares: Tensor = spread.square().sum((-2, -1)) + shift.square().sum((-2, -1))
    return 0.5 * (squares - mu_q.shape[-1]) + log_dets[0] - log_dets[1]


@question.misconception("Which dtype went in, and which came out? A model in float32 cannot add the two.")
def returns_double(mu_q: Tensor, scale_tril_q: Tensor, mu_p: Tensor, scale_tril_p: Tensor) -> Tensor:
    scale_q, scale_p = scale_tril_q.double(), scale_tril_p.double()
    spread = torch.linalg.solve_triangular(scale_p, scale_q, upper=False)
    shift = torch.linalg.solve_triangular(scale_p, (mu_q.double() - mu_p.double()).unsqueeze(-1), upper=False)
    diagonal_p, diagonal_q = (scale.diagonal(dim1=-2, dim2=-1) for scale in (scale_p, scale_q))
    squares: Tensor = spread.square().sum((-2, -1)) + shift.square().sum((-2, -1))
    return 0.5 * (squares - mu_q.shape[-1]) + (diagonal_p.log() - diagonal_q.log()).sum(-1)


@question.alternative
def solves_with_the_covariance(mu_q: Tensor, scale_tril_q: Tensor, mu_p: Tensor, scale_tril_p: Tensor) -> Tensor:
    covariance_q, covariance_p = scale_tril_q @ scale_tril_q.mT, scale_tril_p @ scale_tril_p.mT
    difference = (mu_q - mu_p).unsqueeze(-1)
    trace: Tensor = torch.linalg.solve(covariance_p, covariance_q).diagonal(dim1=-2, dim2=-1).sum(-1)
    mahalanobis: Tensor = (difference.mT @ torch.linalg.solve(covariance_p, difference)).squeeze(-1).squeeze(-1)
    log_dets = torch.logdet(covariance_p) - torch.logdet(covariance_q)
    return 0.5 * (trace + mahalanobis - mu_q.shape[-1] + log_dets)


@question.alternative
def uses_cholesky_solve(mu_q: Tensor, scale_tril_q: Tensor, mu_p: Tensor, scale_tril_p: Tensor) -> Tensor:
    difference = (mu_q - mu_p)[..., None]
    trace: Tensor = torch.einsum("...ii->...", torch.cholesky_solve(scale_tril_q @ scale_tril_q.mT, scale_tril_p))
    mahalanobis: Tensor = (difference * torch.cholesky_solve(difference, scale_tril_p)).sum(dim=(-1, -2))
    log_det_q = 2 * torch.log(torch.diagonal(scale_tril_q, dim1=-2, dim2=-1)).sum(-1)
    log_det_p = 2 * torch.log(torch.diagonal(scale_tril_p, dim1=-2, dim2=-1)).sum(-1)
    return (trace + mahalanobis - mu_q.size(-1) + log_det_p - log_det_q) / 2


@question.alternative
def solves_once_for_everything(mu_q: Tensor, scale_tril_q: Tensor, mu_p: Tensor, scale_tril_p: Tensor) -> Tensor:
    difference = (mu_q - mu_p).unsqueeze(-1)
    # Adding zeros of the other's shape broadcasts the batch dimensions.
    factor, column = scale_tril_q + 0 * difference, difference + 0 * scale_tril_q[..., :1]
    columns = torch.cat((factor, column), dim=-1)
    solved: Tensor = torch.linalg.solve_triangular(scale_tril_p, columns, upper=False)
    log_det = torch.slogdet(scale_tril_p).logabsdet - torch.slogdet(scale_tril_q).logabsdet
    return 0.5 * (solved.pow(2).flatten(-2).sum(-1) - mu_q.shape[-1]) + log_det
