"""Velocities v(x, t) of flows in time; x is [*batch, *event], t [*batch], and the result has the shape of x.

A t that the caller has given further dimensions, or none, or that is a number, is taken as it is meant: whether a
student's code asks with the right shape is a check's business, not that of the value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.functional import softplus

Velocity = Callable[[Tensor, Tensor], Tensor]


def affine_velocity(matrix: Tensor, drift: Tensor, offset: Tensor) -> Velocity:
    """v(x, t) = A x + t drift + offset, with A = matrix, [dim, dim]."""
    return lambda x, t: x @ matrix.mT + _beside(t, x) * drift + offset


def entrywise_velocity(gain: Tensor, drift: Tensor) -> Velocity:
    """v(x, t) = gain x + t drift, for numbers or event-shaped tensors; images too."""
    return lambda x, t: gain * x + _beside(t, x) * drift


def mlp_velocity(weights: Sequence[Tensor], biases: Sequence[Tensor]) -> Velocity:
    """A network of x and t side by side: linear layers, weights [out, in], with softplus between them."""

    def velocity(x: Tensor, t: Tensor) -> Tensor:
        hidden = torch.cat((x, _beside(t, x).expand(*x.shape[:-1], 1)), dim=-1)
        for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
            hidden = softplus(hidden @ weight.mT + bias)
        return hidden @ weights[-1].mT + biases[-1]

    return velocity


def gaussian_velocity(mean: Tensor, std: Tensor) -> Velocity:
    """Of the straight paths from N(0, I) to N(mean, diag(std^2)), drawn independently: E[x1 - x0 | x_t = x]."""

    def velocity(x: Tensor, t: Tensor) -> Tensor:
        time = _beside(t, x)
        variance = (1 - time).square() + (time * std).square()
        return mean + (time * std.square() - (1 - time)) / variance * (x - time * mean)

    return velocity


def _beside(t: Tensor | float, x: Tensor) -> Tensor:
    """t with as many dimensions as x."""
    time = torch.as_tensor(t, dtype=x.dtype, device=x.device)
    return time.reshape(time.shape + (1,) * (x.dim() - time.dim()))
