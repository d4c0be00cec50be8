"""Linear Gaussian models, x = W z + b + noise: inputs of lvm.5 and lvm.6, and their answers in 50 digits."""

from __future__ import annotations

import math
from collections.abc import Sequence

import hypothesis.strategies as st
import mpmath
import torch
from torch import Tensor

from grader.compare import Tolerance
from grader.standard import Arguments
from grader.strategies import Numbers, Shape, numbers

Sizes = tuple[int, int]

FEWER_LATENTS: tuple[Sizes, ...] = ((5, 2), (7, 4), (5, 1), (2, 1))
"""Dimensions of x and of z, coprime, with fewer latents than dimensions; neither is 3, the size of a batch."""

MORE_LATENTS: tuple[Sizes, ...] = ((2, 5), (1, 4), (1, 2), (4, 7))

# Forgives 1e-6 added to the diagonal of M, which is what the precision checks are about.
JITTER = Tolerance(rtol=1e-5, atol=1e-4)

BATCHES: tuple[Shape, ...] = ((3,), (2, 3), (11,))


def draw_model(source: Numbers, batch: Shape, dimensions: int, latents: int) -> Arguments:
    """Arguments (x, W, b, noise_var), with x near what the model says and noise_var 0-dim."""
    W = source.normal((dimensions, latents))
    b = source.normal((dimensions,), loc=1.5)
    noise_var = source.uniform((), low=0.3, high=0.7)
    x = source.normal((*batch, latents)) @ W.mT + b + noise_var.sqrt() * source.normal((*batch, dimensions))
    return Arguments((x, W, b, noise_var))


@st.composite
def models(
    draw: st.DrawFn, *, batch_shapes: Sequence[Shape] = ((), (1,)), sizes: Sequence[Sizes] = FEWER_LATENTS
) -> Arguments:
    """Arguments (x, W, b, noise_var)."""
    batch, (dimensions, latents) = draw(st.sampled_from(batch_shapes)), draw(st.sampled_from(sizes))
    return draw_model(draw(numbers()), batch, dimensions, latents)


def nearly_noiseless(source: Numbers, dimensions: int, latents: int) -> Arguments:
    """A point that the model explains up to its noise, for a noise variance of 1e-8."""
    noise_var = torch.tensor(1e-8, dtype=torch.float64)
    W, b = source.normal((dimensions, latents)), source.normal((dimensions,))
    x = W @ source.normal((latents,)) + b + 1e-4 * source.normal((dimensions,))
    return Arguments((x, W, b, noise_var))


def exact_log_marginal(x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor) -> Tensor:
    """log N(x; b, W W' + noise_var I) of one point, through the dense covariance."""
    with mpmath.workdps(50):
        covariance = _covariance(W, noise_var)
        away = mpmath.matrix((x - b).tolist())
        quadratic = (away.T * mpmath.lu_solve(covariance, away))[0]
        value = -(len(x) * mpmath.log(2 * mpmath.pi) + mpmath.log(mpmath.det(covariance)) + quadratic) / 2
        return torch.tensor(float(value), dtype=torch.float64)


def exact_posterior(x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and covariance of z given one point, by conditioning the joint Gaussian of (z, x)."""
    with mpmath.workdps(50):
        loading, away = mpmath.matrix(W.tolist()), mpmath.matrix((x - b).tolist())
        gain = loading.T * mpmath.inverse(_covariance(W, noise_var))
        mean, cov = gain * away, mpmath.eye(W.shape[1]) - gain * loading
        return _tensor(mean).flatten(), _tensor(cov)


def _covariance(W: Tensor, noise_var: Tensor) -> mpmath.matrix:
    loading = mpmath.matrix(W.tolist())
    return loading * loading.T + mpmath.mpf(noise_var.item()) * mpmath.eye(W.shape[0])


def _tensor(matrix: mpmath.matrix) -> Tensor:
    rows = [[float(matrix[i, j]) for j in range(matrix.cols)] for i in range(matrix.rows)]
    return torch.tensor(rows, dtype=torch.float64)


def isotropic_log_prob(x: Tensor, b: Tensor, noise_var: Tensor) -> Tensor:
    """log N(x; b, noise_var I), by its own formula."""
    return -0.5 * ((x - b).square() / noise_var + torch.log(2 * math.pi * noise_var)).sum(-1)
