# Yusuf
import torch


def kl_standard(mu, logvar):
    q = torch.distributions.Normal(mu, torch.exp(logvar / 2), validate_args=False)
    p = torch.distributions.Normal(torch.zeros_like(mu), torch.ones_like(mu), validate_args=False)
    return torch.distributions.kl_divergence(q, p).sum(-1)


def kl_diag(mu_q, logvar_q, mu_p, logvar_p):
    # stop the gradient of the variance, it was unstable
    r = (logvar_q - logvar_p).detach()
    z = (mu_q - mu_p) * torch.exp(-0.5 * logvar_p).detach()
    return 0.5 * (z**2 + torch.exp(r) - 1 - r).sum(-1)


def kl_full(mu_q, scale_tril_q, mu_p, scale_tril_p):
    q = torch.distributions.MultivariateNormal(mu_q, scale_tril=scale_tril_q, validate_args=False)
    p = torch.distributions.MultivariateNormal(mu_p, scale_tril=scale_tril_p, validate_args=False)
    return torch.distributions.kl_divergence(q, p)


def kl_mc(log_q, log_p, dim=0, kind="k1"):
    log_p = log_p.detach()
    r = log_p - log_q
    x = -r if kind == "k1" else torch.expm1(r) - r
    return x.mean(dim), x.std(dim) / x.shape[dim] ** 0.5


def moment_match(log_weights, mu, var):
    w = torch.exp(log_weights)
    w = w / (w.sum() + 1e-8)
    mean = w @ mu
    return mean, w @ var + w @ (mu - mean) ** 2


def reverse_kl_fit(logits, mu, logvar, init_mu, init_logvar, *, steps, lr, eps):
    pi = torch.softmax(logits, 0)
    two_pi = 2 * 3.141592653589793
    m, v = init_mu.detach().clone(), init_logvar.detach().clone()
    trace = []
    for _ in range(steps):
        m.requires_grad_()
        v.requires_grad_()
        z = m + torch.exp(v / 2) * eps
        density = torch.exp(-0.5 * (z[:, None] - mu) ** 2 / torch.exp(logvar)) / torch.sqrt(two_pi * torch.exp(logvar))
        p = (pi * density.prod(-1)).sum(-1)
        log_q = (-0.5 * eps**2 - 0.5 * v - 0.5 * torch.log(torch.full_like(v, two_pi))).sum(-1)
        loss = (log_q - torch.log(p)).mean()
        gm, gv = torch.autograd.grad(loss, (m, v))
        trace.append(loss.detach())
        m, v = (m - lr * gm).detach(), (v - lr * gv).detach()
    return m, v, torch.stack(trace)
