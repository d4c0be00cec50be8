"""Run a command as another user, or as if in a Docker container: `python launch.py [--uid N] [--docker] COMMAND...`

Started by root, it makes the interpreter and this checkout readable for every user, in a mount namespace of its own,
even where they lie in a private home directory; paths stay what they are, so that a virtual environment works.
`--docker` forbids what Docker's default filter does, and as root leaves the capabilities that Docker leaves.
"""

from __future__ import annotations

import argparse
import errno
import os
import struct
import sys
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
sys.path.insert(0, str(CHECKOUT))

from grader.worker import kernel, seccomp  # noqa: E402
from grader.worker.syscalls import NUMBERS  # noqa: E402

_NEW_MOUNTS, _NEW_NAMESPACES = 0x20000, 0x7E020080
_BIND, _RECURSIVE, _PRIVATE = 4096, 16384, 1 << 18
_DOCKER_REFUSES = """
    add_key bpf fsconfig fsmount fsopen fspick keyctl mount mount_setattr move_mount open_tree perf_event_open
    pivot_root request_key setns umount2 unshare userfaultfd
""".split()  # noqa: SIM905
_DOCKER_CAPABILITIES = (0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 27, 29, 31)


def main() -> None:
    """Prepare, then become the command."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--uid", type=int)
    parser.add_argument("--docker", action="store_true")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    asked = parser.parse_args()
    if os.geteuid() == 0:
        make_readable([Path(sys.prefix), Path(sys.base_prefix), CHECKOUT])
    if asked.docker:
        leave_docker_capabilities()
    if asked.uid is not None:
        os.setgroups([])
        os.setresgid(asked.uid, asked.uid, asked.uid)
        os.setresuid(asked.uid, asked.uid, asked.uid)
    if asked.docker:
        kernel.prctl(38, 1, action="set no_new_privs")
        seccomp.Filter(docker_filter()).install(os.getpid())
    os.execv(asked.command[0], asked.command)


def make_readable(folders: list[Path]) -> None:
    """Put a readable directory in the place of each private one above the folders, with the folders bound into it."""
    private = {folder: outermost_private(folder) for folder in folders}
    if not any(private.values()):
        return
    kernel.unshare(_NEW_MOUNTS)
    kernel.mount("none", "/", None, _RECURSIVE | _PRIVATE)
    held = {folder: os.open(folder, os.O_PATH) for folder, above in private.items() if above}
    for above in {str(above) for above in private.values() if above}:
        kernel.mount("tmpfs", above, "tmpfs", 0, "mode=755")
    for folder, descriptor in held.items():
        folder.mkdir(parents=True, exist_ok=True)
        kernel.mount(f"/proc/self/fd/{descriptor}", str(folder), None, _BIND | _RECURSIVE)


def outermost_private(folder: Path) -> Path | None:
    """The first directory on the way to the folder that others may not enter."""
    on_the_way = [*reversed(folder.parents), folder]
    return next((path for path in on_the_way if not path.stat().st_mode & 0o001), None)


def leave_docker_capabilities() -> None:
    """Drop the rest for good; a plain user has none to drop."""
    if os.geteuid() != 0:
        return
    for capability in range(64):
        if capability not in _DOCKER_CAPABILITIES:
            try:
                kernel.prctl(24, capability, action="drop a capability")
            except kernel.LayerError as error:
                if error.errno != errno.EINVAL:
                    raise
    mask = sum(1 << capability for capability in _DOCKER_CAPABILITIES)
    low = struct.pack("IIIIII", mask, mask, 0, 0, 0, 0)
    kernel.syscall("capset", struct.pack("Ii", 0x20080522, 0), low, action="keep Docker's capabilities")


def docker_filter() -> bytes:
    """Allow all but the calls that Docker forbids: EPERM for those, and for a clone into new namespaces."""
    load, equal, any_bit, give = 0x20, 0x15, 0x45, 0x06
    allow, refuse, unknown = 0x7FFF0000, 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS
    program = [(load, 0, 0, 0)]
    for name in _DOCKER_REFUSES:
        program += [(equal, 0, 1, NUMBERS[name]), (give, 0, 0, refuse)]
    program += [(equal, 0, 1, NUMBERS["clone3"]), (give, 0, 0, unknown)]
    program += [(equal, 0, 3, NUMBERS["clone"]), (load, 0, 0, 16), (any_bit, 0, 1, _NEW_NAMESPACES)]
    program += [(give, 0, 0, refuse), (give, 0, 0, allow)]
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)


if __name__ == "__main__":
    main()
