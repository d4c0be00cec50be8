"""Energies E(x) of unnormalised densities exp(-E(x)) / Z; x is [..., dim], the result [...]."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor, nn
from torch.nn.functional import softplus

Function = Callable[[Tensor], Tensor]


def quadratic_energy(center: Tensor, precision: Tensor, log_partition: Tensor) -> Function:
    """1/2 (x - center)^T P (x - center) + log_partition, with P [dim, dim] and log_partition a number."""

    def energy(x: Tensor) -> Tensor:
        away = x - center
        return 0.5 * ((away @ precision) * away).sum(-1) + log_partition

    return energy


def mlp_energy(weights: Sequence[Tensor], biases: Sequence[Tensor]) -> Function:
    """The sum of a network's outputs: linear layers, weights [out, in], with softplus between them."""

    def energy(x: Tensor) -> Tensor:
        for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
            x = softplus(x @ weight.mT + bias)
        return (x @ weights[-1].mT + biases[-1]).sum(-1)

    return energy


def summed_network(net: nn.Module) -> nn.Module:
    """The sum of a network's outputs, as a module that owns the network's parameters."""
    return _Summed(net)


class _Summed(nn.Module):
    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        value: Tensor = self.net(x).sum(-1)
        return value
