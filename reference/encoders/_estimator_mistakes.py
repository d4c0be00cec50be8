"""Wrong answers to enc.3, and their sentences."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

Pair = tuple[Tensor, Tensor]
Function = Callable[[Tensor], Tensor]


def takes_the_slope_at_the_mean(f: Function, mu: Tensor, logvar: Tensor, eps: Tensor) -> Pair:
    noise = torch.exp(0.5 * logvar) * eps
    z = mu.expand(eps.shape).clone().requires_grad_()
    value = f(z)
    (slope,) = torch.autograd.grad(value.sum(), z) if value.requires_grad else (torch.zeros_like(z),)
    return slope.mean(0), (0.5 * slope * noise).mean(0)


def sums_over_samples(f: Function, mu: Tensor, logvar: Tensor, eps: Tensor) -> Pair:
    noise = torch.exp(0.5 * logvar) * eps
    z = (mu + noise).requires_grad_()
    value = f(z)
    (slope,) = torch.autograd.grad(value.sum(), z) if value.requires_grad else (torch.zeros_like(z),)
    return slope.sum(0), (0.5 * slope * noise).sum(0)


def averages_over_everything(f: Function, mu: Tensor, logvar: Tensor, eps: Tensor) -> Pair:
    noise = torch.exp(0.5 * logvar) * eps
    z = (mu + noise).requires_grad_()
    value = f(z)
    (slope,) = torch.autograd.grad(value.mean(), z) if value.requires_grad else (torch.zeros_like(z),)
    return slope.sum(0), (0.5 * slope * noise).sum(0)


def forgets_the_half(f: Function, mu: Tensor, logvar: Tensor, eps: Tensor) -> Pair:
    noise = torch.exp(0.5 * logvar) * eps
    z = (mu + noise).requires_grad_()
    value = f(z)
    (slope,) = torch.autograd.grad(value.sum(), z) if value.requires_grad else (torch.zeros_like(z),)
    return slope.mean(0), (slope * noise).mean(0)


def differentiates_in_the_std(f: Function, mu: Tensor, logvar: Tensor, eps: Tensor) -> Pair:
    z = (mu + torch.exp(0.5 * logvar) * eps).requires_grad_()
    value = f(z)
    (slope,) = torch.autograd.grad(value.sum(), z) if value.requires_grad else (torch.zeros_like(z),)
    return slope.mean(0), (slope * eps).mean(0)


def scales_noise_with_the_variance(f: Function, mu: Tensor, logvar: Tensor, eps: Tensor) -> Pair:
    noise = torch.exp(logvar) * eps
    z = (mu + noise).requires_grad_()
    value = f(z)
    (slope,) = torch.autograd.grad(value.sum(), z) if value.requires_grad else (torch.zeros_like(z),)
    return slope.mean(0), (slope * noise).mean(0)


def detaches_the_spread(f: Function, mu: Tensor, logvar: Tensor, eps: Tensor) -> Pair:
    z = (mu + torch.exp(0.5 * logvar) * eps).requires_grad_()
    value = f(z)
    (slope,) = torch.autograd.grad(value.sum(), z) if value.requires_grad else (torch.zeros_like(z),)
    return slope.mean(0), torch.zeros_like(logvar)


def detaches_z(f: Function, mu: Tensor, logvar: Tensor, eps: Tensor) -> Pair:
    return torch.zeros_like(mu), torch.zeros_like(logvar)


def descends(f: Function, mu: Tensor, logvar: Tensor, eps: Tensor) -> Pair:
    noise = torch.exp(0.5 * logvar) * eps
    z = (mu + noise).requires_grad_()
    value = -f(z)
    (slope,) = torch.autograd.grad(value.sum(), z) if value.requires_grad else (torch.zeros_like(z),)
    return slope.mean(0), (0.5 * slope * noise).mean(0)


def shares_the_gradient(f: Function, mu: Tensor, logvar: Tensor, eps: Tensor) -> Pair:
    noise = torch.exp(0.5 * logvar) * eps
    z = (mu + noise).requires_grad_()
    value = f(z)
    (slope,) = torch.autograd.grad(value.sum(), z) if value.requires_grad else (torch.zeros_like(z),)
    both = [part.mean(0) for part in (slope, 0.5 * slope * noise)]
    if mu.dim() == 1 or not mu.numel():
        return both[0], both[1]
    return tuple(part.reshape(-1, part.shape[-1]).mean(0).expand(part.shape) for part in both)  # type: ignore[return-value]


def needs_a_path(f: Function, mu: Tensor, logvar: Tensor, eps: Tensor) -> Pair:
    noise = torch.exp(0.5 * logvar) * eps
    z = (mu + noise).requires_grad_()
    (slope,) = torch.autograd.grad(f(z).sum(), z)
    return slope.mean(0), (0.5 * slope * noise).mean(0)


def returns_double(f: Function, mu: Tensor, logvar: Tensor, eps: Tensor) -> Pair:
    noise = torch.exp(0.5 * logvar) * eps
    z = (mu + noise).requires_grad_()
    value = f(z)
    (slope,) = torch.autograd.grad(value.sum(), z) if value.requires_grad else (torch.zeros_like(z),)
    return slope.mean(0).double(), (0.5 * slope * noise).mean(0).double()


def score_attaches_z(
    f: Function, mu: Tensor, logvar: Tensor, eps: Tensor, baseline: float | Tensor | None = None
) -> Pair:
    m, v = mu.detach().clone().requires_grad_(), logvar.detach().clone().requires_grad_()
    z = m + torch.exp(0.5 * v) * eps
    weight = f(z.detach()) if baseline is None else f(z.detach()) - baseline
    log_q = -0.5 * (v + (z - m).square() * torch.exp(-v))
    if weight.dim() < z.dim():
        log_q = log_q.sum(-1)
    in_mu, in_logvar = torch.autograd.grad((weight * log_q).sum() / len(eps), (m, v))
    return in_mu, in_logvar


def score_attaches_z_and_f(
    f: Function, mu: Tensor, logvar: Tensor, eps: Tensor, baseline: float | Tensor | None = None
) -> Pair:
    m, v = mu.detach().clone().requires_grad_(), logvar.detach().clone().requires_grad_()
    z = m + torch.exp(0.5 * v) * eps
    weight = f(z) if baseline is None else f(z) - baseline
    log_q = -0.5 * (v + (z - m).square() * torch.exp(-v))
    if weight.dim() < z.dim():
        log_q = log_q.sum(-1)
    in_mu, in_logvar = torch.autograd.grad((weight * log_q).sum() / len(eps), (m, v))
    return in_mu, in_logvar


def score_attaches_f(
    f: Function, mu: Tensor, logvar: Tensor, eps: Tensor, baseline: float | Tensor | None = None
) -> Pair:
    m, v = mu.detach().clone().requires_grad_(), logvar.detach().clone().requires_grad_()
    z = m + torch.exp(0.5 * v) * eps
    weight = f(z) if baseline is None else f(z) - baseline
    log_q = -0.5 * (math.log(2 * math.pi) + v + (z.detach() - m).square() * torch.exp(-v))
    if weight.dim() < z.dim():
        log_q = log_q.sum(-1)
    in_mu, in_logvar = torch.autograd.grad((weight * log_q).sum() / len(eps), (m, v))
    return in_mu, in_logvar


def score_attaches_z_and_f_with_the_constant(
    f: Function, mu: Tensor, logvar: Tensor, eps: Tensor, baseline: float | Tensor | None = None
) -> Pair:
    m, v = mu.detach().clone().requires_grad_(), logvar.detach().clone().requires_grad_()
    z = m + torch.exp(0.5 * v) * eps
    weight = f(z) if baseline is None else f(z) - baseline
    log_q = -0.5 * (math.log(2 * math.pi) + v + (z - m).square() * torch.exp(-v))
    if weight.dim() < z.dim():
        log_q = log_q.sum(-1)
    in_mu, in_logvar = torch.autograd.grad((weight * log_q).sum() / len(eps), (m, v))
    return in_mu, in_logvar


def score_differentiates_in_the_std(
    f: Function, mu: Tensor, logvar: Tensor, eps: Tensor, baseline: float | Tensor | None = None
) -> Pair:
    value = f(mu + torch.exp(0.5 * logvar) * eps)
    weight = value if baseline is None else value - baseline
    weight = weight if value.dim() == eps.dim() else weight.unsqueeze(-1)
    in_mu = (weight * eps * torch.exp(-0.5 * logvar)).mean(0)
    return in_mu, (weight * (eps.square() - 1) * torch.exp(-0.5 * logvar)).mean(0)


def score_adds_the_pathwise_gradient(
    f: Function, mu: Tensor, logvar: Tensor, eps: Tensor, baseline: float | Tensor | None = None
) -> Pair:
    m, v = mu.detach().clone().requires_grad_(), logvar.detach().clone().requires_grad_()
    z = m + torch.exp(0.5 * v) * eps
    value = f(z)
    weight = value if baseline is None else value - baseline
    log_q = -0.5 * (v + (z.detach() - m).square() * torch.exp(-v))
    if weight.dim() < z.dim():
        log_q = log_q.sum(-1)
    total = (weight.detach() * log_q).sum() + value.sum()
    in_mu, in_logvar = torch.autograd.grad(total / len(eps), (m, v))
    return in_mu, in_logvar


def score_of_the_standard_normal(
    f: Function, mu: Tensor, logvar: Tensor, eps: Tensor, baseline: float | Tensor | None = None
) -> Pair:
    value = f(mu + torch.exp(0.5 * logvar) * eps)
    weight = value if baseline is None else value - baseline
    weight = weight if value.dim() == eps.dim() else weight.unsqueeze(-1)
    return (weight * eps).mean(0), (0.5 * weight * (eps.square() - 1)).mean(0)


def score_divides_by_the_variance(
    f: Function, mu: Tensor, logvar: Tensor, eps: Tensor, baseline: float | Tensor | None = None
) -> Pair:
    value = f(mu + torch.exp(0.5 * logvar) * eps)
    weight = value if baseline is None else value - baseline
    weight = weight if value.dim() == eps.dim() else weight.unsqueeze(-1)
    return (weight * eps * torch.exp(-logvar)).mean(0), (0.5 * weight * (eps.square() - 1)).mean(0)


def score_evaluates_q_at_the_origin(
    f: Function, mu: Tensor, logvar: Tensor, eps: Tensor, baseline: float | Tensor | None = None
) -> Pair:
    z = mu + torch.exp(0.5 * logvar) * eps
    value = f(z)
    weight = value if baseline is None else value - baseline
    weight = weight if value.dim() == eps.dim() else weight.unsqueeze(-1)
    return (weight * z).mean(0), (0.5 * weight * (z.square() - 1)).mean(0)


def score_forgets_the_half(
    f: Function, mu: Tensor, logvar: Tensor, eps: Tensor, baseline: float | Tensor | None = None
) -> Pair:
    value = f(mu + torch.exp(0.5 * logvar) * eps)
    weight = value if baseline is None else value - baseline
    weight = weight if value.dim() == eps.dim() else weight.unsqueeze(-1)
    return (weight * eps * torch.exp(-0.5 * logvar)).mean(0), (weight * (eps.square() - 1)).mean(0)


def score_forgets_the_normaliser(
    f: Function, mu: Tensor, logvar: Tensor, eps: Tensor, baseline: float | Tensor | None = None
) -> Pair:
    value = f(mu + torch.exp(0.5 * logvar) * eps)
    weight = value if baseline is None else value - baseline
    weight = weight if value.dim() == eps.dim() else weight.unsqueeze(-1)
    return (weight * eps * torch.exp(-0.5 * logvar)).mean(0), (0.5 * weight * eps.square()).mean(0)


def score_descends(
    f: Function, mu: Tensor, logvar: Tensor, eps: Tensor, baseline: float | Tensor | None = None
) -> Pair:
    value = f(mu + torch.exp(0.5 * logvar) * eps)
    weight = value if baseline is None else value - baseline
    weight = weight if value.dim() == eps.dim() else weight.unsqueeze(-1)
    return -(weight * eps * torch.exp(-0.5 * logvar)).mean(0), -(0.5 * weight * (eps.square() - 1)).mean(0)


def score_sums_over_samples(
    f: Function, mu: Tensor, logvar: Tensor, eps: Tensor, baseline: float | Tensor | None = None
) -> Pair:
    value = f(mu + torch.exp(0.5 * logvar) * eps)
    weight = value if baseline is None else value - baseline
    weight = weight if value.dim() == eps.dim() else weight.unsqueeze(-1)
    return (weight * eps * torch.exp(-0.5 * logvar)).sum(0), (0.5 * weight * (eps.square() - 1)).sum(0)


def score_shares_the_signal(
    f: Function, mu: Tensor, logvar: Tensor, eps: Tensor, baseline: float | Tensor | None = None
) -> Pair:
    value = f(mu + torch.exp(0.5 * logvar) * eps)
    weight = value if baseline is None else value - baseline
    weight = weight if value.dim() == eps.dim() else weight.unsqueeze(-1)
    if mu.dim() > 1 and mu.numel():
        weight = weight.mean(tuple(range(1, mu.dim())), keepdim=True)
    return (weight * eps * torch.exp(-0.5 * logvar)).mean(0), (0.5 * weight * (eps.square() - 1)).mean(0)


def score_ignores_the_baseline(
    f: Function, mu: Tensor, logvar: Tensor, eps: Tensor, baseline: float | Tensor | None = None
) -> Pair:
    weight = f(mu + torch.exp(0.5 * logvar) * eps)
    weight = weight if weight.dim() == eps.dim() else weight.unsqueeze(-1)
    return (weight * eps * torch.exp(-0.5 * logvar)).mean(0), (0.5 * weight * (eps.square() - 1)).mean(0)


def score_adds_the_baseline(
    f: Function, mu: Tensor, logvar: Tensor, eps: Tensor, baseline: float | Tensor | None = None
) -> Pair:
    value = f(mu + torch.exp(0.5 * logvar) * eps)
    weight = value if baseline is None else value + baseline
    weight = weight if value.dim() == eps.dim() else weight.unsqueeze(-1)
    return (weight * eps * torch.exp(-0.5 * logvar)).mean(0), (0.5 * weight * (eps.square() - 1)).mean(0)


def score_subtracts_the_baseline_later(
    f: Function, mu: Tensor, logvar: Tensor, eps: Tensor, baseline: float | Tensor | None = None
) -> Pair:
    weight = f(mu + torch.exp(0.5 * logvar) * eps)
    weight = weight if weight.dim() == eps.dim() else weight.unsqueeze(-1)
    both = (weight * eps * torch.exp(-0.5 * logvar)).mean(0), (0.5 * weight * (eps.square() - 1)).mean(0)
    if baseline is None:
        return both
    late: Any = baseline.unsqueeze(-1) if isinstance(baseline, Tensor) and baseline.dim() else baseline
    return both[0] - late, both[1] - late


def score_centres_the_signal(
    f: Function, mu: Tensor, logvar: Tensor, eps: Tensor, baseline: float | Tensor | None = None
) -> Pair:
    value = f(mu + torch.exp(0.5 * logvar) * eps)
    weight = value - (value.mean(0) if baseline is None else baseline)
    weight = weight if value.dim() == eps.dim() else weight.unsqueeze(-1)
    return (weight * eps * torch.exp(-0.5 * logvar)).mean(0), (0.5 * weight * (eps.square() - 1)).mean(0)


def score_adds_entries_up(
    f: Function, mu: Tensor, logvar: Tensor, eps: Tensor, baseline: float | Tensor | None = None
) -> Pair:
    value = f(mu + torch.exp(0.5 * logvar) * eps)
    weight = value if baseline is None else value - baseline
    weight = weight.sum(-1, keepdim=True) if value.dim() == eps.dim() else weight.unsqueeze(-1)
    return (weight * eps * torch.exp(-0.5 * logvar)).mean(0), (0.5 * weight * (eps.square() - 1)).mean(0)


def score_returns_double(
    f: Function, mu: Tensor, logvar: Tensor, eps: Tensor, baseline: float | Tensor | None = None
) -> Pair:
    value = f(mu + torch.exp(0.5 * logvar) * eps).double()
    weight = value if baseline is None else value - baseline
    weight = weight if value.dim() == eps.dim() else weight.unsqueeze(-1)
    return (weight * eps * torch.exp(-0.5 * logvar)).mean(0), (0.5 * weight * (eps.square() - 1)).mean(0)


_SAMPLES = "Repeat every row of eps: a mean over samples should not move. What does your estimate do?"
_LOGVAR = "sigma is exp(logvar / 2): by which factor does it grow if logvar grows by a small d? What is your factor?"
_NO_PATH = "Your estimate is zero for every f: along which path could a gradient reach mu and logvar?"
_DTYPE = "Which dtype went in, and which came out? An encoder in float32 cannot use the other."
_OF_Q = "Halve sigma: how much faster does log q(z) fall when mu moves, at the same eps? Which q do you differentiate?"
_DETACH = "The score-function estimate needs no derivative of f, and z is a constant in it. What does your graph hold?"
_BATCH = "Change example 2 of the batch: why does the gradient of example 1 move?"
_BASELINE = "Give a baseline of 1000: what becomes of the weight of each draw, and what should its mean over draws be?"
_THIRD = "Put an example in a batch of three: why does its gradient become a third?"
_FAR = "At logvar = log 4 and eps = 1, how far from mu should z be?"

PATHWISE: dict[Callable[..., Any], str] = {
    takes_the_slope_at_the_mean: "Your noise moves z, but f does not see it. Where should the slope of f be taken?",
    sums_over_samples: _SAMPLES,
    averages_over_everything: _THIRD,
    forgets_the_half: _LOGVAR,
    differentiates_in_the_std: _LOGVAR,
    scales_noise_with_the_variance: _FAR,
    detaches_the_spread: "Your gradient in logvar is zero: does f(z) really not change when the spread does?",
    detaches_z: _NO_PATH,
    descends: "For f(z) = z and any noise the gradient in mu is 1. Which sign has yours?",
    shares_the_gradient: _BATCH,
    needs_a_path: "What does autograd say of f(z) where f only compares numbers, and what is the slope of such an f?",
    returns_double: _DTYPE,
}

SCORE: dict[Callable[..., Any], str] = {
    score_attaches_z: _DETACH,
    score_attaches_z_and_f: _DETACH,
    score_attaches_f: _DETACH,
    score_attaches_z_and_f_with_the_constant: _DETACH,
    score_adds_the_pathwise_gradient: _DETACH,
    score_of_the_standard_normal: _OF_Q,
    score_divides_by_the_variance: _OF_Q,
    score_evaluates_q_at_the_origin: _OF_Q,
    score_forgets_the_half: "Write log q as a function of logvar, with its factor in front, and differentiate again.",
    score_differentiates_in_the_std: _LOGVAR,
    score_forgets_the_normaliser: "For f = 1 the expectation stays 1 whatever logvar is. What does your gradient say?",
    score_descends: "For f(z) = z and many draws the estimate in mu is near 1. Which sign has yours?",
    score_sums_over_samples: _SAMPLES,
    score_shares_the_signal: _BATCH,
    score_ignores_the_baseline: _BASELINE,
    score_adds_the_baseline: _BASELINE,
    score_subtracts_the_baseline_later: _BASELINE,
    score_centres_the_signal: (
        "Without a baseline and with one draw your estimate is zero. Does what you subtract know the draw it is for?"
    ),
    score_adds_entries_up: "If f acts on each entry alone, does the value at entry 2 say anything about mu at entry 1?",
    score_returns_double: _DTYPE,
}
