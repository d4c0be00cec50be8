"""Log-densities of Gaussians and of their mixtures; x is [..., dim], the result [...], in nats."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

Function = Callable[[Tensor], Tensor]

_LOG_2PI = math.log(2 * math.pi)


def gaussian_log_density(mu: Tensor, scale_tril: Tensor) -> Function:
    """log N(x; mu, L L^T) with L = scale_tril, [dim, dim]."""

    def log_density(x: Tensor) -> Tensor:
        z = torch.linalg.solve_triangular(scale_tril, (x - mu).unsqueeze(-1), upper=False).squeeze(-1)
        log_scale: Tensor = scale_tril.diagonal().log().sum()
        quadratic: Tensor = (z.square() + _LOG_2PI).sum(-1)
        return -0.5 * quadratic - log_scale

    return log_density


def mixture_log_density(logits: Tensor, mu: Tensor, logvar: Tensor) -> Function:
    """log sum_k softmax(logits)_k N(x; mu_k, diag exp(logvar_k)); mu and logvar are [components, dim]."""

    def log_density(x: Tensor) -> Tensor:
        z = (x.unsqueeze(-2) - mu) * torch.exp(-0.5 * logvar)
        joint = logits.log_softmax(-1) - 0.5 * (_LOG_2PI + logvar + z.square()).sum(-1)
        return joint.logsumexp(-1)

    return log_density
