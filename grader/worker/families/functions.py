"""Functions whose expectations under a Gaussian are known; all act on each row and return one number a row."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Function = Callable[[Tensor], Tensor]


def quadratic(center: Tensor, curvature: Tensor) -> Function:
    """f(z) = sum_l curvature_l (z_l - center_l)^2; z is [..., dim], the result [...]."""
    return lambda z: (curvature * (z - center).square()).sum(-1)


def linear(slope: Tensor, offset: float) -> Function:
    """f(z) = slope . z + offset."""
    return lambda z: (slope * z).sum(-1) + offset


def sine(frequency: Tensor) -> Function:
    """f(z) = sum_l sin(frequency_l z_l)."""
    return lambda z: torch.sin(frequency * z).sum(-1)


def step(threshold: Tensor) -> Function:
    """f(z) = number of coordinates above their threshold; its gradient is zero wherever it has one."""
    return lambda z: (z > threshold).to(z.dtype).sum(-1)
