"""Invertible maps x -> (z, log|det dz/dx|), the direction in which a normalising flow is evaluated.

x and z are [..., dim], the log-determinant is [...].
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Inverse = Callable[[Tensor], tuple[Tensor, Tensor]]


def affine_inverse(scale: Tensor, shift: Tensor) -> Inverse:
    """z = (x - shift) / scale, entry by entry; no entry of scale is 0. All examples share one log-determinant."""

    def inverse(x: Tensor) -> tuple[Tensor, Tensor]:
        return (x - shift) / scale, (-scale.abs().log().sum()).expand(x.shape[:-1])

    return inverse


def bent_inverse(matrix: Tensor, offset: Tensor, bend: Tensor) -> Inverse:
    """z = y + bend tanh(y) with y = A x + offset, A = matrix [dim, dim] and bend > -1: not the same volume anywhere."""

    def inverse(x: Tensor) -> tuple[Tensor, Tensor]:
        y = x @ matrix.mT + offset
        squashed = torch.tanh(y)
        slopes = torch.log1p(bend * (1 - squashed.square()))
        return y + bend * squashed, torch.linalg.slogdet(matrix).logabsdet + slopes.sum(-1)

    return inverse
