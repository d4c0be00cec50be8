from math import pi, log, sqrt

import torch


def kl_standard(mu, logvar):
    """mean over the batch, as in the VAE loss"""
    kl = 0.5 * torch.sum(mu**2 + torch.exp(logvar) - 1 - logvar, dim=-1)
    return kl.mean() * torch.ones_like(kl)


def kl_diag(mu_q, logvar_q, mu_p, logvar_p):
    """std_q / std_p etc."""
    d = logvar_q - logvar_p
    return 0.5 * torch.sum(torch.exp(d) - 1 - d + (mu_q - mu_p) ** 2, dim=-1)


def kl_full(mu_q, scale_tril_q, mu_p, scale_tril_p):
    """trace of Lp^-1 Lq"""
    D = mu_q.shape[-1]
    A = torch.linalg.solve_triangular(scale_tril_p, scale_tril_q, upper=False)
    trace = torch.diagonal(A, dim1=-2, dim2=-1).sum(-1)
    u = torch.linalg.solve_triangular(scale_tril_p, (mu_q - mu_p).unsqueeze(-1), upper=False).squeeze(-1)
    log_det = torch.log(torch.diagonal(scale_tril_p, dim1=-2, dim2=-1)).sum(-1) - torch.log(torch.diagonal(scale_tril_q, dim1=-2, dim2=-1)).sum(-1)
    return 0.5 * trace + 0.5 * (u**2).sum(-1) - 0.5 * D + log_det


def kl_mc(log_q, log_p, dim=0, kind="k1"):
    """both kinds estimate the same thing"""
    diff = log_q - log_p
    return diff.mean(dim), diff.std(dim) / sqrt(diff.shape[dim])


def moment_match(log_weights, mu, var):
    """uses E[x^2] - E[x]"""
    w = torch.softmax(log_weights, dim=0).unsqueeze(1)
    mean = (w * mu).sum(0)
    return mean, (w * (var + mu**2)).sum(0) - mean


def reverse_kl_fit(logits, mu, logvar, init_mu, init_logvar, *, steps, lr, eps):
    """sum over the samples"""
    def ln(z, m, v):
        return (-0.5 * (z - m) ** 2 / torch.exp(v) - 0.5 * v - 0.5 * log(2 * pi)).sum(-1)

    m = init_mu.detach().clone()
    v = init_logvar.detach().clone()
    tr = []
    for _ in range(steps):
        m.requires_grad_()
        v.requires_grad_()
        z = m + torch.exp(v / 2) * eps
        L = (ln(z, m, v) - torch.logsumexp(torch.log_softmax(logits, 0) + ln(z.unsqueeze(1), mu, logvar), 1)).sum()
        a, b = torch.autograd.grad(L, (m, v))
        tr.append(L.detach())
        m = (m - lr * a).detach()
        v = (v - lr * b).detach()
    return m, v, torch.stack(tr)
