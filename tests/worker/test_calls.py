"""The ways of calling a function, held against autograd and finite differences."""

from __future__ import annotations

import warnings
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given
from torch import Tensor

from grader.worker import calls
from grader.worker.layout import copy_layout

X = torch.tensor([0.3, -1.2, 2.0], dtype=torch.float64)
Y = torch.tensor([1.5, 0.7, -0.4], dtype=torch.float64)
ONES = torch.ones(3, dtype=torch.float64)


def product(x: Tensor, y: Tensor, power: int = 2) -> tuple[Tensor, Tensor]:
    return x**power * y, (x * y).sum()


def test_gradients_are_those_of_the_weighted_sum() -> None:
    weights = (torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64), torch.tensor(3.0, dtype=torch.float64))
    value, (gx, gy) = calls.vjp(product, (X, Y), {"power": 2}, weights)
    torch.testing.assert_close(value[0], X**2 * Y)
    torch.testing.assert_close(gx, weights[0] * 2 * X * Y + 3 * Y)
    torch.testing.assert_close(gy, weights[0] * X**2 + 3 * X)


@given(directions=st.lists(st.floats(-2, 2), min_size=6, max_size=6))
def test_second_gradients_agree_with_finite_differences(directions: list[float]) -> None:
    along = [torch.tensor(directions[:3], dtype=torch.float64), torch.tensor(directions[3:], dtype=torch.float64)]
    weights = (ONES, torch.ones((), dtype=torch.float64))
    _, first, second = calls.vjp2(product, (X, Y), {}, weights, along)
    step = 1e-6

    def slope(x: Tensor, y: Tensor) -> Tensor:
        gradients = calls.vjp(product, (x, y), {}, weights)[1]
        return sum((g * d).sum() for g, d in zip(gradients, along, strict=True))

    assert len(first) == len(second) == 2
    for position in range(3):
        nudge = torch.zeros(3, dtype=torch.float64)
        nudge[position] = step
        change = (slope(X + nudge, Y) - slope(X - nudge, Y)) / (2 * step)
        torch.testing.assert_close(second[0][position], change, rtol=1e-5, atol=1e-6)


def test_what_does_not_depend_on_an_input_has_a_zero_gradient() -> None:
    assert calls.vjp(lambda x, y: 2 * x, (X, Y), {}, ONES)[1][1].tolist() == [0, 0, 0]
    assert [one.tolist() for one in calls.vjp(lambda x, y: ONES, (X, Y), {}, ONES)[1]] == [[0, 0, 0]] * 2
    # Linear functions have no second derivative.
    assert [one.tolist() for one in calls.vjp2(lambda x, y: x + y, (X, Y), {}, ONES, [X, Y])[2]] == [[0, 0, 0]] * 2


def test_integers_are_given_as_they_are_and_have_no_gradient() -> None:
    index = torch.tensor([2, 0])
    value, gradients = calls.vjp(lambda x, index: x[index], (X, index), {}, torch.ones(2, dtype=torch.float64))
    assert value.tolist() == [2.0, 0.3]
    assert [one.tolist() for one in gradients] == [[1, 0, 1]]


def test_gradients_are_taken_even_where_gradients_are_off() -> None:
    with torch.no_grad():
        assert calls.vjp(lambda x: x.square(), (X,), {}, ONES)[1][0].tolist() == (2 * X).tolist()


@pytest.mark.parametrize("value", [None, X[:2], (X, X), 3])
def test_there_are_no_gradients_of_a_value_of_another_shape(value: Any) -> None:
    assert calls.vjp(lambda x: value, (X,), {}, ONES)[1] is None
    assert calls.vjp2(lambda x: value, (X,), {}, ONES, [X])[1:] == (None, None)


def test_inputs_of_a_function_that_is_differentiated_are_left_alone() -> None:
    before = X.clone()
    calls.vjp(lambda x: x.square(), (X,), {}, ONES)
    assert torch.equal(X, before)
    assert not X.requires_grad


@pytest.mark.parametrize(
    ("change", "changed"),
    [
        (lambda x, y: x + y, []),
        (lambda x, y: x.add_(1), [0]),
        (lambda x, y: y.mul_(1), [1]),
        (lambda x, y: x.data.fill_(7), [0]),
        (lambda x, y: x.numpy().fill(7), [0]),
        (lambda x, y: (x.zero_(), y.zero_()), [0, 1]),
    ],
)
def test_written_inputs_are_noticed_however_they_were_written(change: Any, changed: list[int]) -> None:
    assert calls.observe(change, (X.clone(), Y.clone()), {})["changed"] == changed


def test_a_nan_that_stays_is_no_change() -> None:
    nan = torch.tensor([float("nan")])
    assert calls.observe(lambda x: x + 1, (nan,), {})["changed"] == []


def test_tensors_in_lists_and_keywords_are_watched_too() -> None:
    seen = calls.observe(lambda xs, y: xs[1].zero_(), ([X.clone(), X.clone()],), {"y": Y.clone()})
    assert seen["changed"] == [1]


@pytest.mark.parametrize(
    ("draw", "generators"),
    [
        (lambda: torch.rand(2), ["torch"]),
        (lambda: torch.manual_seed(3), ["torch"]),
        (lambda: np.random.rand(), ["numpy"]),
        (lambda: torch.rand(2, generator=torch.Generator().manual_seed(0)), []),
        (lambda: np.random.default_rng(0).normal(), []),
    ],
)
def test_global_generators_that_move_are_named(draw: Any, generators: list[str]) -> None:
    with torch.random.fork_rng():
        assert calls.observe(lambda: (draw(), None)[1], (), {})["generators"] == generators


def test_operators_are_counted() -> None:
    def count(steps: int) -> int:
        seen = calls.count(lambda x: [x + step for step in range(steps)], (X,), {})
        assert len(seen["value"]) == steps
        return int(seen["operators"])

    assert count(10) - count(5) == 5


def test_warnings_are_named_and_not_issued() -> None:
    def warn() -> None:
        for _ in range(30):
            warnings.warn("text with data in it", UserWarning, stacklevel=1)

    assert calls.observe(warn, (), {})["warnings"] == ["UserWarning"] * 20


def test_structure_holds_shapes_and_dtypes_and_no_values() -> None:
    value = (X, [Y[:2].float()], {"k": torch.tensor(True)}, 3, None, "text")
    assert calls.structure(value) == (
        ["float64", [3]],
        (["float32", [2]],),
        {"k": ["bool", []]},
        "int",
        "NoneType",
        "str",
    )


def test_the_meta_device_finds_constants_and_values_that_are_read() -> None:
    assert calls.on_meta(lambda x: x * 2, (X,), {}) == ["float64", [3]]
    assert calls.on_meta(lambda x: torch.zeros(3), (X,), {}) == "on cpu"
    for breaks in (lambda x: x + torch.zeros(3), lambda x: x * float(x[0]), lambda x: x if x.sum() > 0 else -x):
        with pytest.raises((RuntimeError, NotImplementedError)):
            calls.on_meta(breaks, (X,), {})


class _Doubled(torch.autograd.Function):
    """Its gradient makes a constant on the CPU."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return 2 * x

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return gradients[0] * torch.full((3,), 2.0)


def _with_a_hook(x: Tensor) -> Tensor:
    y = 2 * x
    y.register_hook(lambda gradient: gradient * torch.ones(3))
    return y


def _with_a_hook_on_a_node(x: Tensor) -> Tensor:
    y = 2 * x
    y.grad_fn.register_hook(lambda given, taken: (given[0] * torch.ones(3), None))
    return y


def _with_a_hook_before_a_node(x: Tensor) -> Tensor:
    y = 2 * x
    y.grad_fn.register_prehook(lambda taken: (taken[0] * torch.ones(3),))
    return y


def _with_hooks_on_what_is_saved(x: Tensor) -> Tensor:
    with torch.autograd.graph.saved_tensors_hooks(lambda saved: saved, lambda saved: saved * torch.ones(3)):
        return x.exp()


@pytest.mark.parametrize(
    "breaks",
    [
        lambda x: _Doubled.apply(x).sum() + x.exp(),
        _with_a_hook,
        _with_a_hook_on_a_node,
        _with_a_hook_before_a_node,
        pytest.param(
            _with_hooks_on_what_is_saved,
            marks=pytest.mark.skipif(
                not hasattr(torch._C._autograd, "_top_saved_tensors_default_hooks"),
                reason="torch tells of these hooks since 2.8",
            ),
        ),
    ],
)
def test_the_meta_device_finds_constants_in_gradients_of_the_students_own(breaks: calls.Function) -> None:
    assert calls.vjp(breaks, (X,), {}, torch.ones(3))[0].shape == (3,)
    with pytest.raises(RuntimeError, match=r"[Mm]eta"):
        calls.on_meta(breaks, (X,), {})


def test_the_meta_device_is_spared_gradients_that_torch_wrote(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.autograd, "backward")
    assert calls.on_meta(lambda x: (x.exp() * x).sum(), (X,), {}) == ["float64", []]


def test_the_meta_device_does_not_hold_writing_to_inputs_against_anyone() -> None:
    assert calls.on_meta(lambda x: x.mul_(2), (X,), {}) == ["float64", [3]]
    with pytest.raises(RuntimeError):
        calls.on_meta(lambda x: x.mul_(2) + torch.zeros(3), (X,), {})


@pytest.mark.parametrize(
    "tensor",
    [X, X[None].expand(4, 3), torch.arange(12.0).reshape(3, 4).T[1:], torch.tensor(2.0), torch.empty(0, 3), X[::2]],
)
def test_a_copy_has_the_same_layout_and_its_own_memory(tensor: Tensor) -> None:
    copy = copy_layout(tensor)
    assert torch.equal(copy, tensor)
    assert copy.stride() == tensor.stride() or not tensor.numel()
    assert copy.data_ptr() != tensor.data_ptr() or not tensor.numel()


def test_tensors_are_found_and_changed_in_order() -> None:
    nested = {"a": [X, (Y, 1)], "b": "text"}
    assert [one.tolist() for one in calls.tensors_in(nested)] == [X.tolist(), Y.tolist()]
    doubled = calls.map_tensors(lambda one: 2 * one, nested)
    assert doubled["a"][1][0].tolist() == (2 * Y).tolist()
    assert (doubled["a"][1][1], doubled["b"]) == (1, "text")
