"""How a forked worker gives up its rights: seven layers, in order, each applied or reported as missing.

Nothing here decides whether a missing layer matters; the grader does, before it sends any student's code.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from grader.worker import kernel, landlock, namespaces, seccomp
from grader.worker.control import Layer, Plan
from grader.worker.kernel import LayerError

_SET_DEATH_SIGNAL, _SET_DUMPABLE, _BOUNDING_SET_DROP, _SET_NO_NEW_PRIVS, _AMBIENT = 1, 4, 24, 38, 47
_AMBIENT_CLEAR_ALL = 4
_CAPABILITIES_VERSION_3 = 0x20080522
_CAPABILITIES = 64
_THREADS = 64
_DESCRIPTORS = 128
_STACK_BYTES = 64 << 20


@dataclass(frozen=True)
class Baseline:
    """What a worker maps before it does anything; its allowance is added to this."""

    vm_size_bytes: int
    vm_data_bytes: int

    @classmethod
    def of_this_process(cls) -> Baseline:
        """Of the zygote, which each worker starts as a copy of."""
        pages = Path("/proc/self/statm").read_text().split()
        return cls(int(pages[0]) * resource.getpagesize(), int(pages[5]) * resource.getpagesize())


@dataclass(frozen=True)
class Confinement:
    """Everything about confining a worker that can be worked out before it exists."""

    plan: Plan
    baseline: Baseline
    filter: seccomp.Filter

    def within(self, cpu_s: int | None) -> Confinement:
        """The same with another limit on processor time."""
        if cpu_s is None:
            return self
        bounds = msgspec.structs.replace(self.plan.bounds, cpu_s=cpu_s)
        return replace(self, plan=msgspec.structs.replace(self.plan, bounds=bounds))

    def apply(self, uid: int, parent: int) -> tuple[tuple[Layer, ...], dict[str, str]]:
        """Confine this process for good.

        Args:
            uid: Who to become, where this process is root.
            parent: Pid of the zygote, with which this process dies.

        Returns:
            The layers applied and, by the name of each other layer of the plan, why it is missing.
        """
        applied: list[Layer] = []
        missing: dict[str, str] = {}
        steps: dict[Layer, Callable[[], None]] = {
            Layer.NAMESPACES: namespaces.enter_namespaces,
            Layer.PRIVATE_ROOT: lambda: self._enter_private_root(applied),
            Layer.RLIMITS: lambda: self._set_limits(applied),
            Layer.PRIVILEGES: lambda: drop_privileges(uid),
            Layer.NO_NEW_PRIVS: gain_no_privileges,
            Layer.LANDLOCK: lambda: self._restrict_files(applied),
            Layer.SECCOMP: lambda: self._filter_system_calls(parent),
        }
        die_with(parent)
        for layer in self.plan.layers:
            try:
                steps[layer]()
                applied.append(layer)
            except (LayerError, OSError, ValueError) as error:
                missing[layer] = str(error)
        return tuple(applied), missing

    def _enter_private_root(self, applied: list[Layer]) -> None:
        if Layer.NAMESPACES not in applied:
            raise LayerError("it needs namespaces")
        # CUDA looks at itself in /proc, under a pid that nobody knows before.
        visible = [path for path in (*self.plan.readable, *self.plan.devices) if not path.startswith("/proc/")]
        namespaces.enter_private_root(visible, self.plan.bounds.scratch_bytes, with_proc=self.plan.gpu)

    def _restrict_files(self, applied: list[Layer]) -> None:
        rules = [(path, landlock.READ) for path in self.plan.readable]
        rules += [(path, landlock.DEVICE) for path in self.plan.devices]
        if self.plan.gpu:
            # cuInit() names its threads and fails where it cannot.
            rules += [("/proc/self", landlock.READ), ("/proc/self/task", landlock.DEVICE | landlock.READ)]
        if Layer.PRIVATE_ROOT in applied:
            # On the machine's own disk there would be no bound on what is written.
            rules.append((namespaces.SCRATCH, landlock.SCRATCH))
        landlock.restrict(rules)

    def _filter_system_calls(self, parent: int) -> None:
        # A change of uid has made the kernel forget this, and the filter forbids it from here on.
        die_with(parent)
        self.filter.install(os.getpid())

    def _set_limits(self, applied: list[Layer]) -> None:
        bounds, nothing_more = self.plan.bounds, 0
        limits = {
            resource.RLIMIT_DATA: self.baseline.vm_data_bytes + bounds.memory_bytes,
            resource.RLIMIT_CPU: bounds.cpu_s,
            resource.RLIMIT_FSIZE: bounds.scratch_bytes,
            resource.RLIMIT_NOFILE: _DESCRIPTORS,
            resource.RLIMIT_CORE: nothing_more,
            resource.RLIMIT_STACK: _STACK_BYTES,
            resource.RLIMIT_NPROC: _THREADS + (0 if self._counted_alone(applied) else threads_of(os.getuid())),
        }
        if not self.plan.gpu:
            # CUDA reserves far more addresses than memory, and locks pages.
            limits[resource.RLIMIT_AS] = self.baseline.vm_size_bytes + bounds.memory_bytes
            limits[resource.RLIMIT_MEMLOCK] = nothing_more
        for kind, value in limits.items():
            _lower(kind, value)

    def _counted_alone(self, applied: list[Layer]) -> bool:
        """Whether RLIMIT_NPROC, which counts by user, will count this worker's threads only."""
        return os.geteuid() == 0 or Layer.NAMESPACES in applied


def _lower(kind: int, value: int) -> None:
    _, hard = resource.getrlimit(kind)
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    # The soft limit on CPU time sends SIGXCPU, which code may ignore; the hard one, a second later, kills.
    above = 1 if kind == resource.RLIMIT_CPU and value != hard else 0
    resource.setrlimit(kind, (value, value + above))


def threads_of(uid: int) -> int:
    """How many threads a user runs on this machine, as far as /proc shows."""
    count = 0
    for process in Path("/proc").glob("[0-9]*"):
        # A process may end while it is counted.
        with contextlib.suppress(OSError):
            if process.stat().st_uid == uid:
                count += len(os.listdir(process / "task"))
    return count


def die_with(parent: int) -> None:
    """Have this process killed when its parent ends, even if that is now.

    Raises:
        LayerError: Where it cannot be arranged.
    """
    kernel.prctl(_SET_DEATH_SIGNAL, signal.SIGKILL, action="ask for a signal at the zygote's death")
    if os.getppid() != parent:
        os._exit(0)


def drop_privileges(uid: int) -> None:
    """Become `uid` where this process is root, leave all groups, and give up every capability.

    Raises:
        LayerError: Where it stays root, or the uid cannot read Python's own library.
    """
    _empty_bounding_set()
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    _give_up_capabilities()
    if 0 in os.getresuid():
        raise LayerError("leave uid 0")
    if not os.access(os.__file__, os.R_OK):
        raise LayerError(f"uid {os.getuid()} cannot read Python's library, {os.path.dirname(os.__file__)}")


def _empty_bounding_set() -> None:
    # Needs a capability that a plain user has not; without it, no_new_privs alone keeps the set from mattering.
    with contextlib.suppress(LayerError):
        for capability in range(_CAPABILITIES):
            kernel.prctl(_BOUNDING_SET_DROP, capability, action="drop a capability from the bounding set")


def _give_up_capabilities() -> None:
    header = struct.pack("Ii", _CAPABILITIES_VERSION_3, 0)
    none = ctypes.create_string_buffer(24)
    kernel.syscall("capset", header, none, action="give up capabilities")
    kernel.prctl(_AMBIENT, _AMBIENT_CLEAR_ALL, action="give up ambient capabilities")


def gain_no_privileges() -> None:
    """Rule out set-uid programs, and debuggers of the same user.

    Raises:
        LayerError: Where the kernel refuses.
    """
    kernel.prctl(_SET_NO_NEW_PRIVS, 1, action="set no_new_privs")
    kernel.prctl(_SET_DUMPABLE, 0, action="refuse debuggers")
