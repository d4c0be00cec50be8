import math
import torch

torch.set_default_dtype(torch.float64)  # everything in double

TWO_PI = torch.tensor(2 * math.pi)


def gaussian_log_prob(x, mu, logvar):
    z = (x - mu) * torch.exp(-0.5 * logvar)
    return -0.5 * (torch.log(TWO_PI) + logvar + z**2).sum(-1)


def gaussian_mle(x, weights=None):
    if weights is None:
        weights = torch.ones(x.shape[0], device=x.device)
    w = weights.reshape(-1, *[1] * (x.dim() - 1))
    mu = (w * x).sum(0) / w.sum()
    return mu, (w * (x - mu) ** 2).sum(0) / w.sum()


def categorical_nll(logits, targets):
    onehot = torch.zeros(logits.shape, device=logits.device).scatter(-1, targets[..., None], 1.0)
    return -(onehot * torch.log_softmax(logits, -1)).sum(-1)


def nll_kl_decomposition(p, logits):
    lq = torch.log_softmax(logits, -1)
    h = torch.special.entr(p).sum(-1)
    ce = -(p * lq).sum(-1)
    return ce, h, ce - h


def ridge_map(X, y, noise_var, prior_precision):
    A = X.mT @ X + noise_var * prior_precision * torch.eye(X.shape[-1], device=X.device)
    return torch.linalg.solve(A, X.mT @ y[..., None])[..., 0]


def map_objective(log_lik, params, prior_precision, dataset_size):
    return -log_lik.mean() + prior_precision / (2 * dataset_size) * sum((p**2).sum() for p in params)
