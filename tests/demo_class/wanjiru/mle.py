import math
import torch


def gaussian_log_prob(x, mu, logvar):
    with torch.no_grad():
        inv_sigma = torch.exp(-0.5 * logvar)
    t = ((x - mu) * inv_sigma) ** 2
    return -0.5 * (t + logvar + math.log(2 * math.pi)).sum(-1)


def gaussian_mle(x, weights=None):
    if weights is None:
        mean = x.mean(0)
        return mean, ((x - mean) ** 2).mean(0)
    p = weights / torch.sum(weights)
    shaped = p.reshape(p.shape + (1,) * (x.ndim - 1))
    mean = torch.sum(shaped * x, 0)
    return mean, torch.sum(shaped * (x - mean) ** 2, 0)


def categorical_nll(logits, targets):
    # loop over the examples, one at a time
    flat_logits = logits.reshape(-1, logits.shape[-1])
    flat_targets = targets.reshape(-1)
    out = []
    for i in range(flat_targets.shape[0]):
        row = flat_logits[i]
        row = row - row.max()
        out.append(torch.log(torch.exp(row).sum()) - row.gather(0, flat_targets[i : i + 1])[0])
    return torch.stack(out).reshape(targets.shape)


def nll_kl_decomposition(p, logits):
    log_q = torch.log_softmax(logits, -1)
    info = torch.xlogy(p, p)
    with torch.no_grad():
        frozen = log_q.clone()
    return -(p * log_q).sum(-1), -info.sum(-1), (info - p * frozen).sum(-1)


def ridge_map(X, y, noise_var, prior_precision):
    D = X.shape[-1]
    A = prior_precision * noise_var * torch.eye(D, dtype=X.dtype, device=X.device)
    b = X.new_zeros(X.shape[:-2] + (D,))
    for i in range(X.shape[-2]):
        xi = X[..., i, :]
        A = A + xi.unsqueeze(-1) * xi.unsqueeze(-2)
        b = b + xi * y[..., i].unsqueeze(-1)
    return torch.linalg.solve(A, b.unsqueeze(-1)).squeeze(-1)


def map_objective(log_lik, params, prior_precision, dataset_size):
    c = torch.tensor(prior_precision / (2 * dataset_size))
    return -log_lik.mean() + c * sum(p.square().sum() for p in params)
