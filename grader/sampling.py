"""Tests of what a sampler draws against the law that it should draw from.

Draws are held against exact probabilities, never against golden draws, so that code may draw in any order. Each
function returns findings, one a statistic, with two-sided p-values that hold for any number of draws: binomial for
counts, normal for means, chi-square for squares, Student's t for correlations (of pairs of rows that do not overlap),
Kolmogorov-Smirnov for the shape of a distribution. `assert_law` shares one false-alarm rate among all of them
(Bonferroni), so that a correct sampler fails a check at most once in a million of submissions and inputs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import special
from torch import Tensor

from grader.compare import expect

FALSE_ALARM = 1e-6
"""How often a check of a correct sampler fails, all its statistics together."""

MAX_PAIRS = 60
"""Pairs of columns whose correlation is tested; with more, the ones that are nearest to one another."""

MIN_GROUP = 30
"""Draws of a category from which its mean and spread are tested."""

TAIL = 1.7
"""How far out draws are counted, of all columns together: near normal laws differ there by most."""

MIN_DISTINCT = 0.9
"""The share of rows that must differ. Of 10,000 float32 normal draws about 3 pairs are equal by chance."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One statistic of the draws.

    Args:
        what: `mean`, `spread`, `shape`, `dimensions` (depend on one another), `rows` (depend on one another, or
            repeat), or `frequencies`.
        p: How likely a statistic as extreme as this is under the right law, two-sided.
    """

    what: str
    p: float


SENTENCES = {
    "mean": "the draws have the wrong mean.",
    "spread": "the draws have the wrong spread.",
    "dimensions": "the dimensions of a draw depend on one another where they should not, or not where they should.",
    "rows": "the draws depend on one another, or repeat.",
    "frequencies": "the outcomes come with the wrong frequencies.",
    "shape": "the draws have the right mean and spread, but another distribution.",
}


def assert_law(
    findings: Iterable[Finding],
    *,
    false_alarm: float = FALSE_ALARM,
    sentences: Mapping[str, str] | None = None,
    misconceptions: Mapping[str, str] | None = None,
) -> None:
    """No finding is too unlikely for a sampler of the right law.

    Args:
        findings: All statistics that this check looks at.
        false_alarm: The chance that a right sampler is rejected, of all findings together.
        sentences: By what was found, what the student reads instead of the usual.
        misconceptions: By what was found, the wrong answer that it shows.

    Raises:
        CheckFailed: With what explains most: a wrong mean before a wrong spread before the shape that follows.
    """
    every = list(findings)
    found = {finding.what for finding in every if finding.p * len(every) < false_alarm}
    for what, sentence in SENTENCES.items():
        said = (sentences or {}).get(what, sentence)
        expect(what not in found, said, misconception=(misconceptions or {}).get(what))


def standard_normal(values: Tensor) -> list[Finding]:
    """Rows that should be independent draws from N(0, I); standardise other Gaussians by their exact law first.

    Args:
        values: [n, ...]; everything after the first dimension counts as one row of independent columns.
    """
    rows = _rows(values)
    n = len(rows)
    findings = [Finding(what="rows", p=1.0 if len(np.unique(rows, axis=0)) >= MIN_DISTINCT * n else 0.0)]
    findings += _moments(rows)
    distances = _kolmogorov_smirnov(special.ndtr(np.sort(rows, axis=0)))
    # Kolmogorov's limit law errs on the safe side for every finite n.
    findings += _found("shape", special.kolmogorov(np.sqrt(n) * distances))
    outside = np.array([(np.abs(rows) > TAIL).sum()])
    findings += _found("shape", _extreme(outside, rows.size, np.array([2 * special.ndtr(-TAIL)])))
    findings += _found("dimensions", _correlated(*_column_pairs(rows)))
    half = n // 2
    findings += _found("rows", _correlated(rows[0 : 2 * half : 2], rows[1 : 2 * half : 2]))
    findings += _found("rows", _correlated(rows[:half], rows[half : 2 * half]))
    return findings


def uniform(values: Tensor) -> list[Finding]:
    """Rows that should be independent draws from the unit cube, such as an exact CDF of other draws, [n, ...]."""
    rows = _rows(values)
    if ((rows <= 0) | (rows >= 1)).any():
        return [Finding(what="shape", p=0.0)]
    return standard_normal(torch.from_numpy(special.ndtri(rows)))


def frequencies(outcomes: Tensor, probabilities: Tensor) -> list[Finding]:
    """Independent draws of a category: how often each came, and each pair of neighbours.

    Args:
        outcomes: [n], integers below K. For joint laws, number the joint outcomes.
        probabilities: [K], exact; an outcome of probability zero may not come at all.
    """
    drawn, exact = outcomes.detach().cpu().numpy().reshape(-1), probabilities.detach().cpu().double().numpy()
    if ((drawn < 0) | (drawn >= len(exact))).any():
        return [Finding(what="frequencies", p=0.0)]
    single = _found("frequencies", _counts(drawn, exact))
    half = len(drawn) // 2
    neighbours = drawn[0 : 2 * half : 2] * len(exact) + drawn[1 : 2 * half : 2]
    distant = drawn[:half] * len(exact) + drawn[half : 2 * half]
    joint = np.outer(exact, exact).reshape(-1)
    return single + _found("rows", _counts(neighbours, joint)) + _found("rows", _counts(distant, joint))


def independent_of(values: Tensor, outcomes: Tensor) -> list[Finding]:
    """Standard normal rows that should not depend on a category drawn with them.

    Args:
        values: [n, ...].
        outcomes: [n], integers; categories that came fewer than `MIN_GROUP` times are left out.
    """
    rows, drawn = _rows(values), outcomes.detach().cpu().numpy().reshape(-1)
    findings: list[Finding] = []
    for category in np.unique(drawn):
        mine = rows[drawn == category]
        if len(mine) >= MIN_GROUP:
            findings += _moments(mine)
    return findings


def _rows(values: Tensor) -> Floats:
    rows: Floats = values.detach().cpu().double().reshape(len(values), -1).numpy()
    return rows


def _found(what: str, p: Floats) -> list[Finding]:
    """Findings of one kind; a statistic that is not a number is as unlikely as can be."""
    return [Finding(what=what, p=float(one)) for one in np.nan_to_num(np.atleast_1d(p), nan=0.0)]


def _moments(rows: Floats) -> list[Finding]:
    """Means and squares of standard normal columns."""
    n = len(rows)
    squares = (rows**2).sum(0)
    spreads = 2 * np.minimum(special.chdtr(n, squares), special.chdtrc(n, squares))
    return _found("mean", 2 * special.ndtr(-np.abs(rows.sum(0)) / np.sqrt(n))) + _found("spread", spreads)


def _kolmogorov_smirnov(quantiles: Floats) -> Floats:
    """By column, the largest distance between the empirical and the uniform distribution; each column is sorted."""
    n = len(quantiles)
    steps = np.arange(n + 1)[:, None] / n
    distances: Floats = np.maximum((steps[1:] - quantiles).max(0), (quantiles - steps[:-1]).max(0))
    return distances


def _counts(drawn: NDArray[np.int64], exact: Floats) -> Floats:
    """By outcome, the chance of a count as extreme."""
    return _extreme(np.bincount(drawn, minlength=len(exact)), len(drawn), exact)


def _extreme(counts: NDArray[np.int64], n: int, probabilities: Floats) -> Floats:
    """The chance of binomial counts as extreme as these."""
    at_most = special.bdtr(counts.astype(float), n, probabilities)
    at_least = np.where(counts > 0, special.bdtrc(counts - 1.0, n, probabilities), 1.0)
    p: Floats = np.minimum(1.0, 2 * np.minimum(at_most, at_least))
    return p


def _correlated(a: Floats, b: Floats) -> Floats:
    """By column, the chance of a correlation as large between independent normals (exact: Student's t, n - 2)."""
    a, b = a - a.mean(0), b - b.mean(0)
    norms = np.sqrt((a**2).sum(0) * (b**2).sum(0))
    # A column that does not vary is found by its spread.
    r = np.divide((a * b).sum(0), norms, out=np.zeros_like(norms), where=norms > 0)
    free = len(a) - 2
    p: Floats = 2 * special.stdtr(free, -np.abs(r) * np.sqrt(free / np.maximum(1 - r * r, 1e-300)))
    return p


def _column_pairs(rows: Floats) -> tuple[Floats, Floats]:
    order = sorted(combinations(range(rows.shape[1]), 2), key=lambda pair: pair[1] - pair[0])[:MAX_PAIRS]
    first, second = [i for i, _ in order], [j for _, j in order]
    return rows[:, first], rows[:, second]
