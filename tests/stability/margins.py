"""How near right answers come to what a check allows: the largest error of each check, as a share of its tolerance.

    python -m tests.stability.margins [ASSIGNMENT ...] [--secrets 20] [--jobs 2]

A share above 1 is a right answer that lost points under one of these secrets (`full_marks.py` says which). Where terms
cancel, one above a third loses them under another; rounding to half precision is bounded, and stays near 0.6. Not part
of the test suite.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

import torch
from torch import Tensor

from grader import compare
from grader.compare import Tolerance
from grader.examples import Recording
from grader.session import QuestionSession, Verdict
from tests.stability.full_marks import lost_points
from tests.stability.many_secrets import under_many_secrets

SHOWN = 1 / 3

Shares = dict[str, float]
"""By question and check."""


def shares(name: str, number: int) -> Shares:
    """Of the course secret of that number, over all right answers."""
    found: Shares = defaultdict(float)
    with _measured(found):
        lost_points(name, number)
    return dict(found)


@contextmanager
def _measured(found: Shares) -> Iterator[None]:
    agree, run = compare._agree, QuestionSession.run
    running = ""

    def measured(actual: Tensor, expected: Tensor, tolerance: Tolerance) -> Tensor:
        allowed = tolerance.atol + tolerance.rtol * expected.abs()
        share = ((actual - expected).abs() / allowed)[(actual != expected) & torch.isfinite(expected)]
        # What the oracle is recorded with lies between two checks.
        if running and share.numel():
            found[running] = max(found[running], share.max().item())
        return agree(actual, expected, tolerance)

    def named(session: QuestionSession, recording: Recording) -> Verdict:
        nonlocal running
        running = f"{session.question.id} {recording.check.name}"
        try:
            return run(session, recording)
        finally:
            running = ""

    with mock.patch.object(compare, "_agree", measured), mock.patch.object(QuestionSession, "run", named):
        yield


def main() -> None:
    """Print the checks that right answers come near to fail, the nearest first."""
    tried, found = under_many_secrets(shares, description="How much room do tolerances leave?", secrets=20)
    largest: Shares = defaultdict(float)
    for check, share in [item for one in found for item in one.items()]:
        largest[check] = max(largest[check], share)
    near = sorted(((share, check) for check, share in largest.items() if share > SHOWN), reverse=True)
    for share, check in near:
        print(f"{share:8.2f}  {check}")
    print(f"{tried}: {len(largest)} checks compare numbers; {len(near)} use more than {SHOWN:.0%} of their tolerance")


if __name__ == "__main__":
    main()
