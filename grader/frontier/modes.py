"""Which modes of the data samples reach: those of the ring exactly, those of the digits by a classifier."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from grader.frontier import data as data_sets
from grader.frontier.data import Data

Array = NDArray[np.float64]

NEAR_STDS = 4.0
"""From its centre, within which a point counts as one of that mode: of the ring's own points, all but 1 of 3,000."""

MISSED = 0.2
"""Of the share that a mode should have, below which it is missed."""


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """What share of the samples each mode has."""

    names: tuple[str, ...]
    expected: tuple[float, ...]
    found: tuple[float, ...]
    between: float | None
    """The share of samples that are near no mode; None where that is not known."""

    @property
    def missed(self) -> tuple[str, ...]:
        """Modes with too small a share."""
        pairs = zip(self.names, self.expected, self.found, strict=True)
        return tuple(name for name, right, share in pairs if share < MISSED * right)

    def sentences(self) -> list[str]:
        """What went wrong."""
        said = []
        if self.missed:
            said.append(f"{len(self.missed)} of {len(self.names)} modes missed ({', '.join(self.missed)})")
        if self.between is not None and self.between > 0.01:
            said.append(f"{100 * self.between:.1f}% of samples between the modes")
        return said


def coverage(data: Data, samples: Array) -> Coverage:
    """Of samples as the data come, [n, dim]."""
    return _ring(samples) if data.name == "ring" else _digits(samples)


def _ring(samples: Array) -> Coverage:
    centres = data_sets.ring_centres()
    distances = np.sqrt(((samples[:, None, :] - centres) ** 2).sum(-1))
    nearest, near = distances.argmin(1), distances.min(1) <= NEAR_STDS * data_sets.RING_STD
    found = np.bincount(nearest[near], minlength=len(centres)) / len(samples)
    names = tuple(f"{360 * i // len(centres)} degrees" for i in range(len(centres)))
    return Coverage(
        names=names, expected=data_sets.RING_WEIGHTS, found=tuple(map(float, found)), between=float((~near).mean())
    )


def _digits(samples: Array) -> Coverage:
    labels = data_sets.digit_labels()
    found = np.bincount(_reader().predict(samples), minlength=10) / len(samples)
    expected = np.bincount(labels, minlength=10) / len(labels)
    return Coverage(
        names=tuple(map(str, range(10))),
        expected=tuple(map(float, expected)),
        found=tuple(map(float, found)),
        between=None,
    )


@cache
def _reader():  # type: ignore[no-untyped-def]  # scikit-learn ships no types
    """A classifier of digits, right about 98 of 100 held-out images."""
    from sklearn.svm import SVC

    digits = data_sets.load("digits")
    fit = data_sets.quantised(digits, digits.fit.double().numpy())
    return SVC(C=10, gamma=0.001).fit(fit, data_sets.digit_labels()[-len(fit) :])
