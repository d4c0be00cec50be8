import torch


def kl_standard(mu, logvar):
    std = torch.exp(logvar)
    return -0.5 * torch.sum(1 + logvar - mu**2 - std**2, dim=-1)


def kl_diag(mu_q, logvar_q, mu_p, logvar_p):
    d = (mu_q - mu_p) / torch.exp(logvar_p)
    ratio = torch.exp(logvar_q - logvar_p)
    return 0.5 * torch.sum(d**2 + ratio - 1 + logvar_p - logvar_q, dim=-1)


def kl_full(mu_q, scale_tril_q, mu_p, scale_tril_p):
    D = mu_q.shape[-1]
    M = torch.linalg.solve_triangular(scale_tril_p, scale_tril_q, upper=False)
    d = torch.linalg.solve_triangular(scale_tril_p, (mu_q - mu_p)[..., None], upper=False)
    trace = (M**2).sum(dim=(-1, -2))
    maha = (d**2).sum(dim=(-1, -2))
    logdet_q = torch.log(torch.diagonal(scale_tril_q, dim1=-2, dim2=-1)).sum(-1)
    logdet_p = torch.log(torch.diagonal(scale_tril_p, dim1=-2, dim2=-1)).sum(-1)
    return 0.5 * (trace + maha - D) + logdet_q - logdet_p


def kl_mc(log_q, log_p, dim=0, kind="k1"):
    r = log_p - log_q
    if kind == "k1":
        value = -r
    elif kind == "k3":
        value = torch.expm1(r) - r
    else:
        raise ValueError(kind)
    n = value.shape[dim]
    return value.mean(dim=dim), value.std(dim=dim) / n


def moment_match(log_weights, mu, var):
    w = torch.exp(log_weights)[:, None]
    m = torch.sum(w * mu, dim=0)
    v = torch.sum(w * var, dim=0) + torch.sum(w * (mu - m) ** 2, dim=0)
    return m, v
