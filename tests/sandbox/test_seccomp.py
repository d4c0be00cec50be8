"""The system call tables, against the kernel's own headers, and the filter made from them."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import pytest

from grader.worker import seccomp
from grader.worker.syscalls import ALLOWED, ARCHITECTURES, FAKED, GUARDED, REFUSED, numbers

HEADERS = {
    "x86_64": ("/usr/include/x86_64-linux-gnu/asm/unistd_64.h", "/usr/include/asm/unistd_64.h"),
    "aarch64": ("/usr/include/asm-generic/unistd.h",),
}
GROUPS = {"allowed": ALLOWED, "guarded": GUARDED, "faked": FAKED, "refused": REFUSED}


def header_numbers(architecture: str) -> dict[str, int]:
    """Names and numbers that the installed header gives."""
    path = next((Path(path) for path in HEADERS[architecture] if Path(path).exists()), None)
    if path is None:
        pytest.skip(f"the kernel's headers for {architecture} are not installed")
    text = path.read_text()
    found = {name: int(number) for name, number in re.findall(r"#define __NR_(\w+)\s+(\d+)\b", text)}
    # asm-generic gives some numbers under the name that 32-bit and 64-bit machines share.
    shared = {name: int(number) for name, number in re.findall(r"#define __NR3264_(\w+)\s+(\d+)\b", text)}
    aliases = re.findall(r"#define __NR_(\w+)\s+__NR3264_(\w+)", text)
    return {name: shared[other] for name, other in aliases if other in shared} | found


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("group", GROUPS)
def test_numbers_are_the_kernels(architecture: str, group: str) -> None:
    kernel = header_numbers(architecture)
    ours = numbers(GROUPS[group], architecture)
    # A header may be older than the newest calls named here.
    known = {name: number for name, number in ours.items() if name in kernel}
    assert known == {name: kernel[name] for name in known}
    assert set(ours) - set(known) <= {"fchmodat2", "futex_waitv", "set_mempolicy_home_node"}


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("group", GROUPS)
def test_a_dash_means_that_the_kernel_has_no_such_call(architecture: str, group: str) -> None:
    every = {name for other in ARCHITECTURES for name in numbers(GROUPS[group], other)}
    absent = every - set(numbers(GROUPS[group], architecture))
    assert absent.isdisjoint(header_numbers(architecture))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_no_call_is_in_two_groups(architecture: str) -> None:
    listed = [number for group in GROUPS.values() for number in numbers(group, architecture).values()]
    assert len(listed) == len(set(listed))


def test_calls_that_start_or_reach_processes_are_never_plainly_allowed() -> None:
    dangerous = set("fork vfork clone clone3 execve execveat kill tkill tgkill ptrace socket truncate prctl".split())  # noqa: SIM905
    assert dangerous.isdisjoint(numbers(ALLOWED, "x86_64") | numbers(ALLOWED, "aarch64"))


def run(code: bytes, number: int, *arguments: int, architecture: int) -> int:
    """What a filter answers, by an interpreter of the few instructions that it uses."""
    padded = (*arguments, *[0] * (6 - len(arguments)))
    data = struct.pack("=IIQ6Q", number, architecture, 0, *padded)
    program = list(struct.iter_unpack("=HBBI", code))
    position = loaded = 0
    while True:
        operation, if_true, if_false, constant = program[position]
        position += 1
        match operation:
            case 0x20:
                (loaded,) = struct.unpack_from("=I", data, constant)
            case 0x06:
                return int(constant)
            case 0x05:
                position += constant
            case 0x15:
                position += if_true if loaded == constant else if_false
            case 0x35:
                position += if_true if loaded >= constant else if_false
            case 0x45:
                position += if_true if loaded & constant else if_false
            case _:
                raise AssertionError(f"unknown instruction {operation:#x}")


ALLOW, KILL, EPERM, ENOSYS, DONE = 0x7FFF0000, 0x80000000, 0x00050001, 0x00050026, 0x00050000
NATIVE = seccomp._AUDIT_ARCHITECTURES[seccomp.MACHINE]


def verdict(name: str, *arguments: int, gpu: bool = False) -> int:
    return run(seccomp.build(gpu=gpu).code, seccomp.NUMBERS[name], *arguments, architecture=NATIVE)


def test_each_group_gets_its_verdict() -> None:
    code = seccomp.build().code
    for group, expected in ((ALLOWED, ALLOW), (FAKED, DONE), (REFUSED, EPERM)):
        verdicts = {run(code, number, architecture=NATIVE) for number in numbers(group, seccomp.MACHINE).values()}
        assert verdicts == {expected}


def test_what_is_not_named_does_not_exist() -> None:
    assert run(seccomp.build().code, 9999, architecture=NATIVE) == ENOSYS


def test_another_architecture_is_death() -> None:
    assert run(seccomp.build().code, 1, architecture=0x40000003) == KILL
    assert run(seccomp.build().code, 0x40000000 | 1, architecture=NATIVE) == KILL


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (("clone", 0x00010000 | 0x100), ALLOW),
        (("clone", 17), EPERM),
        (("clone", 0x00010000 | 0x10000000), EPERM),
        (("clone3", 0), ENOSYS),
        (("prctl", 15), ALLOW),
        (("prctl", 1), EPERM),
        (("prctl", 4), EPERM),
        (("fcntl", 0, 3), ALLOW),
        (("fcntl", 0, 8), EPERM),
        (("ioctl", 0, 0x5401), ALLOW),
        (("ioctl", 0, 0x5412), EPERM),
        (("kill", 1), EPERM),
        (("kill", 0xFFFFFFFF), EPERM),
        (("kill", 0), EPERM),
        (("prlimit64", 0), ALLOW),
        (("prlimit64", 1), EPERM),
        (("sched_setaffinity", 0), ALLOW),
        (("sched_setaffinity", 1), EPERM),
    ],
    ids=lambda value: "-".join(map(str, value)) if isinstance(value, tuple) else None,
)
def test_arguments_decide(call: tuple[str, int], expected: int) -> None:
    assert verdict(*call) == expected


def test_a_worker_may_signal_itself() -> None:
    code = seccomp.build().code
    own = seccomp.NUMBERS["tgkill"]
    assert run(code, own, seccomp._OWN_PID, architecture=NATIVE) == ALLOW
    assert code.count(struct.pack("=I", seccomp._OWN_PID)) == 4


def test_a_gpu_gets_ordinary_ioctls_only() -> None:
    assert verdict("ioctl", 0, 0xC020462A, gpu=True) == ALLOW
    assert verdict("ioctl", 0, 0x5412, gpu=True) == EPERM
    assert verdict("mbind", gpu=True) == ALLOW
