import math
import sys
import torch

DEBUG = True


def dbg(*args):
    if DEBUG:
        print("[debug]", *args, file=sys.stderr)


def kl_standard(mu, logvar):
    dbg("kl_standard", mu.shape, mu.dtype)
    terms = 0.5 * (mu**2 + logvar.exp() - 1 - logvar)
    dbg(terms)
    return terms.sum(-1)


def kl_diag(mu_q, logvar_q, mu_p, logvar_p):
    dbg("kl_diag")
    assert mu_q.shape == mu_p.shape, "shapes must agree"
    r = logvar_q - logvar_p
    z = (mu_q - mu_p) * torch.exp(-0.5 * logvar_p)
    return 0.5 * (z**2 + torch.exp(r) - 1 - r).sum(-1)


def kl_full(mu_q, scale_tril_q, mu_p, scale_tril_p):
    dbg("kl_full")
    A = torch.linalg.solve_triangular(scale_tril_p, scale_tril_q, upper=False)
    b = torch.linalg.solve_triangular(scale_tril_p, (mu_q - mu_p)[..., None], upper=False)
    ld = (scale_tril_p.diagonal(dim1=-2, dim2=-1).log() - scale_tril_q.diagonal(dim1=-2, dim2=-1).log()).sum(-1)
    kl = 0.5 * ((A**2).sum((-1, -2)) + (b**2).sum((-1, -2)) - mu_q.shape[-1]) + ld
    dbg(kl)
    return kl


def kl_mc(log_q, log_p, dim=0, kind="k1"):
    r = log_p - log_q
    x = -r if kind == "k1" else torch.expm1(r) - r
    dbg("mean", x.mean(dim))
    return x.mean(dim), x.std(dim) / math.sqrt(x.shape[dim])
