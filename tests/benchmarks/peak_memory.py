"""How much memory grading takes."""

from __future__ import annotations

import os
from collections.abc import Sequence

from grader.task import Task
from tests.benchmarks import course, machine
from tests.benchmarks.figures import Figure

ASSIGNMENT = "mle"


def measure(quick: bool) -> Sequence[Figure]:
    """The largest that a grading process and its zygote have been, and what a worker adds to its zygote."""
    marker = course.marker()
    count = 2 if quick else 30
    submissions = course.mixed_class(ASSIGNMENT, count)
    course.graded(marker, (Task(submission=one, device="cpu", key=one.id) for one in submissions), count)
    with marker.zygotes.of("cpu").spawn() as worker:
        added_mib = machine.memory_mib(worker.pid, "Private_Dirty", "smaps_rollup")
    (zygote,) = machine.children(os.getpid())
    how = f"after {count} submissions to {ASSIGNMENT}, a third of them wrong"
    return [
        Figure(what="peak memory of a grading process", measured=_peak_mib(os.getpid()), unit="MiB", how=how),
        Figure(what="peak memory of its zygote", measured=_peak_mib(zygote), unit="MiB", how=how),
        Figure(what="a fresh worker's own memory", measured=added_mib, unit="MiB", how="pages not shared"),
    ]


def _peak_mib(pid: int) -> float:
    return machine.memory_mib(pid, "VmHWM")
