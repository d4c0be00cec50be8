"""How long a student with a right answer waits, once the grading process is warm."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from grader.task import Task
from tests.benchmarks import course
from tests.benchmarks.figures import Figure, median

ASSIGNMENT = "gaussian_kl"


def measure(quick: bool) -> Sequence[Figure]:
    """From handing out a submission until its result is complete; the first ones warm the process up."""
    warm_up, count = (0, 1) if quick else (3, 10)
    times_s: list[float] = []

    def timed() -> Iterator[Task]:
        for task in course.right(ASSIGNMENT):
            start = time.perf_counter()
            yield task
            times_s.append(time.perf_counter() - start)

    # The next task is asked for only once a result is told, so one more is drawn than is timed.
    results = course.graded(course.marker(), timed(), warm_up + count + 1)
    assert all(result.score == result.max_score for result in results)
    questions = results[0].questions
    checks = sum(len(question.checks) for question in questions)
    how = f"of {count} after {warm_up}; {len(questions)} questions, {checks} checks"
    return [
        Figure(
            what=f"one full-marks {ASSIGNMENT} submission, warm, p50",
            measured=median(times_s[warm_up : warm_up + count]),
            unit="s",
            must=0.5,
            how=how,
        )
    ]
