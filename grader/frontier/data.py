"""The two data sets: a density in the plane whose entropy is known, and the digit images that scikit-learn ships."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from grader.frontier.models._space import Space

Array = NDArray[np.float64]

RING_MODES, RING_RADIUS, RING_STD = 8, 2.5, 0.3
RING_WEIGHTS = (0.2, 0.05) * (RING_MODES // 2)
"""Every other mode is rare, so that missing one is easy."""

_SEED = 20


@dataclass(frozen=True, kw_only=True)
class Data:
    """One data set."""

    name: str
    title: str
    space: Space
    fit: Tensor
    """What models are trained on, [n, dim], float32."""
    held_back: Tensor
    """What chooses between states of a training."""
    test: Tensor
    """What everything that is reported is measured on."""
    quality_scale: str
    """What distances between samples are in."""
    entropy: float | None = None
    """Of the true density in nats, where it is known: no mean density of data can be higher than minus this."""
    log_density: Callable[[Array], Array] | None = None
    """The true one, where it is known."""


def names() -> tuple[str, ...]:
    """The data sets."""
    return tuple(_MAKERS)


@cache
def load(name: str) -> Data:
    """The data set of that name, the same at every call."""
    return _MAKERS[name]()


def quantised(data: Data, y: Array) -> Array:
    """Samples as the data come: images in whole levels, points as they are."""
    if data.name != "digits":
        return y
    return np.clip(np.floor(y), 0, data.space.levels - 1)


def ring_centres() -> Array:
    """Where the modes are, [modes, 2]."""
    angles = 2 * np.pi * np.arange(RING_MODES) / RING_MODES
    return RING_RADIUS * np.stack([np.cos(angles), np.sin(angles)], -1)


def ring_log_density(y: Array) -> Array:
    """log p(y) of the ring, [n]."""
    squares = ((y[:, None, :] - ring_centres()) ** 2).sum(-1)
    exponents = np.log(RING_WEIGHTS) - squares / (2 * RING_STD**2) - math.log(2 * math.pi * RING_STD**2)
    highest = exponents.max(-1, keepdims=True)
    total: Array = (highest + np.log(np.exp(exponents - highest).sum(-1, keepdims=True)))[:, 0]
    return total


def ring_entropy(points: int = 900, reach: float = 5.5) -> float:
    """-integral of p log p by the midpoint rule, whose error is beyond all powers of the step for such a density."""
    line = -reach + 2 * reach * (np.arange(points) + 0.5) / points
    grid = np.stack(np.meshgrid(line, line, indexing="ij"), -1).reshape(-1, 2)
    log_p = ring_log_density(grid)
    return float(-(np.exp(log_p) * log_p).sum() * (2 * reach / points) ** 2)


def draw_ring(n: int, seed: int) -> Tensor:
    """Points of the ring, float32, [n, 2]."""
    source = np.random.default_rng(seed)
    modes = source.choice(RING_MODES, size=n, p=RING_WEIGHTS)
    points = ring_centres()[modes] + RING_STD * source.standard_normal((n, 2))
    return torch.from_numpy(points).float()


def _ring() -> Data:
    return Data(
        name="ring",
        title="eight Gaussians on a ring, every other one rare",
        # The box reaches 6.6 standard deviations beyond the outermost centre.
        space=Space(dim=2, levels=90, low=-4.5, width=0.1, centre=0.0, scale=1.8),
        fit=draw_ring(10_000, _SEED),
        held_back=draw_ring(2_000, _SEED + 1),
        test=draw_ring(2_000, _SEED + 2),
        quality_scale="units of the plane",
        entropy=ring_entropy(),
        log_density=ring_log_density,
    )


def _digits() -> Data:
    from sklearn.datasets import load_digits

    images = torch.from_numpy(load_digits().data).long()
    source = torch.Generator().manual_seed(_SEED)
    order = torch.randperm(len(images), generator=source)
    space = Space(dim=64, levels=17, low=0.0, width=1.0, centre=8.5, scale=6.0)
    # One point of each cell, the same for every model: their densities are of the same numbers.
    y = space.within(images[order], source)
    test, held_back, fit = y[:360], y[360:540], y[540:]
    return Data(
        name="digits",
        title="scikit-learn's digits: 8 x 8 pixels of 17 levels, dequantised",
        space=space,
        fit=fit,
        held_back=held_back,
        test=test,
        quality_scale="levels",
    )


def digit_labels() -> NDArray[np.int64]:
    """Which digit each image shows, in the order of `fit`, `held_back` and `test` from the end backwards.

    The order is that of `load("digits")`: test, held back, fit.
    """
    from sklearn.datasets import load_digits

    source = torch.Generator().manual_seed(_SEED)
    labels: NDArray[np.int64] = load_digits().target[
        torch.randperm(len(load_digits().target), generator=source).numpy()
    ]
    return labels


_MAKERS: Mapping[str, Callable[[], Data]] = {"ring": _ring, "digits": _digits}
