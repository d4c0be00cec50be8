"""Wrong answers to fr.3, and their sentences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn


def calls_fakes_real(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    return nn.functional.softplus(-real_logits).mean() + nn.functional.softplus(-fake_logits).mean()


def calls_reals_fake(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    return nn.functional.softplus(real_logits).mean() + nn.functional.softplus(fake_logits).mean()


def swaps_the_labels(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    return nn.functional.softplus(real_logits).mean() + nn.functional.softplus(-fake_logits).mean()


def returns_what_is_to_be_maximised(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    return -nn.functional.softplus(-real_logits).mean() - nn.functional.softplus(fake_logits).mean()


def takes_half_of_the_sum(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    return (nn.functional.softplus(-real_logits).mean() + nn.functional.softplus(fake_logits).mean()) / 2


def averages_over_both_batches(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    return torch.cat(
        (nn.functional.softplus(-real_logits).flatten(), nn.functional.softplus(fake_logits).flatten())
    ).mean()


def averages_over_both_batches_twice(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    losses = torch.cat((nn.functional.softplus(-real_logits).flatten(), nn.functional.softplus(fake_logits).flatten()))
    return 2 * losses.mean()


def adds_before_it_averages(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    return (nn.functional.softplus(-real_logits) + nn.functional.softplus(fake_logits)).mean()


def sums_over_the_batches(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    return nn.functional.softplus(-real_logits).sum() + nn.functional.softplus(fake_logits).sum()


def averages_over_the_last_dimension(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    return (
        nn.functional.softplus(-real_logits).mean(dim=-1).sum() + nn.functional.softplus(fake_logits).mean(dim=-1).sum()
    )


def forgets_the_fakes(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    return nn.functional.softplus(-real_logits).mean() + 0 * fake_logits.sum()


def takes_logits_for_probabilities(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    return -torch.log(real_logits).mean() - torch.log(1 - fake_logits).mean()


def squashes_twice(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    return (
        nn.functional.softplus(-torch.sigmoid(real_logits)).mean()
        + nn.functional.softplus(torch.sigmoid(fake_logits)).mean()
    )


def takes_the_log_of_a_sigmoid(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    return -torch.log(torch.sigmoid(real_logits)).mean() - torch.log(1 - torch.sigmoid(fake_logits)).mean()


def clamps_the_log_of_a_sigmoid(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    real, fake = torch.sigmoid(real_logits), torch.sigmoid(fake_logits)
    entropy = nn.functional.binary_cross_entropy
    return entropy(real, torch.ones_like(real)) + entropy(fake, torch.zeros_like(fake))


def adds_a_little_inside_the_log(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    real, fake = torch.sigmoid(real_logits), torch.sigmoid(fake_logits)
    return -torch.log(real + 1e-8).mean() - torch.log(1 - fake + 1e-8).mean()


def exponentiates_the_logits(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    return torch.log(1 + torch.exp(-real_logits)).mean() + torch.log(1 + torch.exp(fake_logits)).mean()


def squares_the_errors(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    return (torch.sigmoid(real_logits) - 1).square().mean() + torch.sigmoid(fake_logits).square().mean()


def takes_the_hinge(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    return nn.functional.relu(1 - real_logits).mean() + nn.functional.relu(1 + fake_logits).mean()


def subtracts_the_means(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    return fake_logits.mean() - real_logits.mean()


def takes_logarithms_of_base_two(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    return (
        nn.functional.softplus(-real_logits).mean() + nn.functional.softplus(fake_logits).mean()
    ) / 0.6931471805599453


def detaches_the_fakes(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    return nn.functional.softplus(-real_logits).mean() + nn.functional.softplus(fake_logits.detach()).mean()


def gives_one_loss_an_example(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    return torch.cat((nn.functional.softplus(-real_logits).flatten(), nn.functional.softplus(fake_logits).flatten()))


def computes_in_double(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    return nn.functional.softplus(-real_logits.double()).mean() + nn.functional.softplus(fake_logits.double()).mean()


def labels_fakes_as_fake(fake_logits: Tensor, kind: str) -> Tensor:
    loss = nn.functional.softplus(fake_logits).mean()
    return loss if kind == "nonsaturating" else -loss


def turns_both_signs(fake_logits: Tensor, kind: str) -> Tensor:
    if kind == "nonsaturating":
        return -nn.functional.softplus(-fake_logits).mean()
    return nn.functional.softplus(fake_logits).mean()


def turns_the_saturating_sign(fake_logits: Tensor, kind: str) -> Tensor:
    if kind == "nonsaturating":
        return nn.functional.softplus(-fake_logits).mean()
    return nn.functional.softplus(fake_logits).mean()


def always_saturates(fake_logits: Tensor, kind: str) -> Tensor:
    return -nn.functional.softplus(fake_logits).mean()


def never_saturates(fake_logits: Tensor, kind: str) -> Tensor:
    return nn.functional.softplus(-fake_logits).mean()


def swaps_the_kinds(fake_logits: Tensor, kind: str) -> Tensor:
    if kind == "saturating":
        return nn.functional.softplus(-fake_logits).mean()
    return -nn.functional.softplus(fake_logits).mean()


def sums_over_the_fakes(fake_logits: Tensor, kind: str) -> Tensor:
    if kind == "nonsaturating":
        return nn.functional.softplus(-fake_logits).sum()
    return -nn.functional.softplus(fake_logits).sum()


def averages_fakes_over_the_last_dimension(fake_logits: Tensor, kind: str) -> Tensor:
    if kind == "nonsaturating":
        return nn.functional.softplus(-fake_logits).mean(dim=-1).sum()
    return -nn.functional.softplus(fake_logits).mean(dim=-1).sum()


def takes_fake_logits_for_probabilities(fake_logits: Tensor, kind: str) -> Tensor:
    if kind == "nonsaturating":
        return -torch.log(fake_logits).mean()
    return torch.log(1 - fake_logits).mean()


def takes_logs_of_sigmoids(fake_logits: Tensor, kind: str) -> Tensor:
    d = torch.sigmoid(fake_logits)
    return -torch.log(d).mean() if kind == "nonsaturating" else torch.log(1 - d).mean()


def adds_a_little_inside_both_logs(fake_logits: Tensor, kind: str) -> Tensor:
    d = torch.sigmoid(fake_logits)
    return -torch.log(d + 1e-7).mean() if kind == "nonsaturating" else torch.log(1 - d + 1e-7).mean()


def exponentiates_the_fake_logits(fake_logits: Tensor, kind: str) -> Tensor:
    if kind == "nonsaturating":
        return torch.log(1 + torch.exp(-fake_logits)).mean()
    return -torch.log(1 + torch.exp(fake_logits)).mean()


def detaches_the_logits(fake_logits: Tensor, kind: str) -> Tensor:
    fake_logits = fake_logits.detach()
    if kind == "nonsaturating":
        return nn.functional.softplus(-fake_logits).mean()
    return -nn.functional.softplus(fake_logits).mean()


def takes_the_mean_logit(fake_logits: Tensor, kind: str) -> Tensor:
    return -fake_logits.mean()


def takes_the_loss_of_the_mean(fake_logits: Tensor, kind: str) -> Tensor:
    mean = fake_logits.mean()
    return nn.functional.softplus(-mean) if kind == "nonsaturating" else -nn.functional.softplus(mean)


_LABELS = "Raise the logit of a real image, then of a fake one. Should the discriminator's loss fall, and does yours?"
_RAISE = "Raise every fake logit: does *your* generator loss fall?"
_KINDS = "At a fake logit of -20, print the gradients of both kinds. Which one should be nearly zero?"
_MEANS = "Ten reals and two fakes: how much does each batch weigh in your loss, and how much in E[...] + E[...]?"
_COUNT = "Give yourself each logit twice, or as a column (N, 1). Why does your loss change?"
_INFINITE = "With a logit of 120 the answer is a plain number, yours is not. Which step vanished or exploded?"
_EPSILON = (
    "You add a small number inside a logarithm. What does that leave of your loss, and its slope, at a logit of -120?"
)
_PROBABILITIES = "Logits are any real number. Which of your logarithms takes something that need not be positive?"
_OTHER = "That is the loss of another GAN. At logits of 0 this one is 2 log 2; what is yours at 1 and at -1?"
_DETACHED = "Detaching the images is the caller's job. What is the gradient of your loss in the fake logits?"

DISCRIMINATOR: dict[Callable[..., Any], str] = {
    calls_fakes_real: _LABELS,
    calls_reals_fake: _LABELS,
    swaps_the_labels: _LABELS,
    returns_what_is_to_be_maximised: _LABELS,
    takes_half_of_the_sum: "At logits of 0 your loss is half of what it should be. Which average did you take twice?",
    averages_over_both_batches: _MEANS,
    averages_over_both_batches_twice: _MEANS,
    adds_before_it_averages: "Seven reals and three fakes have two averages. What do you add up before you average?",
    sums_over_the_batches: _COUNT,
    averages_over_the_last_dimension: _COUNT,
    forgets_the_fakes: "A discriminator that calls everything real has which loss in your code?",
    takes_logits_for_probabilities: _PROBABILITIES,
    squashes_twice: "How confident can your discriminator get? Send a real logit of 50 and look at the loss.",
    takes_the_log_of_a_sigmoid: _INFINITE,
    clamps_the_log_of_a_sigmoid: "Send a fake logit of 90, and then of 120. By how much should your loss grow?",
    adds_a_little_inside_the_log: _EPSILON,
    exponentiates_the_logits: _INFINITE,
    squares_the_errors: _OTHER,
    takes_the_hinge: _OTHER,
    subtracts_the_means: _OTHER,
    takes_logarithms_of_base_two: "At logits of 0 your loss is 2. In which unit is that?",
    detaches_the_fakes: _DETACHED,
    gives_one_loss_an_example: "A function whose name ends in _loss returns one number. What is still missing?",
    computes_in_double: "Which dtype went in, and which came out? A model in float32 cannot use the two together.",
}

GENERATOR: dict[Callable[..., Any], str] = {
    labels_fakes_as_fake: _RAISE,
    turns_both_signs: _RAISE,
    turns_the_saturating_sign: _RAISE,
    always_saturates: _KINDS,
    never_saturates: _KINDS,
    swaps_the_kinds: _KINDS,
    sums_over_the_fakes: _COUNT,
    averages_fakes_over_the_last_dimension: _COUNT,
    takes_fake_logits_for_probabilities: _PROBABILITIES,
    takes_logs_of_sigmoids: _INFINITE,
    adds_a_little_inside_both_logs: _EPSILON,
    exponentiates_the_fake_logits: _INFINITE,
    detaches_the_logits: "The generator learns through the fake logits. What is the gradient of your loss in them?",
    takes_the_mean_logit: "What should a fake that fools the discriminator completely still add to the loss?",
    takes_the_loss_of_the_mean: "One fake at 10 and one at -10: is that as good as two at 0? Where do you average?",
}
