"""Other right answers to dsm.4, each with the function that it stands in for."""

from __future__ import annotations

import torch
from torch import Tensor


def divides_by_a_power(eps_hat: Tensor, alpha_bar: Tensor) -> Tensor:
    noise_std = (1.0 - alpha_bar) ** 0.5
    while noise_std.dim() < eps_hat.dim():
        noise_std = noise_std[..., None]
    return eps_hat.neg() / noise_std


def multiplies_by_the_inverse_root(eps_hat: Tensor, alpha_bar: Tensor) -> Tensor:
    dims = tuple(range(alpha_bar.dim(), eps_hat.dim()))
    shape = [1 if d in dims else size for d, size in enumerate(eps_hat.shape)]
    return -eps_hat * torch.rsqrt(1 - alpha_bar).view(shape)


def solves_for_the_noise(score: Tensor, alpha_bar: Tensor) -> Tensor:
    event = score.shape[alpha_bar.dim() :]
    flat = score.reshape(alpha_bar.numel(), event.numel())
    noise_std = torch.sqrt(1 - alpha_bar).reshape(-1, 1)
    return torch.mul(flat, noise_std).neg().reshape(score.shape)


def goes_through_the_noise(x_t: Tensor, score: Tensor, alpha_bar: Tensor) -> Tensor:
    eps_hat = score_to_eps(score, alpha_bar)
    abar = alpha_bar.view(alpha_bar.shape + (1,) * (x_t.ndim - alpha_bar.ndim))
    return (x_t - torch.sqrt(1 - abar) * eps_hat) / torch.sqrt(abar)


def moves_the_batch_to_the_end(x_t: Tensor, score: Tensor, alpha_bar: Tensor) -> Tensor:
    batch = alpha_bar.dim()
    order = (*range(batch, x_t.dim()), *range(batch))
    back = (*range(x_t.dim() - batch, x_t.dim()), *range(x_t.dim() - batch))
    total = torch.addcmul(x_t.permute(order), score.permute(order), 1 - alpha_bar)
    return torch.div(total, alpha_bar.sqrt()).permute(back)


def expands_the_levels(x0: Tensor, alpha_bar: Tensor, eps: Tensor) -> Tensor:
    abar = alpha_bar[(..., *[None] * (x0.dim() - alpha_bar.dim()))].expand_as(x0)
    return torch.sqrt(abar) * x0 + torch.sqrt(1 - abar) * eps


def keeps_the_noise_std(x0: Tensor, alpha_bar: Tensor, eps: Tensor) -> Tensor:
    signal, noise = alpha_bar.pow(0.5), alpha_bar.neg().add(1).pow(0.5)
    for _ in range(x0.dim() - alpha_bar.dim()):
        signal, noise = signal.unsqueeze(-1), noise.unsqueeze(-1)
    return signal.mul(x0).add(noise.mul(eps))


def score_to_eps(score: Tensor, alpha_bar: Tensor) -> Tensor:
    """What the model solution's module calls so; the answers are run after that module."""
    raise NotImplementedError


ALTERNATIVES = (
    (divides_by_a_power, "eps_to_score"),
    (multiplies_by_the_inverse_root, "eps_to_score"),
    (solves_for_the_noise, "score_to_eps"),
    (goes_through_the_noise, "tweedie_x0"),
    (moves_the_batch_to_the_end, "tweedie_x0"),
    (expands_the_levels, "vp_perturb"),
    (keeps_the_noise_std, "vp_perturb"),
)
