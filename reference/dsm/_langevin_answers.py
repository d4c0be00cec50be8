"""Other right answers to dsm.5, each with the function that it stands in for."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

Field = Callable[[Tensor], Tensor]
Conditional = Callable[..., Tensor]


def writes_into_a_path(score_fn: Field, x: Tensor, step: float, noise: Tensor, *, return_path: bool = False) -> Tensor:
    path = torch.empty((len(noise) + 1, *x.shape), dtype=x.dtype, device=x.device)
    path[0] = x.detach()
    for k in range(noise.shape[0]):
        here = path[k].clone()
        path[k + 1] = torch.add(here, score_fn(here).detach(), alpha=step) + noise[k].detach() * (2.0 * step) ** 0.5
    return path if return_path else path[-1]


def detaches_every_state(
    score_fn: Field, x: Tensor, step: float, noise: Tensor, *, return_path: bool = False
) -> Tensor:
    state = x.clone().detach()
    states = [state[None]]
    scaled = math.sqrt(2.0) * math.sqrt(step) * noise
    for draw in scaled.unbind(0):
        state = (state + step * score_fn(state) + draw).detach()
        states.append(state.unsqueeze(0))
    return torch.cat(states, dim=0) if return_path else state


def moves_in_place(score_fn: Field, x: Tensor, step: float, noise: Tensor, *, return_path: bool = False) -> Tensor:
    with torch.no_grad():
        state = x.detach().clone()
        path = [state.clone()]
        for draw in noise:
            score = score_fn(state)
            state += step * score
            state += (2 * step) ** 0.5 * draw
            path.append(state.clone())
        return torch.stack(path, dim=0) if return_path else state


def langevin(score_fn: Field, x: Tensor, step: float, noise: Tensor, *, return_path: bool = False) -> Tensor:
    """What the model solution's module calls so; the answers are run after that module."""
    raise NotImplementedError


def runs_langevin_at_each_level(score_fn: Conditional, x: Tensor, sigmas: Tensor, eps0: float, noise: Tensor) -> Tensor:
    def at_level(sigma: Tensor) -> Field:
        return lambda points: score_fn(points, sigma)

    last = sigmas.detach()[-1]
    for i in range(len(sigmas)):
        sigma = sigmas.detach()[i]
        x = langevin(at_level(sigma), x, eps0 * (sigma**2 / last**2).item(), noise[i])
    return x


def computes_all_steps_first(score_fn: Conditional, x: Tensor, sigmas: Tensor, eps0: float, noise: Tensor) -> Tensor:
    sigmas, noise = sigmas.detach(), noise.detach()
    steps = eps0 * sigmas.pow(2) / sigmas[-1].pow(2)
    scales = torch.sqrt(2 * steps)
    state = x.detach()
    for level in range(noise.shape[0]):
        for k in range(noise.shape[1]):
            drift = torch.mul(score_fn(state, sigmas[level]), steps[level])
            state = torch.addcmul(state + drift, scales[level], noise[level, k]).detach()
    return state


ALTERNATIVES = (
    (writes_into_a_path, "langevin"),
    (detaches_every_state, "langevin"),
    (moves_in_place, "langevin"),
    (runs_langevin_at_each_level, "annealed_langevin"),
    (computes_all_steps_first, "annealed_langevin"),
)
