"""Networks with given weights."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


def mlp(weights: Sequence[Tensor], biases: Sequence[Tensor]) -> nn.Module:
    """Linear layers with tanh between them; weights are [out, in], as in `nn.Linear`."""
    layers: list[nn.Module] = []
    for weight, bias in zip(weights, biases, strict=True):
        layer = nn.Linear(weight.shape[1], weight.shape[0], device=weight.device, dtype=weight.dtype)
        with torch.no_grad():
            layer.weight.copy_(weight)
            layer.bias.copy_(bias)
        layers += [layer, nn.Tanh()]
    return nn.Sequential(*layers[:-1])
