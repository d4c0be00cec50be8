"""Wrong answers to lvm.2, with what each of them deserves to hear."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from grader.question import Twin
from reference.latent.log_mean_exp import log_mean_exp


def multiplies_densities(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    var = torch.exp(logvar)
    densities = torch.exp(-0.5 * (x.unsqueeze(-2) - mu) ** 2 / var) / torch.sqrt(2 * math.pi * var)
    return torch.log((torch.softmax(logits, -1) * densities.prod(-1)).sum(-1))


def exponentiates_log_densities(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    z = (x.unsqueeze(-2) - mu) * torch.exp(-0.5 * logvar)
    joint = torch.log_softmax(logits, -1) - 0.5 * (math.log(2 * math.pi) + logvar + z**2).sum(-1)
    return joint.exp().sum(-1).log()


def averages_log_densities_with_the_weights(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    z = (x.unsqueeze(-2) - mu) * torch.exp(-0.5 * logvar)
    log_densities = -0.5 * (math.log(2 * math.pi) + logvar + z**2).sum(-1)
    return (torch.softmax(logits, -1) * log_densities).sum(-1)


def averages_log_joints(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    z = (x.unsqueeze(-2) - mu) * torch.exp(-0.5 * logvar)
    return (torch.log_softmax(logits, -1) - 0.5 * (math.log(2 * math.pi) + logvar + z**2).sum(-1)).mean(-1)


def takes_logits_for_log_weights(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    z = (x.unsqueeze(-2) - mu) * torch.exp(-0.5 * logvar)
    joint = logits - 0.5 * (math.log(2 * math.pi) + logvar + z**2).sum(-1)
    return log_mean_exp(joint, -1) + math.log(logits.shape[0])


def takes_logits_for_weights(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    z = (x.unsqueeze(-2) - mu) * torch.exp(-0.5 * logvar)
    log_densities = -0.5 * (math.log(2 * math.pi) + logvar + z**2).sum(-1)
    return torch.log((logits * log_densities.exp()).sum(-1))


def gives_all_components_one_weight(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    z = (x.unsqueeze(-2) - mu) * torch.exp(-0.5 * logvar)
    return log_mean_exp(-0.5 * (math.log(2 * math.pi) + logvar + z**2).sum(-1), -1)


def adds_weights_to_log_densities(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    z = (x.unsqueeze(-2) - mu) * torch.exp(-0.5 * logvar)
    joint = torch.softmax(logits, -1) - 0.5 * (math.log(2 * math.pi) + logvar + z**2).sum(-1)
    return log_mean_exp(joint, -1) + math.log(logits.shape[0])


def mixes_every_dimension_alone(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    z = (x.unsqueeze(-2) - mu) * torch.exp(-0.5 * logvar)
    joint = torch.log_softmax(logits, -1).unsqueeze(-1) - 0.5 * (math.log(2 * math.pi) + logvar + z**2)
    return (log_mean_exp(joint, -2) + math.log(logits.shape[0])).sum(-1)


def adds_log_weights_after_the_sum(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    z = (x.unsqueeze(-2) - mu) * torch.exp(-0.5 * logvar)
    log_densities = -0.5 * (math.log(2 * math.pi) + logvar + z**2).sum(-1)
    total = log_mean_exp(log_densities, -1) + math.log(logits.shape[0])
    return total + torch.log_softmax(logits, -1).sum(-1)


def adds_log_weights_in_every_dimension(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    z = (x.unsqueeze(-2) - mu) * torch.exp(-0.5 * logvar)
    terms = torch.log_softmax(logits, -1).unsqueeze(-1) - 0.5 * (math.log(2 * math.pi) + logvar + z**2)
    return log_mean_exp(terms.sum(-1), -1) + math.log(logits.shape[0])


def averages_over_components(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    z = (x.unsqueeze(-2) - mu) * torch.exp(-0.5 * logvar)
    joint = torch.log_softmax(logits, -1) - 0.5 * (math.log(2 * math.pi) + logvar + z**2).sum(-1)
    return log_mean_exp(joint, -1)


def takes_the_nearest_component(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    z = (x.unsqueeze(-2) - mu) * torch.exp(-0.5 * logvar)
    return (torch.log_softmax(logits, -1) - 0.5 * (math.log(2 * math.pi) + logvar + z**2).sum(-1)).amax(-1)


def counts_the_constant_once(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    z = (x.unsqueeze(-2) - mu) * torch.exp(-0.5 * logvar)
    joint = torch.log_softmax(logits, -1) - 0.5 * (math.log(2 * math.pi) + (logvar + z**2).sum(-1))
    return log_mean_exp(joint, -1) + math.log(logits.shape[0])


def drops_the_constant(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    z = (x.unsqueeze(-2) - mu) * torch.exp(-0.5 * logvar)
    joint = torch.log_softmax(logits, -1) - 0.5 * (logvar + z**2).sum(-1)
    return log_mean_exp(joint, -1) + math.log(logits.shape[0])


def treats_logvar_as_log_std(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    z = (x.unsqueeze(-2) - mu) * torch.exp(-logvar)
    joint = torch.log_softmax(logits, -1) - (0.5 * math.log(2 * math.pi) + logvar + 0.5 * z**2).sum(-1)
    return log_mean_exp(joint, -1) + math.log(logits.shape[0])


def divides_by_the_variance_before_squaring(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    z = (x.unsqueeze(-2) - mu) / torch.exp(logvar)
    joint = torch.log_softmax(logits, -1) - 0.5 * (math.log(2 * math.pi) + logvar + z**2).sum(-1)
    return log_mean_exp(joint, -1) + math.log(logits.shape[0])


def adds_the_log_variance(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    z = (x.unsqueeze(-2) - mu) * torch.exp(-0.5 * logvar)
    joint = torch.log_softmax(logits, -1) - 0.5 * (math.log(2 * math.pi) - logvar + z**2).sum(-1)
    return log_mean_exp(joint, -1) + math.log(logits.shape[0])


def expects_one_batch_dimension(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    z = (x.unsqueeze(1) - mu) * torch.exp(-0.5 * logvar)
    joint = torch.log_softmax(logits, -1) - 0.5 * (math.log(2 * math.pi) + logvar + z**2).sum(-1)
    return log_mean_exp(joint, -1) + math.log(logits.shape[0])


def sums_over_the_batch(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    z = (x.unsqueeze(-2) - mu) * torch.exp(-0.5 * logvar)
    joint = torch.log_softmax(logits, -1) - 0.5 * (math.log(2 * math.pi) + logvar + z**2).sum(-1)
    value = log_mean_exp(joint, -1) + math.log(logits.shape[0])
    return value.sum().expand(value.shape)


def takes_the_log_of_a_determinant(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    z = (x.unsqueeze(-2) - mu) * torch.exp(-0.5 * logvar)
    log_det = torch.log(torch.prod(torch.exp(logvar), -1))
    exponent = -0.5 * (x.shape[-1] * math.log(2 * math.pi) + log_det + z.square().sum(-1))
    return log_mean_exp(torch.log_softmax(logits, -1) + exponent, -1) + math.log(logits.shape[0])


def takes_the_log_of_a_softmax(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    z = (x.unsqueeze(-2) - mu) * torch.exp(-0.5 * logvar)
    joint = torch.log(torch.softmax(logits, -1)) - 0.5 * (math.log(2 * math.pi) + logvar + z**2).sum(-1)
    return log_mean_exp(joint, -1) + math.log(logits.shape[0])


def cuts_the_gradient_of_the_weights(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    z = (x.unsqueeze(-2) - mu) * torch.exp(-0.5 * logvar)
    joint = torch.log_softmax(logits.detach(), -1) - 0.5 * (math.log(2 * math.pi) + logvar + z**2).sum(-1)
    return log_mean_exp(joint, -1) + math.log(logits.shape[0])


def loops_over_components(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    log_weights, parts = torch.log_softmax(logits, -1), []
    for k in range(logits.shape[0]):
        z = (x - mu[k]) * torch.exp(-0.5 * logvar[k])
        parts.append(log_weights[k] - 0.5 * (math.log(2 * math.pi) + logvar[k] + z**2).sum(-1))
    return log_mean_exp(torch.stack(parts, -1), -1) + math.log(logits.shape[0])


def forgets_the_weights(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    z = (x.unsqueeze(-2) - mu) * torch.exp(-0.5 * logvar)
    joint = -0.5 * (math.log(2 * math.pi) + logvar + z**2).sum(-1)
    return log_mean_exp(joint, -1) + math.log(logits.shape[0])


def forgets_the_root_of_two_pi(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    z = (x.unsqueeze(-2) - mu) * torch.exp(-0.5 * logvar)
    joint = torch.log_softmax(logits, -1) - 0.5 * (2 * math.log(2 * math.pi) + logvar + z**2).sum(-1)
    return log_mean_exp(joint, -1) + math.log(logits.shape[0])


def forgets_half_of_the_log_variance(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    z = (x.unsqueeze(-2) - mu) * torch.exp(-0.5 * logvar)
    joint = torch.log_softmax(logits, -1) - 0.5 * (math.log(2 * math.pi) + 2 * logvar + z**2).sum(-1)
    return log_mean_exp(joint, -1) + math.log(logits.shape[0])


def forgets_half_of_the_square(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    z = (x.unsqueeze(-2) - mu) * torch.exp(-0.5 * logvar)
    joint = torch.log_softmax(logits, -1) - 0.5 * (math.log(2 * math.pi) + logvar + 2 * z**2).sum(-1)
    return log_mean_exp(joint, -1) + math.log(logits.shape[0])


def multiplies_by_the_variance(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    z = (x.unsqueeze(-2) - mu) * torch.exp(0.5 * logvar)
    joint = torch.log_softmax(logits, -1) - 0.5 * (math.log(2 * math.pi) + logvar + z**2).sum(-1)
    return log_mean_exp(joint, -1) + math.log(logits.shape[0])


def averages_over_dimensions(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    z = (x.unsqueeze(-2) - mu) * torch.exp(-0.5 * logvar)
    joint = torch.log_softmax(logits, -1) - 0.5 * (math.log(2 * math.pi) + logvar + z**2).mean(-1)
    return log_mean_exp(joint, -1) + math.log(logits.shape[0])


def sums_log_joints(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    z = (x.unsqueeze(-2) - mu) * torch.exp(-0.5 * logvar)
    joint = torch.log_softmax(logits, -1) - 0.5 * (math.log(2 * math.pi) + logvar + z**2).sum(-1)
    return joint.sum(-1)


def forgets_the_largest_term(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    z = (x.unsqueeze(-2) - mu) * torch.exp(-0.5 * logvar)
    joint = torch.log_softmax(logits, -1) - 0.5 * (math.log(2 * math.pi) + logvar + z**2).sum(-1)
    largest = joint.max(-1, keepdim=True).values
    return (joint - largest).exp().sum(-1).log()


def subtracts_the_largest_term_of_all_points(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    z = (x.unsqueeze(-2) - mu) * torch.exp(-0.5 * logvar)
    joint = torch.log_softmax(logits, -1) - 0.5 * (math.log(2 * math.pi) + logvar + z**2).sum(-1)
    largest = joint.max()
    return largest + (joint - largest).exp().sum(-1).log()


def adds_a_floor_to_the_density(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    z = (x.unsqueeze(-2) - mu) * torch.exp(-0.5 * logvar)
    joint = torch.log_softmax(logits, -1) - 0.5 * (math.log(2 * math.pi) + logvar + z**2).sum(-1)
    return torch.log(joint.exp().sum(-1) + 1e-12)


def adds_a_small_constant_to_the_variance(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    squares = (x.unsqueeze(-2) - mu).square() / (logvar.exp() + 1e-08)
    joint = torch.log_softmax(logits, -1) - 0.5 * (math.log(2 * math.pi) + logvar + squares).sum(-1)
    return log_mean_exp(joint, -1) + math.log(logits.shape[0])


def unsqueezes_dimension_one(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    z = (x.unsqueeze(1) - mu) * torch.exp(-0.5 * logvar)
    joint = torch.log_softmax(logits, -1) - 0.5 * (math.log(2 * math.pi) + logvar + z**2).sum(-1)
    return log_mean_exp(joint, -1) + math.log(logits.shape[0])


def indexes_dimension_one(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    z = (x[:, None, :] - mu) * torch.exp(-0.5 * logvar)
    joint = torch.log_softmax(logits, -1) - 0.5 * (math.log(2 * math.pi) + logvar + z**2).sum(-1)
    return log_mean_exp(joint, -1) + math.log(logits.shape[0])


NO_WEIGHTS = "Raise one logit: should the density near that component rise? Where do your weights come in?"
AREA = (
    "Sum exp of your values over a fine grid: is the area 1? For training alone it need not be, for a "
    "log-density it must."
)
ADDED_LOGARITHMS = (
    "Split a Gaussian into two equal halves: does your result stay what it was? Do you add densities, or logarithms?"
)
FLOOR = "Move a point away from all components: your log-density stops falling somewhere. What holds it up?"
SMALL = "logvar may be -60. How large is your small constant beside such a variance?"
AXES = "Try a single point of shape [D], then a batch of shape [2, 3, D]: where do your components go?"
UNDERFLOW = "50 sigma away you return -inf; where did the exponent vanish?"
BOUND = "Compare yours with the log of the average density: that is a bound, on which side?"
WEIGHTS = "Add 5 to every logit: no component gets more weight than another. Does your density change?"
SPREAD = "Take one component, x - mu = 1 and logvar = log 4: which quantity should divide the square?"
ORDER = "Give a component the weight 1 and the others 0: is the result the log-density of that component?"

SENTENCES: dict[Callable[..., Any] | Twin, str] = {
    multiplies_densities: UNDERFLOW,
    exponentiates_log_densities: UNDERFLOW,
    averages_log_densities_with_the_weights: BOUND,
    averages_log_joints: BOUND,
    takes_logits_for_log_weights: WEIGHTS,
    takes_logits_for_weights: WEIGHTS,
    gives_all_components_one_weight: NO_WEIGHTS,
    adds_weights_to_log_densities: "A weight of 0.5 makes a density half as large: what does it add to the logarithm?",
    mixes_every_dimension_alone: "A two-mode diagonal line became a grid of 2^D modes.",
    adds_log_weights_after_the_sum: ORDER,
    adds_log_weights_in_every_dimension: (
        "How often does a component's weight enter the density of one point: once, or once a dimension?"
    ),
    averages_over_components: (
        "Split a Gaussian into two equal halves: the weights sum to one already. Does your density stay what it was?"
    ),
    takes_the_nearest_component: "Halfway between two components both count; what does yours see there?",
    counts_the_constant_once: "Your density integrates to 1 only for D = 1; how does the normaliser grow with D?",
    drops_the_constant: AREA,
    treats_logvar_as_log_std: SPREAD,
    divides_by_the_variance_before_squaring: SPREAD,
    adds_the_log_variance: "Wider components should be lower at their mode.",
    expects_one_batch_dimension: AXES,
    sums_over_the_batch: "Three points need three log-densities; over what does your last sum run?",
    takes_the_log_of_a_determinant: (
        "A variance of exp(-60) is small, and 17 of them multiplied are 0. Do you need their product?"
    ),
    takes_the_log_of_a_softmax: (
        "With a logit of -inf your value is right and a gradient is nan. How steep is a logarithm at zero?"
    ),
    cuts_the_gradient_of_the_weights: "Can the weights be learnt with your function? Ask its gradient in the logits.",
    loops_over_components: "Python visits one component after another; which single operation handles them all?",
    forgets_the_weights: NO_WEIGHTS,
    forgets_the_root_of_two_pi: AREA,
    forgets_half_of_the_log_variance: (
        "Take one component and differentiate in logvar at x = mu; what slope per dimension do you expect?"
    ),
    forgets_half_of_the_square: (
        "Take one component and logvar = 0: how far does your value fall from x = mu to x = mu + 1?"
    ),
    multiplies_by_the_variance: SPREAD,
    averages_over_dimensions: (
        "Take one component: doubling the dimension with independent copies should double the log-density. Does it?"
    ),
    sums_log_joints: ADDED_LOGARITHMS,
    forgets_the_largest_term: (
        "Take one component: what is left of its log-density after you have subtracted the largest term?"
    ),
    subtracts_the_largest_term_of_all_points: (
        "One point close to a component and one 50 sigma away: whose largest term do you subtract from both?"
    ),
    adds_a_floor_to_the_density: FLOOR,
    Twin(adds_a_floor_to_the_density, "adds_a_floor_to_the_density_of_1e_10", "1e-12", "1e-10"): FLOOR,
    Twin(adds_a_floor_to_the_density, "adds_a_floor_to_the_density_of_1e_8", "1e-12", "1e-8"): FLOOR,
    adds_a_small_constant_to_the_variance: SMALL,
    Twin(
        adds_a_small_constant_to_the_variance, "adds_a_small_constant_to_the_variance_of_1e_6", "1e-08", "1e-06"
    ): SMALL,
    unsqueezes_dimension_one: AXES,
    indexes_dimension_one: AXES,
}
"""What each of them deserves to hear."""
