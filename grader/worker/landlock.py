"""Landlock: which files a worker may open, whatever its uid may.

A ruleset denies every right that it handles except below the paths named. The kernel offers more rights with each
version of the interface (ABI); the first is enough while seccomp is on, later ones add depth. See landlock(7).
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterable
from typing import Final

from grader.worker.kernel import LayerError, syscall

_WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 1, 1 << 2, 1 << 3
_REMOVE_DIR, _REMOVE_FILE, _MAKE_DIR, _MAKE_REG = 1 << 4, 1 << 5, 1 << 7, 1 << 8
_REFER, _TRUNCATE, _IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
_FIRST_ABI_RIGHTS: Final = (1 << 13) - 1
_FILE_RIGHTS: Final = _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV

READ: Final = _READ_FILE | _READ_DIR
"""Nothing may be executed anywhere."""
SCRATCH: Final = READ | _WRITE_FILE | _REMOVE_DIR | _REMOVE_FILE | _MAKE_DIR | _MAKE_REG | _TRUNCATE | _REFER
"""Directories and regular files; no link, socket, pipe or device."""
DEVICE: Final = _READ_FILE | _WRITE_FILE | _IOCTL_DEV

_ASK_VERSION = 1
_RULE_PATH_BENEATH = 1
_TCP_BIND_AND_CONNECT = 3
_ABSTRACT_SOCKETS_AND_SIGNALS = 3


def offered_abi() -> int:
    """The version of Landlock that this kernel offers.

    Raises:
        LayerError: Where it offers none.
    """
    return syscall("landlock_create_ruleset", None, 0, _ASK_VERSION, action="ask for Landlock")


def restrict(rules: Iterable[tuple[str, int]]) -> None:
    """Deny this process every file except what `rules`, pairs of a path and rights, allow. Paths may be absent.

    Raises:
        LayerError: Where the kernel refuses.
    """
    abi = offered_abi()
    handled = _handled_rights(abi)
    ruleset = _create(abi, handled)
    try:
        for path, rights in rules:
            _allow(ruleset, path, rights & handled)
        syscall("landlock_restrict_self", ruleset, 0, action="apply the Landlock rules")
    finally:
        os.close(ruleset)


def _handled_rights(abi: int) -> int:
    later = ((2, _REFER), (3, _TRUNCATE), (5, _IOCTL_DEV))
    return _FIRST_ABI_RIGHTS | sum(right for since, right in later if abi >= since)


def _create(abi: int, handled: int) -> int:
    network = _TCP_BIND_AND_CONNECT if abi >= 4 else 0
    scope = _ABSTRACT_SOCKETS_AND_SIGNALS if abi >= 6 else 0
    # An older kernel refuses an attribute structure that is longer than its own.
    length = 24 if abi >= 6 else 16 if abi >= 4 else 8
    attributes = struct.pack("QQQ", handled, network, scope)[:length]
    return syscall("landlock_create_ruleset", attributes, length, 0, action="make Landlock rules")


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        parent = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    except OSError as error:
        raise LayerError(f"open {path}", error.errno or 0) from None
    try:
        beneath = rights if os.path.isdir(path) else rights & _FILE_RIGHTS
        rule = ctypes.create_string_buffer(struct.pack("=Qi", beneath, parent))
        syscall("landlock_add_rule", ruleset, _RULE_PATH_BENEATH, rule, 0, action=f"allow {path}")
    finally:
        os.close(parent)
