"""The coupling layer that fr.2 asks for, and that the wrong answers change."""

from __future__ import annotations

import torch
from torch import Tensor, nn

Pair = tuple[Tensor, Tensor]


class AffineCoupling(nn.Module):
    """z = m x + (1 - m) (x e^s + t), (s, t) = net(m x) with s bounded as c tanh(s / c), c = 8; z and log|det dz/dx|."""

    mask: Tensor

    def __init__(self, mask: Tensor, net: nn.Module) -> None:
        super().__init__()
        self.register_buffer("mask", mask)
        self.net = net

    def _scale_and_shift(self, x: Tensor) -> Pair:
        raw, shift = self.net(self.mask * x).chunk(2, dim=-1)
        return (1 - self.mask) * 8 * torch.tanh(raw / 8), (1 - self.mask) * shift

    def forward(self, x: Tensor) -> Pair:
        log_scale, shift = self._scale_and_shift(x)
        return x * torch.exp(log_scale) + shift, log_scale.sum(-1)

    def inverse(self, z: Tensor) -> Pair:
        log_scale, shift = self._scale_and_shift(z)
        return (z - shift) * torch.exp(-log_scale), -log_scale.sum(-1)
