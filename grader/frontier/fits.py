"""The two directions of the KL, measured: what each fit costs in both, and which modes it covers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from grader.frontier.models import _fits
from grader.frontier.records import Fit

Array = NDArray[np.float64]

REACH, POINTS = 7.0, 560
_NAMES = ("forward KL (kl.5)", "reverse KL (kl.6), from the left", "reverse KL (kl.6), from the right")


def measured(fits: Mapping[str, Tensor]) -> tuple[Fit, ...]:
    """Each fit, by sums over a grid.

    Raises:
        ValueError: These are no fits.
    """
    means, variances = (fits[name].double().numpy() for name in ("means", "variances"))
    if means.shape != (len(_NAMES), 2) or variances.shape != means.shape:
        raise ValueError(f"expected means and variances of shape [{len(_NAMES)}, 2]")
    if not (np.isfinite(means).all() and np.isfinite(variances).all() and (variances > 0).all()):
        raise ValueError("a mean or a variance of a fit is not finite, or a variance is not positive")
    return tuple(_fit(name, mean, var) for name, mean, var in zip(_NAMES, means, variances, strict=True))


def target_log_density(points: Array) -> Array:
    """Of the mixture, [n]."""
    weights = _fits.LOG_WEIGHTS.double().exp().numpy()
    parts = [
        weight * np.exp(_log_normal(points, mean, var))
        for weight, mean, var in zip(weights, _fits.MEANS.numpy(), _fits.VARIANCES.numpy(), strict=True)
    ]
    # Far away the density underflows; what is left there weighs nothing in either sum.
    log_density: Array = np.log(np.maximum(sum(parts), 1e-300))
    return log_density


def _fit(name: str, mean: Array, var: Array) -> Fit:
    line = -REACH + 2 * REACH * (np.arange(POINTS) + 0.5) / POINTS
    grid = np.stack(np.meshgrid(line, line, indexing="ij"), -1).reshape(-1, 2)
    cell = (2 * REACH / POINTS) ** 2
    log_p, log_q = target_log_density(grid), _log_normal(grid, mean, var)
    centres = _fits.MEANS.double().numpy()
    nearest = ((grid[:, None] - centres) ** 2).sum(-1).argmin(1)
    q = np.exp(log_q) * cell
    return Fit(
        name=name,
        mean=tuple(map(float, mean)),
        std=tuple(map(float, np.sqrt(var))),
        forward_kl=float((np.exp(log_p) * (log_p - log_q)).sum() * cell),
        reverse_kl=float((q * (log_q - log_p)).sum()),
        shares=tuple(float(q[nearest == mode].sum()) for mode in range(len(centres))),
    )


def _log_normal(points: Array, mean: Array, var: Array) -> Array:
    total: Array = -0.5 * (np.log(2 * np.pi * var) + (points - mean) ** 2 / var).sum(-1)
    return total
