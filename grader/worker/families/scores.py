"""Vector fields that stand for scores; x is [..., dim] and so is the result. Each row is treated on its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.functional import softplus

Field = Callable[[Tensor], Tensor]


def affine_field(matrix: Tensor, offset: Tensor) -> Field:
    """s(x) = A x + offset, with A = matrix, [dim, dim]."""
    return lambda x: x @ matrix.mT + offset


def mixture_score(logits: Tensor, mu: Tensor, logvar: Tensor) -> Field:
    """The score of sum_k softmax(logits)_k N(mu_k, diag exp(logvar_k)); mu and logvar are [components, dim]."""

    def score(x: Tensor) -> Tensor:
        away = mu - x.unsqueeze(-2)
        pull = away * torch.exp(-logvar)
        share = (logits - 0.5 * (logvar + away * pull).sum(-1)).softmax(-1)
        return (share.unsqueeze(-1) * pull).sum(-2)

    return score


def mlp_field(weights: Sequence[Tensor], biases: Sequence[Tensor]) -> Field:
    """Linear layers, weights [out, in], with softplus between them."""

    def field(x: Tensor) -> Tensor:
        for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
            x = softplus(x @ weight.mT + bias)
        return x @ weights[-1].mT + biases[-1]

    return field


def sum_of_fields(first: Field, second: Field) -> Field:
    """s(x) = first(x) + second(x)."""
    return lambda x: first(x) + second(x)


def turned_field(field: Field, rotation: Tensor) -> Field:
    """The field seen from turned axes: s(x) = R field(R^T x), with R orthogonal."""
    return lambda x: field(x @ rotation) @ rotation.mT
