"""What the grader and the zygote say to each other; plain records, no torch.

The grader starts the zygote, sends it one `Plan`, and gets `Hello`. For each `Spawn`, which carries the worker's
socket and its two output pipes as descriptors, the zygote answers `Born` with a pidfd, or `Failed`. When a worker
ends it sends `Dead`, at any time. Each worker sends `Ready` on its own socket before it is sent any student's code.
For a `Divide`, which carries a control socket, it forks another zygote, which says `Hello` there and does the same.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

MAX_MESSAGE_BYTES: Final = 1 << 20
ONE_THREAD: Final = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
"""For a process that forks: a fork copies only the thread that forks, and whatever lock another one holds."""

ENVIRONMENT: Final = {
    "LANG": "C.UTF-8",
    "HOME": "/nonexistent",
    **ONE_THREAD,
    # Importing torch._dynamo makes this directory; one that exists, and that none may write, leaves no trace.
    "TORCHINDUCTOR_CACHE_DIR": "/",
}
"""All that a zygote, and so a worker, inherits from the grader's environment."""

NO_GPU: Final = {"CUDA_VISIBLE_DEVICES": ""}
"""Besides, where none is used: autograd keeps a thread for each GPU that it sees, and may then not be forked."""

GPU: Final = {"PYTORCH_NVML_BASED_CUDA_CHECK": "1"}
"""Besides, where one is: to ask whether there is a GPU must not open its driver, which no fork survives."""


class Layer(StrEnum):
    """One layer of confinement, in the order in which they are applied."""

    NAMESPACES = "namespaces"
    """Mounts, network, IPC and host name of its own; as a plain user, in a user namespace of its own."""
    PRIVATE_ROOT = "private_root"
    """A file system that holds the interpreter, read-only, and a small scratch directory in memory."""
    RLIMITS = "rlimits"
    """Limits on memory, CPU time, file size, threads and descriptors."""
    PRIVILEGES = "privileges"
    """Not uid 0, no supplementary groups, no capabilities."""
    NO_NEW_PRIVS = "no_new_privs"
    """No program that it starts could gain rights; no debugger of the same user attaches to it."""
    LANDLOCK = "landlock"
    """Reads the interpreter, writes its scratch directory, and opens nothing else."""
    SECCOMP = "seccomp"
    """Makes only the system calls that arithmetic needs: no process, no socket, no signal to others."""


class _Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A record that crosses the control socket as JSON."""


class Bounds(_Record, frozen=True):
    """Resources of one worker; memory is an allowance above what a fresh worker already maps."""

    memory_bytes: int
    cpu_s: int
    scratch_bytes: int


class Plan(_Record, frozen=True):
    """How every worker of one zygote is confined."""

    layers: tuple[Layer, ...]
    readable: tuple[str, ...]
    """Paths that a worker may read, resolved: directories with all below them, and files."""
    devices: tuple[str, ...]
    """Files that it may also write: device nodes."""
    bounds: Bounds
    gpu: bool = False


class Hello(_Record, frozen=True):
    """The zygote is warm."""

    pid: int
    threads: int
    torch: str
    python: str
    cpu_capability: str
    vm_size_bytes: int
    """Address space before any student's code, which `Bounds.memory_bytes` is added to."""


class Spawn(_Record, frozen=True, tag="spawn"):
    """Fork one worker; three descriptors travel with it: its socket, its stdout, its stderr."""

    worker: int
    uid: int
    """Who it runs as where the zygote is root."""
    cpu_s: int | None = None
    """Instead of the plan's."""


class Divide(_Record, frozen=True, tag="divide"):
    """Fork another zygote; its control socket travels with this."""


Order = Spawn | Divide


class Born(_Record, frozen=True, tag="born"):
    """The worker exists; its pidfd travels with this."""

    worker: int
    pid: int


class Failed(_Record, frozen=True, tag="failed"):
    """There is no such worker: fork itself failed."""

    worker: int
    reason: str


class Dead(_Record, frozen=True, tag="dead"):
    """The worker ended."""

    worker: int
    status: int
    """As wait(2) gives it."""
    cpu_s: float


News = Born | Failed | Dead


class Ready(_Record, frozen=True):
    """A worker's first frame: what confines it, and what it computes with."""

    layers: tuple[Layer, ...]
    missing: dict[str, str]
    """By layer, why it could not be applied."""
    torch: str
    python: str
    cpu_capability: str
    threads: int
    vm_size_bytes: int
    """Address space before any student's code, which `Bounds.memory_bytes` is added to."""
