# ivo, hw4
import math
import torch

def kl_standard(mu, logvar):
    var = logvar
    return 0.5 * (mu ** 2 + var - torch.log(var) - 1).sum(-1)

def kl_diag(mu_q, logvar_q, mu_p, logvar_p):
    vq, vp = torch.exp(logvar_q), torch.exp(logvar_p)
    z = (mu_q - mu_p) / torch.exp(0.5 * logvar_p)
    return 0.5 * (logvar_p - logvar_q + vq / vp + z ** 2 - 1).sum(-1)

def kl_full(mu_q, scale_tril_q, mu_p, scale_tril_p):
    # covariance = L^T L
    D = mu_q.shape[-1]
    Up, Uq = scale_tril_p.mT, scale_tril_q.mT
    A = torch.linalg.solve_triangular(Up, Uq, upper=True)
    b = torch.linalg.solve_triangular(Up, (mu_q - mu_p)[..., None], upper=True)
    ld = torch.log(torch.diagonal(Up, dim1=-2, dim2=-1)).sum(-1) - torch.log(torch.diagonal(Uq, dim1=-2, dim2=-1)).sum(-1)
    return 0.5 * ((A * A).sum((-1, -2)) + (b * b).sum((-1, -2)) - D) + ld

def kl_mc(log_q, log_p, dim=0, kind="k1"):
    r = log_q - log_p
    if kind == "k1":
        x = r
    else:
        x = torch.exp(r) - 1 - r
    return x.mean(dim), x.std(dim) / math.sqrt(x.shape[dim])

def moment_match(log_weights, mu, var):
    w = torch.softmax(log_weights, 0)
    mean = w @ mu
    std = w @ torch.sqrt(var)
    return mean, std ** 2 + w @ (mu - mean) ** 2

def reverse_kl_fit(logits, mu, logvar, init_mu, init_logvar, *, steps, lr, eps):
    m, v = init_mu.detach().clone(), init_logvar.detach().clone()
    log_w = torch.log_softmax(logits, 0)
    out = []
    for t in range(steps):
        m.requires_grad_(True); v.requires_grad_(True)
        z = (m + torch.exp(v / 2) * eps).detach()
        lq = (-0.5 * (z - m) ** 2 / torch.exp(v) - 0.5 * v - 0.5 * math.log(2 * math.pi)).sum(-1)
        lp = (-0.5 * (z[:, None] - mu) ** 2 / torch.exp(logvar) - 0.5 * logvar - 0.5 * math.log(2 * math.pi)).sum(-1)
        loss = (lq - torch.logsumexp(log_w + lp, 1)).mean()
        g = torch.autograd.grad(loss, [m, v])
        out.append(loss.detach())
        m = (m - lr * g[0]).detach()
        v = (v - lr * g[1]).detach()
    return m, v, torch.stack(out)
