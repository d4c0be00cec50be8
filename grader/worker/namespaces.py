"""A worker's own view of the machine: namespaces, and a root file system that holds only what it may read.

The root is a tmpfs mounted over a directory that exists already, seen by this process alone. Nothing is made on
the host, so nothing is left there however the worker ends.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from grader.worker.kernel import LayerError, detach, mount, syscall, unshare

_NEW_MOUNTS, _NEW_UTS, _NEW_IPC, _NEW_USER, _NEW_NETWORK = 0x20000, 0x04000000, 0x08000000, 0x10000000, 0x40000000
_NOSUID, _NODEV, _NOEXEC, _BIND, _RECURSIVE, _PRIVATE = 2, 4, 8, 4096, 16384, 1 << 18
_AT_FDCWD, _AT_RECURSIVE = -100, 0x8000
_ATTR_READ_ONLY, _ATTR_NOSUID = 1, 2

# No name that an interpreter or a checkout lies under, as many lie under /tmp.
SCRATCH: Final = "/worker-scratch"
"""Where a worker that has a private root may write."""
_STAGES: Final = ("/tmp", "/mnt", "/var/tmp", "/srv", "/opt")
_SCRATCH_FILES = 1000
_PROC = "/proc"


def enter_namespaces() -> None:
    """Leave the machine's mounts, network, IPC objects and host name; not its processes, as no new one is allowed.

    Raises:
        LayerError: Where the kernel, or a container around this one, refuses.
    """
    flags = _NEW_MOUNTS | _NEW_NETWORK | _NEW_IPC | _NEW_UTS
    if os.geteuid() == 0:
        unshare(flags)
    else:
        # The user namespace is owned by the user; the others are then made by its temporary root.
        user, group = os.geteuid(), os.getegid()
        unshare(flags | _NEW_USER)
        _map_only(user, group)
    mount("none", "/", None, _RECURSIVE | _PRIVATE)


def _map_only(user: int, group: int) -> None:
    entries = {"setgroups": "deny", "uid_map": f"{user} {user} 1", "gid_map": f"{group} {group} 1"}
    for name, text in entries.items():
        try:
            Path("/proc/self", name).write_text(text)
        except OSError as error:
            raise LayerError(f"write {name} of the user namespace", error.errno or 0) from None


def enter_private_root(visible: Iterable[str], scratch_bytes: int, *, with_proc: bool = False) -> None:
    """Make a file system that holds `visible`, read-only, and an empty `SCRATCH`, the root of this process.

    Args:
        visible: Directories, files and links; those that do not exist are passed over. A link stays a link, so
            what it points to must be visible too.
        scratch_bytes: How much may be written to `SCRATCH`, which lies in memory.
        with_proc: Whether /proc is there too, as writable as it is outside; Landlock then has to guard it.

    Raises:
        LayerError: Where it cannot be made; the process may then be left in an odd place.
    """
    paths = [path for path in visible if os.path.exists(path)]
    stage = _stage(paths)
    mount("tmpfs", stage, "tmpfs", _NOSUID | _NODEV, "size=1m,mode=755")
    for path in paths:
        _show(path, stage + path)
    os.mkdir(stage + SCRATCH)
    os.mkdir(stage + _PROC)
    _make_read_only(stage)
    if with_proc:
        mount(_PROC, stage + _PROC, None, _BIND | _RECURSIVE)
    options = f"size={scratch_bytes},nr_inodes={_SCRATCH_FILES},mode=1777"
    mount("tmpfs", stage + SCRATCH, "tmpfs", _NOSUID | _NODEV | _NOEXEC, options)
    _pivot_into(stage)


def _stage(paths: Iterable[str]) -> str:
    """An existing directory that hides none of the paths when it is mounted over."""
    for stage in _STAGES:
        if os.path.realpath(stage) == stage and os.path.isdir(stage) and not any(_below(path, stage) for path in paths):
            return stage
    raise LayerError(f"find a place for the private root: the interpreter takes all of {', '.join(_STAGES)}")


def _below(path: str, directory: str) -> bool:
    return path == directory or path.startswith(directory + "/")


def _show(source: str, target: str) -> None:
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if os.path.islink(source):
        os.symlink(os.readlink(source), target)
        return
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    else:
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o644))
    mount(source, target, None, _BIND | _RECURSIVE)


def _make_read_only(stage: str) -> None:
    attributes = struct.pack("QQQQ", _ATTR_READ_ONLY | _ATTR_NOSUID, 0, 0, 0)
    place = os.fsencode(stage)
    syscall(
        "mount_setattr", _AT_FDCWD, place, _AT_RECURSIVE, attributes, len(attributes), action="make mounts read-only"
    )


def _pivot_into(stage: str) -> None:
    os.chdir(stage)
    # With both places the same, the old root ends up on top of the new one and is then taken off (pivot_root(2)).
    syscall("pivot_root", b".", b".", action="pivot into the private root")
    detach(".")
    os.chdir("/")
