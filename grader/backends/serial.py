"""Grade one submission after another, in this process."""

from __future__ import annotations

from collections.abc import Sequence

from grader.task import Plan, Sink, Task
from grader.zygotes import Zygotes


def run(plan: Plan, tasks: Sequence[Task], sink: Sink, jobs: int) -> None:
    """Grade all tasks; `jobs` is one whatever it says."""
    # First: the zygote imports torch while this process does.
    zygotes = Zygotes(plan)
    from grader import plugin
    from grader.marking import Marker

    with Marker(plan, zygotes) as marker:
        plugin.run(marker, tasks, sink)
