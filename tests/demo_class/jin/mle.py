"""HW1 - Jin Park"""
import numpy as np
import torch

LOG2PI = float(np.log(2 * np.pi))


def gaussian_log_prob(x, mu, logvar):
    """log N(x; mu, Sigma) = -1/2 log(2 pi) - 1/2 log|Sigma| - 1/2 (x-mu)' Sigma^-1 (x-mu)"""
    x, mu, logvar = torch.broadcast_tensors(x, mu, logvar)
    log_det = logvar.sum(dim=-1)
    maha = (((x - mu) * torch.exp(-logvar / 2)) ** 2).sum(dim=-1)
    return -0.5 * LOG2PI - 0.5 * log_det - 0.5 * maha


def gaussian_mle(x, weights=None):
    """weighted mean and variance"""
    n = x.shape[0]
    if weights is None:
        weights = torch.ones(n, dtype=x.dtype, device=x.device)
    w = weights.reshape((n,) + (1,) * (x.dim() - 1))
    mean = (w * x).sum(0) / n
    var = (w * (x - mean) ** 2).sum(0) / n
    return mean, var


def categorical_nll(logits, targets):
    """subtract the max for stability"""
    logits = logits - torch.max(logits) if logits.numel() else logits
    log_z = torch.log(torch.exp(logits).sum(dim=-1))
    return log_z - logits.gather(-1, targets.unsqueeze(-1)).squeeze(-1)


def nll_kl_decomposition(p, logits):
    """H is the entropy, CE the cross entropy"""
    q = torch.softmax(logits, dim=-1)
    log_q = torch.log_softmax(logits, dim=-1)
    ce = -(p * log_q).sum(-1)
    entropy = -(q * log_q).sum(-1)
    return ce, entropy, ce - entropy


def ridge_map(X, y, noise_var, prior_precision):
    """ridge regression with mean squared error"""
    n, d = X.shape[-2], X.shape[-1]
    XtX = X.mT @ X / n
    Xty = X.mT @ y.unsqueeze(-1) / n
    return torch.linalg.solve(XtX + noise_var * prior_precision * torch.eye(d, dtype=X.dtype, device=X.device), Xty).squeeze(-1)


def map_objective(log_lik, params, prior_precision, dataset_size):
    """-mean log lik + lambda / 2N * norm"""
    sq = sum(p.pow(2).sum() for p in params)
    return -log_lik.mean() + prior_precision / (2 * dataset_size) * torch.sqrt(sq)
