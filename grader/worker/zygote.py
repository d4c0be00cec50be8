"""The zygote: a process with torch loaded and warm, which forks workers that confine themselves.

Theory of operation. The grader executes this module in a fresh interpreter with a clean environment; it is never
forked from the grader, so that no byte of a reference is ever in its memory. It holds no secret and never runs a
student's code. On its control socket it takes one `Plan` and then orders (`control.py`): to fork a worker, or, for
another grading process, a zygote like itself with a control socket of its own. Each worker has nothing open but
/dev/null, two output pipes and its own socket, descriptor 3; it confines itself, says on that socket what confines
it, and serves requests. When the grader goes, the control socket closes and the zygote leaves; when the zygote goes,
the kernel kills what it has forked.

Every process here has one thread: a fork copies only the calling thread, and a lock held by another, as OpenMP's
pool does, would never open again in the child.
"""

from __future__ import annotations

import fcntl
import gc
import os
import platform
import select
import signal
import socket
import sys
import tempfile
import traceback
from typing import Any, NoReturn

import msgspec
import torch

from grader.worker import frames, namespaces, pages, seccomp
from grader.worker.confinement import Baseline, Confinement, die_with
from grader.worker.control import (
    ENVIRONMENT,
    MAX_MESSAGE_BYTES,
    Born,
    Dead,
    Divide,
    Failed,
    Hello,
    Layer,
    Order,
    Plan,
    Ready,
    Spawn,
)
from grader.worker.serving import serve
from grader.worker.warmth import warm_up

CHANNEL = 3
"""The worker's socket to the grader."""
_SETUP_FAILED = 70


def main(control_fd: int) -> None:
    """Warm up, say so, and fork workers until the grader closes the control socket."""
    os.umask(0o022)
    control = socket.socket(fileno=control_fd)
    plan = msgspec.json.decode(control.recv(MAX_MESSAGE_BYTES), type=Plan)
    warm_up(gpu=plan.gpu)
    gc.collect()
    # Collections in workers would otherwise write to, and so copy, every page that holds an object.
    gc.freeze()
    gc.enable()
    pages.collapse()
    Nursery(control, Confinement(plan, Baseline.of_this_process(), seccomp.build(gpu=plan.gpu))).run()


class Nursery:
    """Says that the zygote is warm, forks workers, and reports when they end."""

    def __init__(self, control: socket.socket, confinement: Confinement) -> None:
        self.control = control
        self.confinement = confinement
        self.poll = select.poll()
        self.poll.register(control, select.POLLIN)
        self.workers: dict[int, Spawn] = {}
        """By pidfd."""
        self.pids: dict[int, int] = {}
        """Of workers and of zygotes forked from this one, by pidfd."""

    def run(self) -> None:
        """Serve the control socket until it closes, then kill whatever is left."""
        size = self.confinement.baseline.vm_size_bytes
        self.control.send(
            msgspec.json.encode(Hello(pid=os.getpid(), threads=_threads(), vm_size_bytes=size, **_versions()))
        )
        while True:
            for ready, _ in self.poll.poll():
                if ready in self.pids:
                    self._bury(ready)
                elif not self._serve_one():
                    for pid in self.pids.values():
                        os.kill(pid, signal.SIGKILL)
                    return

    def _serve_one(self) -> bool:
        message, descriptors, _, _ = socket.recv_fds(self.control, MAX_MESSAGE_BYTES, 3)
        if not message:
            return False
        try:
            match msgspec.json.decode(message, type=Order):
                case Spawn() as spawn:
                    self._fork(spawn, descriptors)
                case Divide():
                    self._divide(*descriptors)
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        return True

    def _fork(self, spawn: Spawn, descriptors: list[int]) -> None:
        zygote = os.getpid()
        try:
            pid = _fork()
        except OSError as error:
            self._send(Failed(worker=spawn.worker, reason=str(error)))
            return
        if pid == 0:
            self._become_worker(spawn, descriptors, zygote)
        pidfd = self._watch(pid)
        self.workers[pidfd] = spawn
        socket.send_fds(self.control, [msgspec.json.encode(Born(worker=spawn.worker, pid=pid))], [pidfd])

    def _divide(self, control_fd: int) -> None:
        zygote = os.getpid()
        try:
            pid = _fork()
        except OSError:
            # Whoever asked finds the socket closed, and this in the log.
            traceback.print_exc()
            return
        if pid == 0:
            self._become_zygote(control_fd, zygote)
        self._watch(pid)

    def _watch(self, pid: int) -> int:
        pidfd = os.pidfd_open(pid)
        self.pids[pidfd] = pid
        self.poll.register(pidfd, select.POLLIN)
        return pidfd

    def _become_zygote(self, control_fd: int, zygote: int) -> NoReturn:
        try:
            die_with(zygote)
            self.control.close()
            for pidfd in self.pids:
                os.close(pidfd)
            Nursery(socket.socket(fileno=control_fd), self.confinement).run()
        except BaseException:
            traceback.print_exc()
            os._exit(_SETUP_FAILED)
        os._exit(0)

    def _become_worker(self, spawn: Spawn, descriptors: list[int], zygote: int) -> NoReturn:
        try:
            keep_only(descriptors)
            self.control.detach()
            os.setsid()
            applied, missing = self.confinement.within(spawn.cpu_s).apply(spawn.uid, zygote)
            settle_in(has_scratch=Layer.PRIVATE_ROOT in applied)
            size = self.confinement.baseline.vm_size_bytes
            ready = Ready(layers=applied, missing=missing, threads=1, vm_size_bytes=size, **_versions())
            frames.write_frame(CHANNEL, frames.frame(msgspec.json.encode(ready), [], 0))
            serve(CHANNEL)
        except BaseException:
            traceback.print_exc()
            os._exit(_SETUP_FAILED)
        os._exit(0)

    def _bury(self, pidfd: int) -> None:
        self.poll.unregister(pidfd)
        os.close(pidfd)
        _, status, usage = os.wait4(self.pids.pop(pidfd), 0)
        if spawn := self.workers.pop(pidfd, None):
            self._send(Dead(worker=spawn.worker, status=status, cpu_s=usage.ru_utime + usage.ru_stime))

    def _send(self, news: Failed | Dead) -> None:
        self.control.send(msgspec.json.encode(news))


def keep_only(descriptors: list[int]) -> None:
    """Leave open /dev/null as stdin, then the worker's stdout, stderr and channel, and nothing else."""
    channel, stdout, stderr = descriptors
    null = os.open("/dev/null", os.O_RDONLY)
    # First out of the way of the places that they go to.
    apart = [fcntl.fcntl(descriptor, fcntl.F_DUPFD, CHANNEL + 1) for descriptor in (null, stdout, stderr, channel)]
    for place, descriptor in enumerate(apart):
        os.dup2(descriptor, place)
    os.closerange(CHANNEL + 1, os.sysconf("SC_OPEN_MAX"))


def settle_in(*, has_scratch: bool) -> None:
    """Give the interpreter surroundings that say nothing about the grader."""
    home = namespaces.SCRATCH if has_scratch else "/"
    os.chdir(home)
    os.environ.clear()
    os.environ.update(ENVIRONMENT | {"HOME": home, "TMPDIR": home})
    tempfile.tempdir = home
    sys.argv[:] = ["worker"]
    sys.path[:] = [path for path in sys.path if path.startswith((sys.prefix, sys.base_prefix))]
    for handled in (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE):
        signal.signal(handled, signal.SIG_DFL)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115  # stays open as long as the process
    sys.stdout, sys.stderr = (
        open(fd, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
        for fd in (1, 2)
    )


def _fork() -> int:
    if _threads() != 1:
        raise RuntimeError(f"the zygote has {_threads()} threads and may not fork")
    return os.fork()


def _threads() -> int:
    return len(os.listdir("/proc/self/task"))


def _versions() -> dict[str, Any]:
    return {
        "torch": str(torch.__version__),
        "python": platform.python_version(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
    }
