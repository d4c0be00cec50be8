"""Zoe's solution. All in float32 because that is what networks use."""
import torch

PI = torch.tensor(3.14159265358979)


def gaussian_log_prob(x, mu, logvar):
    std = torch.exp(logvar / 2)
    return -0.5 * (torch.log(2 * PI) + logvar + ((x - mu) / std) ** 2).sum(dim=-1)


def gaussian_mle(x, weights=None):
    if weights is None:
        weights = torch.ones(x.shape[0])
    w = weights.reshape(-1, *[1] * (x.dim() - 1)).to(x.device)
    mean = (w * x).sum(0) / w.sum()
    return mean, (w * (x - mean) ** 2).sum(0) / w.sum()


def categorical_nll(logits, targets):
    logits = logits.float()
    return -torch.log_softmax(logits, dim=-1).gather(-1, targets.unsqueeze(-1)).squeeze(-1)


def nll_kl_decomposition(p, logits):
    log_q = torch.log_softmax(logits, dim=-1)
    ce = (-p * log_q).sum(-1)
    h = torch.special.entr(p).sum(-1)
    return {"cross_entropy": ce, "entropy": h, "kl": ce - h}


def ridge_map(X, y, noise_var, prior_precision):
    if noise_var <= 0:
        raise ValueError("noise_var must be positive")
    D = X.shape[-1]
    A = X.mT @ X / noise_var + torch.eye(D, dtype=X.dtype).to(X.device) * prior_precision
    return torch.linalg.solve(A, X.mT @ y.unsqueeze(-1) / noise_var)


def map_objective(log_lik, params, prior_precision, dataset_size):
    flat = torch.nn.utils.parameters_to_vector(params)
    return -log_lik.mean() - prior_precision / (2 * dataset_size) * (-(flat**2).sum())
