# Yusuf, I could not finish 5 and 6
import torch
import numpy as np


def gaussian_log_prob(x, mu, logvar):
    normal = torch.distributions.Normal(mu, torch.exp(0.5 * logvar), validate_args=False)
    return normal.log_prob(x).sum(-1)


def gaussian_mle(x, weights=None):
    w = torch.ones(x.shape[0], dtype=x.dtype, device=x.device) if weights is None else weights
    w = w / w.sum()
    w = w.reshape(tuple(w.shape) + tuple(1 for _ in range(x.dim() - 1)))
    mu = (w * x).sum(0)
    var = (w * (x - mu) ** 2).sum(0)
    return mu, var


def categorical_nll(logits, targets):
    return -torch.log_softmax(logits, dim=-1).gather(-1, targets.unsqueeze(-1)).squeeze(-1)


def nll_kl_decomposition(p, logits):
    q = torch.distributions.Categorical(logits=logits, validate_args=False)
    d = torch.distributions.Categorical(probs=p, validate_args=False)
    h = d.entropy()
    kl = torch.distributions.kl_divergence(d, q)
    return h + kl, h, kl


def ridge_map(X, y, noise_var, prior_precision):
    # YOUR CODE HERE
    raise NotImplementedError


def map_objective(log_lik, params, prior_precision, dataset_size):
    pass
