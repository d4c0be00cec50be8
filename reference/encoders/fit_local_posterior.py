"""enc.4: each example's own best Gaussian posterior, and what an encoder loses against it (Cremer et al. 2018).

ELBO(m, v) = mean_s log p(x, m + exp(v / 2) eps_s) + 1/2 sum_l v_l + const, for each example alone. For a linear
Gaussian model with posterior N(m*, P^-1) the best diagonal q has mean m* and variances 1 / P_ll.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import torch
from hypothesis import given
from torch import Tensor

from grader.compare import Tolerance, assert_value, expect
from grader.families import described
from grader.question import Question
from grader.remote import Student
from grader.standard import (
    Arguments,
    about,
    accepts_any_strides,
    accepts_empty_batches,
    accurate_in,
    answer,
    arguments,
    cotangents_like,
    does_constant_work,
    gradients_match,
    keeps_generators,
    keeps_precision,
    leaves_inputs_unchanged,
    matches_oracle,
    runs_on_other_devices,
)
from grader.strategies import Numbers, Shape, numbers
from reference.encoders._noise import standardised
from reference.encoders._posterior_mistakes import FITTING, GAP

Pair = tuple[Tensor, Tensor]
LogJoint = Callable[[Tensor], Tensor]

question = Question(
    id="enc.4",
    functions=["fit_local_posterior", "amortization_gap"],
    title="Local posteriors and the amortisation gap",
)


@question.oracle
def fit_local_posterior(
    log_joint: LogJoint, init_mu: Tensor, init_logvar: Tensor, eps: Tensor, steps: int, lr: float
) -> Pair:
    """Final mu and logvar, [*batch, latent]: the slope of log_joint by autograd, the chain rule by hand."""
    mu, logvar = init_mu.detach(), init_logvar.detach()
    noise = eps.reshape(len(eps), *(1,) * (mu.dim() + 1 - eps.dim()), *eps.shape[1:])
    for _ in range(steps):
        spread = torch.exp(0.5 * logvar) * noise
        z = (mu + spread).detach().requires_grad_()
        (slope,) = torch.autograd.grad(log_joint(z).sum(), z)
        mu, logvar = mu + lr * slope.mean(0), logvar + lr * 0.5 * (1 + (slope * spread).mean(0))
    return mu, logvar


@question.oracle
def amortization_gap(elbo_local: Tensor, elbo_amortized: Tensor) -> Tensor:
    """The difference, for each example, in nats."""
    return elbo_local - elbo_amortized


Sizes = tuple[int, int, int]

SIZES: tuple[Sizes, ...] = ((3, 1, 4), (5, 2, 4), (4, 3, 7))
"""Of x, z and the number of samples."""


def model_of(source: Numbers, shape: Shape, sizes: Sizes) -> dict[str, object]:
    """Parameters of a linear Gaussian model and data, [*shape, data], that need not come from it."""
    data, latent, _ = sizes
    return {
        "x": source.normal((*shape, data)),
        "weight": source.normal((data, latent), scale=0.7),
        "bias": source.normal((data,), scale=0.5),
        "noise_var": float(source.uniform((), low=0.5, high=0.9)),
    }


@st.composite
def fits(
    draw: st.DrawFn,
    *,
    batch_shapes: tuple[Shape, ...] = ((), (1,), (3,), (2, 3)),
    sizes: tuple[Sizes, ...] = SIZES,
    steps: tuple[int, ...] = (2, 3),
    shared: bool = False,
) -> Arguments:
    """Arguments of a short fit, with noise for each example or (`shared`) the same for all."""
    source, size, shape = draw(numbers()), draw(st.sampled_from(sizes)), draw(st.sampled_from(batch_shapes))
    _, latent, samples = size
    inside = () if shared else shape
    return arguments(
        described("linear_gaussian_joint", **model_of(source, shape, size)),
        source.normal((*shape, latent)),
        source.uniform((*shape, latent), low=-1.5, high=0.5),
        standardised(source, samples, (*inside, latent)),
        draw(st.sampled_from(steps)),
        draw(st.sampled_from((0.05, 0.1))),
    )


# Each step may amplify the rounding of the one before; wrong answers differ by 1e-3 and more.
AFTER_STEPS = Tolerance(rtol=1e-5, atol=1e-5)
ONE_EXAMPLE: tuple[Shape, ...] = ((), (1,))
"""Batches in which nothing can be mixed, so that the ascent earns its points."""


def takes_the_right_step(part: int) -> Callable[..., None]:
    """One step moves one of the two parameters as it should, whatever the other one does."""

    @given(inputs=fits(batch_shapes=ONE_EXAMPLE, steps=(1,)))
    def check(student: Student, inputs: Arguments) -> None:
        right = answer(fit_local_posterior, inputs)[part]
        assert_value(student.fit_local_posterior(*inputs.args)[part], right, tolerance=AFTER_STEPS)

    return check


first_steps = [
    question.check(
        "value",
        points=2,
        name=f"one_step_in_{parameter}",
        description=f"One step adds lr times the gradient of the ELBO in {parameter}.",
        examples=6,
    )(takes_the_right_step(part))
    for part, parameter in enumerate(("mu", "logvar"))
]


def agrees(inputs: st.SearchStrategy[Arguments]) -> Callable[..., None]:
    """The fit ends where the oracle's does."""
    return matches_oracle(fit_local_posterior, inputs, tolerance=AFTER_STEPS)


check_fit = question.check(
    "value",
    points=2,
    name="fit",
    description="Returns the mu and the logvar that plain gradient ascent has after a few steps.",
    examples=6,
)(agrees(fits(batch_shapes=ONE_EXAMPLE)))
question.check("value", points=2, name="batches", description="Fits each example of a batch on its own.", examples=6)(
    agrees(fits(batch_shapes=((3,), (2, 3))))
)
question.check("value", points=1, name="shared_noise", description="Takes noise that all examples share.", examples=4)(
    agrees(fits(batch_shapes=((3,), (2, 3)), shared=True))
)


@st.composite
def fits_to_hills(draw: st.DrawFn) -> Arguments:
    """Arguments of a short fit to a posterior of three hills.

    A quadratic log-joint has slopes in mu that logvar does not enter, and the other way round: with it, steps that are
    taken one after the other end where those end that are taken at once.
    """
    source, (_, latent, samples) = draw(numbers()), draw(st.sampled_from(SIZES))
    hills = described(
        "mixture_log_density",
        logits=source.normal((3,)),
        mu=source.normal((3, latent), scale=1.5),
        logvar=source.uniform((3, latent), low=-1.5, high=-0.5),
    )
    start, spread = source.normal((latent,)), source.uniform((latent,), low=-1.0, high=0.5)
    return arguments(hills, start, spread, standardised(source, samples, (latent,)), draw(st.sampled_from((2, 3))), 0.1)


question.check(
    "value",
    points=0.75,
    name="both_steps_from_the_same_place",
    description="Where the posterior is no Gaussian, mu and logvar still take each step from the same place.",
    examples=6,
)(agrees(fits_to_hills()))

question.check("precision", points=0.75, requires=check_fit)(keeps_precision(fit_local_posterior, fits()))


def posterior(inputs: Arguments) -> tuple[Tensor, Tensor]:
    """Mean, [*batch, latent], and precision, [latent, latent], of p(z | x) under a described linear Gaussian model."""
    model = inputs.args[0].parameters
    weight, noise_var = model["weight"], model["noise_var"]
    precision = torch.eye(weight.shape[1], dtype=weight.dtype) + weight.mT @ weight / noise_var
    mean = torch.linalg.solve(precision, ((model["x"] - model["bias"]) @ weight / noise_var).mT).mT
    return mean, precision


@st.composite
def long_fits(draw: st.DrawFn) -> Arguments:
    """Arguments of a fit that converges, with noise whose two columns are uncorrelated: the ELBO is then exact."""
    source = draw(numbers())
    model = model_of(source, (3,), (5, 2, 4))
    signs = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]], dtype=torch.float64)
    start, spread = source.normal((3, 2)), source.uniform((3, 2), low=-1.0, high=0.0)
    return arguments(described("linear_gaussian_joint", **model), start, spread, signs, 160, 0.1)


def elbo(inputs: Arguments, mu: Tensor, logvar: Tensor) -> Tensor:
    """The exact ELBO of q = N(mu, diag(exp(logvar))), [*batch]: log p(x) - KL(q || p(z | x))."""
    mean, precision = posterior(inputs)
    away, var = mu - mean, torch.exp(logvar)
    squares = ((away @ precision) * away).sum(-1) + (precision.diagonal() * var).sum(-1)
    kl = 0.5 * (squares - mean.shape[-1] - torch.logdet(precision) - logvar.sum(-1))
    return log_evidence(inputs) - kl


def log_evidence(inputs: Arguments) -> Tensor:
    """log p(x), [*batch], by the dense covariance W W' + s2 I."""
    model = inputs.args[0].parameters
    weight, difference = model["weight"], model["x"] - model["bias"]
    covariance = weight @ weight.mT + model["noise_var"] * torch.eye(len(weight), dtype=weight.dtype)
    squares = (torch.linalg.solve(covariance, difference.mT).mT * difference).sum(-1)
    log_density: Tensor = -0.5 * (len(weight) * math.log(2 * math.pi) + torch.logdet(covariance) + squares)
    return log_density


@question.check("law", points=2, examples=2)
@given(inputs=long_fits())
def check_reaches_the_best_diagonal_posterior(student: Student, inputs: Arguments) -> None:
    """After many steps mu is the posterior's mean, and exp(-logvar) the diagonal of its precision matrix."""
    mu, logvar = student.fit_local_posterior(*inputs.args)
    mean, precision = posterior(inputs)
    close = Tolerance(rtol=1e-3, atol=1e-3)
    assert_value(mu, mean, tolerance=close)
    assert_value(torch.exp(-logvar), precision.diagonal().expand(logvar.shape), tolerance=close)


@question.check("law", points=0.75, requires=check_fit)
@given(inputs=fits(batch_shapes=((2,), (3,))), source=numbers())
def check_treats_examples_independently(student: Student, inputs: Arguments, source: Numbers) -> None:
    """Where an example ends up depends on that example alone."""
    model, mu, logvar, eps, steps, lr = inputs.args
    parameters, (mu_too, logvar_too, x_too) = (
        dict(model.parameters),
        (
            torch.cat((part[:1], source.normal(tuple(part[1:].shape), scale=0.5)))
            for part in (mu, logvar, model.parameters["x"])
        ),
    )
    changed = described("linear_gaussian_joint", **{**parameters, "x": x_too})
    before = student.fit_local_posterior(*inputs.args)
    after = student.fit_local_posterior(changed, mu_too, logvar_too, eps, steps, lr)
    assert_value(tuple(part[0] for part in after), tuple(part[0] for part in before))


FEW = fits(batch_shapes=((3,),), steps=(2,))
question.check("stress", points=0.5, requires=check_fit, examples=3)(
    accurate_in(torch.float32, fit_local_posterior, FEW, tolerance=Tolerance(rtol=1e-4, atol=1e-4))
)
question.check("robustness", points=0.25, requires=check_fit, examples=2)(leaves_inputs_unchanged(FEW))


@question.check("robustness", points=0.25, requires=check_fit, examples=1)
@given(inputs=FEW, source=numbers())
def check_leaves_no_graph(student: Student, inputs: Arguments, source: Numbers) -> None:
    """The results carry no gradient to where the ascent started, though it may require one."""
    start = inputs.args[1:3]
    weights = cotangents_like(start, source)
    *_, in_mu, in_logvar, _ = student.fit_local_posterior.vjp(inputs.args, weights)
    expect(not in_mu.any() and not in_logvar.any(), "the results carry a gradient to where the ascent started.")


question.check("robustness", points=0.25, requires=check_fit, examples=2)(
    accepts_any_strides(fit_local_posterior, fits(batch_shapes=((3,), (2, 3)), sizes=SIZES[1:]), tolerance=AFTER_STEPS)
)
question.check("robustness", points=0.25, requires=check_fit, examples=2)(
    accepts_empty_batches(fits(batch_shapes=((0,), (0, 3))), fit_local_posterior)
)
question.check("behaviour", points=0.5, requires=check_fit)(runs_on_other_devices(FEW))
question.check("behaviour", points=0.25, requires=check_fit, examples=1)(keeps_generators(FEW))
question.check("behaviour", points=0.5, requires=check_fit, examples=1)(
    does_constant_work(
        fits(batch_shapes=((3,),), sizes=SIZES[1:2], steps=(2,)),
        fits(batch_shapes=((300,),), sizes=SIZES[1:2], steps=(2,)),
    )
)


@st.composite
def bounds(draw: st.DrawFn, *, batch_shapes: tuple[Shape, ...] = ((), (1,), (3,), (2, 3))) -> Arguments:
    """Arguments (elbo_local, elbo_amortized), in either order."""
    source, shape = draw(numbers()), draw(st.sampled_from(batch_shapes))
    return arguments(source.normal(shape, loc=-9.0), source.normal(shape, loc=-9.0))


def of_gap(check: Callable[..., None]) -> Callable[..., None]:
    """The same check of `amortization_gap`."""
    return about("amortization_gap", check)


check_gap = question.check(
    "value", points=2, name="gap", description="The gap is the local ELBO minus the encoder's, as it comes out."
)(of_gap(matches_oracle(amortization_gap, bounds(), tolerance=Tolerance(rtol=1e-6, atol=1e-5))))
question.check("gradient", points=0.75, name="gap_gradients", description="Gradients pass through the gap.")(
    of_gap(gradients_match(amortization_gap, bounds()))
)


@question.check("law", points=1.25, examples=2)
@given(inputs=long_fits(), source=numbers())
def check_gaps_add_up(student: Student, inputs: Arguments, source: Numbers) -> None:
    """The gap to an encoder is positive, and with the gap of the best local q to log p(x) makes the whole one."""
    best = student.fit_local_posterior(*inputs.args)
    mean, precision = posterior(inputs)
    spread = -precision.diagonal().log().expand(mean.shape)
    encoder = (mean + source.normal((3, 2), scale=0.5), spread + source.normal((3, 2), scale=0.5))
    whole, local, amortized = log_evidence(inputs), elbo(inputs, *best), elbo(inputs, *encoder)
    gap = student.amortization_gap(local, amortized)
    expect(gap > 0, "an encoder's posterior beats the best local one.")
    together = student.amortization_gap(whole, local) + gap
    assert_value(together, whole - amortized, tolerance=Tolerance(rtol=1e-6, atol=1e-6))
    assert_value(student.amortization_gap(elbo(inputs, mean, spread), local), 0 * gap, tolerance=AFTER_STEPS)


for mistakes, replaced in ((FITTING, "fit_local_posterior"), (GAP, "amortization_gap")):
    for mistake, sentence in mistakes.items():
        question.misconception(sentence, replaces=replaced)(mistake)


@question.alternative
def uses_an_optimizer(
    log_joint: LogJoint, init_mu: Tensor, init_logvar: Tensor, eps: Tensor, steps: int, lr: float
) -> Pair:
    m, v = (start.detach().clone().requires_grad_(True) for start in (init_mu, init_logvar))
    while eps.dim() <= m.dim():
        eps = eps.unsqueeze(1)
    optimizer = torch.optim.SGD([m, v], lr=lr, maximize=True)
    for _ in range(steps):
        optimizer.zero_grad()
        std = (v / 2).exp()
        bound = torch.mean(log_joint(m + std * eps), dim=0) + torch.sum(std.log() + 0.5, dim=-1)
        torch.autograd.backward(bound.sum())
        optimizer.step()
    return m.detach(), v.detach()


@question.alternative
def averages_the_log_density_of_q(
    log_joint: LogJoint, init_mu: Tensor, init_logvar: Tensor, eps: Tensor, steps: int, lr: float
) -> Pair:
    state = [init_mu.detach(), init_logvar.detach()]
    noise = eps if eps.dim() > init_mu.dim() else eps[(slice(None), *(None,) * (init_mu.dim() - 1))]
    for _ in range(steps):
        m, v = (part.clone().requires_grad_() for part in state)
        z = m + torch.exp(v / 2) * noise
        log_q = -0.5 * (math.log(2 * math.pi) + v + (z - m) ** 2 * torch.exp(-v)).sum(-1)
        bound = (log_joint(z) - log_q).sum() / noise.shape[0]
        state = [part + lr * grad for part, grad in zip(state, torch.autograd.grad(bound, [m, v]), strict=True)]
    return state[0], state[1]


@question.alternative
def holds_q_fixed_in_its_log_density(
    log_joint: LogJoint, init_mu: Tensor, init_logvar: Tensor, eps: Tensor, steps: int, lr: float
) -> Pair:
    m, v, samples = init_mu.detach().clone(), init_logvar.detach().clone(), eps.shape[0]
    noise = eps.reshape((samples,) + (1,) * (m.dim() + 1 - eps.dim()) + tuple(eps.shape[1:]))
    for _ in range(steps):
        m.requires_grad_(), v.requires_grad_()
        q: Any = torch.distributions.Normal(m.detach(), torch.exp(0.5 * v.detach()), validate_args=False)
        z = m + torch.exp(0.5 * v) * noise
        weight = log_joint(z) - q.log_prob(z).sum(-1)
        in_m, in_v = torch.autograd.grad(weight, [m, v], torch.full_like(weight, 1 / samples))
        m, v = torch.add(m.detach(), in_m, alpha=lr), torch.add(v.detach(), in_v, alpha=lr)
    return m, v


@question.alternative_of("amortization_gap")
def adds_the_negative(elbo_local: Tensor, elbo_amortized: Tensor) -> Tensor:
    return torch.add(elbo_local, elbo_amortized, alpha=-1)


@question.alternative_of("amortization_gap")
def takes_differences_of_a_stack(elbo_local: Tensor, elbo_amortized: Tensor) -> Tensor:
    return torch.stack((elbo_amortized, elbo_local), dim=-1).diff(dim=-1).squeeze(-1)
