import math
import torch

def gaussian_log_prob(x, mu, logvar):
    z = (x - mu) * torch.exp(-0.5 * logvar)
    return -0.5 * (math.log(2 * math.pi) + logvar + z ** 2).sum(-1)

def gaussian_mle(x, weights=None):
    if weights is None
        weights = torch.ones(x.shape[0], dtype=x.dtype)
    w = weights.reshape(-1, *[1] * (x.dim() - 1))
    mu = (w * x).sum(0) / w.sum()
    return mu, (w * (x - mu) ** 2).sum(0) / w.sum()

def categorical_nll(logits, targets):
    return -torch.log_softmax(logits, -1).gather(-1, targets[..., None])[..., 0]
