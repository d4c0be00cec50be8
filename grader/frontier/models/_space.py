"""Where data live, and how each kind of model sees them: as numbers near 1, or as levels."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Space:
    """A box of cells. Every density of the experiment is one of y in this box, in the units of y."""

    dim: int
    levels: int
    """Cells along each dimension."""
    low: float
    width: float
    """Of a cell."""
    centre: float
    scale: float
    """A typical standard deviation of one dimension."""

    def unit(self, y: Tensor) -> Tensor:
        """y as numbers of mean about 0 and variance about 1."""
        return (y - self.centre) / self.scale

    def from_unit(self, x: Tensor) -> Tensor:
        """The inverse of `unit`."""
        return x * self.scale + self.centre

    @property
    def log_unit(self) -> float:
        """What is added to a log-density of `unit(y)` to make it one of y."""
        return -self.dim * math.log(self.scale)

    def cells(self, y: Tensor) -> Tensor:
        """The cell that each number lies in, int64; what lies outside the box goes to the nearest."""
        return ((y - self.low) / self.width).floor().clamp(0, self.levels - 1).long()

    def within(self, cells: Tensor, generator: torch.Generator) -> Tensor:
        """A uniform point in each cell."""
        u = torch.rand(cells.shape, generator=generator, device=cells.device)
        return self.low + self.width * (cells + u)

    @property
    def log_cell(self) -> float:
        """What is added to the log-probability of a cell to make it the density of a uniform point in it."""
        return -self.dim * math.log(self.width)

    def centred(self, cells: Tensor) -> Tensor:
        """The cells' numbers from -1 to 1."""
        return 2 * cells / (self.levels - 1) - 1
