"""Hypothesis strategies for a check's inputs.

A tensor is drawn as a shape, a seed and a number of decimals, not entry by entry: drawing costs a fraction of a
millisecond, values have no accidental symmetry (catalogue L1: no zeros, no equal entries), and a failing
example still shrinks to a small shape with one-decimal entries.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from operator import itemgetter
from typing import TypeVar

import hypothesis.strategies as st
import numpy as np
import torch
from hypothesis.strategies import SearchStrategy
from torch import Tensor

T = TypeVar("T")
Shape = tuple[int, ...]

BATCH_SHAPES: tuple[Shape, ...] = ((), (1,), (3,), (2, 3))
"""Leading shapes, simplest first; sizes are coprime to those of `EVENT_SIZES` (catalogue L2)."""

EVENT_SIZES: tuple[int, ...] = (1, 2, 5, 7)
"""Sizes of the event dimension, simplest first."""

FULL_PRECISION = 17
"""Decimals that leave a float64 of ordinary size as it is."""


class Numbers:
    """A source of float64 tensors that depends on its seed alone; each call continues the same stream."""

    def __init__(self, *, seed: int, decimals: int) -> None:
        self.seed = seed
        self.decimals = decimals
        self._random = np.random.Generator(np.random.Philox(seed))

    def __repr__(self) -> str:
        return f"Numbers(seed={self.seed}, decimals={self.decimals})"

    def normal(self, shape: Shape, *, loc: float = 0.0, scale: float = 1.0) -> Tensor:
        """Normal draws, rounded to `decimals` digits, never exactly zero."""
        return self._tensor(self._random.normal(loc, scale, shape))

    def uniform(self, shape: Shape, *, low: float = 0.0, high: float = 1.0) -> Tensor:
        """Uniform draws from [low, high), rounded to `decimals` digits, never exactly zero."""
        return self._tensor(self._random.uniform(low, high, shape))

    def integers(self, shape: Shape, *, low: int, high: int) -> Tensor:
        """Uniform int64 draws from low to high - 1."""
        return torch.from_numpy(np.asarray(self._random.integers(low, high, shape)))

    def simplex(self, shape: Shape) -> Tensor:
        """Positive float64 rows that sum to one along the last dimension (unrounded)."""
        weights = self._random.gamma(1.0, size=shape) + 1e-3
        return torch.from_numpy(weights / weights.sum(-1, keepdims=True))

    def orthogonal(self, size: int) -> Tensor:
        """A random rotation or reflection, shape [size, size]."""
        q: Tensor = torch.linalg.qr(torch.from_numpy(self._random.normal(size=(size, size)))).Q
        return q

    def scale_tril(self, shape: Shape, size: int) -> Tensor:
        """Well-conditioned lower-triangular factors with a positive diagonal, shape [*shape, size, size]."""
        lower = torch.tril(self.normal((*shape, size, size), scale=0.4), -1)
        return lower + torch.diag_embed(self.uniform((*shape, size), low=0.5, high=1.6))

    def permutation(self, size: int) -> Tensor:
        """A random order of range(size); never the identity where size > 1."""
        order = self._random.permutation(size)
        if size > 1 and (order == np.arange(size)).all():
            order = np.roll(order, 1)
        return torch.from_numpy(order)

    def restarted(self) -> Numbers:
        """The same stream from its beginning."""
        return Numbers(seed=self.seed, decimals=self.decimals)

    def _tensor(self, values: object) -> Tensor:
        exact = np.asarray(values, dtype=np.float64)
        rounded = exact if self.decimals == FULL_PRECISION else np.round(exact, self.decimals)
        return torch.from_numpy(np.where(rounded == 0, 10.0 ** -min(self.decimals, 3), rounded))


@cache
def numbers() -> SearchStrategy[Numbers]:
    """Sources of tensors; the simplest one rounds to one decimal.

    There is one such strategy: Hypothesis inspects each new one when first drawn from, which takes longer than drawing.
    """
    return st.builds(
        Numbers, seed=st.integers(0, 2**48 - 1), decimals=st.sampled_from((1, 2, FULL_PRECISION, FULL_PRECISION))
    )


def beyond_the_simplest(values: SearchStrategy[T]) -> SearchStrategy[T]:
    """The same values, without the one that Hypothesis always begins with: the simplest, for everybody."""
    return st.tuples(st.integers(0, 2**16).filter(bool), values).map(itemgetter(1))


@dataclass(frozen=True)
class Gaussian:
    """Parameters of diagonal Gaussians: mu and logvar, float64, both [*batch, event]."""

    mu: Tensor
    logvar: Tensor


@st.composite
def shapes(
    draw: st.DrawFn, *, batch_shapes: Sequence[Shape] = BATCH_SHAPES, event_sizes: Sequence[int] = EVENT_SIZES
) -> Shape:
    """A batch shape followed by an event size."""
    return (*draw(st.sampled_from(batch_shapes)), draw(st.sampled_from(event_sizes)))


@st.composite
def diagonal_gaussians(
    draw: st.DrawFn,
    *,
    batch_shapes: Sequence[Shape] = BATCH_SHAPES,
    event_sizes: Sequence[int] = EVENT_SIZES,
    min_logvar: float = -2.0,
    max_logvar: float = 2.0,
) -> Gaussian:
    """Diagonal Gaussians with means near N(0, 1.5^2) and log-variances between the bounds."""
    shape = draw(shapes(batch_shapes=batch_shapes, event_sizes=event_sizes))
    source = draw(numbers())
    return Gaussian(mu=source.normal(shape, scale=1.5), logvar=source.uniform(shape, low=min_logvar, high=max_logvar))
