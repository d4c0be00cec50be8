import math
import torch


def kl_standard(mu, logvar):
    return 0.5 * torch.sum(torch.square(mu) + torch.exp(logvar) - logvar - 1, -1)


def kl_diag(mu_q, logvar_q, mu_p, logvar_p):
    s = torch.exp(-logvar_p / 2)
    d = logvar_q - logvar_p
    return 0.5 * torch.sum(torch.square((mu_q - mu_p) * s) + torch.exp(d) - d - 1, -1)


def moment_match(log_weights, mu, var):
    log_weights, mu, var = log_weights.double(), mu.double(), var.double()
    w = torch.softmax(log_weights, 0)
    mean = torch.einsum("k,kd->d", w, mu)
    return mean, torch.einsum("k,kd->d", w, var + torch.square(mu - mean))


def reverse_kl_fit(logits, mu, logvar, init_mu, init_logvar, *, steps, lr, eps):
    # optimise log sigma, which is half of logvar
    m = init_mu.detach().clone()
    rho = 0.5 * init_logvar.detach()
    half_log_2pi = 0.5 * math.log(2 * math.pi)
    trace = []
    for _ in range(steps):
        m.requires_grad_()
        rho.requires_grad_()
        z = m + torch.exp(rho) * eps
        log_q = -(rho + half_log_2pi + 0.5 * torch.square(eps)).sum(-1)
        scaled = torch.square(z.unsqueeze(1) - mu) * torch.exp(-logvar)
        log_p = torch.logsumexp(logits.log_softmax(0) - (half_log_2pi + 0.5 * logvar + 0.5 * scaled).sum(-1), 1)
        loss = (log_q - log_p).mean()
        gm, grho = torch.autograd.grad(loss, (m, rho))
        trace.append(loss.detach())
        m, rho = (m - lr * gm).detach(), (rho - lr * grho).detach()
    return m, 2 * rho, torch.stack(trace)


if __name__ == "__main__":
    mu, lv = torch.randn(2, 3), torch.randn(2, 3)
    print(kl_standard(mu, lv), kl_diag(mu, lv, 0 * mu, 0 * lv))
    raise SystemExit("all good")
