# Adaeze N. -- assignment 4
from math import log, pi

import torch
from torch.linalg import solve_triangular


def kl_standard(mu, logvar):
    return (torch.einsum("...l,...l->...", mu, mu) + (logvar.expm1() - logvar).sum(-1)) / 2


def kl_diag(mu_q, logvar_q, mu_p, logvar_p):
    d = (mu_q - mu_p) * (-logvar_p / 2).exp()
    r = logvar_q - logvar_p
    return (torch.einsum("...l,...l->...", d, d) + (r.expm1() - r).sum(-1)) / 2


def kl_full(mu_q, scale_tril_q, mu_p, scale_tril_p):
    # whiten with p: everything becomes KL(N(m, MM') || N(0, I))
    M = solve_triangular(scale_tril_p, scale_tril_q, upper=False)
    m = solve_triangular(scale_tril_p, (mu_q - mu_p)[..., None], upper=False)[..., 0]
    trace = torch.einsum("...ij,...ij->...", M, M)
    maha = torch.einsum("...i,...i->...", m, m)
    logdet = 2 * M.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    return (trace + maha - mu_q.shape[-1] - logdet) / 2


def kl_mc(log_q, log_p, dim=0, kind="k1"):
    r = log_p - log_q
    terms = {"k1": lambda: -r, "k3": lambda: r.expm1() - r}[kind]()
    return terms.mean(dim), terms.std(dim) / terms.shape[dim] ** 0.5


def moment_match(log_weights, mu, var):
    pi_k = log_weights.softmax(0)
    mean = torch.einsum("k,kd->d", pi_k, mu)
    second = torch.einsum("k,kd->d", pi_k, var + (mu - mean) ** 2)
    return mean, second


def reverse_kl_fit(logits, mu, logvar, init_mu, init_logvar, *, steps, lr, eps):
    def lognormal(z, m, v):
        return -0.5 * (log(2 * pi) + v + (z - m) ** 2 * torch.exp(-v)).sum(-1)

    def loss_fn(m, v):
        z = m + (v / 2).exp() * eps
        logp = (logits.log_softmax(0) + lognormal(z[:, None, :], mu, logvar)).logsumexp(1)
        return (lognormal(z, m, v) - logp).mean()

    m, v, trace = init_mu.detach(), init_logvar.detach(), []
    for _ in range(steps):
        grads, loss = torch.func.grad_and_value(loss_fn, argnums=(0, 1))(m, v)
        m, v = m - lr * grads[0], v - lr * grads[1]
        trace.append(loss)
    return m.detach(), v.detach(), torch.stack(trace).detach()
