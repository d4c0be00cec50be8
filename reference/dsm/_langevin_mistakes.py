"""Wrong answers to dsm.5 that stand in for `langevin`, and the sentence that each deserves."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from reference.dsm._langevin_answers import Field


def adds_half_the_noise_variance(
    score_fn: Field, x: Tensor, step: float, noise: Tensor, *, return_path: bool = False
) -> Tensor:
    with torch.no_grad():
        path = [x.detach()]
        for z in noise:
            path.append(path[-1] + step * score_fn(path[-1]) + math.sqrt(step) * z)
        return torch.stack(path) if return_path else path[-1]


def halves_the_drift(score_fn: Field, x: Tensor, step: float, noise: Tensor, *, return_path: bool = False) -> Tensor:
    with torch.no_grad():
        path = [x.detach()]
        for z in noise:
            path.append(path[-1] + 0.5 * step * score_fn(path[-1]) + math.sqrt(2 * step) * z)
        return torch.stack(path) if return_path else path[-1]


def halves_the_step(score_fn: Field, x: Tensor, step: float, noise: Tensor, *, return_path: bool = False) -> Tensor:
    with torch.no_grad():
        path = [x.detach()]
        for z in noise:
            path.append(path[-1] + 0.5 * step * score_fn(path[-1]) + math.sqrt(step) * z)
        return torch.stack(path) if return_path else path[-1]


def scales_noise_with_the_step(
    score_fn: Field, x: Tensor, step: float, noise: Tensor, *, return_path: bool = False
) -> Tensor:
    with torch.no_grad():
        path = [x.detach()]
        for z in noise:
            path.append(path[-1] + step * score_fn(path[-1]) + step * z)
        return torch.stack(path) if return_path else path[-1]


def multiplies_noise_and_half_the_score_by_the_step(
    score_fn: Field, x: Tensor, step: float, noise: Tensor, *, return_path: bool = False
) -> Tensor:
    with torch.no_grad():
        path = [x.detach()]
        for z in noise:
            path.append(path[-1] + step * (0.5 * score_fn(path[-1]) + z))
        return torch.stack(path) if return_path else path[-1]


def forgets_the_root(score_fn: Field, x: Tensor, step: float, noise: Tensor, *, return_path: bool = False) -> Tensor:
    with torch.no_grad():
        path = [x.detach()]
        for z in noise:
            path.append(path[-1] + step * score_fn(path[-1]) + 2 * step * z)
        return torch.stack(path) if return_path else path[-1]


def adds_unscaled_noise(score_fn: Field, x: Tensor, step: float, noise: Tensor, *, return_path: bool = False) -> Tensor:
    with torch.no_grad():
        path = [x.detach()]
        for z in noise:
            path.append(path[-1] + step * score_fn(path[-1]) + z)
        return torch.stack(path) if return_path else path[-1]


def forgets_the_noise(score_fn: Field, x: Tensor, step: float, noise: Tensor, *, return_path: bool = False) -> Tensor:
    with torch.no_grad():
        path = [x.detach()]
        for z in noise:
            path.append(path[-1] + step * score_fn(path[-1]) + 0 * z)
        return torch.stack(path) if return_path else path[-1]


def walks_downhill(score_fn: Field, x: Tensor, step: float, noise: Tensor, *, return_path: bool = False) -> Tensor:
    with torch.no_grad():
        path = [x.detach()]
        for z in noise:
            path.append(path[-1] - step * score_fn(path[-1]) + math.sqrt(2 * step) * z)
        return torch.stack(path) if return_path else path[-1]


def forgets_the_step(score_fn: Field, x: Tensor, step: float, noise: Tensor, *, return_path: bool = False) -> Tensor:
    with torch.no_grad():
        path = [x.detach()]
        for z in noise:
            path.append(path[-1] + score_fn(path[-1]) + math.sqrt(2 * step) * z)
        return torch.stack(path) if return_path else path[-1]


def repeats_the_first_noise(
    score_fn: Field, x: Tensor, step: float, noise: Tensor, *, return_path: bool = False
) -> Tensor:
    with torch.no_grad():
        path = [x.detach()]
        for z in noise:
            path.append(path[-1] + step * score_fn(path[-1]) + math.sqrt(2 * step) * noise[0] + 0 * z)
        return torch.stack(path) if return_path else path[-1]


def computes_the_score_once(
    score_fn: Field, x: Tensor, step: float, noise: Tensor, *, return_path: bool = False
) -> Tensor:
    with torch.no_grad():
        drift = score_fn(x)
        path = [x.detach()]
        for z in noise:
            path.append(path[-1] + step * drift + math.sqrt(2 * step) * z)
        return torch.stack(path) if return_path else path[-1]


def always_adds_to_the_start(
    score_fn: Field, x: Tensor, step: float, noise: Tensor, *, return_path: bool = False
) -> Tensor:
    with torch.no_grad():
        path = [x.detach()]
        for z in noise:
            path.append(x + step * score_fn(path[-1]) + math.sqrt(2 * step) * z)
        return torch.stack(path) if return_path else path[-1]


def adds_noise_before_the_drift(
    score_fn: Field, x: Tensor, step: float, noise: Tensor, *, return_path: bool = False
) -> Tensor:
    with torch.no_grad():

        def moved(point: Tensor) -> Tensor:
            return point + step * score_fn(point)

        path = [x.detach()]
        for z in noise:
            path.append(moved(path[-1] + math.sqrt(2 * step) * z))
        return torch.stack(path) if return_path else path[-1]


def takes_no_noise_in_the_last_step(
    score_fn: Field, x: Tensor, step: float, noise: Tensor, *, return_path: bool = False
) -> Tensor:
    with torch.no_grad():
        path = [x.detach()]
        for z in [*noise[:-1], *torch.zeros_like(noise[-1:])]:
            path.append(path[-1] + step * score_fn(path[-1]) + math.sqrt(2 * step) * z)
        return torch.stack(path) if return_path else path[-1]


def stops_one_step_early(
    score_fn: Field, x: Tensor, step: float, noise: Tensor, *, return_path: bool = False
) -> Tensor:
    with torch.no_grad():
        path = [x.detach()]
        for z in noise[:-1]:
            path.append(path[-1] + step * score_fn(path[-1]) + math.sqrt(2 * step) * z)
        return torch.stack(path) if return_path else path[-1]


def clamps_the_states(score_fn: Field, x: Tensor, step: float, noise: Tensor, *, return_path: bool = False) -> Tensor:
    with torch.no_grad():
        path = [x.detach()]
        for z in noise:
            path.append((path[-1] + step * score_fn(path[-1]) + math.sqrt(2 * step) * z).clamp(-1, 1))
        return torch.stack(path) if return_path else path[-1]


def leaves_out_the_start(
    score_fn: Field, x: Tensor, step: float, noise: Tensor, *, return_path: bool = False
) -> Tensor:
    with torch.no_grad():
        path = [x.detach()]
        for z in noise:
            path.append(path[-1] + step * score_fn(path[-1]) + math.sqrt(2 * step) * z)
        return torch.stack(path[1:]) if return_path else path[-1]


def puts_the_start_last(score_fn: Field, x: Tensor, step: float, noise: Tensor, *, return_path: bool = False) -> Tensor:
    with torch.no_grad():
        path = [x.detach()]
        for z in noise:
            path.append(path[-1] + step * score_fn(path[-1]) + math.sqrt(2 * step) * z)
        return torch.stack((*path[1:], path[0])) if return_path else path[-1]


def leaves_out_the_end(score_fn: Field, x: Tensor, step: float, noise: Tensor, *, return_path: bool = False) -> Tensor:
    with torch.no_grad():
        path = [x.detach()]
        for z in noise:
            path.append(path[-1] + step * score_fn(path[-1]) + math.sqrt(2 * step) * z)
        return torch.stack(path[:-1]) if return_path else path[-1]


def ignores_return_path(score_fn: Field, x: Tensor, step: float, noise: Tensor, *, return_path: bool = False) -> Tensor:
    with torch.no_grad():
        path = [x.detach()]
        for z in noise:
            path.append(path[-1] + step * score_fn(path[-1]) + math.sqrt(2 * step) * z)
        return path[-1]


def returns_both(score_fn: Field, x: Tensor, step: float, noise: Tensor, *, return_path: bool = False) -> Any:
    with torch.no_grad():
        path = [x.detach()]
        for z in noise:
            path.append(path[-1] + step * score_fn(path[-1]) + math.sqrt(2 * step) * z)
        return (path[-1], torch.stack(path)) if return_path else path[-1]


def stores_one_tensor_many_times(
    score_fn: Field, x: Tensor, step: float, noise: Tensor, *, return_path: bool = False
) -> Tensor:
    with torch.no_grad():
        state = x.detach().clone()
        path = [state]
        for z in noise:
            state += step * score_fn(state) + math.sqrt(2 * step) * z
            path.append(state)
        return torch.stack(path) if return_path else state


def moves_the_start(score_fn: Field, x: Tensor, step: float, noise: Tensor, *, return_path: bool = False) -> Tensor:
    with torch.no_grad():
        path = [x.clone()]
        for z in noise:
            x += step * score_fn(x) + math.sqrt(2 * step) * z
            path.append(x.clone())
        return torch.stack(path) if return_path else x


def draws_noise_of_its_own(
    score_fn: Field, x: Tensor, step: float, noise: Tensor, *, return_path: bool = False
) -> Tensor:
    with torch.no_grad():
        path = [x.detach()]
        for z in noise:
            path.append(path[-1] + step * score_fn(path[-1]) + math.sqrt(2 * step) * torch.randn_like(z))
        return torch.stack(path) if return_path else path[-1]


def keeps_the_graph(score_fn: Field, x: Tensor, step: float, noise: Tensor, *, return_path: bool = False) -> Tensor:
    with torch.enable_grad():
        path = [x]
        for z in noise:
            path.append(path[-1] + step * score_fn(path[-1]) + math.sqrt(2 * step) * z)
        return torch.stack(path) if return_path else path[-1]


def keeps_the_graph_of_the_path(
    score_fn: Field, x: Tensor, step: float, noise: Tensor, *, return_path: bool = False
) -> Tensor:
    with torch.enable_grad():
        path = [x]
        for z in noise:
            path.append(path[-1] + step * score_fn(path[-1]) + math.sqrt(2 * step) * z)
        return torch.stack(path) if return_path else path[-1].detach()


def asks_twice_a_step(score_fn: Field, x: Tensor, step: float, noise: Tensor, *, return_path: bool = False) -> Tensor:
    with torch.no_grad():
        path = [x.detach()]
        for z in noise:
            path.append(path[-1] + step / 2 * (score_fn(path[-1]) + score_fn(path[-1])) + math.sqrt(2 * step) * z)
        return torch.stack(path) if return_path else path[-1]


def asks_for_one_chain_at_a_time(
    score_fn: Field, x: Tensor, step: float, noise: Tensor, *, return_path: bool = False
) -> Tensor:
    with torch.no_grad():
        path = [x.detach()]
        for z in noise:
            rows = path[-1].reshape(-1, x.shape[-1])
            score = torch.stack([score_fn(row) for row in rows]).reshape(x.shape) if len(rows) else path[-1]
            path.append(path[-1] + step * score + math.sqrt(2 * step) * z)
        return torch.stack(path) if return_path else path[-1]


def rounds_the_step(score_fn: Field, x: Tensor, step: float, noise: Tensor, *, return_path: bool = False) -> Tensor:
    with torch.no_grad():
        path = [x.detach()]
        for z in noise:
            path.append(
                path[-1] + step * score_fn(path[-1]) + torch.sqrt(torch.tensor(2 * step, dtype=torch.float32)) * z
            )
        return torch.stack(path) if return_path else path[-1]


def expects_at_least_one_step(
    score_fn: Field, x: Tensor, step: float, noise: Tensor, *, return_path: bool = False
) -> Tensor:
    with torch.no_grad():
        path = [x.detach()]
        for z in noise:
            path.append(path[-1] + step * score_fn(path[-1]) + math.sqrt(2 * step) * z)
        return torch.stack([*path[:-1], noise[-1] * 0 + path[-1]]) if return_path else noise[-1] * 0 + path[-1]


def returns_double(score_fn: Field, x: Tensor, step: float, noise: Tensor, *, return_path: bool = False) -> Tensor:
    with torch.no_grad():
        path = [x.detach()]
        for z in noise:
            path.append(path[-1] + step * score_fn(path[-1]) + math.sqrt(2 * step) * z)
        return (torch.stack(path) if return_path else path[-1]).double()


def takes_the_root_of_two_alone(
    score_fn: Field, x: Tensor, step: float, noise: Tensor, *, return_path: bool = False
) -> Tensor:
    with torch.no_grad():
        path = [x.detach()]
        for z in noise:
            path.append(path[-1] + step * score_fn(path[-1]) + math.sqrt(2) * step * z)
        return torch.stack(path) if return_path else path[-1]


def takes_the_root_of_the_step_alone(
    score_fn: Field, x: Tensor, step: float, noise: Tensor, *, return_path: bool = False
) -> Tensor:
    with torch.no_grad():
        path = [x.detach()]
        for z in noise:
            path.append(path[-1] + step * score_fn(path[-1]) + 2 * math.sqrt(step) * z)
        return torch.stack(path) if return_path else path[-1]


def puts_the_steps_after_the_chains(
    score_fn: Field, x: Tensor, step: float, noise: Tensor, *, return_path: bool = False
) -> Tensor:
    with torch.no_grad():
        path = [x.detach()]
        for z in noise:
            path.append(path[-1] + step * score_fn(path[-1]) + math.sqrt(2 * step) * z)
        return torch.stack(path, dim=min(1, x.dim())) if return_path else path[-1]


def returns_a_list(score_fn: Field, x: Tensor, step: float, noise: Tensor, *, return_path: bool = False) -> Any:
    with torch.no_grad():
        path = [x.detach()]
        for z in noise:
            path.append(path[-1] + step * score_fn(path[-1]) + math.sqrt(2 * step) * z)
        return path if return_path else path[-1]


SENTENCES: dict[Callable[..., Any], str] = {
    adds_half_the_noise_variance: "On N(0, 1) your stationary variance is half of what it should be.",
    halves_the_drift: "On N(0, 1) your stationary variance is twice what it should be.",
    halves_the_step: (
        "For s(x) = -x, x = 1, a step of 0.5 and noise 1, one step leads to 1.5. How large is the step that you take?"
    ),
    scales_noise_with_the_step: (
        "Halve the step and take twice as many: does your noise still add up to the same variance?"
    ),
    multiplies_noise_and_half_the_score_by_the_step: (
        "Halve the step and take twice as many: does your noise still add up to the same variance?"
    ),
    forgets_the_root: "Halve the step and take twice as many: does your noise still add up to the same variance?",
    adds_unscaled_noise: "Make the step tiny: should a state still jump by a whole unit?",
    forgets_the_noise: "Start all chains at one point: do they ever part?",
    walks_downhill: "Let the noise be zero: do your chains climb to a mode, or leave it?",
    forgets_the_step: "Make the step tiny: should a state still jump by a whole unit?",
    repeats_the_first_noise: "Is the noise of your second step independent of that of the first?",
    computes_the_score_once: "The chain has moved: at which point do you ask for the score of the second step?",
    always_adds_to_the_start: "From which point does your second step start?",
    adds_noise_before_the_drift: (
        "At which point do you ask for the score, before the noise of this step is added or after?"
    ),
    takes_no_noise_in_the_last_step: "How many noises are you given, and how many do you use?",
    stops_one_step_early: "How many noises are you given, and how many steps do you take?",
    clamps_the_states: "A standard normal is outside of [-1, 1] a third of the time. How often are your chains?",
    leaves_out_the_start: "With K steps a path has K + 1 states: which one is missing?",
    puts_the_start_last: "Which state comes first in your path? It starts with x itself.",
    leaves_out_the_end: "Is the last state of your path the one that you return without a path?",
    ignores_return_path: "Change return_path: does your result change?",
    returns_both: "With return_path, how many results were asked for, one or two?",
    stores_one_tensor_many_times: "All states of your path are equal. How many tensors does your list hold?",
    moves_the_start: "Use x again after the call: where do your chains start the second time?",
    draws_noise_of_its_own: "Call it twice with the same noise: why do the chains end elsewhere?",
    keeps_the_graph: (
        "After a thousand steps, what does your state remember of the first, and how much memory does that take?"
    ),
    keeps_the_graph_of_the_path: (
        "After a thousand steps, what does your path remember of how it was made, and how much memory does that take?"
    ),
    asks_twice_a_step: "A step needs one score. How often do you call score_fn for it?",
    asks_for_one_chain_at_a_time: (
        "Your function handles one example after another; can one tensor operation handle them all?"
    ),
    rounds_the_step: "Your answers are right to seven digits and no further; where do the others get lost?",
    expects_at_least_one_step: "Give it no step to take: where does a chain end that never moves?",
    returns_double: "Which dtype went in, and which came out? A model in float32 cannot use it.",
    takes_the_root_of_two_alone: (
        "Halve the step and take twice as many: does your noise still add up to the same variance?"
    ),
    takes_the_root_of_the_step_alone: "On N(0, 1) your stationary variance is twice what it should be.",
    puts_the_steps_after_the_chains: "Print the shape of your path: which dimension counts the states?",
    returns_a_list: "A path is one tensor. What do you return, and what turns many tensors into one?",
}
