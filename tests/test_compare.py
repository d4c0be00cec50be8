"""Comparison: structure first, no broadcast, NaN equals nothing, and sentences that give no right value away."""

from __future__ import annotations

import math
import re
from typing import Any

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given
from torch import Tensor

from grader.compare import (
    FORMULA,
    MAX_SHOWN,
    ROUNDED,
    Tolerance,
    assert_structure,
    assert_value,
    close,
    describe_type,
    expect,
    format_value,
)
from grader.errors import CheckFailed
from grader.model import Cause
from grader.worker.wire import DTYPES, Opaque

INF, NAN = math.inf, math.nan
EXACT = Tolerance(rtol=0.0, atol=0.0)
FLOATS = st.floats(allow_nan=False, allow_infinity=False, width=64)
HOSTILE = [
    None,
    True,
    3,
    1.5,
    "1.5",
    Opaque("Anything"),
    [],
    (),
    {},
    {"value": 1.5},
    [[1.5, 2.5]],
    (torch.tensor(1.5),),
    torch.tensor([]),
    torch.tensor([[1.5, 2.5]]),
    torch.tensor([1.5, 2.5]),
    torch.tensor([1.5 + 0j, 2.5], dtype=torch.complex128),
]


def tensor(*values: float, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.tensor(values, dtype=dtype)


def failure(actual: Any, expected: Any, tolerance: Tolerance = FORMULA) -> CheckFailed:
    with pytest.raises(CheckFailed) as caught:
        assert_value(actual, expected, tolerance=tolerance)
    return caught.value


@pytest.mark.parametrize("actual", HOSTILE, ids=repr)
def test_nothing_else_stands_for_a_tensor(actual: Any) -> None:
    assert failure(actual, tensor(1.5, 2.5)).cause in (Cause.SHAPE, Cause.DTYPE)


@pytest.mark.parametrize("shape", [(), (1,), (3, 1), (1, 3), (2, 3), (6,)])
def test_a_shape_that_would_broadcast_is_another_shape(shape: tuple[int, ...]) -> None:
    found = failure(torch.ones(shape, dtype=torch.float64), torch.ones(3, dtype=torch.float64))
    assert found.cause is Cause.SHAPE
    assert found.message == f"expected shape [3], got {list(shape)}."


def test_a_wrong_dtype_is_named_without_a_word_about_inputs() -> None:
    # rademacher(shape, generator=g) has no input that has a dtype.
    wrong = failure(torch.tensor([1, -1]), torch.tensor([1.0, -1.0]))
    assert wrong.message == "expected dtype float32, got int64."


@pytest.mark.parametrize("got", DTYPES.values(), ids=str)
@pytest.mark.parametrize("wanted", [torch.float64, torch.float32, torch.int64, torch.bool], ids=str)
def test_the_dtype_must_be_the_same(got: torch.dtype, wanted: torch.dtype) -> None:
    actual, expected = torch.ones(2, dtype=got), torch.ones(2, dtype=wanted)
    if got == wanted:
        assert_value(actual, expected)
    else:
        assert failure(actual, expected).cause is Cause.DTYPE


def test_shape_is_said_before_dtype_and_dtype_before_values() -> None:
    assert failure(tensor(NAN, dtype=torch.float32), tensor(1, 2)).cause is Cause.SHAPE
    assert failure(tensor(NAN, 2, dtype=torch.float32), tensor(1, 2)).cause is Cause.DTYPE
    assert failure(tensor(NAN, 3), tensor(1, 2)).cause is Cause.NON_FINITE


@given(values=st.lists(st.floats(width=64), min_size=1, max_size=4), tolerance=st.sampled_from((EXACT, FORMULA)))
def test_a_tensor_agrees_with_itself_exactly_where_it_holds_no_nan(values: list[float], tolerance: Tolerance) -> None:
    assert close(tensor(*values), tensor(*values), tolerance) is not any(math.isnan(value) for value in values)


@pytest.mark.parametrize("actual", [0.0, 1e300, -INF, NAN])
@pytest.mark.parametrize("tolerance", [EXACT, FORMULA, *ROUNDED.values()])
def test_only_an_infinity_equals_the_same_infinity(actual: float, tolerance: Tolerance) -> None:
    assert_value(tensor(INF, -INF), tensor(INF, -INF), tolerance=tolerance)
    assert not close(tensor(actual), tensor(INF), tolerance)
    assert not close(tensor(-actual), tensor(-INF), tolerance)


@given(expected=FLOATS, rtol=st.floats(0, 0.1), atol=st.floats(0, 0.1), share=st.floats(0, 0.99))
def test_a_value_inside_the_tolerance_passes_and_one_outside_does_not(
    expected: float, rtol: float, atol: float, share: float
) -> None:
    tolerance = Tolerance(rtol=rtol, atol=atol)
    bound = atol + rtol * abs(expected)
    for sign in (-1, 1):
        inside = expected + sign * share * bound
        if math.isfinite(inside) and abs(inside - expected) <= bound:
            assert close(tensor(inside), tensor(expected), tolerance)
        outside = math.nextafter(expected + sign * bound, sign * INF)
        if math.isfinite(outside) and abs(outside - expected) > bound:
            assert not close(tensor(outside), tensor(expected), tolerance)


def test_the_edge_of_the_tolerance_is_inside() -> None:
    assert close(tensor(1.25), tensor(1.0), Tolerance(rtol=0.25, atol=0.0))
    assert close(tensor(1.25), tensor(1.0), Tolerance(rtol=0.0, atol=0.25))
    assert not close(tensor(math.nextafter(1.25, 2)), tensor(1.0), Tolerance(rtol=0.25, atol=0.0))
    # Relative to the right value, not to the student's.
    assert not close(tensor(1.0), tensor(0.75), Tolerance(rtol=0.25, atol=0.0))


def test_complex_values_differ_in_their_imaginary_part_too() -> None:
    right = torch.tensor([1 + 2j], dtype=torch.complex128)
    assert_value(right.clone(), right)
    assert failure(right.conj().resolve_conj(), right).cause is Cause.MISMATCH


def test_one_wrong_entry_among_many_is_found() -> None:
    right = torch.arange(1.0, 1001.0, dtype=torch.float64)
    for position in (0, 499, 999):
        wrong = right.clone()
        wrong[position] += 1
        assert failure(wrong, right).message == "1 of 1000 values are wrong."


@pytest.mark.parametrize(
    ("actual", "message"),
    [
        (tensor(-1.5, 2.5, 4.0), "every value has the wrong sign."),
        (tensor(3.0, -5.0, -8.0), "every value is off by the same factor."),
        (tensor(2.5, -1.5, -3.0), "every value is off by the same amount."),
        (tensor(1.5, -2.5, 7.0), "1 of 3 values are wrong."),
        (tensor(0.0, 0.0, 0.0), "every value is off by the same factor."),
        (tensor(1.0, 7.0, 2.0), "3 of 3 values are wrong."),
        (tensor(1.5, NAN, -4.0), "1 of 3 values came out as nan where a finite number is right."),
        (tensor(1.5, INF, -INF), "2 of 3 values came out as inf where a finite number is right."),
    ],
)
def test_says_how_values_differ(actual: Tensor, message: str) -> None:
    assert failure(actual, tensor(1.5, -2.5, -4.0)).message == message


def test_says_little_of_a_single_value() -> None:
    assert failure(tensor(-1.0), tensor(1.0)).message == "the value is wrong."
    assert failure(tensor(NAN), tensor(1.0)).message == "the value came out as nan where a finite number is right."


def test_finite_values_where_infinite_ones_are_right_are_a_mismatch() -> None:
    assert failure(tensor(1.0, 2.0, 3.0), tensor(INF, 2.0, 3.0)).message == "1 of 3 values are wrong."


@given(
    pair=st.integers(2, 12).flatmap(lambda n: st.tuples(*[st.lists(st.floats(100, 1e6), min_size=n, max_size=n)] * 2))
)
def test_no_digit_of_the_right_values_is_in_the_message(pair: tuple[list[float], list[float]]) -> None:
    actual, expected = (tensor(*values) for values in pair)
    if close(actual, expected, FORMULA):
        return
    found = failure(actual, expected)
    numbers = set(map(int, re.findall(r"\d+", found.message)))
    assert numbers <= set(range(len(pair[0]) + 1))
    assert found.expected == format_value(expected)


def test_parts_of_a_result_are_named() -> None:
    right = (tensor(1.0), tensor(2.0, 3.0))
    assert_value(list(right), right)
    assert failure((tensor(1.0), tensor(2.0, 4.0)), right).message.startswith("Result 2 of 2: ")
    assert failure((tensor(1.0), tensor(2.0)), right).message.startswith("Result 2 of 2: expected shape [2]")


@pytest.mark.parametrize(
    ("actual", "message"),
    [
        (None, "expected 2 results in a tuple, got None."),
        (tensor(1.0), "expected 2 results in a tuple, got a tensor."),
        ((tensor(1.0),), "expected 2 results, got 1."),
        ({}, "expected 2 results in a tuple, got a Python dict."),
        ("ab", "expected 2 results in a tuple, got a Python str."),
        ((tensor(1.0), Opaque("Thing")), "Result 2 of 2: expected a tensor, got a value of type Thing"),
        ((tensor(1.0), None), "Result 2 of 2: expected a tensor, got None; does every path end in a return?"),
    ],
)
def test_another_structure_is_said(actual: Any, message: str) -> None:
    found = failure(actual, (tensor(1.0), tensor(2.0)))
    assert found.cause is Cause.SHAPE
    assert found.message.startswith(message)


@pytest.mark.parametrize("actual", [{}, {"a": tensor(1.0)}, {"a": tensor(1.0), "b": 2, "c": 3}, {"a": 1, "b": 2}, []])
def test_a_dict_must_hold_the_same_entries(actual: Any) -> None:
    right = {"a": tensor(1.0), "b": 2}
    assert_structure({"b": 5, "a": tensor(7.0)}, right)
    with pytest.raises(CheckFailed) as caught:
        assert_structure(actual, right)
    assert caught.value.cause is Cause.SHAPE


@pytest.mark.parametrize(("actual", "expected"), [(True, 1), (1, 1.0), ("1", 1), (None, 0), (Opaque("int"), 1)])
def test_plain_values_must_have_the_same_type(actual: Any, expected: Any) -> None:
    with pytest.raises(CheckFailed):
        assert_structure(actual, expected)


def test_expect_wants_a_condition_that_holds_everywhere() -> None:
    expect(True, "no")
    expect(tensor(1, 2) > 0, "no")
    for broken in (False, tensor(1, -2) > 0, tensor(NAN) > 0):
        with pytest.raises(CheckFailed, match="the sentence"):
            expect(broken, "the sentence")


@given(
    values=st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), max_size=MAX_SHOWN),
    dtype=st.sampled_from((torch.float32, torch.float64)),
)
def test_a_shown_tensor_makes_itself_again(values: list[float], dtype: torch.dtype) -> None:
    shown = torch.tensor(values, dtype=dtype)
    again = eval(format_value(shown), {"torch": torch})
    assert again.dtype == dtype
    assert again.shape == shown.shape
    assert close(again.double(), shown.double(), Tolerance(rtol=1e-6, atol=0.0))


@pytest.mark.parametrize(
    "value",
    [torch.tensor([NAN, INF, -INF]), torch.tensor([[True, False]]), torch.tensor(7), torch.empty(0, 3), (1,), [1, "a"]],
    ids=repr,
)
def test_what_is_shown_is_python(value: Any) -> None:
    again = eval(format_value(value), {"torch": torch})
    assert type(again) is type(value)
    if isinstance(value, Tensor):
        assert (again.shape, again.dtype) == (value.shape, value.dtype)
        torch.testing.assert_close(again, value, equal_nan=True)


@pytest.mark.parametrize("value", [torch.zeros(10_000), "x" * 10_000, Opaque("x" * 64)])
def test_what_is_shown_is_short(value: Any) -> None:
    assert len(format_value(value)) < 300


def test_a_small_tensor_that_claims_to_be_large_is_shown_without_being_made_large() -> None:
    vast = torch.ones(1, dtype=torch.float64).as_strided((1 << 20, 1 << 20), (0, 0))
    mixed = torch.ones(1 << 10, dtype=torch.float64).as_strided((1 << 10, 1 << 30), (1, 0))
    for value in (vast, mixed):
        assert format_value(value).startswith("<float64 tensor of shape")


def test_names_what_came() -> None:
    assert [describe_type(value) for value in (None, 1, [1], torch.ones(1), Opaque("Foo"))] == [
        "None",
        "a Python int",
        "a list of 1",
        "a tensor",
        "a value of type Foo",
    ]


def test_what_a_failure_shows_is_found_out_only_after_one() -> None:
    asked: list[str] = []

    def recognised() -> str:
        asked.append("once")
        return "forgets_the_half"

    expect(True, "it holds.", misconception=recognised)
    assert not asked
    with pytest.raises(CheckFailed) as caught:
        expect(False, "it does not hold.", misconception=recognised)
    assert (caught.value.misconception, asked) == ("forgets_the_half", ["once"])
