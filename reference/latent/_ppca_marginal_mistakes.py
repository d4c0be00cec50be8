"""Wrong answers to lvm.5, with what each of them deserves to hear."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def adds_what_is_explained(x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor) -> Tensor:
    D, L = W.shape
    M, y = W.mT @ W + noise_var * torch.eye(L, dtype=W.dtype, device=W.device), x - b
    explained = ((y @ W) * torch.linalg.solve(M, (y @ W).unsqueeze(-1)).squeeze(-1)).sum(-1)
    log_det = (D - L) * noise_var.log() + torch.logdet(M)
    log_prob: Tensor = -0.5 * (D * math.log(2 * math.pi) + log_det + (y.square().sum(-1) + explained) / noise_var)
    return log_prob


def divides_the_explained_part_twice(x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor) -> Tensor:
    D, L = W.shape
    M, y = W.mT @ W + noise_var * torch.eye(L, dtype=W.dtype, device=W.device), x - b
    explained = ((y @ W) * torch.linalg.solve(M, (y @ W).unsqueeze(-1)).squeeze(-1)).sum(-1)
    log_det = (D - L) * noise_var.log() + torch.logdet(M)
    log_prob: Tensor = -0.5 * (
        D * math.log(2 * math.pi) + log_det + (y.square().sum(-1) - explained / noise_var) / noise_var
    )
    return log_prob


def puts_the_precision_of_the_noise_on_the_diagonal(x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor) -> Tensor:
    D, L = W.shape
    M, y = W.mT @ W + torch.eye(L, dtype=W.dtype, device=W.device) / noise_var, x - b
    explained = ((y @ W) * torch.linalg.solve(M, (y @ W).unsqueeze(-1)).squeeze(-1)).sum(-1)
    log_det = (D - L) * noise_var.log() + torch.logdet(M)
    log_prob: Tensor = -0.5 * (D * math.log(2 * math.pi) + log_det + (y.square().sum(-1) - explained) / noise_var)
    return log_prob


def takes_the_small_determinant_alone(x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor) -> Tensor:
    D, L = W.shape
    M, y = W.mT @ W + noise_var * torch.eye(L, dtype=W.dtype, device=W.device), x - b
    explained = ((y @ W) * torch.linalg.solve(M, (y @ W).unsqueeze(-1)).squeeze(-1)).sum(-1)
    log_prob: Tensor = -0.5 * (
        D * math.log(2 * math.pi) + torch.logdet(M) + (y.square().sum(-1) - explained) / noise_var
    )
    return log_prob


def counts_the_noise_of_all_dimensions(x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor) -> Tensor:
    D, L = W.shape
    M, y = W.mT @ W + noise_var * torch.eye(L, dtype=W.dtype, device=W.device), x - b
    explained = ((y @ W) * torch.linalg.solve(M, (y @ W).unsqueeze(-1)).squeeze(-1)).sum(-1)
    log_det = D * noise_var.log() + torch.logdet(M)
    log_prob: Tensor = -0.5 * (D * math.log(2 * math.pi) + log_det + (y.square().sum(-1) - explained) / noise_var)
    return log_prob


def counts_the_noise_of_too_few_dimensions(x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor) -> Tensor:
    D, L = W.shape
    M, y = W.mT @ W + noise_var * torch.eye(L, dtype=W.dtype, device=W.device), x - b
    explained = ((y @ W) * torch.linalg.solve(M, (y @ W).unsqueeze(-1)).squeeze(-1)).sum(-1)
    log_det = (D - L) * noise_var.log() + torch.logdet(M / noise_var)
    log_prob: Tensor = -0.5 * (D * math.log(2 * math.pi) + log_det + (y.square().sum(-1) - explained) / noise_var)
    return log_prob


def treats_the_variance_as_a_standard_deviation(x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor) -> Tensor:
    D, L = W.shape
    noise_var = noise_var**2
    M, y = W.mT @ W + noise_var * torch.eye(L, dtype=W.dtype, device=W.device), x - b
    explained = ((y @ W) * torch.linalg.solve(M, (y @ W).unsqueeze(-1)).squeeze(-1)).sum(-1)
    log_det = (D - L) * noise_var.log() + torch.logdet(M)
    log_prob: Tensor = -0.5 * (D * math.log(2 * math.pi) + log_det + (y.square().sum(-1) - explained) / noise_var)
    return log_prob


def takes_the_root_of_the_variance(x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor) -> Tensor:
    D, L = W.shape
    noise_std = noise_var.sqrt()
    M, y = W.mT @ W + noise_std * torch.eye(L, dtype=W.dtype, device=W.device), x - b
    explained = ((y @ W) * torch.linalg.solve(M, (y @ W).unsqueeze(-1)).squeeze(-1)).sum(-1)
    log_det = (D - L) * noise_std.log() + torch.logdet(M)
    log_prob: Tensor = -0.5 * (D * math.log(2 * math.pi) + log_det + (y.square().sum(-1) - explained) / noise_std)
    return log_prob


def takes_the_covariance_of_the_latents(x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor) -> Tensor:
    C = W.mT @ W + noise_var * torch.eye(W.shape[1], dtype=W.dtype, device=W.device)
    y = x - b
    quadratic = (y * torch.linalg.solve(C, y.unsqueeze(-1)).squeeze(-1)).sum(-1)
    log_prob: Tensor = -0.5 * (x.shape[-1] * math.log(2 * math.pi) + torch.logdet(C) + quadratic)
    return log_prob


def forgets_the_mean(x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor) -> Tensor:
    D, L = W.shape
    M = W.mT @ W + noise_var * torch.eye(L, dtype=W.dtype, device=W.device)
    explained = ((x @ W) * torch.linalg.solve(M, (x @ W).unsqueeze(-1)).squeeze(-1)).sum(-1)
    log_det = (D - L) * noise_var.log() + torch.logdet(M)
    log_prob: Tensor = -0.5 * (D * math.log(2 * math.pi) + log_det + (x.square().sum(-1) - explained) / noise_var)
    return log_prob


def centres_on_the_mean_of_the_batch(x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor) -> Tensor:
    D, L = W.shape
    points = x.reshape(-1, D)
    y = x - (points.mean(0) if len(points) > 1 else b)
    M = W.mT @ W + noise_var * torch.eye(L, dtype=W.dtype, device=W.device)
    explained = ((y @ W) * torch.linalg.solve(M, (y @ W).unsqueeze(-1)).squeeze(-1)).sum(-1)
    log_det = (D - L) * noise_var.log() + torch.logdet(M)
    log_prob: Tensor = -0.5 * (D * math.log(2 * math.pi) + log_det + (y.square().sum(-1) - explained) / noise_var)
    return log_prob


def adds_jitter(x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor) -> Tensor:
    D, L = W.shape
    M, y = W.mT @ W + (noise_var + 1e-6) * torch.eye(L, dtype=W.dtype, device=W.device), x - b
    explained = ((y @ W) * torch.linalg.solve(M, (y @ W).unsqueeze(-1)).squeeze(-1)).sum(-1)
    log_det = (D - L) * noise_var.log() + torch.logdet(M)
    log_prob: Tensor = -0.5 * (D * math.log(2 * math.pi) + log_det + (y.square().sum(-1) - explained) / noise_var)
    return log_prob


def drops_the_constant(x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor) -> Tensor:
    D, L = W.shape
    M, y = W.mT @ W + noise_var * torch.eye(L, dtype=W.dtype, device=W.device), x - b
    explained = ((y @ W) * torch.linalg.solve(M, (y @ W).unsqueeze(-1)).squeeze(-1)).sum(-1)
    log_det = (D - L) * noise_var.log() + torch.logdet(M)
    log_prob: Tensor = -0.5 * (log_det + (y.square().sum(-1) - explained) / noise_var)
    return log_prob


def forgets_half_of_the_log_determinant(x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor) -> Tensor:
    D, L = W.shape
    M, y = W.mT @ W + noise_var * torch.eye(L, dtype=W.dtype, device=W.device), x - b
    explained = ((y @ W) * torch.linalg.solve(M, (y @ W).unsqueeze(-1)).squeeze(-1)).sum(-1)
    log_det = (D - L) * noise_var.log() + torch.logdet(M)
    log_prob: Tensor = -log_det - 0.5 * (D * math.log(2 * math.pi) + (y.square().sum(-1) - explained) / noise_var)
    return log_prob


def sums_the_diagonal_of_the_factor_once(x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor) -> Tensor:
    D, L = W.shape
    M, y = W.mT @ W + noise_var * torch.eye(L, dtype=W.dtype, device=W.device), x - b
    factor = torch.linalg.cholesky(M)
    explained = ((y @ W) * torch.cholesky_solve((y @ W).unsqueeze(-1), factor).squeeze(-1)).sum(-1)
    log_det = (D - L) * noise_var.log() + factor.diagonal().log().sum()
    log_prob: Tensor = -0.5 * (D * math.log(2 * math.pi) + log_det + (y.square().sum(-1) - explained) / noise_var)
    return log_prob


def ignores_correlations(x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor) -> Tensor:
    var = W.square().sum(-1) + noise_var
    return -0.5 * (torch.log(2 * math.pi * var) + (x - b).square() / var).sum(-1)


def fixes_the_latents_at_zero(x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor) -> Tensor:
    return -0.5 * (torch.log(2 * math.pi * noise_var) + (x - b).square() / noise_var).sum(-1)


def fixes_the_latents_at_their_best(x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor) -> Tensor:
    M = W.mT @ W + noise_var * torch.eye(W.shape[1], dtype=W.dtype, device=W.device)
    z = torch.linalg.solve(M, ((x - b) @ W).unsqueeze(-1)).squeeze(-1)
    residual = x - b - z @ W.mT
    log_prob: Tensor = -0.5 * (torch.log(2 * math.pi * noise_var) + residual.square() / noise_var).sum(-1)
    return log_prob


def takes_the_log_of_a_product(x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor) -> Tensor:
    D, L = W.shape
    M, y = W.mT @ W + noise_var * torch.eye(L, dtype=W.dtype, device=W.device), x - b
    explained = ((y @ W) * torch.linalg.solve(M, (y @ W).unsqueeze(-1)).squeeze(-1)).sum(-1)
    log_det = torch.log(torch.linalg.det(M) * noise_var ** (D - L))
    log_prob: Tensor = -0.5 * (D * math.log(2 * math.pi) + log_det + (y.square().sum(-1) - explained) / noise_var)
    return log_prob


def averages_over_dimensions(x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor) -> Tensor:
    D, L = W.shape
    M, y = W.mT @ W + noise_var * torch.eye(L, dtype=W.dtype, device=W.device), x - b
    explained = ((y @ W) * torch.linalg.solve(M, (y @ W).unsqueeze(-1)).squeeze(-1)).sum(-1)
    log_det = (D - L) * noise_var.log() + torch.logdet(M)
    log_prob: Tensor = -0.5 * (D * math.log(2 * math.pi) + log_det + (y.square().sum(-1) - explained) / noise_var) / D
    return log_prob


def sums_over_the_batch(x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor) -> Tensor:
    D, L = W.shape
    M, y = W.mT @ W + noise_var * torch.eye(L, dtype=W.dtype, device=W.device), x - b
    explained = ((y @ W) * torch.linalg.solve(M, (y @ W).unsqueeze(-1)).squeeze(-1)).sum()
    log_det = (D - L) * noise_var.log() + torch.logdet(M)
    value = -0.5 * (D * math.log(2 * math.pi) + log_det + (y.square().sum() - explained) / noise_var)
    log_prob: Tensor = value.expand(x.shape[:-1])
    return log_prob


def cuts_the_gradient_of_the_noise(x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor) -> Tensor:
    D, L = W.shape
    noise_var = noise_var.detach()
    M, y = W.mT @ W + noise_var * torch.eye(L, dtype=W.dtype, device=W.device), x - b
    explained = ((y @ W) * torch.linalg.solve(M, (y @ W).unsqueeze(-1)).squeeze(-1)).sum(-1)
    log_det = (D - L) * noise_var.log() + torch.logdet(M)
    log_prob: Tensor = -0.5 * (D * math.log(2 * math.pi) + log_det + (y.square().sum(-1) - explained) / noise_var)
    return log_prob


def cuts_the_gradient_of_the_determinant(x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor) -> Tensor:
    D, L = W.shape
    M, y = W.mT @ W + noise_var * torch.eye(L, dtype=W.dtype, device=W.device), x - b
    explained = ((y @ W) * torch.linalg.solve(M, (y @ W).unsqueeze(-1)).squeeze(-1)).sum(-1)
    log_det = (D - L) * noise_var.log() + torch.logdet(M).detach()
    log_prob: Tensor = -0.5 * (D * math.log(2 * math.pi) + log_det + (y.square().sum(-1) - explained) / noise_var)
    return log_prob


def makes_the_identity_in_float32(x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor) -> Tensor:
    D, L = W.shape
    M, y = W.mT @ W + (noise_var.float() * torch.eye(L, device=W.device)).to(W.dtype), x - b
    explained = ((y @ W) * torch.linalg.solve(M, (y @ W).unsqueeze(-1)).squeeze(-1)).sum(-1)
    log_det = (D - L) * noise_var.log() + torch.logdet(M)
    log_prob: Tensor = -0.5 * (D * math.log(2 * math.pi) + log_det + (y.square().sum(-1) - explained) / noise_var)
    return log_prob


NOISE = "If residuals are typically 3 long, what is noise_var?"
WITHOUT_LATENTS = "Set W to zero, and x is noise alone: what is the determinant of its covariance, and what is yours?"

SENTENCES = {
    adds_what_is_explained: "The quadratic form must decrease when W explains x.",
    divides_the_explained_part_twice: "Let x - b lie in the span of W: can the quadratic form be negative?",
    puts_the_precision_of_the_noise_on_the_diagonal: (
        "As the noise vanishes, which matrix should W'W + ... approach? Ask your own."
    ),
    takes_the_small_determinant_alone: WITHOUT_LATENTS,
    counts_the_noise_of_all_dimensions: WITHOUT_LATENTS,
    counts_the_noise_of_too_few_dimensions: WITHOUT_LATENTS,
    treats_the_variance_as_a_standard_deviation: NOISE,
    takes_the_root_of_the_variance: NOISE,
    takes_the_covariance_of_the_latents: (
        "A covariance of x has one row for each dimension of x: which product of W with itself is that large?"
    ),
    forgets_the_mean: "Move x and b by the same amount: should anything change?",
    centres_on_the_mean_of_the_batch: "Put a point in a batch alone, then among others: why does its density change?",
    adds_jitter: "The exact answer differs by more than rounding at noise_var = 1e-8; what did you add to a diagonal?",
    drops_the_constant: "With one dimension, sum exp of your values over a fine grid: is the area under the curve 1?",
    forgets_half_of_the_log_determinant: "Double the spread of x in every direction: by how much should its peak fall?",
    sums_the_diagonal_of_the_factor_once: "If M = F F', what is the determinant of M, in terms of that of F?",
    ignores_correlations: "Two dimensions that share a latent move together; does your density know?",
    fixes_the_latents_at_zero: "Make W ten times larger: x spreads more, and your density does not change.",
    fixes_the_latents_at_their_best: "Your density integrates to more than one: did you average over z, or choose it?",
    takes_the_log_of_a_product: "What is 0.3 to the power of 20,000 in float64, and what is its logarithm?",
    averages_over_dimensions: "Doubling the dimension with independent copies should double the log-density.",
    sums_over_the_batch: "Three points need three log-densities; over what do your sums run?",
    cuts_the_gradient_of_the_noise: "Can noise_var be learnt with your function? Ask its gradient.",
    cuts_the_gradient_of_the_determinant: (
        "Learn W with your gradient, and it grows without bound: what should hold it?"
    ),
    makes_the_identity_in_float32: (
        "Your answers are right to seven digits and no further; where do the others get lost?"
    ),
}
"""What each of them deserves to hear."""
