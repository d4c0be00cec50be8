"""Wrong answers to dsm.3, and the sentence that each deserves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


def adds_sigma_to_the_standard_deviation(
    x: Tensor, logits: Tensor, mu: Tensor, var: Tensor, sigma: float | Tensor
) -> Tensor:
    total = (var.sqrt() + sigma) ** 2
    away = mu - x.unsqueeze(-2)
    pull = away / total
    r = (logits - 0.5 * (total.log() + away.square() / total).sum(-1)).softmax(-1)
    return (r.unsqueeze(-1) * pull).sum(-2)


def adds_sigma_to_the_variance(x: Tensor, logits: Tensor, mu: Tensor, var: Tensor, sigma: float | Tensor) -> Tensor:
    total = var + sigma
    away = mu - x.unsqueeze(-2)
    pull = away / total
    r = (logits - 0.5 * (total.log() + away.square() / total).sum(-1)).softmax(-1)
    return (r.unsqueeze(-1) * pull).sum(-2)


def ignores_the_noise(x: Tensor, logits: Tensor, mu: Tensor, var: Tensor, sigma: float | Tensor) -> Tensor:
    total = var + 0 * sigma**2
    away = mu - x.unsqueeze(-2)
    pull = away / total
    r = (logits - 0.5 * (total.log() + away.square() / total).sum(-1)).softmax(-1)
    return (r.unsqueeze(-1) * pull).sum(-2)


def widens_the_responsibilities_alone(
    x: Tensor, logits: Tensor, mu: Tensor, var: Tensor, sigma: float | Tensor
) -> Tensor:
    total = var + sigma**2
    away = mu - x.unsqueeze(-2)
    pull = away / var
    r = (logits - 0.5 * (total.log() + away.square() / total).sum(-1)).softmax(-1)
    return (r.unsqueeze(-1) * pull).sum(-2)


def widens_the_pulls_alone(x: Tensor, logits: Tensor, mu: Tensor, var: Tensor, sigma: float | Tensor) -> Tensor:
    total = var + sigma**2
    away = mu - x.unsqueeze(-2)
    pull = away / total
    r = (logits - 0.5 * (var.log() + away.square() / var).sum(-1)).softmax(-1)
    return (r.unsqueeze(-1) * pull).sum(-2)


def adds_the_scores_of_data_and_noise(
    x: Tensor, logits: Tensor, mu: Tensor, var: Tensor, sigma: float | Tensor
) -> Tensor:
    total = var
    away = mu - x.unsqueeze(-2)
    pull = away / total
    r = (logits - 0.5 * (total.log() + away.square() / total).sum(-1)).softmax(-1)
    return (r.unsqueeze(-1) * pull).sum(-2) - x / sigma**2


def averages_the_scores(x: Tensor, logits: Tensor, mu: Tensor, var: Tensor, sigma: float | Tensor) -> Tensor:
    total = var + sigma**2
    away = mu - x.unsqueeze(-2)
    pull = away / total
    r = (logits - 0.5 * (total.log() + away.square() / total).sum(-1)).softmax(-1)
    return pull.mean(-2) + 0 * r.sum(-1, keepdim=True)


def weights_with_the_prior(x: Tensor, logits: Tensor, mu: Tensor, var: Tensor, sigma: float | Tensor) -> Tensor:
    total = var + sigma**2
    away = mu - x.unsqueeze(-2)
    pull = away / total
    r = (logits + 0 * total.sum(-1)).softmax(-1)
    return (r.unsqueeze(-1) * pull).sum(-2)


def moves_to_the_mean_first(x: Tensor, logits: Tensor, mu: Tensor, var: Tensor, sigma: float | Tensor) -> Tensor:
    total = var + sigma**2
    r = (logits - 0.5 * (total.log() + (mu - x.unsqueeze(-2)).square() / total).sum(-1)).softmax(-1)
    return (logits.softmax(-1) @ mu - x) / (r @ total)


def takes_var_for_a_standard_deviation(
    x: Tensor, logits: Tensor, mu: Tensor, var: Tensor, sigma: float | Tensor
) -> Tensor:
    total = var**2 + sigma**2
    away = mu - x.unsqueeze(-2)
    pull = away / total
    r = (logits - 0.5 * (total.log() + away.square() / total).sum(-1)).softmax(-1)
    return (r.unsqueeze(-1) * pull).sum(-2)


def takes_var_for_a_log_variance(x: Tensor, logits: Tensor, mu: Tensor, var: Tensor, sigma: float | Tensor) -> Tensor:
    total = var.exp() + sigma**2
    away = mu - x.unsqueeze(-2)
    pull = away / total
    r = (logits - 0.5 * (total.log() + away.square() / total).sum(-1)).softmax(-1)
    return (r.unsqueeze(-1) * pull).sum(-2)


def divides_by_the_standard_deviation(
    x: Tensor, logits: Tensor, mu: Tensor, var: Tensor, sigma: float | Tensor
) -> Tensor:
    total = var + sigma**2
    away = mu - x.unsqueeze(-2)
    pull = away / total.sqrt()
    r = (logits - 0.5 * (total.log() + away.square() / total).sum(-1)).softmax(-1)
    return (r.unsqueeze(-1) * pull).sum(-2)


def points_away_from_the_means(x: Tensor, logits: Tensor, mu: Tensor, var: Tensor, sigma: float | Tensor) -> Tensor:
    total = var + sigma**2
    away = mu - x.unsqueeze(-2)
    pull = away / total
    r = (logits - 0.5 * (total.log() + away.square() / total).sum(-1)).softmax(-1)
    return -(r.unsqueeze(-1) * pull).sum(-2)


def forgets_the_weights(x: Tensor, logits: Tensor, mu: Tensor, var: Tensor, sigma: float | Tensor) -> Tensor:
    total = var + sigma**2
    away = mu - x.unsqueeze(-2)
    pull = away / total
    r = (-0.5 * (total.log() + away.square() / total).sum(-1) + 0 * logits).softmax(-1)
    return (r.unsqueeze(-1) * pull).sum(-2)


def forgets_the_normalisers(x: Tensor, logits: Tensor, mu: Tensor, var: Tensor, sigma: float | Tensor) -> Tensor:
    total = var + sigma**2
    away = mu - x.unsqueeze(-2)
    pull = away / total
    r = (logits - 0.5 * (away.square() / total).sum(-1)).softmax(-1)
    return (r.unsqueeze(-1) * pull).sum(-2)


def forgets_the_half_in_the_responsibilities(
    x: Tensor, logits: Tensor, mu: Tensor, var: Tensor, sigma: float | Tensor
) -> Tensor:
    total = var + sigma**2
    away = mu - x.unsqueeze(-2)
    pull = away / total
    r = (logits - (total.log() + away.square() / total).sum(-1)).softmax(-1)
    return (r.unsqueeze(-1) * pull).sum(-2)


def divides_by_the_noise_alone(x: Tensor, logits: Tensor, mu: Tensor, var: Tensor, sigma: float | Tensor) -> Tensor:
    total = var + sigma**2
    away = mu - x.unsqueeze(-2)
    pull = away / (sigma**2 + 1e-12) + 0 * total
    r = (logits - 0.5 * (total.log() + away.square() / total).sum(-1)).softmax(-1)
    return (r.unsqueeze(-1) * pull).sum(-2)


def follows_the_nearest_component(x: Tensor, logits: Tensor, mu: Tensor, var: Tensor, sigma: float | Tensor) -> Tensor:
    total = var + sigma**2
    away = mu - x.unsqueeze(-2)
    pull = away / total
    r = (logits - 0.5 * (total.log() + away.square() / total).sum(-1)).softmax(-1)
    return torch.take_along_dim(pull, r.argmax(-1)[..., None, None], dim=-2).squeeze(-2)


def takes_the_softmax_over_the_batch(
    x: Tensor, logits: Tensor, mu: Tensor, var: Tensor, sigma: float | Tensor
) -> Tensor:
    total = var + sigma**2
    away = mu - x.unsqueeze(-2)
    pull = away / total
    r = (logits - 0.5 * (total.log() + away.square() / total).sum(-1)).softmax(0)
    return (r.unsqueeze(-1) * pull).sum(-2)


def normalises_over_the_whole_batch(
    x: Tensor, logits: Tensor, mu: Tensor, var: Tensor, sigma: float | Tensor
) -> Tensor:
    total = var + sigma**2
    away = mu - x.unsqueeze(-2)
    pull = away / total
    r = logits - 0.5 * (total.log() + away.square() / total).sum(-1)
    return (torch.exp(r - r.flatten().logsumexp(0)).unsqueeze(-1) * pull).sum(-2)


def takes_the_softmax_per_dimension(
    x: Tensor, logits: Tensor, mu: Tensor, var: Tensor, sigma: float | Tensor
) -> Tensor:
    total = var + sigma**2
    away = mu - x.unsqueeze(-2)
    pull = away / total
    r = (logits.unsqueeze(-1) - 0.5 * (total.log() + away.square() / total)).softmax(-2)
    return (r * pull).sum(-2)


def divides_the_gradient_by_the_density(
    x: Tensor, logits: Tensor, mu: Tensor, var: Tensor, sigma: float | Tensor
) -> Tensor:
    total = var + sigma**2
    away = mu - x.unsqueeze(-2)
    pull = away / total
    r = (logits - 0.5 * (total.log() + away.square() / total).sum(-1)).exp()
    return (r.unsqueeze(-1) * pull).sum(-2) / r.sum(-1, keepdim=True)


def expects_one_batch_dimension(x: Tensor, logits: Tensor, mu: Tensor, var: Tensor, sigma: float | Tensor) -> Tensor:
    total = var + sigma**2
    away = mu[None] - x[:, None]
    pull = away / total
    r = (logits - 0.5 * (total.log() + away.square() / total).sum(-1)).softmax(-1)
    return (r.unsqueeze(-1) * pull).sum(-2)


def divides_by_the_clean_variance(x: Tensor, logits: Tensor, mu: Tensor, var: Tensor, sigma: float | Tensor) -> Tensor:
    total = var + sigma**2
    away = mu - x.unsqueeze(-2)
    pull = away / total
    r = (logits - 0.5 * (total.log() + away.square() / total).sum(-1) + 0 * (sigma**2 / var).sum(-1)).softmax(-1)
    return (r.unsqueeze(-1) * pull).sum(-2)


def guards_the_variance(x: Tensor, logits: Tensor, mu: Tensor, var: Tensor, sigma: float | Tensor) -> Tensor:
    total = var + sigma**2 + 1e-6
    away = mu - x.unsqueeze(-2)
    pull = away / total
    r = (logits - 0.5 * (total.log() + away.square() / total).sum(-1)).softmax(-1)
    return (r.unsqueeze(-1) * pull).sum(-2)


def detaches_the_responsibilities(x: Tensor, logits: Tensor, mu: Tensor, var: Tensor, sigma: float | Tensor) -> Tensor:
    total = var + sigma**2
    away = mu - x.unsqueeze(-2)
    pull = away / total
    r = (logits - 0.5 * (total.log() + away.square() / total).sum(-1)).softmax(-1).detach()
    return (r.unsqueeze(-1) * pull).sum(-2)


def cuts_the_graph(x: Tensor, logits: Tensor, mu: Tensor, var: Tensor, sigma: float | Tensor) -> Tensor:
    with torch.enable_grad():
        point = x.detach().clone().requires_grad_()
        total = var + sigma**2
        joint = logits - 0.5 * (total.log() + (mu - point.unsqueeze(-2)).square() / total).sum(-1)
        return torch.autograd.grad(joint.logsumexp(-1).sum(), point)[0]


def cuts_the_graph_at_the_points(x: Tensor, logits: Tensor, mu: Tensor, var: Tensor, sigma: float | Tensor) -> Tensor:
    with torch.enable_grad():
        point = x.detach().clone().requires_grad_()
        total = var + sigma**2
        joint = logits - 0.5 * (total.log() + (mu - point.unsqueeze(-2)).square() / total).sum(-1)
        return torch.autograd.grad(joint.logsumexp(-1).sum(), point, create_graph=True)[0]


def rounds_sigma(x: Tensor, logits: Tensor, mu: Tensor, var: Tensor, sigma: float | Tensor) -> Tensor:
    sigma = torch.as_tensor(sigma).float().to(x.dtype)
    total = var + sigma**2
    away = mu - x.unsqueeze(-2)
    pull = away / total
    r = (logits - 0.5 * (total.log() + away.square() / total).sum(-1)).softmax(-1)
    return (r.unsqueeze(-1) * pull).sum(-2)


def returns_double(x: Tensor, logits: Tensor, mu: Tensor, var: Tensor, sigma: float | Tensor) -> Tensor:
    total = var + sigma**2
    away = mu - x.unsqueeze(-2)
    pull = away / total
    r = (logits - 0.5 * (total.log() + away.square() / total).sum(-1)).softmax(-1)
    return (r.unsqueeze(-1) * pull).sum(-2).double()


def loops_over_points(x: Tensor, logits: Tensor, mu: Tensor, var: Tensor, sigma: float | Tensor) -> Tensor:
    scores = []
    for point in x.reshape(-1, x.shape[-1]):
        total, away = var + sigma**2, mu - point
        r = (logits - 0.5 * (total.log() + away.square() / total).sum(-1)).softmax(-1)
        scores.append((r.unsqueeze(-1) * away / total).sum(0))
    return torch.stack(scores).reshape(x.shape) if scores else x * 1.0


SENTENCES: dict[Callable[..., Any], str] = {
    adds_sigma_to_the_standard_deviation: (
        "Standard deviations 3 and 4 of independent numbers: is that of the sum 7 or 5?"
    ),
    adds_sigma_to_the_variance: (
        "Change the unit of x from m to cm: by which factors do var and sigma grow, and your sum?"
    ),
    ignores_the_noise: "Raise sigma: does your field change?",
    widens_the_responsibilities_alone: "With one component of variance 3 and sigma = 1, is your slope -1/3 or -1/4?",
    widens_the_pulls_alone: "Raise sigma until nobody can say which component x came from: can you still?",
    adds_the_scores_of_data_and_noise: (
        "Noise is added to the data, not to the score: with very little noise, is your field near the clean one?"
    ),
    averages_the_scores: "Near mode 1 your field is pulled half-way to mode 2.",
    weights_with_the_prior: "Take a point close to one component: does it still feel all the others in full?",
    moves_to_the_mean_first: "Between two modes far apart: does your field know of both, or of the mean alone?",
    takes_var_for_a_standard_deviation: "One component of variance 3, sigma = 1: the slope is -1/4. What is yours?",
    takes_var_for_a_log_variance: "One component of variance 3, sigma = 1: the slope is -1/4. What is yours?",
    divides_by_the_standard_deviation: "Change the unit of x from m to cm: by what factor should the score shrink?",
    points_away_from_the_means: "Follow your arrows: do they lead to a mode or away from it?",
    forgets_the_weights: "Give one component a weight of nearly nothing: does your field notice?",
    forgets_the_normalisers: "Two components share a mean, one narrow and one wide: which is likelier at that mean?",
    forgets_the_half_in_the_responsibilities: (
        "Compare your responsibilities with softmax of the log-densities: which factor does the exponent have?"
    ),
    divides_by_the_noise_alone: (
        "Vincent's x is a clean data point, and mu is the mean of a cloud of them: how wide is the cloud?"
    ),
    follows_the_nearest_component: "Walk slowly from one mode to the other: why does your field jump on the way?",
    takes_the_softmax_over_the_batch: "Responsibilities should sum to one over components, not over the batch.",
    normalises_over_the_whole_batch: "The responsibilities of each point should sum to one; what do yours sum to?",
    takes_the_softmax_per_dimension: "How many responsibilities does one point have, K or K times D?",
    divides_the_gradient_by_the_density: "A thousand units away the density is 0 in float64; what is 0 divided by 0?",
    expects_one_batch_dimension: (
        "Give it a single point, of shape [5], and six of shape [2, 3, 5]: which dimension do you count from the front?"
    ),
    divides_by_the_clean_variance: "Can a component have no variance of its own? Data points have none.",
    guards_the_variance: (
        "You add a small number to every variance. Which of them is it for, and what does it cost the others?"
    ),
    detaches_the_responsibilities: "Move x towards another mode: its responsibility grows. Does your gradient know?",
    cuts_the_graph: "Your field is right. Can autograd differentiate it once more, in everything that you were given?",
    cuts_the_graph_at_the_points: (
        "Your field is right. Can autograd differentiate it once more, in everything that you were given?"
    ),
    rounds_sigma: "Your answers are right to seven digits and no further; where do the others get lost?",
    returns_double: "Which dtype went in, and which came out? A model in float32 cannot add the two.",
    loops_over_points: "Your function handles one example after another; can one tensor operation handle them all?",
}
