"""Functions that act on each entry of z alone and return as many numbers."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def sines(frequency: Tensor) -> Callable[[Tensor], Tensor]:
    """f(z)_l = sin(frequency_l z_l); z is [..., dim], and so is the result."""
    return lambda z: torch.sin(frequency * z)
