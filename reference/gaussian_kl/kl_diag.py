"""kl.2: the KL between two diagonal Gaussians (Kingma & Welling 2014, Appendix B, for any prior).

KL(q || p) = 1/2 sum_d (log s_p^2 - log s_q^2 + s_q^2 / s_p^2 + (mu_q - mu_p)^2 / s_p^2 - 1)
"""

from __future__ import annotations

import hypothesis.strategies as st
import torch
from hypothesis import given
from hypothesis.strategies import SearchStrategy
from torch import Tensor

from grader.compare import ROUNDED, Tolerance, assert_value, expect
from grader.question import Question
from grader.remote import Student
from grader.standard import (
    Arguments,
    accepts_any_strides,
    accepts_empty_batches,
    accurate_in,
    arguments,
    avoids_forbidden_names,
    does_constant_work,
    gradients_match,
    ignores_other_examples,
    keeps_generators,
    keeps_precision,
    leaves_inputs_unchanged,
    matches_oracle,
    runs_on_other_devices,
)
from grader.strategies import BATCH_SHAPES, EVENT_SIZES, Gaussian, Numbers, Shape, diagonal_gaussians, numbers
from reference.gaussian_kl.kl_standard import kl_standard

question = Question(
    id="kl.2",
    functions=["kl_diag"],
    title="KL between two diagonal Gaussians",
    forbidden=["torch.distributions", "torch.nn.functional.kl_div"],
)


@question.oracle
def kl_diag(mu_q: Tensor, logvar_q: Tensor, mu_p: Tensor, logvar_p: Tensor) -> Tensor:
    """KL in nats; the arguments are [*batch, latent] with batch shapes that broadcast, the result is [*batch]."""
    # Differences of logarithms before exp, and scaling before squaring, so that nothing overflows on the way.
    log_ratio = logvar_q - logvar_p
    shift = (mu_q - mu_p) * torch.exp(-0.5 * logvar_p)
    return 0.5 * (shift.square() + torch.expm1(log_ratio) - log_ratio).sum(-1)


Shapes = tuple[Shape, Shape, Shape, Shape]

BROADCAST: tuple[Shapes, ...] = (
    ((3,), (3,), (), ()),
    ((), (), (3,), (3,)),
    ((3,), (), (3,), ()),
    ((1,), (1,), (3,), (3,)),
    ((2, 1), (2, 1), (3,), (3,)),
    ((3,), (1,), (2, 1), (2, 3)),
)
"""Batch shapes of the four arguments that broadcast."""


@st.composite
def quadruples(
    draw: st.DrawFn,
    *,
    batch_shapes: tuple[Shapes, ...] = tuple((shape,) * 4 for shape in BATCH_SHAPES),
    event_sizes: tuple[int, ...] = EVENT_SIZES,
) -> Arguments:
    """Arguments (mu_q, logvar_q, mu_p, logvar_p)."""
    shapes, latent, source = draw(st.sampled_from(batch_shapes)), draw(st.sampled_from(event_sizes)), draw(numbers())
    mu_q, logvar_q, mu_p, logvar_p = ((*shape, latent) for shape in shapes)
    return arguments(
        source.normal(mu_q, scale=1.5),
        source.uniform(logvar_q, low=-2.0, high=2.0),
        source.normal(mu_p, scale=1.5),
        source.uniform(logvar_p, low=-2.0, high=2.0),
    )


def batches(*sizes: int) -> SearchStrategy[Arguments]:
    """Arguments with one batch dimension of one of these sizes."""
    return quadruples(batch_shapes=tuple(((size,),) * 4 for size in sizes), event_sizes=(5,))


check_values = question.check("value", points=5, description="Equals the closed form for every two Gaussians.")(
    matches_oracle(kl_diag, quadruples())
)

question.check("value", points=1, name="broadcasts", description="Broadcasts the batch shapes of q and p.")(
    matches_oracle(kl_diag, quadruples(batch_shapes=BROADCAST))
)

question.check("precision", points=0.75, requires=check_values)(keeps_precision(kl_diag, quadruples()))

question.check("gradient", points=3)(gradients_match(kl_diag, quadruples()))


@question.check("law", points=0.5)
@given(q=diagonal_gaussians(), source=numbers())
def check_vanishes_only_where_q_is_p(student: Student, q: Gaussian, source: Numbers) -> None:
    """Is zero where q and p are the same, and positive where they differ."""
    zero = torch.zeros(q.mu.shape[:-1], dtype=q.mu.dtype)
    assert_value(student.kl_diag(q.mu, q.logvar, q.mu, q.logvar), zero)
    other = source.normal(tuple(q.mu.shape))
    expect(student.kl_diag(q.mu, q.logvar, q.mu + other, q.logvar) > 0, "two means differ and the KL is not positive.")
    expect(
        student.kl_diag(q.mu, q.logvar, q.mu, q.logvar + other) > 0, "two spreads differ and the KL is not positive."
    )


@question.check("law", points=0.5)
@given(narrow=diagonal_gaussians(min_logvar=-4.0, max_logvar=-3.0), source=numbers())
def check_charges_a_wide_q_more_than_a_narrow_one(student: Student, narrow: Gaussian, source: Numbers) -> None:
    """Costs less with a narrow q inside a wide p than with the two exchanged."""
    wide_mu, wide_logvar = source.normal(tuple(narrow.mu.shape)), narrow.logvar + 4
    inside = student.kl_diag(narrow.mu, narrow.logvar, wide_mu, wide_logvar)
    outside = student.kl_diag(wide_mu, wide_logvar, narrow.mu, narrow.logvar)
    expect(inside < outside, "a narrow q inside a wide p costs as much as, or more than, a wide q around a narrow p.")


@question.check("law", points=0.25)
@given(q=diagonal_gaussians())
def check_agrees_with_kl_standard(student: Student, q: Gaussian) -> None:
    """Is the KL of kl.1 where p is N(0, I)."""
    prior = torch.zeros_like(q.mu)
    assert_value(student.kl_diag(q.mu, q.logvar, prior, prior), kl_standard(q.mu, q.logvar))


@question.check("law", points=0.5, requires=check_vanishes_only_where_q_is_p)
@given(inputs=quadruples(), source=numbers())
def check_ignores_units_and_origin(student: Student, inputs: Arguments, source: Numbers) -> None:
    """Stays the same where both Gaussians are stretched and moved alike: x -> a x + c."""
    mu_q, logvar_q, mu_p, logvar_p = inputs.args
    before = student.kl_diag(*inputs.args)
    stretch = source.uniform(tuple(mu_q.shape[-1:]), low=1.2, high=2.7)
    move, wider = source.normal(tuple(mu_q.shape[-1:])), 2 * stretch.log()
    after = student.kl_diag(stretch * mu_q + move, logvar_q + wider, stretch * mu_p + move, logvar_p + wider)
    assert_value(after, before)


# Zeros add up too, so the sum must be positive.
@question.check("law", points=0.25)
@given(inputs=quadruples(event_sizes=(2, 5, 7)))
def check_adds_over_latents(student: Student, inputs: Arguments) -> None:
    """The KL of independent dimensions is the sum of their KLs, and positive."""
    first = student.kl_diag(*inputs.map(lambda t: t[..., :1]).args)
    rest = student.kl_diag(*inputs.map(lambda t: t[..., 1:]).args)
    both = student.kl_diag(*inputs.args)
    expect(both > 0, "the KL of two different Gaussians is not positive.")
    assert_value(both, first + rest)


def change_all_but_first(inputs: Arguments, source: Numbers) -> Arguments:
    """Other values for every example but the first."""
    return inputs.map(lambda t: torch.cat((t[:1], source.normal(tuple(t[1:].shape)))))


question.check("law", points=0.25, requires=check_adds_over_latents)(
    ignores_other_examples(batches(2, 3), change_all_but_first)
)


# exp(logvar) leaves the range of the dtype: float32 ends near exp(88), float64 near exp(709).
LIMITS = {torch.float32: 95.0, torch.float64: 720.0}


def assert_right_far_out(student: Student, dtype: torch.dtype, logvar: float, shift: float) -> None:
    """Both log-variances are near `logvar`; the means differ by `shift` in the first latent only."""
    mu_q, mu_p = torch.tensor([0.3 + shift, -0.7], dtype=dtype), torch.tensor([0.3, -0.7], dtype=dtype)
    logvar_q, logvar_p = (torch.tensor(far, dtype=dtype) + logvar for far in ([0.5, -1.0], [-0.5, 1.5]))
    exact = kl_diag(*(t.to(torch.float64) for t in (mu_q, logvar_q, mu_p, logvar_p)))
    assert_value(student.kl_diag(mu_q, logvar_q, mu_p, logvar_p), exact.to(dtype), tolerance=ROUNDED[torch.float32])


@question.check("stress", points=0.5, requires=check_values)
@given(dtype=st.sampled_from(tuple(LIMITS)))
def check_compares_huge_variances(student: Student, dtype: torch.dtype) -> None:
    """Is right where both variances are too large for the dtype and only their ratio is not."""
    assert_right_far_out(student, dtype, LIMITS[dtype], shift=2.0)


# Equal means: with any other the true KL is beyond float32.
@question.check("stress", points=0.25, requires=check_values)
@given(dtype=st.sampled_from(tuple(LIMITS)))
def check_compares_tiny_variances(student: Student, dtype: torch.dtype) -> None:
    """Is right where both variances are too small for the dtype and the means agree."""
    assert_right_far_out(student, dtype, -LIMITS[dtype], shift=0.0)


question.check("stress", points=0.25, requires=check_values)(accurate_in(torch.float32, kl_diag, quadruples()))

# Sums of terms that nearly cancel: correct forms were measured to err up to half of this.
question.check("stress", points=0.25, requires=check_values)(
    accurate_in(torch.bfloat16, kl_diag, quadruples(), tolerance=Tolerance(rtol=3e-2, atol=8e-2))
)

question.check("robustness", points=0.25, requires=check_values)(leaves_inputs_unchanged(quadruples()))
question.check("robustness", points=0.25, requires=check_values)(accepts_any_strides(kl_diag, batches(2, 3)))
question.check("robustness", points=0.25, requires=check_values)(
    accepts_empty_batches(quadruples(batch_shapes=(((0,),) * 4, ((0, 3),) * 4, ((0,), (0,), (), ()))), kl_diag)
)
question.check("behaviour", points=0.25, requires=check_values)(runs_on_other_devices(quadruples()))
question.check("behaviour", points=0.25, requires=check_values)(keeps_generators(quadruples()))
question.check("behaviour", points=0.25, requires=check_values)(does_constant_work(batches(3), batches(300)))
question.check("behaviour", points=0.25, requires=check_values)(avoids_forbidden_names(quadruples()))


@question.misconception("A narrow q inside a wide p should cost little; yours explodes.")
def swaps_q_and_p(mu_q: Tensor, logvar_q: Tensor, mu_p: Tensor, logvar_p: Tensor) -> Tensor:
    log_ratio = logvar_p - logvar_q
    return 0.5 * ((mu_q - mu_p).square() * torch.exp(-logvar_q) + torch.exp(log_ratio) - 1 - log_ratio).sum(-1)


@question.misconception("Both variances are e^95, so their ratio is 1. What does float32 make of e^95 / e^95?")
def divides_two_exponentials(mu_q: Tensor, logvar_q: Tensor, mu_p: Tensor, logvar_p: Tensor) -> Tensor:
    var_ratio = torch.exp(logvar_q) / torch.exp(logvar_p)
    shift = (mu_q - mu_p) * torch.exp(-0.5 * logvar_p)
    return 0.5 * (shift.square() + var_ratio - 1 + logvar_p - logvar_q).sum(-1)


@question.misconception(
    "Two Gaussians at the same place, both with logvar = -95: their means differ by 0. What do you multiply 0 by?"
)
def squares_before_scaling(mu_q: Tensor, logvar_q: Tensor, mu_p: Tensor, logvar_p: Tensor) -> Tensor:
    log_ratio = logvar_q - logvar_p
    scaled = (mu_q - mu_p).square() * torch.exp(-logvar_p)
    return 0.5 * (scaled + torch.exp(log_ratio) - 1 - log_ratio).sum(-1)


@question.misconception("Make p a little wider than q at the same mean: does your KL turn negative?")
def flips_the_log_ratio(mu_q: Tensor, logvar_q: Tensor, mu_p: Tensor, logvar_p: Tensor) -> Tensor:
    log_ratio = logvar_q - logvar_p
    return 0.5 * ((mu_q - mu_p).square() * torch.exp(-logvar_p) + torch.exp(log_ratio) - 1 + log_ratio).sum(-1)


@question.misconception("Make q a little wider than p at the same mean: does your KL turn negative?")
def counts_the_log_ratio_twice(mu_q: Tensor, logvar_q: Tensor, mu_p: Tensor, logvar_p: Tensor) -> Tensor:
    log_ratio = logvar_q - logvar_p
    squares = torch.exp(log_ratio) + (mu_q - mu_p).square() * torch.exp(-logvar_p)
    return (0.5 * squares - 0.5 - log_ratio).sum(-1)


@question.misconception("Exchange the two means and keep the spreads: should the KL change?")
def forgets_to_square_the_difference(mu_q: Tensor, logvar_q: Tensor, mu_p: Tensor, logvar_p: Tensor) -> Tensor:
    log_ratio = logvar_q - logvar_p
    return 0.5 * ((mu_q - mu_p) * torch.exp(-0.5 * logvar_p) + torch.exp(log_ratio) - 1 - log_ratio).sum(-1)


@question.misconception("Let q shrink to a point, one unit from the mean of p: whose spread says how far one unit is?")
def divides_by_the_variance_of_q(mu_q: Tensor, logvar_q: Tensor, mu_p: Tensor, logvar_p: Tensor) -> Tensor:
    log_ratio = logvar_q - logvar_p
    return 0.5 * ((mu_q - mu_p).square() * torch.exp(-logvar_q) + torch.exp(log_ratio) - 1 - log_ratio).sum(-1)


@question.misconception("Measure both Gaussians in millimetres instead of metres: should the KL change?")
def forgets_to_divide_the_difference(mu_q: Tensor, logvar_q: Tensor, mu_p: Tensor, logvar_p: Tensor) -> Tensor:
    log_ratio = logvar_q - logvar_p
    return 0.5 * ((mu_q - mu_p).square() + torch.exp(log_ratio) - 1 - log_ratio).sum(-1)


@question.misconception("Measure both Gaussians in millimetres instead of metres: should the KL change?")
def divides_by_the_variance_of_p_before_squaring(
    mu_q: Tensor, logvar_q: Tensor, mu_p: Tensor, logvar_p: Tensor
) -> Tensor:
    log_ratio = logvar_q - logvar_p
    scaled = (mu_q - mu_p) * torch.exp(-logvar_p)
    return 0.5 * (scaled.square() + torch.exp(log_ratio) - 1 - log_ratio).sum(-1)


@question.misconception("At one mean, let q shrink to a tenth of p, and then grow to ten times p: which costs more?")
def turns_the_ratio_of_variances_over(mu_q: Tensor, logvar_q: Tensor, mu_p: Tensor, logvar_p: Tensor) -> Tensor:
    log_ratio = logvar_p - logvar_q
    scaled = (mu_q - mu_p) * torch.exp(-0.5 * logvar_p)
    return 0.5 * (scaled.square() + torch.exp(log_ratio) - 1 - log_ratio).sum(-1)


@question.misconception("Measure both Gaussians in millimetres instead of metres: should the KL change?")
def divides_by_the_std_of_p(mu_q: Tensor, logvar_q: Tensor, mu_p: Tensor, logvar_p: Tensor) -> Tensor:
    log_ratio = logvar_q - logvar_p
    return 0.5 * ((mu_q - mu_p).square() * torch.exp(-0.5 * logvar_p) + torch.exp(log_ratio) - 1 - log_ratio).sum(-1)


@question.misconception("For q = N(1, 1) and p = N(0, 4) the answer is 0.443; yours belongs to other spreads.")
def treats_logvar_as_log_std(mu_q: Tensor, logvar_q: Tensor, mu_p: Tensor, logvar_p: Tensor) -> Tensor:
    log_ratio = 2 * (logvar_q - logvar_p)
    return 0.5 * ((mu_q - mu_p).square() * torch.exp(-2 * logvar_p) + torch.exp(log_ratio) - 1 - log_ratio).sum(-1)


@question.misconception("Where q and p are the same the KL should be zero; what is yours?")
def forgets_the_minus_one(mu_q: Tensor, logvar_q: Tensor, mu_p: Tensor, logvar_p: Tensor) -> Tensor:
    log_ratio = logvar_q - logvar_p
    return 0.5 * ((mu_q - mu_p).square() * torch.exp(-logvar_p) + torch.exp(log_ratio) - log_ratio).sum(-1)


@question.misconception("q = N(1, 1) against p = N(0, 1): by how many nats do they differ, and by how many for you?")
def forgets_the_half(mu_q: Tensor, logvar_q: Tensor, mu_p: Tensor, logvar_p: Tensor) -> Tensor:
    log_ratio = logvar_q - logvar_p
    return ((mu_q - mu_p).square() * torch.exp(-logvar_p) + torch.exp(log_ratio) - 1 - log_ratio).sum(-1)


@question.misconception("Adding a latent in which q and p agree should change nothing; yours shrinks the total.")
def averages_over_latents(mu_q: Tensor, logvar_q: Tensor, mu_p: Tensor, logvar_p: Tensor) -> Tensor:
    log_ratio = logvar_q - logvar_p
    return 0.5 * ((mu_q - mu_p).square() * torch.exp(-logvar_p) + torch.exp(log_ratio) - 1 - log_ratio).mean(-1)


@question.misconception("Three examples need three KLs; which dimensions does your sum run over?")
def sums_over_batch(mu_q: Tensor, logvar_q: Tensor, mu_p: Tensor, logvar_p: Tensor) -> Tensor:
    log_ratio = logvar_q - logvar_p
    return 0.5 * ((mu_q - mu_p).square() * torch.exp(-logvar_p) + torch.exp(log_ratio) - 1 - log_ratio).sum()


@question.misconception("Evaluate one example alone, then among others: why does its KL change?")
def pools_the_prior_over_the_batch(mu_q: Tensor, logvar_q: Tensor, mu_p: Tensor, logvar_p: Tensor) -> Tensor:
    mu_p = mu_p.reshape(-1, mu_p.shape[-1]).mean(0)
    log_ratio = logvar_q - logvar_p
    return 0.5 * ((mu_q - mu_p).square() * torch.exp(-logvar_p) + torch.exp(log_ratio) - 1 - log_ratio).sum(-1)


@question.misconception("One prior for three examples: which of your steps needs q and p to have the same shape?")
def stacks_q_and_p(mu_q: Tensor, logvar_q: Tensor, mu_p: Tensor, logvar_p: Tensor) -> Tensor:
    mu, logvar = torch.stack((mu_q, mu_p)), torch.stack((logvar_q, logvar_p))
    log_ratio = logvar[0] - logvar[1]
    shift = (mu[0] - mu[1]) * torch.exp(-0.5 * logvar[1])
    return 0.5 * (shift.square() + torch.exp(log_ratio) - 1 - log_ratio).sum(-1)


@question.misconception("Your values are right, but a learned prior would never move: which gradients are missing?")
def detaches_the_prior(mu_q: Tensor, logvar_q: Tensor, mu_p: Tensor, logvar_p: Tensor) -> Tensor:
    log_ratio = logvar_q - logvar_p.detach()
    shift = (mu_q - mu_p.detach()) * torch.exp(-0.5 * logvar_p.detach())
    return 0.5 * (shift.square() + torch.exp(log_ratio) - 1 - log_ratio).sum(-1)


@question.misconception("Which dtype went in, and which came out? A model in float32 cannot add the two.")
def returns_double(mu_q: Tensor, logvar_q: Tensor, mu_p: Tensor, logvar_p: Tensor) -> Tensor:
    log_ratio = logvar_q.double() - logvar_p.double()
    shift = (mu_q.double() - mu_p.double()) * torch.exp(-0.5 * logvar_p.double())
    return 0.5 * (shift.square() + torch.exp(log_ratio) - 1 - log_ratio).sum(-1)


@question.alternative
def divides_by_the_std_before_squaring(mu_q: Tensor, logvar_q: Tensor, mu_p: Tensor, logvar_p: Tensor) -> Tensor:
    distance = ((mu_q - mu_p) / torch.exp(logvar_p / 2)) ** 2
    return torch.sum(logvar_p - logvar_q + torch.exp(logvar_q - logvar_p) + distance - 1, dim=-1) / 2


@question.alternative
def maps_p_to_the_standard_normal(mu_q: Tensor, logvar_q: Tensor, mu_p: Tensor, logvar_p: Tensor) -> Tensor:
    kl: Tensor = kl_standard((mu_q - mu_p) * torch.exp(-0.5 * logvar_p), logvar_q - logvar_p)
    return kl


@question.alternative
def sums_each_term(mu_q: Tensor, logvar_q: Tensor, mu_p: Tensor, logvar_p: Tensor) -> Tensor:
    scaled = (mu_q - mu_p) * logvar_p.mul(-0.5).exp()
    spread = ((logvar_q - logvar_p) / 2).exp()
    squares: Tensor = scaled.norm(dim=-1).pow(2) + torch.einsum("...l,...l->...", spread, spread)
    return 0.5 * (logvar_p.sum(-1) - logvar_q.sum(-1) + squares - mu_q.size(-1))
