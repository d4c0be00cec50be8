"""Wrong answers to enc.1, and their sentences. `how` holds eps, n_samples and generator, each where it was given."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def shares_noise_between_examples(mu: Tensor, logvar: Tensor, **how: Any) -> Tensor:
    eps = how.get("eps")
    if eps is None:
        shape = (how.get("n_samples", 1), *(1,) * (mu.dim() - 1), mu.shape[-1])
        eps = torch.randn(shape, generator=how.get("generator"), dtype=mu.dtype, device=mu.device)
    return mu + torch.exp(0.5 * logvar) * eps


def shares_noise_between_samples(mu: Tensor, logvar: Tensor, **how: Any) -> Tensor:
    eps = how.get("eps")
    if eps is None:
        eps = torch.randn(mu.shape, generator=how.get("generator"), dtype=mu.dtype, device=mu.device)
        eps = eps.expand(how.get("n_samples", 1), *mu.shape)
    return mu + torch.exp(0.5 * logvar) * eps


def shares_noise_between_latents(mu: Tensor, logvar: Tensor, **how: Any) -> Tensor:
    eps = how.get("eps")
    if eps is None:
        shape = (how.get("n_samples", 1), *mu.shape[:-1], 1)
        eps = torch.randn(shape, generator=how.get("generator"), dtype=mu.dtype, device=mu.device)
    return mu + torch.exp(0.5 * logvar) * eps


def scales_with_the_variance(mu: Tensor, logvar: Tensor, **how: Any) -> Tensor:
    eps = how.get("eps")
    if eps is None:
        shape = (how.get("n_samples", 1), *mu.shape)
        eps = torch.randn(shape, generator=how.get("generator"), dtype=mu.dtype, device=mu.device)
    return mu + torch.exp(logvar) * eps


def scales_with_logvar(mu: Tensor, logvar: Tensor, **how: Any) -> Tensor:
    eps = how.get("eps")
    if eps is None:
        shape = (how.get("n_samples", 1), *mu.shape)
        eps = torch.randn(shape, generator=how.get("generator"), dtype=mu.dtype, device=mu.device)
    return mu + logvar * eps


def scales_with_the_square_root_of_logvar(mu: Tensor, logvar: Tensor, **how: Any) -> Tensor:
    eps = how.get("eps")
    if eps is None:
        shape = (how.get("n_samples", 1), *mu.shape)
        eps = torch.randn(shape, generator=how.get("generator"), dtype=mu.dtype, device=mu.device)
    return mu + torch.exp(torch.sqrt(logvar.abs())) * eps


def draws_without_a_gradient(mu: Tensor, logvar: Tensor, **how: Any) -> Tensor:
    std, eps = torch.exp(0.5 * logvar), how.get("eps")
    if isinstance(eps, Tensor):
        return mu + std * eps
    shape = (how.get("n_samples", 1), *mu.shape)
    return torch.normal(mu.detach().expand(shape), std.detach().expand(shape), generator=how.get("generator"))


def cuts_the_gradient(mu: Tensor, logvar: Tensor, **how: Any) -> Tensor:
    eps = how.get("eps")
    with torch.no_grad():
        if eps is None:
            shape = (how.get("n_samples", 1), *mu.shape)
            eps = torch.randn(shape, generator=how.get("generator"), dtype=mu.dtype, device=mu.device)
        return mu + torch.exp(0.5 * logvar) * eps


def cuts_the_gradient_of_the_spread(mu: Tensor, logvar: Tensor, **how: Any) -> Tensor:
    eps = how.get("eps")
    if eps is None:
        shape = (how.get("n_samples", 1), *mu.shape)
        eps = torch.randn(shape, generator=how.get("generator"), dtype=mu.dtype, device=mu.device)
    return mu + torch.exp(0.5 * logvar).detach() * eps


def applies_the_spread_twice(mu: Tensor, logvar: Tensor, **how: Any) -> Tensor:
    eps, std = how.get("eps"), torch.exp(0.5 * logvar)
    if eps is None:
        shape = (how.get("n_samples", 1), *mu.shape)
        eps = std * torch.randn(shape, generator=how.get("generator"), dtype=mu.dtype, device=mu.device)
    return mu + std * eps


def returns_mu_without_gradients(mu: Tensor, logvar: Tensor, **how: Any) -> Tensor:
    eps = how.get("eps")
    if eps is None:
        shape = (how.get("n_samples", 1), *mu.shape)
        if not torch.is_grad_enabled():
            return mu.expand(shape).clone()
        eps = torch.randn(shape, generator=how.get("generator"), dtype=mu.dtype, device=mu.device)
    return mu + torch.exp(0.5 * logvar) * eps


def takes_the_root_of_exp(mu: Tensor, logvar: Tensor, **how: Any) -> Tensor:
    eps = how.get("eps")
    if eps is None:
        shape = (how.get("n_samples", 1), *mu.shape)
        eps = torch.randn(shape, generator=how.get("generator"), dtype=mu.dtype, device=mu.device)
    return mu + torch.sqrt(torch.exp(logvar)) * eps


def guesses_what_it_was_given(mu: Tensor, logvar: Tensor, **how: Any) -> Tensor:
    eps = how.get("eps")
    if eps is None:
        shape = (how.get("n_samples", 1), *mu.shape)
        eps = torch.randn(shape, generator=how.get("generator"), dtype=mu.dtype, device=mu.device)
    std = torch.where(logvar.mean() < 0.3, torch.exp(0.5 * logvar), logvar) if logvar.numel() else logvar
    return mu + std * eps


def clamps_logvar(mu: Tensor, logvar: Tensor, **how: Any) -> Tensor:
    eps = how.get("eps")
    if eps is None:
        shape = (how.get("n_samples", 1), *mu.shape)
        eps = torch.randn(shape, generator=how.get("generator"), dtype=mu.dtype, device=mu.device)
    return mu + torch.exp(0.5 * logvar.clamp(-20.0, 20.0)) * eps


def seeds_everything(mu: Tensor, logvar: Tensor, **how: Any) -> Tensor:
    eps = how.get("eps")
    if eps is None:
        torch.manual_seed(0)
        eps = torch.randn((how.get("n_samples", 1), *mu.shape), dtype=mu.dtype, device=mu.device)
    return mu + torch.exp(0.5 * logvar) * eps


def seeds_its_own_generator(mu: Tensor, logvar: Tensor, **how: Any) -> Tensor:
    eps = how.get("eps")
    if eps is None:
        own = torch.Generator("cpu" if mu.is_meta else mu.device).manual_seed(0)
        shape = (how.get("n_samples", 1), *mu.shape)
        eps = torch.randn(shape, generator=own, dtype=mu.dtype, device=mu.device)
    return mu + torch.exp(0.5 * logvar) * eps


def ignores_the_generator(mu: Tensor, logvar: Tensor, **how: Any) -> Tensor:
    eps = how.get("eps")
    if eps is None:
        eps = torch.randn((how.get("n_samples", 1), *mu.shape), dtype=mu.dtype, device=mu.device)
    return mu + torch.exp(0.5 * logvar) * eps


def draws_uniform_noise(mu: Tensor, logvar: Tensor, **how: Any) -> Tensor:
    eps = how.get("eps")
    if eps is None:
        shape = (how.get("n_samples", 1), *mu.shape)
        eps = torch.rand(shape, generator=how.get("generator"), dtype=mu.dtype, device=mu.device)
    return mu + torch.exp(0.5 * logvar) * eps


def draws_uniform_noise_of_unit_variance(mu: Tensor, logvar: Tensor, **how: Any) -> Tensor:
    eps = how.get("eps")
    if eps is None:
        shape = (how.get("n_samples", 1), *mu.shape)
        uniform = torch.rand(shape, generator=how.get("generator"), dtype=mu.dtype, device=mu.device)
        eps = 12**0.5 * (uniform - 0.5)
    return mu + torch.exp(0.5 * logvar) * eps


def draws_on_the_cpu(mu: Tensor, logvar: Tensor, **how: Any) -> Tensor:
    eps = how.get("eps")
    if eps is None:
        eps = torch.randn((how.get("n_samples", 1), *mu.shape), generator=how.get("generator"), dtype=mu.dtype)
    return mu + torch.exp(0.5 * logvar) * eps


def draws_although_noise_is_given(mu: Tensor, logvar: Tensor, **how: Any) -> Tensor:
    count = how.get("n_samples", 1) if how.get("eps") is None else len(how["eps"])
    eps = torch.randn((count, *mu.shape), generator=how.get("generator"), dtype=mu.dtype, device=mu.device)
    return mu + torch.exp(0.5 * logvar) * eps


def cuts_noise_to_n_samples(mu: Tensor, logvar: Tensor, **how: Any) -> Tensor:
    eps, count = how.get("eps"), how.get("n_samples", 1)
    if eps is None:
        eps = torch.randn((count, *mu.shape), generator=how.get("generator"), dtype=mu.dtype, device=mu.device)
    return mu + torch.exp(0.5 * logvar) * eps[:count]


def drops_the_dimension_of_one_sample(mu: Tensor, logvar: Tensor, **how: Any) -> Tensor:
    eps, count = how.get("eps"), how.get("n_samples", 1)
    if eps is None:
        shape = mu.shape if count == 1 else (count, *mu.shape)
        eps = torch.randn(shape, generator=how.get("generator"), dtype=mu.dtype, device=mu.device)
    return mu + torch.exp(0.5 * logvar) * eps


def returns_double(mu: Tensor, logvar: Tensor, **how: Any) -> Tensor:
    eps, mu, logvar = how.get("eps"), mu.double(), logvar.double()
    if eps is None:
        shape = (how.get("n_samples", 1), *mu.shape)
        eps = torch.randn(shape, generator=how.get("generator"), dtype=mu.dtype, device=mu.device)
    return mu + torch.exp(0.5 * logvar) * eps


def draws_in_float32(mu: Tensor, logvar: Tensor, **how: Any) -> Tensor:
    eps = how.get("eps")
    if eps is None:
        shape = (how.get("n_samples", 1), *mu.shape)
        eps = torch.randn(shape, generator=how.get("generator"), dtype=torch.float32, device=mu.device)
    return mu + torch.exp(0.5 * logvar) * eps


def loops_over_examples(mu: Tensor, logvar: Tensor, **how: Any) -> Tensor:
    eps, count = how.get("eps"), how.get("n_samples", 1)
    if eps is None:
        rows = mu.reshape(-1, mu.shape[-1])
        shape = (count, mu.shape[-1])
        drawn = [
            torch.randn(shape, generator=how.get("generator"), dtype=mu.dtype, device=mu.device)
            for _ in range(len(rows))
        ]
        eps = torch.stack(drawn, 1).reshape(count, *mu.shape)
    return mu + torch.exp(0.5 * logvar) * eps


_SPREAD = "At mu = 0 and eps = 1, what does logvar = log 4 = 1.386 give you? A spread of 2 should give 2."
_CUT = "z carries no gradient to what you train; where does the graph end?"
_OWN_SEED = "Calling with two different generators returns the same draw; who decides what is drawn?"
_UNIFORM = "Draw 10,000 samples at mu = 0, logvar = 0 and plot them: do they look like the bell of a Gaussian?"

SENTENCES = {
    shares_noise_between_examples: (
        "Two different rows of your batch received identical noise. How many numbers does a batch of three need?"
    ),
    shares_noise_between_samples: (
        "Draw three samples of one example: yours are the same number three times. What does their average gain you?"
    ),
    shares_noise_between_latents: (
        "All latents of an example move up and down together in your samples. Are they independent under q?"
    ),
    scales_with_the_variance: _SPREAD,
    scales_with_logvar: _SPREAD,
    scales_with_the_square_root_of_logvar: _SPREAD,
    draws_without_a_gradient: (
        "Samples that you draw yourself carry no gradient to logvar, those made of given noise do. What differs?"
    ),
    cuts_the_gradient: _CUT,
    cuts_the_gradient_of_the_spread: (
        "Your z carries a gradient to mu and none to logvar: could an encoder trained with it learn how sure it is?"
    ),
    applies_the_spread_twice: "At logvar = log 4 the variance of your samples is 16. How often does sigma enter?",
    returns_mu_without_gradients: (
        "Without gradients your samples are all mu. Is the bound that you report at test time then a bound?"
    ),
    takes_the_root_of_exp: (
        "At logvar = -200 your value is right and your gradient is nan. How steep is a square root at zero?"
    ),
    guesses_what_it_was_given: ("You look at the numbers to decide what they mean. What if all logvars are positive?"),
    clamps_logvar: "At logvar = -200 the samples should be at mu; how far from it are yours, and who decided that?",
    seeds_everything: _OWN_SEED,
    seeds_its_own_generator: _OWN_SEED,
    ignores_the_generator: "Call twice with generators of the same state: why do the samples differ?",
    draws_uniform_noise: _UNIFORM,
    draws_uniform_noise_of_unit_variance: _UNIFORM,
    draws_on_the_cpu: "Where is a tensor made that you did not get as an argument, and on which device?",
    draws_although_noise_is_given: "You were given the noise; does changing it change your samples?",
    cuts_noise_to_n_samples: "Four rows of noise came in and one sample came out. Which argument says how many?",
    drops_the_dimension_of_one_sample: (
        "The result for one sample has a dimension less than for two; what does the code that calls you expect?"
    ),
    returns_double: "Which dtype went in, and which came out? A decoder in float32 cannot take it.",
    draws_in_float32: "In a half-precision model your samples are float32; which dtype does noise have if nobody says?",
    loops_over_examples: ("Your function handles one example after another; can one tensor operation handle them all?"),
}
