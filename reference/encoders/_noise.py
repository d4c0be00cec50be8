"""Noise with exact moments, with which estimates have no sampling error left."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from grader.strategies import Numbers, Shape


def standardised(source: Numbers, samples: int, shape: Shape) -> Tensor:
    """Noise, [samples, *shape]: over the samples each entry has mean 0, mean square 1 and no two equal numbers."""
    grid = torch.linspace(-1.5, 1.5, samples, dtype=torch.float64)
    columns = [grid[source.permutation(samples)] for _ in range(math.prod(shape))]
    levels = torch.stack(columns, dim=1).reshape(samples, *shape) if columns else torch.zeros(samples, *shape)
    noise = levels + 0.1 * source.uniform((samples, *shape), low=-1.0, high=1.0)
    centred = noise - noise.mean(0)
    return centred / centred.square().mean(0).sqrt()


def quantiles(count: int) -> Tensor:
    """As many quantiles of a standard normal, evenly spread: their mean is an integral over all noise."""
    levels = (torch.arange(count, dtype=torch.float64) + 0.5) / count
    normal: Tensor = torch.special.ndtri(levels)
    return normal
