"""Wrong answers to lvm.4, with the function that each replaces and what it deserves to hear."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from reference.latent.log_mean_exp import log_mean_exp

Draws = tuple[Tensor, Tensor]
"""Points and components."""


def averages_the_logarithms(log_px_given_z: Tensor) -> Tensor:
    return log_px_given_z.mean(0)


def sums_without_averaging(log_px_given_z: Tensor) -> Tensor:
    return log_mean_exp(log_px_given_z, 0) + math.log(len(log_px_given_z))


def takes_the_best_sample(log_px_given_z: Tensor) -> Tensor:
    return log_px_given_z.amax(0)


def averages_the_last_dimension(log_px_given_z: Tensor) -> Tensor:
    return log_mean_exp(log_px_given_z, -1)


def averages_over_everything(log_px_given_z: Tensor) -> Tensor:
    value = log_mean_exp(log_px_given_z.flatten(), 0) if log_px_given_z.numel() else log_px_given_z.sum()
    return value.expand(log_px_given_z.shape[1:])


def exponentiates_first(log_px_given_z: Tensor) -> Tensor:
    return log_px_given_z.exp().mean(0).log()


def weighs_samples_by_their_likelihood(log_px_given_z: Tensor) -> Tensor:
    return (log_px_given_z.softmax(0) * log_px_given_z).sum(0)


def returns_the_likelihood(log_px_given_z: Tensor) -> Tensor:
    return log_px_given_z.exp().mean(0)


def cuts_the_gradient(log_px_given_z: Tensor) -> Tensor:
    with torch.no_grad():
        return log_mean_exp(log_px_given_z, 0)


def seeds_the_global_generator(
    logits: Tensor, mu: Tensor, logvar: Tensor, n: int, *, generator: torch.Generator | None
) -> Draws:
    torch.manual_seed(0)
    z = torch.multinomial(logits.softmax(-1), n, replacement=True)
    return mu[z] + torch.exp(0.5 * logvar[z]) * torch.randn(n, mu.shape[-1], dtype=mu.dtype, device=mu.device), z


def makes_a_generator_of_its_own(
    logits: Tensor, mu: Tensor, logvar: Tensor, n: int, *, generator: torch.Generator | None
) -> Draws:
    own = torch.Generator().manual_seed(42)
    z = torch.multinomial(logits.softmax(-1), n, replacement=True, generator=own)
    return mu[z] + torch.exp(0.5 * logvar[z]) * torch.randn((n, mu.shape[-1]), generator=own, dtype=mu.dtype), z


def forgets_the_generator_of_the_noise(
    logits: Tensor, mu: Tensor, logvar: Tensor, n: int, *, generator: torch.Generator | None
) -> Draws:
    z = torch.multinomial(logits.softmax(-1), n, replacement=True, generator=generator)
    return mu[z] + torch.exp(0.5 * logvar[z]) * torch.randn_like(mu[z]), z


def draws_one_component_for_all(
    logits: Tensor, mu: Tensor, logvar: Tensor, n: int, *, generator: torch.Generator | None
) -> Draws:
    z = torch.multinomial(logits.softmax(-1), 1, generator=generator).expand(n)
    eps = torch.randn((n, mu.shape[-1]), generator=generator, dtype=mu.dtype, device=mu.device)
    return mu[z] + torch.exp(0.5 * logvar[z]) * eps, z


def draws_one_noise_vector_for_all(
    logits: Tensor, mu: Tensor, logvar: Tensor, n: int, *, generator: torch.Generator | None
) -> Draws:
    z = torch.multinomial(logits.softmax(-1), n, replacement=True, generator=generator)
    eps = torch.randn((1, mu.shape[-1]), generator=generator, dtype=mu.dtype, device=mu.device)
    return mu[z] + torch.exp(0.5 * logvar[z]) * eps, z


def draws_one_noise_vector_per_component(
    logits: Tensor, mu: Tensor, logvar: Tensor, n: int, *, generator: torch.Generator | None
) -> Draws:
    z = torch.multinomial(logits.softmax(-1), n, replacement=True, generator=generator)
    eps = torch.randn(mu.shape, generator=generator, dtype=mu.dtype, device=mu.device)
    return (mu + torch.exp(0.5 * logvar) * eps)[z], z


def draws_one_number_per_row(
    logits: Tensor, mu: Tensor, logvar: Tensor, n: int, *, generator: torch.Generator | None
) -> Draws:
    z = torch.multinomial(logits.softmax(-1), n, replacement=True, generator=generator)
    eps = torch.randn((n, 1), generator=generator, dtype=mu.dtype, device=mu.device)
    return mu[z] + torch.exp(0.5 * logvar[z]) * eps, z


def scales_noise_by_the_variance(
    logits: Tensor, mu: Tensor, logvar: Tensor, n: int, *, generator: torch.Generator | None
) -> Draws:
    z = torch.multinomial(logits.softmax(-1), n, replacement=True, generator=generator)
    eps = torch.randn((n, mu.shape[-1]), generator=generator, dtype=mu.dtype, device=mu.device)
    return mu[z] + torch.exp(logvar[z]) * eps, z


def scales_noise_by_the_log_variance(
    logits: Tensor, mu: Tensor, logvar: Tensor, n: int, *, generator: torch.Generator | None
) -> Draws:
    z = torch.multinomial(logits.softmax(-1), n, replacement=True, generator=generator)
    eps = torch.randn((n, mu.shape[-1]), generator=generator, dtype=mu.dtype, device=mu.device)
    return mu[z] + logvar[z] * eps, z


def forgets_the_noise(
    logits: Tensor, mu: Tensor, logvar: Tensor, n: int, *, generator: torch.Generator | None
) -> Draws:
    z = torch.multinomial(logits.softmax(-1), n, replacement=True, generator=generator)
    return mu[z], z


def draws_uniform_noise(
    logits: Tensor, mu: Tensor, logvar: Tensor, n: int, *, generator: torch.Generator | None
) -> Draws:
    z = torch.multinomial(logits.softmax(-1), n, replacement=True, generator=generator)
    eps = torch.rand((n, mu.shape[-1]), generator=generator, dtype=mu.dtype, device=mu.device)
    return mu[z] + torch.exp(0.5 * logvar[z]) * eps, z


def ignores_the_weights(
    logits: Tensor, mu: Tensor, logvar: Tensor, n: int, *, generator: torch.Generator | None
) -> Draws:
    z = torch.randint(len(logits), (n,), generator=generator, device=logits.device)
    eps = torch.randn((n, mu.shape[-1]), generator=generator, dtype=mu.dtype, device=mu.device)
    return mu[z] + torch.exp(0.5 * logvar[z]) * eps, z


def takes_logits_for_weights(
    logits: Tensor, mu: Tensor, logvar: Tensor, n: int, *, generator: torch.Generator | None
) -> Draws:
    z = torch.multinomial(logits, n, replacement=True, generator=generator)
    eps = torch.randn((n, mu.shape[-1]), generator=generator, dtype=mu.dtype, device=mu.device)
    return mu[z] + torch.exp(0.5 * logvar[z]) * eps, z


def takes_the_likeliest_component(
    logits: Tensor, mu: Tensor, logvar: Tensor, n: int, *, generator: torch.Generator | None
) -> Draws:
    z = logits.argmax(-1).expand(n)
    eps = torch.randn((n, mu.shape[-1]), generator=generator, dtype=mu.dtype, device=mu.device)
    return mu[z] + torch.exp(0.5 * logvar[z]) * eps, z


def allots_components_in_proportion(
    logits: Tensor, mu: Tensor, logvar: Tensor, n: int, *, generator: torch.Generator | None
) -> Draws:
    edges = logits.softmax(-1).cumsum(0)[:-1]
    z = (((torch.arange(n, device=mu.device) + 0.5) / n)[:, None] >= edges).sum(-1)
    eps = torch.randn((n, mu.shape[-1]), generator=generator, dtype=mu.dtype, device=mu.device)
    return mu[z] + torch.exp(0.5 * logvar[z]) * eps, z


def draws_the_component_twice(
    logits: Tensor, mu: Tensor, logvar: Tensor, n: int, *, generator: torch.Generator | None
) -> Draws:
    weights = logits.softmax(-1)
    z = torch.multinomial(weights, n, replacement=True, generator=generator)
    eps = torch.randn((n, mu.shape[-1]), generator=generator, dtype=mu.dtype, device=mu.device)
    x = mu[z] + torch.exp(0.5 * logvar[z]) * eps
    return x, torch.multinomial(weights, n, replacement=True, generator=generator)


def averages_the_components(
    logits: Tensor, mu: Tensor, logvar: Tensor, n: int, *, generator: torch.Generator | None
) -> Draws:
    weights = logits.softmax(-1)
    z = torch.multinomial(weights, n, replacement=True, generator=generator)
    eps = torch.randn((n, *mu.shape), generator=generator, dtype=mu.dtype, device=mu.device)
    return (weights[:, None] * (mu + torch.exp(0.5 * logvar) * eps)).sum(1), z


def loops_over_the_draws(
    logits: Tensor, mu: Tensor, logvar: Tensor, n: int, *, generator: torch.Generator | None
) -> Draws:
    rows = []
    for _ in range(n):
        k = torch.multinomial(logits.softmax(-1), 1, generator=generator)
        eps = torch.randn((1, mu.shape[-1]), generator=generator, dtype=mu.dtype, device=mu.device)
        rows.append((mu[k] + torch.exp(0.5 * logvar[k]) * eps, k))
    return torch.cat([x for x, _ in rows]), torch.cat([z for _, z in rows])


def returns_double(logits: Tensor, mu: Tensor, logvar: Tensor, n: int, *, generator: torch.Generator | None) -> Draws:
    z = torch.multinomial(logits.softmax(-1), n, replacement=True, generator=generator)
    eps = torch.randn((n, mu.shape[-1]), generator=generator, dtype=torch.float64, device=mu.device)
    return mu[z] + torch.exp(0.5 * logvar[z]) * eps, z


MARGINAL, SAMPLER = "prior_mc_log_marginal", "ancestral_sample"

PURITY = "Calling twice returns the same draw and changes everybody else's random numbers."
STATE = "Two generators in different states should give different draws; where do your random numbers come from?"
SHARED = "Subtract from each row the mean of its component and divide by its spread: should all rows be equal?"
SPREAD = "With logvar = log 4, how far from its mean is a typical draw?"
FREQUENCIES = "With logits [0, log 3], how often should the first component come?"

SENTENCES: dict[Callable[..., Tensor | Draws], tuple[str, str]] = {
    averages_the_logarithms: (MARGINAL, "Compare the samples [0, -100]: which of them should dominate?"),
    sums_without_averaging: (MARGINAL, "Five samples with one likelihood: should the estimate be larger than it?"),
    takes_the_best_sample: (MARGINAL, "Draw a hundred samples more: should an estimate of one number grow with them?"),
    averages_the_last_dimension: (MARGINAL, "Which dimension holds the samples: the first or the last?"),
    averages_over_everything: (MARGINAL, "Every example of your batch gets the same estimate; whose samples are they?"),
    exponentiates_first: (MARGINAL, "Log-likelihoods of -1e4 are finite, and so is the answer; is exp(-1e4)?"),
    weighs_samples_by_their_likelihood: (
        MARGINAL,
        "Samples of the prior come as often as the prior says; what do your weights correct for?",
    ),
    returns_the_likelihood: (MARGINAL, "In which unit is the result asked for, and how does it look at -1000 nats?"),
    cuts_the_gradient: (MARGINAL, "Can a model be trained with your estimate? Ask its gradient."),
    seeds_the_global_generator: (SAMPLER, PURITY),
    makes_a_generator_of_its_own: (SAMPLER, STATE),
    forgets_the_generator_of_the_noise: (
        SAMPLER,
        "Give the same generator state twice: which part of a draw stays, and which does not?",
    ),
    draws_one_component_for_all: (SAMPLER, "Rows share their component."),
    draws_one_noise_vector_for_all: (SAMPLER, SHARED),
    draws_one_noise_vector_per_component: (SAMPLER, "Plot your rows: how many different points are there?"),
    draws_one_number_per_row: (SAMPLER, "Plot two dimensions of one component's rows: a cloud, or a line?"),
    scales_noise_by_the_variance: (SAMPLER, SPREAD),
    scales_noise_by_the_log_variance: (SAMPLER, SPREAD),
    forgets_the_noise: (SAMPLER, "What is random about x once its component is known?"),
    draws_uniform_noise: (SAMPLER, "Which distribution has the noise of a Gaussian, and where is its mean?"),
    ignores_the_weights: (SAMPLER, FREQUENCIES),
    takes_logits_for_weights: (SAMPLER, FREQUENCIES),
    takes_the_likeliest_component: (
        SAMPLER,
        "Of a thousand rows, how many should a component of weight 0.2 get?",
    ),
    allots_components_in_proportion: (SAMPLER, "Is the component of your first row random? Call again and see."),
    draws_the_component_twice: (SAMPLER, "Is the z that you return the one that x was drawn from?"),
    averages_the_components: (SAMPLER, "Two far components: should a row ever lie halfway between them?"),
    loops_over_the_draws: (SAMPLER, "Python draws one row after another; can one call draw all components at once?"),
    returns_double: (SAMPLER, "Which dtype did the means have, and which have your draws?"),
}
"""The function that each stands in for, and what it deserves to hear."""
