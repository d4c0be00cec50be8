import math
import torch


def kl_standard(mu, logvar):
    kl = mu**2 - 1 - logvar
    kl += logvar.exp_()
    return 0.5 * kl.sum(-1)


def kl_diag(mu_q, logvar_q, mu_p, logvar_p):
    mu_p, logvar_p = mu_p.detach(), logvar_p.detach()
    r = logvar_q - logvar_p
    z = (mu_q - mu_p) * torch.exp(-0.5 * logvar_p)
    return 0.5 * (z**2 + torch.exp(r) - 1 - r).sum(-1)


def kl_full(mu_q, scale_tril_q, mu_p, scale_tril_p):
    inv = torch.linalg.inv(scale_tril_p)
    A = inv @ scale_tril_q
    b = (inv @ (mu_q - mu_p).unsqueeze(-1)).squeeze(-1)
    ld = torch.log(scale_tril_p.diagonal(dim1=-2, dim2=-1)).sum(-1) - torch.log(scale_tril_q.diagonal(dim1=-2, dim2=-1)).sum(-1)
    return ld + 0.5 * (A**2).sum((-1, -2)) + 0.5 * (b**2).sum(-1) - 0.5 * mu_q.shape[-1]


def kl_mc(log_q, log_p, dim=0, kind="k1"):
    r = log_p - log_q
    x = -r if kind == "k1" else torch.exp(r) - 1 - r
    return x.mean(0), x.std(0) / math.sqrt(x.shape[0])


def moment_match(log_weights, mu, var):
    # combine the Gaussians: precisions add up
    w = torch.softmax(log_weights, 0).unsqueeze(-1)
    precision = (w / var).sum(0)
    return (w / var * mu).sum(0) / precision, 1 / precision


def log_gmm(z, logits, mu, logvar):
    """one sample"""
    log_w = torch.log_softmax(logits, 0)
    comps = -0.5 * (math.log(2 * math.pi) + logvar + (z - mu) ** 2 / torch.exp(logvar)).sum(-1)
    return torch.logsumexp(log_w + comps, 0)


def reverse_kl_fit(logits, mu, logvar, init_mu, init_logvar, *, steps, lr, eps):
    m = init_mu.detach().clone()
    v = init_logvar.detach().clone()
    trace = []
    for _ in range(steps):
        m.requires_grad_()
        v.requires_grad_()
        total = 0
        for e in eps:
            z = m + torch.exp(v / 2) * e
            log_q = -0.5 * (math.log(2 * math.pi) + v + (z - m) ** 2 / torch.exp(v)).sum()
            total = total + log_q - log_gmm(z, logits, mu, logvar)
        loss = total / len(eps)
        gm, gv = torch.autograd.grad(loss, (m, v))
        trace.append(loss.detach())
        m, v = (m - lr * gm).detach(), (v - lr * gv).detach()
    return m, v, torch.stack(trace)
