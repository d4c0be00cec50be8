"""What is concluded from made-up findings, whose right conclusions are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from grader.frontier import table, validity
from grader.frontier.measures import Estimate, mean_of
from grader.frontier.plan import Plan
from grader.frontier.records import EvidenceRow, Finding
from grader.frontier.runs import Row

DIM, POINTS = 4, 200
NOISE = np.random.default_rng(0).standard_normal(POINTS)
"""How hard each point is, for every model alike."""


def row(title: str, kinds: dict[str, float], *, none: str = "", distance: float = 1.0, jitter: int = 0) -> Row:
    """A model whose evidence of each kind has this mean of bits a dimension."""
    arrays: dict[str, NDArray[np.float64]] = {"samples": np.zeros((3, DIM))}
    evidence = []
    for i, (kind, bits) in enumerate(kinds.items()):
        own = 0.05 * np.random.default_rng(jitter + 1).standard_normal(POINTS) if jitter else 0.0
        log_density = -DIM * math.log(2) * (bits + NOISE - NOISE.mean() + own)
        arrays[f"log_density_{i}"] = log_density
        per_dim = mean_of(-log_density / DIM / math.log(2))
        evidence.append(
            EvidenceRow(kind=kind, way=kind, nats=mean_of(-log_density), bits_per_dim=per_dim, excess=None, caveat="")
        )
    finding = Finding(
        model=title,
        title=title,
        place=1,
        data="ring",
        uses={},
        judged_by="project",
        confined=False,
        steps=1,
        train_s=1.0,
        sampling_calls=1,
        sampling_s=1.0,
        evidence=tuple(evidence),
        no_likelihood=none,
        energy_distance=Estimate(value=distance, error=0.1),
        told_apart=Estimate(value=0.6, error=0.01),
        coverage=None,
        failures=(),
    )
    return Row(model=title, title=title, data="ring", plan=Plan(uses={}, notes=()), finding=finding, arrays=arrays)


def verdict(a: Row, b: Row) -> validity.Verdict:
    (found,) = validity.verdicts([a, b])
    return found


def test_exact_likelihoods_compare_by_point() -> None:
    """A difference far smaller than the spread of points is seen, because the points are the same."""
    found = verdict(row("A", {"exact": 2.0}), row("B", {"exact": 2.01}, jitter=1))
    assert found.valid
    assert found.sentence.startswith("A is better by 0.0")
    assert found.sentence.endswith("bits a dimension, on the same points")


def test_a_difference_within_chance_is_none() -> None:
    found = verdict(row("A", {"exact": 2.0}, jitter=1), row("B", {"exact": 2.0}, jitter=2))
    assert found.valid
    assert found.sentence.startswith("no difference beyond chance")


def test_a_bound_below_an_exact_likelihood_says_nothing() -> None:
    for pair in (
        (row("A", {"exact": 2.0}), row("B", {"lower": 2.5})),
        (row("B", {"lower": 2.5}), row("A", {"exact": 2.0})),
    ):
        found = verdict(*pair)
        assert not found.valid
        assert found.sentence.startswith("undetermined: the bound of B is not above the likelihood of A")


def test_a_bound_above_an_exact_likelihood_decides() -> None:
    found = verdict(row("A", {"exact": 2.0}), row("B", {"lower": 1.5}, jitter=1))
    assert found.valid
    assert found.sentence.startswith("B is better by at least 0.5")


def test_two_bounds_do_not_compare_however_far_apart() -> None:
    found = verdict(row("A", {"lower": 1.0}), row("B", {"lower": 9.0}))
    assert not found.valid
    assert "two bounds" in found.sentence


def test_no_likelihood_compares_with_nothing_and_says_why() -> None:
    found = verdict(row("A", {}, none="it has no density"), row("B", {"exact": 2.0}))
    assert not found.valid
    assert found.sentence == "no likelihood to compare (A: it has no density)"


def test_what_is_not_finite_is_no_likelihood() -> None:
    broken = row("A", {"exact": math.nan})
    assert validity.main_evidence(broken.finding) is None if broken.finding else False
    assert verdict(broken, row("B", {"exact": 2.0})).sentence == "no likelihood to compare (A: it is not finite)"


def test_exact_evidence_goes_before_a_higher_bound() -> None:
    finding = row("A", {"lower": 1.0, "exact": 2.0}).finding
    assert finding is not None
    shown = validity.main_evidence(finding)
    assert shown is not None
    assert shown.kind == "exact"


def test_two_models_that_the_two_measures_order_otherwise_are_named() -> None:
    rows = [row("A", {"exact": 2.0}, distance=3.0), row("B", {"exact": 2.5}, distance=1.0)]
    named = "Likelihood is not sample quality: A has the better figure of likelihood, B the better samples."
    assert validity.warnings(rows)[0].startswith(named)


def test_no_models_are_named_where_chance_may_have_ordered_them() -> None:
    rows = [row("A", {"exact": 2.0}, distance=1.1), row("B", {"exact": 2.5}, distance=1.0)]
    assert validity.warnings(rows)[0].startswith("Likelihood is not sample quality. Neither")


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (2.18734, 0.0121, "2.187(12)"),
        (26.221, 0.401, "26.22(40)"),
        (0.0021, 0.0048, "0.0021(48)"),
        (1234.0, 70.0, "1234(70)"),
        (2.0, 0.0, "2.000(0)"),
        (math.nan, 1.0, "not finite"),
    ],
)
def test_errors_are_in_units_of_the_last_digit(value: float, error: float, text: str) -> None:
    assert table.brief(Estimate(value=value, error=error)) == text
