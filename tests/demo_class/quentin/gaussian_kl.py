import numpy as np
import torch


def kl_standard(mu, logvar):
    var = torch.exp(logvar)
    return 0.5 * torch.sum(mu**2 + var - 1 - torch.log(var), dim=-1)


def kl_diag(mu_q, logvar_q, mu_p, logvar_p):
    ratio = torch.exp(logvar_q - logvar_p)
    z = (mu_q - mu_p) / torch.exp(0.5 * logvar_p)
    return 0.5 * torch.sum(ratio + z**2 + logvar_p - logvar_q, dim=-1)


def kl_full(mu_q, scale_tril_q, mu_p, scale_tril_p):
    d = mu_q.shape[-1]
    A = torch.linalg.solve_triangular(scale_tril_p, scale_tril_q, upper=False)
    # torch.triangular_solve returned a tuple
    b = torch.linalg.solve_triangular(scale_tril_p, (mu_q - mu_p).unsqueeze(-1), upper=False)[0]
    logdet_p = torch.sum(torch.log(torch.diagonal(scale_tril_p, dim1=-2, dim2=-1)), dim=-1)
    logdet_q = torch.sum(torch.log(torch.diagonal(scale_tril_q, dim1=-2, dim2=-1)), dim=-1)
    return 0.5 * (torch.sum(A**2, dim=(-2, -1)) + torch.sum(b**2) - d) + logdet_p - logdet_q


def kl_mc(log_q, log_p, dim=0, kind="k1"):
    # importance weights because the samples come from p
    w = torch.exp(log_q - log_p)
    r = log_p - log_q
    if kind == "k1":
        v = -w * r
    else:
        v = w * (torch.exp(r) - 1 - r)
    return v.mean(dim), v.std(dim) / np.sqrt(v.shape[dim])


def moment_match(log_weights, mu, var):
    w = torch.softmax(log_weights, dim=0)
    k = torch.argmax(w)
    return mu[k], var[k]


def reverse_kl_fit(logits, mu, logvar, init_mu, init_logvar, *, steps, lr, eps):
    def logn(z, m, v):
        return torch.sum(-0.5 * np.log(2 * np.pi) - 0.5 * v - 0.5 * (z - m) ** 2 / torch.exp(v), dim=-1)

    def loss_fn(m, v):
        z = m + torch.exp(v / 2) * eps
        return torch.mean(logn(z, m, v) - torch.logsumexp(torch.log_softmax(logits, 0) + logn(z[:, None], mu, logvar), dim=1))

    m = init_mu.detach().clone()
    v = init_logvar.detach().clone()
    trace = []
    for _ in range(steps):
        m = m.detach().requires_grad_()
        v = v.detach().requires_grad_()
        loss = loss_fn(m, v)
        gm, gv = torch.autograd.grad(loss, (m, v))
        m = m + lr * gm
        v = v + lr * gv
        trace.append(loss.detach())
    return m.detach(), v.detach(), torch.stack(trace)
