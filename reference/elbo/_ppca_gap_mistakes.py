"""Wrong answers to elbo.5 that spoil evidence or gap. Positional arguments: x, W, b, noise_var, q_mean, q_cov."""

from __future__ import annotations

import math

import torch
from torch import Tensor

Triple = tuple[Tensor, Tensor, Tensor]


def returns_the_kl_to_the_prior(*given: Tensor) -> Triple:
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
    return log_px, elbo, to_prior


def takes_the_variance_for_a_standard_deviation(*given: Tensor) -> Triple:
    x, W, b, noise_var, q_mean, q_cov = given
    dim, latent = W.shape
    noise_var = noise_var.square()
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


def takes_the_root_of_the_variance(*given: Tensor) -> Triple:
    x, W, b, noise_var, q_mean, q_cov = given
    dim, latent = W.shape
    noise_var = noise_var.sqrt()
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


def forgets_the_offset(*given: Tensor) -> Triple:
    x, W, _, noise_var, q_mean, q_cov = given
    dim, latent = W.shape
    r = x
    cov = W @ W.mT + noise_var * torch.eye(dim).to(W)
    quadratic = (r @ torch.linalg.inv(cov) * r).sum(-1)
    log_px = -0.5 * (dim * math.log(2 * math.pi) + torch.logdet(cov) + quadratic)
    misfit = (r - q_mean @ W.mT).square().sum(-1) + (W.mT @ W * q_cov).sum((-2, -1))
    log_lik = -0.5 * (dim * torch.log(2 * math.pi * noise_var) + misfit / noise_var)
    spread = q_cov.diagonal(dim1=-2, dim2=-1).sum(-1) + q_mean.square().sum(-1)
    to_prior = 0.5 * (spread - latent - torch.logdet(q_cov))
    elbo = log_lik - to_prior
    return log_px, elbo, log_px - elbo


def forgets_what_z_does_to_x(*given: Tensor) -> Triple:
    x, W, b, noise_var, q_mean, q_cov = given
    dim, latent = W.shape
    r = x - b
    cov = noise_var * torch.eye(dim).to(W)
    quadratic = (r @ torch.linalg.inv(cov) * r).sum(-1)
    log_px = -0.5 * (dim * math.log(2 * math.pi) + torch.logdet(cov) + quadratic)
    misfit = (r - q_mean @ W.mT).square().sum(-1) + (W.mT @ W * q_cov).sum((-2, -1))
    log_lik = -0.5 * (dim * torch.log(2 * math.pi * noise_var) + misfit / noise_var)
    spread = q_cov.diagonal(dim1=-2, dim2=-1).sum(-1) + q_mean.square().sum(-1)
    to_prior = 0.5 * (spread - latent - torch.logdet(q_cov))
    elbo = log_lik - to_prior
    return log_px, elbo, log_px - elbo


def leaves_directions_out(*given: Tensor) -> Triple:
    x, W, b, noise_var, q_mean, q_cov = given
    dim, latent = W.shape
    r = x - b
    cov = W @ W.mT + noise_var * torch.eye(dim).to(W)
    quadratic = (r @ torch.linalg.inv(cov) * r).sum(-1)
    small = W.mT @ W + noise_var * torch.eye(latent).to(W)
    log_px = -0.5 * (dim * math.log(2 * math.pi) + torch.logdet(small) + quadratic)
    misfit = (r - q_mean @ W.mT).square().sum(-1) + (W.mT @ W * q_cov).sum((-2, -1))
    log_lik = -0.5 * (dim * torch.log(2 * math.pi * noise_var) + misfit / noise_var)
    spread = q_cov.diagonal(dim1=-2, dim2=-1).sum(-1) + q_mean.square().sum(-1)
    to_prior = 0.5 * (spread - latent - torch.logdet(q_cov))
    elbo = log_lik - to_prior
    return log_px, elbo, log_px - elbo


def turns_the_gap_around(*given: Tensor) -> Triple:
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
    precision = (W.mT @ W + noise_var * torch.eye(latent).to(W)) / noise_var
    inverse, covariance = torch.linalg.inv(q_cov), torch.linalg.inv(precision)
    away = q_mean - r @ W @ covariance / noise_var
    squares = (inverse * (covariance + away[..., None] * away[..., None, :])).sum((-2, -1))
    reversed_kl = 0.5 * (squares - latent + torch.logdet(q_cov) + torch.logdet(precision))
    return log_px, elbo, reversed_kl


def derives_the_bound_from_a_gap_turned_around(*given: Tensor) -> Triple:
    x, W, b, noise_var, q_mean, q_cov = given
    dim, latent = W.shape
    r = x - b
    cov = W @ W.mT + noise_var * torch.eye(dim).to(W)
    quadratic = (r @ torch.linalg.inv(cov) * r).sum(-1)
    log_px = -0.5 * (dim * math.log(2 * math.pi) + torch.logdet(cov) + quadratic)
    precision = (W.mT @ W + noise_var * torch.eye(latent).to(W)) / noise_var
    inverse, covariance = torch.linalg.inv(q_cov), torch.linalg.inv(precision)
    away = q_mean - r @ W @ covariance / noise_var
    squares = (inverse * (covariance + away[..., None] * away[..., None, :])).sum((-2, -1))
    gap = 0.5 * (squares - latent + torch.logdet(q_cov) + torch.logdet(precision))
    return log_px, log_px - gap, gap


def forgets_the_noise_in_the_posterior(*given: Tensor) -> Triple:
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
    precision = W.mT @ W + noise_var * torch.eye(latent).to(W)
    away = q_mean - r @ W @ torch.linalg.inv(precision)
    squares = (precision * (q_cov + away[..., None] * away[..., None, :])).sum((-2, -1))
    kl = 0.5 * (squares - latent - torch.logdet(q_cov) - torch.logdet(precision))
    return log_px, elbo, kl


def returns_a_negative_gap(*given: Tensor) -> Triple:
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
    return log_px, elbo, elbo - log_px


def returns_the_elbo_first(*given: Tensor) -> Triple:
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
    return elbo, log_px, log_px - elbo


def averages_over_the_batch(*given: Tensor) -> Triple:
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
    log_px, elbo = log_px.mean(), elbo.mean()
    return log_px, elbo, log_px - elbo


def returns_double(*given: Tensor) -> Triple:
    x, W, b, noise_var, q_mean, q_cov = given
    dim, latent = W.shape
    x, W, b, noise_var, q_mean, q_cov = (part.double() for part in given)
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


NOISE = "If residuals x - W z - b are typically 3 long in each dimension, what is noise_var?"
OFFSET = "Add 5 to x and to b: nothing should change."

SENTENCES = {
    returns_the_kl_to_the_prior: "Two of your numbers should sum to the third; they miss by log p(x)-dependent amount.",
    takes_the_variance_for_a_standard_deviation: NOISE,
    takes_the_root_of_the_variance: NOISE,
    forgets_the_offset: OFFSET,
    forgets_what_z_does_to_x: "Over all z, how widely does x spread? Look at W z for a z that you do not know.",
    leaves_directions_out: "With as many latents as dimensions your log p(x) is right. Which directions of x does your "
    "determinant leave out?",
    turns_the_gap_around: "Your three numbers do not add up unless q is the posterior.",
    derives_the_bound_from_a_gap_turned_around: "Which of the two distributions is the expectation in your gap under: "
    "q, or p(z | x)?",
    forgets_the_noise_in_the_posterior: "Without noise x would tell z exactly. How wide is your posterior as s2 goes "
    "to 0?",
    returns_a_negative_gap: "A KL is never negative. Which of the two numbers that you subtract is the larger?",
    returns_the_elbo_first: "Which of your first two results should be the larger? In which order are they asked for?",
    averages_over_the_batch: "How many bounds do you expect for a batch of three examples?",
    returns_double: "Which dtype went in, and which came out? A model in float32 cannot add the two.",
}
