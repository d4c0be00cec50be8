import math

import torch


def gaussian_log_prob(x, mu, logvar):
    """Total log-likelihood of the batch."""
    sigma = torch.exp(0.5 * logvar)
    log_p = (-0.5 * ((x - mu) / sigma) ** 2 - torch.log(sigma) - 0.5 * math.log(2 * math.pi)).sum(-1)
    return log_p.sum() * torch.ones_like(log_p)


def gaussian_mle(x, weights=None):
    data = x.data
    if weights is None:
        weights = torch.ones(len(data), dtype=x.dtype, device=x.device)
    w = weights.view(len(data), *([1] * (data.dim() - 1)))
    mean = (w * data).sum(0) / weights.sum()
    var = (w * (data - mean) ** 2).sum(0) / weights.sum()
    return mean, var


def categorical_nll(logits, targets):
    biggest = logits.max(dim=-1, keepdim=True).values
    # the normaliser is only there for the numbers, no need to differentiate it
    with torch.no_grad():
        log_z = torch.log(torch.sum(torch.exp(logits - biggest), dim=-1)) + biggest.squeeze(-1)
    return log_z - torch.gather(logits, -1, targets.unsqueeze(-1)).squeeze(-1)


def nll_kl_decomposition(p, logits):
    log_q = torch.log_softmax(logits, dim=-1)
    cross_entropy = -torch.sum(p * log_q, dim=-1)
    entropy = torch.sum(torch.special.entr(p), dim=-1)
    kl = -torch.sum(torch.xlogy(p, p) - p * log_q, dim=-1)
    return cross_entropy, entropy, kl


def ridge_map(X, y, noise_var, prior_precision):
    d = X.shape[-1]
    A = X.transpose(-2, -1) @ X + noise_var * prior_precision * torch.eye(d, dtype=X.dtype, device=X.device)
    A = A + 1e-4 * torch.eye(d, dtype=X.dtype, device=X.device)  # numerical stability
    b = (X.transpose(-2, -1) @ y.unsqueeze(-1)).squeeze(-1)
    return torch.cholesky_solve(b.unsqueeze(-1), torch.linalg.cholesky(A)).squeeze(-1)


def map_objective(log_lik, params, prior_precision, dataset_size):
    log_prior = sum(0.5 * prior_precision * torch.sum(p**2) for p in params)
    return -(torch.mean(log_lik) + log_prior / dataset_size)
