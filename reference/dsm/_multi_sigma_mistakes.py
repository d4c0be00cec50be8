"""Wrong answers to dsm.2, in weights and noise levels, and the sentence that each deserves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from reference.dsm._multi_sigma_answers import Field


def weights_with_sigma(
    score_fn: Field, x: Tensor, sigmas: Tensor, idx: Tensor, eps: Tensor, *, weighting: str
) -> Tensor:
    sigma = sigmas[idx]
    beside = sigma.reshape(*idx.shape, *[1] * (x.dim() - idx.dim()))
    residual = score_fn(x + beside * eps, sigma) + eps / beside
    terms = 0.5 * residual.square().flatten(idx.dim()).sum(-1)
    weight = sigma if weighting == "sigma2" else torch.ones_like(sigma)
    return (weight * terms).mean()


def multiplies_the_squares_by_sigma_squared_twice(
    score_fn: Field, x: Tensor, sigmas: Tensor, idx: Tensor, eps: Tensor, *, weighting: str
) -> Tensor:
    sigma = sigmas[idx]
    beside = sigma.reshape(*idx.shape, *[1] * (x.dim() - idx.dim()))
    residual = score_fn(x + beside * eps, sigma) + eps / beside
    terms = 0.5 * residual.square().flatten(idx.dim()).sum(-1)
    weight = sigma**4 if weighting == "sigma2" else torch.ones_like(sigma)
    return (weight * terms).mean()


def divides_by_the_weight(
    score_fn: Field, x: Tensor, sigmas: Tensor, idx: Tensor, eps: Tensor, *, weighting: str
) -> Tensor:
    sigma = sigmas[idx]
    beside = sigma.reshape(*idx.shape, *[1] * (x.dim() - idx.dim()))
    residual = score_fn(x + beside * eps, sigma) + eps / beside
    terms = 0.5 * residual.square().flatten(idx.dim()).sum(-1)
    weight = sigma**-2 if weighting == "sigma2" else torch.ones_like(sigma)
    return (weight * terms).mean()


def always_weights(score_fn: Field, x: Tensor, sigmas: Tensor, idx: Tensor, eps: Tensor, *, weighting: str) -> Tensor:
    sigma = sigmas[idx]
    beside = sigma.reshape(*idx.shape, *[1] * (x.dim() - idx.dim()))
    residual = score_fn(x + beside * eps, sigma) + eps / beside
    terms = 0.5 * residual.square().flatten(idx.dim()).sum(-1)
    weight = sigma**2 if weighting == weighting else torch.ones_like(sigma)
    return (weight * terms).mean()


def never_weights(score_fn: Field, x: Tensor, sigmas: Tensor, idx: Tensor, eps: Tensor, *, weighting: str) -> Tensor:
    sigma = sigmas[idx]
    beside = sigma.reshape(*idx.shape, *[1] * (x.dim() - idx.dim()))
    residual = score_fn(x + beside * eps, sigma) + eps / beside
    terms = 0.5 * residual.square().flatten(idx.dim()).sum(-1)
    weight = sigma**2 if weighting == "sigma_2" else torch.ones_like(sigma)
    return (weight * terms).mean()


def swaps_the_weightings(
    score_fn: Field, x: Tensor, sigmas: Tensor, idx: Tensor, eps: Tensor, *, weighting: str
) -> Tensor:
    sigma = sigmas[idx]
    beside = sigma.reshape(*idx.shape, *[1] * (x.dim() - idx.dim()))
    residual = score_fn(x + beside * eps, sigma) + eps / beside
    terms = 0.5 * residual.square().flatten(idx.dim()).sum(-1)
    weight = sigma**2 if weighting == "none" else torch.ones_like(sigma)
    return (weight * terms).mean()


def normalises_the_weights(
    score_fn: Field, x: Tensor, sigmas: Tensor, idx: Tensor, eps: Tensor, *, weighting: str
) -> Tensor:
    sigma = sigmas[idx]
    beside = sigma.reshape(*idx.shape, *[1] * (x.dim() - idx.dim()))
    residual = score_fn(x + beside * eps, sigma) + eps / beside
    terms = 0.5 * residual.square().flatten(idx.dim()).sum(-1)
    weight = sigma**2 if weighting == "sigma2" else torch.ones_like(sigma)
    return (weight * terms).sum() / weight.sum()


def weights_with_the_mean_level(
    score_fn: Field, x: Tensor, sigmas: Tensor, idx: Tensor, eps: Tensor, *, weighting: str
) -> Tensor:
    sigma = sigmas[idx]
    beside = sigma.reshape(*idx.shape, *[1] * (x.dim() - idx.dim()))
    residual = score_fn(x + beside * eps, sigma) + eps / beside
    terms = 0.5 * residual.square().flatten(idx.dim()).sum(-1)
    weight = sigma.square().mean().expand_as(sigma) if weighting == "sigma2" else torch.ones_like(sigma)
    return (weight * terms).mean()


def mixes_weights_and_examples(
    score_fn: Field, x: Tensor, sigmas: Tensor, idx: Tensor, eps: Tensor, *, weighting: str
) -> Tensor:
    sigma = sigmas[idx]
    beside = sigma.reshape(*idx.shape, *[1] * (x.dim() - idx.dim()))
    residual = score_fn(x + beside * eps, sigma) + eps / beside
    terms = 0.5 * residual.square().flatten(idx.dim()).sum(-1)
    weight = sigma**2 if weighting == "sigma2" else torch.ones_like(sigma)
    return (weight.flatten()[:, None] * terms.flatten()).mean()


def averages_before_weighting(
    score_fn: Field, x: Tensor, sigmas: Tensor, idx: Tensor, eps: Tensor, *, weighting: str
) -> Tensor:
    sigma = sigmas[idx]
    beside = sigma.reshape(*idx.shape, *[1] * (x.dim() - idx.dim()))
    residual = score_fn(x + beside * eps, sigma) + eps / beside
    terms = 0.5 * residual.square().flatten(idx.dim()).sum(-1)
    weight = sigma**2 if weighting == "sigma2" else torch.ones_like(sigma)
    return (weight * terms.mean()).sum() if weighting == "sigma2" else terms.mean()


def takes_the_first_level(
    score_fn: Field, x: Tensor, sigmas: Tensor, idx: Tensor, eps: Tensor, *, weighting: str
) -> Tensor:
    sigma = sigmas[torch.zeros_like(idx)]
    beside = sigma.reshape(*idx.shape, *[1] * (x.dim() - idx.dim()))
    residual = score_fn(x + beside * eps, sigma) + eps / beside
    terms = 0.5 * residual.square().flatten(idx.dim()).sum(-1)
    weight = sigma**2 if weighting == "sigma2" else torch.ones_like(sigma)
    return (weight * terms).mean()


def takes_levels_in_order(
    score_fn: Field, x: Tensor, sigmas: Tensor, idx: Tensor, eps: Tensor, *, weighting: str
) -> Tensor:
    sigma = sigmas[torch.arange(idx.numel(), device=idx.device).reshape(idx.shape) % len(sigmas)]
    beside = sigma.reshape(*idx.shape, *[1] * (x.dim() - idx.dim()))
    residual = score_fn(x + beside * eps, sigma) + eps / beside
    terms = 0.5 * residual.square().flatten(idx.dim()).sum(-1)
    weight = sigma**2 if weighting == "sigma2" else torch.ones_like(sigma)
    return (weight * terms).mean()


def counts_levels_from_one(
    score_fn: Field, x: Tensor, sigmas: Tensor, idx: Tensor, eps: Tensor, *, weighting: str
) -> Tensor:
    sigma = sigmas[idx - 1]
    beside = sigma.reshape(*idx.shape, *[1] * (x.dim() - idx.dim()))
    residual = score_fn(x + beside * eps, sigma) + eps / beside
    terms = 0.5 * residual.square().flatten(idx.dim()).sum(-1)
    weight = sigma**2 if weighting == "sigma2" else torch.ones_like(sigma)
    return (weight * terms).mean()


def gives_the_field_the_index(
    score_fn: Field, x: Tensor, sigmas: Tensor, idx: Tensor, eps: Tensor, *, weighting: str
) -> Tensor:
    sigma = sigmas[idx]
    beside = sigma.reshape(*idx.shape, *[1] * (x.dim() - idx.dim()))
    residual = score_fn(x + beside * eps, idx.to(x.dtype)) + eps / beside
    terms = 0.5 * residual.square().flatten(idx.dim()).sum(-1)
    weight = sigma**2 if weighting == "sigma2" else torch.ones_like(sigma)
    return (weight * terms).mean()


def gives_the_field_the_variance(
    score_fn: Field, x: Tensor, sigmas: Tensor, idx: Tensor, eps: Tensor, *, weighting: str
) -> Tensor:
    sigma = sigmas[idx]
    beside = sigma.reshape(*idx.shape, *[1] * (x.dim() - idx.dim()))
    residual = score_fn(x + beside * eps, sigma**2) + eps / beside
    terms = 0.5 * residual.square().flatten(idx.dim()).sum(-1)
    weight = sigma**2 if weighting == "sigma2" else torch.ones_like(sigma)
    return (weight * terms).mean()


def gives_the_field_log_sigma(
    score_fn: Field, x: Tensor, sigmas: Tensor, idx: Tensor, eps: Tensor, *, weighting: str
) -> Tensor:
    sigma = sigmas[idx]
    beside = sigma.reshape(*idx.shape, *[1] * (x.dim() - idx.dim()))
    residual = score_fn(x + beside * eps, sigma.log()) + eps / beside
    terms = 0.5 * residual.square().flatten(idx.dim()).sum(-1)
    weight = sigma**2 if weighting == "sigma2" else torch.ones_like(sigma)
    return (weight * terms).mean()


def gives_the_field_a_column(
    score_fn: Field, x: Tensor, sigmas: Tensor, idx: Tensor, eps: Tensor, *, weighting: str
) -> Tensor:
    sigma = sigmas[idx]
    beside = sigma.reshape(*idx.shape, *[1] * (x.dim() - idx.dim()))
    residual = score_fn(x + beside * eps, beside) + eps / beside
    terms = 0.5 * residual.square().flatten(idx.dim()).sum(-1)
    weight = sigma**2 if weighting == "sigma2" else torch.ones_like(sigma)
    return (weight * terms).mean()


def broadcasts_along_the_last_dimension(
    score_fn: Field, x: Tensor, sigmas: Tensor, idx: Tensor, eps: Tensor, *, weighting: str
) -> Tensor:
    sigma = sigmas[idx]
    beside = sigma
    residual = score_fn(x + beside * eps, sigma) + eps / beside
    terms = 0.5 * residual.square().flatten(idx.dim()).sum(-1)
    weight = sigma**2 if weighting == "sigma2" else torch.ones_like(sigma)
    return (weight * terms).mean()


def expects_vectors(score_fn: Field, x: Tensor, sigmas: Tensor, idx: Tensor, eps: Tensor, *, weighting: str) -> Tensor:
    sigma = sigmas[idx]
    beside = sigma[..., None]
    residual = score_fn(x + beside * eps, sigma) + eps / beside
    terms = 0.5 * residual.square().sum(-1)
    weight = sigma**2 if weighting == "sigma2" else torch.ones_like(sigma)
    return (weight * terms).mean()


def squeezes_the_levels(
    score_fn: Field, x: Tensor, sigmas: Tensor, idx: Tensor, eps: Tensor, *, weighting: str
) -> Tensor:
    sigma = sigmas[idx].squeeze()
    beside = sigma.reshape(*sigma.shape, *[1] * (x.dim() - sigma.dim()))
    residual = score_fn(x + beside * eps, sigma) + eps / beside
    terms = 0.5 * residual.square().flatten(idx.dim()).sum(-1)
    weight = sigma**2 if weighting == "sigma2" else torch.ones_like(sigma)
    return (weight * terms).mean()


def squeezes_the_residuals(
    score_fn: Field, x: Tensor, sigmas: Tensor, idx: Tensor, eps: Tensor, *, weighting: str
) -> Tensor:
    sigma = sigmas[idx]
    beside = sigma.reshape(*idx.shape, *[1] * (x.dim() - idx.dim()))
    squares = ((score_fn(x + beside * eps, sigma) + eps / beside) ** 2).squeeze()
    terms = 0.5 * squares.reshape(squares.shape[0] if squares.dim() else 1, -1).sum(-1)
    weight = sigma.flatten()[: len(terms)] ** 2 if weighting == "sigma2" else torch.ones_like(terms)
    return (weight * terms).mean()


def weights_with_all_levels(
    score_fn: Field, x: Tensor, sigmas: Tensor, idx: Tensor, eps: Tensor, *, weighting: str
) -> Tensor:
    sigma = sigmas[idx]
    beside = sigma.reshape(*idx.shape, *[1] * (x.dim() - idx.dim()))
    residual = score_fn(x + beside * eps, sigma) + eps / beside
    terms = 0.5 * residual.square().flatten(idx.dim()).sum(-1)
    weight = sigmas.square().mean().expand_as(sigma) if weighting == "sigma2" else torch.ones_like(sigma)
    return (weight * terms).mean()


def weights_the_field_alone(
    score_fn: Field, x: Tensor, sigmas: Tensor, idx: Tensor, eps: Tensor, *, weighting: str
) -> Tensor:
    sigma = sigmas[idx]
    beside = sigma.reshape(*idx.shape, *[1] * (x.dim() - idx.dim()))
    weight = beside if weighting == "sigma2" else torch.ones_like(beside)
    residual = weight * score_fn(x + beside * eps, sigma) + eps / beside
    return 0.5 * residual.square().flatten(idx.dim()).sum(-1).mean()


def weights_the_noise_alone(
    score_fn: Field, x: Tensor, sigmas: Tensor, idx: Tensor, eps: Tensor, *, weighting: str
) -> Tensor:
    sigma = sigmas[idx]
    beside = sigma.reshape(*idx.shape, *[1] * (x.dim() - idx.dim()))
    target = eps if weighting == "sigma2" else eps / beside
    residual = score_fn(x + beside * eps, sigma) + target
    return 0.5 * residual.square().flatten(idx.dim()).sum(-1).mean()


def flattens_the_first_dimension(
    score_fn: Field, x: Tensor, sigmas: Tensor, idx: Tensor, eps: Tensor, *, weighting: str
) -> Tensor:
    sigma = sigmas[idx]
    beside = sigma.view(-1, *[1] * (x.dim() - 1))
    residual = score_fn(x + beside * eps, sigma) + eps / beside
    terms = 0.5 * residual.square().flatten(1).sum(-1)
    weight = sigma**2 if weighting == "sigma2" else torch.ones_like(sigma)
    return (weight * terms).mean()


def sums_all_dimensions_but_the_first(
    score_fn: Field, x: Tensor, sigmas: Tensor, idx: Tensor, eps: Tensor, *, weighting: str
) -> Tensor:
    sigma = sigmas[idx]
    beside = sigma.reshape(*idx.shape, *[1] * (x.dim() - idx.dim()))
    residual = score_fn(x + beside * eps, sigma) + eps / beside
    weight = beside if weighting == "sigma2" else torch.ones_like(beside)
    return 0.5 * (weight * residual).square().sum() / (len(x) if x.dim() else 1)


def averages_over_the_levels(
    score_fn: Field, x: Tensor, sigmas: Tensor, idx: Tensor, eps: Tensor, *, weighting: str
) -> Tensor:
    sigma = sigmas[idx]
    beside = sigma.reshape(*idx.shape, *[1] * (x.dim() - idx.dim()))
    residual = score_fn(x + beside * eps, sigma) + eps / beside
    terms = (0.5 * residual.square().flatten(idx.dim()).sum(-1)).flatten()
    weight = sigma**2 if weighting == "sigma2" else torch.ones_like(sigma)
    places = idx.flatten()
    means = [(weight.flatten() * terms)[places == level].mean() for level in sorted(set(places.tolist()))]
    return torch.stack(means).sum() / len(sigmas)


def averages_over_the_levels_that_occur(
    score_fn: Field, x: Tensor, sigmas: Tensor, idx: Tensor, eps: Tensor, *, weighting: str
) -> Tensor:
    sigma = sigmas[idx]
    beside = sigma.reshape(*idx.shape, *[1] * (x.dim() - idx.dim()))
    residual = score_fn(x + beside * eps, sigma) + eps / beside
    terms = (0.5 * residual.square().flatten(idx.dim()).sum(-1)).flatten()
    weight = sigma**2 if weighting == "sigma2" else torch.ones_like(sigma)
    places = idx.flatten()
    means = [(weight.flatten() * terms)[places == level].mean() for level in sorted(set(places.tolist()))]
    return torch.stack(means).mean()


SENTENCES: dict[Callable[..., Any], str] = {
    weights_with_sigma: "How large is ||eps / sigma||^2 at sigma = 0.01, and how large at 1? What evens that out?",
    multiplies_the_squares_by_sigma_squared_twice: (
        "How large is ||eps / sigma||^2 at sigma = 0.01, and how large at 1? What evens that out?"
    ),
    divides_by_the_weight: (
        "Which of your examples counts most, the one with the least noise? Was it to count more or less?"
    ),
    always_weights: "Change weighting: does your loss change?",
    never_weights: "Change weighting: does your loss change?",
    swaps_the_weightings: "Which of the two weightings leaves the loss of dsm.1 as it is?",
    normalises_the_weights: (
        "Halve all noise levels with a field that is zero: by which factor does each example's term change, and "
        "your sum?"
    ),
    weights_with_the_mean_level: "Example 1's noise level changed example 2's weight.",
    mixes_weights_and_examples: "Example 1's noise level changed example 2's weight.",
    averages_before_weighting: "Example 1's noise level changed example 2's weight.",
    takes_the_first_level: "Change idx: which noise level does example 0 get?",
    takes_levels_in_order: "Change idx: which noise level does example 0 get?",
    counts_levels_from_one: "Which noise level is sigmas[idx] at idx = 0, the first or the last?",
    gives_the_field_the_index: "What does your network get as its second argument: a noise level, or its number?",
    gives_the_field_the_variance: "What does your network get as its second argument: a standard deviation?",
    gives_the_field_log_sigma: "What does your network get as its second argument: a standard deviation?",
    gives_the_field_a_column: (
        "One noise level for each example: which shape has that, and which do you give the field?"
    ),
    broadcasts_along_the_last_dimension: (
        "Which dimension of x does your sigma line up with? Print both shapes, with sizes that all differ."
    ),
    expects_vectors: (
        "Give it images of shape [3, 2, 3, 4]: how many noise levels are there, and how must they be shaped?"
    ),
    squeezes_the_levels: "Try one example: which of its dimensions disappear?",
    squeezes_the_residuals: "Try one example, and examples of one number: which of their dimensions disappear?",
    weights_with_all_levels: "Change a level that no example of the batch has: why does your loss change?",
    weights_the_field_alone: "s and eps / sigma have one unit. Which of the two does sigma multiply in your code?",
    weights_the_noise_alone: "s and eps / sigma have one unit. Which of the two does sigma multiply in your code?",
    flattens_the_first_dimension: (
        "Give it a batch of shape [2, 3], and a single example: which of your dimensions do you count from the front?"
    ),
    sums_all_dimensions_but_the_first: (
        "Give it a batch of shape [2, 3]: how many examples does it have, and by what do you divide?"
    ),
    averages_over_the_levels: "Three examples at one level and one at another: how much should each of the four count?",
    averages_over_the_levels_that_occur: (
        "Three examples at one level and one at another: how much should each of the four count?"
    ),
}
