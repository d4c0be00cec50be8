import math
import torch
from torch import Tensor


def gaussian_log_prob(x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    # each example in turn, easier to read
    x, mu, logvar = torch.broadcast_tensors(x, mu, logvar)
    rows = [r for r in zip(x.reshape(-1, x.shape[-1]), mu.reshape(-1, x.shape[-1]), logvar.reshape(-1, x.shape[-1]))]
    values = []
    for xi, mi, li in rows:
        s = torch.exp(0.5 * li)
        values.append(-0.5 * torch.sum(math.log(2 * math.pi) + li + ((xi - mi) / s) ** 2))
    return torch.stack(values).reshape(x.shape[:-1])


def gaussian_mle(x: Tensor, weights: Tensor | None = None):
    if weights is None:
        weights = torch.ones(len(x), dtype=x.dtype, device=x.device)
    total = sum(weights)
    mean = sum(w * xi for w, xi in zip(weights, x)) / total
    var = sum(w * (xi - mean) ** 2 for w, xi in zip(weights, x)) / total
    return mean, var


def categorical_nll(logits: Tensor, targets: Tensor) -> Tensor:
    log_q = torch.log(torch.softmax(logits, dim=-1))
    return -torch.gather(log_q, -1, targets.unsqueeze(-1)).squeeze(-1)


def map_objective(log_lik: Tensor, params, prior_precision: float, dataset_size: int) -> Tensor:
    norms = [torch.sqrt((p**2).sum()) for p in params]
    return -log_lik.mean() + prior_precision / (2 * dataset_size) * sum(norm**2 for norm in norms)
