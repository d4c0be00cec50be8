import numpy as np
import torch as th

C = float(np.log(2 * np.pi))

def kl_standard(mu, logvar):
    s = th.exp(logvar / 2)
    return th.sum(mu * mu / 2 + s * s / 2 - logvar / 2 - 0.5, -1)

def kl_diag(mu_q, logvar_q, mu_p, logvar_p):
    d = logvar_p - logvar_q
    k = th.exp(-d)
    s = th.exp(logvar_p / 2)
    return th.sum(d + k + ((mu_p - mu_q) / s).pow(2) - 1, -1) / 2

def kl_full(mu_q, scale_tril_q, mu_p, scale_tril_p):
    D = scale_tril_q.shape[-1]
    a = th.linalg.solve_triangular(scale_tril_p, scale_tril_q, upper=False)
    b = th.linalg.solve_triangular(scale_tril_p, (mu_p - mu_q)[..., None], upper=False)
    ld = 2 * th.log(th.diagonal(scale_tril_p, dim1=-2, dim2=-1) / th.diagonal(scale_tril_q, dim1=-2, dim2=-1)).sum(-1)
    return 0.5 * (a.square().sum([-2, -1]) + b.square().sum([-2, -1]) - D + ld)

def kl_mc(log_q, log_p, dim=0, kind='k1'):
    r = log_p - log_q
    x = -r if kind == 'k1' else th.exp(r) - 1 - r
    n = x.shape[dim]
    m = x.mean(dim)
    s2 = ((x - m.unsqueeze(dim)) ** 2).sum(dim) / (n - 1) if n > 1 else m * float('nan')
    return m, (s2 / n).sqrt()

def moment_match(log_weights, mu, var):
    w = th.softmax(log_weights, 0).reshape(-1, 1)
    m = (w * mu).sum(0)
    return m, (w * (var + mu * mu)).sum(0) - m * m

def reverse_kl_fit(logits, mu, logvar, init_mu, init_logvar, *, steps, lr, eps):
    m = init_mu.detach().clone(); v = init_logvar.detach().clone()
    tr = []
    for i in range(steps):
        m.requires_grad_(True); v.requires_grad_(True)
        z = m + eps * th.exp(v / 2)
        lq = -(C + v + ((z - m) / th.exp(v / 2)) ** 2).sum(-1) / 2
        lp = th.logsumexp(th.log_softmax(logits, 0) - (C + logvar + ((z[:, None] - mu) / th.exp(logvar / 2)) ** 2).sum(-1) / 2, 1)
        loss = (lq - lp).sum() / eps.shape[0]
        g = th.autograd.grad(loss, (m, v))
        tr.append(float(loss))
        m = (m - lr * g[0]).detach(); v = (v - lr * g[1]).detach()
    return m, v, th.tensor(tr, dtype=m.dtype, device=m.device)
