#!/usr/bin/env python3
# -*- coding: utf-8 -*-
# Oleksandr K. — домашнє завдання 4
import math, torch

def kl_standard(mu, logvar):
    # formula from the VAE paper, without the minus of the ELBO
    return 0.5 * torch.sum(1 + logvar - mu ** 2 - logvar.exp(), dim=-1)

def kl_diag(mu_q, logvar_q, mu_p, logvar_p):
    r = logvar_q - logvar_p
    std_p = torch.exp(logvar_p / 2)
    return ((r.exp() - 1 - r + (mu_q - mu_p) ** 2 / std_p) / 2).sum(-1)

def kl_full(mu_q, scale_tril_q, mu_p, scale_tril_p):
    D = mu_q.shape[-1]
    A = torch.linalg.solve_triangular(scale_tril_p, scale_tril_q, upper=False)
    tr = (torch.diagonal(A, dim1=-2, dim2=-1) ** 2).sum(-1)      # only the diagonal matters for the trace
    s = torch.linalg.solve_triangular(scale_tril_p, (mu_q - mu_p)[..., None], upper=False)[..., 0]
    ld = (torch.diagonal(scale_tril_p, dim1=-2, dim2=-1).log() - torch.diagonal(scale_tril_q, dim1=-2, dim2=-1).log()).sum(-1)
    return (tr + (s ** 2).sum(-1) - D) / 2 + ld

def kl_mc(log_q, log_p, dim=0, kind="k1"):
    lr = log_p - log_q
    t = -lr if kind == "k1" else lr.exp() - lr
    return t.mean(dim), t.std(dim) / t.shape[dim] ** 0.5

def moment_match(log_weights, mu, var):
    w = torch.full_like(log_weights, 1 / len(log_weights))[:, None]   # equal weights
    m = (w * mu).sum(0)
    return m, (w * (var + (mu - m) ** 2)).sum(0)

def reverse_kl_fit(logits, mu, logvar, init_mu, init_logvar, *, steps, lr, eps):
    lp = torch.log_softmax(logits, 0)
    m, v = init_mu.detach().clone(), init_logvar.detach().clone()
    tr = []
    for _ in range(steps):
        m.requires_grad_(True); v.requires_grad_(True)
        s = torch.exp(v)                      # sigma
        z = m + s * eps
        lq = (-0.5 * ((z - m) / s) ** 2 - torch.log(s) - 0.5 * math.log(2 * math.pi)).sum(-1)
        c = (-0.5 * (z[:, None] - mu) ** 2 / logvar.exp() - 0.5 * logvar - 0.5 * math.log(2 * math.pi)).sum(-1)
        L = (lq - torch.logsumexp(lp + c, 1)).mean()
        gm, gv = torch.autograd.grad(L, (m, v))
        tr.append(L.detach())
        m, v = (m - lr * gm).detach(), (v - lr * gv).detach()
    return m, v, torch.stack(tr)
