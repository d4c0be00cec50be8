"""Log-densities of data and latent variable together, for data that are given, as functions of the latent."""

from __future__ import annotations

import math
from collections.abc import Callable

from torch import Tensor


def linear_gaussian_joint(x: Tensor, weight: Tensor, bias: Tensor, noise_var: float) -> Callable[[Tensor], Tensor]:
    """log p(x, z) = log N(x; W z + b, s2 I) + log N(z; 0, I), in nats, for each sample and example (probabilistic PCA).

    Args:
        x: Data, [*batch, data].
        weight: W, [data, latent].
        bias: b, [data].
        noise_var: s2.

    Returns:
        A function of z, [samples, *batch, latent] or [*batch, latent], with values [samples, *batch] or [*batch].
    """

    def log_joint(z: Tensor) -> Tensor:
        misfit = (x - z @ weight.mT - bias).square().sum(-1) / noise_var
        constants = math.log(2 * math.pi) * (sum(weight.shape)) + math.log(noise_var) * weight.shape[0]
        return -0.5 * (misfit + z.square().sum(-1) + constants)

    return log_joint
