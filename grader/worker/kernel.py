"""System calls that Python has no name for."""

from __future__ import annotations

import ctypes
import errno
import os

from grader.worker.syscalls import NUMBERS

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long
_libc.prctl.argtypes = [ctypes.c_int, *[ctypes.c_ulong] * 4]
_libc.mount.argtypes = [*[ctypes.c_char_p] * 3, ctypes.c_ulong, ctypes.c_char_p]
_libc.umount2.argtypes = [ctypes.c_char_p, ctypes.c_int]
_libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]

_MADV_COLLAPSE = 25

Argument = int | bytes | ctypes.Array[ctypes.c_char] | None


class LayerError(Exception):
    """A layer of confinement cannot be applied.

    Args:
        action: What was tried.
        number: The errno, or 0 where the kernel was not the one to refuse.
    """

    def __init__(self, action: str, number: int = 0) -> None:
        said = f": {os.strerror(number)} ({errno.errorcode.get(number, number)})" if number else ""
        super().__init__(action + said)
        self.errno = number


def syscall(name: str, *arguments: Argument, action: str | None = None) -> int:
    """Make a system call by name.

    Raises:
        LayerError: Where it fails; `action` says what it was for.
    """
    converted = [ctypes.c_long(value) if isinstance(value, int) else value for value in arguments]
    result: int = _libc.syscall(ctypes.c_long(NUMBERS[name]), *converted)
    if result < 0:
        raise LayerError(action or name, ctypes.get_errno())
    return result


def prctl(option: int, *arguments: int, action: str) -> None:
    """prctl(2), with unused arguments zero as it demands."""
    if _libc.prctl(option, *arguments, *[0] * (4 - len(arguments))) != 0:
        raise LayerError(action, ctypes.get_errno())


def mount(source: str, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    """mount(2)."""
    encoded = [None if text is None else os.fsencode(text) for text in (source, target, kind, options)]
    if _libc.mount(*encoded[:3], flags, encoded[3]) != 0:
        raise LayerError(f"mount {source} on {target}", ctypes.get_errno())


def detach(target: str) -> None:
    """Unmount lazily: umount2(2) with MNT_DETACH."""
    if _libc.umount2(os.fsencode(target), 2) != 0:
        raise LayerError(f"unmount {target}", ctypes.get_errno())


def unshare(flags: int) -> None:
    """unshare(2)."""
    if _libc.unshare(ctypes.c_int(flags)) != 0:
        raise LayerError("unshare", ctypes.get_errno())


def collapse(address: int, length: int) -> bool:
    """madvise(2) with MADV_COLLAPSE: whether this memory lies in huge pages now."""
    return bool(_libc.madvise(address, length, _MADV_COLLAPSE) == 0)
