import numpy as np
import torch


def gaussian_log_prob(x, mu, logvar):
    var = torch.exp(logvar)
    return torch.sum(-0.5 * torch.log(2 * np.pi * var) - (x - mu) ** 2 / (2 * var), dim=-1)


def gaussian_mle(x, weights=None):
    # rows are points, columns are features
    if weights is None:
        weights = torch.ones(x.shape[0], dtype=x.dtype, device=x.device)
    w = weights[:, None]
    mu = torch.sum(w * x, dim=0) / torch.sum(w)
    var = torch.sum(w * (x - mu) ** 2, dim=0) / torch.sum(w)
    return mu, var


def categorical_nll(logits, targets):
    # the log likelihood of class t is its logit
    return -torch.gather(logits, -1, targets[..., None])[..., 0]


def nll_kl_decomposition(p, logits):
    q = torch.softmax(logits, dim=-1)
    logq = torch.log(torch.clamp(q, min=1e-8))
    ce = -torch.sum(p * logq, dim=-1)
    h = -torch.sum(torch.xlogy(p, p), dim=-1)
    return ce, h, ce - h


def ridge_map(X, y, noise_var, prior_precision):
    # OLS, then weight decay
    w = torch.linalg.pinv(X) @ y.unsqueeze(-1)
    return w.squeeze(-1) / (1 + prior_precision)


def map_objective(log_lik, params, prior_precision, dataset_size):
    nll = -torch.sum(log_lik)
    prior = prior_precision / (2 * dataset_size) * sum(torch.sum(p**2) for p in params)
    return nll + prior
