"""Assignment 1, Bjarne Holm."""
from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

LOG_TWO_PI = math.log(2.0 * math.pi)


# ---------------------------------------------------------------- small helpers
def _standardise(x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """(x - mu) / sigma"""
    sigma = torch.exp(0.5 * logvar)
    return (x - mu) / sigma


def _column(w: Tensor, like: Tensor) -> Tensor:
    """w of shape (N,) -> (N, 1, 1, ...) so that it multiplies rows of `like`"""
    return w.view(-1, *([1] * (like.dim() - 1)))


def _weighted_mean(values: Tensor, weights: Tensor) -> Tensor:
    return (_column(weights, values) * values).sum(dim=0) / weights.sum()


def _stable_logsumexp(a: Tensor) -> Tensor:
    top = a.max(dim=-1, keepdim=True).values
    return (top + (a - top).exp().sum(dim=-1, keepdim=True).log()).squeeze(-1)


def _xlogx(p: Tensor) -> Tensor:
    return torch.xlogy(p, p)


# ---------------------------------------------------------------- the questions
def gaussian_log_prob(x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    z = _standardise(x, mu, logvar)
    per_dim = -0.5 * z**2 - 0.5 * logvar - 0.5 * LOG_TWO_PI
    return per_dim.sum(dim=-1)


def gaussian_mle(x: Tensor, weights: Tensor | None = None) -> tuple[Tensor, Tensor]:
    if weights is None:
        weights = torch.ones(x.size(0), dtype=x.dtype, device=x.device)
    mean = _weighted_mean(x, weights)
    var = _weighted_mean((x - mean) ** 2, weights)
    return mean, var


def categorical_nll(logits: Tensor, targets: Tensor) -> Tensor:
    picked = torch.gather(logits, -1, targets.unsqueeze(-1))
    return _stable_logsumexp(logits - picked)


def nll_kl_decomposition(p: Tensor, logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    log_q = logits - _stable_logsumexp(logits).unsqueeze(-1)
    entropy = -_xlogx(p).sum(dim=-1)
    kl = (_xlogx(p) - p * log_q).sum(dim=-1)
    return entropy + kl, entropy, kl


def ridge_map(X: Tensor, y: Tensor, noise_var: float, prior_precision: float) -> Tensor:
    Xt = X.transpose(-1, -2)
    D = X.size(-1)
    precision = Xt @ X / noise_var + prior_precision * torch.eye(D, dtype=X.dtype, device=X.device)
    rhs = Xt @ y.unsqueeze(-1) / noise_var
    L = torch.linalg.cholesky(precision)
    return torch.cholesky_solve(rhs, L).squeeze(-1)


def map_objective(log_lik: Tensor, params: Sequence[Tensor], prior_precision: float, dataset_size: int) -> Tensor:
    nll = -log_lik.mean()
    squared_norm = sum(p.pow(2).sum() for p in params)
    return nll + 0.5 * prior_precision * squared_norm / dataset_size
