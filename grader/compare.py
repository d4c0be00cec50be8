"""Comparison of a student's values with the right ones.

Shape, dtype and finiteness come first; nothing is ever broadcast; NaN equals nothing. Values are compared in
float64 as |actual - expected| <= atol + rtol |expected|.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from grader.errors import CheckFailed
from grader.model import Cause
from grader.worker.described import Described, Kept
from grader.worker.wire import Opaque

MAX_SHOWN = 24


@dataclass(frozen=True, kw_only=True)
class Tolerance:
    """How far a value may be from the right one: atol + rtol |expected|."""

    rtol: float
    atol: float


FORMULA = Tolerance(rtol=1e-6, atol=1e-9)
"""float64 values: tells a wrong formula from rounding, and forgives a float32 constant."""

PRECISION = Tolerance(rtol=1e-9, atol=1e-12)
"""float64 kept throughout: fails a float32 constant or buffer on the way."""

ROUNDED = {
    torch.float64: PRECISION,
    torch.float32: Tolerance(rtol=2e-5, atol=1e-5),
    torch.float16: Tolerance(rtol=4e-3, atol=4e-3),
    torch.bfloat16: Tolerance(rtol=2e-2, atol=2e-2),
}
"""For results computed in each dtype (catalogue section 1; half precision was measured to err 1e-3 and 6e-3).

Terms of size 1 to 10 that cancel leave an error near 1e-6 in float32, however small their sum: with that as `atol`,
right code lost points under one course secret in some two hundred (tests/stability/margins.py).
"""


def assert_value(actual: Any, expected: Any, *, tolerance: Tolerance = FORMULA) -> None:
    """`actual` has the structure of `expected` and its values.

    Args:
        actual: What the student's code returned.
        expected: A tensor, or a tuple of tensors.
        tolerance: How close is close enough.

    Raises:
        CheckFailed: With the first of shape, dtype, non-finite or mismatch that applies.
    """
    assert_structure(actual, expected)
    if isinstance(expected, Tensor):
        _assert_close(actual, expected, tolerance, "")
        return
    for position, (got, wanted) in enumerate(zip(actual, expected, strict=True)):
        _assert_close(got, wanted, tolerance, f"Result {position + 1} of {len(expected)}: ")


def assert_structure(actual: Any, expected: Any, *, where: str = "") -> None:
    """`actual` nests, and has shapes and dtypes, as `expected` does; a list may stand for a tuple.

    Raises:
        CheckFailed: With cause shape or dtype.
    """
    if isinstance(expected, tuple | list):
        if not isinstance(actual, tuple | list):
            wanted = f"expected {len(expected)} results in a tuple, got {describe_type(actual)}"
            raise CheckFailed(Cause.SHAPE, f"{where}{wanted}.")
        if len(actual) != len(expected):
            raise CheckFailed(Cause.SHAPE, f"{where}expected {len(expected)} results, got {len(actual)}.")
        for position, (got, part) in enumerate(zip(actual, expected, strict=True)):
            assert_structure(got, part, where=f"{where}Result {position + 1} of {len(expected)}: ")
        return
    if isinstance(expected, Tensor):
        _assert_tensor(actual, expected, where)
        return
    if isinstance(expected, dict) and isinstance(actual, dict):
        if actual.keys() != expected.keys():
            raise CheckFailed(Cause.SHAPE, f"{where}expected a dict with the keys {', '.join(map(str, expected))}.")
        for key, part in expected.items():
            assert_structure(actual[key], part, where=f"{where}Entry {key}: ")
        return
    if type(actual) is not type(expected):
        wanted = f"expected {describe_type(expected)}, got {describe_type(actual)}"
        raise CheckFailed(Cause.SHAPE, f"{where}{wanted}.")


def _assert_tensor(actual: Any, expected: Tensor, where: str) -> None:
    if not isinstance(actual, Tensor):
        advice = "; does every path end in a return?" if actual is None else "; return a torch tensor."
        raise CheckFailed(Cause.SHAPE, f"{where}expected a tensor, got {describe_type(actual)}{advice}")
    if actual.shape != expected.shape:
        wanted, got = list(expected.shape), list(actual.shape)
        raise CheckFailed(Cause.SHAPE, f"{where}expected shape {wanted}, got {got}.")
    if actual.dtype != expected.dtype:
        wanted_dtype, got_dtype = _name(expected.dtype), _name(actual.dtype)
        raise CheckFailed(Cause.DTYPE, f"{where}expected dtype {wanted_dtype}, got {got_dtype}.")


def _assert_close(actual: Tensor, expected: Tensor, tolerance: Tolerance, where: str) -> None:
    got, wanted = _widened(actual), _widened(expected)
    if close(got, wanted, tolerance):
        return
    shown = format_value(expected)
    bad = ~torch.isfinite(got) & torch.isfinite(wanted)
    if bad.any():
        kind = "nan" if torch.isnan(got[bad]).any() else "inf"
        count = f"{int(bad.sum())} of {got.numel()} values" if got.numel() > 1 else "the value"
        raise CheckFailed(
            Cause.NON_FINITE, f"{where}{count} came out as {kind} where a finite number is right.", expected=shown
        )
    raise CheckFailed(Cause.MISMATCH, f"{where}{_pattern(got, wanted, tolerance)}", expected=shown)


def _widened(value: Tensor) -> Tensor:
    return value.detach().to(torch.complex128 if value.is_complex() else torch.float64)


def close(actual: Tensor, expected: Tensor, tolerance: Tolerance) -> bool:
    """Whether two tensors of one shape agree everywhere; equal infinities do, NaN never does."""
    return bool(_agree(actual, expected, tolerance).all())


def _agree(actual: Tensor, expected: Tensor, tolerance: Tolerance) -> Tensor:
    # rtol of an infinite value would forgive every error.
    near = (actual - expected).abs() <= tolerance.atol + tolerance.rtol * expected.abs()
    return (actual == expected) | (near & torch.isfinite(expected))


def _pattern(actual: Tensor, expected: Tensor, tolerance: Tolerance) -> str:
    """How the values differ, as far as that can be said without giving the right ones away."""
    if actual.numel() == 1:
        return "the value is wrong."
    if close(actual, -expected, tolerance):
        return "every value has the wrong sign."
    if actual.numel() == expected.numel() >= 3 and torch.isfinite(expected).all():
        ratio = actual / expected
        if torch.isfinite(ratio).all() and close(ratio, ratio.mean().expand_as(ratio), tolerance):
            return "every value is off by the same factor."
        offset = actual - expected
        if close(offset, offset.mean().expand_as(offset), tolerance):
            return "every value is off by the same amount."
    wrong = int((~_agree(actual, expected, tolerance)).sum())
    return f"{wrong} of {actual.numel()} values are wrong."


def expect(
    condition: bool | Tensor, message: str, *, misconception: str | Callable[[], str | None] | None = None
) -> None:
    """A condition that must hold, for laws that are not equalities.

    Args:
        condition: What must be true; a tensor must be true everywhere.
        message: One sentence to the student, without any number of theirs or ours.
        misconception: The name of the one wrong answer that a failure shows, where that has been measured; or what
            finds it out, and is asked only after a failure.

    Raises:
        CheckFailed: With cause mismatch.
    """
    holds = bool(condition.all()) if isinstance(condition, Tensor) else condition
    if not holds:
        shown = misconception() if callable(misconception) else misconception
        raise CheckFailed(Cause.MISMATCH, message, misconception=shown)


def describe_type(value: Any) -> str:
    """What kind of value this is, for a sentence."""
    if isinstance(value, Tensor):
        return "a tensor"
    if isinstance(value, tuple | list):
        return f"a {type(value).__name__} of {len(value)}"
    if isinstance(value, Opaque):
        return f"a value of type {value.type_name}"
    if isinstance(value, Kept):
        return "a torch.nn.Module"
    return "None" if value is None else f"a Python {type(value).__name__}"


def format_value(value: Any) -> str:
    """A value as Python that makes it again, where it is small enough; else its shape and first entries."""
    if isinstance(value, Tensor):
        return _format_tensor(value)
    if isinstance(value, tuple):
        inside = ", ".join(format_value(item) for item in value)
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    if isinstance(value, list):
        return f"[{', '.join(format_value(item) for item in value)}]"
    if isinstance(value, str | bytes):
        return repr(value[:200])
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key!r}: {format_value(item)}' for key, item in value.items())}}}"
    if isinstance(value, Described):
        return _format_described(value)
    return repr(value)


def _format_described(value: Described) -> str:
    if value.family == "generator":
        return f"torch.Generator().manual_seed({value.parameters['seed']})"
    if value.family == "record":
        return f"{value.parameters['type_name']}({_named(value.parameters['fields'])})"
    inside = _named(value.parameters)
    return f"<{value.family}: {inside}>" if inside else f"<{value.family}>"


def _named(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={format_value(item)}" for name, item in values.items())


def _format_tensor(value: Tensor) -> str:
    suffix = "" if value.dtype in (torch.float32, torch.int64, torch.bool) else f", dtype=torch.{_name(value.dtype)}"
    if value.numel() > MAX_SHOWN:
        # Flattening would copy a tensor whose strides make much of little.
        places = [np.unravel_index(place, value.shape) for place in range(6)]
        first = ", ".join(_number(value[place].item()) for place in places)
        return f"<{_name(value.dtype)} tensor of shape {list(value.shape)}: {first}, ...>"
    return (
        f"torch.tensor({_nested(value.tolist())}{suffix})"
        if value.numel()
        else (f"torch.empty({list(value.shape)}{suffix})")
    )


def _nested(values: Any) -> str:
    if isinstance(values, list):
        return f"[{', '.join(_nested(item) for item in values)}]"
    return _number(values)


def _number(value: Any) -> str:
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            return f"float('{value}')"
        text = f"{value:.10g}"
        return text if any(mark in text for mark in ".en") else f"{text}."
    return str(value)


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
