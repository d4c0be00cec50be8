"""What the second part of fr.6 gives where the first is the student's own: its oracle with that function left open."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor


def cfm_loss(
    v_fn: Callable[..., Tensor], x0: Tensor, x1: Tensor, t: Tensor, *, cfm_pair: Callable[..., tuple[Tensor, Tensor]]
) -> Tensor:
    """A 0-dim tensor, from the points and velocities of the pairs."""
    x_t, u = cfm_pair(x0, x1, t)
    each = (v_fn(x_t, t) - u).square().reshape((*t.shape, -1)).sum(-1)
    return each.mean()
