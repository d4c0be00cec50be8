"""Wrong answers to dsm.5 that stand in for `annealed_langevin`, and the sentence that each deserves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from reference.dsm._langevin_answers import Conditional


def loops_over_chains(score_fn: Conditional, x: Tensor, sigmas: Tensor, eps0: float, noise: Tensor) -> Tensor:
    chains, finals = x.detach().reshape(-1, x.shape[-1]), []
    draws = noise.detach().reshape(*noise.shape[:2], -1, x.shape[-1])
    for place in range(len(chains)):
        state = chains[place : place + 1]
        for i in range(len(sigmas)):
            sigma = sigmas.detach()[i]
            step = eps0 * (sigma / sigmas.detach()[-1]) ** 2
            for z in draws[i, :, place : place + 1]:
                state = (state + step * score_fn(state, sigma) + (2 * step).sqrt() * z).detach()
        finals.append(state)
    return torch.cat(finals).reshape(x.shape) if finals else x.detach()


def keeps_one_step_for_all_levels(
    score_fn: Conditional, x: Tensor, sigmas: Tensor, eps0: float, noise: Tensor
) -> Tensor:
    with torch.no_grad():
        x = x.detach()
        for sigma, draws in zip(sigmas, noise, strict=True):
            step = eps0 * (sigma / sigma)
            for z in draws:
                x = x + step * score_fn(x, sigma) + (2 * step).sqrt() * z
    return x


def denoises_at_the_end(score_fn: Conditional, x: Tensor, sigmas: Tensor, eps0: float, noise: Tensor) -> Tensor:
    with torch.no_grad():
        x = x.detach()
        for sigma, draws in zip(sigmas, noise, strict=True):
            step = eps0 * (sigma / sigmas[-1]) ** 2
            for z in draws:
                x = x + step * score_fn(x, sigma) + (2 * step).sqrt() * z
        return x + sigmas[-1] ** 2 * score_fn(x, sigmas[-1])


def rescales_without_the_square(score_fn: Conditional, x: Tensor, sigmas: Tensor, eps0: float, noise: Tensor) -> Tensor:
    with torch.no_grad():
        x = x.detach()
        for sigma, draws in zip(sigmas, noise, strict=True):
            step = eps0 * sigma / sigmas[-1]
            for z in draws:
                x = x + step * score_fn(x, sigma) + (2 * step).sqrt() * z
    return x


def rescales_by_the_first_level(score_fn: Conditional, x: Tensor, sigmas: Tensor, eps0: float, noise: Tensor) -> Tensor:
    with torch.no_grad():
        x = x.detach()
        for sigma, draws in zip(sigmas, noise, strict=True):
            step = eps0 * (sigma / sigmas[0]) ** 2
            for z in draws:
                x = x + step * score_fn(x, sigma) + (2 * step).sqrt() * z
    return x


def takes_the_smallest_level_for_the_last(
    score_fn: Conditional, x: Tensor, sigmas: Tensor, eps0: float, noise: Tensor
) -> Tensor:
    with torch.no_grad():
        x = x.detach()
        for sigma, draws in zip(sigmas, noise, strict=True):
            step = eps0 * (sigma / sigmas.min()) ** 2
            for z in draws:
                x = x + step * score_fn(x, sigma) + (2 * step).sqrt() * z
    return x


def rescales_by_the_level_alone(score_fn: Conditional, x: Tensor, sigmas: Tensor, eps0: float, noise: Tensor) -> Tensor:
    with torch.no_grad():
        x = x.detach()
        for sigma, draws in zip(sigmas, noise, strict=True):
            step = eps0 * sigma**2
            for z in draws:
                x = x + step * score_fn(x, sigma) + (2 * step).sqrt() * z
    return x


def rescales_the_other_way(score_fn: Conditional, x: Tensor, sigmas: Tensor, eps0: float, noise: Tensor) -> Tensor:
    with torch.no_grad():
        x = x.detach()
        for sigma, draws in zip(sigmas, noise, strict=True):
            step = eps0 * (sigmas[-1] / sigma) ** 2
            for z in draws:
                x = x + step * score_fn(x, sigma) + (2 * step).sqrt() * z
    return x


def rescales_the_drift_alone(score_fn: Conditional, x: Tensor, sigmas: Tensor, eps0: float, noise: Tensor) -> Tensor:
    with torch.no_grad():
        x = x.detach()
        for sigma, draws in zip(sigmas, noise, strict=True):
            step = eps0 * (sigma / sigmas[-1]) ** 2
            for z in draws:
                x = x + step * score_fn(x, sigma) + (2 * eps0) ** 0.5 * z
    return x


def takes_the_finest_level_first(
    score_fn: Conditional, x: Tensor, sigmas: Tensor, eps0: float, noise: Tensor
) -> Tensor:
    with torch.no_grad():
        x = x.detach()
        for sigma, draws in zip(sigmas.flip(0), noise, strict=True):
            step = eps0 * (sigma / sigmas[-1]) ** 2
            for z in draws:
                x = x + step * score_fn(x, sigma) + (2 * step).sqrt() * z
    return x


def takes_the_finest_level_first_with_its_noise(
    score_fn: Conditional, x: Tensor, sigmas: Tensor, eps0: float, noise: Tensor
) -> Tensor:
    with torch.no_grad():
        x = x.detach()
        for sigma, draws in zip(sigmas.flip(0), noise.flip(0), strict=True):
            step = eps0 * (sigma / sigmas[-1]) ** 2
            for z in draws:
                x = x + step * score_fn(x, sigma) + (2 * step).sqrt() * z
    return x


def sorts_the_levels(score_fn: Conditional, x: Tensor, sigmas: Tensor, eps0: float, noise: Tensor) -> Tensor:
    with torch.no_grad():
        x = x.detach()
        sigmas = sigmas.sort(descending=True).values
        for sigma, draws in zip(sigmas, noise, strict=True):
            step = eps0 * (sigma / sigmas[-1]) ** 2
            for z in draws:
                x = x + step * score_fn(x, sigma) + (2 * step).sqrt() * z
    return x


def gives_the_field_the_index(score_fn: Conditional, x: Tensor, sigmas: Tensor, eps0: float, noise: Tensor) -> Tensor:
    with torch.no_grad():
        x = x.detach()
        for sigma, draws in zip(sigmas, noise, strict=True):
            step = eps0 * (sigma / sigmas[-1]) ** 2
            for z in draws:
                x = (
                    x
                    + step * score_fn(x, torch.tensor(float(list(sigmas).index(sigma)), dtype=x.dtype))
                    + (2 * step).sqrt() * z
                )
    return x


def gives_the_field_the_variance(
    score_fn: Conditional, x: Tensor, sigmas: Tensor, eps0: float, noise: Tensor
) -> Tensor:
    with torch.no_grad():
        x = x.detach()
        for sigma, draws in zip(sigmas, noise, strict=True):
            step = eps0 * (sigma / sigmas[-1]) ** 2
            for z in draws:
                x = x + step * score_fn(x, sigma**2) + (2 * step).sqrt() * z
    return x


def gives_the_field_the_last_level(
    score_fn: Conditional, x: Tensor, sigmas: Tensor, eps0: float, noise: Tensor
) -> Tensor:
    with torch.no_grad():
        x = x.detach()
        for sigma, draws in zip(sigmas, noise, strict=True):
            step = eps0 * (sigma / sigmas[-1]) ** 2
            for z in draws:
                x = x + step * score_fn(x, sigmas[-1]) + (2 * step).sqrt() * z
    return x


def gives_every_chain_a_level(score_fn: Conditional, x: Tensor, sigmas: Tensor, eps0: float, noise: Tensor) -> Tensor:
    with torch.no_grad():
        x = x.detach()
        for sigma, draws in zip(sigmas, noise, strict=True):
            step = eps0 * (sigma / sigmas[-1]) ** 2
            for z in draws:
                x = x + step * score_fn(x, sigma.expand(x.shape[:-1])) + (2 * step).sqrt() * z
    return x


def gives_the_field_a_number(score_fn: Conditional, x: Tensor, sigmas: Tensor, eps0: float, noise: Tensor) -> Tensor:
    with torch.no_grad():
        x = x.detach()
        for sigma, draws in zip(sigmas, noise, strict=True):
            step = eps0 * (sigma / sigmas[-1]) ** 2
            for z in draws:
                level: Any = sigma.item()
                x = x + step * score_fn(x, level) + (2 * step).sqrt() * z
    return x


def asks_twice_a_level_and_step(score_fn: Conditional, x: Tensor, sigmas: Tensor, eps0: float, noise: Tensor) -> Tensor:
    with torch.no_grad():
        x = x.detach()
        for sigma, draws in zip(sigmas, noise, strict=True):
            step = eps0 * (sigma / sigmas[-1]) ** 2
            for z in draws:
                x = x + 0.5 * step * (score_fn(x, sigma) + score_fn(x, sigma)) + (2 * step).sqrt() * z
    return x


def adds_half_the_noise_variance_at_each_level(
    score_fn: Conditional, x: Tensor, sigmas: Tensor, eps0: float, noise: Tensor
) -> Tensor:
    with torch.no_grad():
        x = x.detach()
        for sigma, draws in zip(sigmas, noise, strict=True):
            step = eps0 * (sigma / sigmas[-1]) ** 2
            for z in draws:
                x = x + step * score_fn(x, sigma) + step.sqrt() * z
    return x


def halves_the_drift_at_each_level(
    score_fn: Conditional, x: Tensor, sigmas: Tensor, eps0: float, noise: Tensor
) -> Tensor:
    with torch.no_grad():
        x = x.detach()
        for sigma, draws in zip(sigmas, noise, strict=True):
            step = eps0 * (sigma / sigmas[-1]) ** 2
            for z in draws:
                x = x + 0.5 * step * score_fn(x, sigma) + (2 * step).sqrt() * z
    return x


def halves_each_step(score_fn: Conditional, x: Tensor, sigmas: Tensor, eps0: float, noise: Tensor) -> Tensor:
    with torch.no_grad():
        x = x.detach()
        for sigma, draws in zip(sigmas, noise, strict=True):
            step = eps0 * (sigma / sigmas[-1]) ** 2
            for z in draws:
                x = x + 0.5 * step * score_fn(x, sigma) + step.sqrt() * z
    return x


def walks_downhill_at_each_level(
    score_fn: Conditional, x: Tensor, sigmas: Tensor, eps0: float, noise: Tensor
) -> Tensor:
    with torch.no_grad():
        x = x.detach()
        for sigma, draws in zip(sigmas, noise, strict=True):
            step = eps0 * (sigma / sigmas[-1]) ** 2
            for z in draws:
                x = x + -step * score_fn(x, sigma) + (2 * step).sqrt() * z
    return x


def takes_one_step_a_level(score_fn: Conditional, x: Tensor, sigmas: Tensor, eps0: float, noise: Tensor) -> Tensor:
    with torch.no_grad():
        x = x.detach()
        for sigma, draws in zip(sigmas, noise, strict=True):
            step = eps0 * (sigma / sigmas[-1]) ** 2
            for z in draws[:1]:
                x = x + step * score_fn(x, sigma) + (2 * step).sqrt() * z
    return x


def repeats_the_noise_of_the_first_level(
    score_fn: Conditional, x: Tensor, sigmas: Tensor, eps0: float, noise: Tensor
) -> Tensor:
    with torch.no_grad():
        x = x.detach()
        for sigma, draws in zip(sigmas, [noise[0]] * len(noise), strict=True):
            step = eps0 * (sigma / sigmas[-1]) ** 2
            for z in draws:
                x = x + step * score_fn(x, sigma) + (2 * step).sqrt() * z
    return x


def visits_all_levels_in_turn(score_fn: Conditional, x: Tensor, sigmas: Tensor, eps0: float, noise: Tensor) -> Tensor:
    with torch.no_grad():
        x = x.detach()
        for k in range(noise.shape[1]):
            for i, sigma in enumerate(sigmas):
                step = eps0 * (sigma / sigmas[-1]) ** 2
                x = x + step * score_fn(x, sigma) + (2 * step).sqrt() * noise[i, k]
    return x


def starts_each_level_anew(score_fn: Conditional, x: Tensor, sigmas: Tensor, eps0: float, noise: Tensor) -> Tensor:
    with torch.no_grad():
        x = x.detach()
        start = x
        for sigma, draws in zip(sigmas, noise, strict=True):
            step = eps0 * (sigma / sigmas[-1]) ** 2
            x = start
            for z in draws:
                x = x + step * score_fn(x, sigma) + (2 * step).sqrt() * z
    return x


def scales_noise_with_sigma(score_fn: Conditional, x: Tensor, sigmas: Tensor, eps0: float, noise: Tensor) -> Tensor:
    with torch.no_grad():
        x = x.detach()
        for sigma, draws in zip(sigmas, noise, strict=True):
            step = eps0 * (sigma / sigmas[-1]) ** 2
            for z in draws:
                x = x + step * score_fn(x, sigma) + sigma * (2 * eps0) ** 0.5 * z
    return x


def clamps_the_states_at_each_level(
    score_fn: Conditional, x: Tensor, sigmas: Tensor, eps0: float, noise: Tensor
) -> Tensor:
    with torch.no_grad():
        x = x.detach()
        for sigma, draws in zip(sigmas, noise, strict=True):
            step = eps0 * (sigma / sigmas[-1]) ** 2
            for z in draws:
                x = (x + step * score_fn(x, sigma) + (2 * step).sqrt() * z).clamp(-1, 1)
    return x


def keeps_the_graph_of_all_levels(
    score_fn: Conditional, x: Tensor, sigmas: Tensor, eps0: float, noise: Tensor
) -> Tensor:
    with torch.enable_grad():
        x = x + 0
        for sigma, draws in zip(sigmas, noise, strict=True):
            step = eps0 * (sigma / sigmas[-1]) ** 2
            for z in draws:
                x = x + step * score_fn(x, sigma) + (2 * step).sqrt() * z
    return x


def rounds_the_steps(score_fn: Conditional, x: Tensor, sigmas: Tensor, eps0: float, noise: Tensor) -> Tensor:
    with torch.no_grad():
        x = x.detach()
        for sigma, draws in zip(sigmas, noise, strict=True):
            step = (eps0 * (sigma / sigmas[-1]) ** 2).float().to(x.dtype)
            for z in draws:
                x = x + step * score_fn(x, sigma) + (2 * step).sqrt() * z
    return x


def moves_the_start_in_place(score_fn: Conditional, x: Tensor, sigmas: Tensor, eps0: float, noise: Tensor) -> Tensor:
    with torch.no_grad():
        x = x.detach()
        for sigma, draws in zip(sigmas, noise, strict=True):
            step = eps0 * (sigma / sigmas[-1]) ** 2
            for z in draws:
                x = x.add_(step * score_fn(x, sigma) + (2 * step).sqrt() * z)
    return x


def returns_double_at_the_end(score_fn: Conditional, x: Tensor, sigmas: Tensor, eps0: float, noise: Tensor) -> Tensor:
    with torch.no_grad():
        x = x.detach()
        for sigma, draws in zip(sigmas, noise, strict=True):
            step = eps0 * (sigma / sigmas[-1]) ** 2
            for z in draws:
                x = x + step * score_fn(x, sigma) + (2 * step).sqrt() * z
    return x.double()


def gives_the_field_the_step(score_fn: Conditional, x: Tensor, sigmas: Tensor, eps0: float, noise: Tensor) -> Tensor:
    with torch.no_grad():
        x = x.detach()
        for sigma, draws in zip(sigmas, noise, strict=True):
            step = eps0 * (sigma / sigmas[-1]) ** 2
            for z in draws:
                x = x + step * score_fn(x, step) + (2 * step).sqrt() * z
    return x


def takes_the_steps_for_the_levels(
    score_fn: Conditional, x: Tensor, sigmas: Tensor, eps0: float, noise: Tensor
) -> Tensor:
    with torch.no_grad():
        x = x.detach()
        turned = noise.reshape(noise.shape[1], noise.shape[0], *noise.shape[2:])
        for i, sigma in enumerate(sigmas):
            step = eps0 * (sigma / sigmas[-1]) ** 2
            for z in turned[:, i]:
                x = x + step * score_fn(x, sigma) + (2 * step).sqrt() * z
    return x


SENTENCES: dict[Callable[..., Any], str] = {
    loops_over_chains: "Your function handles one example after another; can one tensor operation handle them all?",
    keeps_one_step_for_all_levels: (
        "Divide all noise levels, and the scale of the data, by 10: by what should each level's step be divided?"
    ),
    rescales_without_the_square: (
        "Divide all noise levels, and the scale of the data, by 10: by what should each level's step be divided?"
    ),
    rescales_by_the_first_level: "At which level is your step eps0 itself?",
    takes_the_smallest_level_for_the_last: (
        "Give the levels in another order: is the step eps0 at the last of them, or at the smallest?"
    ),
    rescales_by_the_level_alone: "At which level is your step eps0 itself?",
    rescales_the_other_way: (
        "Where the noise is coarse the landscape is smooth: do you take long steps there, or short ones?"
    ),
    rescales_the_drift_alone: "On data N(0, 1) at a coarse level: which variance do your chains settle at?",
    takes_the_finest_level_first: "Start with the coarsest noise.",
    takes_the_finest_level_first_with_its_noise: "Start with the coarsest noise.",
    sorts_the_levels: "Who decides in which order the noise levels come? Give them in another one.",
    gives_the_field_the_index: "What does your network get as its second argument: a noise level, or its number?",
    gives_the_field_the_variance: "What does your network get as its second argument: a standard deviation?",
    gives_the_field_the_last_level: "At the first level, which noisy density's score do your chains follow?",
    gives_every_chain_a_level: "One noise level for all chains: which shape has that, and which do you give the field?",
    gives_the_field_a_number: (
        "A network that takes the logarithm of sigma needs a tensor: what type has sigmas[i], and what do you pass?"
    ),
    denoises_at_the_end: "After the last noise of the last level, how many more times does your state move?",
    asks_twice_a_level_and_step: "A step needs one score. How often do you call score_fn for it?",
    adds_half_the_noise_variance_at_each_level: "On N(0, 1) your stationary variance is half of what it should be.",
    halves_the_drift_at_each_level: "On N(0, 1) your stationary variance is twice what it should be.",
    halves_each_step: (
        "For s(x, sigma) = -x / sigma^2, x = 8, sigmas [2, 1], eps0 = 0.5 and no noise, the states are 4 and 2. Yours?"
    ),
    walks_downhill_at_each_level: "Let the noise be zero: do your chains climb to a mode, or leave it?",
    takes_one_step_a_level: "How many steps does each level have, and how many do you take?",
    repeats_the_noise_of_the_first_level: "Is the noise of your second level independent of that of the first?",
    visits_all_levels_in_turn: "After the finest level, why does your chain visit the coarsest again?",
    starts_each_level_anew: "Where does your second level start: where the first one ended?",
    scales_noise_with_sigma: "Noise levels are for the field. How large is the noise of a step of size h?",
    clamps_the_states_at_each_level: (
        "A standard normal is outside of [-1, 1] a third of the time. How often are your chains?"
    ),
    keeps_the_graph_of_all_levels: (
        "After a thousand steps, what does your state remember of the first, and how much memory does that take?"
    ),
    rounds_the_steps: "Your answers are right to seven digits and no further; where do the others get lost?",
    moves_the_start_in_place: "Use x again after the call: where do your chains start the second time?",
    returns_double_at_the_end: "Which dtype went in, and which came out? A model in float32 cannot use it.",
    gives_the_field_the_step: "What does your network get as its second argument: a standard deviation?",
    takes_the_steps_for_the_levels: (
        "noise[i] belongs to level i. What does your reshape do to that: does it exchange dimensions?"
    ),
}
