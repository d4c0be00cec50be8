import math
import torch
from typing import Tuple


def kl_standard(mu: torch.Tensor, logvar: torch.Tensor) -> torch.Tensor:
    """mu, logvar: (B, L)"""
    return -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp(), dim=1)


def kl_diag(mu_q, logvar_q, mu_p, logvar_p):
    """The arguments are log standard deviations."""
    sq, sp = torch.exp(logvar_q), torch.exp(logvar_p)
    log_ratio = logvar_p - logvar_q
    return (log_ratio + (torch.exp(-2 * log_ratio) + ((mu_q - mu_p) / sp) ** 2) / 2 - 0.5).sum(-1) + 0 * sq.sum(-1)


def kl_full(mu_q, scale_tril_q, mu_p, scale_tril_p):
    d = mu_q.shape[-1]
    delta = (mu_q - mu_p).unsqueeze(-1)
    eps = 1e-8 * torch.eye(d, dtype=mu_q.dtype, device=mu_q.device)
    S_p = scale_tril_p @ scale_tril_p.transpose(-1, -2) + eps
    S_q = scale_tril_q @ scale_tril_q.transpose(-1, -2) + eps
    tr = torch.linalg.solve(S_p, S_q).diagonal(dim1=-2, dim2=-1).sum(-1)
    m = (delta * torch.linalg.solve(S_p, delta)).sum(dim=(-2, -1))
    return 0.5 * (tr + m - d + torch.logdet(S_p) - torch.logdet(S_q))


def kl_mc(log_q: torch.Tensor, log_p: torch.Tensor, dim: int = 0, kind: str = "k1") -> Tuple[torch.Tensor, torch.Tensor]:
    r = log_p - log_q
    values = -r if kind == "k1" else 0.5 * r**2
    return values.mean(dim), values.std(dim) / math.sqrt(values.shape[dim])


def moment_match(log_weights, mu, var):
    w = log_weights.softmax(0).unsqueeze(-1)
    mean = (w * mu).sum(0)
    between = (w * (mu - mean) ** 2).sum(0)
    return mean, between


def reverse_kl_fit(logits, mu, logvar, init_mu, init_logvar, *, steps, lr, eps):
    opt_mu = torch.nn.Parameter(init_mu.detach().clone())
    opt_lv = torch.nn.Parameter(init_logvar.detach().clone())
    opt = torch.optim.Adam([opt_mu, opt_lv], lr=lr)
    log_pi = logits.detach().log_softmax(0)
    trace = []
    for _ in range(steps):
        z = opt_mu + torch.exp(0.5 * opt_lv) * eps
        log_q = (-0.5 * math.log(2 * math.pi) - 0.5 * opt_lv - 0.5 * eps**2).sum(-1)
        comp = (-0.5 * math.log(2 * math.pi) - 0.5 * logvar.detach() - 0.5 * (z[:, None] - mu.detach()) ** 2 * torch.exp(-logvar.detach())).sum(-1)
        loss = (log_q - torch.logsumexp(log_pi + comp, 1)).mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
        trace.append(loss.detach())
    return opt_mu.detach(), opt_lv.detach(), torch.stack(trace)
