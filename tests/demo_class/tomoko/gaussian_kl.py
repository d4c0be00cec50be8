import math

import torch


def kl_standard(mu, logvar):
    return 0.5 * torch.sum(mu + torch.exp(logvar) - 1 - logvar, dim=-1)


def kl_diag(mu_q, logvar_q, mu_p, logvar_p):
    log_ratio = logvar_q - logvar_p
    d = (mu_q - mu_p) * torch.exp(-0.5 * logvar_p)
    return 0.5 * torch.sum(torch.exp(log_ratio) - log_ratio - 1 + d * d)


def kl_full(mu_q, scale_tril_q, mu_p, scale_tril_p):
    """0.5 (tr(Sp^-1 Sq) + d' Sp^-1 d - D + log det Sp / det Sq), S given"""
    d = (mu_p - mu_q).unsqueeze(-1)
    tr = torch.diagonal(torch.linalg.solve(scale_tril_p, scale_tril_q), dim1=-2, dim2=-1).sum(-1)
    quad = (d.transpose(-2, -1) @ torch.linalg.solve(scale_tril_p, d)).flatten(-2).squeeze(-1)
    logdet = torch.linalg.slogdet(scale_tril_p)[1] - torch.linalg.slogdet(scale_tril_q)[1]
    return 0.5 * (tr + quad - mu_q.shape[-1] + logdet)


def kl_mc(log_q, log_p, dim=0, kind="k1"):
    r = log_p - log_q
    x = -r if kind == "k1" else torch.exp(r) - 1 - r
    return x.mean(dim), x.var(dim) / x.shape[dim]


def moment_match(log_weights, mu, var):
    w = log_weights.softmax(0)
    mean = torch.zeros_like(mu[0])
    for k in range(len(w)):
        mean = mean + w[k] * mu[k]
    variance = torch.zeros_like(var[0])
    for k in range(len(w)):
        variance = variance + w[k] * (var[k] + (mu[k] - mean) ** 2)
    return mean, variance


def reverse_kl_fit(logits, mu, logvar, init_mu, init_logvar, *, steps, lr, eps):
    # only the cross entropy term, the entropy of q is a constant
    m, v = init_mu.detach().clone(), init_logvar.detach().clone()
    log_w = torch.log_softmax(logits, 0)
    losses = []
    for _ in range(steps):
        m.requires_grad_()
        v.requires_grad_()
        z = m + torch.exp(v / 2) * eps
        comp = -0.5 * (math.log(2 * math.pi) + logvar + (z[:, None] - mu) ** 2 / torch.exp(logvar)).sum(-1)
        loss = -torch.logsumexp(log_w + comp, dim=1).mean()
        g = torch.autograd.grad(loss, (m, v))
        losses.append(loss.detach())
        m, v = (m - lr * g[0]).detach(), (v - lr * g[1]).detach()
    return m, v, torch.stack(losses)
