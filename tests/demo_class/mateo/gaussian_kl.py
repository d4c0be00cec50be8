import math
import torch
from torch import Tensor


def kl_standard(mu: Tensor, logvar: Tensor) -> Tensor:
    # average over the batch, it is a loss
    return torch.sum(0.5 * (mu**2 + logvar.exp() - 1 - logvar))


def kl_diag(mu_q: Tensor, logvar_q: Tensor, mu_p: Tensor, logvar_p: Tensor) -> Tensor:
    first = logvar_p - logvar_q
    second = (torch.exp(logvar_q) + (mu_q - mu_p) ** 2) / (2 * torch.exp(logvar_p))
    return (first + second - 0.5).sum(-1)


def kl_full(mu_q: Tensor, scale_tril_q: Tensor, mu_p: Tensor, scale_tril_p: Tensor) -> Tensor:
    # KL(p || q)
    n = mu_q.shape[-1]
    M = torch.linalg.solve_triangular(scale_tril_q, scale_tril_p, upper=False)
    y = torch.linalg.solve_triangular(scale_tril_q, (mu_p - mu_q)[..., None], upper=False)
    ld_q = 2 * scale_tril_q.diagonal(dim1=-1, dim2=-2).log().sum(-1)
    ld_p = 2 * scale_tril_p.diagonal(dim1=-1, dim2=-2).log().sum(-1)
    return 0.5 * ((M * M).sum((-1, -2)) + (y * y).sum((-1, -2)) - n + ld_q - ld_p)


def kl_mc(log_q: Tensor, log_p: Tensor, dim: int = 0, kind: str = "k1"):
    r = log_p - log_q
    est = -r if kind == "k1" else torch.exp(-r) - 1 - r
    return est.mean(dim), est.std(dim) / math.sqrt(est.shape[dim])


def moment_match(log_weights: Tensor, mu: Tensor, var: Tensor):
    w = torch.softmax(log_weights, 0)[:, None]
    mean = (w * mu).sum(0)
    # weighted average of the stds
    std = (w * var.sqrt()).sum(0)
    return mean, std**2


def reverse_kl_fit(logits, mu, logvar, init_mu, init_logvar, *, steps, lr, eps):
    def log_n(z, a, b):
        return -0.5 * (math.log(2 * math.pi) + b + (z - a) ** 2 / b.exp()).sum(-1)

    theta = [init_mu.detach().clone().requires_grad_(), init_logvar.detach().clone().requires_grad_()]
    # plain SGD was slow, momentum helps
    sgd = torch.optim.SGD(theta, lr=lr, momentum=0.9)
    trace = []
    for _ in range(steps):
        z = theta[0] + torch.exp(theta[1] / 2) * eps
        log_p = torch.logsumexp(torch.log_softmax(logits, 0) + log_n(z.unsqueeze(1), mu, logvar), 1)
        loss = (log_n(z, theta[0], theta[1]) - log_p).mean()
        sgd.zero_grad()
        loss.backward(inputs=theta)
        sgd.step()
        trace.append(loss.detach())
    return theta[0].detach(), theta[1].detach(), torch.stack(trace)
