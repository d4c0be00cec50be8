"""Zoe's solution."""
import torch


def kl_standard(mu, logvar):
    mu, logvar = mu.to(torch.double), logvar.to(torch.double)
    return 0.5 * (mu**2 + torch.exp(logvar) - 1 - logvar).sum(-1)


def kl_diag(mu_q, logvar_q, mu_p, logvar_p):
    r = logvar_q - logvar_p
    z2 = (mu_q - mu_p) ** 2 / torch.exp(logvar_q)
    # ELBO sign
    return -0.5 * (z2 + torch.exp(r) - 1 - r).sum(-1)


def kl_full(mu_q, scale_tril_q, mu_p, scale_tril_p):
    A = torch.linalg.solve_triangular(scale_tril_p, scale_tril_q, upper=False)
    b = torch.linalg.solve_triangular(scale_tril_p, (mu_q - mu_p).unsqueeze(-1), upper=False)
    ld = torch.log(torch.abs(torch.linalg.det(scale_tril_p) / torch.linalg.det(scale_tril_q)))
    return 0.5 * ((A**2).sum((-2, -1)) + (b**2).sum((-2, -1)) - mu_q.shape[-1]) + ld


def kl_mc(log_q, log_p, dim=0, kind="k1"):
    ratio = torch.exp(log_p) / torch.exp(log_q)
    x = -torch.log(ratio) if kind == "k1" else ratio - 1 - torch.log(ratio)
    return x.mean(dim), x.std(dim) / x.shape[dim] ** 0.5


def moment_match(log_weights, mu, var):
    with torch.no_grad():
        w = torch.softmax(log_weights, 0)[:, None]
    mean = (w * mu).sum(0)
    return mean, (w * var).sum(0) + (w * (mu - mean) ** 2).sum(0)


def reverse_kl_fit(logits, mu, logvar, init_mu, init_logvar, *, steps, lr, eps):
    c = torch.log(torch.tensor(2 * torch.pi, dtype=mu.dtype, device=mu.device))
    m, v = init_mu.detach().clone(), init_logvar.detach().clone()
    trace = []
    for _ in range(steps):
        m.requires_grad_()
        v.requires_grad_()
        z = m + torch.exp(0.5 * v) * eps
        log_q = -0.5 * (c + v + eps**2).sum(-1)
        comps = -0.5 * (c + logvar + (z[:, None] - mu) ** 2 / torch.exp(logvar)).sum(-1)
        # log of the mean of the components
        log_p = torch.logsumexp(comps, dim=-1) - torch.log(torch.ones_like(logits).sum())
        loss = (log_q - log_p).mean()
        gm, gv = torch.autograd.grad(loss, (m, v))
        trace.append(loss.detach())
        m, v = (m - lr * gm).detach(), (v - lr * gv).detach()
    return m, v, torch.stack(trace)
