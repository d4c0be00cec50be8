"""Answers without content earn nothing, whatever inputs a course draws: zeros, constants, the input given back.

    python -m tests.stability.no_marks [ASSIGNMENT ...] [--secrets 50] [--jobs 2]

`grader validate` says so of one course secret; what depends on the luck of a draw shows only among many. As in
`full_marks`, the code is run in this process, and questions that train are left out.
"""

from __future__ import annotations

import sys

from grader import variants
from grader.model import Outcome
from tests.stability.full_marks import judged
from tests.stability.many_secrets import under_many_secrets


def earned_points(name: str, number: int) -> list[str]:
    """What trivial answers earn with the course secret of that number; one line for each check."""
    return [
        f"{name}, secret {number}: {question.id} {stand_in.name}: {verdict.check.points:g} for {verdict.check.name}"
        for question, stand_in, verdicts in judged(name, number, variants.trivial_answers)
        for verdict in verdicts
        if verdict.outcome is Outcome.PASSED and stand_in.name not in question.exempt
    ]


def main() -> None:
    """Print what was earned, and how much was tried; exit with 1 where anything was earned."""
    tried, found = under_many_secrets(
        earned_points, description="Do answers without content earn nothing whatever inputs are drawn?", secrets=50
    )
    earned = [line for lines in found for line in lines]
    print("\n".join(earned))
    print(f"{tried}: {len(earned)} checks passed")
    sys.exit(1 if earned else 0)


if __name__ == "__main__":
    main()
