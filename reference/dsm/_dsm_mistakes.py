"""Wrong answers to dsm.1, and the sentence that each deserves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from reference.dsm._dsm_answers import Field


def points_along_the_noise(score_fn: Field, x: Tensor, sigma: float | Tensor, eps: Tensor) -> Tensor:
    return 0.5 * (score_fn(x + sigma * eps) - eps / sigma).square().sum(-1).mean()


def forgets_to_divide_by_sigma(score_fn: Field, x: Tensor, sigma: float | Tensor, eps: Tensor) -> Tensor:
    return 0.5 * (score_fn(x + sigma * eps) + eps).square().sum(-1).mean()


def divides_the_noise_by_the_variance(score_fn: Field, x: Tensor, sigma: float | Tensor, eps: Tensor) -> Tensor:
    return 0.5 * (score_fn(x + sigma * eps) + eps / sigma**2).square().sum(-1).mean()


def divides_the_difference_by_sigma(score_fn: Field, x: Tensor, sigma: float | Tensor, eps: Tensor) -> Tensor:
    noisy = x + sigma * eps
    return 0.5 * (score_fn(noisy) - (noisy - x) / sigma).square().sum(-1).mean()


def predicts_the_displacement(score_fn: Field, x: Tensor, sigma: float | Tensor, eps: Tensor) -> Tensor:
    return 0.5 * (score_fn(x + sigma * eps) + sigma * eps).square().sum(-1).mean()


def takes_its_own_score_as_target(score_fn: Field, x: Tensor, sigma: float | Tensor, eps: Tensor) -> Tensor:
    return 0.5 * (score_fn(x + sigma * eps) - score_fn(x).detach()).square().sum(-1).mean()


def asks_at_the_clean_point(score_fn: Field, x: Tensor, sigma: float | Tensor, eps: Tensor) -> Tensor:
    return 0.5 * (score_fn(x) + eps / sigma).square().sum(-1).mean()


def averages_over_dimensions(score_fn: Field, x: Tensor, sigma: float | Tensor, eps: Tensor) -> Tensor:
    return 0.5 * (score_fn(x + sigma * eps) + eps / sigma).square().mean()


def forgets_the_half(score_fn: Field, x: Tensor, sigma: float | Tensor, eps: Tensor) -> Tensor:
    return (score_fn(x + sigma * eps) + eps / sigma).square().sum(-1).mean()


def sums_over_the_batch(score_fn: Field, x: Tensor, sigma: float | Tensor, eps: Tensor) -> Tensor:
    return 0.5 * (score_fn(x + sigma * eps) + eps / sigma).square().sum()


def draws_noise_of_its_own(score_fn: Field, x: Tensor, sigma: float | Tensor, eps: Tensor) -> Tensor:
    eps = torch.randn_like(x)
    return 0.5 * (score_fn(x + sigma * eps) + eps / sigma).square().sum(-1).mean()


def measures_the_reconstruction(score_fn: Field, x: Tensor, sigma: float | Tensor, eps: Tensor) -> Tensor:
    noisy = x + sigma * eps
    return 0.5 * (noisy + sigma**2 * score_fn(noisy) - x).square().sum(-1).mean()


def weights_with_the_variance(score_fn: Field, x: Tensor, sigma: float | Tensor, eps: Tensor) -> Tensor:
    return 0.5 * (sigma * score_fn(x + sigma * eps) + eps).square().sum(-1).mean()


def adds_noise_of_size_sigma_squared(score_fn: Field, x: Tensor, sigma: float | Tensor, eps: Tensor) -> Tensor:
    return 0.5 * (score_fn(x + sigma**2 * eps) + eps / sigma).square().sum(-1).mean()


def adds_unit_noise(score_fn: Field, x: Tensor, sigma: float | Tensor, eps: Tensor) -> Tensor:
    return 0.5 * (score_fn(x + eps) + eps / sigma).square().sum(-1).mean()


def subtracts_the_noise(score_fn: Field, x: Tensor, sigma: float | Tensor, eps: Tensor) -> Tensor:
    return 0.5 * (score_fn(x - sigma * eps) + eps / sigma).square().sum(-1).mean()


def takes_norms_unsquared(score_fn: Field, x: Tensor, sigma: float | Tensor, eps: Tensor) -> Tensor:
    return 0.5 * (score_fn(x + sigma * eps) + eps / sigma).square().sum(-1).sqrt().mean()


def scales_the_score_alone(score_fn: Field, x: Tensor, sigma: float | Tensor, eps: Tensor) -> Tensor:
    return 0.5 * (sigma * score_fn(x + sigma * eps) + eps / sigma).square().sum(-1).mean()


def detaches_the_score(score_fn: Field, x: Tensor, sigma: float | Tensor, eps: Tensor) -> Tensor:
    with torch.no_grad():
        score = score_fn(x + sigma * eps)
    return 0.5 * (score + eps / sigma).square().sum(-1).mean()


def computes_without_a_graph(score_fn: Field, x: Tensor, sigma: float | Tensor, eps: Tensor) -> Tensor:
    with torch.no_grad():
        return 0.5 * (score_fn(x + sigma * eps) + eps / sigma).square().sum(-1).mean()


def guards_the_division(score_fn: Field, x: Tensor, sigma: float | Tensor, eps: Tensor) -> Tensor:
    return 0.5 * (score_fn(x + sigma * eps) + eps / (sigma + 1e-8)).square().sum(-1).mean()


def clamps_the_target(score_fn: Field, x: Tensor, sigma: float | Tensor, eps: Tensor) -> Tensor:
    return 0.5 * (score_fn(x + sigma * eps) + (eps / sigma).clamp(-100, 100)).square().sum(-1).mean()


def rounds_sigma(score_fn: Field, x: Tensor, sigma: float | Tensor, eps: Tensor) -> Tensor:
    level = torch.tensor(float(sigma), dtype=torch.float32)
    return 0.5 * (score_fn(x + level * eps) + eps / level).square().sum(-1).mean()


def sums_over_dimension_one(score_fn: Field, x: Tensor, sigma: float | Tensor, eps: Tensor) -> Tensor:
    return 0.5 * (score_fn(x + sigma * eps) + eps / sigma).square().sum(1).mean()


def sums_over_all_but_the_first(score_fn: Field, x: Tensor, sigma: float | Tensor, eps: Tensor) -> Tensor:
    return 0.5 * (score_fn(x + sigma * eps) + eps / sigma).square().sum() / len(x)


def returns_double(score_fn: Field, x: Tensor, sigma: float | Tensor, eps: Tensor) -> Tensor:
    return 0.5 * (score_fn(x + sigma * eps) + eps / sigma).square().sum(-1).mean().double()


def loops_over_points(score_fn: Field, x: Tensor, sigma: float | Tensor, eps: Tensor) -> Tensor:
    points, noise = x.reshape(-1, x.shape[-1]), eps.reshape(-1, x.shape[-1])
    total = torch.zeros((), dtype=x.dtype, device=x.device)
    for point, draw in zip(points, noise, strict=True):
        total = total + 0.5 * (score_fn(point + sigma * draw) + draw / sigma).square().sum()
    return total / len(points)


EVENT = "Give it data of shape [2, 3, 5]: how many data points are that, and which dimensions belong to one of them?"

SENTENCES: dict[Callable[..., Any], str] = {
    points_along_the_noise: "Your field points away from the clean point.",
    forgets_to_divide_by_sigma: "Halve sigma: how does the slope of the noisy log-density change?",
    divides_the_noise_by_the_variance: (
        "x~ - x is divided by sigma^2 in the slope of log N(x~; x, sigma^2). Is eps the same as x~ - x?"
    ),
    divides_the_difference_by_sigma: (
        "Differentiate log N(x~; x, sigma^2) at x = 2, x~ = 2.5, sigma = 0.5: is it 1, or -2?"
    ),
    predicts_the_displacement: "Make the noise much smaller: does the noisy density get flatter or steeper?",
    takes_its_own_score_as_target: (
        "A field that is zero everywhere has no loss at all for you. Where does your target know the data from?"
    ),
    asks_at_the_clean_point: "You are regressing noise you never showed the network.",
    averages_over_dimensions: "Add a dimension in which the field is perfect: why does your loss go down?",
    forgets_the_half: "At s = 0, x = 0, sigma = 1 and eps = 2 the loss is 2. What is yours?",
    sums_over_the_batch: "Repeat every data point: an average should not change.",
    draws_noise_of_its_own: "Call it twice with the same arguments: why do the two losses differ?",
    measures_the_reconstruction: (
        "Reconstruct x as x~ + sigma^2 s(x~) and expand the square of its error: what stands before the loss asked for?"
    ),
    weights_with_the_variance: "With which weight does a small sigma count in your loss, and which was asked for here?",
    adds_noise_of_size_sigma_squared: "What is the standard deviation of x~ - x for you at sigma = 0.5?",
    adds_unit_noise: "What is the standard deviation of x~ - x for you at sigma = 0.5?",
    subtracts_the_noise: "On which side of x does your noisy point lie, and which way back does your target show?",
    takes_norms_unsquared: "Double the error of a field: by what factor should its loss grow?",
    scales_the_score_alone: "Both terms inside the square must be slopes: in which unit is each of yours?",
    detaches_the_score: "The value is right; does its gradient reach the field?",
    computes_without_a_graph: "The value is right; does its gradient reach the field?",
    guards_the_division: "Your division is protected against a sigma of zero. What does that cost when sigma is 1e-4?",
    clamps_the_target: "How large is the target for sigma = 1e-4, and how large may yours become?",
    rounds_sigma: "Your answers are right to seven digits and no further; where do the others get lost?",
    sums_over_dimension_one: EVENT,
    sums_over_all_but_the_first: EVENT,
    returns_double: "Which dtype went in, and which came out? A model in float32 cannot add the two.",
    loops_over_points: "Your function handles one example after another; can one tensor operation handle them all?",
}
