"""Grade on several grading processes of this machine, each with its own zygote.

Each process says that it is free by asking for a task; a process that dies is replaced, and the task that it had in
hand is given out once more before the loss is reported.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

import msgspec

from grader.errors import GraderError, SandboxError
from grader.model import SubmissionResult
from grader.plugin import Sink
from grader.task import Plan, Task

MAX_LOSSES = 2
"""Grading processes that one task may cost."""

_PR_SET_PDEATHSIG = 1


def run(plan: Plan, tasks: Sequence[Task], sink: Sink, jobs: int) -> None:
    """Grade all tasks on up to `jobs` processes at once."""
    pool = _Pool(plan, tasks, sink)
    try:
        for _ in range(min(jobs, len(tasks))):
            pool.start()
        pool.serve()
    finally:
        pool.close()


class _Ready(msgspec.Struct, tag="ready"):
    """A grading process has no task."""


class _Done(msgspec.Struct, tag="done"):
    """A task is graded, and the process has no other."""

    result: SubmissionResult


class _Refused(msgspec.Struct, tag="refused"):
    """This machine cannot confine workers."""

    layer: str
    message: str


class _Broken(msgspec.Struct, tag="broken"):
    """The process cannot go on, by a fault of ours."""

    message: str


_Message = _Ready | _Done | _Refused | _Broken
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Message).decode


class _Pool:
    def __init__(self, plan: Plan, tasks: Sequence[Task], sink: Sink) -> None:
        self._plan = plan
        self._waiting = deque(tasks)
        self._sink = sink
        self._context = multiprocessing.get_context("spawn")
        self._processes: dict[Connection, BaseProcess] = {}
        self._in_hand: dict[Connection, Task] = {}
        self._losses: dict[str, int] = {}

    def start(self) -> None:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=_grade_from, args=(theirs, self._plan, os.getpid()), daemon=True)
        process.start()
        theirs.close()
        self._processes[ours] = process

    def serve(self) -> None:
        while self._processes:
            for connection in wait(list(self._processes)):
                assert isinstance(connection, Connection)
                try:
                    message = _decode(connection.recv_bytes())
                except (EOFError, ConnectionResetError):
                    self._replace(connection)
                    continue
                self._take(connection, message)

    def _take(self, connection: Connection, message: _Message) -> None:
        match message:
            case _Refused(layer, text):
                raise SandboxError(layer, text)
            case _Broken(text):
                raise GraderError(text)
            case _Done(result):
                self._sink(self._in_hand.pop(connection), result)
        self._hand_out(connection)

    def _hand_out(self, connection: Connection) -> None:
        if not self._waiting:
            connection.send_bytes(b"")
            self._processes.pop(connection).join()
            connection.close()
            return
        self._in_hand[connection] = self._waiting.popleft()
        connection.send_bytes(_encode(self._in_hand[connection]))

    def _replace(self, connection: Connection) -> None:
        process = self._processes.pop(connection)
        process.join()
        connection.close()
        task = self._in_hand.pop(connection, None)
        if task is None:
            raise GraderError(f"a grading process ended with status {process.exitcode} before it took a submission")
        self._losses[task.key] = self._losses.get(task.key, 0) + 1
        if self._losses[task.key] >= MAX_LOSSES:
            raise GraderError(
                f"grading {task.submission.id} ended {MAX_LOSSES} grading processes (status {process.exitcode})"
            )
        self._waiting.appendleft(task)
        self.start()

    def close(self) -> None:
        for connection, process in self._processes.items():
            process.terminate()
            process.join()
            connection.close()


def _grade_from(connection: Connection, plan: Plan, parent: int) -> None:
    """A grading process: ask, grade, answer, until there is nothing more."""
    _die_with(parent)
    # Ctrl-C is the parent's to handle; it ends this process when what is in hand is written.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    from grader import plugin
    from grader.marking import Marker

    def tasks() -> Iterator[Task]:
        connection.send_bytes(_encode(_Ready()))
        while data := connection.recv_bytes():
            yield msgspec.msgpack.decode(data, type=Task)

    try:
        with Marker(plan) as marker:
            plugin.run(marker, tasks(), lambda _, result: connection.send_bytes(_encode(_Done(result))))
    except SandboxError as error:
        connection.send_bytes(_encode(_Refused(error.layer, str(error))))
    except GraderError as error:
        connection.send_bytes(_encode(_Broken(str(error))))


def _die_with(parent: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
