import math
import torch


def kl_standard(mu, logvar):
    mu.pow_(2)
    return 0.5 * (mu + logvar.exp() - 1 - logvar).sum(-1)


def kl_diag(mu_q, logvar_q, mu_p, logvar_p):
    out = logvar_q - logvar_p
    d = (mu_q - mu_p).mul_(torch.exp(-0.5 * logvar_p))
    return 0.5 * (d**2 + out.exp() - out - 1).sum(-1)


def kl_full(mu_q, scale_tril_q, mu_p, scale_tril_p):
    A = torch.linalg.solve_triangular(scale_tril_p, scale_tril_q, upper=False)
    delta = mu_q.unsqueeze(-1)
    delta.detach().sub_(mu_p.unsqueeze(-1))
    b = torch.linalg.solve_triangular(scale_tril_p, delta, upper=False)
    ld = A.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    return 0.5 * ((A**2).sum((-1, -2)) + (b**2).sum((-1, -2)) - mu_q.shape[-1]) - ld


def kl_mc(log_q, log_p, dim=0, kind="k1"):
    r = log_p - log_q
    x = r.exp().sub_(1).sub_(r) if kind == "k3" else r.neg()
    return x.mean(dim), x.std(dim) / math.sqrt(x.shape[dim])


def moment_match(log_weights, mu, var):
    w = log_weights.softmax(0).unsqueeze(-1)
    mean = (w * mu).sum(0)
    total = var.clone()
    total += (mu - mean) ** 2
    return mean, (w * total).sum(0)
