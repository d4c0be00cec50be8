import math
import numpy as np
import torch


def kl_standard(mu, logvar):
    mu, logvar = mu.detach().numpy(), logvar.detach().numpy()
    return 0.5 * (mu**2 + np.exp(logvar) - 1 - logvar).sum(-1)


def kl_diag(mu_q, logvar_q, mu_p, logvar_p):
    r = logvar_q - logvar_p
    z = (mu_q - mu_p) * torch.exp(-0.5 * logvar_p)
    kl = 0.5 * (z**2 + torch.exp(r) - 1 - r).sum(-1)
    return kl.item() if kl.numel() == 1 else kl.tolist()


def kl_full(mu_q, scale_tril_q, mu_p, scale_tril_p):
    mu_q, Lq, mu_p, Lp = (t.detach().numpy() for t in (mu_q, scale_tril_q, mu_p, scale_tril_p))
    A = np.linalg.solve(Lp, Lq)
    b = np.linalg.solve(Lp, (mu_q - mu_p)[..., None])
    ld = np.log(np.diagonal(Lp, axis1=-2, axis2=-1)).sum(-1) - np.log(np.diagonal(Lq, axis1=-2, axis2=-1)).sum(-1)
    return torch.from_numpy(np.asarray(0.5 * ((A**2).sum((-1, -2)) + (b**2).sum((-1, -2)) - mu_q.shape[-1]) + ld))


def kl_mc(log_q, log_p, dim=0, kind="k1"):
    r = log_p - log_q
    x = -r if kind == "k1" else torch.exp(r) - 1 - r
    n = x.shape[dim]
    m = x.mean(dim)
    return np.array([m.detach().numpy(), (x.std(dim) / math.sqrt(n)).detach().numpy()])
