"""Described fields of several questions, and gradients in what they hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor

from grader.families import described
from grader.standard import Arguments, answer, cotangents_like, oracle_vjp
from grader.strategies import Numbers, Shape
from grader.worker.described import Described

Maker = Callable[[Numbers, int], Described]

HIDDEN = 4


def affine(source: Numbers, dim: int) -> Described:
    """A linear map that is not symmetric, and an offset."""
    return described("affine_field", matrix=source.normal((dim, dim)), offset=source.normal((dim,)))


def network(source: Numbers, dim: int) -> Described:
    """A field with one hidden layer."""
    sizes = ((HIDDEN, dim), (dim, HIDDEN))
    weights, biases = [source.normal(size) for size in sizes], [source.normal(size[:1]) for size in sizes]
    return described("mlp_field", weights=weights, biases=biases)


FIELDS: Sequence[Maker] = (affine, network)


def gaussian(source: Numbers, event: Shape) -> Described:
    """The score of a Gaussian with noise, s(x, sigma)."""
    return described(
        "noisy_gaussian_score", mean=source.normal(event), variance=source.uniform(event, low=0.5, high=2.0)
    )


def wave(source: Numbers, event: Shape) -> Described:
    """A field of x and sigma that is linear in neither."""
    return described(
        "noisy_wave", frequency=source.normal(event), offset=source.normal(event), tilt=source.normal(event)
    )


CONDITIONAL: Sequence[Callable[[Numbers, Shape], Described]] = (gaussian, wave)


def random_gradient(oracle: Callable[..., object], inputs: Arguments, source: Numbers) -> tuple[Tensor, list[Tensor]]:
    """Cotangents for an oracle's value, and its gradients with them: of what the field holds, then the rest."""
    weights = cotangents_like(answer(oracle, inputs), source)
    return weights, list(oracle_vjp(oracle, inputs, weights))
