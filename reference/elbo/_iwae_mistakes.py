"""Wrong answers to elbo.3, one for each sentence; some replace `iwae_bound`, some `vae_iwae`."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def averages_log_weights(log_w: Tensor, dim: int = 0) -> Tensor:
    return log_w.mean(dim)


def sums_the_weights(log_w: Tensor, dim: int = 0) -> Tensor:
    return torch.logsumexp(log_w, dim)


def mixes_examples_in_a_view(log_w: Tensor, dim: int = 0) -> Tensor:
    count = log_w.shape[dim]
    rest = [size for i, size in enumerate(log_w.shape) if i != dim % log_w.dim()]
    return torch.logsumexp(log_w.reshape(-1, count), 1).reshape(rest) - math.log(count)


def mixes_examples_and_keeps_one_dimension(log_w: Tensor, dim: int = 0) -> Tensor:
    return torch.logsumexp(log_w.reshape(-1, log_w.shape[dim]), 1) - math.log(log_w.shape[dim])


def weighs_the_log_weights(log_w: Tensor, dim: int = 0) -> Tensor:
    return (torch.softmax(log_w, dim).detach() * log_w).sum(dim)


def turns_the_weights_over(log_w: Tensor, dim: int = 0) -> Tensor:
    return math.log(log_w.shape[dim]) - torch.logsumexp(-log_w, dim)


def returns_the_loss(log_w: Tensor, dim: int = 0) -> Tensor:
    return math.log(log_w.shape[dim]) - torch.logsumexp(log_w, dim)


def exponentiates_first(log_w: Tensor, dim: int = 0) -> Tensor:
    return torch.log(torch.exp(log_w).mean(dim))


def subtracts_the_largest_of_all(log_w: Tensor, dim: int = 0) -> Tensor:
    if log_w.numel() == 0:
        return log_w.sum(dim)
    largest = log_w.max()
    return torch.log(torch.exp(log_w - largest).mean(dim)) + largest


def takes_the_best_sample(log_w: Tensor, dim: int = 0) -> Tensor:
    return log_w.amax(dim)


def ignores_dim(log_w: Tensor, dim: int = 0) -> Tensor:
    return torch.logsumexp(log_w, 0) - math.log(log_w.shape[0])


def counts_the_first_dimension(log_w: Tensor, dim: int = 0) -> Tensor:
    return torch.logsumexp(log_w, dim) - math.log(len(log_w))


def averages_over_everything(log_w: Tensor, dim: int = 0) -> Tensor:
    return torch.logsumexp(log_w.flatten(), 0) - math.log(log_w.numel())


def divides_by_one_less(log_w: Tensor, dim: int = 0) -> Tensor:
    return torch.logsumexp(log_w, dim) - torch.log(torch.tensor(log_w.shape[dim] - 1.0, dtype=log_w.dtype))


def divides_the_log_by_the_count(log_w: Tensor, dim: int = 0) -> Tensor:
    return torch.logsumexp(log_w, dim) / log_w.shape[dim]


def detaches_the_weights(log_w: Tensor, dim: int = 0) -> Tensor:
    return torch.logsumexp(log_w.detach(), dim) - math.log(log_w.shape[dim])


def returns_double(log_w: Tensor, dim: int = 0) -> Tensor:
    return torch.logsumexp(log_w.double(), dim) - math.log(log_w.shape[dim])


IDENTICAL = "K identical samples raised your bound."
NO_BETTER = "Draw more samples: does your bound come closer to log p(x), or does it only become less noisy?"
MIXED = "Changing example 2 changed the bound of example 1."
LOSS = "A better sample, with a larger weight: should your bound rise or fall?"

OF_THE_BOUND = {
    averages_log_weights: NO_BETTER,
    sums_the_weights: IDENTICAL,
    mixes_examples_in_a_view: MIXED,
    mixes_examples_and_keeps_one_dimension: MIXED,
    weighs_the_log_weights: "Your gradient is right, and your value is not. Try log-weights 0 and log 3, whose mean "
    "weight is 2.",
    turns_the_weights_over: "Your best sample gets the smallest weight.",
    returns_the_loss: LOSS,
    exponentiates_first: "A log-weight of -3000 is an ordinary number for an image. What is its exponential?",
    subtracts_the_largest_of_all: "Put log-weights near 0 in one example and near -3000 in another: why does one spoil "
    "the other?",
    takes_the_best_sample: "Two samples, one with three times the weight of the other: does the smaller one count?",
    ignores_dim: "Samples along dim = 1: which dimension should be gone from the result?",
    counts_the_first_dimension: "Samples along dim = 1: how many samples are there, and what do you divide by?",
    averages_over_everything: "How many bounds do you expect for a batch of three examples?",
    divides_by_one_less: "With one sample the bound is its log-weight. What is yours?",
    divides_the_log_by_the_count: "Ten samples of weight 5: what is their mean, and its logarithm?",
    detaches_the_weights: "Your values are right, but nothing can be trained with them: which gradient is missing?",
    returns_double: "Which dtype went in, and which came out? A model in float32 cannot add the two.",
}


def puts_the_analytic_kl_inside(x: Tensor, logits: Tensor, z: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    recon = -F.binary_cross_entropy_with_logits(logits, x.expand_as(logits), reduction="none").sum(-1)
    kl = 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum(-1)
    return torch.logsumexp(recon - kl, 0) - math.log(len(z))


def averages_the_elbo_samples(x: Tensor, logits: Tensor, z: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    recon = -F.binary_cross_entropy_with_logits(logits, x.expand_as(logits), reduction="none").sum(-1)
    log_ratio = -0.5 * (z.square() - logvar - (z - mu).square() * torch.exp(-logvar)).sum(-1)
    return (recon + log_ratio).mean(0)


def averages_the_likelihoods_minus_kl(x: Tensor, logits: Tensor, z: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    recon = -F.binary_cross_entropy_with_logits(logits, x.expand_as(logits), reduction="none").sum(-1)
    kl = 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum(-1)
    return recon.mean(0) - kl


def sums_the_samples(x: Tensor, logits: Tensor, z: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    recon = -F.binary_cross_entropy_with_logits(logits, x.expand_as(logits), reduction="none").sum(-1)
    log_ratio = -0.5 * (z.square() - logvar - (z - mu).square() * torch.exp(-logvar)).sum(-1)
    return torch.logsumexp(recon + log_ratio, 0)


def averages_the_factors_apart(x: Tensor, logits: Tensor, z: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    recon = -F.binary_cross_entropy_with_logits(logits, x.expand_as(logits), reduction="none").sum(-1)
    log_ratio = -0.5 * (z.square() - logvar - (z - mu).square() * torch.exp(-logvar)).sum(-1)
    return torch.logsumexp(recon, 0) + torch.logsumexp(log_ratio, 0) - 2 * math.log(len(z))


def mixes_samples_and_examples(x: Tensor, logits: Tensor, z: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    recon = -F.binary_cross_entropy_with_logits(logits, x.expand_as(logits), reduction="none").sum(-1)
    log_w = recon - 0.5 * (z.square() - logvar - (z - mu).square() * torch.exp(-logvar)).sum(-1)
    log_w = log_w.reshape(-1, len(z))
    return (torch.logsumexp(log_w, 1) - math.log(len(z))).reshape(mu.shape[:-1])


def forgets_who_drew_the_samples(x: Tensor, logits: Tensor, z: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    recon = -F.binary_cross_entropy_with_logits(logits, x.expand_as(logits), reduction="none").sum(-1)
    log_prior = -0.5 * (math.log(2 * math.pi) + z.square()).sum(-1)
    return torch.logsumexp(recon + log_prior, 0) - math.log(len(z))


def forgets_the_prior(x: Tensor, logits: Tensor, z: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    recon = -F.binary_cross_entropy_with_logits(logits, x.expand_as(logits), reduction="none").sum(-1)
    log_q = -0.5 * (math.log(2 * math.pi) + logvar + (z - mu).square() * torch.exp(-logvar)).sum(-1)
    return torch.logsumexp(recon - log_q, 0) - math.log(len(z))


def weighs_by_the_likelihood_alone(x: Tensor, logits: Tensor, z: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    recon = -F.binary_cross_entropy_with_logits(logits, x.expand_as(logits), reduction="none").sum(-1)
    return torch.logsumexp(recon, 0) - math.log(len(z))


def turns_prior_and_q_around(x: Tensor, logits: Tensor, z: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    recon = -F.binary_cross_entropy_with_logits(logits, x.expand_as(logits), reduction="none").sum(-1)
    log_ratio = -0.5 * (z.square() - logvar - (z - mu).square() * torch.exp(-logvar)).sum(-1)
    return torch.logsumexp(recon - log_ratio, 0) - math.log(len(z))


def takes_logvar_for_log_std(x: Tensor, logits: Tensor, z: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    recon = -F.binary_cross_entropy_with_logits(logits, x.expand_as(logits), reduction="none").sum(-1)
    log_ratio = -0.5 * (z.square() - 2 * logvar - (z - mu).square() * torch.exp(-2 * logvar)).sum(-1)
    return torch.logsumexp(recon + log_ratio, 0) - math.log(len(z))


def divides_by_the_standard_deviation(x: Tensor, logits: Tensor, z: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    recon = -F.binary_cross_entropy_with_logits(logits, x.expand_as(logits), reduction="none").sum(-1)
    log_ratio = -0.5 * (z.square() - logvar - (z - mu).square() * torch.exp(-0.5 * logvar)).sum(-1)
    return torch.logsumexp(recon + log_ratio, 0) - math.log(len(z))


def forgets_the_width_in_the_normaliser(x: Tensor, logits: Tensor, z: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    recon = -F.binary_cross_entropy_with_logits(logits, x.expand_as(logits), reduction="none").sum(-1)
    log_ratio = -0.5 * (z.square() - (z - mu).square() * torch.exp(-logvar)).sum(-1)
    return torch.logsumexp(recon + log_ratio, 0) - math.log(len(z))


def normalises_only_q(x: Tensor, logits: Tensor, z: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    recon = -F.binary_cross_entropy_with_logits(logits, x.expand_as(logits), reduction="none").sum(-1)
    log_q = -0.5 * (math.log(2 * math.pi) + logvar + (z - mu).square() * torch.exp(-logvar)).sum(-1)
    return torch.logsumexp(recon - 0.5 * z.square().sum(-1) - log_q, 0) - math.log(len(z))


def averages_over_pixels(x: Tensor, logits: Tensor, z: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    recon = -F.binary_cross_entropy_with_logits(logits, x.expand_as(logits), reduction="none").mean(-1)
    log_ratio = -0.5 * (z.square() - logvar - (z - mu).square() * torch.exp(-logvar)).sum(-1)
    return torch.logsumexp(recon + log_ratio, 0) - math.log(len(z))


def averages_over_latents(x: Tensor, logits: Tensor, z: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    recon = -F.binary_cross_entropy_with_logits(logits, x.expand_as(logits), reduction="none").sum(-1)
    log_ratio = -0.5 * (z.square() - logvar - (z - mu).square() * torch.exp(-logvar)).mean(-1)
    return torch.logsumexp(recon + log_ratio, 0) - math.log(len(z))


def takes_z_for_noise(x: Tensor, logits: Tensor, z: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    recon = -F.binary_cross_entropy_with_logits(logits, x.expand_as(logits), reduction="none").sum(-1)
    sample = mu + torch.exp(0.5 * logvar) * z
    log_ratio = -0.5 * (sample.square() - logvar - z.square()).sum(-1)
    return torch.logsumexp(recon + log_ratio, 0) - math.log(len(z))


def returns_a_batch_mean(x: Tensor, logits: Tensor, z: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    recon = -F.binary_cross_entropy_with_logits(logits, x.expand_as(logits), reduction="none").sum(-1)
    log_ratio = -0.5 * (z.square() - logvar - (z - mu).square() * torch.exp(-logvar)).sum(-1)
    return (torch.logsumexp(recon + log_ratio, 0) - math.log(len(z))).mean()


def returns_the_negative_bound(x: Tensor, logits: Tensor, z: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    recon = -F.binary_cross_entropy_with_logits(logits, x.expand_as(logits), reduction="none").sum(-1)
    log_ratio = -0.5 * (z.square() - logvar - (z - mu).square() * torch.exp(-logvar)).sum(-1)
    return math.log(len(z)) - torch.logsumexp(recon + log_ratio, 0)


def adds_the_surprise_of_the_pixels(x: Tensor, logits: Tensor, z: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    recon = F.binary_cross_entropy_with_logits(logits, x.expand_as(logits), reduction="none").sum(-1)
    log_ratio = -0.5 * (z.square() - logvar - (z - mu).square() * torch.exp(-logvar)).sum(-1)
    return torch.logsumexp(recon + log_ratio, 0) - math.log(len(z))


def detaches_q(x: Tensor, logits: Tensor, z: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    recon = -F.binary_cross_entropy_with_logits(logits, x.expand_as(logits), reduction="none").sum(-1)
    mu, logvar = mu.detach(), logvar.detach()
    log_ratio = -0.5 * (z.square() - logvar - (z - mu).square() * torch.exp(-logvar)).sum(-1)
    return torch.logsumexp(recon + log_ratio, 0) - math.log(len(z))


def detaches_the_samples(x: Tensor, logits: Tensor, z: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    recon = -F.binary_cross_entropy_with_logits(logits, x.expand_as(logits), reduction="none").sum(-1)
    z = z.detach()
    log_ratio = -0.5 * (z.square() - logvar - (z - mu).square() * torch.exp(-logvar)).sum(-1)
    return torch.logsumexp(recon + log_ratio, 0) - math.log(len(z))


def uses_the_q_of_the_first_example(x: Tensor, logits: Tensor, z: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    recon = -F.binary_cross_entropy_with_logits(logits, x.expand_as(logits), reduction="none").sum(-1)
    if mu.numel() and mu.dim() > 1:
        mu, logvar = mu[:1], logvar[:1]
    log_ratio = -0.5 * (z.square() - logvar - (z - mu).square() * torch.exp(-logvar)).sum(-1)
    return torch.logsumexp(recon + log_ratio, 0) - math.log(len(z))


SPREAD = "At z = mu and logvar = log 4 each latent has log q = -1.612. Is it, for you?"

OF_THE_WEIGHTS = {
    puts_the_analytic_kl_inside: "With q = prior shifted, more samples do not tighten your bound; which part of the "
    "weight is missing its randomness?",
    averages_the_elbo_samples: NO_BETTER,
    averages_the_likelihoods_minus_kl: NO_BETTER,
    sums_the_samples: IDENTICAL,
    averages_the_factors_apart: "Exchange the z of two samples, but not their logits: your bound stays. Do likelihood "
    "and prior of a sample belong together?",
    mixes_samples_and_examples: MIXED,
    forgets_who_drew_the_samples: "Your bound does not know mu and logvar. Whose samples are these?",
    forgets_the_prior: "Let q wander far from the prior, samples and all: what tells your bound that such z are rare?",
    weighs_by_the_likelihood_alone: "Let q be narrow, around the one z that explains x best: your bound cannot fail to "
    "be high. How probable is that z before x is seen?",
    turns_prior_and_q_around: "A sample that q hardly ever draws and the prior often does: should it count for more, "
    "or for less?",
    takes_logvar_for_log_std: SPREAD,
    divides_by_the_standard_deviation: "Let z be two standard deviations from mu. By how much is log q below its value "
    "at mu, whatever logvar is?",
    forgets_the_width_in_the_normaliser: "Halve the width of q: how much higher is its density at the mean?",
    normalises_only_q: "Let q be the prior: what is left of the weight besides p(x | z)?",
    averages_over_pixels: "Show the decoder every pixel twice: the image is twice as surprising. Is it, for you?",
    averages_over_latents: "With one latent you are right. What do two independent latents do to a density?",
    takes_z_for_noise: "Are the z that you are given samples of q already, or noise to make samples of?",
    returns_a_batch_mean: "How many bounds do you expect for a batch of three examples?",
    returns_the_negative_bound: LOSS,
    adds_the_surprise_of_the_pixels: "Make the decoder more certain of the right pixels: should your bound rise, or "
    "fall?",
    detaches_q: "Your values are right, but mu and logvar get no gradient from log q. Does your bound not depend on "
    "them?",
    detaches_the_samples: "Your values are right, but no gradient arrives at z. How would an encoder learn from "
    "samples?",
    uses_the_q_of_the_first_example: "With one example you are right; with three, whose mu and logvar do they get?",
}
