"""The banana that fr.8 draws its data from, and the flow that is exactly right for it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

LONG, THIN = 1.5, 0.5
"""Standard deviations along the banana and across it."""

ENTROPY = 1 + math.log(2 * math.pi) + math.log(LONG * THIN)
"""In nats, 2.550: bending, turning and moving leave volumes as they are."""


class ExactFlow(nn.Module):
    """x to z = e, where y_1 = 1.5 e_1, y_2 = bend (y_1^2 - 2.25) + 0.5 e_2, and x is y, or y with its entries swapped,
    plus shift.

    Args:
        bend: A number.
        swapped: Whether the entries of y are swapped.
        shift: [2].
        dtype: Of x, and of what is computed.
    """

    shift: Tensor

    def __init__(self, bend: float, swapped: bool, shift: Tensor, dtype: torch.dtype) -> None:
        super().__init__()
        self.bend = bend
        self.swapped = swapped
        self.register_buffer("shift", shift.to(dtype))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        y = x - self.shift
        first, second = (y.flip(-1) if self.swapped else y).unbind(-1)
        across = (second - self.bend * (first.square() - LONG**2)) / THIN
        return torch.stack((first / LONG, across), dim=-1), torch.full_like(first, -math.log(LONG * THIN))

    def inverse(self, z: Tensor) -> tuple[Tensor, Tensor]:
        first = LONG * z[..., 0]
        second = self.bend * (first.square() - LONG**2) + THIN * z[..., 1]
        y = torch.stack((second, first) if self.swapped else (first, second), dim=-1)
        return y + self.shift, torch.full_like(first, math.log(LONG * THIN))


@dataclass(frozen=True, kw_only=True)
class Banana:
    """A law of x, [2]: its bend (0.3 to 0.6, either sign), which entry bends, and its place."""

    bend: float
    swapped: bool
    shift: Tensor

    def flow(self, dtype: torch.dtype = torch.float64) -> ExactFlow:
        """The flow under which z is standard normal."""
        return ExactFlow(self.bend, self.swapped, self.shift, dtype)

    def at(self, e: Tensor) -> Tensor:
        """The points that standard normal numbers become, [..., 2] in float64."""
        points: Tensor = self.flow().inverse(e)[0]
        return points

    def log_density(self, x: Tensor) -> Tensor:
        """Exact, in nats; x is [..., 2] in float64."""
        z, log_det = self.flow().forward(x)
        return standard_normal(z) + log_det


def standard_normal(z: Tensor) -> Tensor:
    """log N(z; 0, I) in the plane, [...]."""
    return -math.log(2 * math.pi) - 0.5 * (z[..., 0].square() + z[..., 1].square())


def banana(number: int) -> Banana:
    """The one that belongs to a number, such as a generator's seed."""
    source = torch.Generator().manual_seed(number)
    bend, side, swap = torch.rand(3, generator=source, dtype=torch.float64).tolist()
    shift = torch.randn(2, generator=source, dtype=torch.float64)
    return Banana(bend=math.copysign(0.3 + 0.3 * bend, side - 0.5), swapped=swap < 0.5, shift=shift)
