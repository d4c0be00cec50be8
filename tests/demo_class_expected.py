"""What every submission of the demo class should get, question by question: the table and how it is read.

`demo_class_expected.toml` was worked out from the rubrics and then held against the grader. A row holds

    score    points; [least, most] where it depends on which inputs are drawn whether a mistake shows in a check
    causes   of the checks that fail; those skipped because a required one failed are not among them
    says     the misconception that the grader should name; not there where it should name none
    commits  the listed misconceptions that the code commits, where the grader cannot be sure of them
    why      why it names none although the answer is wrong, or what else a reader may wonder about

`full` and `missing` are short for full marks, and for a function that is not defined or raises NotImplementedError.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What one question of one submission should get."""

    least: float
    most: float
    causes: frozenset[str] = frozenset()
    says: str | None = None
    commits: frozenset[str] = frozenset()
    why: str = ""

    @property
    def is_certain(self) -> bool:
        """Whether score, causes and misconception are the same for all inputs that may be drawn."""
        return self.least == self.most


@dataclass(frozen=True, kw_only=True)
class HandIn:
    """What one student's submission for one assignment should get."""

    questions: dict[str, Expected]
    flags: tuple[str, ...]
    """A part of each flag that a person should see; no flag at all where there are none."""


FULL: dict[str, float] = {
    **{"mle.1": 15, "mle.2": 15, "mle.3": 15, "mle.4": 20, "mle.5": 20, "mle.6": 15},
    **{"kl.1": 20, "kl.2": 15, "kl.3": 20, "kl.4": 15, "kl.5": 10, "kl.6": 10},
}
"""The catalogue's points."""


def _expected(question: str, row: str | dict[str, Any]) -> Expected:
    if row == "full":
        return Expected(least=FULL[question], most=FULL[question])
    if row == "missing":
        return Expected(least=0.0, most=0.0, causes=frozenset({"not implemented"}))
    assert isinstance(row, dict), f"{question}: {row!r} is neither a row nor short for one"
    least, most = row["score"] if isinstance(row["score"], list) else [row["score"]] * 2
    says = row.get("says")
    return Expected(
        least=least,
        most=most,
        causes=frozenset(row["causes"]),
        says=says,
        commits=frozenset([*row.get("commits", []), *([says] if says else [])]),
        why=row.get("why", ""),
    )


def _read() -> dict[tuple[str, str], HandIn]:
    table = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
    return {
        (student, assignment): HandIn(
            questions={name: _expected(name, row) for name, row in rows.items() if name != "flags"},
            flags=tuple(rows.get("flags", ())),
        )
        for student, assignments in table.items()
        for assignment, rows in assignments.items()
    }


CLASS = _read()
"""By student and assignment."""
