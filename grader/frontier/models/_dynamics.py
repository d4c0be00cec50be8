"""Densities at the end of an ordinary differential equation, and a bound for the stochastic one.

dx/dt = f(x, t) carries a density along with d log p(x(t)) / dt = -div f(x(t), t) (Chen et al. 2018, theorem 1).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from grader.frontier.models._base import Pieces, log_normal

EXACT_UP_TO, DIRECTIONS = 4, 8

Field = Callable[[Tensor, float], Tensor]
"""x [n, dim] and a time to dx/dt."""
Divergence = Callable[[Callable[[Tensor], Tensor], Tensor], Tensor]
"""A field at one time, and points, to the trace of its Jacobian there, [n]."""


def ode_log_density(
    field: Field,
    divergence: Divergence,
    x: Tensor,
    times: Sequence[float],
    base: Callable[[Tensor], Tensor],
) -> Tensor:
    """log p(x) where x = x(times[0]) and x(times[-1]) has the log-density `base`, by Runge and Kutta's fourth order.

    With h < 0 or > 0 alike: log p(x(t0)) = base(x(t1)) + the integral of div f from t0 to t1.
    """
    total = torch.zeros(len(x), device=x.device)
    for now, then in pairwise(times):
        h = then - now
        middle = now + h / 2
        slope_1, spread_1 = _both(field, divergence, x, now)
        slope_2, spread_2 = _both(field, divergence, x + h / 2 * slope_1, middle)
        slope_3, spread_3 = _both(field, divergence, x + h / 2 * slope_2, middle)
        slope_4, spread_4 = _both(field, divergence, x + h * slope_3, then)
        x = x + h / 6 * (slope_1 + 2 * slope_2 + 2 * slope_3 + slope_4)
        total = total + h / 6 * (spread_1 + 2 * spread_2 + 2 * spread_3 + spread_4)
    return base(x) + total


def divergence_of(pieces: Pieces, x: Tensor, generator: torch.Generator) -> Divergence:
    """The student's divergence: exact in few dimensions, along random directions in many.

    The directions stay the same on the whole path, so that the estimate has the right mean for every way of stepping.
    """
    if x.shape[-1] <= EXACT_UP_TO:
        return pieces["score.divergence"]
    shape = (DIRECTIONS, *x.shape)
    signs = 2.0 * torch.randint(2, shape, generator=generator, device=x.device) - 1
    estimate = pieces["score.hutchinson_divergence"]
    return lambda field, points: estimate(field, points, signs)


def caveat(space_dim: int) -> str:
    """What such a density is only up to."""
    return "up to its steps" if space_dim <= EXACT_UP_TO else "up to its steps, its divergence from random directions"


def _both(field: Field, divergence: Divergence, x: Tensor, time: float) -> tuple[Tensor, Tensor]:
    def at_time(points: Tensor) -> Tensor:
        return field(points, time)

    return at_time(x).detach(), divergence(at_time, x).detach()


def sde_log_density_bound(
    score: Callable[[Tensor, Tensor], Tensor],
    x: Tensor,
    sigma_min: float,
    sigma_max: float,
    base_std: float,
    generator: torch.Generator,
    draws: int = 64,
) -> Tensor:
    """An unbiased estimate, for each point, of a lower bound on the density of the reverse diffusion at x.

    The diffusion adds noise until its standard deviation, beside that of sigma_min, is sigma_max, and N(0, base_std^2
    I) stands there (Song et al. 2021, "Maximum likelihood training", theorem 3, with sigma^2 as the time):

        log p(x) >= E log base(x_T) - 1/2 integral of E[|s|^2 + 2 s . eps / sqrt(v)] over v, v = sigma^2 - sigma_min^2

    The second term is the divergence of s (Stein's identity); eps and -eps are both used, so that it stays finite as v
    goes to 0.

    Args:
        score: Of x [n, dim] and sigma [n].
        draws: Times for each point, one in each stratum of log sigma.
    """
    low, high = math.log(sigma_min), math.log(sigma_max)
    total = torch.zeros(len(x), device=x.device)
    for stratum in range(draws):
        u = torch.rand(len(x), generator=generator, device=x.device)
        sigma = torch.exp(low + (stratum + u) / draws * (high - low))
        eps = torch.randn(x.shape, generator=generator, device=x.device)
        v = (sigma.square() - sigma_min**2).clamp(min=1e-12).sqrt().unsqueeze(-1)
        plus, minus = score(x + v * eps, sigma), score(x - v * eps, sigma)
        squares = 0.5 * (plus.square() + minus.square()).sum(-1)
        divergence = ((plus - minus) * eps / (2 * v)).sum(-1)
        # dv = 2 sigma^2 d log sigma.
        total = total - sigma.square() * (squares + 2 * divergence) * (high - low) / draws
    end = math.sqrt(sigma_max**2 - sigma_min**2)
    eps = torch.randn(x.shape, generator=generator, device=x.device)
    ends = 0.5 * (log_normal(x + end * eps, base_std) + log_normal(x - end * eps, base_std))
    return total + ends
