"""Mixtures of diagonal Gaussians with well-separated answers: inputs of lvm.2, lvm.3 and lvm.4."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import hypothesis.strategies as st
import torch
from hypothesis.strategies import SearchStrategy
from torch import Tensor

from grader.standard import Arguments
from grader.strategies import Numbers, Shape, numbers

COMPONENTS: tuple[int, ...] = (2, 3, 4)

DIMENSIONS: tuple[int, ...] = (1, 5, 7)
"""Coprime to the batch sizes and, but for the edge case, to the numbers of components."""


@dataclass(frozen=True, kw_only=True)
class Mixture:
    """Parameters of a mixture: logits [components], mu and logvar [components, dimensions], float64."""

    logits: Tensor
    mu: Tensor
    logvar: Tensor


def draw_mixture(source: Numbers, components: int, dimensions: int) -> Mixture:
    """A mixture whose logits do not sum to one as weights, and whose components overlap."""
    shape = (components, dimensions)
    return Mixture(
        logits=source.normal((components,), loc=0.8, scale=0.9),
        mu=source.normal(shape, scale=1.2),
        logvar=source.uniform(shape, low=-1.2, high=1.6),
    )


@st.composite
def points_of_mixtures(
    draw: st.DrawFn,
    *,
    batch_shapes: Sequence[Shape] = ((),),
    components: Sequence[int] = COMPONENTS,
    dimensions: Sequence[int] = DIMENSIONS,
) -> Arguments:
    """Arguments (x, logits, mu, logvar) with x [*batch, dimensions]."""
    batch, source = draw(st.sampled_from(batch_shapes)), draw(numbers())
    mixture = draw_mixture(source, draw(st.sampled_from(components)), draw(st.sampled_from(dimensions)))
    x = source.normal((*batch, mixture.mu.shape[-1]), scale=1.6)
    return Arguments((x, mixture.logits, mixture.mu, mixture.logvar))


def mixtures(
    *, components: Sequence[int] = COMPONENTS, dimensions: Sequence[int] = DIMENSIONS
) -> SearchStrategy[Mixture]:
    """Parameters alone."""
    return st.builds(draw_mixture, numbers(), st.sampled_from(components), st.sampled_from(dimensions))


def change_other_points(inputs: Arguments, source: Numbers) -> Arguments:
    """Other values for every point but the first; the parameters, which all points share, stay."""
    x, *parameters = inputs.args
    return Arguments((torch.cat((x[:1], source.normal(tuple(x[1:].shape)))), *parameters))
