"""Ways to grade many submissions: one file in this folder is one, with `run(plan, tasks, sink, jobs)`.

A backend hands each task to a grading process and each result to the sink, in the process that called it and
in whatever order they come.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Protocol, cast

from grader.task import Plan, Sink, Task


class Backend(Protocol):
    """What a module of this folder is."""

    def run(self, plan: Plan, tasks: Sequence[Task], sink: Sink, jobs: int) -> None:
        """Grade all tasks.

        Raises:
            SandboxError: Where this machine cannot confine workers.
            GraderError: Where a grading process is lost for good.
        """


def load(name: str) -> Backend:
    """The backend of that name."""
    return cast("Backend", importlib.import_module(f"{__name__}.{name}"))
