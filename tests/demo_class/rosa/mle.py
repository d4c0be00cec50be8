# Rosa M.
import math
import torch


def gaussian_log_prob(x, mu, logvar):
    precision = torch.exp(-logvar)
    return -0.5 * ((x - mu).pow(2) * precision + logvar + math.log(2 * math.pi)).sum(-1)


def gaussian_mle(x, weights=None):
    if weights is None:
        weights = torch.ones(x.shape[0], dtype=x.dtype, device=x.device)
    w = weights / weights.sum()
    w = w.reshape(w.shape + (1,) * (x.dim() - 1))
    mean = (w * x).sum(0)
    var = (w * (x - mean).pow(2)).sum(0) + 1e-6  # never exactly zero
    return mean, var


def categorical_nll(logits, targets):
    # loss of the prediction
    logp = logits - logits.amax(-1, keepdim=True)
    logp = logp - logp.exp().sum(-1, keepdim=True).log()
    best = logp.argmax(-1, keepdim=True)
    return -logp.gather(-1, best).squeeze(-1)


def nll_kl_decomposition(p, logits):
    q = logits.softmax(-1)
    info = torch.where(p > 0, p * p.clamp_min(1e-300).log(), torch.zeros_like(p))
    ce = -(p * q.log()).sum(-1)
    return ce, -info.sum(-1), ce + info.sum(-1)


def ridge_map(X, y, noise_var, prior_precision):
    lam = noise_var * prior_precision
    # works for one problem: X (N, D), y (N,)
    A = X.T @ X + lam * torch.eye(X.shape[-1], dtype=X.dtype, device=X.device)
    return torch.linalg.solve(A, X.T @ y)


def map_objective(log_lik, params, prior_precision, dataset_size):
    theta2 = sum(p.pow(2).sum() for p in params)
    return -dataset_size * log_lik.mean() + 0.5 * prior_precision * theta2
