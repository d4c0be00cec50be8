import math
import torch
from torch import Tensor


def gaussian_log_prob(x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    z = (x - mu) / torch.exp(logvar / 2)
    # log of 1/sqrt(2 pi var)
    log_norm = 0.5 * (math.log(2 * math.pi) + logvar)
    return (log_norm - 0.5 * z**2).sum(-1)


def gaussian_mle(x: Tensor, weights: Tensor | None = None):
    if weights is None:
        return x.mean(0), ((x - x.mean(0)) ** 2).mean(0)
    w = weights.reshape(-1, *([1] * (x.dim() - 1)))
    total = weights.sum()
    mean = (w * x).sum(0) / total
    centred = x - x.mean(0)
    return mean, (w * centred**2).sum(0) / total


def categorical_nll(logits: Tensor, targets: Tensor) -> Tensor:
    # (B, V, T) -> (B*T, V) as in pytorch
    V = logits.shape[-1]
    if logits.dim() > 2:
        flat = logits.transpose(1, -1).reshape(-1, V)
    else:
        flat = logits.reshape(-1, V)
    t = targets.reshape(-1)
    logp = torch.log_softmax(flat, dim=-1)
    nll = -logp.gather(1, t[:, None])[:, 0]
    return nll.reshape(targets.shape)


def nll_kl_decomposition(p: Tensor, logits: Tensor):
    log_q = torch.log_softmax(logits, -1)
    q = log_q.exp()
    H = -(q * log_q).sum(-1)
    CE = -(q * torch.log(p)).sum(-1)
    return CE, H, CE - H


def ridge_map(X: Tensor, y: Tensor, noise_var: float, prior_precision: float) -> Tensor:
    lam = prior_precision / noise_var
    A = X.mT @ X + lam * torch.eye(X.shape[-1], dtype=X.dtype, device=X.device)
    b = X.mT @ y[..., None]
    return torch.linalg.solve(A, b)[..., 0]


def map_objective(log_lik, params, prior_precision: float, dataset_size: int) -> Tensor:
    M = log_lik.shape[0]
    penalty = sum((p * p).sum() for p in params)
    return -log_lik.mean() + prior_precision * penalty / (2 * M)
