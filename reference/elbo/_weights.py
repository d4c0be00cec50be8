"""Log-weights of importance samples, drawn for the questions that average them."""

from __future__ import annotations

from collections.abc import Sequence

import hypothesis.strategies as st
import torch
from torch import Tensor

from grader.standard import Arguments, arguments
from grader.strategies import Numbers, Shape, numbers

Layout = tuple[Shape, int]

ONE_EXAMPLE: Sequence[Layout] = (((5,), 0), ((7, 1), 0), ((2,), 0))
"""Shapes of log-weights with the dimension that the samples are along; its size is none of the others."""

ANY_DIMENSION: Sequence[Layout] = (((7, 3), 0), ((3, 7), 1), ((3, 5), -1), ((2, 7, 3), 1), ((5, 2, 3), 0), ((3, 2), -1))

ROWS: Sequence[Layout] = (((3, 7), 1), ((2, 5), 1))
"""Examples first, samples second."""


def asked(log_w: Tensor, dim: int) -> Arguments:
    """Arguments (log_w, dim); a first dimension is the default and not said."""
    return arguments(log_w, dim=dim) if dim else arguments(log_w)


@st.composite
def log_weights(
    draw: st.DrawFn, *, layouts: Sequence[Layout] = (*ONE_EXAMPLE, *ANY_DIMENSION), scale: float = 1.3
) -> Arguments:
    """Arguments (log_w, dim)."""
    (shape, dim), source = draw(st.sampled_from(tuple(layouts))), draw(numbers())
    return asked(source.normal(shape, loc=-1.0, scale=scale), dim)


def change_others(inputs: Arguments, source: Numbers) -> Arguments:
    """Far smaller weights for every example but the first; examples are rows."""
    (log_w,) = inputs.args
    others = source.normal(tuple(log_w[1:].shape), loc=-2000.0)
    return asked(torch.cat((log_w[:1], others)), inputs.kwargs["dim"])


def far_apart(source: Numbers, dtype: torch.dtype) -> Tensor:
    """Log-weights [7 samples, 3 examples] that differ by 1000 and more, at levels that differ as much."""
    levels = torch.tensor([0.0, -3000.0, 2000.0], dtype=torch.float64)
    return (levels + source.normal((7, 3), scale=600.0)).to(dtype)
