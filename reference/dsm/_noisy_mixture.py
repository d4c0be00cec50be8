"""The data of dsm.6, and the right score at any noise level."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from grader.strategies import FULL_PRECISION, Numbers
from reference.dsm.noisy_gmm_score import noisy_gmm_score

N_TRAIN, N_TEST, COMPONENTS, DIM = 20_000, 4000, 3, 2


@dataclass(frozen=True, kw_only=True)
class World:
    """A mixture of three Gaussians in two dimensions, and data from it, float64."""

    logits: Tensor
    mu: Tensor
    var: Tensor
    train: Tensor
    """Clean, [N_TRAIN, 2]."""
    test: Tensor
    """Clean, [N_TEST, 2]."""
    noise: Tensor
    """Standard normal, for the test data."""

    def score(self, x: Tensor, sigma: float) -> Tensor:
        """Of the mixture with noise of size sigma."""
        return noisy_gmm_score(x, self.logits, self.mu, self.var, sigma)


def world(seed: int) -> World:
    """Three modes of unequal weight around the origin, 2 to 4 units apart."""
    source = Numbers(seed=seed, decimals=FULL_PRECISION)
    thirds = torch.arange(COMPONENTS, dtype=torch.float64) * (2 * math.pi / COMPONENTS)
    angles = thirds + source.uniform((), high=2 * math.pi) + source.uniform((COMPONENTS,), low=-0.3, high=0.3)
    radii = source.uniform((COMPONENTS,), low=1.5, high=2.5)
    mu = radii.unsqueeze(-1) * torch.stack((angles.cos(), angles.sin()), dim=-1)
    var = source.uniform((COMPONENTS, DIM), low=0.05, high=0.4)
    weights = source.uniform((COMPONENTS,), low=0.2, high=0.45)

    def draw(count: int) -> Tensor:
        edges = (weights / weights.sum()).cumsum(0)[:-1].contiguous()
        which = torch.bucketize(source.uniform((count,)), edges)
        return mu[which] + var[which].sqrt() * source.normal((count, DIM))

    train, test = draw(N_TRAIN), draw(N_TEST)
    noise = source.normal((N_TEST, DIM))
    return World(logits=weights.log(), mu=mu, var=var, train=train, test=test, noise=noise)


class ExactScore(nn.Module):
    """The score that dsm.6 asks for, as a module."""

    def __init__(self, mixture: World, sigma: float) -> None:
        super().__init__()
        self._mixture, self._sigma = mixture, sigma

    def forward(self, x: Tensor) -> Tensor:
        """Shape and dtype of x."""
        return self._mixture.score(x.to(torch.float64), self._sigma).to(x.dtype)
