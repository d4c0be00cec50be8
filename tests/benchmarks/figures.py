"""What a benchmark returns."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One measured number."""

    what: str
    measured: float
    unit: str
    must: float | None = None
    """The target, in the same unit; None for a number that is only told."""
    at_least: bool = False
    """The target is a lower bound; else it is an upper one."""
    how: str = ""
    """What exactly was counted."""

    @property
    def reached(self) -> bool | None:
        """Whether the target is met; None without one."""
        if self.must is None:
            return None
        return self.measured >= self.must if self.at_least else self.measured <= self.must


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest of the values that at least this share of them does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -int(-len(ordered) * share // 1) - 1)]


def median(values: Sequence[float]) -> float:
    """The 50th percentile."""
    return quantile(values, 0.5)
