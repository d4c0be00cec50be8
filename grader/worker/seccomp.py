"""seccomp: which system calls a worker may make, as a filter that the kernel runs on each of them.

The filter is a list of classic BPF instructions over `struct seccomp_data`: number, architecture, instruction
pointer, six arguments of 64 bits. It is built once; only the worker's own pid differs from worker to worker.
Arguments are compared by their low 32 bits, which is all that the kernel itself reads of those compared here.
"""

from __future__ import annotations

import ctypes
import errno
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from grader.worker.kernel import syscall
from grader.worker.syscalls import ALLOWED, FAKED, MACHINE, NUMBERS, REFUSED, numbers

Instruction = tuple[int, int, int, int]
"""Code, jump if true, jump if false, constant."""

_LOAD, _JUMP, _IF_EQUAL, _IF_AT_LEAST, _IF_ANY_BIT, _RETURN = 0x20, 0x05, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16
_ALLOW: Final = (_RETURN, 0, 0, 0x7FFF0000)
_KILL: Final = (_RETURN, 0, 0, 0x80000000)
_AUDIT_ARCHITECTURES: Final = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_X32_BIT = 0x40000000
_LONGEST_JUMP = 255

_OWN_PID: Final = 0x7FFF_FFFE
"""Stands for the worker's pid until it is known; above any pid that Linux gives."""

_CLONE_THREAD = 0x00010000
_CLONE_NEW_NAMESPACE = 0x7E020080
_FCNTL: Final = (0, 1, 2, 3, 4, 1030, 1034)
"""Duplicate, read and set flags, read seals. No locks, leases, owners or signals."""
_PRCTL: Final = (15, 16, 23, 0x53564D41)
"""Thread and mapping names, reading the bounding set."""
_IOCTL: Final = (0x5401, 0x541B, 0x5421, 0x5450, 0x5451)
"""Is it a terminal, bytes readable, non-blocking, close on exec."""
_IOCTL_NEVER: Final = (0x540E, 0x5412, 0x541C, 0x541D, 0x5422, 0x5423, 0x5452, 0x8901, 0x8902)
"""Type into, take or redirect a terminal; have signals sent."""
_HOT: Final = ("read", "write", "futex", "mmap", "munmap", "madvise", "close", "openat", "newfstatat", "fstat")
_GPU: Final = ("mlock", "mbind", "get_mempolicy", "set_mempolicy")


@dataclass(frozen=True)
class Filter:
    """A filter for any worker."""

    code: bytes

    def install(self, pid: int) -> None:
        """Apply the filter to this process, whose pid is given, for good.

        Raises:
            LayerError: Where the kernel refuses.
        """
        # Constants are the last four of an instruction's eight bytes.
        own = self.code.replace(struct.pack("=I", _OWN_PID), struct.pack("=I", pid))
        program = ctypes.create_string_buffer(own, len(own))
        described = struct.pack("HxxxxxxP", len(own) // 8, ctypes.addressof(program))
        syscall("seccomp", 1, 0, described, action="install the seccomp filter")


def build(*, gpu: bool = False) -> Filter:
    """The filter; with `gpu`, any ioctl but the dangerous ones, and memory policies."""
    extra = _GPU if gpu else ()
    refused = [number for name, number in numbers(REFUSED, MACHINE).items() if name not in extra]
    allowed = {**numbers(ALLOWED, MACHINE), **{name: NUMBERS[name] for name in extra}}
    hot_first = [name for name in _HOT if name in allowed] + [name for name in allowed if name not in _HOT]
    program = [
        *_only_this_architecture(),
        *_where([allowed[name] for name in hot_first], [_ALLOW]),
        *_guards(gpu=gpu),
        *_where(numbers(FAKED, MACHINE).values(), [_fail(0)]),
        *_where(refused, [_fail(errno.EPERM)]),
        _fail(errno.ENOSYS),
    ]
    return Filter(b"".join(struct.pack("=HBBI", *instruction) for instruction in program))


def _only_this_architecture() -> list[Instruction]:
    """Other system call tables would give other meanings to the numbers below."""
    native = [(_LOAD, 0, 0, _ARCHITECTURE), (_IF_EQUAL, 1, 0, _AUDIT_ARCHITECTURES[MACHINE]), _KILL]
    return [*native, (_LOAD, 0, 0, _NUMBER), (_IF_AT_LEAST, 0, 1, _X32_BIT), _KILL]


def _guards(*, gpu: bool) -> list[Instruction]:
    ioctl = _argument_not_in(1, _IOCTL_NEVER) if gpu else _argument_in(1, _IOCTL)
    guards: dict[str, list[Instruction]] = {
        "clone": _new_thread_only(),
        # Its flags lie in memory, out of reach here; the C library falls back to clone.
        "clone3": [_fail(errno.ENOSYS)],
        "prctl": _argument_in(0, _PRCTL),
        "fcntl": _argument_in(1, _FCNTL),
        "ioctl": ioctl,
        "kill": _argument_in(0, (_OWN_PID,)),
        "tgkill": _argument_in(0, (_OWN_PID,)),
        "prlimit64": _argument_in(0, (0, _OWN_PID)),
        "sched_setaffinity": _argument_in(0, (0, _OWN_PID)),
    }
    return [step for name, guard in guards.items() for step in _where([NUMBERS[name]], guard)]


def _new_thread_only() -> list[Instruction]:
    load = (_LOAD, 0, 0, _FIRST_ARGUMENT)
    no_namespace = [(_IF_ANY_BIT, 0, 1, _CLONE_NEW_NAMESPACE), _fail(errno.EPERM)]
    return [load, *no_namespace, (_IF_ANY_BIT, 0, 1, _CLONE_THREAD), _ALLOW, _fail(errno.EPERM)]


def _argument_in(position: int, values: Sequence[int]) -> list[Instruction]:
    return [_load_argument(position), *_where(values, [_ALLOW]), _fail(errno.EPERM)]


def _argument_not_in(position: int, values: Sequence[int]) -> list[Instruction]:
    return [_load_argument(position), *_where(values, [_fail(errno.EPERM)]), _ALLOW]


def _load_argument(position: int) -> Instruction:
    return (_LOAD, 0, 0, _FIRST_ARGUMENT + 8 * position)


def _fail(number: int) -> Instruction:
    """The call is not made and gives this errno; 0 makes it seem to have succeeded."""
    return (_RETURN, 0, 0, 0x00050000 | number)


def _where(values: Iterable[int], then: list[Instruction]) -> list[Instruction]:
    """Run `then`, which ends in a return, where the value loaded is one of `values`; else go on after it."""
    rest = list(values)
    program: list[Instruction] = []
    while rest:
        chunk, rest = rest[:_LONGEST_JUMP], rest[_LONGEST_JUMP:]
        program += [(_IF_EQUAL, len(chunk) - position, 0, value) for position, value in enumerate(chunk)]
        program += [(_JUMP, 0, 0, len(then)), *then]
    return program
