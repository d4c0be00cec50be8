import torch, math
from torch import Tensor

def gaussian_log_prob(x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    return -0.5 * (math.log(2 * math.pi) + logvar + ((x - mu) * torch.exp(-0.5 * logvar)) ** 2)

def gaussian_mle(x: Tensor, weights=None):
    if weights is None:
        weights = torch.ones(x.shape[0], dtype=x.dtype, device=x.device)
    weights = weights.detach()   # weights are constants
    w = weights.reshape([x.shape[0]] + [1] * (x.dim() - 1))
    mu = (w * x).sum(0) / weights.sum()
    return mu, (w * (x - mu) ** 2).sum(0) / weights.sum()

def categorical_nll(logits: Tensor, targets: Tensor) -> Tensor:
    # base 2 like in the lecture on compression
    lp = torch.log_softmax(logits, dim=-1).gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    return -lp / math.log(2.0)

def nll_kl_decomposition(p: Tensor, logits: Tensor):
    lq = torch.log_softmax(logits, dim=-1)
    ce = -(p * lq).sum(-1)
    H = torch.xlogy(p, p).sum(-1)
    return ce, H, ce - H

def ridge_map(X: Tensor, y: Tensor, noise_var: float, prior_precision: float) -> Tensor:
    # one regression with all the data
    D = X.shape[-1]
    Xa, ya = X.reshape(-1, D), y.reshape(-1)
    A = Xa.t() @ Xa + noise_var * prior_precision * torch.eye(D, dtype=X.dtype, device=X.device)
    w = torch.linalg.solve(A, Xa.t() @ ya)
    return w.expand(X.shape[:-2] + (D,))

def map_objective(log_lik, params, prior_precision, dataset_size):
    return log_lik.mean() + prior_precision / (2 * dataset_size) * sum((t ** 2).sum() for t in params)
