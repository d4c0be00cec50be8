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


def sums_the_log_det_over_its_last_dimension(x: Tensor, inverse_fn: Inverse, base_log_prob: LogDensity) -> Tensor:
    z, log_det = inverse_fn(x)
    return base_log_prob(z) + log_det.sum(-1)


def multiplies_the_log_det_by_the_dimension(x: Tensor, inverse_fn: Inverse, base_log_prob: LogDensity) -> Tensor:
    z, log_det = inverse_fn(x)
    return base_log_prob(z) + log_det * x.shape[-1]


def multiplies_a_logarithm_by_the_determinant(x: Tensor, inverse_fn: Inverse, base_log_prob: LogDensity) -> Tensor:
    z, log_det = inverse_fn(x)
    return base_log_prob(z) * torch.exp(log_det)


def returns_the_loss(x: Tensor, inverse_fn: Inverse, base_log_prob: LogDensity) -> Tensor:
    z, log_det = inverse_fn(x)
    return -(base_log_prob(z) + log_det)


def takes_the_log_det_at_z(x: Tensor, inverse_fn: Inverse, base_log_prob: LogDensity) -> Tensor:
    z, log_det = inverse_fn(x)
    _, log_det = inverse_fn(z)
    return base_log_prob(z) + log_det


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


def returns_the_loss_of_all(x: Tensor, inverse_fns: Sequence[Inverse], base_log_prob: LogDensity) -> Any:
    total: Any = 0.0
    for inverse_fn in inverse_fns:
        x, log_det = inverse_fn(x)
        total = total + log_det
    return -(base_log_prob(x) + total)


def takes_all_log_dets_at_x(x: Tensor, inverse_fns: Sequence[Inverse], base_log_prob: LogDensity) -> Any:
    total, z = 0.0 * x.sum(-1), x
    for inverse_fn in inverse_fns:
        z, _ = inverse_fn(z)
        total = total + inverse_fn(x)[1]
    return base_log_prob(z) + total


def takes_each_log_det_at_the_result(x: Tensor, inverse_fns: Sequence[Inverse], base_log_prob: LogDensity) -> Any:
    total: Any = 0.0
    for inverse_fn in inverse_fns:
        x, _ = inverse_fn(x)
        total = total + inverse_fn(x)[1]
    return base_log_prob(x) + total


def keeps_the_first_log_det(x: Tensor, inverse_fns: Sequence[Inverse], base_log_prob: LogDensity) -> Any:
    total: Any = None
    for inverse_fn in inverse_fns:
        x, log_det = inverse_fn(x)
        total = log_det if total is None else total
    return base_log_prob(x) if total is None else base_log_prob(x) + total


def takes_the_size_of_every_log_det(x: Tensor, inverse_fns: Sequence[Inverse], base_log_prob: LogDensity) -> Any:
    total: Any = 0.0
    for inverse_fn in inverse_fns:
        x, log_det = inverse_fn(x)
        total = total + log_det.abs()
    return base_log_prob(x) + total


def starts_with_one_zero_a_row(x: Tensor, inverse_fns: Sequence[Inverse], base_log_prob: LogDensity) -> Any:
    total = torch.zeros(x.shape[0], dtype=x.dtype, device=x.device)
    for inverse_fn in inverse_fns:
        x, log_det = inverse_fn(x)
        total = total + log_det
    return base_log_prob(x) + total


def starts_with_one_single_zero_a_row(x: Tensor, inverse_fns: Sequence[Inverse], base_log_prob: LogDensity) -> Any:
    total = torch.zeros(x.shape[0], dtype=torch.float32, device=x.device)
    for inverse_fn in inverse_fns:
        x, log_det = inverse_fn(x)
        total = total + log_det
    return base_log_prob(x) + total


def starts_with_zeros_like_x(x: Tensor, inverse_fns: Sequence[Inverse], base_log_prob: LogDensity) -> Any:
    total = torch.zeros_like(x)
    for inverse_fn in inverse_fns:
        x, log_det = inverse_fn(x)
        total = total + log_det
    return base_log_prob(x) + total


_DTYPE = "Which dtype went in, and which came out? A model in float32 cannot use the two together."
_LOGARITHM = "inverse_fn returns the logarithm of a determinant already. What do you still have to do to it?"
_WHOSE = "You add with +=. Whose tensor does that write to, and is it yours?"
_STRETCHED = (
    "Stretching the space should lower the density. With z = x / 2, is yours at the peak lower than the base's?"
)
_INTEGRAL = "Integrate your density over x for z = x / 2. What comes out?"
_LIKELY = "A more likely point: does your number rise or fall?"
_WHERE = "log|det dz/dx| is that of the map from x to z. At which point do you take it?"
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
    sums_the_log_det_over_its_last_dimension: (
        "Evaluate a point alone and then together with others. Why does its log-density change?"
    ),
    multiplies_the_log_det_by_the_dimension: (
        "Halve every coordinate of a square and of a cube. By what does log|det dz/dx| differ, and who counts that?"
    ),
    multiplies_a_logarithm_by_the_determinant: (
        "Densities are multiplied by a determinant. Does base_log_prob return a density?"
    ),
    returns_the_loss: _LIKELY,
    takes_the_log_det_at_z: _WHERE,
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
    returns_the_loss_of_all: _LIKELY,
    takes_all_log_dets_at_x: "What does the second function get: x, or what the first one made of it?",
    takes_each_log_det_at_the_result: _WHERE,
    keeps_the_first_log_det: "Two maps that each halve every length: by how much do both together shrink a volume?",
    takes_the_size_of_every_log_det: (
        "A map may stretch space or shrink it. What does the sign of the log-determinant tell, and do you keep it?"
    ),
    starts_with_one_zero_a_row: (
        "A single point has no batch dimension, and a batch may have two: how many zeros does your sum start with?"
    ),
    starts_with_one_single_zero_a_row: (
        "A single point has no batch dimension, and a batch may have two: how many zeros does your sum start with?"
    ),
    starts_with_zeros_like_x: (
        "The sum that you start holds as many numbers as x. How many log-determinants has one point?"
    ),
}
