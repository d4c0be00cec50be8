"""Grade one submission after another, in this process."""

from __future__ import annotations

from collections.abc import Sequence

from grader import plugin
from grader.marking import Marker
from grader.task import Plan, Sink, Task


def run(plan: Plan, tasks: Sequence[Task], sink: Sink, jobs: int) -> None:
    """Grade all tasks; `jobs` is one whatever it says."""
    with Marker(plan) as marker:
        plugin.run(marker, tasks, sink)
