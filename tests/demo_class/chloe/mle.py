"""Object oriented solution."""
import math
import torch
from torch import nn

print("hello from chloe's homework")


class gaussian_log_prob:
    def __init__(self, x, mu, logvar):
        self.x, self.mu, self.logvar = x, mu, logvar

    def forward(self):
        z = (self.x - self.mu) * torch.exp(-0.5 * self.logvar)
        return -0.5 * (math.log(2 * math.pi) + self.logvar + z**2).sum(-1)


class GaussianMLE:
    def __call__(self, x, weights=None):
        print("x", x.shape)
        if weights is None:
            weights = torch.ones(x.shape[0], dtype=x.dtype, device=x.device)
        print("weights", weights.shape, "sum", weights.sum())
        w = weights.reshape(-1, *[1] * (x.dim() - 1))
        mu = (w * x).sum(0) / w.sum()
        print("mu =", mu)
        var = (w * (x - mu) ** 2).sum(0) / w.sum()
        print("var =", var)
        return mu, var


gaussian_mle = GaussianMLE()


class categorical_nll(nn.Module):
    def forward(self, logits, targets):
        return -torch.log_softmax(logits, -1).gather(-1, targets[..., None])[..., 0]


nll_kl_decomposition = "see my report"


def ridge_map(X, y, noise_var, prior_precision):
    print("ridge_map called with", X.shape, y.shape, noise_var, prior_precision)
    D = X.shape[-1]
    A = X.mT @ X + noise_var * prior_precision * torch.eye(D, dtype=X.dtype, device=X.device)
    print(A)
    w = torch.linalg.solve(A, X.mT @ y[..., None])[..., 0]
    print("w", w)
    return w


def map_objective(log_lik, params, prior_precision, dataset_size):
    for i, p in enumerate(params):
        print(i, p.shape, p.requires_grad)
    return -log_lik.mean() + prior_precision / (2 * dataset_size) * sum((p**2).sum() for p in params)
