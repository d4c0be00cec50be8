"""Other right answers to dsm.2."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Field = Callable[..., Tensor]


def flattens_each_example(
    score_fn: Field, x: Tensor, sigmas: Tensor, idx: Tensor, eps: Tensor, *, weighting: str
) -> Tensor:
    used = torch.gather(sigmas, 0, idx.flatten()).view(idx.shape)
    levels = used.view(*idx.shape, *(1 for _ in range(x.ndim - idx.ndim)))
    noisy = x + levels * eps
    target = -(noisy - x) / levels**2
    squares = (score_fn(noisy, used) - target) ** 2
    losses = 0.5 * squares.reshape(*idx.shape, -1).sum(dim=-1)
    if weighting == "sigma2":
        losses = losses * used**2
    return losses.mean()


def moves_the_batch_to_the_end(
    score_fn: Field, x: Tensor, sigmas: Tensor, idx: Tensor, eps: Tensor, *, weighting: str
) -> Tensor:
    sigma = sigmas.index_select(0, idx.reshape(-1))
    flat_x, flat_eps = x.reshape(idx.numel(), -1).T, eps.reshape(idx.numel(), -1).T
    noisy = torch.addcmul(flat_x, flat_eps, sigma)
    score = score_fn(noisy.T.reshape(x.shape), sigma.reshape(idx.shape)).reshape(idx.numel(), -1).T
    error = score * sigma + flat_eps
    weights = {"none": 1 / sigma.pow(2), "sigma2": torch.ones_like(sigma)}[weighting]
    return torch.einsum("db,db,b->", error, error, weights) / (2 * idx.numel())


def expands_the_levels(
    score_fn: Field, x: Tensor, sigmas: Tensor, idx: Tensor, eps: Tensor, *, weighting: str
) -> Tensor:
    levels = sigmas[idx]
    full = levels
    while full.dim() < x.dim():
        full = full.unsqueeze(-1)
    full = full.expand_as(x)
    difference = score_fn(x + full * eps, levels) + torch.div(eps, full)
    weight = full.square() if weighting == "sigma2" else torch.ones_like(full)
    total = (weight * difference.square()).sum()
    return total * (0.5 / levels.numel())


ALTERNATIVES = (flattens_each_example, moves_the_batch_to_the_end, expands_the_levels)
