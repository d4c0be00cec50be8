"""More wrong answers to enc.3, of the score-function estimate, and their sentences."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from reference.encoders._estimator_mistakes import _FAR, _LOGVAR, _OF_Q, _THIRD

Pair = tuple[Tensor, Tensor]
Function = Callable[[Tensor], Tensor]


def score_averages_over_everything(
    f: Function, mu: Tensor, logvar: Tensor, eps: Tensor, baseline: float | Tensor | None = None
) -> Pair:
    m, v = mu.detach().clone().requires_grad_(), logvar.detach().clone().requires_grad_()
    z = m + torch.exp(0.5 * v) * eps
    weight = f(z.detach()) if baseline is None else f(z.detach()) - baseline
    log_q = -0.5 * (math.log(2 * math.pi) + v + (z.detach() - m).square() * torch.exp(-v))
    if weight.dim() < z.dim():
        log_q = log_q.sum(-1)
    in_mu, in_logvar = torch.autograd.grad((weight * log_q).mean(), (m, v))
    return in_mu, in_logvar


def score_averages_over_latents(
    f: Function, mu: Tensor, logvar: Tensor, eps: Tensor, baseline: float | Tensor | None = None
) -> Pair:
    m, v = mu.detach().clone().requires_grad_(), logvar.detach().clone().requires_grad_()
    z = m + torch.exp(0.5 * v) * eps
    weight = f(z.detach()) if baseline is None else f(z.detach()) - baseline
    log_q = -0.5 * (math.log(2 * math.pi) + v + (z.detach() - m).square() * torch.exp(-v))
    if weight.dim() < z.dim():
        log_q = log_q.mean(-1)
    in_mu, in_logvar = torch.autograd.grad((weight * log_q).sum() / len(eps), (m, v))
    return in_mu, in_logvar


def score_differentiates_the_density(
    f: Function, mu: Tensor, logvar: Tensor, eps: Tensor, baseline: float | Tensor | None = None
) -> Pair:
    m, v = mu.detach().clone().requires_grad_(), logvar.detach().clone().requires_grad_()
    z = m + torch.exp(0.5 * v) * eps
    weight = f(z.detach()) if baseline is None else f(z.detach()) - baseline
    log_q = -0.5 * (math.log(2 * math.pi) + v + (z.detach() - m).square() * torch.exp(-v))
    if weight.dim() < z.dim():
        log_q = log_q.sum(-1)
    in_mu, in_logvar = torch.autograd.grad((weight * log_q.exp()).sum() / len(eps), (m, v))
    return in_mu, in_logvar


def score_averages_before_it_multiplies(
    f: Function, mu: Tensor, logvar: Tensor, eps: Tensor, baseline: float | Tensor | None = None
) -> Pair:
    value = f(mu + torch.exp(0.5 * logvar) * eps)
    weight = value if baseline is None else value - baseline
    weight = weight if value.dim() == eps.dim() else weight.unsqueeze(-1)
    return weight.mean(0) * (eps * torch.exp(-0.5 * logvar)).mean(0), weight.mean(0) * (0.5 * (eps.square() - 1)).mean(
        0
    )


def score_takes_logvar_for_log_sigma(
    f: Function, mu: Tensor, logvar: Tensor, eps: Tensor, baseline: float | Tensor | None = None
) -> Pair:
    value = f(mu + torch.exp(logvar) * eps)
    weight = value if baseline is None else value - baseline
    weight = weight if value.dim() == eps.dim() else weight.unsqueeze(-1)
    return (weight * eps * torch.exp(-logvar)).mean(0), (0.5 * weight * (eps.square() - 1)).mean(0)


def score_differentiates_in_the_variance(
    f: Function, mu: Tensor, logvar: Tensor, eps: Tensor, baseline: float | Tensor | None = None
) -> Pair:
    value = f(mu + torch.exp(0.5 * logvar) * eps)
    weight = value if baseline is None else value - baseline
    weight = weight if value.dim() == eps.dim() else weight.unsqueeze(-1)
    return (weight * eps * torch.exp(-0.5 * logvar)).mean(0), (
        0.5 * weight * (eps.square() - 1) * torch.exp(-logvar)
    ).mean(0)


def score_multiplies_by_the_std(
    f: Function, mu: Tensor, logvar: Tensor, eps: Tensor, baseline: float | Tensor | None = None
) -> Pair:
    value = f(mu + torch.exp(0.5 * logvar) * eps)
    weight = value if baseline is None else value - baseline
    weight = weight if value.dim() == eps.dim() else weight.unsqueeze(-1)
    return (weight * eps * torch.exp(0.5 * logvar)).mean(0), (0.5 * weight * (eps.square() - 1)).mean(0)


def score_subtracts_from_another_shape(
    f: Function, mu: Tensor, logvar: Tensor, eps: Tensor, baseline: float | Tensor | None = None
) -> Pair:
    value = f(mu + torch.exp(0.5 * logvar) * eps)
    weight = value if value.dim() == eps.dim() else value.unsqueeze(-1)
    weight = weight if baseline is None else weight - baseline
    return (weight * eps * torch.exp(-0.5 * logvar)).mean(0), (0.5 * weight * (eps.square() - 1)).mean(0)


MORE_SCORE: dict[Callable[..., Any], str] = {
    score_averages_over_everything: _THIRD,
    score_averages_over_latents: (
        "Add a latent that f does not look at: should the gradients of the others become smaller?"
    ),
    score_differentiates_the_density: (
        "Which function of q does the identity behind this estimate differentiate, and which one do you?"
    ),
    score_averages_before_it_multiplies: (
        "What is the weight of one draw's slope: the f of that draw, or an average over all of them?"
    ),
    score_takes_logvar_for_log_sigma: _FAR,
    score_differentiates_in_the_variance: _LOGVAR,
    score_multiplies_by_the_std: _OF_Q,
    score_subtracts_from_another_shape: (
        "A baseline may have the shape of f(z). Which shape has f(z) where you subtract it?"
    ),
}
