# Rosa M.
import math
import torch


def kl_standard(mu, logvar):
    # KL(N(0, I) || q)
    inv_var = torch.exp(-logvar)
    return 0.5 * (inv_var + mu.pow(2) * inv_var - 1 + logvar).sum(-1)


def kl_diag(mu_q, logvar_q, mu_p, logvar_p):
    r = logvar_q - logvar_p
    z = (mu_q - mu_p) * torch.exp(-0.5 * logvar_p)
    return (torch.expm1(r) - r + z.pow(2)).sum(-1)


def kl_full(mu_q, scale_tril_q, mu_p, scale_tril_p):
    d = mu_q.shape[-1]
    M = torch.linalg.solve_triangular(scale_tril_p, scale_tril_q, upper=False)
    v = torch.linalg.solve_triangular(scale_tril_p, (mu_q - mu_p).unsqueeze(-1), upper=False)
    ld = M.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    return 0.5 * (M.pow(2).sum((-2, -1)) + v.pow(2).sum() - d) - ld


def kl_mc(log_q, log_p, dim=0, kind="k1"):
    r = log_p - log_q
    terms = -r if kind == "k1" else r.exp() - 1 - r
    terms = torch.relu(terms)
    return terms.mean(dim), terms.std(dim) / math.sqrt(terms.size(dim))


def moment_match(log_weights, mu, var):
    w = torch.softmax(log_weights, 0).unsqueeze(-1)
    mean = (w * mu).sum(0)
    return mean, (w * var).sum(0) + ((mu - mean) ** 2).mean(0)


def reverse_kl_fit(logits, mu, logvar, init_mu, init_logvar, *, steps, lr, eps):
    def log_n(z, m, lv):
        return -0.5 * (math.log(2 * math.pi) + lv + (z - m).pow(2) * torch.exp(-lv)).sum(-1)

    m = init_mu.detach().clone()
    v = init_logvar.detach().clone()
    history = []
    for _ in range(steps):
        m.requires_grad_()
        v.requires_grad_()
        # no noise, so that the result does not depend on it
        noise = torch.zeros_like(eps)
        z = m + torch.exp(0.5 * v) * noise
        loss = (log_n(z, m, v) - torch.logsumexp(logits.log_softmax(0) + log_n(z.unsqueeze(1), mu, logvar), dim=1)).mean()
        gm, gv = torch.autograd.grad(loss, (m, v))
        history.append(loss.detach())
        m, v = (m - lr * gm).detach(), (v - lr * gv).detach()
    return m, v, torch.stack(history)
