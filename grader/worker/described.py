"""Arguments that are not plain values, described as data: code never crosses the wire, in either direction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Described:
    """What a worker makes for itself: a function, a generator or a small record, by its family's name.

    Args:
        family: A function of `grader.worker.families`.
        parameters: What it is called with; plain values and tensors, or further descriptions.
    """

    family: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class Kept:
    """A module that student code returned; it stays in its worker, where it can be called by its number."""

    number: int
