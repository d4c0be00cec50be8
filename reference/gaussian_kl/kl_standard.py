"""kl.1: the KL term of the ELBO (Kingma & Welling 2014, Appendix B).

KL(q || p) = 1/2 sum_d (mu_d^2 + sigma_d^2 - 1 - log sigma_d^2),  q = N(mu, diag sigma^2),  p = N(0, I)
"""

from __future__ import annotations

import hypothesis.strategies as st
import torch
from hypothesis import given
from hypothesis.strategies import SearchStrategy
from torch import Tensor

from grader.compare import assert_value, expect
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
    min_logvar: float = -2.0,
    max_logvar: float = 2.0,
) -> SearchStrategy[Arguments]:
    """Arguments (mu, logvar)."""
    gaussians = diagonal_gaussians(
        batch_shapes=batch_shapes, event_sizes=event_sizes, min_logvar=min_logvar, max_logvar=max_logvar
    )
    return gaussians.map(lambda q: arguments(q.mu, q.logvar))


check_values = question.check("value", points=8, description="Equals the closed form for every mean and variance.")(
    matches_oracle(kl_standard, pairs())
)

question.check("precision", points=1, requires=check_values)(keeps_precision(kl_standard, pairs()))

question.check("gradient", points=2, description="dKL/dmu = mu and dKL/dlogvar = (sigma^2 - 1) / 2.")(
    gradients_match(kl_standard, pairs())
)

question.check("gradient", points=2, requires=check_values)(second_gradients_match(kl_standard, pairs()))


@question.check("law", points=2, requires=check_values)
@given(q=diagonal_gaussians(event_sizes=(2, 5, 7)))
def check_adds_over_latents(student: Student, q: Gaussian) -> None:
    """The KL of independent dimensions is the sum of their KLs."""
    first = student.kl_standard(q.mu[..., :1], q.logvar[..., :1])
    rest = student.kl_standard(q.mu[..., 1:], q.logvar[..., 1:])
    assert_value(student.kl_standard(q.mu, q.logvar), first + rest)


def change_all_but_first(inputs: Arguments, source: Numbers) -> Arguments:
    """Other values for every example but the first."""
    return inputs.map(lambda t: torch.cat((t[:1], source.normal(tuple(t[1:].shape)))))


question.check("law", points=1, requires=check_values)(
    ignores_other_examples(pairs(batch_shapes=((2,), (3,))), change_all_but_first)
)


@question.check("stress", points=1, requires=check_values)
@given(logvar=st.sampled_from((-200.0, -110.0, 80.0)), dtype=st.sampled_from((torch.float64, torch.float32)))
def check_stays_finite_for_extreme_variances(student: Student, logvar: float, dtype: torch.dtype) -> None:
    """Stays finite, values and gradients, for variances as small as exp(-200)."""
    mu, lv = torch.tensor([0.3, -0.7], dtype=dtype), torch.tensor([logvar, 0.5], dtype=dtype)
    value = student.kl_standard(mu, lv)
    expect(torch.isfinite(value), "the value is not finite.")
    for gradient in student.kl_standard.vjp((mu, lv), torch.ones((), dtype=dtype)):
        expect(torch.isfinite(gradient), "a gradient is not finite.")


question.check("stress", points=1, requires=check_values)(accurate_in(torch.float32, kl_standard, pairs()))

question.check("robustness", points=0.5, requires=check_values)(leaves_inputs_unchanged(pairs()))
question.check("robustness", points=0.25, requires=check_values)(accepts_any_strides(kl_standard, pairs()))
question.check("robustness", points=0.25, requires=check_values)(
    accepts_empty_batches(pairs(batch_shapes=((0,), (0, 3))), kl_standard)
)
question.check("behaviour", points=0.25, requires=check_values)(runs_on_other_devices(pairs()))
question.check("behaviour", points=0.25, requires=check_values)(keeps_generators(pairs()))
question.check("behaviour", points=0.25, requires=check_values)(
    does_constant_work(pairs(batch_shapes=((3,),), event_sizes=(5,)), pairs(batch_shapes=((300,),), event_sizes=(5,)))
)
question.check("behaviour", points=0.25, requires=check_values)(avoids_forbidden_names(pairs()))


@question.misconception("At mu = 0, logvar = log 4 the answer is 0.807; yours belongs to a different spread.")
def treats_logvar_as_log_std(mu: Tensor, logvar: Tensor) -> Tensor:
    return 0.5 * (mu.square() + torch.exp(2 * logvar) - 1 - 2 * logvar).sum(-1)


@question.misconception("Adding a latent dimension at the prior should change nothing; yours shrinks the total.")
def averages_over_latents(mu: Tensor, logvar: Tensor) -> Tensor:
    return 0.5 * (mu.square() + torch.exp(logvar) - 1 - logvar).mean(-1)


@question.misconception("logvar = -110 is fine mathematically, but you return inf. What is log(exp(x))?")
def takes_log_of_exp(mu: Tensor, logvar: Tensor) -> Tensor:
    var = torch.exp(logvar)
    return 0.5 * (mu.square() + var - 1 - torch.log(var)).sum(-1)


@question.alternative
def sums_moments_separately(mu: Tensor, logvar: Tensor) -> Tensor:
    quadratic = torch.einsum("...l,...l->...", mu, mu)
    return (quadratic + logvar.exp().sum(-1) - logvar.sum(-1) - mu.shape[-1]) / 2
