from __future__ import annotations
import math
import torch
from torch import Tensor

const = math.log(2 * math.pi)


def gaussian_log_prob(x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    e = (x - mu) * torch.exp(-logvar / 2)
    inside = const + logvar + e * e
    if inside.dim() == 1:
        return -0.5 * inside.sum()
    return -0.5 * inside.sum(dim=1)


def gaussian_mle(x: Tensor, weights: Tensor | None = None) -> tuple[Tensor, Tensor]:
    n = x.shape[0]
    w = torch.ones(n, device=x.device) if weights is None else weights.to(torch.float32)
    w = w.to(x.dtype).reshape(n, *(1 for _ in range(x.dim() - 1)))
    s = w.sum(0)
    mean = (w * x).sum(0) / s
    return mean, (w * (x - mean).square()).sum(0) / s


def categorical_nll(logits: Tensor, targets: Tensor) -> Tensor:
    return torch.nn.functional.cross_entropy(
        logits.reshape(-1, logits.shape[-1]), targets.reshape(-1), reduction="none"
    ).reshape(targets.shape)


def nll_kl_decomposition(p: Tensor, logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    # softmax over the batch dimension (dim 0) if there is one
    dim = 0 if logits.dim() > 1 and logits.shape[0] > 1 else -1
    log_q = torch.log_softmax(logits, dim)
    ce = -(p * log_q).sum(-1)
    h = torch.special.entr(p).sum(-1)
    return ce, h, ce - h


def ridge_map(X: Tensor, y: Tensor, noise_var: float, prior_precision: float) -> Tensor:
    reg = torch.tensor(noise_var) * torch.tensor(prior_precision) * torch.eye(X.shape[-1])
    A = X.mT @ X + reg.to(X.device, X.dtype)
    return torch.linalg.solve(A, X.mT @ y.unsqueeze(-1)).squeeze(-1)


def map_objective(log_lik: Tensor, params, prior_precision: float, dataset_size: int) -> Tensor:
    return -log_lik.mean() + sum(p.square().sum() for p in params) / (2 * prior_precision * dataset_size)
