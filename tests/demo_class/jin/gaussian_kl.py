"""HW4 - Jin Park"""
import math

import torch


def kl_standard(mu, logvar):
    """KL = mu^2/2 + sigma^2/2 - 1/2 - log sigma"""
    sigma = logvar
    return (mu**2 / 2 + sigma**2 / 2 - 0.5 - torch.log(sigma.abs())).sum(-1)


def kl_diag(mu_q, logvar_q, mu_p, logvar_p):
    """1/2 sum (log vq/vp + vq/vp + (mq-mp)^2/vp - 1)"""
    log_ratio = logvar_q - logvar_p
    maha = ((mu_q - mu_p) * torch.exp(-logvar_p / 2)) ** 2
    return 0.5 * torch.sum(log_ratio + torch.exp(log_ratio) + maha - 1, dim=-1)


def kl_full(mu_q, scale_tril_q, mu_p, scale_tril_p):
    """the trace term is tr(Sq^-1 Sp)"""
    d = mu_q.shape[-1]
    ratio = torch.linalg.solve_triangular(scale_tril_q, scale_tril_p, upper=False)
    diff = torch.linalg.solve_triangular(scale_tril_p, (mu_q - mu_p)[..., None], upper=False)[..., 0]
    logdet = lambda L: 2 * L.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    return 0.5 * ((ratio**2).sum(dim=(-2, -1)) + (diff**2).sum(-1) - d + logdet(scale_tril_p) - logdet(scale_tril_q))


def kl_mc(log_q, log_p, dim=0, kind="k1"):
    """population std for the standard error"""
    r = log_p - log_q
    est = -r if kind == "k1" else torch.exp(r) - 1 - r
    n = est.size(dim)
    return est.mean(dim), est.std(dim, correction=0) / math.sqrt(n)


def moment_match(log_weights, mu, var):
    """exp(log_weights) are the weights"""
    w = torch.exp(log_weights)[:, None]
    mean = (w * mu).sum(0)
    second_moment = (w * (var + mu**2)).sum(0)
    return mean, second_moment - mean**2


def reverse_kl_fit(logits, mu, logvar, init_mu, init_logvar, *, steps, lr, eps):
    """log q does not depend on the parameters through the sample, so only log q(z) is differentiated"""
    const = math.log(2 * math.pi)
    m = init_mu.clone().detach()
    v = init_logvar.clone().detach()
    losses = []
    for _ in range(steps):
        m = m.requires_grad_()
        v = v.requires_grad_()
        z = m + (v / 2).exp() * eps
        z_fixed = z.detach()
        log_q = -0.5 * (const + v + (z_fixed - m) ** 2 / v.exp()).sum(-1)
        log_comp = -0.5 * (const + logvar + (z.unsqueeze(1) - mu) ** 2 / logvar.exp()).sum(-1)
        loss = (log_q - torch.logsumexp(torch.log_softmax(logits, 0) + log_comp, dim=1)).mean()
        gm, gv = torch.autograd.grad(loss, (m, v))
        losses.append(loss.detach())
        m, v = (m - lr * gm).detach(), (v - lr * gv).detach()
    return m, v, torch.stack(losses)
