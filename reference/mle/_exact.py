"""Solutions in 50 digits, for inputs on which correct float64 algorithms differ."""

from __future__ import annotations

import mpmath
import torch
from torch import Tensor


def exact_ridge_map(X: Tensor, y: Tensor, noise_var: float, prior_precision: float) -> Tensor:
    """The posterior mode of one linear model, [features], for X [n, features] and y [n]."""
    with mpmath.workdps(50):
        design, targets = mpmath.matrix(X.tolist()), mpmath.matrix(y.tolist())
        ridge = mpmath.mpf(noise_var) * mpmath.mpf(prior_precision) * mpmath.eye(X.shape[1])
        weights = mpmath.lu_solve(design.T * design + ridge, design.T * targets)
        return torch.tensor([float(weight) for weight in weights], dtype=torch.float64)
