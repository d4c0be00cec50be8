"""Assignment 4, Bjarne Holm."""
from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor


def _half_sum(terms: Tensor) -> Tensor:
    return 0.5 * terms.sum(dim=-1)


def _g(log_ratio: Tensor) -> Tensor:
    """e^r - 1 - r, the cost of a wrong spread; zero at r = 0"""
    return torch.expm1(log_ratio) - log_ratio


def kl_standard(mu: Tensor, logvar: Tensor) -> Tensor:
    return _half_sum(mu**2 + _g(logvar))


def kl_diag(mu_q: Tensor, logvar_q: Tensor, mu_p: Tensor, logvar_p: Tensor) -> Tensor:
    # in the coordinates where p is N(0, I) this is kl_standard
    shift = (mu_q - mu_p) / torch.exp(0.5 * logvar_p)
    return kl_standard(shift, logvar_q - logvar_p)


def _log_det(scale_tril: Tensor) -> Tensor:
    """log det of L L^T"""
    return 2 * torch.diagonal(scale_tril, dim1=-2, dim2=-1).log().sum(-1)


def kl_full(mu_q: Tensor, scale_tril_q: Tensor, mu_p: Tensor, scale_tril_p: Tensor) -> Tensor:
    dim = mu_q.size(-1)
    diff = (mu_q - mu_p).unsqueeze(-1)
    trace = torch.linalg.solve_triangular(scale_tril_p, scale_tril_q, upper=False).pow(2).sum(dim=(-1, -2))
    mahalanobis = torch.linalg.solve_triangular(scale_tril_p, diff, upper=False).pow(2).sum(dim=(-1, -2))
    return 0.5 * (trace + mahalanobis - dim + _log_det(scale_tril_p) - _log_det(scale_tril_q))


def kl_mc(
    log_q: Tensor, log_p: Tensor, dim: int = 0, kind: Literal["k1", "k3"] = "k1"
) -> tuple[Tensor, Tensor]:
    if kind == "k1":
        samples = log_q - log_p
    elif kind == "k3":
        samples = _g(log_p - log_q)
    else:
        raise ValueError(f"unknown estimator {kind!r}")
    n = samples.size(dim)
    standard_error = torch.sqrt(samples.var(dim=dim) / n)
    return samples.mean(dim=dim), standard_error


def moment_match(log_weights: Tensor, mu: Tensor, var: Tensor) -> tuple[Tensor, Tensor]:
    w = torch.softmax(log_weights, dim=0)
    mean = w @ mu
    return mean, w @ (var + (mu - mean) ** 2)


def _diag_log_prob(z: Tensor, mean: Tensor, logvar: Tensor) -> Tensor:
    standardised = (z - mean) / torch.exp(0.5 * logvar)
    return -_half_sum(standardised**2 + logvar + math.log(2 * math.pi))


def _mixture_log_prob(z: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    per_component = _diag_log_prob(z.unsqueeze(-2), mu, logvar)
    return torch.logsumexp(per_component + torch.log_softmax(logits, dim=-1), dim=-1)


def reverse_kl_fit(
    logits: Tensor,
    mu: Tensor,
    logvar: Tensor,
    init_mu: Tensor,
    init_logvar: Tensor,
    *,
    steps: int,
    lr: float,
    eps: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    m = init_mu.detach().clone().requires_grad_(True)
    v = init_logvar.detach().clone().requires_grad_(True)
    optimiser = torch.optim.SGD([m, v], lr=lr)
    trace = []
    for _ in range(steps):
        optimiser.zero_grad()
        z = m + torch.exp(0.5 * v) * eps
        loss = (_diag_log_prob(z, m, v) - _mixture_log_prob(z, logits, mu, logvar)).mean()
        loss.backward(inputs=[m, v])
        optimiser.step()
        trace.append(loss.detach())
    return m.detach(), v.detach(), torch.stack(trace)
