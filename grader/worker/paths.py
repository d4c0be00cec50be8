"""Which files a worker may read: the interpreter's libraries and the system's, and never anything of a course."""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Iterable
from glob import glob
from pathlib import Path
from typing import Final

_SYSTEM: Final = (
    "/usr/lib",
    "/usr/lib64",
    "/lib",
    "/lib64",
    "/usr/share/zoneinfo",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/dev/null",
    "/dev/zero",
    "/dev/random",
    "/dev/urandom",
)
_GPU: Final = (
    "/proc/driver/nvidia",
    "/proc/driver/nvidia-uvm",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/devices",
    "/proc/modules",
    "/sys/devices/system",
    "/sys/bus/pci/devices",
    "/usr/local/cuda",
    "/usr/local/nvidia",
    "/usr/lib/wsl",
)
_GPU_DEVICES: Final = ("/dev/nvidiactl", "/dev/nvidia-uvm*", "/dev/nvidia[0-9]*", "/dev/nvidia-caps/*", "/dev/dxg")


def readable(*, gpu: bool) -> tuple[str, ...]:
    """Existing directories and files that hold all that Python and torch may read, none of them below another.

    A path that is or passes through a link is given twice: as it is spelled and as it resolves.
    """
    spelled = [*_interpreter(), *_SYSTEM, *(_GPU if gpu else ())]
    resolved = [str(Path(path).resolve()) for path in spelled]
    existing = [path for path in dict.fromkeys(spelled + resolved) if Path(path).exists()]
    return tuple(path for path in existing if not any(other in map(str, Path(path).parents) for other in existing))


def devices(*, gpu: bool) -> tuple[str, ...]:
    """Device nodes that may be written."""
    return tuple(path for pattern in _GPU_DEVICES for path in sorted(glob(pattern))) if gpu else ()


def exposed(protected: Iterable[Path], allowed: Iterable[str]) -> tuple[Path, str] | None:
    """The first of the protected paths that a worker could read, with the allowed path that it lies under."""
    for path in protected:
        for prefix in allowed:
            if path.resolve().is_relative_to(Path(prefix).resolve()):
                return path, prefix
    return None


def _interpreter() -> list[str]:
    kinds = ("stdlib", "platstdlib", "purelib", "platlib")
    installed = [sysconfig.get_path(kind) for kind in kinds]
    # Where a virtual environment stands on a base interpreter, the base's shared libraries lie beside its own.
    return [*installed, *([] if sys.base_prefix == "/usr" else [f"{sys.base_prefix}/lib"])]
