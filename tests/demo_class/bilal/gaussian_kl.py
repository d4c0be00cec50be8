import math
import torch


# logvar first: it is the harder one
def kl_standard(logvar, mu):
    return 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(-1)


def kl_diag(mu_q, mu_p, logvar_q, logvar_p):
    r = logvar_q - logvar_p
    z = (mu_q - mu_p) * torch.exp(-0.5 * logvar_p)
    return 0.5 * (z**2 + torch.exp(r) - 1 - r).sum(-1)


def kl_full(q, p):
    """q = (mu, L), p = (mu, L)"""
    (mu_q, Lq), (mu_p, Lp) = q, p
    A = torch.linalg.solve_triangular(Lp, Lq, upper=False)
    b = torch.linalg.solve_triangular(Lp, (mu_q - mu_p)[..., None], upper=False)
    ld = (Lp.diagonal(dim1=-2, dim2=-1).log() - Lq.diagonal(dim1=-2, dim2=-1).log()).sum(-1)
    return 0.5 * ((A**2).sum((-1, -2)) + (b**2).sum((-1, -2)) - mu_q.shape[-1]) + ld


def kl_mc(log_q, log_p, kind="k1", dim=0):
    r = (log_p - log_q).clamp(-20, 20)
    x = -r if kind == "k1" else torch.expm1(r) - r
    return x.mean(dim), x.std(dim) / math.sqrt(x.shape[dim])


def moment_match(mu, var, log_weights):
    w = log_weights.softmax(0)
    m = w @ mu
    return m, w @ (var + (mu - m) ** 2)


def reverse_kl_fit(logits, mu, logvar, init_mu, init_logvar, n_steps=100, step_size=0.1, eps=None):
    return init_mu, init_logvar, torch.zeros(n_steps)
