"""Jobs in processes of their own, a few at a time; what one leaves is a record, or nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from numpy.typing import NDArray

from grader.errors import GraderError
from grader.frontier.records import STUDENT, Document, Job, Trouble, read

_POLL_S = 0.05
_LOG_CHARS = 1500
SLACK = 8
"""Times the budget that a job may take on the wall, where other work goes on too."""
MARGIN_S = 240.0

Done = tuple[Job, Document, dict[str, NDArray[Any]]]


@dataclass
class _Running:
    job: Job
    process: subprocess.Popen[bytes]
    folder: tempfile.TemporaryDirectory[str]
    deadline: float

    @property
    def record(self) -> Path:
        return Path(self.folder.name, "record.npz")


def run_all(
    jobs: Sequence[Job], at_once: int, protected: Sequence[Path], more: Callable[[], Sequence[Job]] = tuple
) -> Iterator[Done]:
    """Each job with what it found, in the order in which they end.

    Args:
        jobs: To begin with.
        at_once: How many processes.
        protected: What no sandbox may show.
        more: Asked after each job for others that have come up.

    Raises:
        GraderError: A job ended without a record, and no student's code ran in its process.
    """
    waiting, running = list(jobs), list[_Running]()
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                running.append(_start(waiting.pop(0), protected))
            for one in [one for one in running if _has_ended(one)]:
                running.remove(one)
                yield _result(one)
                waiting += more()
            time.sleep(_POLL_S)
    finally:
        for one in running:
            one.process.kill()
            one.process.wait()
            one.folder.cleanup()


def _start(job: Job, protected: Sequence[Path]) -> _Running:
    # A folder that a killed process still writes to cannot always be removed at once on Windows.
    folder = tempfile.TemporaryDirectory(prefix="grader-frontier-", ignore_cleanup_errors=True)
    told = Path(folder.name, "job.json")
    told.write_bytes(msgspec.json.encode(job))
    home = str(Path(__file__).parents[2])
    others = os.environ.get("PYTHONPATH")
    environment = {
        **os.environ,
        "PYTHONPATH": f"{home}{os.pathsep}{others}" if others else home,
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-P", "-B", "-m", "grader.frontier.job", str(told), str(Path(folder.name, "record.npz"))]
    with open(Path(folder.name, "log"), "wb") as log:
        process = subprocess.Popen(
            [*command, *map(str, protected)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment,
            cwd=folder.name,
        )
    return _Running(job, process, folder, time.monotonic() + SLACK * job.budget_s + MARGIN_S)


def _has_ended(one: _Running) -> bool:
    if one.process.poll() is None and time.monotonic() > one.deadline:
        one.process.kill()
        one.process.wait()
    return one.process.poll() is not None


def _result(one: _Running) -> Done:
    try:
        with suppress(FileNotFoundError):
            document, arrays = read(one.record)
            return one.job, document, arrays
        log = Path(one.folder.name, "log").read_text(encoding="utf-8", errors="replace")[-_LOG_CHARS:]
    finally:
        one.folder.cleanup()
    if one.job.sandbox or STUDENT not in one.job.uses.values():
        raise GraderError(f"{one.job.name} ended with code {one.process.returncode} and without a record: {log}")
    late = time.monotonic() > one.deadline
    how = "did not come to an end" if late else f"ended its process with code {one.process.returncode}"
    trouble = Trouble(kind=STUDENT, message=f"your code {how}")
    return one.job, Document(key=one.job.key, trouble=trouble), {}
