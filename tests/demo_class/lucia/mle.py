import math
import torch


def gaussian_log_prob(x, mu, logvar):
    x -= mu  # centre
    x = x * torch.exp(-0.5 * logvar)
    return -0.5 * (math.log(2 * math.pi) + logvar + x**2).sum(-1)


def gaussian_mle(x, weights=None):
    if weights is None:
        weights = torch.ones(x.shape[0], dtype=x.dtype, device=x.device)
    weights = weights.data
    weights /= weights.sum()
    w = weights.reshape(-1, *[1] * (x.dim() - 1))
    mu = (w * x).sum(0)
    return mu, (w * (x - mu) ** 2).sum(0)


def categorical_nll(logits, targets):
    big = logits.detach().amax(-1, keepdim=True)
    logits.data.sub_(big)
    return logits.exp().sum(-1).log() - logits.gather(-1, targets[..., None])[..., 0]


def nll_kl_decomposition(p, logits):
    p[p == 0] = 1e-300  # avoid log 0
    lq = torch.log_softmax(logits, -1)
    ce = -(p * lq).sum(-1)
    h = -(p * p.log()).sum(-1)
    return ce, h, ce - h


def ridge_map(X, y, noise_var, prior_precision):
    A = X.mT @ X
    A.diagonal(dim1=-2, dim2=-1).add_(noise_var * prior_precision)
    return torch.linalg.solve(A, X.mT @ y[..., None])[..., 0]


def map_objective(log_lik, params, prior_precision, dataset_size):
    loss = -log_lik.mean()
    for p in params:
        loss += prior_precision / (2 * dataset_size) * (p**2).sum()
    return loss
