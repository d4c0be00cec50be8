"""How good samples are, by two measures with standard errors; neither is a likelihood."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

Array = NDArray[np.float64]

NEIGHBOURS = 5


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A number and its standard error."""

    value: float
    error: float


def mean_of(values: Array) -> Estimate:
    """The mean of independent values; its error is their spread over sqrt(n)."""
    return Estimate(value=float(values.mean()), error=float(values.std(ddof=1) / math.sqrt(len(values))))


def energy_distance(x: Array, y: Array) -> Estimate:
    """2 E|X - Y| - E|X - X'| - E|Y - Y'| between two distributions, from samples [n, dim] and [m, dim].

    Each expectation is a mean over pairs of different points, so the estimate is unbiased, and negative at times where
    the distributions are the same (Szekely & Rizzo 2013). The variance is the sum of those of the parts of its
    Hoeffding decomposition: what each point adds, and what each pair adds beyond that, which alone is left where the
    distributions are the same.
    """
    n, m = len(x), len(y)
    across, within_x, within_y = cdist(x, y), cdist(x, x), cdist(y, y)
    from_x, from_y = across.mean(1), across.mean(0)
    of_x, of_y = within_x.sum(1) / (n - 1), within_y.sum(1) / (m - 1)
    value = 2 * across.mean() - of_x.mean() - of_y.mean()
    points = np.var(2 * from_x - 2 * of_x, ddof=1) / n + np.var(2 * from_y - 2 * of_y, ddof=1) / m
    pairs = 4 * _pairs(across, from_x, from_y) / (n * m)
    pairs += 2 * _pairs(within_x, of_x, of_x, same=True) / (n * (n - 1))
    pairs += 2 * _pairs(within_y, of_y, of_y, same=True) / (m * (m - 1))
    # What points seem to add holds each pair's part twice: the sum of both is what is left, and at least the pairs'.
    return Estimate(value=float(value), error=math.sqrt(max(points - pairs, pairs)))


def _pairs(distances: Array, rows: Array, columns: Array, *, same: bool = False) -> float:
    """The variance of what pairs add beyond their points."""
    left = distances - rows[:, None] - columns[None, :] + rows.mean()
    if same:
        left = left[~np.eye(len(left), dtype=bool)]
    return float(np.square(left).mean())


def told_apart(samples: Array, data: Array, seed: int = 0) -> Estimate:
    """How often a classifier is right about which of the two a new point is from: 0.5 where nothing tells them apart.

    The classifier is the majority of the 5 nearest neighbours among one half of both; it is asked about the other half
    (Lopez-Paz & Oquab 2017). Given that half its answers are independent, which the standard error goes by.
    """
    source = np.random.default_rng(seed)
    n = min(len(samples), len(data)) // 2
    known_x, new_x = _halves(samples, n, source)
    known_y, new_y = _halves(data, n, source)
    distances = cdist(np.concatenate([new_x, new_y]), np.concatenate([known_x, known_y]))
    nearest = np.argpartition(distances, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
    called_data = (nearest >= n).sum(1) > NEIGHBOURS / 2
    right = called_data == (np.arange(2 * n) >= n)
    share = float(right.mean())
    # No certainty where all answers are alike: as if one more had come out either way.
    spread = (right.sum() + 1) / (2 * n + 2)
    return Estimate(value=share, error=math.sqrt(spread * (1 - spread) / (2 * n)))


def _halves(points: Array, n: int, source: np.random.Generator) -> tuple[Array, Array]:
    order = source.permutation(len(points))
    return points[order[:n]], points[order[n : 2 * n]]
