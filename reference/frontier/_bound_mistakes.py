"""Wrong answers to the first half of fr.7, each with the sentence that it deserves."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from reference.frontier._mistakes import Mistake, listed_in

Density = Callable[[Tensor], Tensor]

BOUND: list[Mistake] = []
"""Of dequantized_log_mass_bound."""


NO_NOISE = "Give two different u to your function, for a density that is not flat: do the results differ?"
OWN_UNITS = "The density is given in the units of the integers. Who divides them, and why?"
OTHER_CUBE = "Which points belong to the integer 3: those of [3, 4), or others? Which do you look at?"


@listed_in(BOUND, "Is the mean taken of densities or of their logarithms? What does each of the two estimate?")
def takes_the_logarithm_of_the_mean(log_density_fn: Density, x_int: Tensor, u: Tensor) -> Tensor:
    u = u if u.dim() > x_int.dim() else u.unsqueeze(0)
    return torch.logsumexp(log_density_fn(x_int + u), 0) - math.log(len(u))


@listed_in(BOUND, "Draw ten times as many u: does the bound become ten times as low?")
def sums_over_the_draws(log_density_fn: Density, x_int: Tensor, u: Tensor) -> Tensor:
    u = u if u.dim() > x_int.dim() else u.unsqueeze(0)
    return log_density_fn(x_int + u).sum(0)


@listed_in(BOUND, NO_NOISE)
def forgets_the_noise(log_density_fn: Density, x_int: Tensor, u: Tensor) -> Tensor:
    return log_density_fn(x_int.to(u.dtype))


@listed_in(BOUND, NO_NOISE)
def uses_the_middle_of_the_cube(log_density_fn: Density, x_int: Tensor, u: Tensor) -> Tensor:
    return log_density_fn(x_int.to(u.dtype) + 0.5)


@listed_in(BOUND, OTHER_CUBE)
def subtracts_the_noise(log_density_fn: Density, x_int: Tensor, u: Tensor) -> Tensor:
    u = u if u.dim() > x_int.dim() else u.unsqueeze(0)
    return log_density_fn(x_int - u).mean(0)


@listed_in(BOUND, OTHER_CUBE)
def centres_the_noise(log_density_fn: Density, x_int: Tensor, u: Tensor) -> Tensor:
    u = u if u.dim() > x_int.dim() else u.unsqueeze(0)
    return log_density_fn(x_int + u - 0.5).mean(0)


@listed_in(BOUND, OWN_UNITS)
def divides_by_the_levels(log_density_fn: Density, x_int: Tensor, u: Tensor) -> Tensor:
    u = u if u.dim() > x_int.dim() else u.unsqueeze(0)
    return log_density_fn((x_int + u) / 256).mean(0)


@listed_in(BOUND, OWN_UNITS)
def divides_by_the_levels_and_corrects(log_density_fn: Density, x_int: Tensor, u: Tensor) -> Tensor:
    u = u if u.dim() > x_int.dim() else u.unsqueeze(0)
    return log_density_fn((x_int + u) / 256).mean(0) - x_int.shape[-1] * math.log(256)


@listed_in(BOUND, "The unit cube has the volume 1. Which volume do you correct for?")
def subtracts_the_log_levels(log_density_fn: Density, x_int: Tensor, u: Tensor) -> Tensor:
    u = u if u.dim() > x_int.dim() else u.unsqueeze(0)
    return log_density_fn(x_int + u).mean(0) - x_int.shape[-1] * math.log(256)


@listed_in(BOUND, "Three images need three bounds. Why does one change when another is exchanged?")
def averages_over_the_batch_too(log_density_fn: Density, x_int: Tensor, u: Tensor) -> Tensor:
    u = u if u.dim() > x_int.dim() else u.unsqueeze(0)
    value = log_density_fn(x_int + u).mean()
    return value.expand(x_int.shape[:-1])


@listed_in(BOUND, "One bound for each image: which dimension of your result is left over?")
def keeps_the_draws(log_density_fn: Density, x_int: Tensor, u: Tensor) -> Tensor:
    return log_density_fn(x_int + u)


@listed_in(
    BOUND, "Is the bound one of the whole image, or of each of its dimensions? Put two copies of an image side by side."
)
def divides_by_the_dimensions(log_density_fn: Density, x_int: Tensor, u: Tensor) -> Tensor:
    u = u if u.dim() > x_int.dim() else u.unsqueeze(0)
    return log_density_fn(x_int + u).mean(0) / x_int.shape[-1]


@listed_in(BOUND, "A u that is shaped like x: what does its first dimension count?")
def takes_one_draw_for_many(log_density_fn: Density, x_int: Tensor, u: Tensor) -> Tensor:
    return log_density_fn(x_int + u).mean(0)


@listed_in(BOUND, "Of many draws you keep the best. Is that a bound? Try more and more of them.")
def keeps_the_best_draw(log_density_fn: Density, x_int: Tensor, u: Tensor) -> Tensor:
    u = u if u.dim() > x_int.dim() else u.unsqueeze(0)
    return log_density_fn(x_int + u).amax(0)


@listed_in(BOUND, "Of all your draws, how many change the result?")
def keeps_the_first_draw(log_density_fn: Density, x_int: Tensor, u: Tensor) -> Tensor:
    u = u if u.dim() > x_int.dim() else u.unsqueeze(0)
    return log_density_fn(x_int + u[0])


@listed_in(BOUND, "A more likely image: does its bound rise or fall, in your code?")
def returns_a_loss(log_density_fn: Density, x_int: Tensor, u: Tensor) -> Tensor:
    u = u if u.dim() > x_int.dim() else u.unsqueeze(0)
    return -log_density_fn(x_int + u).mean(0)


@listed_in(BOUND, "A mass is asked for in logarithms. Can a logarithm of a probability be positive?")
def averages_densities(log_density_fn: Density, x_int: Tensor, u: Tensor) -> Tensor:
    u = u if u.dim() > x_int.dim() else u.unsqueeze(0)
    return log_density_fn(x_int + u).exp().mean(0)


@listed_in(BOUND, "Your bound is right and trains nothing. What is cut off?")
def detaches_the_bound(log_density_fn: Density, x_int: Tensor, u: Tensor) -> Tensor:
    u = u if u.dim() > x_int.dim() else u.unsqueeze(0)
    return log_density_fn(x_int + u).mean(0).detach()


@listed_in(BOUND, "Which dtype went in, and which came out? A model in float32 cannot use it.")
def returns_double(log_density_fn: Density, x_int: Tensor, u: Tensor) -> Tensor:
    u = u if u.dim() > x_int.dim() else u.unsqueeze(0)
    return log_density_fn(x_int + u).mean(0).double()


@listed_in(BOUND, "Your answers are right to seven digits and no further; where do the others get lost?")
def adds_in_float32(log_density_fn: Density, x_int: Tensor, u: Tensor) -> Tensor:
    u = u if u.dim() > x_int.dim() else u.unsqueeze(0)
    return log_density_fn((x_int.float() + u.float()).to(u.dtype)).mean(0)


@listed_in(BOUND, "Three images need three bounds. Why does one change when another is exchanged?")
def returns_one_bound(log_density_fn: Density, x_int: Tensor, u: Tensor) -> Tensor:
    u = u if u.dim() > x_int.dim() else u.unsqueeze(0)
    return log_density_fn(x_int + u).mean()


@listed_in(BOUND, "The mean is one over the draws. Which dimension of your log-densities counts those?")
def averages_over_the_last_dimension(log_density_fn: Density, x_int: Tensor, u: Tensor) -> Tensor:
    u = u if u.dim() > x_int.dim() else u.unsqueeze(0)
    return log_density_fn(x_int + u).mean(-1)


@listed_in(BOUND, "How many points do you ask the density about, for ten draws? What is averaged, and when?")
def averages_the_noise_first(log_density_fn: Density, x_int: Tensor, u: Tensor) -> Tensor:
    u = u if u.dim() > x_int.dim() else u.unsqueeze(0)
    return log_density_fn(x_int + u.mean(0))


@listed_in(BOUND, "Call it twice with the same u: why are there two bounds?")
def draws_noise_of_its_own(log_density_fn: Density, x_int: Tensor, u: Tensor) -> Tensor:
    u = torch.rand_like(u if u.dim() > x_int.dim() else u.unsqueeze(0))
    return log_density_fn(x_int + u).mean(0)
