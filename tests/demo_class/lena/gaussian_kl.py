import math
import torch
import torch.nn.functional as F


def kl_standard(mu, logvar):
    return -0.5 * torch.mean(1 + logvar - mu**2 - torch.exp(logvar), dim=-1)


def kl_diag(mu_q, logvar_q, mu_p, logvar_p):
    log_ratio = logvar_q - logvar_p
    return 0.5 * (torch.exp(log_ratio) - log_ratio - 1 + (mu_q - mu_p) ** 2 / torch.exp(logvar_q)).sum(dim=-1)


def kl_full(mu_q, scale_tril_q, mu_p, scale_tril_p):
    # small jitter so that the Cholesky never fails
    d = mu_q.shape[-1]
    jitter = 1e-6 * torch.eye(d, dtype=mu_q.dtype, device=mu_q.device)
    Sq = scale_tril_q @ scale_tril_q.mT + jitter
    Sp = scale_tril_p @ scale_tril_p.mT + jitter
    Lp, Lq = torch.linalg.cholesky(Sp), torch.linalg.cholesky(Sq)
    trace = torch.cholesky_solve(Sq, Lp).diagonal(dim1=-2, dim2=-1).sum(-1)
    diff = (mu_p - mu_q).unsqueeze(-1)
    maha = (diff * torch.cholesky_solve(diff, Lp)).sum(dim=(-1, -2))
    logdet = 2 * (Lp.diagonal(dim1=-2, dim2=-1).log() - Lq.diagonal(dim1=-2, dim2=-1).log()).sum(-1)
    return 0.5 * (trace + maha - d + logdet)


def kl_mc(log_q, log_p, dim=0, kind="k1"):
    r = log_p - log_q
    x = -r if kind == "k1" else torch.expm1(r) - r
    # a KL can not be negative!
    return x.mean(dim).clamp(min=0), x.std(dim) / math.sqrt(x.shape[dim])


def moment_match(log_weights, mu, var):
    w = F.softmax(log_weights, dim=0).unsqueeze(-1)
    mean = (w * mu).sum(0)
    variance = (w * (var + mu**2)).sum(0) - mean**2
    return mean, torch.sqrt(variance)


def reverse_kl_fit(logits, mu, logvar, init_mu, init_logvar, *, steps, lr, eps):
    def log_normal(z, a, b):
        return -0.5 * ((z - a) ** 2 * torch.exp(-b) + b + math.log(2 * math.pi)).sum(-1)

    m, v = init_mu.detach().clone(), init_logvar.detach().clone()
    trace = []
    for _ in range(steps):
        m.requires_grad_()
        v.requires_grad_()

        def loss_of(m, v):
            z = m + torch.exp(0.5 * v) * eps
            log_p = torch.logsumexp(F.log_softmax(logits, 0) + log_normal(z[:, None], mu, logvar), -1)
            return (log_normal(z, m, v) - log_p).mean()

        gm, gv = torch.autograd.grad(loss_of(m, v), (m, v))
        m, v = (m - lr * gm).detach(), (v - lr * gv).detach()
        trace.append(loss_of(m, v).detach())
    return m, v, torch.stack(trace)
