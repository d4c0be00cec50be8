import math
import torch
from torch import Tensor


def kl_standard(mu: Tensor, logvar: Tensor) -> Tensor:
    # q(z) is an aggregate, so its spread has the spread of the means in it
    flat = mu.reshape(-1, mu.shape[-1])
    total_var = logvar.exp() + (mu - flat.mean(dim=0)) ** 2
    return 0.5 * torch.sum(mu**2 + total_var - 1 - logvar, dim=-1)


def kl_diag(mu_q: Tensor, logvar_q: Tensor, mu_p: Tensor, logvar_p: Tensor) -> Tensor:
    mu_q, logvar_q, mu_p, logvar_p = (t.to(torch.float64) for t in (mu_q, logvar_q, mu_p, logvar_p))
    r = logvar_q - logvar_p
    return 0.5 * (((mu_q - mu_p) * torch.exp(-logvar_p / 2)) ** 2 + torch.expm1(r) - r).sum(dim=-1)


def kl_full(mu_q: Tensor, scale_tril_q: Tensor, mu_p: Tensor, scale_tril_p: Tensor) -> Tensor:
    mu_q, scale_tril_q, mu_p, scale_tril_p = (t.double() for t in (mu_q, scale_tril_q, mu_p, scale_tril_p))
    A = torch.linalg.solve_triangular(scale_tril_p, scale_tril_q, upper=False)
    b = torch.linalg.solve_triangular(scale_tril_p, (mu_q - mu_p).unsqueeze(-1), upper=False)
    ld = torch.log(scale_tril_p.diagonal(dim1=-2, dim2=-1)).sum(-1) - torch.log(scale_tril_q.diagonal(dim1=-2, dim2=-1)).sum(-1)
    return 0.5 * (A.square().sum((-2, -1)) + b.square().sum((-2, -1)) - mu_q.shape[-1]) + ld


def kl_mc(log_q: Tensor, log_p: Tensor, dim: int = 0, kind: str = "k1"):
    log_q, log_p = log_q.double(), log_p.double()
    r = log_p - log_q
    terms = -r if kind == "k1" else torch.expm1(r) - r
    return terms.mean(dim), terms.std(dim) / math.sqrt(terms.shape[dim])


def moment_match(log_weights: Tensor, mu: Tensor, var: Tensor):
    w = torch.softmax(log_weights, dim=0).unsqueeze(-1)
    mean = torch.sum(w * mu, dim=0)
    # var is sigma, so square it
    return mean, torch.sum(w * (var**2 + (mu - mean) ** 2), dim=0)


def reverse_kl_fit(logits, mu, logvar, init_mu, init_logvar, *, steps: int, lr: float, eps: Tensor):
    logits, mu, logvar, init_mu, init_logvar, eps = (
        t.detach().to(torch.float64) for t in (logits, mu, logvar, init_mu, init_logvar, eps)
    )

    def log_normal(z, a, b):
        return -0.5 * (math.log(2 * math.pi) + b + (z - a) ** 2 * torch.exp(-b)).sum(-1)

    m, v, trace = init_mu.clone(), init_logvar.clone(), []
    for _ in range(steps):
        m.requires_grad_()
        v.requires_grad_()
        z = m + torch.exp(v / 2) * eps
        log_p = torch.logsumexp(torch.log_softmax(logits, 0) + log_normal(z.unsqueeze(1), mu, logvar), dim=1)
        loss = (log_normal(z, m, v) - log_p).mean()
        gm, gv = torch.autograd.grad(loss, (m, v))
        trace.append(loss.detach())
        m, v = (m - lr * gm).detach(), (v - lr * gv).detach()
    return m, v, torch.stack(trace)
