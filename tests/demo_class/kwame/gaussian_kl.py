import torch
import math

# Q1
def kl_standard(mu, logvar):
    return (mu ** 2 + logvar.exp() - logvar - 1).sum(-1)

# Q2
def kl_diag(mu_q, logvar_q, mu_p, logvar_p):
    a = logvar_p - logvar_q
    b = torch.exp(logvar_q - logvar_p)
    c = (mu_q - mu_p) / torch.exp(logvar_p / 2)
    return 0.5 * (a + b + c - 1).sum(-1)

# Q3
def kl_full(mu_q, scale_tril_q, mu_p, scale_tril_p):
    D = mu_q.shape[-1]
    d = (mu_q - mu_p).unsqueeze(-1)
    M = torch.linalg.solve_triangular(scale_tril_p, scale_tril_q, upper=False)
    maha = (d.mT @ torch.linalg.solve_triangular(scale_tril_p, d, upper=False)).squeeze(-1).squeeze(-1)
    logdet = 2 * (scale_tril_p.diagonal(dim1=-2, dim2=-1).log() - scale_tril_q.diagonal(dim1=-2, dim2=-1).log()).sum(-1)
    return ((M ** 2).sum((-1, -2)) + maha - D + logdet) / 2

# Q4
def kl_mc(log_q, log_p, dim=0, kind="k1"):
    log_q, log_p = log_q.detach(), log_p.detach()   # just a number, no grads
    r = log_p - log_q
    k = -r if kind == "k1" else r.exp() - 1 - r
    return k.mean(dim), k.std(dim) / k.shape[dim] ** 0.5

# Q5
def moment_match(log_weights, mu, var):
    w = log_weights / torch.sum(log_weights)   # so that they sum to 1
    mean = w @ mu
    return mean, w @ (mu ** 2 + var) - mean ** 2

# Q6
def reverse_kl_fit(logits, mu, logvar, init_mu, init_logvar, *, steps, lr, eps):
    m = init_mu.detach().clone()
    s = torch.exp(init_logvar.detach() / 2)   # easier to optimise sigma
    losses = []
    for _ in range(steps):
        m.requires_grad_(); s.requires_grad_()
        z = m + s * eps
        lq = -0.5 * (((z - m) / s) ** 2).sum(-1) - s.log().sum(-1) - 0.5 * m.numel() * math.log(2 * math.pi)
        comp = -0.5 * ((z[:, None] - mu) ** 2 / logvar.exp() + logvar + math.log(2 * math.pi)).sum(-1)
        loss = (lq - (comp + logits.log_softmax(0)).logsumexp(1)).mean()
        a, b = torch.autograd.grad(loss, (m, s))
        losses.append(loss.detach())
        m = (m - lr * a).detach()
        s = (s - lr * b).detach()
    return m, 2 * s.log(), torch.stack(losses)
