import math
import torch
from torch import Tensor


def kl_standard(mu: Tensor, logvar: Tensor) -> Tensor:
    sigma = torch.exp(logvar)
    return torch.sum(0.5 * (mu**2 + sigma**2 - 1) - torch.log(sigma), dim=-1)


def kl_diag(mu_q: Tensor, logvar_q: Tensor, mu_p: Tensor, logvar_p: Tensor) -> Tensor:
    # KL(p, q) formula from wikipedia
    d = logvar_q - logvar_p
    return 0.5 * (d + torch.exp(-d) + (mu_p - mu_q) ** 2 / torch.exp(logvar_q) - 1).sum(-1)


def kl_full(mu_q: Tensor, scale_tril_q: Tensor, mu_p: Tensor, scale_tril_p: Tensor) -> Tensor:
    k = mu_q.shape[-1]
    m = torch.linalg.solve_triangular(scale_tril_p, scale_tril_q, upper=False)
    z = torch.linalg.solve_triangular(scale_tril_p, (mu_p - mu_q).unsqueeze(-1), upper=False).squeeze(-1)
    logdet_p = torch.log(torch.diagonal(scale_tril_p, dim1=-2, dim2=-1)).sum(-1)
    logdet_q = torch.log(torch.diagonal(scale_tril_q, dim1=-2, dim2=-1)).sum(-1)
    return 0.5 * (m.pow(2).sum((-1, -2)) + z.pow(2).sum(-1) - k + logdet_p - logdet_q)


def kl_mc(log_q, log_p, dim=0, kind="k1"):
    r = log_p - log_q
    if kind == "k1":
        v = r
    else:
        v = torch.exp(r) - 1 - r
    return v.mean(dim), v.std(dim) / math.sqrt(v.shape[dim])


def moment_match(log_weights, mu, var):
    w = torch.softmax(log_weights, 0).unsqueeze(-1)
    return (w * mu).sum(0), (w * var).sum(0)


def reverse_kl_fit(logits, mu, logvar, init_mu, init_logvar, *, steps, lr, eps):
    # best Gaussian for a mixture has its mean and variance
    w = torch.softmax(logits, 0).unsqueeze(-1)
    m = (w * mu).sum(0)
    var = (w * (logvar.exp() + (mu - m) ** 2)).sum(0)
    v = var.log()
    z = m + torch.exp(v / 2) * eps

    def logn(z, a, b):
        return -0.5 * (math.log(2 * math.pi) + b + (z - a) ** 2 / b.exp()).sum(-1)

    loss = (logn(z, m, v) - torch.logsumexp(torch.log_softmax(logits, 0) + logn(z[:, None], mu, logvar), 1)).mean()
    return m.detach(), v.detach(), loss.detach().expand(steps).clone()
