import math, torch

def gaussian_log_prob(x, mu, logvar):
    z = (x - mu) / (0.5 * logvar).exp()
    D = x.shape[-1]
    return -0.5 * D * math.log(2 * math.pi) - 0.5 * logvar.sum(-1) - 0.5 * (z * z).sum(-1)

def gaussian_mle(x, weights=None):
    if weights is None:
        weights = torch.ones_like(x[:, 0]) if x.dim() > 1 else torch.ones_like(x)
    w = weights.clone()
    w /= w.sum()
    while w.dim() < x.dim():
        w = w.unsqueeze(-1)
    mu = (w * x).sum(0)
    return mu, (w * (x - mu) ** 2).sum(0)

def categorical_nll(logits, targets):
    m = logits.max(-1, True)[0]
    return (logits - m).exp().sum(-1).log() + m[..., 0] - logits.gather(-1, targets[..., None])[..., 0]

def nll_kl_decomposition(p, logits):
    lq = logits.log_softmax(-1)
    ce = -(p * lq).sum(-1)
    H = torch.special.entr(p.detach()).sum(-1)   # entropy of the data is a constant
    return ce, H, ce - H

def ridge_map(X, y, noise_var, prior_precision):
    XtX = (X.mT @ X).detach()
    return torch.linalg.solve(XtX + noise_var * prior_precision * torch.eye(X.shape[-1], dtype=X.dtype, device=X.device), (X.mT @ y[..., None]))[..., 0]

def map_objective(log_lik, params, prior_precision, dataset_size):
    norms = torch.stack([p.norm() for p in params])
    return prior_precision / (2 * dataset_size) * (norms ** 2).sum() - log_lik.mean()
