"""Solutions in 50 digits, for inputs on which correct float64 algorithms differ."""

from __future__ import annotations

from functools import lru_cache

import mpmath
import torch
from torch import Tensor

Row = tuple[float, ...]


def exact_ridge_map(X: Tensor, y: Tensor, noise_var: float, prior_precision: float) -> Tensor:
    """The posterior mode of one linear model, [features], for X [n, features] and y [n]."""
    rows = tuple(map(tuple, X.tolist()))
    return torch.tensor(_weights(rows, tuple(y.tolist()), noise_var, prior_precision), dtype=torch.float64)


# A class shares its inputs, and each of these takes longer than grading the rest of the check.
@lru_cache(maxsize=256)
def _weights(rows: tuple[Row, ...], targets: Row, noise_var: float, prior_precision: float) -> Row:
    with mpmath.workdps(50):
        design, wanted = mpmath.matrix(rows), mpmath.matrix(targets)
        ridge = mpmath.mpf(noise_var) * mpmath.mpf(prior_precision) * mpmath.eye(design.cols)
        return tuple(map(float, mpmath.lu_solve(design.T * design + ridge, design.T * wanted)))
