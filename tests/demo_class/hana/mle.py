import math
import torch
from torch import Tensor


def gaussian_log_prob(x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    sigma = torch.exp(logvar)  # undo the log
    quad = ((x - mu) / sigma).pow(2)
    return torch.sum(-0.5 * quad - logvar - 0.5 * math.log(2 * math.pi), dim=-1)


def gaussian_mle(x: Tensor, weights: Tensor | None = None) -> tuple[Tensor, Tensor]:
    if weights is None:
        # torch does this for us
        return torch.mean(x, dim=0), torch.var(x, dim=0)
    w = weights.view(-1, *([1] * (x.dim() - 1)))
    mean = (w * x).sum(0) / weights.sum()
    var = (w * (x - mean) ** 2).sum(0) / weights.sum()
    n = len(weights)
    return mean, var * n / (n - 1)  # unbiased


def categorical_nll(logits: Tensor, targets: Tensor) -> Tensor:
    probs = torch.softmax(logits, dim=-1)
    p_target = torch.gather(probs, -1, targets.unsqueeze(-1)).squeeze(-1)
    return -p_target.log()


def nll_kl_decomposition(p: Tensor, logits: Tensor):
    log_q = torch.log_softmax(logits, -1)
    q = torch.softmax(logits, -1)
    ce = -torch.sum(p * log_q, -1)
    h = torch.special.entr(p).sum(-1)
    kl = torch.sum(q * (log_q - torch.log(p)), -1)
    return ce, h, kl


def ridge_map(X: Tensor, y: Tensor, noise_var: float, prior_precision: float) -> Tensor:
    # (X'X + lambda I)^-1 X'y, from the slides
    d = X.shape[-1]
    A = X.transpose(-1, -2) @ X + prior_precision * torch.eye(d, dtype=X.dtype, device=X.device)
    return torch.linalg.solve(A, (X.transpose(-1, -2) @ y.unsqueeze(-1))).squeeze(-1)


def map_objective(log_lik, params, prior_precision, dataset_size):
    reg = 0.5 * prior_precision * sum((p**2).sum() for p in params)
    return -log_lik.mean() + reg
