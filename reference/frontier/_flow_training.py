"""What the answers to fr.8 are made of: the model solution's parts, under its names."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from reference.frontier._coupling import AffineCoupling

Pair = tuple[Tensor, Tensor]
Loss = Callable[[nn.Module, Tensor], Tensor]


class _Flow(nn.Module):
    """Layers in a row."""

    def __init__(self, layers: Sequence[nn.Module]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def forward(self, x: Tensor) -> Pair:
        total = torch.zeros_like(x[..., 0])
        for layer in self.layers:
            x, log_det = layer(x)
            total = total + log_det
        return x, total

    def inverse(self, z: Tensor) -> Pair:
        total = torch.zeros_like(z[..., 0])
        for layer in reversed(self.layers):
            inverse: Any = layer.inverse
            z, log_det = inverse(z)
            total = total + log_det
        return z, total


def _couplings(masks: Sequence[Sequence[float]], generator: torch.Generator) -> list[AffineCoupling]:
    layers = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(torch.randint(2**31, (), generator=generator)))
        for mask in masks:
            size = len(mask)
            net = nn.Sequential(nn.Linear(size, 32), nn.SiLU(), nn.Linear(32, 32), nn.SiLU(), nn.Linear(32, 2 * size))
            layers.append(AffineCoupling(torch.tensor(mask), net))
    return layers


def _fit(
    flow: nn.Module, loss: Loss, x_train: Tensor, generator: torch.Generator, steps: int = 1500, top_rate: float = 1e-2
) -> nn.Module:
    flow = flow.to(x_train.dtype)
    optimizer = torch.optim.Adam(flow.parameters(), lr=top_rate)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = top_rate * min(1.0, 10 * (step + 1) / steps) * (0.5 + 0.5 * math.cos(math.pi * step / steps))
        rows = torch.randint(len(x_train), (256,), generator=generator)
        optimizer.zero_grad()
        torch.autograd.backward(loss(flow, x_train[rows]))
        optimizer.step()
    return flow


ALTERNATING = ((1.0, 0.0), (0.0, 1.0), (1.0, 0.0), (0.0, 1.0))
