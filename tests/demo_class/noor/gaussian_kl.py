import math

import torch


def kl_diag(mu_q, logvar_q, mu_p, logvar_p):
    r = logvar_p - logvar_q
    return (0.5 * ((mu_q - mu_p) ** 2 * torch.exp(-logvar_p) + torch.exp(r) - 1 - r)).sum(-1)


def kl_full(mu_q, scale_tril_q, mu_p, scale_tril_p):
    both = torch.cat([scale_tril_q, (mu_q - mu_p).unsqueeze(-1)], dim=-1)
    solved = torch.linalg.solve_triangular(scale_tril_p, both, upper=False)
    logdet = scale_tril_p.diagonal(dim1=-2, dim2=-1).log() - scale_tril_q.diagonal(dim1=-2, dim2=-1).log()
    return logdet.sum(-1) + 0.5 * solved.pow(2).sum(dim=(-2, -1))


def _log_normal(z, mean, logvar):
    return -0.5 * (math.log(2 * math.pi) + logvar + (z - mean) ** 2 / logvar.exp()).sum(-1)


def reverse_kl_fit(logits, mu, logvar, init_mu, init_logvar, *, steps, lr, eps):
    logits, mu, logvar = logits.detach(), mu.detach(), logvar.detach()
    m = init_mu.detach().clone().requires_grad_()
    v = init_logvar.detach().clone().requires_grad_()
    losses = []
    with torch.enable_grad():
        for _ in range(steps):
            z = m + (0.5 * v).exp() * eps
            log_p = torch.logsumexp(logits.log_softmax(0) + _log_normal(z[:, None], mu, logvar), dim=1)
            loss = (_log_normal(z, m, v) - log_p).mean()
            loss.backward()
            with torch.no_grad():
                m -= lr * m.grad
                v -= lr * v.grad
            losses.append(loss.detach())
    return m.detach(), v.detach(), torch.stack(losses)
