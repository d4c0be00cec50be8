"""Plain networks that count how often they are asked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn


class Mlp(nn.Module):
    """Linear layers with SiLU between them.

    Args:
        sizes: Of the input, of each hidden layer and of the output.
        zero: Whether the last layer starts at 0, so that the first output is 0 everywhere.
    """

    def __init__(self, sizes: Sequence[int], *, zero: bool = False) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))
        self.calls = 0
        if zero:
            last = self.layers[-1]
            assert isinstance(last, nn.Linear)
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        for layer in self.layers[:-1]:
            x = nn.functional.silu(layer(x))
        last: Tensor = self.layers[-1](x)
        return last


class Timed(nn.Module):
    """A network of x and of a time (or a noise level), residual, with sines and cosines of the time.

    Args:
        dim: Of x, and of the output.
        hidden: Width.
        blocks: Residual blocks of two layers each.
    """

    FREQUENCIES = 8

    def __init__(self, dim: int, hidden: int, blocks: int) -> None:
        super().__init__()
        self.begin = nn.Linear(dim + 2 * self.FREQUENCIES, hidden)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU(), nn.Linear(hidden, hidden))
            for _ in range(blocks)
        )
        self.end = nn.Linear(hidden, dim)
        nn.init.zeros_(self.end.weight)
        nn.init.zeros_(self.end.bias)
        self.calls = 0

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        """x [n, dim] and time [n], about from -1 to 1."""
        self.calls += 1
        angles = time.unsqueeze(-1) * math.pi * 2.0 ** torch.arange(-2, self.FREQUENCIES - 2, device=x.device)
        h = self.begin(torch.cat([x, angles.sin(), angles.cos()], -1))
        for block in self.blocks:
            h = h + block(h)
        out: Tensor = self.end(nn.functional.silu(h))
        return out


def calls_of(nets: nn.Module) -> int:
    """How often the networks in it have been asked, all together."""
    return sum(getattr(part, "calls", 0) for part in nets.modules())
