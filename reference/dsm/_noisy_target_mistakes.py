"""Wrong answers to dsm.2, in noise, targets and manners, and the sentence that each deserves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from reference.dsm._multi_sigma_answers import Field


def scales_the_noise_twice(
    score_fn: Field, x: Tensor, sigmas: Tensor, idx: Tensor, eps: Tensor, *, weighting: str
) -> Tensor:
    sigma = sigmas[idx]
    beside = sigma.reshape(*idx.shape, *[1] * (x.dim() - idx.dim()))
    noise = beside * eps
    residual = score_fn(x + beside * noise, sigma) + eps / beside
    terms = 0.5 * residual.square().flatten(idx.dim()).sum(-1)
    weight = sigma**2 if weighting == "sigma2" else torch.ones_like(sigma)
    return (weight * terms).mean()


def scales_the_noise_and_the_target(
    score_fn: Field, x: Tensor, sigmas: Tensor, idx: Tensor, eps: Tensor, *, weighting: str
) -> Tensor:
    sigma = sigmas[idx]
    beside = sigma.reshape(*idx.shape, *[1] * (x.dim() - idx.dim()))
    eps = beside * eps
    residual = score_fn(x + beside * eps, sigma) + eps / beside
    terms = 0.5 * residual.square().flatten(idx.dim()).sum(-1)
    weight = sigma**2 if weighting == "sigma2" else torch.ones_like(sigma)
    return (weight * terms).mean()


def adds_unscaled_noise(
    score_fn: Field, x: Tensor, sigmas: Tensor, idx: Tensor, eps: Tensor, *, weighting: str
) -> Tensor:
    sigma = sigmas[idx]
    beside = sigma.reshape(*idx.shape, *[1] * (x.dim() - idx.dim()))
    residual = score_fn(x + eps, sigma) + eps / beside
    terms = 0.5 * residual.square().flatten(idx.dim()).sum(-1)
    weight = sigma**2 if weighting == "sigma2" else torch.ones_like(sigma)
    return (weight * terms).mean()


def points_along_the_noise(
    score_fn: Field, x: Tensor, sigmas: Tensor, idx: Tensor, eps: Tensor, *, weighting: str
) -> Tensor:
    sigma = sigmas[idx]
    beside = sigma.reshape(*idx.shape, *[1] * (x.dim() - idx.dim()))
    residual = score_fn(x + beside * eps, sigma) + (-eps / beside)
    terms = 0.5 * residual.square().flatten(idx.dim()).sum(-1)
    weight = sigma**2 if weighting == "sigma2" else torch.ones_like(sigma)
    return (weight * terms).mean()


def forgets_to_divide_by_sigma(
    score_fn: Field, x: Tensor, sigmas: Tensor, idx: Tensor, eps: Tensor, *, weighting: str
) -> Tensor:
    sigma = sigmas[idx]
    beside = sigma.reshape(*idx.shape, *[1] * (x.dim() - idx.dim()))
    residual = score_fn(x + beside * eps, sigma) + eps
    terms = 0.5 * residual.square().flatten(idx.dim()).sum(-1)
    weight = sigma**2 if weighting == "sigma2" else torch.ones_like(sigma)
    return (weight * terms).mean()


def divides_by_the_variance(
    score_fn: Field, x: Tensor, sigmas: Tensor, idx: Tensor, eps: Tensor, *, weighting: str
) -> Tensor:
    sigma = sigmas[idx]
    beside = sigma.reshape(*idx.shape, *[1] * (x.dim() - idx.dim()))
    residual = score_fn(x + beside * eps, sigma) + eps / beside**2
    terms = 0.5 * residual.square().flatten(idx.dim()).sum(-1)
    weight = sigma**2 if weighting == "sigma2" else torch.ones_like(sigma)
    return (weight * terms).mean()


def asks_at_the_clean_point(
    score_fn: Field, x: Tensor, sigmas: Tensor, idx: Tensor, eps: Tensor, *, weighting: str
) -> Tensor:
    sigma = sigmas[idx]
    beside = sigma.reshape(*idx.shape, *[1] * (x.dim() - idx.dim()))
    residual = score_fn(x, sigma) + eps / beside
    terms = 0.5 * residual.square().flatten(idx.dim()).sum(-1)
    weight = sigma**2 if weighting == "sigma2" else torch.ones_like(sigma)
    return (weight * terms).mean()


def forgets_the_half(score_fn: Field, x: Tensor, sigmas: Tensor, idx: Tensor, eps: Tensor, *, weighting: str) -> Tensor:
    sigma = sigmas[idx]
    beside = sigma.reshape(*idx.shape, *[1] * (x.dim() - idx.dim()))
    residual = score_fn(x + beside * eps, sigma) + eps / beside
    terms = residual.square().flatten(idx.dim()).sum(-1)
    weight = sigma**2 if weighting == "sigma2" else torch.ones_like(sigma)
    return (weight * terms).mean()


def averages_over_the_event(
    score_fn: Field, x: Tensor, sigmas: Tensor, idx: Tensor, eps: Tensor, *, weighting: str
) -> Tensor:
    sigma = sigmas[idx]
    beside = sigma.reshape(*idx.shape, *[1] * (x.dim() - idx.dim()))
    residual = score_fn(x + beside * eps, sigma) + eps / beside
    terms = 0.5 * residual.square().flatten(idx.dim()).mean(-1)
    weight = sigma**2 if weighting == "sigma2" else torch.ones_like(sigma)
    return (weight * terms).mean()


def sums_over_the_batch(
    score_fn: Field, x: Tensor, sigmas: Tensor, idx: Tensor, eps: Tensor, *, weighting: str
) -> Tensor:
    sigma = sigmas[idx]
    beside = sigma.reshape(*idx.shape, *[1] * (x.dim() - idx.dim()))
    residual = score_fn(x + beside * eps, sigma) + eps / beside
    terms = 0.5 * residual.square().flatten(idx.dim()).sum(-1)
    weight = sigma**2 if weighting == "sigma2" else torch.ones_like(sigma)
    return (weight * terms).sum()


def sums_the_last_dimension_only(
    score_fn: Field, x: Tensor, sigmas: Tensor, idx: Tensor, eps: Tensor, *, weighting: str
) -> Tensor:
    sigma = sigmas[idx]
    beside = sigma.reshape(*idx.shape, *[1] * (x.dim() - idx.dim()))
    residual = score_fn(x + beside * eps, sigma) + eps / beside
    weight = beside**2 if weighting == "sigma2" else torch.ones_like(beside)
    return (0.5 * weight * residual.square()).sum(-1).mean()


def detaches_the_score(
    score_fn: Field, x: Tensor, sigmas: Tensor, idx: Tensor, eps: Tensor, *, weighting: str
) -> Tensor:
    sigma = sigmas[idx]
    beside = sigma.reshape(*idx.shape, *[1] * (x.dim() - idx.dim()))
    residual = score_fn(x + beside * eps, sigma).detach() + eps / beside
    terms = 0.5 * residual.square().flatten(idx.dim()).sum(-1)
    weight = sigma**2 if weighting == "sigma2" else torch.ones_like(sigma)
    return (weight * terms).mean()


def guards_the_division(
    score_fn: Field, x: Tensor, sigmas: Tensor, idx: Tensor, eps: Tensor, *, weighting: str
) -> Tensor:
    sigma = sigmas[idx]
    beside = sigma.reshape(*idx.shape, *[1] * (x.dim() - idx.dim()))
    residual = score_fn(x + beside * eps, sigma) + eps / (beside + 1e-8)
    terms = 0.5 * residual.square().flatten(idx.dim()).sum(-1)
    weight = sigma**2 if weighting == "sigma2" else torch.ones_like(sigma)
    return (weight * terms).mean()


def clamps_the_target(
    score_fn: Field, x: Tensor, sigmas: Tensor, idx: Tensor, eps: Tensor, *, weighting: str
) -> Tensor:
    sigma = sigmas[idx]
    beside = sigma.reshape(*idx.shape, *[1] * (x.dim() - idx.dim()))
    residual = score_fn(x + beside * eps, sigma) + (eps / beside).clamp(-100, 100)
    terms = 0.5 * residual.square().flatten(idx.dim()).sum(-1)
    weight = sigma**2 if weighting == "sigma2" else torch.ones_like(sigma)
    return (weight * terms).mean()


def clamps_the_levels(
    score_fn: Field, x: Tensor, sigmas: Tensor, idx: Tensor, eps: Tensor, *, weighting: str
) -> Tensor:
    sigma = sigmas[idx].clamp(0.01, 50.0)
    beside = sigma.reshape(*idx.shape, *[1] * (x.dim() - idx.dim()))
    residual = score_fn(x + beside * eps, sigma) + eps / beside
    terms = 0.5 * residual.square().flatten(idx.dim()).sum(-1)
    weight = sigma**2 if weighting == "sigma2" else torch.ones_like(sigma)
    return (weight * terms).mean()


def rounds_the_levels(
    score_fn: Field, x: Tensor, sigmas: Tensor, idx: Tensor, eps: Tensor, *, weighting: str
) -> Tensor:
    sigma = sigmas.float()[idx].to(x.dtype)
    beside = sigma.reshape(*idx.shape, *[1] * (x.dim() - idx.dim()))
    residual = score_fn(x + beside * eps, sigma) + eps / beside
    terms = 0.5 * residual.square().flatten(idx.dim()).sum(-1)
    weight = sigma**2 if weighting == "sigma2" else torch.ones_like(sigma)
    return (weight * terms).mean()


def returns_double(score_fn: Field, x: Tensor, sigmas: Tensor, idx: Tensor, eps: Tensor, *, weighting: str) -> Tensor:
    sigma = sigmas[idx]
    beside = sigma.reshape(*idx.shape, *[1] * (x.dim() - idx.dim()))
    residual = score_fn(x + beside * eps, sigma) + eps / beside
    terms = 0.5 * residual.square().flatten(idx.dim()).sum(-1)
    weight = sigma**2 if weighting == "sigma2" else torch.ones_like(sigma)
    return (weight * terms).mean().double()


def loops_over_examples(
    score_fn: Field, x: Tensor, sigmas: Tensor, idx: Tensor, eps: Tensor, *, weighting: str
) -> Tensor:
    total = torch.zeros((), dtype=x.dtype, device=x.device)
    for place in range(idx.numel()):
        sigma = sigmas[idx.flatten()[place]]
        point, noise = (each.reshape(idx.numel(), *x.shape[idx.dim() :])[place] for each in (x, eps))
        residual = score_fn((point + sigma * noise)[None], sigma[None])[0] + noise / sigma
        total = total + 0.5 * (sigma**2 if weighting == "sigma2" else 1.0) * residual.square().sum()
    return total / idx.numel()


def takes_levels_for_variances(
    score_fn: Field, x: Tensor, sigmas: Tensor, idx: Tensor, eps: Tensor, *, weighting: str
) -> Tensor:
    sigma = sigmas[idx]
    beside = sigma.reshape(*idx.shape, *[1] * (x.dim() - idx.dim())).sqrt()
    residual = score_fn(x + beside * eps, sigma) + eps / beside
    terms = 0.5 * residual.square().flatten(idx.dim()).sum(-1)
    weight = sigma if weighting == "sigma2" else torch.ones_like(sigma)
    return (weight * terms).mean()


def takes_levels_for_variances_but_in_weights(
    score_fn: Field, x: Tensor, sigmas: Tensor, idx: Tensor, eps: Tensor, *, weighting: str
) -> Tensor:
    sigma = sigmas[idx]
    beside = sigma.reshape(*idx.shape, *[1] * (x.dim() - idx.dim())).sqrt()
    residual = score_fn(x + beside * eps, sigma) + eps / beside
    terms = 0.5 * residual.square().flatten(idx.dim()).sum(-1)
    weight = sigma**2 if weighting == "sigma2" else torch.ones_like(sigma)
    return (weight * terms).mean()


SENTENCES: dict[Callable[..., Any], str] = {
    scales_the_noise_twice: "At sigma = 2 and eps = 1, how far from x is your noisy point?",
    scales_the_noise_and_the_target: "How often does your noise meet sigma on its way to the target?",
    adds_unscaled_noise: "At sigma = 2 and eps = 1, how far from x is your noisy point?",
    points_along_the_noise: "Your field points away from the clean point.",
    forgets_to_divide_by_sigma: "Halve sigma: how does the slope of the noisy log-density change?",
    divides_by_the_variance: (
        "x~ - x is divided by sigma^2 in the slope of the noisy log-density. Is eps the same as x~ - x?"
    ),
    asks_at_the_clean_point: "You are regressing noise you never showed the network.",
    forgets_the_half: "With one noise level, which number stands between your loss and that of dsm.1?",
    averages_over_the_event: "Add a pixel in which the field is perfect: why does your loss go down?",
    sums_over_the_batch: "Repeat every example: an average should not change.",
    sums_the_last_dimension_only: "For images, which dimensions belong to one example? Which of them do you sum over?",
    detaches_the_score: "The value is right; does its gradient reach the field?",
    guards_the_division: "Your division is protected against a sigma of zero. What does that cost when sigma is 1e-3?",
    clamps_the_target: "How large is the target for sigma = 1e-3, and how large may yours become?",
    clamps_the_levels: "Noise levels go from 1e-3 to 100. Which of them do you use as they are?",
    rounds_the_levels: "Your answers are right to seven digits and no further; where do the others get lost?",
    returns_double: "Which dtype went in, and which came out? A model in float32 cannot add the two.",
    loops_over_examples: "Your function handles one example after another; can one tensor operation handle them all?",
    takes_levels_for_variances: "At sigma = 4 and eps = 1, how far from x is your noisy point?",
    takes_levels_for_variances_but_in_weights: "At sigma = 4 and eps = 1, how far from x is your noisy point?",
}
