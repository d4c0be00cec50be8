"""kl.6: a Gaussian fitted to a mixture in reverse KL, by gradient descent through samples.

loss(m, v) = mean_s [log q(z_s) - log gmm(z_s)],  z_s = m + exp(v / 2) eps_s,  q = N(m, diag(exp(v)))
(Kingma & Welling 2014, section 2.4; mode seeking: Bishop 2006, section 10.1.2)
"""

from __future__ import annotations

import math

import hypothesis.strategies as st
import torch
from hypothesis import given
from torch import Tensor

from grader.compare import PRECISION, Tolerance, assert_value, expect
from grader.question import Question
from grader.remote import Student
from grader.standard import (
    Arguments,
    accepts_any_strides,
    arguments,
    does_constant_work,
    keeps_generators,
    leaves_inputs_unchanged,
    runs_on_other_devices,
)
from grader.strategies import Numbers, numbers
from reference.gaussian_kl._reverse_kl_mistakes import SENTENCES, Triple

question = Question(
    id="kl.6",
    functions=["reverse_kl_fit"],
    title="The reverse-KL fit of a Gaussian to a mixture",
    exempt={"fails_on_empty": "there is no batch, and a fit needs components and samples"},
)


@question.oracle
def reverse_kl_fit(
    logits: Tensor,
    mu: Tensor,
    logvar: Tensor,
    init_mu: Tensor,
    init_logvar: Tensor,
    *,
    steps: int,
    lr: float,
    eps: Tensor,
) -> Triple:
    """Final mean and log-variance, [dim], and the loss before each step, [steps]; gradients by hand, not by autograd.

    With z = m + s eps, log q(z) is -1/2 sum(log 2 pi + v + eps^2), so that only v moves it; the rest follows the
    mixture's score g(z) = sum_k r_k(z) (mu_k - z) / var_k:  dloss/dm = -mean g,  dloss/dv = -1/2 - mean(g s eps) / 2.
    """
    m, v, trace = init_mu.clone(), init_logvar.clone(), []
    for _ in range(steps):
        noise = torch.exp(0.5 * v) * eps
        difference = mu - (m + noise).unsqueeze(1)
        exponents = -0.5 * (math.log(2 * math.pi) + logvar + difference.square() * torch.exp(-logvar)).sum(-1)
        joint = torch.log_softmax(logits, 0) + exponents
        log_q = -0.5 * (math.log(2 * math.pi) + v + eps.square()).sum(-1)
        trace.append((log_q - torch.logsumexp(joint, 1)).mean())
        score = (torch.softmax(joint, 1).unsqueeze(-1) * difference * torch.exp(-logvar)).sum(1)
        m, v = m + lr * score.mean(0), v + lr * 0.5 * (1 + (score * noise).mean(0))
    return m, v, torch.stack(trace)


def standardised(source: Numbers, samples: int, dim: int) -> Tensor:
    """Noise, [samples, dim]; each column has mean 0 and mean square 1, and no two samples are equal."""
    grid = torch.linspace(-1.5, 1.5, samples, dtype=torch.float64)
    columns = torch.stack([grid[source.permutation(samples)] for _ in range(dim)], dim=1)
    noise = columns + 0.1 * source.uniform((samples, dim), low=-1.0, high=1.0)
    centred = noise - noise.mean(0)
    return centred / centred.square().mean(0).sqrt()


SIZES = ((2, 1, 5), (1, 2, 4), (3, 2, 5), (2, 3, 7))
"""Numbers of components, dimensions and samples."""


@st.composite
def fits(
    draw: st.DrawFn,
    *,
    sizes: tuple[tuple[int, int, int], ...] = SIZES,
    steps: tuple[int, ...] = (1, 2, 3),
    rates: tuple[float, ...] = (0.1, 0.25),
    distance: float = 0.0,
) -> Arguments:
    """Arguments of a short fit that starts `distance` away from where the components are."""
    (components, dim, samples), source = draw(st.sampled_from(sizes)), draw(numbers())
    return arguments(
        source.normal((components,)),
        source.normal((components, dim), scale=1.5),
        source.uniform((components, dim), low=-0.7, high=1.0),
        source.normal((dim,)) + distance,
        source.uniform((dim,), low=-1.0, high=1.0),
        steps=draw(st.sampled_from(steps)),
        lr=draw(st.sampled_from(rates)),
        eps=standardised(source, samples, dim),
    )


# Each step may amplify the rounding of the one before; wrong answers differ by 1e-2 and more.
AFTER_STEPS = Tolerance(rtol=1e-5, atol=1e-5)


@question.check("value", points=1, examples=4)
@given(inputs=fits(steps=(1,)))
def check_loss_at_the_start(student: Student, inputs: Arguments) -> None:
    """The first entry of the trace is the loss where the fit starts."""
    trace = student.reverse_kl_fit(*inputs.args, **inputs.kwargs)[2]
    assert_value(trace, reverse_kl_fit(*inputs.args, **inputs.kwargs)[2], tolerance=AFTER_STEPS)


@question.check("gradient", points=2, examples=4)
@given(inputs=fits(steps=(1,)))
def check_one_step_follows_the_gradient(student: Student, inputs: Arguments) -> None:
    """One step subtracts lr times the gradient of the loss from mean and log-variance."""
    mean, logvar, _ = student.reverse_kl_fit(*inputs.args, **inputs.kwargs)
    right_mean, right_logvar, _ = reverse_kl_fit(*inputs.args, **inputs.kwargs)
    assert_value((mean, logvar), (right_mean, right_logvar), tolerance=AFTER_STEPS)


@question.check("value", points=2, examples=4)
@given(inputs=fits(steps=(2, 3)))
def check_fit_after_some_steps(student: Student, inputs: Arguments) -> None:
    """Returns the mean and the log-variance that plain gradient descent has after a few steps."""
    mean, logvar, _ = student.reverse_kl_fit(*inputs.args, **inputs.kwargs)
    right_mean, right_logvar, _ = reverse_kl_fit(*inputs.args, **inputs.kwargs)
    assert_value((mean, logvar), (right_mean, right_logvar), tolerance=AFTER_STEPS)


@question.check("value", points=1, examples=4)
@given(inputs=fits(steps=(2, 3)))
def check_trace_of_the_loss(student: Student, inputs: Arguments) -> None:
    """Entry i of the trace is the loss before step i."""
    trace = student.reverse_kl_fit(*inputs.args, **inputs.kwargs)[2]
    assert_value(trace, reverse_kl_fit(*inputs.args, **inputs.kwargs)[2], tolerance=AFTER_STEPS)


ALL = (
    check_loss_at_the_start,
    check_one_step_follows_the_gradient,
    check_fit_after_some_steps,
    check_trace_of_the_loss,
)


@question.check("precision", points=0.5, requires=ALL, examples=3)
@given(inputs=fits(steps=(1, 2)))
def check_keeps_float64_precision(student: Student, inputs: Arguments) -> None:
    """Keeps the accuracy of float64 inputs."""
    right = reverse_kl_fit(*inputs.args, **inputs.kwargs)
    assert_value(student.reverse_kl_fit(*inputs.args, **inputs.kwargs), right, tolerance=PRECISION)


@question.check("law", points=0.25, examples=3)
@given(inputs=fits(steps=(4,), rates=(0.02,)))
def check_loss_falls(student: Student, inputs: Arguments) -> None:
    """With a small step size every step lowers the loss."""
    trace = student.reverse_kl_fit(*inputs.args, **inputs.kwargs)[2]
    expect(trace.diff() < 0, "the loss does not fall from step to step.")


@st.composite
def two_modes(draw: st.DrawFn) -> Arguments:
    """Arguments of a long fit to two components far apart in one dimension, without its starting mean."""
    source = draw(numbers())
    return arguments(
        source.uniform((2,), low=-0.3, high=0.3),
        torch.tensor([[-4.0], [5.0]], dtype=torch.float64) + source.uniform((2, 1), low=-0.3, high=0.3),
        source.uniform((2, 1), low=-0.5, high=0.3),
        source.uniform((1,), low=1.5, high=2.0),
        source.uniform((1,), low=0.3, high=0.7),
        steps=15,
        lr=0.6,
        eps=standardised(source, 8, 1),
    )


def fit_from(student: Student, inputs: Arguments, mode: int) -> tuple[Tensor, Tensor]:
    """Mean and log-variance, [1], of a fit that starts off one of the two modes."""
    logits, mu, logvar, offset, init_logvar = inputs.args
    mean, spread, _ = student.reverse_kl_fit(logits, mu, logvar, mu[mode] + offset, init_logvar, **inputs.kwargs)
    return mean, spread


@question.check("law", points=0.75, examples=1)
@given(inputs=two_modes())
def check_settles_on_the_mode_it_starts_near(student: Student, inputs: Arguments) -> None:
    """Started near the left mode it covers the left mode alone; started near the right one, the right one."""
    _, mu, logvar, *_ = inputs.args
    for mode in (0, 1):
        mean, spread = fit_from(student, inputs, mode)
        scale, reach = torch.exp(0.5 * spread), 3 * torch.exp(0.5 * logvar[mode])
        upper, lower = ((mu[mode] + side * reach - mean) / scale for side in (1, -1))
        outside = 1 - torch.special.ndtr(upper) + torch.special.ndtr(lower)
        expect(outside < 0.05, "q puts much of its mass outside the mode that it started near.")


@question.check("law", points=0.5, examples=1)
@given(inputs=two_modes(), mode=st.sampled_from((0, 1)))
def check_reaches_a_local_optimum(student: Student, inputs: Arguments, mode: int) -> None:
    """The reverse KL of your fit, integrated on a grid, is within 0.02 of the best that this mode allows."""
    logits, mu, logvar, *_ = inputs.args
    mean, spread = fit_from(student, inputs, mode)
    expect(spread.abs() < 5, "the fitted variance is far from that of any component.")
    x = torch.linspace(-30.0, 30.0, 12001, dtype=torch.float64)[:, None]

    def log_normal(mean: Tensor, logvar: Tensor) -> Tensor:
        return -0.5 * (math.log(2 * math.pi) + logvar + (x - mean).square() * torch.exp(-logvar))

    def reverse_kl(mean: Tensor, logvar: Tensor) -> Tensor:
        log_q = log_normal(mean, logvar)[:, 0]
        log_target = torch.logsumexp(torch.log_softmax(logits, 0) + log_normal(mu[:, 0], inputs.args[2][:, 0]), 1)
        return (log_q.exp() * (log_q - log_target)).sum() * 0.005

    # The modes hardly overlap, so that the best Gaussian at one of them is that component itself.
    best = reverse_kl(mu[mode], logvar[mode])
    expect(reverse_kl(mean, spread) <= best + 0.02, "another Gaussian at this mode has a smaller reverse KL.")


# Two steps amplify float32's rounding; correct forms were measured to err by less than a twentieth of this.
@question.check("stress", points=0.5, requires=ALL, examples=3)
@given(inputs=fits(steps=(2,)))
def check_accurate_in_float32(student: Student, inputs: Arguments) -> None:
    """Stays accurate in float32."""
    narrow = inputs.to(torch.float32)
    exact = narrow.to(torch.float64)
    right = tuple(part.to(torch.float32) for part in reverse_kl_fit(*exact.args, **exact.kwargs))
    actual = student.reverse_kl_fit(*narrow.args, **narrow.kwargs)
    assert_value(actual, right, tolerance=Tolerance(rtol=1e-4, atol=1e-4))


@question.check("stress", points=0.25, requires=ALL, examples=2)
@given(inputs=fits(steps=(2,), rates=(0.1,), distance=80.0))
def check_starts_far_from_every_component(student: Student, inputs: Arguments) -> None:
    """Works from a start where the density of the mixture is smaller than any float."""
    right = reverse_kl_fit(*inputs.args, **inputs.kwargs)
    assert_value(student.reverse_kl_fit(*inputs.args, **inputs.kwargs), right, tolerance=AFTER_STEPS)


FEW = fits(steps=(1,))

question.check("robustness", points=0.25, requires=ALL, examples=2)(leaves_inputs_unchanged(FEW))
question.check("robustness", points=0.25, requires=ALL, examples=2)(
    accepts_any_strides(reverse_kl_fit, fits(sizes=SIZES[2:], steps=(1,)), tolerance=AFTER_STEPS)
)
question.check("behaviour", points=0.25, requires=ALL)(runs_on_other_devices(FEW))
question.check("behaviour", points=0.25, requires=ALL, examples=1)(keeps_generators(FEW))
question.check(
    "behaviour",
    points=0.25,
    requires=ALL,
    description="Handles samples and components with tensor operations, not with a Python loop.",
    examples=1,
)(does_constant_work(fits(sizes=((2, 2, 5),), steps=(1,)), fits(sizes=((7, 2, 50),), steps=(1,))))

for mistake, sentence in SENTENCES.items():
    question.misconception(sentence)(mistake)


@question.alternative
def uses_an_optimizer(*given: Tensor, steps: int, lr: float, eps: Tensor) -> Triple:
    logits, mu, logvar, init_mu, init_logvar = given
    m, v = (start.detach().clone().requires_grad_(True) for start in (init_mu, init_logvar))
    optimizer = torch.optim.SGD([m, v], lr=lr)
    trace = torch.zeros(steps, dtype=mu.dtype, device=mu.device)
    for step in range(steps):
        optimizer.zero_grad()
        z = m + (v / 2).exp() * eps
        log_q = -((z - m) ** 2 / v.exp() + v + math.log(2 * math.pi)).sum(dim=1) / 2
        components = -((z[:, None] - mu) ** 2 / logvar.exp() + logvar + math.log(2 * math.pi)).sum(dim=2) / 2
        loss = torch.mean(log_q - torch.logsumexp(logits.log_softmax(0) + components, dim=1))
        torch.autograd.backward(loss)
        optimizer.step()
        trace[step] = loss.detach()
    return m.detach(), v.detach(), trace


@question.alternative
def uses_the_entropy_in_closed_form(*given: Tensor, steps: int, lr: float, eps: Tensor) -> Triple:
    logits, mu, logvar, init_mu, init_logvar = given
    m, v, losses = init_mu.detach(), init_logvar.detach(), []
    norms = torch.logsumexp(logits, 0) + 0.5 * (logvar + math.log(2 * math.pi)).sum(-1)
    for _ in range(steps):
        m, v = m.clone().requires_grad_(), v.clone().requires_grad_()
        with torch.enable_grad():
            scaled = (m + torch.exp(v / 2) * eps - mu[:, None]) / torch.exp(logvar / 2)[:, None]
            log_target = torch.logsumexp(
                (logits - norms)[:, None] - 0.5 * torch.einsum("ksd,ksd->ks", scaled, scaled), 0
            )
            loss = -0.5 * (v + math.log(2 * math.pi) + 1).sum() - log_target.mean()
            torch.autograd.backward(loss)
        assert m.grad is not None
        assert v.grad is not None
        losses.append(loss.detach().reshape(1))
        m, v = m.detach() - lr * m.grad, v.detach() - lr * v.grad
    return m, v, torch.cat(losses)


@question.alternative
def writes_the_gradient_by_hand(*given: Tensor, steps: int, lr: float, eps: Tensor) -> Triple:
    logits, mu, logvar, init_mu, init_logvar = given
    m, v, losses = init_mu, init_logvar, []
    for _ in range(steps):
        spread = torch.exp(0.5 * v) * eps
        pull = (mu - (m + spread)[:, None]) / torch.exp(logvar)
        joint = torch.log_softmax(logits, 0) - 0.5 * (pull.square() * torch.exp(logvar) + logvar).sum(-1)
        evidence = torch.logsumexp(joint, dim=1, keepdim=True)
        score = torch.einsum("sk,skd->sd", torch.exp(joint - evidence), pull)
        losses.append((-0.5 * (v + eps**2).sum(-1) - evidence[:, 0]).mean())
        m, v = m + lr * score.mean(0), v + 0.5 * lr * (1 + (score * spread).mean(0))
    return m.detach(), v.detach(), torch.stack(losses).detach()
