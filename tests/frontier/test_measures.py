"""The two measures of samples, against loops, against scipy, and their standard errors against repetition."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import energy_distance as scipy_energy_distance

from grader.frontier.measures import Estimate, energy_distance, mean_of, told_apart

Array = NDArray[np.float64]


def draw(n: int, seed: int, *, shift: float = 0.0, dim: int = 2) -> Array:
    return np.random.default_rng(seed).standard_normal((n, dim)) + shift


def test_the_energy_distance_is_what_loops_over_pairs_give() -> None:
    x, y = draw(7, 0), draw(5, 1, shift=1.0)

    def mean_distance(first: Array, second: Array, same: bool) -> float:
        pairs = [(i, j) for i in range(len(first)) for j in range(len(second)) if not (same and i == j)]
        return float(np.mean([np.linalg.norm(first[i] - second[j]) for i, j in pairs]))

    right = 2 * mean_distance(x, y, False) - mean_distance(x, x, True) - mean_distance(y, y, True)
    assert energy_distance(x, y).value == pytest.approx(right, rel=1e-12)


def test_in_one_dimension_it_is_scipys_squared_but_for_pairs_of_a_point_with_itself() -> None:
    x, y = draw(40, 0, dim=1), draw(30, 1, shift=0.7, dim=1)
    n, m = len(x), len(y)
    within_x, within_y = (np.abs(some - some.T).mean() for some in (x, y))
    with_itself = scipy_energy_distance(x[:, 0], y[:, 0]) ** 2
    unbiased = with_itself + within_x + within_y - within_x * n / (n - 1) - within_y * m / (m - 1)
    assert energy_distance(x, y).value == pytest.approx(unbiased, rel=1e-10)


@pytest.mark.parametrize("shift", [0.0, 0.3, 2.0])
def test_its_standard_error_is_the_spread_of_repetitions(shift: float) -> None:
    """Where the distributions are the same too: there only what pairs add is left."""
    found = [energy_distance(draw(60, 2 * i), draw(80, 2 * i + 1, shift=shift)) for i in range(300)]
    spread = np.std([each.value for each in found], ddof=1)
    claimed = np.sqrt(np.mean([each.error**2 for each in found]))
    # The spread of 300 numbers is known to 4%.
    assert 0.8 * spread < claimed < 1.2 * spread


def test_the_energy_distance_of_equal_distributions_is_zero_on_average() -> None:
    values = np.array([energy_distance(draw(40, 2 * i), draw(50, 2 * i + 1)).value for i in range(300)])
    mean = mean_of(values)
    assert abs(mean.value) < 5 * mean.error


def test_equal_distributions_are_told_apart_by_chance_alone() -> None:
    shares = np.array([told_apart(draw(200, 2 * i), draw(200, 2 * i + 1), seed=i).value for i in range(40)])
    mean = mean_of(shares)
    assert abs(mean.value - 0.5) < 5 * mean.error


def test_distributions_without_overlap_are_always_told_apart() -> None:
    found = told_apart(draw(100, 0), draw(60, 1, shift=50.0))
    assert found.value == 1.0
    assert found.error > 0


def test_repeated_samples_are_found_among_many_different_ones() -> None:
    """Points that stand on few places are told from data, whatever the places are."""
    data = draw(600, 0)
    assert told_apart(np.repeat(data[:20], 30, axis=0), draw(600, 1)).value > 0.7


def test_a_mean_has_the_error_of_the_textbook() -> None:
    assert mean_of(np.array([1.0, 3.0])) == Estimate(value=2.0, error=1.0)
