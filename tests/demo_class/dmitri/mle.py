import numpy as np
import torch as th

C = float(np.log(2 * np.pi))

def gaussian_log_prob(x, mu, logvar):
    n = (x - mu) / th.exp(logvar / 2)
    return th.sum(-(n * n + logvar + C) / 2, -1)

def gaussian_mle(x, weights=None):
    w = th.ones_like(x) if weights is None else weights.reshape([-1] + [1] * (x.ndim - 1)) * th.ones_like(x)
    s = w.sum(0)
    m = (w * x).sum(0) / s
    return m, (w * (x - m).pow(2)).sum(0) / s

def categorical_nll(logits, targets):
    onehot = th.nn.functional.one_hot(targets, logits.shape[-1]).to(logits.dtype)
    m = logits.max(-1, keepdim=True)[0]
    return th.log(th.exp(logits - m).sum(-1)) - ((logits - m) * onehot).sum(-1)

def nll_kl_decomposition(p, logits):
    lq = th.log_softmax(logits, -1)
    lp = th.log(th.where(p > 0, p, th.ones_like(p)))
    H = -(p * lp).sum(-1)
    CE = -(p * lq).sum(-1)
    return [CE, H, CE - H]

def ridge_map(X, y, noise_var, prior_precision):
    lam = float(noise_var) * float(prior_precision)
    A = X.mT @ X
    A = A + lam * th.diag_embed(th.ones_like(A[..., 0]))
    b = (X * y[..., None]).sum(-2)
    return th.linalg.solve(A, b[..., None])[..., 0]

def map_objective(log_lik, params, prior_precision, dataset_size):
    r = 0.0
    for w in params:
        r = r + (w * w).sum()
    return -log_lik.sum() / log_lik.numel() + float(prior_precision) / float(2 * dataset_size) * r
