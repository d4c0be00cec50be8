import math
import torch
import torch.nn as nn
from typing import Optional, Sequence, Tuple


def gaussian_log_prob(x: torch.Tensor, mu: torch.Tensor, logvar: torch.Tensor) -> torch.Tensor:
    """Averages over the features so that the loss does not depend on D."""
    nll = 0.5 * (math.log(2 * math.pi) + logvar + ((x - mu) / torch.exp(0.5 * logvar)).pow(2))
    return -nll.mean(dim=-1)


def gaussian_mle(x: torch.Tensor, weights: Optional[torch.Tensor] = None) -> Tuple[torch.Tensor, torch.Tensor]:
    """x: (N, D)"""
    if weights is None:
        weights = torch.ones(x.shape[0], dtype=x.dtype, device=x.device)
    w = weights.reshape(-1, *[1 for _ in x.shape[1:]])
    w = w.expand_as(x)
    mean = (w * x).sum(dim=-1, keepdim=True) / w.sum(dim=-1, keepdim=True)
    var = (w * (x - mean).pow(2)).sum(dim=-1) / w.sum(dim=-1)
    return mean.squeeze(-1), var


def categorical_nll(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    log_probs = logits.log_softmax(dim=-1)
    return log_probs.gather(dim=-1, index=targets.unsqueeze(-1)).squeeze(-1)


def nll_kl_decomposition(p, logits):
    log_q = logits.log_softmax(dim=-1)
    entropy = torch.special.entr(p).sum(dim=-1)
    cross_entropy = -(p * log_q).sum(dim=-1)
    kl = cross_entropy - entropy
    return cross_entropy, kl, entropy


def ridge_map(X: torch.Tensor, y: torch.Tensor, noise_var: float, prior_precision: float) -> torch.Tensor:
    """Least squares; the prior only matters when there is little data."""
    return torch.linalg.lstsq(X, y.unsqueeze(-1)).solution.squeeze(-1)


def map_objective(
    log_lik: torch.Tensor, params: Sequence[torch.Tensor], prior_precision: float, dataset_size: int
) -> torch.Tensor:
    with torch.no_grad():
        norm = sum(p.pow(2).sum() for p in params)
    return -log_lik.mean() + prior_precision * norm / (2 * dataset_size)
