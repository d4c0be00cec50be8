"""How fast a class is graded, from nothing: processes started, results stored."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from grader import grading, settings
from tests.benchmarks import course
from tests.benchmarks.figures import Figure

ASSIGNMENT = "mle"


def measure(quick: bool) -> Sequence[Figure]:
    """As `grader grade` does it, on all cores; two thirds of the class are right (see `course.mixed_class`)."""
    count = 2 if quick else 200
    submissions = course.mixed_class(ASSIGNMENT, count)
    finished: list[float] = []
    with tempfile.TemporaryDirectory() as out:
        chosen = settings.load({"out": Path(out), "jobs": 1 if quick else None}, cwd=course.COURSE, environ={})
        start = time.perf_counter()
        results = grading.grade(chosen, submissions, lambda done, of: finished.append(time.perf_counter() - start))
    full = sum(result.score == result.max_score for result in results)
    per_s = count / finished[-1]
    return [
        Figure(
            what=f"a class of {count}, {len(results[0].questions)} questions without training",
            measured=per_s,
            unit="submissions/s",
            must=4,
            at_least=True,
            how=f"{finished[-1]:.1f} s with {chosen.jobs} jobs, start included; {full} of the class get full marks",
        ),
        Figure(what="until the first result of it", measured=finished[1], unit="s", how="zygotes, oracles, recordings"),
    ]
