"""The machine that figures were measured on, and what its processes use."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

import msgspec

import grader

_TICKS = os.sysconf("SC_CLK_TCK")


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """Where and when."""

    processor: str
    cores: int
    load: float
    """Runnable processes, averaged over the minute before; more than none means that others work here too."""
    system: str
    python: str
    torch: str
    grader: str


def describe() -> Machine:
    """This machine, now."""
    return Machine(
        processor=_processor(),
        cores=len(os.sched_getaffinity(0)),
        load=round(os.getloadavg()[0], 1),
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        torch=version("torch"),
        grader=grader.__version__,
    )


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def children(pid: int) -> list[int]:
    """The processes that a process has started and that are there."""
    files = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for file in files for child in file.read_text().split()]


def cpu_s(pid: int) -> float:
    """Processor time of a process, and of those of its children that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / _TICKS


def memory_mib(pid: int, name: str, file: str = "status") -> float:
    """One line of what the kernel says of a process's memory: `VmHWM` of status, `Private_Dirty` of smaps_rollup."""
    lines = Path(f"/proc/{pid}/{file}").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) / 1024
