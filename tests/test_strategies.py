"""Inputs: the same for a seed, without accidental symmetry, and of the shapes that were asked for."""

from __future__ import annotations

from collections.abc import Callable

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import find, given, seed, settings
from torch import Tensor

from grader.strategies import (
    FULL_PRECISION,
    Gaussian,
    Numbers,
    beyond_the_simplest,
    diagonal_gaussians,
    numbers,
    shapes,
)

SHAPES = st.lists(st.integers(0, 4), max_size=3).map(tuple)
DECIMALS = st.sampled_from((1, 2, FULL_PRECISION))
SEEDS = st.integers(0, 2**48 - 1)
DRAWS: list[Callable[[Numbers], Tensor]] = [
    lambda source: source.normal((3, 2)),
    lambda source: source.uniform((4,), low=-1, high=2),
    lambda source: source.integers((5,), low=0, high=9),
    lambda source: source.simplex((2, 3)),
    lambda source: source.orthogonal(3),
    lambda source: source.scale_tril((2,), 3),
    lambda source: source.permutation(6),
]


@pytest.mark.parametrize("draw", DRAWS)
@given(seed=SEEDS, decimals=DECIMALS)
@settings(max_examples=20)
def test_a_source_depends_on_its_seed_alone(draw: Callable[[Numbers], Tensor], seed: int, decimals: int) -> None:
    source = Numbers(seed=seed, decimals=decimals)
    torch.manual_seed(seed % 97)
    first, second = draw(source), draw(source)
    assert torch.equal(draw(source.restarted()), first)
    assert torch.equal(draw(eval(repr(source))), first)
    again = source.restarted()
    assert [torch.equal(draw(again), one) for one in (first, second)] == [True, True]


@given(seed=SEEDS, decimals=DECIMALS, shape=SHAPES)
def test_draws_have_their_shape_and_hold_no_zero(seed: int, decimals: int, shape: tuple[int, ...]) -> None:
    source = Numbers(seed=seed, decimals=decimals)
    for drawn in (source.normal(shape), source.uniform(shape, low=-0.05, high=0.05)):
        assert (tuple(drawn.shape), drawn.dtype) == (shape, torch.float64)
        assert torch.isfinite(drawn).all()
        assert (drawn != 0).all()
        if decimals != FULL_PRECISION:
            torch.testing.assert_close(drawn, (10**decimals * drawn).round() / 10**decimals)


@given(seed=SEEDS, size=st.integers(1, 5))
def test_structured_draws_are_what_they_say(seed: int, size: int) -> None:
    source = Numbers(seed=seed, decimals=2)
    rows = source.simplex((3, size))
    assert (rows > 0).all()
    torch.testing.assert_close(rows.sum(-1), torch.ones(3, dtype=torch.float64))
    q = source.orthogonal(size)
    torch.testing.assert_close(q @ q.T, torch.eye(size, dtype=torch.float64))
    lower = source.scale_tril((2,), size)
    assert torch.equal(lower, torch.tril(lower))
    assert (lower.diagonal(dim1=-2, dim2=-1) >= 0.4).all()
    order = source.permutation(size)
    assert sorted(order.tolist()) == list(range(size))
    assert size == 1 or order.tolist() != list(range(size))
    whole = source.integers((20,), low=-2, high=3)
    assert whole.dtype == torch.int64
    assert set(whole.tolist()) <= set(range(-2, 3))


def test_the_simplest_source_rounds_to_one_decimal() -> None:
    assert find(numbers(), lambda source: True).decimals == 1


def test_the_simplest_shape_comes_first() -> None:
    assert find(shapes(batch_shapes=((), (3,)), event_sizes=(2, 5)), lambda shape: True) == (2,)
    assert find(shapes(batch_shapes=((), (3,)), event_sizes=(2, 5)), lambda shape: len(shape) == 2) == (3, 2)


@given(q=diagonal_gaussians(batch_shapes=((), (2, 3)), event_sizes=(1, 4), min_logvar=-1.0, max_logvar=0.5))
def test_gaussians_are_as_asked(q: Gaussian) -> None:
    assert q.mu.shape == q.logvar.shape
    assert tuple(q.mu.shape[:-1]) in ((), (2, 3))
    assert q.mu.shape[-1] in (1, 4)
    # The lowest draw may be rounded.
    assert ((q.logvar >= -1.05) & (q.logvar <= 0.55)).all()


def first_drawn(values: st.SearchStrategy[int], of_seed: int) -> int:
    drawn: list[int] = []

    @seed(of_seed)
    @settings(max_examples=1, database=None)
    @given(values)
    def collect(value: int) -> None:
        drawn.append(value)

    collect()
    return drawn[0]


def test_beyond_the_simplest_the_first_input_is_already_drawn() -> None:
    wide = st.integers(0, 2**40)
    assert {first_drawn(wide, number) for number in range(8)} == {0}
    assert len({first_drawn(beyond_the_simplest(wide), number) for number in range(8)}) > 4
    assert first_drawn(beyond_the_simplest(st.just(7)), 0) == 7
