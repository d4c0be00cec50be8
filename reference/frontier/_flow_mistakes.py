"""Wrong answers to fr.1, and their sentences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

Inverse = Callable[..., tuple[Tensor, Tensor]]
LogDensity = Callable[[Tensor], Tensor]


def subtracts_the_log_det(x: Tensor, inverse_fn: Inverse, base_log_prob: LogDensity) -> Tensor:
    z, log_det = inverse_fn(x)
    return base_log_prob(z) - log_det


def forgets_the_log_det(x: Tensor, inverse_fn: Inverse, base_log_prob: LogDensity) -> Tensor:
    z, _ = inverse_fn(x)
    return base_log_prob(z)


def asks_the_base_about_x(x: Tensor, inverse_fn: Inverse, base_log_prob: LogDensity) -> Tensor:
    _, log_det = inverse_fn(x)
    return base_log_prob(x) + log_det


def sums_over_the_batch(x: Tensor, inverse_fn: Inverse, base_log_prob: LogDensity) -> Tensor:
    z, log_det = inverse_fn(x)
    return (base_log_prob(z) + log_det).sum()


def averages_over_the_batch(x: Tensor, inverse_fn: Inverse, base_log_prob: LogDensity) -> Tensor:
    z, log_det = inverse_fn(x)
    value = base_log_prob(z) + log_det
    return value.mean().expand(value.shape)


def adds_the_log_dets_of_all_examples(x: Tensor, inverse_fn: Inverse, base_log_prob: LogDensity) -> Tensor:
    z, log_det = inverse_fn(x)
    return base_log_prob(z) + log_det.sum()


def divides_the_log_det_by_the_dimension(x: Tensor, inverse_fn: Inverse, base_log_prob: LogDensity) -> Tensor:
    z, log_det = inverse_fn(x)
    return base_log_prob(z) + log_det / x.shape[-1]


def adds_the_determinant(x: Tensor, inverse_fn: Inverse, base_log_prob: LogDensity) -> Tensor:
    z, log_det = inverse_fn(x)
    return base_log_prob(z) + torch.exp(log_det)


def takes_the_log_of_the_log_det(x: Tensor, inverse_fn: Inverse, base_log_prob: LogDensity) -> Tensor:
    z, log_det = inverse_fn(x)
    return base_log_prob(z) + torch.log(log_det.abs())


def takes_the_size_of_the_log_det(x: Tensor, inverse_fn: Inverse, base_log_prob: LogDensity) -> Tensor:
    z, log_det = inverse_fn(x)
    return base_log_prob(z) + log_det.abs()


def returns_the_density(x: Tensor, inverse_fn: Inverse, base_log_prob: LogDensity) -> Tensor:
    z, log_det = inverse_fn(x)
    return torch.exp(base_log_prob(z) + log_det)


def multiplies_densities(x: Tensor, inverse_fn: Inverse, base_log_prob: LogDensity) -> Tensor:
    z, log_det = inverse_fn(x)
    return torch.log(torch.exp(base_log_prob(z)) * torch.exp(log_det))


def adds_in_place(x: Tensor, inverse_fn: Inverse, base_log_prob: LogDensity) -> Tensor:
    z, log_det = inverse_fn(x)
    log_det += base_log_prob(z)
    return log_det


def detaches_the_log_det(x: Tensor, inverse_fn: Inverse, base_log_prob: LogDensity) -> Tensor:
    z, log_det = inverse_fn(x)
    return base_log_prob(z) + log_det.detach()


def detaches_z(x: Tensor, inverse_fn: Inverse, base_log_prob: LogDensity) -> Tensor:
    z, log_det = inverse_fn(x)
    return base_log_prob(z.detach()) + log_det


def computes_in_double(x: Tensor, inverse_fn: Inverse, base_log_prob: LogDensity) -> Tensor:
    z, log_det = inverse_fn(x)
    return base_log_prob(z).double() + log_det


def takes_the_functions_backwards(x: Tensor, inverse_fns: Sequence[Inverse], base_log_prob: LogDensity) -> Any:
    total: Any = 0.0
    for inverse_fn in reversed(inverse_fns):
        x, log_det = inverse_fn(x)
        total = total + log_det
    return base_log_prob(x) + total


def gives_every_function_x(x: Tensor, inverse_fns: Sequence[Inverse], base_log_prob: LogDensity) -> Any:
    total: Any = 0.0
    z = x
    for inverse_fn in inverse_fns:
        z, log_det = inverse_fn(x)
        total = total + log_det
    return base_log_prob(z) + total


def keeps_the_last_log_det(x: Tensor, inverse_fns: Sequence[Inverse], base_log_prob: LogDensity) -> Any:
    log_det: Any = 0.0
    for inverse_fn in inverse_fns:
        x, log_det = inverse_fn(x)
    return base_log_prob(x) + log_det


def forgets_all_log_dets(x: Tensor, inverse_fns: Sequence[Inverse], base_log_prob: LogDensity) -> Any:
    for inverse_fn in inverse_fns:
        x, _ = inverse_fn(x)
    return base_log_prob(x)


def subtracts_all_log_dets(x: Tensor, inverse_fns: Sequence[Inverse], base_log_prob: LogDensity) -> Any:
    total: Any = 0.0
    for inverse_fn in inverse_fns:
        x, log_det = inverse_fn(x)
        total = total - log_det
    return base_log_prob(x) + total


def averages_the_log_dets(x: Tensor, inverse_fns: Sequence[Inverse], base_log_prob: LogDensity) -> Any:
    total: Any = 0.0
    for inverse_fn in inverse_fns:
        x, log_det = inverse_fn(x)
        total = total + log_det / len(inverse_fns)
    return base_log_prob(x) + total


def multiplies_the_log_dets(x: Tensor, inverse_fns: Sequence[Inverse], base_log_prob: LogDensity) -> Any:
    total: Any = 1.0
    for inverse_fn in inverse_fns:
        x, log_det = inverse_fn(x)
        total = total * log_det
    return base_log_prob(x) + total


def asks_the_base_at_every_stage(x: Tensor, inverse_fns: Sequence[Inverse], base_log_prob: LogDensity) -> Any:
    total: Any = 0.0 if inverse_fns else base_log_prob(x)
    for inverse_fn in inverse_fns:
        x, log_det = inverse_fn(x)
        total = total + base_log_prob(x) + log_det
    return total * torch.ones_like(x[..., 0])


def asks_the_base_about_the_first_x(x: Tensor, inverse_fns: Sequence[Inverse], base_log_prob: LogDensity) -> Any:
    total: Any = 0.0
    z = x
    for inverse_fn in inverse_fns:
        z, log_det = inverse_fn(z)
        total = total + log_det
    return base_log_prob(x) + total


def starts_with_the_first_function(x: Tensor, inverse_fns: Sequence[Inverse], base_log_prob: LogDensity) -> Any:
    z, total = inverse_fns[0](x)
    for inverse_fn in inverse_fns[1:]:
        z, log_det = inverse_fn(z)
        total = total + log_det
    return base_log_prob(z) + total


def accumulates_in_place(x: Tensor, inverse_fns: Sequence[Inverse], base_log_prob: LogDensity) -> Any:
    total: Any = None
    for inverse_fn in inverse_fns:
        x, log_det = inverse_fn(x)
        if total is None:
            total = log_det
        else:
            total += log_det
    return base_log_prob(x) if total is None else base_log_prob(x) + total


def sums_in_double(x: Tensor, inverse_fns: Sequence[Inverse], base_log_prob: LogDensity) -> Any:
    total = torch.zeros(x.shape[:-1], dtype=torch.float64, device=x.device)
    for inverse_fn in inverse_fns:
        x, log_det = inverse_fn(x)
        total = total + log_det
    return (base_log_prob(x) + total).double()


_DTYPE = "Which dtype went in, and which came out? A model in float32 cannot use the two together."
_LOGARITHM = "inverse_fn returns the logarithm of a determinant already. What do you still have to do to it?"
_WHOSE = "You add with +=. Whose tensor does that write to, and is it yours?"
_STRETCHED = (
    "Stretching the space should lower the density. With z = x / 2, is yours at the peak lower than the base's?"
)
_INTEGRAL = "Integrate your density over x for z = x / 2. What comes out?"
_SPACE = "The base density lives in the space of z. Which point do you ask it about?"

ONE: dict[Callable[..., Any], str] = {
    subtracts_the_log_det: _STRETCHED,
    forgets_the_log_det: _INTEGRAL,
    asks_the_base_about_x: _SPACE,
    sums_over_the_batch: "Three points need three log-densities. Which dimension do you sum over, and why?",
    averages_over_the_batch: "Every point of your batch gets the same log-density; to which of them does it belong?",
    adds_the_log_dets_of_all_examples: (
        "Evaluate a point alone and then together with others. Why does its log-density change?"
    ),
    divides_the_log_det_by_the_dimension: (
        "Halve every coordinate of a square and of a cube. Does the volume shrink by the same factor?"
    ),
    adds_the_determinant: _LOGARITHM,
    takes_the_log_of_the_log_det: _LOGARITHM,
    takes_the_size_of_the_log_det: (
        "A map may stretch space or shrink it. What does the sign of the log-determinant tell, and do you keep it?"
    ),
    returns_the_density: "Far from all data a log-density falls without end. Where does yours go?",
    multiplies_densities: "A point 60 standard deviations out is as easy as others. Where does its exponent vanish?",
    adds_in_place: _WHOSE,
    detaches_the_log_det: (
        "Your values are right, but trained with them a flow shrinks all data to a point. Which term pushes back, and "
        "does its gradient arrive?"
    ),
    detaches_z: "Your values are right, but the data never pull at your flow. Which path from x to the value is cut?",
    computes_in_double: _DTYPE,
}

SEVERAL: dict[Callable[..., Any], str] = {
    takes_the_functions_backwards: (
        "Subtract 1 and then halve, or halve and then subtract 1: which of them is your list of functions?"
    ),
    gives_every_function_x: "What does the second function get: x, or what the first one made of it?",
    keeps_the_last_log_det: "Two maps that each halve every length: by how much do both together shrink a volume?",
    forgets_all_log_dets: _INTEGRAL,
    subtracts_all_log_dets: _STRETCHED,
    averages_the_log_dets: "Put a map behind itself. Does the change of volume double in your code, or stay?",
    multiplies_the_log_dets: "Determinants of maps in a row multiply. What do their logarithms do?",
    asks_the_base_at_every_stage: "The base density is that of the last space. How often do you ask for it, and where?",
    asks_the_base_about_the_first_x: _SPACE,
    starts_with_the_first_function: "Your list of functions may be empty. What density is left then?",
    accumulates_in_place: _WHOSE,
    sums_in_double: _DTYPE,
}
