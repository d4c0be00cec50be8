"""Wrong answers to elbo.5 that spoil the bound. Positional arguments: x, W, b, noise_var, q_mean, q_cov."""

from __future__ import annotations

import math

import torch
from torch import Tensor

Triple = tuple[Tensor, Tensor, Tensor]


def forgets_the_trace(*given: Tensor) -> Triple:
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
    return log_px, elbo, log_px - elbo


def keeps_only_the_variances(*given: Tensor) -> Triple:
    x, W, b, noise_var, q_mean, q_cov = given
    dim, latent = W.shape
    q_cov = torch.diag_embed(q_cov.diagonal(dim1=-2, dim2=-1))
    r = x - b
    cov = W @ W.mT + noise_var * torch.eye(dim).to(W)
    quadratic = (r @ torch.linalg.inv(cov) * r).sum(-1)
    log_px = -0.5 * (dim * math.log(2 * math.pi) + torch.logdet(cov) + quadratic)
    misfit = (r - q_mean @ W.mT).square().sum(-1) + (W.mT @ W * q_cov).sum((-2, -1))
    log_lik = -0.5 * (dim * torch.log(2 * math.pi * noise_var) + misfit / noise_var)
    spread = q_cov.diagonal(dim1=-2, dim2=-1).sum(-1) + q_mean.square().sum(-1)
    to_prior = 0.5 * (spread - latent - torch.logdet(q_cov))
    elbo = log_lik - to_prior
    return log_px, elbo, log_px - elbo


def keeps_only_the_variances_in_the_trace(*given: Tensor) -> Triple:
    x, W, b, noise_var, q_mean, q_cov = given
    dim, latent = W.shape
    r = x - b
    cov = W @ W.mT + noise_var * torch.eye(dim).to(W)
    quadratic = (r @ torch.linalg.inv(cov) * r).sum(-1)
    log_px = -0.5 * (dim * math.log(2 * math.pi) + torch.logdet(cov) + quadratic)
    variances = q_cov.diagonal(dim1=-2, dim2=-1)
    misfit = (r - q_mean @ W.mT).square().sum(-1) + (variances * W.square().sum(0)).sum(-1)
    log_lik = -0.5 * (dim * torch.log(2 * math.pi * noise_var) + misfit / noise_var)
    spread = q_cov.diagonal(dim1=-2, dim2=-1).sum(-1) + q_mean.square().sum(-1)
    to_prior = 0.5 * (spread - latent - torch.logdet(q_cov))
    elbo = log_lik - to_prior
    return log_px, elbo, log_px - elbo


def keeps_only_the_variances_in_the_entropy(*given: Tensor) -> Triple:
    x, W, b, noise_var, q_mean, q_cov = given
    dim, latent = W.shape
    r = x - b
    cov = W @ W.mT + noise_var * torch.eye(dim).to(W)
    quadratic = (r @ torch.linalg.inv(cov) * r).sum(-1)
    log_px = -0.5 * (dim * math.log(2 * math.pi) + torch.logdet(cov) + quadratic)
    misfit = (r - q_mean @ W.mT).square().sum(-1) + (W.mT @ W * q_cov).sum((-2, -1))
    log_lik = -0.5 * (dim * torch.log(2 * math.pi * noise_var) + misfit / noise_var)
    spread = q_cov.diagonal(dim1=-2, dim2=-1).sum(-1) + q_mean.square().sum(-1)
    log_variances = q_cov.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    to_prior = 0.5 * (spread - latent - log_variances)
    elbo = log_lik - to_prior
    return log_px, elbo, log_px - elbo


def divides_by_the_standard_deviation(*given: Tensor) -> Triple:
    x, W, b, noise_var, q_mean, q_cov = given
    dim, latent = W.shape
    r = x - b
    cov = W @ W.mT + noise_var * torch.eye(dim).to(W)
    quadratic = (r @ torch.linalg.inv(cov) * r).sum(-1)
    log_px = -0.5 * (dim * math.log(2 * math.pi) + torch.logdet(cov) + quadratic)
    misfit = (r - q_mean @ W.mT).square().sum(-1) + (W.mT @ W * q_cov).sum((-2, -1))
    log_lik = -0.5 * (dim * torch.log(2 * math.pi * noise_var) + misfit / noise_var.sqrt())
    spread = q_cov.diagonal(dim1=-2, dim2=-1).sum(-1) + q_mean.square().sum(-1)
    to_prior = 0.5 * (spread - latent - torch.logdet(q_cov))
    elbo = log_lik - to_prior
    return log_px, elbo, log_px - elbo


def subtracts_the_entropy(*given: Tensor) -> Triple:
    x, W, b, noise_var, q_mean, q_cov = given
    dim, latent = W.shape
    r = x - b
    cov = W @ W.mT + noise_var * torch.eye(dim).to(W)
    quadratic = (r @ torch.linalg.inv(cov) * r).sum(-1)
    log_px = -0.5 * (dim * math.log(2 * math.pi) + torch.logdet(cov) + quadratic)
    misfit = (r - q_mean @ W.mT).square().sum(-1) + (W.mT @ W * q_cov).sum((-2, -1))
    log_lik = -0.5 * (dim * torch.log(2 * math.pi * noise_var) + misfit / noise_var)
    spread = q_cov.diagonal(dim1=-2, dim2=-1).sum(-1) + q_mean.square().sum(-1)
    to_prior = 0.5 * (spread - latent + torch.logdet(q_cov))
    elbo = log_lik - to_prior
    return log_px, elbo, log_px - elbo


def forgets_the_entropy(*given: Tensor) -> Triple:
    x, W, b, noise_var, q_mean, q_cov = given
    dim, latent = W.shape
    r = x - b
    cov = W @ W.mT + noise_var * torch.eye(dim).to(W)
    quadratic = (r @ torch.linalg.inv(cov) * r).sum(-1)
    log_px = -0.5 * (dim * math.log(2 * math.pi) + torch.logdet(cov) + quadratic)
    misfit = (r - q_mean @ W.mT).square().sum(-1) + (W.mT @ W * q_cov).sum((-2, -1))
    log_lik = -0.5 * (dim * torch.log(2 * math.pi * noise_var) + misfit / noise_var)
    spread = q_cov.diagonal(dim1=-2, dim2=-1).sum(-1) + q_mean.square().sum(-1)
    to_prior = 0.5 * (spread - latent)
    elbo = log_lik - to_prior
    return log_px, elbo, log_px - elbo


def doubles_the_log_determinant(*given: Tensor) -> Triple:
    x, W, b, noise_var, q_mean, q_cov = given
    dim, latent = W.shape
    r = x - b
    cov = W @ W.mT + noise_var * torch.eye(dim).to(W)
    quadratic = (r @ torch.linalg.inv(cov) * r).sum(-1)
    log_px = -0.5 * (dim * math.log(2 * math.pi) + torch.logdet(cov) + quadratic)
    misfit = (r - q_mean @ W.mT).square().sum(-1) + (W.mT @ W * q_cov).sum((-2, -1))
    log_lik = -0.5 * (dim * torch.log(2 * math.pi * noise_var) + misfit / noise_var)
    spread = q_cov.diagonal(dim1=-2, dim2=-1).sum(-1) + q_mean.square().sum(-1)
    to_prior = 0.5 * (spread - latent) - torch.logdet(q_cov)
    elbo = log_lik - to_prior
    return log_px, elbo, log_px - elbo


def forgets_the_spread_under_the_prior(*given: Tensor) -> Triple:
    x, W, b, noise_var, q_mean, q_cov = given
    dim, latent = W.shape
    r = x - b
    cov = W @ W.mT + noise_var * torch.eye(dim).to(W)
    quadratic = (r @ torch.linalg.inv(cov) * r).sum(-1)
    log_px = -0.5 * (dim * math.log(2 * math.pi) + torch.logdet(cov) + quadratic)
    misfit = (r - q_mean @ W.mT).square().sum(-1) + (W.mT @ W * q_cov).sum((-2, -1))
    log_lik = -0.5 * (dim * torch.log(2 * math.pi * noise_var) + misfit / noise_var)
    spread = q_mean.square().sum(-1)
    to_prior = 0.5 * (spread - latent - torch.logdet(q_cov))
    elbo = log_lik - to_prior
    return log_px, elbo, log_px - elbo


def forgets_the_number_of_latents(*given: Tensor) -> Triple:
    x, W, b, noise_var, q_mean, q_cov = given
    dim = len(W)
    r = x - b
    cov = W @ W.mT + noise_var * torch.eye(dim).to(W)
    quadratic = (r @ torch.linalg.inv(cov) * r).sum(-1)
    log_px = -0.5 * (dim * math.log(2 * math.pi) + torch.logdet(cov) + quadratic)
    misfit = (r - q_mean @ W.mT).square().sum(-1) + (W.mT @ W * q_cov).sum((-2, -1))
    log_lik = -0.5 * (dim * torch.log(2 * math.pi * noise_var) + misfit / noise_var)
    spread = q_cov.diagonal(dim1=-2, dim2=-1).sum(-1) + q_mean.square().sum(-1)
    to_prior = 0.5 * (spread - torch.logdet(q_cov))
    elbo = log_lik - to_prior
    return log_px, elbo, log_px - elbo


def counts_the_normaliser_once(*given: Tensor) -> Triple:
    x, W, b, noise_var, q_mean, q_cov = given
    dim, latent = W.shape
    r = x - b
    cov = W @ W.mT + noise_var * torch.eye(dim).to(W)
    quadratic = (r @ torch.linalg.inv(cov) * r).sum(-1)
    log_px = -0.5 * (dim * math.log(2 * math.pi) + torch.logdet(cov) + quadratic)
    misfit = (r - q_mean @ W.mT).square().sum(-1) + (W.mT @ W * q_cov).sum((-2, -1))
    log_lik = -0.5 * (torch.log(2 * math.pi * noise_var) + misfit / noise_var)
    spread = q_cov.diagonal(dim1=-2, dim2=-1).sum(-1) + q_mean.square().sum(-1)
    to_prior = 0.5 * (spread - latent - torch.logdet(q_cov))
    elbo = log_lik - to_prior
    return log_px, elbo, log_px - elbo


def averages_the_misfit(*given: Tensor) -> Triple:
    x, W, b, noise_var, q_mean, q_cov = given
    dim, latent = W.shape
    r = x - b
    cov = W @ W.mT + noise_var * torch.eye(dim).to(W)
    quadratic = (r @ torch.linalg.inv(cov) * r).sum(-1)
    log_px = -0.5 * (dim * math.log(2 * math.pi) + torch.logdet(cov) + quadratic)
    misfit = (r - q_mean @ W.mT).square().mean(-1) + (W.mT @ W * q_cov).sum((-2, -1)) / dim
    log_lik = -0.5 * (dim * torch.log(2 * math.pi * noise_var) + misfit / noise_var)
    spread = q_cov.diagonal(dim1=-2, dim2=-1).sum(-1) + q_mean.square().sum(-1)
    to_prior = 0.5 * (spread - latent - torch.logdet(q_cov))
    elbo = log_lik - to_prior
    return log_px, elbo, log_px - elbo


def takes_the_covariance_for_a_factor(*given: Tensor) -> Triple:
    x, W, b, noise_var, q_mean, q_cov = given
    dim, latent = W.shape
    q_cov = q_cov @ q_cov.mT
    r = x - b
    cov = W @ W.mT + noise_var * torch.eye(dim).to(W)
    quadratic = (r @ torch.linalg.inv(cov) * r).sum(-1)
    log_px = -0.5 * (dim * math.log(2 * math.pi) + torch.logdet(cov) + quadratic)
    misfit = (r - q_mean @ W.mT).square().sum(-1) + (W.mT @ W * q_cov).sum((-2, -1))
    log_lik = -0.5 * (dim * torch.log(2 * math.pi * noise_var) + misfit / noise_var)
    spread = q_cov.diagonal(dim1=-2, dim2=-1).sum(-1) + q_mean.square().sum(-1)
    to_prior = 0.5 * (spread - latent - torch.logdet(q_cov))
    elbo = log_lik - to_prior
    return log_px, elbo, log_px - elbo


def uses_one_covariance_for_all(*given: Tensor) -> Triple:
    x, W, b, noise_var, q_mean, q_cov = given
    dim, latent = W.shape
    if q_cov.dim() > 2 and len(q_cov):
        q_cov = q_cov.mean(0).expand_as(q_cov)
    r = x - b
    cov = W @ W.mT + noise_var * torch.eye(dim).to(W)
    quadratic = (r @ torch.linalg.inv(cov) * r).sum(-1)
    log_px = -0.5 * (dim * math.log(2 * math.pi) + torch.logdet(cov) + quadratic)
    misfit = (r - q_mean @ W.mT).square().sum(-1) + (W.mT @ W * q_cov).sum((-2, -1))
    log_lik = -0.5 * (dim * torch.log(2 * math.pi * noise_var) + misfit / noise_var)
    spread = q_cov.diagonal(dim1=-2, dim2=-1).sum(-1) + q_mean.square().sum(-1)
    to_prior = 0.5 * (spread - latent - torch.logdet(q_cov))
    elbo = log_lik - to_prior
    return log_px, elbo, log_px - elbo


def detaches_the_covariance(*given: Tensor) -> Triple:
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
    elbo = log_lik - to_prior
    log_det = torch.logdet(q_cov)
    elbo = elbo - 0.5 * (log_det - log_det.detach())
    return log_px, elbo, log_px - elbo


def detaches_the_loadings(*given: Tensor) -> Triple:
    x, W, b, noise_var, q_mean, q_cov = given
    dim, latent = W.shape
    r = x - b
    cov = W @ W.mT + noise_var * torch.eye(dim).to(W)
    quadratic = (r @ torch.linalg.inv(cov) * r).sum(-1)
    log_px = -0.5 * (dim * math.log(2 * math.pi) + torch.logdet(cov) + quadratic)
    fixed = W.detach()
    misfit = (r - q_mean @ fixed.mT).square().sum(-1) + (fixed.mT @ fixed * q_cov).sum((-2, -1))
    log_lik = -0.5 * (dim * torch.log(2 * math.pi * noise_var) + misfit / noise_var)
    spread = q_cov.diagonal(dim1=-2, dim2=-1).sum(-1) + q_mean.square().sum(-1)
    to_prior = 0.5 * (spread - latent - torch.logdet(q_cov))
    elbo = log_lik - to_prior
    return log_px, elbo, log_px - elbo


def adds_a_jitter(*given: Tensor) -> Triple:
    x, W, b, noise_var, q_mean, q_cov = given
    dim, latent = W.shape
    q_cov = q_cov + 1e-6 * torch.eye(latent).to(W)
    r = x - b
    cov = W @ W.mT + noise_var * torch.eye(dim).to(W)
    quadratic = (r @ torch.linalg.inv(cov) * r).sum(-1)
    log_px = -0.5 * (dim * math.log(2 * math.pi) + torch.logdet(cov) + quadratic)
    misfit = (r - q_mean @ W.mT).square().sum(-1) + (W.mT @ W * q_cov).sum((-2, -1))
    log_lik = -0.5 * (dim * torch.log(2 * math.pi * noise_var) + misfit / noise_var)
    spread = q_cov.diagonal(dim1=-2, dim2=-1).sum(-1) + q_mean.square().sum(-1)
    to_prior = 0.5 * (spread - latent - torch.logdet(q_cov))
    elbo = log_lik - to_prior
    return log_px, elbo, log_px - elbo


CORRELATED = (
    "Let q be narrow along one diagonal of two latents and wide along the other: what do its variances alone miss?"
)
AT_THE_PRIOR = "Let q be the prior. What is its divergence from the prior, for you?"
GRADIENT = "Your values are right; do W, q_mean and q_cov each get their whole gradient?"
NOISE = "If residuals x - W z - b are typically 3 long in each dimension, what is noise_var?"
TOO_HIGH = "Bound is too high by an amount that grows with q's spread."
NORMALISER = "Each dimension of x has noise of its own. How does the normaliser of your likelihood grow with D?"
ENTROPY = "Shrink q to a point at the posterior mean: should your bound be at its best there?"

SENTENCES = {
    forgets_the_trace: TOO_HIGH,
    keeps_only_the_variances: CORRELATED,
    keeps_only_the_variances_in_the_trace: CORRELATED,
    keeps_only_the_variances_in_the_entropy: CORRELATED,
    divides_by_the_standard_deviation: NOISE,
    subtracts_the_entropy: "Make q narrower and narrower: what should that cost, and does your bound rise?",
    forgets_the_entropy: ENTROPY,
    doubles_the_log_determinant: "Make a q of one latent twice as wide, so its variance four times as large: how much "
    "does its entropy rise?",
    forgets_the_spread_under_the_prior: AT_THE_PRIOR,
    forgets_the_number_of_latents: AT_THE_PRIOR,
    counts_the_normaliser_once: NORMALISER,
    averages_the_misfit: "Observe x twice, in twice as many dimensions: how much more does it say about z?",
    takes_the_covariance_for_a_factor: "q_cov = [[4]] is a q of standard deviation 2. Is it, for you?",
    uses_one_covariance_for_all: "Put one example in a batch alone, then among others: why does its bound change?",
    detaches_the_covariance: GRADIENT,
    detaches_the_loadings: GRADIENT,
    adds_a_jitter: "You add a small number to a covariance. Which input does it guard against, and what does it cost "
    "the others?",
}
