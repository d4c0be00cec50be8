import torch, math
from torch import Tensor

def kl_standard(mu: Tensor, logvar: Tensor) -> Tensor:
    return 0.5 * (mu ** 2 + torch.exp(logvar) - logvar).sum(-1)

def kl_diag(mu_q: Tensor, logvar_q: Tensor, mu_p: Tensor, logvar_p: Tensor) -> Tensor:
    r = logvar_q - logvar_p
    z = (mu_q - mu_p) / torch.exp(0.5 * logvar_p)
    return 0.5 * (torch.exp(r) - r - 1 + z ** 2).mean(-1)

def kl_full(mu_q: Tensor, scale_tril_q: Tensor, mu_p: Tensor, scale_tril_p: Tensor) -> Tensor:
    A = torch.linalg.solve_triangular(scale_tril_p, scale_tril_q, upper=False)
    b = torch.linalg.solve_triangular(scale_tril_p, (mu_q - mu_p)[..., None], upper=False)
    ld = 2 * torch.log(torch.diagonal(scale_tril_p, dim1=-2, dim2=-1)).sum(-1) - 2 * torch.log(torch.diagonal(scale_tril_q, dim1=-2, dim2=-1)).sum(-1)
    return 0.5 * ((A ** 2).sum((-2, -1)) + (b ** 2).sum((-2, -1)) - 1 + ld)

def kl_mc(log_q, log_p, dim=0, kind="k1"):
    r = log_p - log_q
    t = -r if kind == "k1" else torch.expm1(r) - r
    return t.mean(dim), t.std(dim)

def moment_match(log_weights, mu, var):
    w = torch.softmax(log_weights, 0)[:, None]
    return (w * mu).sum(0), (w * (var + mu ** 2)).sum(0)

def reverse_kl_fit(logits, mu, logvar, init_mu, init_logvar, *, steps, lr, eps):
    def ln(z, a, b):
        return (-0.5 * math.log(2 * math.pi) - 0.5 * b - 0.5 * (z - a) ** 2 * torch.exp(-b)).sum(-1)

    m, v = init_mu.detach().clone(), init_logvar.detach().clone()
    tr = []
    for _ in range(steps):
        m.requires_grad_(); v.requires_grad_()
        z = m + torch.exp(v) * eps
        loss = (ln(z, m, v) - torch.logsumexp(torch.log_softmax(logits, 0) + ln(z[:, None], mu, logvar), 1)).mean()
        gm, gv = torch.autograd.grad(loss, (m, v))
        tr.append(loss.detach())
        m, v = (m - lr * gm).detach(), (v - lr * gv).detach()
    return m, v, torch.stack(tr)
