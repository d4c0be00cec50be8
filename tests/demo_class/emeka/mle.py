# Emeka
import math
import torch


def gaussian_log_prob(x, mu, logvar):
    z = (x - mu) / torch.exp(0.5 * logvar)
    return -(z**2 + 0.5 * logvar + 0.5 * math.log(2 * math.pi)).sum(dim=-1)


def gaussian_mle(x, weights=None):
    w = torch.ones(len(x), dtype=x.dtype, device=x.device) if weights is None else weights
    w = (w / w.sum()).reshape(-1, *(1,) * (x.dim() - 1))
    mu = (w * x).sum(0)
    return mu, (w * (x - mu) ** 2).sum(0)


def categorical_nll(logits, targets):
    return -torch.softmax(logits, dim=-1).gather(-1, targets.unsqueeze(-1)).squeeze(-1)


def nll_kl_decomposition(p, logits):
    log_q = torch.log_softmax(logits, dim=-1)
    h = torch.special.entr(p).sum(-1)
    ce = -(p * log_q).sum(-1)
    return ce, h, ce - h


def ridge_map(X, y, noise_var, prior_precision):
    """gradient descent until the gradient is zero"""
    w = torch.zeros_like(X[..., 0, :])
    while True:
        residual = (X @ w.unsqueeze(-1)).squeeze(-1) - y
        grad = (X.mT @ residual.unsqueeze(-1)).squeeze(-1) / noise_var + prior_precision * w
        if (grad == 0).all():
            break
        w = w - 1e-3 * grad
    return w


def map_objective(log_lik, params, prior_precision, dataset_size):
    return log_lik.mean() - prior_precision / (2 * dataset_size) * sum(p.pow(2).sum() for p in params)
