"""Checks of one of several results, and shapes of batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from hypothesis import given
from hypothesis.strategies import SearchStrategy
from torch import Tensor

from grader.compare import FORMULA, Tolerance, assert_value
from grader.remote import Student
from grader.standard import Arguments, Function, cotangents_like, oracle_vjp
from grader.strategies import Numbers, Shape, numbers

CANCELLING = Tolerance(rtol=1e-6, atol=2e-6)
"""For small differences of larger numbers, whose rounding to float32 is what precision checks are for."""

ONE_EXAMPLE: tuple[Shape, ...] = ((), (1,))
"""Batch shapes on which a function that mixes examples can still be right, so that its formula earns its points."""

SEVERAL_EXAMPLES: tuple[Shape, ...] = ((3,), (2, 3), (3, 1, 2))
"""Batch shapes on which it cannot."""

ONE_BATCH_DIMENSION: tuple[Shape, ...] = ((2,), (3,))

THREE_EXAMPLES: tuple[Shape, ...] = ((3,),)

NO_EXAMPLE: tuple[Shape, ...] = ((0,), (0, 3))


def part_matches(
    oracle: Function, inputs: SearchStrategy[Arguments], part: int, *, tolerance: Tolerance = FORMULA
) -> Function:
    """Value: one of the results equals the oracle's in float64."""

    @given(inputs=inputs)
    def check(student: Student, inputs: Arguments) -> None:
        got = student.function(*inputs.args, **inputs.kwargs)
        assert_value(got[part], oracle(*inputs.args, **inputs.kwargs)[part], tolerance=tolerance)

    return check


def part_gradients_match(
    oracle: Function,
    inputs: SearchStrategy[Arguments],
    parts: Sequence[int],
    *,
    along: Callable[[Arguments, Sequence[Tensor]], Any] = lambda inputs, gradients: tuple(gradients),
    tolerance: Tolerance = FORMULA,
) -> Function:
    """Gradient: that of some of the results, for random cotangents, equals the oracle's.

    Args:
        oracle: The right function, of several results.
        inputs: What it is called with.
        parts: Positions of the results that are weighted; the others weigh nothing.
        along: What is compared, made from the inputs and the gradients in all of their floating-point tensors;
            an argument on a constraint is projected, and one that nothing is promised for is left out.
        tolerance: How close is close enough.
    """

    @given(inputs=inputs, source=numbers())
    def check(student: Student, inputs: Arguments, source: Numbers) -> None:
        weights = cotangents_like(oracle(*inputs.args, **inputs.kwargs), source)
        weights = tuple(weight if i in parts else torch.zeros_like(weight) for i, weight in enumerate(weights))
        got = student.function.vjp(inputs.args, weights, inputs.kwargs)
        right = oracle_vjp(oracle, inputs, weights)
        assert_value(along(inputs, got), along(inputs, right), tolerance=tolerance)

    return check
