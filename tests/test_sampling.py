"""Sampler tests: right samplers pass at the stated rate, and each way of sampling wrongly is found."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from grader.errors import CheckFailed
from grader.sampling import (
    FALSE_ALARM,
    Finding,
    assert_law,
    frequencies,
    independent_of,
    standard_normal,
    uniform,
)

N = 400
SEEDS = int(os.environ.get("SAMPLER_SEEDS", "100"))
"""A thousand take a minute; the rates were measured with as many."""
SHAPE = (N, 3, 2)
PROBABILITIES = torch.tensor([0.5, 0.2, 0.3, 0.0], dtype=torch.float64)

Sampler = Callable[[torch.Generator], Tensor]


def rejects(findings: list[Finding]) -> bool:
    try:
        assert_law(findings)
    except CheckFailed:
        return True
    return False


def rejected(sampler: Sampler, law: Callable[[Tensor], list[Finding]], seeds: int = SEEDS) -> int:
    """Of so many seeds, how many runs of the sampler are told from the law."""
    return sum(rejects(law(sampler(torch.Generator().manual_seed(seed)))) for seed in range(seeds))


def draw_normal(generator: torch.Generator) -> Tensor:
    return torch.randn(SHAPE, generator=generator)


def draw_categories(generator: torch.Generator) -> Tensor:
    return torch.multinomial(PROBABILITIES, N, replacement=True, generator=generator)


def frequencies_of(outcomes: Tensor) -> list[Finding]:
    return frequencies(outcomes, PROBABILITIES)


def test_right_samplers_pass() -> None:
    assert rejected(draw_normal, standard_normal) == 0
    assert rejected(lambda generator: torch.rand(SHAPE, generator=generator), uniform) == 0
    assert rejected(draw_categories, frequencies_of) == 0


def test_p_values_are_what_they_say() -> None:
    # At a rate that can be counted: the union bound holds, and is not so loose that nothing would be found.
    rate, runs = 0.05, 400
    for sampler, law in ((draw_normal, standard_normal), (draw_categories, frequencies_of)):
        found = [law(sampler(torch.Generator().manual_seed(seed))) for seed in range(runs)]
        alarms = sum(min(one.p for one in findings) * len(findings) < rate for findings in found)
        # 6 standard errors above what the bound allows.
        assert alarms <= runs * rate + 6 * (runs * rate) ** 0.5
        smallest = min(one.p for findings in found for one in findings)
        assert 1e-9 < smallest < 1e-3
    assert FALSE_ALARM == 1e-6


WRONG_NORMAL: dict[str, Sampler] = {
    "one row for all": lambda g: torch.randn(1, *SHAPE[1:], generator=g).expand(SHAPE),
    "one noise vector for the batch": lambda g: torch.randn(N, 1, 2, generator=g).expand(SHAPE),
    "one number for all dimensions": lambda g: torch.randn(N, 3, 1, generator=g).expand(SHAPE),
    "the variance as the standard deviation": lambda g: 4 * torch.randn(SHAPE, generator=g) / 2,
    "a spread that is too small": lambda g: 0.7 * torch.randn(SHAPE, generator=g),
    "no spread": lambda g: torch.zeros(SHAPE),
    "a mean that is off": lambda g: torch.randn(SHAPE, generator=g) + 0.5,
    "uniform noise of the right spread": lambda g: (torch.rand(SHAPE, generator=g) - 0.5) * 12**0.5,
    "positive noise": lambda g: torch.randn(SHAPE, generator=g).abs(),
    "each row twice": lambda g: torch.randn(N // 2, 3, 2, generator=g).repeat_interleave(2, 0),
    "ten rows again and again": lambda g: torch.randn(10, 3, 2, generator=g).repeat(N // 10, 1, 1),
    "a random walk": lambda g: torch.randn(SHAPE, generator=g).cumsum(0) / N**0.5,
    "nan": lambda g: torch.full(SHAPE, float("nan")),
}


@pytest.mark.parametrize("wrong", WRONG_NORMAL)
def test_wrong_normal_draws_are_found(wrong: str) -> None:
    assert rejected(WRONG_NORMAL[wrong], standard_normal) >= 0.999 * SEEDS


def _sticky(generator: torch.Generator) -> Tensor:
    """The right frequencies, but every outcome comes twice in a row."""
    return draw_categories(generator)[: N // 2].repeat_interleave(2)


WRONG_CATEGORIES: dict[str, Sampler] = {
    "all alike": lambda g: torch.randint(4, (N,), generator=g),
    "one for all": lambda g: torch.multinomial(PROBABILITIES, 1, generator=g).expand(N),
    "always the likeliest": lambda g: torch.zeros(N, dtype=torch.int64),
    "each twice": _sticky,
    "half the draws again": lambda g: draw_categories(g)[: N // 2].repeat(2),
    "another order of the categories": lambda g: (draw_categories(g) + 1) % 3,
    "logits as weights": lambda g: torch.multinomial(PROBABILITIES.exp(), N, replacement=True, generator=g),
    "an outcome that there is not": lambda g: draw_categories(g) + 4,
}


@pytest.mark.parametrize("wrong", WRONG_CATEGORIES)
def test_wrong_categories_are_found(wrong: str) -> None:
    assert rejected(WRONG_CATEGORIES[wrong], frequencies_of) >= 0.999 * SEEDS


def test_noise_that_depends_on_the_category_is_found() -> None:
    def noise(scale: float) -> Callable[[torch.Generator], tuple[Tensor, Tensor]]:
        def draw(generator: torch.Generator) -> tuple[Tensor, Tensor]:
            outcomes = draw_categories(generator)
            values = torch.randn(N, 2, generator=generator)
            return values * torch.where(outcomes == 1, scale, 1.0)[:, None], outcomes

        return draw

    for scale, expected in ((1.0, 0), (2.5, 200)):
        draws = (noise(scale)(torch.Generator().manual_seed(seed)) for seed in range(200))
        assert sum(rejects(independent_of(*drawn)) for drawn in draws) == expected


def test_what_is_found_is_said() -> None:
    wide = WRONG_NORMAL["a spread that is too small"](torch.Generator().manual_seed(0))
    with pytest.raises(CheckFailed, match="wrong spread") as caught:
        assert_law(standard_normal(wide), misconceptions={"spread": "narrow"})
    assert caught.value.misconception == "narrow"
    with pytest.raises(CheckFailed, match="sigma"):
        assert_law(standard_normal(wide), sentences={"spread": "look at sigma."})
