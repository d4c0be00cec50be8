"""Wrong answers to elbo.2, one for each sentence."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

Triple = tuple[Tensor, Tensor, Tensor]


def averages_the_kl_over_latents(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Triple:
    recon = -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)
    kl = 0.5 * (mu.square() + logvar.exp() - 1 - logvar).mean(-1)
    return recon - kl, recon, kl


def averages_recon_over_pixels(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Triple:
    recon = -F.binary_cross_entropy_with_logits(logits, x, reduction="none").mean(-1)
    kl = 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum(-1)
    return recon - kl, recon, kl


def sums_recon_and_averages_kl_over_the_batch(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Triple:
    kl = 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum(-1)
    recon = -F.binary_cross_entropy_with_logits(logits, x, reduction="sum").expand(kl.shape)
    kl = kl.mean().expand(kl.shape)
    return recon - kl, recon, kl


def adds_the_kl(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Triple:
    recon = -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)
    kl = 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum(-1)
    return recon + kl, recon, kl


def applies_the_sigmoid_twice(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Triple:
    recon = -F.binary_cross_entropy_with_logits(torch.sigmoid(logits), x, reduction="none").sum(-1)
    kl = 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum(-1)
    return recon - kl, recon, kl


def adds_eps_inside_the_logs(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Triple:
    p = torch.sigmoid(logits)
    recon = (x * torch.log(p + 1e-8) + (1 - x) * torch.log(1 - p + 1e-8)).sum(-1)
    kl = 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum(-1)
    return recon - kl, recon, kl


def clamps_the_probabilities(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Triple:
    p = torch.sigmoid(logits).clamp(1e-6, 1 - 1e-6)
    recon = (x * torch.log(p) + (1 - x) * torch.log(1 - p)).sum(-1)
    kl = 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum(-1)
    return recon - kl, recon, kl


def uses_the_cross_entropy_of_probabilities(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Triple:
    recon = -F.binary_cross_entropy(torch.sigmoid(logits), x, reduction="none").sum(-1)
    kl = 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum(-1)
    return recon - kl, recon, kl


def takes_logs_of_rounded_probabilities(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Triple:
    p = torch.sigmoid(logits)
    recon = (x * torch.log(p) + (1 - x) * torch.log(1 - p)).sum(-1)
    kl = 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum(-1)
    return recon - kl, recon, kl


def takes_logits_for_probabilities(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Triple:
    recon = (x * torch.log(logits) + (1 - x) * torch.log(1 - logits)).sum(-1)
    kl = 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum(-1)
    return recon - kl, recon, kl


def takes_squared_errors(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Triple:
    recon = -0.5 * (x - torch.sigmoid(logits)).square().sum(-1)
    kl = 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum(-1)
    return recon - kl, recon, kl


def takes_whole_squared_errors(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Triple:
    recon = -F.mse_loss(torch.sigmoid(logits), x, reduction="none").sum(-1)
    kl = 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum(-1)
    return recon - kl, recon, kl


def returns_batch_means(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Triple:
    recon = -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1).mean()
    kl = 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum(-1).mean()
    return recon - kl, recon, kl


def sums_over_dimension_one(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Triple:
    recon = -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(dim=1)
    kl = 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum(dim=1)
    return recon - kl, recon, kl


def returns_the_loss(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Triple:
    recon = F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)
    kl = 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum(-1)
    return recon + kl, recon, kl


def returns_the_elbo_last(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Triple:
    recon = -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)
    kl = 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum(-1)
    return recon, kl, recon - kl


def swaps_the_outcomes(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Triple:
    recon = -F.binary_cross_entropy_with_logits(logits, 1 - x, reduction="none").sum(-1)
    kl = 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum(-1)
    return recon - kl, recon, kl


def forgets_the_zeros(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Triple:
    recon = (x * F.logsigmoid(logits)).sum(-1)
    kl = 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum(-1)
    return recon - kl, recon, kl


def rounds_the_pixels(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Triple:
    recon = -F.binary_cross_entropy_with_logits(logits, x.round(), reduction="none").sum(-1)
    kl = 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum(-1)
    return recon - kl, recon, kl


def takes_logvar_for_log_std(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Triple:
    recon = -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)
    kl = 0.5 * (mu.square() + torch.exp(2 * logvar) - 1 - 2 * logvar).sum(-1)
    return recon - kl, recon, kl


def takes_logvar_for_the_variance(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Triple:
    recon = -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)
    kl = 0.5 * (mu.square() + logvar - 1 - torch.log(logvar)).sum(-1)
    return recon - kl, recon, kl


def forgets_the_half(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Triple:
    recon = -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)
    kl = (mu.square() + logvar.exp() - 1 - logvar).sum(-1)
    return recon - kl, recon, kl


def turns_the_kl_around(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Triple:
    recon = -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)
    kl = 0.5 * ((1 + mu.square()) * torch.exp(-logvar) - 1 + logvar).sum(-1)
    return recon - kl, recon, kl


def returns_a_negative_kl(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Triple:
    recon = -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)
    kl = 0.5 * (1 + logvar - mu.square() - logvar.exp()).sum(-1)
    return recon + kl, recon, kl


def detaches_the_kl(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Triple:
    recon = -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)
    kl = 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum(-1).detach()
    return recon - kl, recon, kl


def averages_over_the_batch(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Triple:
    recon = -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)
    kl = 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum(-1)
    recon, kl = recon.mean().expand(recon.shape), kl.mean().expand(kl.shape)
    return recon - kl, recon, kl


def returns_double(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Triple:
    x, logits, mu, logvar = x.double(), logits.double(), mu.double(), logvar.double()
    recon = -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)
    kl = 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum(-1)
    return recon - kl, recon, kl


SATURATES = "A confident wrong pixel costs 200 nats; yours saturates."
SPREAD = "At mu = 0, logvar = log 4 one latent costs 0.807 nats; yours belongs to a different spread."
MEAN_SQUARED = "Which decoder variance makes 1/2 MSE a log-likelihood, and where is its constant?"


def subtracts_a_negative_kl(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Triple:
    recon = -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)
    kl = 0.5 * (1 + logvar - mu.square() - logvar.exp()).sum(-1)
    return recon - kl, recon, kl


def takes_the_square_of_the_variance(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Triple:
    recon = -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)
    kl = 0.5 * (mu.square() + logvar.exp().square() - 1 - logvar).sum(-1)
    return recon - kl, recon, kl


SENTENCES = {
    averages_the_kl_over_latents: "Adding an unused latent dimension at the prior should not change anything; "
    "yours changes the weighting.",
    averages_recon_over_pixels: "Show the decoder every pixel twice: the image is twice as surprising. Is it, for you?",
    sums_recon_and_averages_kl_over_the_batch: "Loss of a batch of copies must equal the loss of one.",
    adds_the_kl: "Move q away from the prior: should the bound rise?",
    applies_the_sigmoid_twice: "With a logit of 100 the decoder is certain of a 1, and the pixel is 1. What "
    "does it cost, for you?",
    adds_eps_inside_the_logs: SATURATES,
    clamps_the_probabilities: SATURATES,
    uses_the_cross_entropy_of_probabilities: SATURATES,
    takes_logs_of_rounded_probabilities: "A logit of 200 gives inf or nan, though the answer is finite. What is "
    "log(1 - p) when p rounds to 1?",
    takes_logits_for_probabilities: "A logit of -2 is an ordinary input; which probability of a 1 does it stand for?",
    takes_squared_errors: MEAN_SQUARED,
    takes_whole_squared_errors: MEAN_SQUARED,
    returns_batch_means: "How many bounds do you expect for a batch of three examples?",
    sums_over_dimension_one: "An input of shape (2, 3, 5) should give shape (2, 3); which dimension do you sum over?",
    returns_the_loss: "Can the log-probability of an image of zeros and ones be positive?",
    returns_the_elbo_last: "Which of your three results should never be the largest? In which order are they "
    "asked for?",
    swaps_the_outcomes: "The pixel is 1 and its logit is 3: is that a good guess? Which of the two terms do you "
    "give it?",
    forgets_the_zeros: "A decoder that calls every pixel a 1 gets a perfect score from you. What do the zeros say?",
    rounds_the_pixels: "Give it a pixel of 0.4 and a pixel of 0.1: should both count as plain zeros?",
    takes_logvar_for_log_std: SPREAD,
    takes_logvar_for_the_variance: SPREAD,
    forgets_the_half: "Move the mean of one latent from 0 to 1 at logvar = 0: by how many nats should kl rise?",
    turns_the_kl_around: "Check logvar = -4: should a very narrow q be infinitely bad, or about 1.5 nats per "
    "dimension?",
    returns_a_negative_kl: "Is a KL ever negative? Try mu = 1, logvar = 0, and then ask what you subtract.",
    subtracts_a_negative_kl: "Is a KL ever negative? Try mu = 1, logvar = 0, and then ask what you subtract.",
    takes_the_square_of_the_variance: SPREAD,
    detaches_the_kl: "Your values are right, but train with them and q never comes near the prior. Which "
    "gradient is missing?",
    averages_over_the_batch: "Put one example in a batch alone, then among others: why does its bound change?",
    returns_double: "Which dtype went in, and which came out? A model in float32 cannot add the two.",
}
