"""Fields that stand for scores of noisy data, s(x, sigma); x is [*batch, *event], sigma [*batch] or 0-dim."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Field = Callable[[Tensor, Tensor], Tensor]


def noisy_gaussian_score(mean: Tensor, variance: Tensor) -> Field:
    """The score of N(mean, variance) with noise: -(x - mean) / (variance + sigma^2); mean and variance are [*event]."""

    def score(x: Tensor, sigma: Tensor | float) -> Tensor:
        return (mean - x) / (variance + _beside(sigma, x, mean.dim()).square())

    return score


def noisy_wave(frequency: Tensor, offset: Tensor, tilt: Tensor) -> Field:
    """(sin(frequency x + offset) - tilt sigma) / (1 + sigma) in each entry; all three are [*event]."""

    def score(x: Tensor, sigma: Tensor | float) -> Tensor:
        level = _beside(sigma, x, frequency.dim())
        return (torch.sin(frequency * x + offset) - tilt * level) / (1 + level)

    return score


def _beside(sigma: Tensor | float, x: Tensor, event_dims: int) -> Tensor:
    """One noise level for each example, or one for all, shaped to broadcast against x.

    Raises:
        ValueError: Where it is neither, nor shaped so already.
    """
    if not isinstance(sigma, Tensor):
        return torch.as_tensor(sigma, dtype=x.dtype, device=x.device)
    batch, ones = x.shape[: x.dim() - event_dims], (1,) * event_dims
    if sigma.shape not in (batch, (*batch, *ones), ()):
        raise ValueError(f"sigma has shape {list(sigma.shape)}; expected {list(batch)}, one level for each example")
    return sigma.reshape(*batch, *ones) if sigma.dim() else sigma
