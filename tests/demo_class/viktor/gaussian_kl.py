import math, torch

def kl_standard(mu, logvar):
    std = torch.exp(logvar) ** 0.5
    return (0.5 * (mu ** 2 + std ** 2 - logvar) - 0.5).sum(-1)

def kl_diag(mu_q, logvar_q, mu_p, logvar_p):
    # stack so that everything happens at once
    mu = torch.stack([mu_q, mu_p])
    lv = torch.stack([logvar_q, logvar_p])
    r = lv[0] - lv[1]
    z = (mu[0] - mu[1]) / torch.exp(0.5 * lv[1])
    return 0.5 * (r.exp() - 1 - r + z ** 2).sum(-1)

def kl_full(mu_q, scale_tril_q, mu_p, scale_tril_p):
    L = torch.stack([scale_tril_q, scale_tril_p])
    ld = 2 * torch.log(torch.diagonal(L, dim1=-2, dim2=-1)).sum(-1)
    A = torch.linalg.solve_triangular(L[1], L[0], upper=False)
    b = torch.linalg.solve_triangular(L[1], (mu_q - mu_p).unsqueeze(-1), upper=False)
    return 0.5 * ((A ** 2).sum((-1, -2)) + (b ** 2).sum((-1, -2)) - mu_q.shape[-1] + ld[1] - ld[0])

def kl_mc(log_q, log_p, dim=0, kind="k1"):
    r = log_p - log_q
    x = -r if kind == "k1" else r.exp() - 1 - r
    return x.mean(dim), x.std(dim) / math.sqrt(len(x))

def moment_match(log_weights, mu, var):
    w = torch.softmax(log_weights, 0)
    mean = torch.einsum("k,kd->d", w, mu)
    return mean, torch.einsum("k,kd->d", w ** 2, var) + torch.einsum("k,kd->d", w, (mu - mean) ** 2)

def reverse_kl_fit(logits, mu, logvar, init_mu, init_logvar, *, steps, lr, eps):
    c = math.log(2 * math.pi)
    m, v = init_mu.detach().clone(), init_logvar.detach().clone()
    tr = []
    for i in range(steps):
        m.requires_grad_(True), v.requires_grad_(True)
        z = m + (0.5 * v).exp() * eps
        log_q = -0.5 * (c + v + eps ** 2).sum(-1)
        # logits are the log weights
        log_p = (logits - 0.5 * (c + logvar + (z[:, None] - mu) ** 2 * (-logvar).exp()).sum(-1)).logsumexp(-1)
        loss = (log_q - log_p).mean()
        g, h = torch.autograd.grad(loss, (m, v))
        tr += [loss.detach()]
        m, v = (m - lr * g).detach(), (v - lr * h).detach()
    return m, v, torch.stack(tr)
