"""One right answer to the tiny course's first question, and many wrong ones."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

Energy = Callable[[Tensor, float], Any]


def right(x: Tensor, scale: float) -> Tensor:
    return 0.5 * scale * x.square().sum(-1)


def _with_shape_errors(x: Tensor, scale: float) -> Tensor:
    return right(x, scale) if x.dim() == 1 else right(x, scale)[None]


def _with_every_error(x: Tensor, scale: float) -> Any:
    if scale == 3.0:
        raise ValueError("three")
    if x.dim() > 1:
        return right(x, scale).float()
    return right(x, scale) * (math.nan if x.shape[-1] == 5 else 2)


def _wrong_for_a_few(x: Tensor, scale: float) -> Tensor:
    return right(x, scale) + (x[..., 0] > 1)


def _breaks_on_gradients(x: Tensor, scale: float) -> Tensor:
    return right(x.detach(), scale)


WRONG: dict[str, Energy] = {
    "forgets the half": lambda x, scale: 2 * right(x, scale),
    "constant": lambda x, scale: torch.zeros_like(right(x, scale)),
    "nan": lambda x, scale: right(x, scale) * math.nan,
    "float32": lambda x, scale: right(x, scale).float(),
    "scalar": lambda x, scale: right(x, scale).sum(),
    "none": lambda x, scale: None,
    "text": lambda x, scale: "energy",
    "nested": lambda x, scale: [[right(x, scale)]],
    "raises": lambda x, scale: 1 / 0,
    "unfinished": lambda x, scale: (_ for _ in ()).throw(NotImplementedError()),
    "writes": lambda x, scale: right(x.mul_(1), scale),
    "draws": lambda x, scale: right(x, scale) + 0 * torch.rand(()),
    "odd": lambda x, scale: 0.5 * scale * x.sum(-1),
    "shape of a batch": _with_shape_errors,
    "every error": _with_every_error,
    "few": _wrong_for_a_few,
    "no gradient": _breaks_on_gradients,
}
