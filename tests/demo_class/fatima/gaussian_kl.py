# Fatima Zahra
# Homework 4.  Step by step again.
import math

import torch


def kl_standard(mu, logvar):
    # go through the latent dimensions one after the other and add up their KLs
    number_of_latents = mu.shape[-1]
    answer = torch.zeros_like(mu[..., 0])
    for l in range(number_of_latents):
        mean = mu[..., l]
        log_variance = logvar[..., l]
        variance = torch.exp(log_variance)
        kl_of_this_latent = 0.5 * (mean * mean + variance - 1 - log_variance)
        answer = answer + kl_of_this_latent
    return answer


def kl_diag(mu_q, logvar_q, mu_p, logvar_p):
    number_of_latents = mu_q.shape[-1]
    answer = 0
    for l in range(number_of_latents):
        log_variance_ratio = logvar_q[..., l] - logvar_p[..., l]
        variance_ratio = torch.exp(log_variance_ratio)
        distance_in_sigmas = (mu_q[..., l] - mu_p[..., l]) / torch.exp(logvar_p[..., l] / 2)
        answer = answer + 0.5 * (variance_ratio - 1 - log_variance_ratio + distance_in_sigmas**2)
    return answer


def kl_full(mu_q, scale_tril_q, mu_p, scale_tril_p):
    D = mu_q.shape[-1]
    # tr(Sp^-1 Sq) = || Lp^-1 Lq ||_F^2
    B = torch.linalg.solve_triangular(scale_tril_p, scale_tril_q, upper=False)
    trace_term = torch.sum(B * B, dim=(-2, -1))
    # (mu_q - mu_p)' Sp^-1 (mu_q - mu_p) = || Lp^-1 (mu_q - mu_p) ||^2
    difference = torch.unsqueeze(mu_q - mu_p, -1)
    whitened = torch.linalg.solve_triangular(scale_tril_p, difference, upper=False)
    mahalanobis_term = torch.sum(whitened * whitened, dim=(-2, -1))
    # log det S = 2 sum log L_ii
    log_det_p = torch.zeros_like(scale_tril_p[..., 0, 0])
    log_det_q = torch.zeros_like(scale_tril_q[..., 0, 0])
    for i in range(D):
        log_det_p = log_det_p + 2 * torch.log(scale_tril_p[..., i, i])
        log_det_q = log_det_q + 2 * torch.log(scale_tril_q[..., i, i])
    return (trace_term + mahalanobis_term - D + log_det_p - log_det_q) / 2


def kl_mc(log_q, log_p, dim=0, kind="k1"):
    log_ratio = log_p - log_q
    if kind == "k1":
        contribution = -log_ratio
    else:
        contribution = torch.exp(log_ratio) - 1 - log_ratio
    number_of_samples = contribution.shape[dim]
    estimate = torch.mean(contribution, dim=dim)
    spread = torch.std(contribution, dim=dim)
    standard_error = spread / math.sqrt(number_of_samples)
    return estimate, standard_error


def moment_match(log_weights, mu, var):
    weights = torch.softmax(log_weights, dim=0)
    weights = weights.unsqueeze(1)
    mean = torch.sum(weights * mu, dim=0)
    mean_of_variances = torch.sum(weights * var, dim=0)
    variance_of_means = torch.sum(weights * (mu - mean) * (mu - mean), dim=0)
    return mean, mean_of_variances + variance_of_means


def reverse_kl_fit(logits, mu, logvar, init_mu, init_logvar, *, steps, lr, eps):
    # I derived the gradient by hand instead of using autograd.
    #   z = m + s eps,  s = exp(v/2),  r_k = responsibility of component k for z
    #   log q(z) does not depend on m, and depends on v only through -v/2
    #   d(-log p)/dz = sum_k r_k (z - mu_k) / var_k
    m = init_mu.detach().clone()
    v = init_logvar.detach().clone()
    mu = mu.detach()
    logvar = logvar.detach()
    log_weights = torch.log_softmax(logits.detach(), dim=0)
    constant = math.log(2 * math.pi)
    trace = []
    for _ in range(steps):
        s = torch.exp(v / 2)
        z = m + s * eps
        log_q = -0.5 * (constant + v + eps * eps).sum(-1)
        difference = z.unsqueeze(1) - mu
        log_components = -0.5 * (constant + logvar + difference**2 * torch.exp(-logvar)).sum(-1)
        log_joint = log_weights + log_components
        log_p = torch.logsumexp(log_joint, dim=1)
        trace.append((log_q - log_p).mean())
        responsibility = torch.softmax(log_joint, dim=1).unsqueeze(-1)
        dz = (responsibility * difference * torch.exp(-logvar)).sum(1)
        gradient_m = dz.mean(0)
        gradient_v = -0.5 + (dz * 0.5 * s * eps).mean(0)
        m = m - lr * gradient_m
        v = v - lr * gradient_v
    return m, v, torch.stack(trace)
