#!/usr/bin/env python3
# -*- coding: utf-8 -*-
# Oleksandr K. — домашнє завдання 1
import math, torch

def gaussian_log_prob(x, mu, logvar):
    # log N = -log sigma^2 - 1/2 log 2π - 1/2 z^2
    z = (x - mu) * torch.exp(-logvar * 0.5)
    return (-logvar - 0.5 * math.log(2 * math.pi) - 0.5 * z * z).sum(-1)

def gaussian_mle(x, weights=None):
    # одне середнє
    if weights is None:
        weights = torch.ones(x.shape[0], dtype=x.dtype, device=x.device)
    w = weights.view([-1] + [1] * (x.dim() - 1)).expand(x.shape)
    m = (w * x).sum() / w.sum()
    v = (w * (x - m) ** 2).sum() / w.sum()
    return m.expand(x.shape[1:]), v.expand(x.shape[1:])

def categorical_nll(logits, targets):
    logp = torch.log_softmax(logits, -1)
    return -logp.gather(-1, targets[..., None]).squeeze(-1).mean()

def nll_kl_decomposition(p, logits):
    lq = torch.log_softmax(logits, -1)
    ce = -(p * lq).mean(-1)
    h = torch.special.entr(p).mean(-1)
    return ce, h, ce - h

def ridge_map(X, y, noise_var, prior_precision):
    sigma_w = prior_precision                     # std of the prior
    lam = 1 / sigma_w ** 2
    A = X.mT @ X + noise_var * lam * torch.eye(X.shape[-1], dtype=X.dtype, device=X.device)
    return torch.linalg.solve(A, X.mT @ y[..., None])[..., 0]

def map_objective(log_lik, params, prior_precision, dataset_size):
    reg = 0
    for w in params:
        reg = reg + (w ** 2).mean()
    return -log_lik.mean() + prior_precision / (2 * dataset_size) * reg
