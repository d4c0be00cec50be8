"""One confined process, and the requests made to it.

Everything that a worker sends is hostile: it may answer late, never, too much or falsely, and it may die at any
moment. A request therefore has a deadline, which holds for sending it too, and ends in bytes or in a `WorkerFailure`.
What those bytes claim is for the caller to judge.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol, Self

from grader.errors import WorkerFailure
from grader.exchange import MAX_OUTPUT_BYTES, Incoming, Printed
from grader.model import Cause
from grader.worker.control import Born, Dead, Ready
from grader.worker.frames import Buffer, Outgoing, WireError

MIB: Final = 1 << 20
_DEATH_S = 1.0
_MEMORY_CHECK_S = 0.05


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one worker may use."""

    wall_s: float = 10.0
    """For each request."""
    cpu_s: int = 60
    """Over its whole life."""
    memory_mib: int = 2048
    """Above what a fresh worker maps."""
    scratch_mib: int = 64


class Parent(Protocol):
    """What a worker's zygote knows of it."""

    limits: Limits

    @property
    def memory_bytes(self) -> int:
        """What a worker may hold, with what it shares with its zygote."""

    def last_words(self, number: int) -> Dead:
        """How the worker of that number ended, once its pidfd says that it has."""

    def forget(self, number: int) -> None:
        """Nobody will ask how it ended."""


class Worker:
    """One confined process. Once it has failed it stays failed: start another."""

    def __init__(
        self, parent: Parent, born: Born, pidfd: int, channel: int, outputs: tuple[int, int], cpu_s: int
    ) -> None:
        self.pid = born.pid
        self._number = born.worker
        self._parent = parent
        self._cpu_s = cpu_s
        self._pidfd = pidfd
        self._channel = channel
        self._printed = [Printed(fd) for fd in outputs]
        self._failure: tuple[Cause, str] | None = None
        self._closed = False
        self._ready: Ready | None = None
        os.set_blocking(channel, False)
        self._poll = select.poll()
        for fd in (channel, pidfd, *outputs):
            self._poll.register(fd, select.POLLIN)

    @property
    def ready(self) -> Ready:
        """What the worker said when it had confined itself."""
        assert self._ready is not None
        return self._ready

    def welcome(self, ready: Ready) -> None:
        """Take note of the worker's first frame; student code may come after it."""
        self._ready = ready

    @property
    def has_ended(self) -> bool:
        """Whether the process is gone, for whatever reason."""
        return bool(select.select([self._pidfd], [], [], 0)[0])

    def request(self, parts: Sequence[Buffer], *, wall_s: float | None = None) -> tuple[bytes, memoryview]:
        """Send one frame and return the header and the body of the frame that answers it.

        Args:
            parts: The whole request, as `frames.frame` makes it.
            wall_s: Seconds until the worker is killed; by default the limit of its zygote.

        Raises:
            WorkerFailure: Where there is no answer, now and at every later request.
        """
        if self._failure is None:
            try:
                self._refuse_unasked_bytes()
                return self.exchange(Outgoing(parts), self._parent.limits.wall_s if wall_s is None else wall_s)
            except WorkerFailure as failure:
                self._failure = (failure.cause, failure.message)
        raise WorkerFailure(*self._failure)

    def exchange(self, outgoing: Outgoing, wall_s: float) -> tuple[bytes, memoryview]:
        """Send, and wait for one frame; a worker that fails at it is killed."""
        try:
            return self._exchange(outgoing, wall_s)
        except WireError:
            self.kill()
            raise WorkerFailure(Cause.PROTOCOL, "Your code's process sent a reply that is malformed.") from None
        except WorkerFailure:
            self.kill()
            raise

    def _exchange(self, outgoing: Outgoing, wall_s: float) -> tuple[bytes, memoryview]:
        deadline = time.monotonic() + wall_s
        incoming = Incoming()
        while not incoming.complete:
            events = self._wait(deadline, wall_s, sending=bool(outgoing))
            self._drain(events)
            on_channel = events.get(self._channel, 0)
            try:
                if on_channel & select.POLLOUT:
                    outgoing.send(self._channel)
                if on_channel & ~select.POLLOUT:
                    incoming.receive(self._channel)
                elif self._pidfd in events:
                    raise self._ended()
            except (EOFError, BrokenPipeError):
                raise self._ended() from None
        return incoming.frame

    def _wait(self, deadline: float, wall_s: float, *, sending: bool) -> dict[int, int]:
        self._poll.modify(self._channel, select.POLLIN | (select.POLLOUT if sending else 0))
        while True:
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise WorkerFailure(Cause.TIMEOUT, f"Your code did not finish within {wall_s:g} s.")
            events = dict(self._poll.poll(1000 * min(left_s, _MEMORY_CHECK_S)))
            if events:
                return events
            self._check_memory()

    def _check_memory(self) -> None:
        """A second look at what rlimits bound: they do not count all that a GPU driver maps."""
        if self._ready is None:
            return  # It still confines itself; no student's code is there yet.
        try:
            pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        except (FileNotFoundError, ProcessLookupError):
            return
        if pages * os.sysconf("SC_PAGE_SIZE") > self._parent.memory_bytes:
            allowed = self._parent.limits.memory_mib
            raise WorkerFailure(Cause.MEMORY, f"Your code used more than {allowed} MiB of memory.")

    def _drain(self, events: dict[int, int] | None = None) -> None:
        for printed in self._printed:
            if events is not None and printed.fd not in events:
                continue
            if not printed.drain() and events is not None:
                self._poll.unregister(printed.fd)
        if sum(printed.seen_bytes for printed in self._printed) > MAX_OUTPUT_BYTES:
            raise WorkerFailure(Cause.CRASH, f"Your code printed more than {MAX_OUTPUT_BYTES // MIB} MiB.")

    def _refuse_unasked_bytes(self) -> None:
        if not select.select([self._channel], [], [], 0)[0]:
            return
        try:
            unasked = os.read(self._channel, 1)
        except ConnectionResetError:
            unasked = b""
        failure = WorkerFailure(Cause.PROTOCOL, "Your code's process wrote to the grader without being asked.")
        failure = failure if unasked else self._ended()
        self.kill()
        raise failure

    def _ended(self) -> WorkerFailure:
        """What the end of the worker, or of its side of the socket, amounts to."""
        if not select.select([self._pidfd], [], [], _DEATH_S)[0]:
            return WorkerFailure(Cause.PROTOCOL, "Your code closed its process's connection to the grader.")
        return _failure_of(self._parent.last_words(self._number), self._cpu_s)

    def printed(self) -> str:
        """What the worker wrote to stdout, then to stderr: the student's claims, cut after 64 KiB each."""
        if not self._closed:
            with contextlib.suppress(WorkerFailure):
                self._drain()
        return "".join(printed.text for printed in self._printed)

    def kill(self) -> None:
        """Kill it, whatever it is doing; it is reaped by its zygote."""
        # It, or its zygote and so its entry in the process table, may be gone by now.
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    def close(self) -> None:
        """Kill it and let go of it. May be called twice."""
        if self._closed:
            return
        self.printed()
        self.kill()
        self._closed = True
        self._failure = self._failure or (Cause.INTERNAL, "The worker was closed.")
        self._parent.forget(self._number)
        for fd in (self._channel, self._pidfd, *(printed.fd for printed in self._printed)):
            os.close(fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _failure_of(dead: Dead, cpu_s: int) -> WorkerFailure:
    code = os.waitstatus_to_exitcode(dead.status)
    if code >= 0:
        return WorkerFailure(Cause.CRASH, f"Your code's process ended by itself with exit code {code}.")
    if code in (-signal.SIGXCPU, -signal.SIGKILL) and dead.cpu_s >= cpu_s - 1:
        return WorkerFailure(Cause.TIMEOUT, f"Your code used more than {cpu_s} s of processor time.")
    name = signal.Signals(-code).name
    if code == -signal.SIGKILL:
        return WorkerFailure(
            Cause.MEMORY, f"The system killed your code's process ({name}), most likely for its memory."
        )
    return WorkerFailure(Cause.CRASH, f"Your code's process crashed ({name}).")
