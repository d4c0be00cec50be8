"""kl.1: the KL term of the ELBO (Kingma & Welling 2014, Appendix B).

KL(q || p) = 1/2 sum_d (mu_d^2 + sigma_d^2 - 1 - log sigma_d^2),  q = N(mu, diag sigma^2),  p = N(0, I)
"""

from __future__ import annotations

import math

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
    oracle_vjp,
    runs_on_other_devices,
    second_gradients_match,
)
from grader.strategies import Gaussian, Numbers, Shape, diagonal_gaussians

question = Question(
    id="kl.1",
    functions=["kl_standard"],
    title="KL from a diagonal Gaussian to N(0, I)",
    forbidden=["torch.distributions", "torch.nn.functional.kl_div"],
)


@question.oracle
def kl_standard(mu: Tensor, logvar: Tensor) -> Tensor:
    """KL in nats; mu and logvar are [*batch, latent], the result is [*batch]."""
    # expm1(x) - x keeps the x^2/2 that exp(x) - 1 - x loses to rounding near x = 0.
    return 0.5 * (mu.square() + torch.expm1(logvar) - logvar).sum(-1)


def pairs(
    *,
    batch_shapes: tuple[Shape, ...] = ((), (1,), (3,), (2, 3)),
    event_sizes: tuple[int, ...] = (1, 2, 5, 7),
) -> SearchStrategy[Arguments]:
    """Arguments (mu, logvar)."""
    gaussians = diagonal_gaussians(batch_shapes=batch_shapes, event_sizes=event_sizes)
    return gaussians.map(lambda q: arguments(q.mu, q.logvar))


check_values = question.check("value", points=8, description="Equals the closed form for every mean and variance.")(
    matches_oracle(kl_standard, pairs())
)

question.check("precision", points=1, requires=check_values)(keeps_precision(kl_standard, pairs()))

question.check("gradient", points=2.5, description="dKL/dmu = mu and dKL/dlogvar = (sigma^2 - 1) / 2.")(
    gradients_match(kl_standard, pairs())
)

question.check("gradient", points=1.5, requires=check_values)(second_gradients_match(kl_standard, pairs()))


def both_ways(q: Gaussian) -> tuple[Tensor, Tensor]:
    """q, and q with both parameters turned round: of a sum of inputs, only one is positive by luck."""
    return torch.stack((q.mu, -q.mu)), torch.stack((q.logvar, -q.logvar))


@question.check("law", points=1)
@given(q=diagonal_gaussians())
def check_vanishes_only_at_the_prior(student: Student, q: Gaussian) -> None:
    """Is zero where q is the prior, and positive everywhere else."""
    prior = torch.zeros_like(q.mu)
    assert_value(student.kl_standard(prior, prior), torch.zeros(q.mu.shape[:-1], dtype=q.mu.dtype))
    expect(student.kl_standard(*both_ways(q)) > 0, "a KL that should be positive is not.")


@question.check("law", points=0.5)
@given(q=diagonal_gaussians())
def check_grows_with_the_distance_of_the_mean(student: Student, q: Gaussian) -> None:
    """Moving the mean away from zero raises the KL, as much in one direction as in the other."""
    here = student.kl_standard(q.mu, q.logvar)
    assert_value(student.kl_standard(-q.mu, q.logvar), here)
    expect(student.kl_standard(2 * q.mu, q.logvar) > here, "twice the mean does not give a larger KL.")


# Zeros add up too, so the parts must be positive.
@question.check("law", points=0.75)
@given(q=diagonal_gaussians(event_sizes=(2, 5, 7)))
def check_adds_over_latents(student: Student, q: Gaussian) -> None:
    """The KL of independent dimensions is the sum of their KLs, each positive."""
    mu, logvar = both_ways(q)
    first = student.kl_standard(mu[..., :1], logvar[..., :1])
    rest = student.kl_standard(mu[..., 1:], logvar[..., 1:])
    expect(first > 0, "the KL of one dimension is not positive.")
    assert_value(student.kl_standard(mu, logvar), first + rest)


def change_all_but_first(inputs: Arguments, source: Numbers) -> Arguments:
    """Other values for every example but the first."""
    return inputs.map(lambda t: torch.cat((t[:1], source.normal(tuple(t[1:].shape)))))


question.check("law", points=0.75, requires=check_adds_over_latents)(
    ignores_other_examples(pairs(batch_shapes=((2,), (3,))), change_all_but_first)
)


# float16 cannot hold exp(80), and float32 holds exp(-200) as zero, which is exact enough.
@question.check("stress", points=1, requires=check_values)
@given(logvar=st.sampled_from((-200.0, -110.0, 80.0)))
def check_handles_extreme_variances(student: Student, logvar: float) -> None:
    """Is right, values and gradients, for variances from exp(-200) to exp(80)."""
    weight, tolerance = torch.ones((), dtype=torch.float64), ROUNDED[torch.float32]
    for dtype in (torch.float64, torch.float32):
        inputs = arguments(torch.tensor([0.3, -0.7], dtype=dtype), torch.tensor([logvar, 0.5], dtype=dtype))
        exact = inputs.to(torch.float64)
        assert_value(student.kl_standard(*inputs.args), kl_standard(*exact.args).to(dtype), tolerance=tolerance)
        gradients = tuple(gradient.to(dtype) for gradient in oracle_vjp(kl_standard, exact, weight))
        assert_value(student.kl_standard.vjp(inputs.args, weight), gradients, tolerance=tolerance)


question.check("stress", points=0.5, requires=check_values)(accurate_in(torch.float32, kl_standard, pairs()))
question.check("stress", points=0.25, requires=check_values)(accurate_in(torch.float16, kl_standard, pairs()))
# Terms of size 8 that nearly cancel: correct forms were measured to err up to 0.7 of the usual tolerance.
question.check("stress", points=0.25, requires=check_values)(
    accurate_in(torch.bfloat16, kl_standard, pairs(), tolerance=Tolerance(rtol=2e-2, atol=5e-2))
)

question.check("robustness", points=0.5, requires=check_values)(leaves_inputs_unchanged(pairs()))
question.check("robustness", points=0.25, requires=check_values)(
    accepts_any_strides(kl_standard, pairs(batch_shapes=((3,), (2, 3)), event_sizes=(2, 5)))
)
question.check("robustness", points=0.25, requires=check_values)(
    accepts_empty_batches(pairs(batch_shapes=((0,), (0, 3))), kl_standard)
)
question.check("behaviour", points=0.25, requires=check_values)(runs_on_other_devices(pairs()))
question.check("behaviour", points=0.25, requires=check_values)(keeps_generators(pairs()))
question.check("behaviour", points=0.25, requires=check_values)(
    does_constant_work(pairs(batch_shapes=((3,),), event_sizes=(5,)), pairs(batch_shapes=((300,),), event_sizes=(5,)))
)
question.check("behaviour", points=0.25, requires=check_values)(avoids_forbidden_names(pairs()))

SPREAD = "At mu = 0, logvar = log 4 the answer is 0.807; yours belongs to a different spread."


@question.misconception(SPREAD)
def treats_logvar_as_log_std(mu: Tensor, logvar: Tensor) -> Tensor:
    return 0.5 * (mu.square() + torch.exp(2 * logvar) - 1 - 2 * logvar).sum(-1)


@question.misconception(SPREAD)
def treats_logvar_as_variance(mu: Tensor, logvar: Tensor) -> Tensor:
    return 0.5 * (mu.square() + logvar - 1 - torch.log(logvar)).sum(-1)


@question.misconception(SPREAD)
def treats_logvar_as_std(mu: Tensor, logvar: Tensor) -> Tensor:
    return 0.5 * (mu.square() + logvar.square() - 1 - torch.log(logvar.square())).sum(-1)


@question.misconception(SPREAD)
def takes_the_square_of_the_variance(mu: Tensor, logvar: Tensor) -> Tensor:
    std = torch.exp(logvar)
    return 0.5 * (mu.square() + std.square() - 1 - logvar).sum(-1)


@question.misconception("Move the mean of one latent from 0 to 1 at logvar = 0: by how many nats should the KL rise?")
def forgets_the_half(mu: Tensor, logvar: Tensor) -> Tensor:
    return (mu.square() + torch.exp(logvar) - 1 - logvar).sum(-1)


@question.misconception("Adding a latent dimension at the prior should change nothing; yours shrinks the total.")
def averages_over_latents(mu: Tensor, logvar: Tensor) -> Tensor:
    return 0.5 * (mu.square() + torch.exp(logvar) - 1 - logvar).mean(-1)


@question.misconception("Three examples need three KLs; which dimensions does your sum run over?")
def sums_over_batch(mu: Tensor, logvar: Tensor) -> Tensor:
    return 0.5 * torch.sum(mu.square() + torch.exp(logvar) - 1 - logvar)


@question.misconception("Every example of your batch gets the same KL; which of them does it belong to?")
def averages_over_batch(mu: Tensor, logvar: Tensor) -> Tensor:
    terms = 0.5 * (mu.square() + torch.exp(logvar) - 1 - logvar).sum(-1)
    return terms.mean().expand(terms.shape)


@question.misconception("Can a KL be negative? Try mu = 1, logvar = 0.")
def returns_negative_kl(mu: Tensor, logvar: Tensor) -> Tensor:
    return 0.5 * (1 + logvar - mu.square() - torch.exp(logvar)).sum(-1)


@question.misconception("An input of shape (2, 3, 5) should give shape (2, 3); which dimension do you sum over?")
def sums_over_dim_one(mu: Tensor, logvar: Tensor) -> Tensor:
    return 0.5 * (mu.square() + torch.exp(logvar) - 1 - logvar).sum(dim=1)


@question.misconception("logvar = -110 is fine mathematically, but you return inf. What is log(exp(x))?")
def takes_log_of_exp(mu: Tensor, logvar: Tensor) -> Tensor:
    var = torch.exp(logvar)
    return 0.5 * (mu.square() + var - 1 - torch.log(var)).sum(-1)


@question.misconception("Check logvar = -4: should a very narrow q be infinitely bad, or about 1.5 nats per dimension?")
def swaps_the_arguments(mu: Tensor, logvar: Tensor) -> Tensor:
    return 0.5 * ((1 + mu.square()) * torch.exp(-logvar) - 1 + logvar).sum(-1)


@question.misconception("The KL at the prior, mu = 0 and logvar = 0, should be zero; what is yours?")
def forgets_the_minus_one(mu: Tensor, logvar: Tensor) -> Tensor:
    return 0.5 * (mu.square() + torch.exp(logvar) - logvar).sum(-1)


@question.misconception("A mean of -1 is as far from the prior as a mean of 1; does your KL agree?")
def forgets_to_square_the_mean(mu: Tensor, logvar: Tensor) -> Tensor:
    return 0.5 * (mu + torch.exp(logvar) - 1 - logvar).sum(-1)


@question.misconception(
    "You add a small number inside a logarithm. Which input does it guard against, and what does it cost the others?"
)
def adds_eps_inside_log(mu: Tensor, logvar: Tensor) -> Tensor:
    var = torch.exp(logvar)
    return 0.5 * (mu.square() + var - 1 - torch.log(var + 1e-8)).sum(-1)


@question.misconception(
    "At logvar = -200 your value is right and your gradient is nan. How steep is a square root at zero?"
)
def squares_a_square_root(mu: Tensor, logvar: Tensor) -> Tensor:
    std = torch.sqrt(torch.exp(logvar))
    return 0.5 * (mu.square() + std.square() - 1 - logvar).sum(-1)


@question.misconception("Print logvar before and after the call: what does the underscore in exp_() do?")
def exponentiates_in_place(mu: Tensor, logvar: Tensor) -> Tensor:
    rest = mu.square() - 1 - logvar
    return 0.5 * (rest + logvar.exp_()).sum(-1)


@question.misconception(
    "Your values are right, but train q with them and its variance never settles. Which gradient is missing?"
)
def detaches_the_variance(mu: Tensor, logvar: Tensor) -> Tensor:
    return 0.5 * (mu.square() + torch.exp(logvar.detach()) - 1 - logvar).sum(-1)


@question.misconception("Put one example in a batch alone, then among others: why does its KL change?")
def uses_the_spread_of_the_batch(mu: Tensor, logvar: Tensor) -> Tensor:
    others = mu.reshape(-1, mu.shape[-1])
    var = torch.exp(logvar) + (mu - others.mean(0)).square()
    return 0.5 * (mu.square() + var - 1 - logvar).sum(-1)


@question.misconception("Which dtype went in, and which came out? A model in float32 cannot add the two.")
def returns_double(mu: Tensor, logvar: Tensor) -> Tensor:
    mu, logvar = mu.double(), logvar.double()
    return 0.5 * (mu.square() + torch.exp(logvar) - 1 - logvar).sum(-1)


@question.alternative
def sums_moments_separately(mu: Tensor, logvar: Tensor) -> Tensor:
    quadratic = torch.einsum("...l,...l->...", mu, mu)
    return (quadratic + logvar.exp().sum(-1) - logvar.sum(-1) - mu.shape[-1]) / 2


@question.alternative
def goes_through_std(mu: Tensor, logvar: Tensor) -> Tensor:
    std = torch.exp(0.5 * logvar)
    return -0.5 * torch.sum(1 + logvar - mu**2 - std**2, dim=-1)


@question.alternative
def subtracts_entropy_from_cross_entropy(mu: Tensor, logvar: Tensor) -> Tensor:
    log_two_pi = torch.log(torch.tensor(2 * math.pi, dtype=mu.dtype, device=mu.device))
    cross_entropy = 0.5 * (log_two_pi + mu.pow(2) + logvar.exp())
    entropy = 0.5 * (log_two_pi + 1.0 + logvar)
    return torch.sum(cross_entropy - entropy, dim=-1, keepdim=True).squeeze(-1)
