"""Workers as the grader starts them: from a zygote, which it executes once and which forks them ready to compute.

Not safe for use by several threads.
"""

from __future__ import annotations

import contextlib
import copy
import os
import platform
import select
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import msgspec

from grader.errors import GraderError, SandboxError, WorkerFailure
from grader.process import MIB, Limits, Worker
from grader.sandboxes import Sandbox
from grader.sandboxes.causes import explain
from grader.worker import paths
from grader.worker.control import (
    ENVIRONMENT,
    GPU,
    MAX_MESSAGE_BYTES,
    NO_GPU,
    Born,
    Bounds,
    Dead,
    Divide,
    Failed,
    Hello,
    Layer,
    News,
    Plan,
    Ready,
    Spawn,
)
from grader.worker.frames import Outgoing
from grader.worker.syscalls import ARCHITECTURES

__all__ = ["Limits", "Worker", "Zygote"]

_WARM_UP_S = 120.0
_SET_UP_S = 30.0
_CONTROL_S = 10.0
_FIRST_UID = 64_000
_UIDS = 1_000
_LOG_CHARS = 2_000
# Looking for garbage among what is only being imported takes a fifth of it; the zygote's `main` allows it again.
# The grader's folder leaves the path once its own modules are imported: a worker needs no more of it.
_BOOT: Final = """
import gc, sys
gc.disable()
sys.path.insert(0, sys.argv[1])
from grader.worker.zygote import main
sys.path.remove(sys.argv[1])
main(int(sys.argv[2]))
"""


@dataclass(frozen=True, kw_only=True)
class _Unborn:
    """A worker that the zygote was asked for, with our ends of its descriptors."""

    number: int
    cpu_s: int | None
    channel: socket.socket
    outputs: tuple[int, int]

    def close(self) -> None:
        """Let go of a worker that nobody will use; it ends when it finds that out."""
        self.channel.close()
        for fd in self.outputs:
            os.close(fd)


class Zygote:
    """Starts workers that share one warm interpreter; they end with it. It takes seconds to be warm.

    Args:
        profile: How workers are confined.
        limits: What each may use.
        protected: What no worker may ever read: references, solutions, results, submissions.
        launcher: A command that runs the zygote's, which is appended to it.
        ahead: Whether the next worker is made while the last one works; it waits, confined, and knows nothing yet.

    Raises:
        SandboxError: Where this is not a Linux that is supported, or a protected path could be read.
        GraderError: Where the zygote ends at once.
    """

    def __init__(
        self,
        profile: Sandbox,
        *,
        limits: Limits | None = None,
        protected: Sequence[Path] = (),
        launcher: Sequence[str] = (),
        ahead: bool = False,
    ) -> None:
        _require_supported_system()
        self.profile = profile
        self.limits = limits or Limits()
        plan = _plan(profile, self.limits, protected)
        self._allowance_bytes = plan.bounds.memory_bytes
        self._ahead = ahead
        control, theirs = _socketpair()
        self._log = os.memfd_create("zygote")
        with theirs:
            self._process: subprocess.Popen[bytes] | None = _start(launcher, theirs, self._log, gpu=profile.gpu)
        self._begin(control)
        try:
            # Its socket holds this until it listens; it warms up while its user does something else.
            self._send(msgspec.json.encode(plan))
        except BaseException:
            self.close()
            raise

    def _begin(self, control: socket.socket) -> None:
        self._control = control
        self._hello: Hello | None = None
        self._count = 0
        self._watched: dict[int, Dead | None] = {}
        self._births: dict[int, tuple[Born, int] | Failed] = {}
        """What became of workers that were asked for, until somebody asks for them."""
        self._next: _Unborn | None = None

    @property
    def hello(self) -> Hello:
        """What it said when it was warm; waits for that.

        Raises:
            GraderError: Where it does not get there.
        """
        if self._hello is None:
            self._hello = msgspec.json.decode(self._receive(_WARM_UP_S)[0], type=Hello)
        return self._hello

    @property
    def memory_bytes(self) -> int:
        """What a worker may hold, with what it shares with this zygote."""
        return self.hello.vm_size_bytes + self._allowance_bytes

    def divided(self) -> Zygote:
        """Another one, forked from this warm one, which ends with it; for a process that this one will fork.

        Raises:
            GraderError: Where this one is gone.
        """
        _ = self.hello
        control, theirs = _socketpair()
        other = copy.copy(self)
        other._begin(control)
        other._process, other._log = None, os.dup(self._log)
        try:
            with theirs:
                self._send(msgspec.json.encode(Divide()), theirs.fileno())
        except BaseException:
            other.let_go()
            raise
        return other

    def let_go(self) -> None:
        """Leave it to another process, which was forked from this one and goes on using it."""
        if self._process is not None and self._process.returncode is None:
            # The other's child, which is not this process's to wait for, nor to warn of.
            self._process.returncode = 0
        self._control.close()
        os.close(self._log)
        self._log = -1

    def spawn(self, cpu_s: int | None = None) -> Worker:
        """A fresh worker, confined as the profile requires.

        Args:
            cpu_s: Seconds of processor time, where its work is allowed more than others'.

        Raises:
            SandboxError: Where a layer that the profile requires is missing.
            GraderError: Where there is no worker for another reason.
        """
        _ = self.hello
        if not self._ahead or cpu_s is not None:
            return self._welcomed(self._asked_for(cpu_s))
        worker = self._waiting() or self._welcomed(self._asked_for(None))
        try:
            self._next = self._asked_for(None)
        except BaseException:
            worker.close()
            raise
        return worker

    def _waiting(self) -> Worker | None:
        """The worker made ahead, if there is one and it has come through."""
        asked, self._next = self._next, None
        if asked is None:
            return None
        try:
            worker = self._welcomed(asked)
        except GraderError:
            # It may have died while memory was short, which says nothing about the next one.
            return None
        if worker.has_ended:
            worker.close()
            return None
        return worker

    def _asked_for(self, cpu_s: int | None) -> _Unborn:
        self._count += 1
        number, uid = self._count, _FIRST_UID + self._count % _UIDS
        channel, theirs = socket.socketpair()
        (stdout, their_stdout), (stderr, their_stderr) = os.pipe(), os.pipe()
        asked = _Unborn(number=number, cpu_s=cpu_s, channel=channel, outputs=(stdout, stderr))
        self._watched[number] = None
        try:
            request = msgspec.json.encode(Spawn(worker=number, uid=uid, cpu_s=cpu_s))
            self._send(request, theirs.fileno(), their_stdout, their_stderr)
        except BaseException:
            asked.close()
            raise
        finally:
            theirs.close()
            os.close(their_stdout)
            os.close(their_stderr)
        return asked

    def _welcomed(self, asked: _Unborn) -> Worker:
        try:
            born, pidfd = self._await_birth(asked.number)
        except BaseException:
            asked.close()
            raise
        worker = Worker(self, born, pidfd, asked.channel.detach(), asked.outputs, asked.cpu_s or self.limits.cpu_s)
        try:
            worker.welcome(self._welcome(worker))
        except BaseException:
            worker.close()
            raise
        return worker

    def _await_birth(self, number: int) -> tuple[Born, int]:
        while number not in self._births:
            self._take_news()
        birth = self._births.pop(number)
        if isinstance(birth, Failed):
            del self._watched[number]
            raise GraderError(f"no worker could be started: {birth.reason}")
        return birth

    def _welcome(self, worker: Worker) -> Ready:
        try:
            header, _ = worker.exchange(Outgoing([]), _SET_UP_S)
        except WorkerFailure as failure:
            raise GraderError(f"a worker could not be set up: {failure.message} {worker.printed()}") from None
        ready = msgspec.json.decode(header, type=Ready)
        for layer in Layer:
            if layer in self.profile.required and layer not in ready.layers:
                raise SandboxError(layer, explain(layer, ready.missing[layer], self.profile.name))
        if (ready.torch, ready.cpu_capability) != (self.hello.torch, self.hello.cpu_capability):
            raise GraderError(
                f"a confined worker computes with {ready.cpu_capability}, not {self.hello.cpu_capability}"
            )
        return ready

    def last_words(self, number: int) -> Dead:
        """How a worker ended, once its pidfd says that it has.

        Raises:
            GraderError: Where the zygote does not say.
        """
        while (dead := self._watched[number]) is None:
            self._take_news()
        return dead

    def forget(self, number: int) -> None:
        """Nobody will ask how this worker ended."""
        self._watched.pop(number, None)

    def _take_news(self) -> None:
        message, descriptors = self._receive(_CONTROL_S)
        news = msgspec.json.decode(message, type=News)
        if isinstance(news, Born):
            self._births[news.worker] = news, descriptors[0]
        elif isinstance(news, Failed):
            self._births[news.worker] = news
        elif news.worker in self._watched:
            self._watched[news.worker] = news

    def _send(self, message: bytes, *descriptors: int) -> None:
        try:
            socket.send_fds(self._control, [message], descriptors)
        except OSError:
            raise self._gone() from None

    def _receive(self, timeout_s: float) -> tuple[bytes, list[int]]:
        if not select.select([self._control], [], [], timeout_s)[0]:
            raise GraderError(f"the zygote, which starts workers, was silent for {timeout_s:g} s: {self._log_tail()}")
        try:
            message, descriptors, _, _ = socket.recv_fds(self._control, MAX_MESSAGE_BYTES, 1)
        except ConnectionResetError:
            message, descriptors = b"", []
        if not message:
            raise self._gone()
        return message, descriptors

    def _gone(self) -> GraderError:
        # It has closed its socket; what it has to say is complete once it has ended.
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_CONTROL_S)
        return GraderError(f"the zygote, which starts workers, ended unexpectedly: {self._log_tail()}")

    def _log_tail(self) -> str:
        size = os.fstat(self._log).st_size
        return os.pread(self._log, size, 0).decode(errors="backslashreplace")[-_LOG_CHARS:].strip() or "it said nothing"

    def close(self) -> None:
        """End the zygote and all its workers. May be called twice."""
        if self._log < 0:
            return
        if self._next is not None:
            self._next.close()
        for birth in self._births.values():
            if not isinstance(birth, Failed):
                os.close(birth[1])
        self._await_end()
        self.let_go()

    def _await_end(self) -> None:
        self._control.shutdown(socket.SHUT_WR)
        if self._process is None:
            # Another zygote's child: it cannot be waited for, but its end of the socket closes with it.
            # Killed with an order unread, it resets the connection.
            with contextlib.suppress(ConnectionResetError):
                while select.select([self._control], [], [], _CONTROL_S)[0] and self._control.recv(MAX_MESSAGE_BYTES):
                    pass
            return
        try:
            self._process.wait(_CONTROL_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _socketpair() -> tuple[socket.socket, socket.socket]:
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def _require_supported_system() -> None:
    if sys.platform != "linux":
        raise SandboxError(
            "linux",
            f"grading needs Linux, and this is {sys.platform}. Run the public tests here with `grader check`; "
            "grade in a Linux container with --sandbox=container.",
        )
    if platform.machine() not in ARCHITECTURES:
        raise SandboxError(
            Layer.SECCOMP,
            f"grading needs a processor of {' or '.join(ARCHITECTURES)}, and this is {platform.machine()}.",
        )


def _plan(profile: Sandbox, limits: Limits, protected: Sequence[Path]) -> Plan:
    readable = paths.readable(gpu=profile.gpu)
    found = paths.exposed(protected, readable)
    if found:
        path, prefix = found
        raise SandboxError(
            Layer.LANDLOCK,
            f"{path} lies under {prefix}, which student code may read as part of Python. Move the course out of it, "
            "or the virtual environment out of the course's folder.",
        )
    bounds = Bounds(memory_bytes=limits.memory_mib * MIB, cpu_s=limits.cpu_s, scratch_bytes=limits.scratch_mib * MIB)
    devices = paths.devices(gpu=profile.gpu)
    return Plan(layers=profile.layers, readable=readable, devices=devices, bounds=bounds, gpu=profile.gpu)


def _start(launcher: Sequence[str], control: socket.socket, log: int, *, gpu: bool) -> subprocess.Popen[bytes]:
    home = str(Path(__file__).parents[1])
    command = [*launcher, sys.executable, "-I", "-B", "-c", _BOOT, home, str(control.fileno())]
    # A session of its own, so that Ctrl-C reaches the grader alone.
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        env=ENVIRONMENT | (GPU if gpu else NO_GPU),
        cwd="/",
        pass_fds=[control.fileno()],
        start_new_session=True,
    )
