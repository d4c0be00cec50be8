import math
import torch


def kl_standard(mu, logvar):
    var = torch.exp(logvar)
    return -0.5 * torch.sum(1 + logvar - mu**2 - var, dim=-1)


def kl_diag(mu_q, logvar_q, mu_p, logvar_p):
    std_ratio = torch.exp((logvar_q - logvar_p) / 2)
    z = (mu_q - mu_p) * torch.exp(-logvar_p / 2)
    kl_per_dim = 0.5 * (std_ratio**2 + z**2 - 1) - (logvar_q - logvar_p) / 2
    return kl_per_dim.sum(-1)


def kl_full(mu_q, scale_tril_q, mu_p, scale_tril_p):
    D = mu_q.shape[-1]
    delta = (mu_q - mu_p).unsqueeze(-1)
    batch = torch.broadcast_shapes(delta.shape[:-2], scale_tril_q.shape[:-2], scale_tril_p.shape[:-2])
    # one solve for both right hand sides
    rhs = torch.cat([scale_tril_q.expand(*batch, D, D), delta.expand(*batch, D, 1)], dim=-1)
    sol = torch.linalg.solve_triangular(scale_tril_p.expand(*batch, D, D), rhs, upper=False)
    logdets = torch.log(scale_tril_p.diagonal(dim1=-2, dim2=-1)) - torch.log(scale_tril_q.diagonal(dim1=-2, dim2=-1))
    return (sol**2).sum((-1, -2)) / 2 - D / 2 + logdets.sum(-1)


def kl_mc(log_q, log_p, dim=0, kind="k1"):
    diff = log_q - log_p
    if kind == "k1":
        est = diff
    if kind == "k3":
        est = torch.expm1(-diff) + diff
    se = torch.std(est, dim=dim, unbiased=True) / math.sqrt(est.shape[dim])
    return est.mean(dim), se


def moment_match(log_weights, mu, var):
    w = torch.exp(log_weights - torch.logsumexp(log_weights, 0))[:, None]
    mean = torch.sum(w * mu, 0)
    # law of total variance: E[var] + var[mean]
    return mean, torch.sum(w * var, 0) + torch.sum(w * (mu - mean).pow(2), 0)


def reverse_kl_fit(logits, mu, logvar, init_mu, init_logvar, *, steps, lr, eps):
    logits, mu, logvar = logits.detach(), mu.detach(), logvar.detach()
    m, v = init_mu.detach().clone(), init_logvar.detach().clone()
    log_pi = logits - logits.logsumexp(0)
    losses = []
    with torch.enable_grad():
        for step in range(steps):
            m = m.detach().requires_grad_()
            v = v.detach().requires_grad_()
            z = m + torch.exp(v / 2) * eps
            # entropy of q is known up to the sampled quadratic term
            log_q = (-0.5 * eps**2 - 0.5 * v - 0.5 * math.log(2 * math.pi)).sum(-1)
            comp = -0.5 * ((z[:, None] - mu) / torch.exp(0.5 * logvar)) ** 2 - 0.5 * logvar - 0.5 * math.log(2 * math.pi)
            log_p = torch.logsumexp(log_pi + comp.sum(-1), dim=-1)
            loss = torch.mean(log_q - log_p)
            gm, gv = torch.autograd.grad(loss, [m, v])
            losses.append(loss.detach())
            m = m - lr * gm
            v = v - lr * gv
    return m.detach(), v.detach(), torch.stack(losses)
