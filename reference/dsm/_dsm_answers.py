"""Other right answers to dsm.1."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

Field = Callable[[Tensor], Tensor]


def divides_the_difference_by_the_variance(score_fn: Field, x: Tensor, sigma: float | Tensor, eps: Tensor) -> Tensor:
    noisy = x + sigma * eps
    target = -(noisy - x) / sigma**2
    return 0.5 * torch.sum((score_fn(noisy) - target) ** 2, dim=-1).mean()


def sums_and_divides(score_fn: Field, x: Tensor, sigma: float | Tensor, eps: Tensor) -> Tensor:
    difference = score_fn(torch.add(x, eps * sigma)) - eps.neg().div(sigma)
    total: Tensor = torch.einsum("...d,...d->", difference, difference) / (2 * x[..., 0].numel())
    return total


def takes_norms_of_scaled_residuals(score_fn: Field, x: Tensor, sigma: float | Tensor, eps: Tensor) -> Tensor:
    residual = sigma * score_fn(x + sigma * eps) + eps
    norms = torch.linalg.vector_norm(residual, dim=-1)
    loss: Tensor = (norms**2 / (2 * sigma**2)).mean()
    return loss


def averages_and_multiplies_by_the_dimension(score_fn: Field, x: Tensor, sigma: float | Tensor, eps: Tensor) -> Tensor:
    target = torch.mul(eps, -1.0 / sigma)
    loss = torch.nn.functional.mse_loss(score_fn(x + eps * sigma), target)
    return loss * x.shape[-1] / 2


def makes_a_tensor_of_sigma(score_fn: Field, x: Tensor, sigma: float | Tensor, eps: Tensor) -> Tensor:
    level: Any = torch.as_tensor(sigma, dtype=x.dtype, device=x.device).expand(x.shape)
    residual = score_fn(torch.addcmul(x, level, eps)) + torch.div(eps, level)
    per_point = 0.5 * residual.pow(2).sum(dim=-1)
    return per_point.flatten().mean()


ALTERNATIVES = (
    divides_the_difference_by_the_variance,
    sums_and_divides,
    takes_norms_of_scaled_residuals,
    averages_and_multiplies_by_the_dimension,
    makes_a_tensor_of_sigma,
)
