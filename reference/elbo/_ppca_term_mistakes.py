"""Wrong answers to elbo.5 that lose or misplace a term. Positional arguments: x, W, b, noise_var, q_mean, q_cov."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from reference.elbo._ppca_bound_mistakes import ENTROPY, NORMALISER, TOO_HIGH
from reference.elbo._ppca_gap_mistakes import OFFSET

Triple = tuple[Tensor, Tensor, Tensor]


def forgets_the_trace_beside_a_right_gap(*given: Tensor) -> Triple:
    x, W, b, noise_var, q_mean, q_cov = given
    dim, latent = W.shape
    r = x - b
    cov = W @ W.mT + noise_var * torch.eye(dim).to(W)
    quadratic = (r @ torch.linalg.inv(cov) * r).sum(-1)
    log_px = -0.5 * (dim * math.log(2 * math.pi) + torch.logdet(cov) + quadratic)
    misfit = (r - q_mean @ W.mT).square().sum(-1)
    log_lik = -0.5 * (dim * torch.log(2 * math.pi * noise_var) + misfit / noise_var)
    spread = q_cov.diagonal(dim1=-2, dim2=-1).sum(-1) + q_mean.square().sum(-1)
    to_prior = 0.5 * (spread - latent - torch.logdet(q_cov))
    elbo = log_lik - to_prior
    precision = W.mT @ W / noise_var + torch.eye(latent).to(W)
    away = q_mean - (r @ W / noise_var) @ torch.linalg.inv(precision)
    gap = 0.5 * ((precision * q_cov).sum((-2, -1)) + (away @ precision * away).sum(-1) - latent)
    gap = gap - 0.5 * (torch.logdet(precision) + torch.logdet(q_cov))
    return log_px, elbo, gap


def evaluates_the_joint_at_the_mean(*given: Tensor) -> Triple:
    x, W, b, noise_var, q_mean, q_cov = given
    dim, latent = W.shape
    r = x - b
    cov = W @ W.mT + noise_var * torch.eye(dim).to(W)
    quadratic = (r @ torch.linalg.inv(cov) * r).sum(-1)
    log_px = -0.5 * (dim * math.log(2 * math.pi) + torch.logdet(cov) + quadratic)
    misfit = (r - q_mean @ W.mT).square().sum(-1)
    log_lik = -0.5 * (dim * torch.log(2 * math.pi * noise_var) + misfit / noise_var)
    spread = latent + q_mean.square().sum(-1)
    to_prior = 0.5 * (spread - latent - torch.logdet(q_cov))
    elbo = log_lik - to_prior
    return log_px, elbo, log_px - elbo


def leaves_the_trace_undivided(*given: Tensor) -> Triple:
    x, W, b, noise_var, q_mean, q_cov = given
    dim, latent = W.shape
    r = x - b
    cov = W @ W.mT + noise_var * torch.eye(dim).to(W)
    quadratic = (r @ torch.linalg.inv(cov) * r).sum(-1)
    log_px = -0.5 * (dim * math.log(2 * math.pi) + torch.logdet(cov) + quadratic)
    misfit = (r - q_mean @ W.mT).square().sum(-1)
    log_lik = -0.5 * (dim * torch.log(2 * math.pi * noise_var) + misfit / noise_var + (W.mT @ W * q_cov).sum((-2, -1)))
    spread = q_cov.diagonal(dim1=-2, dim2=-1).sum(-1) + q_mean.square().sum(-1)
    to_prior = 0.5 * (spread - latent - torch.logdet(q_cov))
    elbo = log_lik - to_prior
    return log_px, elbo, log_px - elbo


def forgets_the_loadings_in_the_trace(*given: Tensor) -> Triple:
    x, W, b, noise_var, q_mean, q_cov = given
    dim, latent = W.shape
    r = x - b
    cov = W @ W.mT + noise_var * torch.eye(dim).to(W)
    quadratic = (r @ torch.linalg.inv(cov) * r).sum(-1)
    log_px = -0.5 * (dim * math.log(2 * math.pi) + torch.logdet(cov) + quadratic)
    misfit = (r - q_mean @ W.mT).square().sum(-1) + q_cov.diagonal(dim1=-2, dim2=-1).sum(-1)
    log_lik = -0.5 * (dim * torch.log(2 * math.pi * noise_var) + misfit / noise_var)
    spread = q_cov.diagonal(dim1=-2, dim2=-1).sum(-1) + q_mean.square().sum(-1)
    to_prior = 0.5 * (spread - latent - torch.logdet(q_cov))
    elbo = log_lik - to_prior
    return log_px, elbo, log_px - elbo


def takes_squares_for_the_likelihood(*given: Tensor) -> Triple:
    x, W, b, noise_var, q_mean, q_cov = given
    dim, latent = W.shape
    r = x - b
    cov = W @ W.mT + noise_var * torch.eye(dim).to(W)
    quadratic = (r @ torch.linalg.inv(cov) * r).sum(-1)
    log_px = -0.5 * (dim * math.log(2 * math.pi) + torch.logdet(cov) + quadratic)
    misfit = (r - q_mean @ W.mT).square().sum(-1) + (W.mT @ W * q_cov).sum((-2, -1))
    log_lik = -0.5 * (misfit / noise_var)
    spread = q_cov.diagonal(dim1=-2, dim2=-1).sum(-1) + q_mean.square().sum(-1)
    to_prior = 0.5 * (spread - latent - torch.logdet(q_cov))
    elbo = log_lik - to_prior
    return log_px, elbo, log_px - elbo


def forgets_two_pi_in_the_bound(*given: Tensor) -> Triple:
    x, W, b, noise_var, q_mean, q_cov = given
    dim, latent = W.shape
    r = x - b
    cov = W @ W.mT + noise_var * torch.eye(dim).to(W)
    quadratic = (r @ torch.linalg.inv(cov) * r).sum(-1)
    log_px = -0.5 * (dim * math.log(2 * math.pi) + torch.logdet(cov) + quadratic)
    misfit = (r - q_mean @ W.mT).square().sum(-1) + (W.mT @ W * q_cov).sum((-2, -1))
    log_lik = -0.5 * (dim * torch.log(noise_var) + misfit / noise_var)
    spread = q_cov.diagonal(dim1=-2, dim2=-1).sum(-1) + q_mean.square().sum(-1)
    to_prior = 0.5 * (spread - latent - torch.logdet(q_cov))
    elbo = log_lik - to_prior
    return log_px, elbo, log_px - elbo


def forgets_the_noise_in_the_normaliser(*given: Tensor) -> Triple:
    x, W, b, noise_var, q_mean, q_cov = given
    dim, latent = W.shape
    r = x - b
    cov = W @ W.mT + noise_var * torch.eye(dim).to(W)
    quadratic = (r @ torch.linalg.inv(cov) * r).sum(-1)
    log_px = -0.5 * (dim * math.log(2 * math.pi) + torch.logdet(cov) + quadratic)
    misfit = (r - q_mean @ W.mT).square().sum(-1) + (W.mT @ W * q_cov).sum((-2, -1))
    log_lik = -0.5 * (dim * math.log(2 * math.pi) + misfit / noise_var)
    spread = q_cov.diagonal(dim1=-2, dim2=-1).sum(-1) + q_mean.square().sum(-1)
    to_prior = 0.5 * (spread - latent - torch.logdet(q_cov))
    elbo = log_lik - to_prior
    return log_px, elbo, log_px - elbo


def drops_the_constants(*given: Tensor) -> Triple:
    x, W, b, noise_var, q_mean, q_cov = given
    dim, latent = W.shape
    r = x - b
    cov = W @ W.mT + noise_var * torch.eye(dim).to(W)
    quadratic = (r @ torch.linalg.inv(cov) * r).sum(-1)
    log_px = -0.5 * (torch.logdet(cov) + quadratic)
    misfit = (r - q_mean @ W.mT).square().sum(-1) + (W.mT @ W * q_cov).sum((-2, -1))
    log_lik = -0.5 * (dim * torch.log(noise_var) + misfit / noise_var)
    spread = q_cov.diagonal(dim1=-2, dim2=-1).sum(-1) + q_mean.square().sum(-1)
    to_prior = 0.5 * (spread - latent - torch.logdet(q_cov))
    elbo = log_lik - to_prior
    return log_px, elbo, log_px - elbo


def adds_the_noise_to_every_entry(*given: Tensor) -> Triple:
    x, W, b, noise_var, q_mean, q_cov = given
    dim, latent = W.shape
    r = x - b
    cov = W @ W.mT + noise_var
    quadratic = (r @ torch.linalg.inv(cov) * r).sum(-1)
    log_px = -0.5 * (dim * math.log(2 * math.pi) + torch.logdet(cov) + quadratic)
    misfit = (r - q_mean @ W.mT).square().sum(-1) + (W.mT @ W * q_cov).sum((-2, -1))
    log_lik = -0.5 * (dim * torch.log(2 * math.pi * noise_var) + misfit / noise_var)
    spread = q_cov.diagonal(dim1=-2, dim2=-1).sum(-1) + q_mean.square().sum(-1)
    to_prior = 0.5 * (spread - latent - torch.logdet(q_cov))
    elbo = log_lik - to_prior
    return log_px, elbo, log_px - elbo


def adds_the_noise_to_every_entry_beside_a_right_gap(*given: Tensor) -> Triple:
    x, W, b, noise_var, q_mean, q_cov = given
    dim, latent = W.shape
    r = x - b
    cov = W @ W.mT + noise_var
    quadratic = (r @ torch.linalg.inv(cov) * r).sum(-1)
    log_px = -0.5 * (dim * math.log(2 * math.pi) + torch.logdet(cov) + quadratic)
    misfit = (r - q_mean @ W.mT).square().sum(-1) + (W.mT @ W * q_cov).sum((-2, -1))
    log_lik = -0.5 * (dim * torch.log(2 * math.pi * noise_var) + misfit / noise_var)
    spread = q_cov.diagonal(dim1=-2, dim2=-1).sum(-1) + q_mean.square().sum(-1)
    to_prior = 0.5 * (spread - latent - torch.logdet(q_cov))
    elbo = log_lik - to_prior
    precision = W.mT @ W / noise_var + torch.eye(latent).to(W)
    away = q_mean - (r @ W / noise_var) @ torch.linalg.inv(precision)
    gap = 0.5 * ((precision * q_cov).sum((-2, -1)) + (away @ precision * away).sum(-1) - latent)
    gap = gap - 0.5 * (torch.logdet(precision) + torch.logdet(q_cov))
    return log_px, elbo, gap


def forgets_the_divergence_from_the_prior(*given: Tensor) -> Triple:
    x, W, b, noise_var, q_mean, q_cov = given
    dim = len(W)
    r = x - b
    cov = W @ W.mT + noise_var * torch.eye(dim).to(W)
    quadratic = (r @ torch.linalg.inv(cov) * r).sum(-1)
    log_px = -0.5 * (dim * math.log(2 * math.pi) + torch.logdet(cov) + quadratic)
    misfit = (r - q_mean @ W.mT).square().sum(-1) + (W.mT @ W * q_cov).sum((-2, -1))
    log_lik = -0.5 * (dim * torch.log(2 * math.pi * noise_var) + misfit / noise_var)
    return log_px, log_lik, log_px - log_lik


def adds_the_divergence_from_the_prior(*given: Tensor) -> Triple:
    x, W, b, noise_var, q_mean, q_cov = given
    dim, latent = W.shape
    r = x - b
    cov = W @ W.mT + noise_var * torch.eye(dim).to(W)
    quadratic = (r @ torch.linalg.inv(cov) * r).sum(-1)
    log_px = -0.5 * (dim * math.log(2 * math.pi) + torch.logdet(cov) + quadratic)
    misfit = (r - q_mean @ W.mT).square().sum(-1) + (W.mT @ W * q_cov).sum((-2, -1))
    log_lik = -0.5 * (dim * torch.log(2 * math.pi * noise_var) + misfit / noise_var)
    spread = q_cov.diagonal(dim1=-2, dim2=-1).sum(-1) + q_mean.square().sum(-1)
    to_prior = 0.5 * (spread - latent - torch.logdet(q_cov))
    elbo = log_lik + to_prior
    return log_px, elbo, log_px - elbo


def forgets_the_mean_under_the_prior(*given: Tensor) -> Triple:
    x, W, b, noise_var, q_mean, q_cov = given
    dim, latent = W.shape
    r = x - b
    cov = W @ W.mT + noise_var * torch.eye(dim).to(W)
    quadratic = (r @ torch.linalg.inv(cov) * r).sum(-1)
    log_px = -0.5 * (dim * math.log(2 * math.pi) + torch.logdet(cov) + quadratic)
    misfit = (r - q_mean @ W.mT).square().sum(-1) + (W.mT @ W * q_cov).sum((-2, -1))
    log_lik = -0.5 * (dim * torch.log(2 * math.pi * noise_var) + misfit / noise_var)
    spread = q_cov.diagonal(dim1=-2, dim2=-1).sum(-1)
    to_prior = 0.5 * (spread - latent - torch.logdet(q_cov))
    elbo = log_lik - to_prior
    return log_px, elbo, log_px - elbo


def forgets_the_offset_in_the_bound(*given: Tensor) -> Triple:
    x, W, b, noise_var, q_mean, q_cov = given
    dim, latent = W.shape
    r = x - b
    cov = W @ W.mT + noise_var * torch.eye(dim).to(W)
    quadratic = (r @ torch.linalg.inv(cov) * r).sum(-1)
    log_px = -0.5 * (dim * math.log(2 * math.pi) + torch.logdet(cov) + quadratic)
    misfit = (x - q_mean @ W.mT).square().sum(-1) + (W.mT @ W * q_cov).sum((-2, -1))
    log_lik = -0.5 * (dim * torch.log(2 * math.pi * noise_var) + misfit / noise_var)
    spread = q_cov.diagonal(dim1=-2, dim2=-1).sum(-1) + q_mean.square().sum(-1)
    to_prior = 0.5 * (spread - latent - torch.logdet(q_cov))
    elbo = log_lik - to_prior
    return log_px, elbo, log_px - elbo


def forgets_the_offset_in_the_evidence(*given: Tensor) -> Triple:
    x, W, b, noise_var, q_mean, q_cov = given
    dim, latent = W.shape
    r = x - b
    cov = W @ W.mT + noise_var * torch.eye(dim).to(W)
    quadratic = (x @ torch.linalg.inv(cov) * x).sum(-1)
    log_px = -0.5 * (dim * math.log(2 * math.pi) + torch.logdet(cov) + quadratic)
    misfit = (r - q_mean @ W.mT).square().sum(-1) + (W.mT @ W * q_cov).sum((-2, -1))
    log_lik = -0.5 * (dim * torch.log(2 * math.pi * noise_var) + misfit / noise_var)
    spread = q_cov.diagonal(dim1=-2, dim2=-1).sum(-1) + q_mean.square().sum(-1)
    to_prior = 0.5 * (spread - latent - torch.logdet(q_cov))
    elbo = log_lik - to_prior
    return log_px, elbo, log_px - elbo


def takes_the_joint_for_the_bound(*given: Tensor) -> Triple:
    x, W, b, noise_var, q_mean, q_cov = given
    dim, latent = W.shape
    r = x - b
    cov = W @ W.mT + noise_var * torch.eye(dim).to(W)
    quadratic = (r @ torch.linalg.inv(cov) * r).sum(-1)
    log_px = -0.5 * (dim * math.log(2 * math.pi) + torch.logdet(cov) + quadratic)
    misfit = (r - q_mean @ W.mT).square().sum(-1) + (W.mT @ W * q_cov).sum((-2, -1))
    log_lik = -0.5 * (dim * torch.log(2 * math.pi * noise_var) + misfit / noise_var)
    spread = q_cov.diagonal(dim1=-2, dim2=-1).sum(-1) + q_mean.square().sum(-1)
    to_prior = 0.5 * (latent * math.log(2 * math.pi) + spread)
    elbo = log_lik - to_prior
    return log_px, elbo, log_px - elbo


CHARGE = "What does your bound charge a q for a mean far from the prior's, and should it?"

SENTENCES = {
    forgets_the_trace_beside_a_right_gap: TOO_HIGH,
    evaluates_the_joint_at_the_mean: TOO_HIGH,
    leaves_the_trace_undivided: (
        "What does s2 divide in the log-likelihood, and which part of the expected misfit do you divide by it?"
    ),
    forgets_the_loadings_in_the_trace: (
        "Make W ten times as large: how much further does q's spread move W z, and does your bound notice?"
    ),
    takes_squares_for_the_likelihood: NORMALISER,
    forgets_two_pi_in_the_bound: NORMALISER,
    forgets_the_noise_in_the_normaliser: NORMALISER,
    drops_the_constants: "Sum exp of your log p(x) over a fine grid: is the area 1? The gap does not tell.",
    adds_the_noise_to_every_entry: (
        "Two dimensions of x have noises of their own. In which entries of the covariance of x do they show, and in "
        "yours?"
    ),
    adds_the_noise_to_every_entry_beside_a_right_gap: (
        "Two dimensions of x have noises of their own. In which entries of the covariance of x do they show, and in "
        "yours?"
    ),
    forgets_the_divergence_from_the_prior: CHARGE,
    adds_the_divergence_from_the_prior: CHARGE,
    forgets_the_mean_under_the_prior: CHARGE,
    forgets_the_offset_in_the_bound: OFFSET,
    forgets_the_offset_in_the_evidence: OFFSET,
    takes_the_joint_for_the_bound: ENTROPY,
}
