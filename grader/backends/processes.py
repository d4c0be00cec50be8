"""Grade on several grading processes of this machine, each with its own zygote.

Theory of operation. What takes seconds is done once: one process, the pool, imports torch, loads and records what the
first task needs, and warms up a zygote meanwhile. Then it forks grading processes, and has the zygote fork one for
each. A grading process says that it is free by asking for a task; one that dies is replaced, and the task that it had
in hand is given out once more before it is reported as a fault of ours. Each result goes to the process that called.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import multiprocessing
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from grader.errors import GraderError, SandboxError
from grader.model import SubmissionResult
from grader.task import Plan, Sink, Task
from grader.worker.control import NO_GPU, ONE_THREAD
from grader.zygotes import Zygotes

if TYPE_CHECKING:
    from grader.marking import Marker

MAX_LOSSES = 2
"""Grading processes that one task may cost."""

_PR_SET_PDEATHSIG = 1


def run(plan: Plan, tasks: Sequence[Task], sink: Sink, jobs: int) -> None:
    """Grade all tasks on up to `jobs` processes at once."""
    context = multiprocessing.get_context("spawn")
    with _starting():
        ours, theirs = context.Pipe(duplex=False)
        pool = context.Process(target=_serve_pool, args=(theirs, plan, tasks, jobs, os.getpid()))
        pool.start()
    theirs.close()
    by_key = {task.key: task for task in tasks}
    try:
        for result in _results(ours):
            sink(by_key[result.key], result)
        pool.join()
    finally:
        pool.terminate()
        pool.join()
        ours.close()
    if pool.exitcode:
        raise GraderError(
            f"the process that hands out submissions ended with status {pool.exitcode}; what is graded is stored, "
            "and the same command goes on from there"
        )


def _results(connection: Connection) -> Iterator[SubmissionResult]:
    """All that the pool sends until it ends, perhaps in the middle of a message."""
    with contextlib.suppress(EOFError, OSError):
        while True:
            match _decode(connection.recv_bytes()):
                case _Done(result):
                    yield result
                case _Refused(layer, text):
                    raise SandboxError(layer, text)
                case _Broken(text):
                    raise GraderError(text)


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


Started = tuple[Connection, BaseProcess]


class _Pool:
    """Hands tasks to grading processes.

    Args:
        launch: Starts a grading process, and gives the connection to it.
        tasks: What to grade.
        sink: Is told each result.
    """

    def __init__(self, launch: Callable[[], Started], tasks: Sequence[Task], sink: Sink) -> None:
        self._launch = launch
        self._waiting = deque(tasks)
        self._sink = sink
        self._processes: dict[Connection, BaseProcess] = {}
        self._in_hand: dict[Connection, Task] = {}
        self._losses: dict[str, int] = {}
        """By task, and under no name those that had none yet."""

    def start(self) -> None:
        connection, process = self._launch()
        self._processes[connection] = process

    def serve(self) -> None:
        while self._processes:
            for connection in wait(list(self._processes)):
                assert isinstance(connection, Connection)
                try:
                    message = _decode(connection.recv_bytes())
                except (EOFError, OSError):
                    # It is gone, perhaps in the middle of an answer.
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
        task = self._waiting.popleft() if self._waiting else None
        # A process that has just died is met again, and replaced, when its answer is waited for.
        with contextlib.suppress(BrokenPipeError):
            connection.send_bytes(_encode(task) if task else b"")
        if task is None:
            self._processes.pop(connection).join()
            connection.close()
        else:
            self._in_hand[connection] = task

    def _replace(self, connection: Connection) -> None:
        process = self._processes.pop(connection)
        process.join()
        connection.close()
        task = self._in_hand.pop(connection, None)
        name = task.key if task else ""
        self._losses[name] = self._losses.get(name, 0) + 1
        if task is not None:
            self._waiting.appendleft(self._with_fault(task, process.exitcode))
        elif self._losses[name] >= MAX_LOSSES:
            raise GraderError(f"a grading process ended with status {process.exitcode} before it took a submission")
        self.start()

    def _with_fault(self, task: Task, status: int | None) -> Task:
        """The task, to be graded again or, where it has cost too much, to be reported as a fault of ours.

        Raises:
            GraderError: Where not even that can be reported.
        """
        if task.fault:
            raise GraderError(f"{task.submission.id}: {task.fault}, and reporting that ended another one")
        if self._losses[task.key] < MAX_LOSSES:
            return task
        return replace(task, fault=f"grading it ended {MAX_LOSSES} grading processes, the last with status {status}")

    def close(self) -> None:
        for connection, process in self._processes.items():
            process.terminate()
            process.join()
            connection.close()


def _serve_pool(connection: Connection, plan: Plan, tasks: Sequence[Task], jobs: int, parent: int) -> None:
    """The pool's process."""
    _die_with(parent)
    # Ctrl-C is the caller's to handle; it ends this process when what is in hand is written.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # What is imported stays: looking for garbage in it is a fifth of the time that importing takes. What grading leaves
    # is mostly no garbage either, and as many collections as usual would be a twentieth of its time.
    gc.disable()

    def sink(_: Task, result: SubmissionResult) -> None:
        connection.send_bytes(_encode(_Done(result)))

    on_cpu = all(task.device == "cpu" for task in tasks)
    os.environ |= ONE_THREAD | (NO_GPU if on_cpu else {})
    with _saying_why(connection), _warming_up(plan) as marker:
        # Autograd keeps a thread for each GPU that it sees, and refuses to work in a fork of a process that has one.
        if on_cpu:
            # What a course does wrong here it does again where its submissions are graded, and is reported there.
            with contextlib.suppress(Exception):
                marker.prepare(tasks[0])
        gc.freeze()
        gc.set_threshold(20_000)
        gc.enable()
        pool = _Pool(_Forks(marker).launch, tasks, sink)
        try:
            for _ in range(min(jobs, len(tasks))):
                pool.start()
            pool.serve()
        finally:
            pool.close()


def _warming_up(plan: Plan) -> Marker:
    """A marker whose zygote imports torch while this process does."""
    with _starting():
        zygotes = Zygotes(plan)
    from grader.marking import Marker

    return Marker(plan, zygotes)


class _Forks:
    """Grading processes that go on from what this one has prepared."""

    def __init__(self, marker: Marker) -> None:
        self._marker = marker
        self._zygotes = marker.zygotes
        self._context = multiprocessing.get_context("fork")

    def launch(self) -> Started:
        with _starting():
            ours, theirs = self._context.Pipe()
            zygotes = self._zygotes_of_its_own()
            process = self._context.Process(
                target=_grade_from, args=(theirs, self._marker, zygotes, os.getpid()), daemon=True
            )
            process.start()
        theirs.close()
        zygotes.let_go()
        return ours, process

    def _zygotes_of_its_own(self) -> Zygotes:
        try:
            return self._zygotes.divided()
        except GraderError:
            self._zygotes.renew("cpu")
            return self._zygotes.divided()


def _grade_from(connection: Connection, marker: Marker, zygotes: Zygotes, parent: int) -> None:
    """A grading process: ask, grade, answer, until there is nothing more."""
    _die_with(parent)
    marker.continue_with(zygotes)
    from grader import plugin

    def tasks() -> Iterator[Task]:
        connection.send_bytes(_encode(_Ready()))
        while data := connection.recv_bytes():
            yield msgspec.msgpack.decode(data, type=Task)

    with _saying_why(connection), marker:
        plugin.run(marker, tasks(), lambda _, result: connection.send_bytes(_encode(_Done(result))))


@contextlib.contextmanager
def _starting() -> Iterator[None]:
    """Says what this machine refuses: most often more processes, memory or descriptors."""
    try:
        yield
    except OSError as error:
        raise GraderError(f"no grading process could be started: {error}") from error


@contextlib.contextmanager
def _saying_why(connection: Connection) -> Iterator[None]:
    """Tells the process at the other end of an error that it has words for."""
    try:
        yield
    except SandboxError as error:
        connection.send_bytes(_encode(_Refused(error.layer, str(error))))
    except GraderError as error:
        connection.send_bytes(_encode(_Broken(str(error))))


def _die_with(parent: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
