"""Autoregressive models given by tables, for samplers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Logits = Callable[[Tensor], Tensor]


def table_logits(tables: Sequence[Tensor]) -> Logits:
    """f(x) = logits of each variable given those before it: x is [n, D] of integers, the result [n, D, V].

    Args:
        tables: D tensors, the i-th (from 0) of shape [V] * (i + 1): logits of x_i, along the last dimension, for each
            value of the variables before it. Entries of x that are no outcome count as the nearest one.
    """

    def logits(x: Tensor) -> Tensor:
        values = x.clamp(0, tables[0].shape[0] - 1).unbind(-1)
        # Variable 0 has no variable before it: every row has the same logits.
        first = tables[0].expand(x.shape[0], -1)
        return torch.stack([first, *(table[values[:i]] for i, table in enumerate(tables) if i)], dim=1)

    return logits


def table_logits_in_turn(tables: Sequence[Tensor], start: int) -> Logits:
    """As `table_logits`, but right for one variable at a time: `start` in the first call, the next in the second, ...

    All other variables are given logits that are all but sure of the last outcome, for samplers that use them.
    """
    right = table_logits(tables)
    turns = iter(range(start, len(tables)))

    def logits(x: Tensor) -> Tensor:
        exact = right(x)
        misleading = torch.zeros_like(exact)
        misleading[..., -1] = 50.0
        turn = torch.arange(len(tables), device=exact.device) == next(turns, -1)
        return torch.where(turn[:, None], exact, misleading)

    return logits
