"""Other right answers to dsm.7."""

from __future__ import annotations

import torch
from torch import Tensor

Pair = tuple[Tensor, Tensor]


def multiplies_two_gaussians(x0: Tensor, x_t: Tensor, abar_t: Tensor, abar_s: Tensor) -> Pair:
    def wide(level: Tensor) -> Tensor:
        return level.view(level.shape + (1,) * (x0.ndim - level.ndim))

    ratio = abar_t / abar_s
    # Of the two factors the likelihood has precision ratio / (1 - ratio) in x_s, and the prior 1 / (1 - abar_s);
    # multiplied by both denominators, so that abar_s may be 1.
    total = ratio * (1 - abar_s) + (1 - ratio)
    weighted = wide(ratio.sqrt() * (1 - abar_s)) * x_t + wide((1 - ratio) * abar_s.sqrt()) * x0
    return weighted / wide(total), (1 - ratio) * (1 - abar_s) / total


def goes_through_the_noise(x0: Tensor, x_t: Tensor, abar_t: Tensor, abar_s: Tensor) -> Pair:
    var = (1 - abar_t / abar_s) * (1 - abar_s) / (1 - abar_t)
    signal_s, signal_t, noise_t = abar_s**0.5, abar_t**0.5, (1 - abar_t) ** 0.5
    factor = (abar_t / abar_s) ** 0.5 * (1 - abar_s) / noise_t
    for _ in range(x0.dim() - abar_t.dim()):
        signal_s, signal_t, noise_t, factor = (each[..., None] for each in (signal_s, signal_t, noise_t, factor))
    eps_hat = (x_t - signal_t * x0) / noise_t
    return signal_s * x0 + factor * eps_hat, var


def flattens_each_example(x0: Tensor, x_t: Tensor, abar_t: Tensor, abar_s: Tensor) -> Pair:
    alpha = torch.div(abar_t, abar_s)
    beta = 1 - alpha
    var = torch.mul(beta, 1 - abar_s) / (1 - abar_t)
    first = (torch.sqrt(abar_s) * beta / (1 - abar_t)).reshape(-1, 1)
    second = (torch.sqrt(alpha) * (1 - abar_s) / (1 - abar_t)).reshape(-1, 1)
    event = x0.shape[abar_t.dim() :].numel()
    mean = first * x0.reshape(-1, event) + second * x_t.reshape(-1, event)
    return mean.reshape(x0.shape), var


ALTERNATIVES = (multiplies_two_gaussians, goes_through_the_noise, flattens_each_example)
