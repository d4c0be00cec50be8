from __future__ import annotations
import math
import torch
from torch import Tensor


def kl_standard(mu: Tensor, logvar: Tensor) -> Tensor:
    sigma2 = torch.exp(logvar)
    return 0.5 * torch.sum(mu.square() + sigma2 - torch.log(sigma2 + 1e-8) - 1.0, dim=-1)


def kl_diag(mu_q: Tensor, logvar_q: Tensor, mu_p: Tensor, logvar_p: Tensor) -> Tensor:
    # one prior for everybody
    prior_mean = mu_p.reshape(-1, mu_p.shape[-1]).mean(dim=0)
    diff = logvar_q - logvar_p
    return 0.5 * torch.sum((mu_q - prior_mean).square() / logvar_p.exp() + diff.exp() - diff - 1.0, dim=-1)


def kl_full(mu_q: Tensor, scale_tril_q: Tensor, mu_p: Tensor, scale_tril_p: Tensor) -> Tensor:
    Lp = scale_tril_p.detach()  # p is fixed
    W = torch.linalg.solve_triangular(Lp, scale_tril_q, upper=False)
    u = torch.linalg.solve_triangular(Lp, (mu_q - mu_p).unsqueeze(-1), upper=False).squeeze(-1)
    ld = W.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    return 0.5 * (W.square().sum((-2, -1)) + u.square().sum(-1) - mu_q.shape[-1]) - ld


def kl_mc(log_q: Tensor, log_p: Tensor, dim: int = 0, kind: str = "k1") -> tuple[Tensor, Tensor]:
    k1 = log_q - log_p
    est = k1 if kind == "k1" else torch.expm1(-k1) + k1
    return est.mean(dim), k1.std(dim) / math.sqrt(k1.shape[dim])


def moment_match(log_weights: Tensor, mu: Tensor, var: Tensor) -> tuple[Tensor, Tensor]:
    w = torch.softmax(log_weights, dim=0).unsqueeze(-1)
    mean = (w * mu).sum(0)
    # a little more, otherwise the log is dangerous
    return mean, (w * (var + (mu - mean).square())).sum(0) + 1e-3


def reverse_kl_fit(logits, mu, logvar, init_mu, init_logvar, *, steps, lr, eps):
    weights = torch.softmax(logits, dim=0)

    def log_normal(z, mean, lv):
        return -0.5 * (const + lv + (z - mean).square() / lv.exp()).sum(-1)

    const = math.log(2 * math.pi)
    m, v = init_mu.detach().clone(), init_logvar.detach().clone()
    trace = []
    for _ in range(steps):
        m, v = m.requires_grad_(), v.requires_grad_()
        z = m + (v / 2).exp() * eps
        # E over components of the log densities
        log_mix = (weights * log_normal(z[:, None, :], mu, logvar)).sum(-1)
        loss = torch.mean(log_normal(z, m, v) - log_mix)
        step_m, step_v = torch.autograd.grad(loss, [m, v])
        trace.append(loss.detach())
        m, v = m.detach() - lr * step_m, v.detach() - lr * step_v
    return m, v, torch.stack(trace)
