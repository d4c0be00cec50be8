"""How a tensor lies in memory."""

from __future__ import annotations

from torch import Tensor


def stored(tensor: Tensor) -> Tensor:
    """The elements from a tensor's first to its last in memory, each once, in one dimension; it holds at least one."""
    if tensor.is_contiguous():
        return tensor.as_strided((tensor.numel(),), (1,))
    elements = 1 + sum((n - 1) * s for n, s in zip(tensor.shape, tensor.stride(), strict=True))
    return tensor.as_strided((elements,), (1,))


def copy_layout(tensor: Tensor) -> Tensor:
    """A copy with the same strides, overlapping ones included."""
    if tensor.numel() == 0:
        return tensor.clone()
    return stored(tensor).clone().as_strided(tensor.shape, tensor.stride())
