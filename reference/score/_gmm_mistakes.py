"""Wrong scores of a mixture, and the sentence that each deserves."""

from __future__ import annotations

import torch
from torch import Tensor


def averages_the_component_scores(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    return ((mu - x.unsqueeze(-2)) * torch.exp(-logvar)).mean(-2)


def weights_with_the_prior(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    return (logits.softmax(-1).unsqueeze(-1) * (mu - x.unsqueeze(-2)) * torch.exp(-logvar)).sum(-2)


def sums_the_component_scores(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    return ((mu - x.unsqueeze(-2)) * torch.exp(-logvar)).sum(-2)


def divides_the_gradient_by_the_density(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    away = mu - x.unsqueeze(-2)
    densities = torch.exp(-0.5 * (logvar + away.square() * torch.exp(-logvar)).sum(-1)) * logits.softmax(-1)
    gradient = (densities.unsqueeze(-1) * away * torch.exp(-logvar)).sum(-2)
    return gradient / densities.sum(-1, keepdim=True)


def guards_the_density_with_eps(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    away = mu - x.unsqueeze(-2)
    densities = torch.exp(-0.5 * (logvar + away.square() * torch.exp(-logvar)).sum(-1)) * logits.softmax(-1)
    gradient = (densities.unsqueeze(-1) * away * torch.exp(-logvar)).sum(-2)
    return gradient / (densities.sum(-1, keepdim=True) + 1e-8)


def takes_the_softmax_per_dimension(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    away = mu - x.unsqueeze(-2)
    pull = away * torch.exp(-logvar)
    responsibilities = (logits.unsqueeze(-1) - 0.5 * (logvar + away * pull)).softmax(-2)
    return (responsibilities * pull).sum(-2)


def takes_the_softmax_over_the_batch(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    away = mu - x.unsqueeze(-2)
    pull = away * torch.exp(-logvar)
    log_joint = logits - 0.5 * (logvar + away * pull).sum(-1)
    return (log_joint.softmax(0).unsqueeze(-1) * pull).sum(-2)


def follows_only_the_nearest_component(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    away = mu - x.unsqueeze(-2)
    pull = away * torch.exp(-logvar)
    nearest = (logits - 0.5 * (logvar + away * pull).sum(-1)).argmax(-1)
    return torch.take_along_dim(pull, nearest[..., None, None], dim=-2).squeeze(-2)


def forgets_the_weights(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    away = mu - x.unsqueeze(-2)
    pull = away * torch.exp(-logvar)
    responsibilities = (-0.5 * (logvar + away * pull).sum(-1)).softmax(-1)
    return (responsibilities.unsqueeze(-1) * pull).sum(-2)


def forgets_the_normalisers(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    away = mu - x.unsqueeze(-2)
    pull = away * torch.exp(-logvar)
    responsibilities = (logits - 0.5 * (away * pull).sum(-1)).softmax(-1)
    return (responsibilities.unsqueeze(-1) * pull).sum(-2)


def treats_logvar_as_log_std(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    away = mu - x.unsqueeze(-2)
    pull = away * torch.exp(-2 * logvar)
    responsibilities = (logits - 0.5 * (2 * logvar + away * pull).sum(-1)).softmax(-1)
    return (responsibilities.unsqueeze(-1) * pull).sum(-2)


def divides_by_the_standard_deviation(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    z = (mu - x.unsqueeze(-2)) * torch.exp(-0.5 * logvar)
    responsibilities = (logits - 0.5 * (logvar + z.square()).sum(-1)).softmax(-1)
    return (responsibilities.unsqueeze(-1) * z).sum(-2)


def forgets_the_half_in_the_responsibilities(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    away = mu - x.unsqueeze(-2)
    pull = away * torch.exp(-logvar)
    responsibilities = (logits - (logvar + away * pull).sum(-1)).softmax(-1)
    return (responsibilities.unsqueeze(-1) * pull).sum(-2)


def points_away_from_the_means(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    away = x.unsqueeze(-2) - mu
    push = away * torch.exp(-logvar)
    responsibilities = (logits - 0.5 * (logvar + away * push).sum(-1)).softmax(-1)
    return (responsibilities.unsqueeze(-1) * push).sum(-2)


def detaches_the_responsibilities(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    away = mu - x.unsqueeze(-2)
    pull = away * torch.exp(-logvar)
    responsibilities = (logits - 0.5 * (logvar + away * pull).sum(-1)).softmax(-1).detach()
    return (responsibilities.unsqueeze(-1) * pull).sum(-2)


def differentiates_without_a_graph(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    with torch.enable_grad():
        points = x.detach().clone().requires_grad_()
        quadratic = ((points.unsqueeze(-2) - mu) ** 2 * torch.exp(-logvar) + logvar).sum(-1)
        log_density = torch.logsumexp(logits - 0.5 * quadratic, dim=-1)
        return torch.autograd.grad(log_density.sum(), points)[0]


def normalises_over_the_whole_batch(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    away = mu - x.unsqueeze(-2)
    pull = away * torch.exp(-logvar)
    log_joint = logits - 0.5 * (logvar + away * pull).sum(-1)
    responsibilities = torch.exp(log_joint - torch.logsumexp(log_joint.flatten(), 0))
    return (responsibilities.unsqueeze(-1) * pull).sum(-2)


def expects_one_batch_dimension(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    pull = (mu[None] - x[:, None]) * torch.exp(-logvar)
    log_joint = logits - 0.5 * (logvar + (mu[None] - x[:, None]) * pull).sum(-1)
    return (log_joint.softmax(1)[:, :, None] * pull).sum(1)


def uses_one_variance_for_the_distances(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    away = mu - x.unsqueeze(-2)
    spread = torch.exp(logvar).mean(-1)
    squares = away.square().sum(-1) / spread
    responsibilities = (logits - 0.5 * (mu.shape[-1] * torch.log(spread) + squares)).softmax(-1)
    return (responsibilities.unsqueeze(-1) * away * torch.exp(-logvar)).sum(-2)


def adds_eps_to_the_weights(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    away = mu - x.unsqueeze(-2)
    pull = away * torch.exp(-logvar)
    log_weights = torch.log(logits.softmax(-1) + 1e-12)
    responsibilities = (log_weights - 0.5 * (logvar + away * pull).sum(-1)).softmax(-1)
    return (responsibilities.unsqueeze(-1) * pull).sum(-2)


def rounds_the_weights(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    away = mu - x.unsqueeze(-2)
    pull = away * torch.exp(-logvar)
    log_weights = logits.float().log_softmax(-1).to(x.dtype)
    responsibilities = (log_weights - 0.5 * (logvar + away * pull).sum(-1)).softmax(-1)
    return (responsibilities.unsqueeze(-1) * pull).sum(-2)


def returns_double(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    x, logits, mu, logvar = x.double(), logits.double(), mu.double(), logvar.double()
    away = mu - x.unsqueeze(-2)
    pull = away * torch.exp(-logvar)
    responsibilities = (logits - 0.5 * (logvar + away * pull).sum(-1)).softmax(-1)
    return (responsibilities.unsqueeze(-1) * pull).sum(-2)


def loops_over_points(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    flat, scores = x.reshape(-1, x.shape[-1]), []
    for point in flat:
        away = mu - point
        responsibilities = (logits - 0.5 * (logvar + away.square() * torch.exp(-logvar)).sum(-1)).softmax(-1)
        scores.append((responsibilities.unsqueeze(-1) * away * torch.exp(-logvar)).sum(0))
    return torch.stack(scores).reshape(x.shape) if scores else x * 1.0


def averages_over_the_dimensions(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    away = mu - x.unsqueeze(-2)
    pull = away * torch.exp(-logvar)
    responsibilities = (logits.log_softmax(-1) - 0.5 * (logvar + away * pull).mean(-1)).softmax(-1)
    return (responsibilities.unsqueeze(-1) * pull).sum(-2)


def multiplies_by_the_variance(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    away = mu - x.unsqueeze(-2)
    pull = away * torch.exp(-logvar)
    responsibilities = (logits - 0.5 * (logvar + away * pull).sum(-1)).softmax(-1)
    return (responsibilities.unsqueeze(-1) * away * torch.exp(logvar)).sum(-2)


def adds_a_weight_to_a_log_density(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    away = mu - x.unsqueeze(-2)
    pull = away * torch.exp(-logvar)
    responsibilities = (logits.softmax(-1) - 0.5 * (logvar + away * pull).sum(-1)).softmax(-1)
    return (responsibilities.unsqueeze(-1) * pull).sum(-2)


def multiplies_two_softmaxes(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    away = mu - x.unsqueeze(-2)
    pull = away * torch.exp(-logvar)
    responsibilities = logits.softmax(-1) * (-0.5 * (logvar + away * pull).sum(-1)).softmax(-1)
    return (responsibilities.unsqueeze(-1) * pull).sum(-2)


def forgets_the_half_of_the_distances(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    away = mu - x.unsqueeze(-2)
    pull = away * torch.exp(-logvar)
    responsibilities = (logits - (0.5 * logvar + away * pull).sum(-1)).softmax(-1)
    return (responsibilities.unsqueeze(-1) * pull).sum(-2)


def forgets_the_half_of_the_normalisers(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    away = mu - x.unsqueeze(-2)
    pull = away * torch.exp(-logvar)
    responsibilities = (logits - (logvar + 0.5 * away * pull).sum(-1)).softmax(-1)
    return (responsibilities.unsqueeze(-1) * pull).sum(-2)


def adds_the_normalisers(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    away = mu - x.unsqueeze(-2)
    pull = away * torch.exp(-logvar)
    responsibilities = (logits + 0.5 * (logvar - away * pull).sum(-1)).softmax(-1)
    return (responsibilities.unsqueeze(-1) * pull).sum(-2)


def forgets_to_divide_by_the_density(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    away = mu - x.unsqueeze(-2)
    log_joint = logits.log_softmax(-1) - 0.5 * (logvar + away.square() * torch.exp(-logvar)).sum(-1)
    return (torch.exp(log_joint).unsqueeze(-1) * away * torch.exp(-logvar)).sum(-2)


def differentiates_the_density(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    away = mu - x.unsqueeze(-2)
    constants = torch.log(2 * torch.pi * torch.exp(logvar))
    log_joint = logits.log_softmax(-1) - 0.5 * (constants + away.square() * torch.exp(-logvar)).sum(-1)
    return (torch.exp(log_joint).unsqueeze(-1) * away * torch.exp(-logvar)).sum(-2)


def guards_the_normalised_density_with_eps(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    away = mu - x.unsqueeze(-2)
    constants = torch.log(2 * torch.pi * torch.exp(logvar))
    log_joint = logits.log_softmax(-1) - 0.5 * (constants + away.square() * torch.exp(-logvar)).sum(-1)
    gradient = (torch.exp(log_joint).unsqueeze(-1) * away * torch.exp(-logvar)).sum(-2)
    return gradient / (torch.exp(log_joint).sum(-1, keepdim=True) + 1e-8)


def mixes_the_moments(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    away = mu - x.unsqueeze(-2)
    pull = away * torch.exp(-logvar)
    responsibilities = (logits - 0.5 * (logvar + away * pull).sum(-1)).softmax(-1).unsqueeze(-1)
    return (responsibilities * away).sum(-2) / (responsibilities * torch.exp(logvar)).sum(-2)


SENTENCES = {
    averages_the_component_scores: "Near mode 1 your field is pulled half-way to mode 2.",
    weights_with_the_prior: "Take a point close to one component: does it still feel all the others in full?",
    sums_the_component_scores: "Split a component in two halves at the same place: nothing should change.",
    divides_the_gradient_by_the_density: "A thousand units away the density is 0 in float64; what is 0 divided by 0?",
    guards_the_density_with_eps: "Far from all modes your arrows fade away; how long should they be there?",
    takes_the_softmax_per_dimension: "How many responsibilities does one point have, K or K times D?",
    takes_the_softmax_over_the_batch: "Responsibilities should sum to one over components, not over the batch.",
    follows_only_the_nearest_component: "Walk slowly from one mode to the other: why does your field jump on the way?",
    forgets_the_weights: "Give one component a weight of nearly nothing: does your field notice?",
    forgets_the_normalisers: "Two components share a mean, one narrow and one wide: which is likelier at that mean?",
    treats_logvar_as_log_std: "At K = 1, mu = 0, logvar = log 4, the score at x = 1 should be -1/4.",
    divides_by_the_standard_deviation: "Change the unit of x from m to cm: by what factor should the score shrink?",
    forgets_the_half_in_the_responsibilities: "Compare your responsibilities with softmax of the log-densities: which "
    "factor does the exponent of a Gaussian have?",
    points_away_from_the_means: "Follow your arrows: do they lead to a mode or away from it?",
    detaches_the_responsibilities: "Move x towards another mode: its responsibility grows. Does your gradient know?",
    differentiates_without_a_graph: "Your values are right; can you still differentiate them?",
    normalises_over_the_whole_batch: "The responsibilities of each point should sum to one; what do yours sum to?",
    expects_one_batch_dimension: "Give it a single point, of shape [5], and six of shape [2, 3, 5]: which dimension do "
    "you count from the front?",
    uses_one_variance_for_the_distances: "Give a component a narrow and a wide dimension: in which units do you "
    "measure how far away it is?",
    adds_eps_to_the_weights: "A component of weight zero stands next to x, and all others are far away: which of them "
    "should pull?",
    rounds_the_weights: "Your answers are right to seven digits and no further; where do the others get lost?",
    returns_double: "Which dtype went in, and which came out? A model in float32 cannot add the two.",
    loops_over_points: "Your function handles one example after another; can one tensor operation handle them all?",
    averages_over_the_dimensions: "The dimensions of a component are independent: do their log-densities "
    "add up, or average?",
    multiplies_by_the_variance: "At K = 1, mu = 0, logvar = log 4, the score at x = 1 should be -1/4.",
    adds_a_weight_to_a_log_density: "A component of weight zero should take no part. What do you add to "
    "its log-density?",
    multiplies_two_softmaxes: "The responsibilities of each point should sum to one; what do yours sum to?",
    forgets_the_half_of_the_distances: "Compare your responsibilities with softmax of the log-densities: which "
    "factor does the exponent of a Gaussian have?",
    forgets_the_half_of_the_normalisers: "Two components share a mean, one narrow and one wide: how much denser is the "
    "narrow one there?",
    adds_the_normalisers: "Two components share a mean, one narrow and one wide: which is likelier at that mean?",
    forgets_to_divide_by_the_density: "Far from all modes your arrows fade away; how long should they be there?",
    differentiates_the_density: "Far from all modes your arrows fade away; how long should they be there?",
    guards_the_normalised_density_with_eps: "Far from all modes your arrows fade away; how long should they be there?",
    mixes_the_moments: "Is it the components' scores that are averaged, or their means and variances? Try two "
    "variances.",
}
