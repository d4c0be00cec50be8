"""Grades the tiny course again and again, each time in a forked process group that a test may kill.

    python -m tests.grading_server SANDBOX

Each line on standard input is a JSON list `[OUT, CLASS, JOBS, WITH_WORKERS]`; the answer is the process id of the
group's leader, and, once the group is waited for, its status. Forking saves what the imports cost a process of its own.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from grader import backends, grading
from grader.settings import Settings
from grader.task import Plan, Sink, Task
from tests.tiny_course import TINY, graded, submission


def main() -> None:
    """Serve until standard input ends."""
    for line in sys.stdin:
        out, sources, jobs, with_workers = json.loads(line)
        pid = os.fork()
        if pid == 0:
            if not with_workers:
                backends.load = lambda name: AtOnce()
            _grade(Path(out), sources, jobs)
        # Said only once there is a group that can be killed.
        os.setpgid(pid, pid)
        print(pid, flush=True)
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


class AtOnce:
    """A backend that runs nobody's code."""

    def run(self, plan: Plan, tasks: Sequence[Task], sink: Sink, jobs: int) -> None:
        """Full marks for everybody."""
        for task in tasks:
            sink(task, graded(task))


def _grade(out: Path, sources: dict[str, str], jobs: int) -> None:
    try:
        settings = Settings(course=TINY, out=out, jobs=jobs, sandbox=sys.argv[1])
        submissions = [submission(source, student=name) for name, source in sources.items()]
        grading.grade(settings, submissions, lambda done, of: None)
    finally:
        # What the interpreter does at its end is the server's to do.
        os._exit(1 if sys.exc_info()[0] else 0)


if __name__ == "__main__":
    main()
