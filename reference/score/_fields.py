"""Described fields, densities and energies, and the points where they are asked: inputs of several questions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import hypothesis.strategies as st
import torch
from torch import Tensor

from grader.families import described
from grader.standard import Arguments, answer, cotangents_like, oracle_vjp
from grader.strategies import Numbers, numbers
from grader.worker.described import Described

Maker = Callable[[Numbers, int], Described]

DIMENSIONS: tuple[int, ...] = (1, 2, 5)
BATCHES: tuple[int, ...] = (1, 3)
HIDDEN = 4


def affine(source: Numbers, dim: int) -> Described:
    """A linear map that is not symmetric, and an offset."""
    return described("affine_field", matrix=source.normal((dim, dim)), offset=source.normal((dim,)))


def mixture_parameters(source: Numbers, components: int, dim: int) -> dict[str, Tensor]:
    """Of components that overlap: logits [components], mu and logvar [components, dim]."""
    shape = (components, dim)
    return {
        "logits": source.normal((components,), loc=0.8, scale=0.9),
        "mu": source.normal(shape, scale=1.2),
        "logvar": source.uniform(shape, low=-0.8, high=1.2),
    }


def mixture(source: Numbers, dim: int) -> Described:
    """The score of a mixture of three Gaussians."""
    return described("mixture_score", **mixture_parameters(source, 3, dim))


def layers(source: Numbers, sizes: Sequence[int]) -> dict[str, list[Tensor]]:
    """Weights and biases of a network with these sizes."""
    pairs = list(pairwise(sizes))
    weights = [source.normal((outputs, inputs)) for inputs, outputs in pairs]
    return {"weights": weights, "biases": [source.normal((outputs,)) for _, outputs in pairs]}


def network(source: Numbers, dim: int) -> Described:
    """A field that is the gradient of nothing: a network with one hidden layer."""
    return described("mlp_field", **layers(source, (dim, HIDDEN, dim)))


FIELDS: tuple[Maker, ...] = (affine, mixture, network)
CURVED: tuple[Maker, ...] = (mixture, network)


@st.composite
def fields_at_points(
    draw: st.DrawFn,
    *,
    makers: Sequence[Maker] = FIELDS,
    batches: Sequence[int] = BATCHES,
    dims: Sequence[int] = DIMENSIONS,
    samples: Sequence[int] | None = None,
) -> Arguments:
    """Arguments (score_fn, x), and directions v [samples, batch, dim] of various lengths where samples are given."""
    maker, batch, dim = draw(st.sampled_from(makers)), draw(st.sampled_from(batches)), draw(st.sampled_from(dims))
    source = draw(numbers())
    args = (maker(source, dim), source.normal((batch, dim), scale=1.3))
    if samples is None:
        return Arguments(args)
    return Arguments((*args, source.normal((draw(st.sampled_from(samples)), batch, dim), loc=0.3)))


def change_other_rows(inputs: Arguments, source: Numbers) -> Arguments:
    """Other values in every row of x but the first; the function, and directions, stay."""
    function, x, *rest = inputs.args
    changed = torch.cat((x[:1], source.normal(tuple(x[1:].shape))))
    return Arguments((function, changed, *rest), inputs.kwargs)


def with_keywords(inputs: Arguments, **kwargs: object) -> Arguments:
    """The same arguments, and these by name."""
    return Arguments(inputs.args, {**inputs.kwargs, **kwargs})


def random_gradient(oracle: Callable[..., object], inputs: Arguments, source: Numbers) -> tuple[Tensor, list[Tensor]]:
    """Cotangents for an oracle's value, and the oracle's gradients with them: of what the function holds, then of x."""
    weights = cotangents_like(answer(oracle, inputs), source)
    return weights, list(oracle_vjp(oracle, inputs, weights))


def signs(dim: int) -> Tensor:
    """All 2^dim vectors of signs, [2^dim, dim]."""
    one = torch.tensor([-1.0, 1.0], dtype=torch.float64)
    return torch.cartesian_prod(*[one] * dim).reshape(-1, dim)
