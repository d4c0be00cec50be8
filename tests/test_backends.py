"""Ways to grade many: tasks go out one by one, a lost process is replaced, and nobody else pays for it."""

from __future__ import annotations

import errno
import os
import struct
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from grader import backends
from grader.backends import processes
from grader.backends.processes import MAX_LOSSES, _Broken, _Done, _Pool, _Ready, _Refused
from grader.errors import GraderError, SandboxError
from grader.model import SubmissionResult
from grader.task import Task
from tests.tiny_course import graded, task

DEAD = object()
_WAIT = processes.wait


@dataclass
class ThenDies:
    """A process that is gone as soon as it has said this."""

    message: Any


@dataclass
class Half:
    """A process that is gone while it says this."""

    message: Any


class FakeProcess:
    """A grading process in this one: what it does with a task is up to a function of (process, task)."""

    def __init__(self, connection: Connection, act: Callable[[Task], Any]) -> None:
        self.connection = connection
        self.act = act
        self.exitcode: int | None = None
        self.terminated = False

    def start(self) -> None:
        self.say(_Ready())

    def say(self, message: Any) -> None:
        self.connection.send_bytes(msgspec.msgpack.encode(message))

    def serve(self) -> None:
        """Take what has been handed out, if anything, and answer."""
        if self.connection.closed or not self.connection.poll():
            return
        data = self.connection.recv_bytes()
        said = self.act(msgspec.msgpack.decode(data, type=Task)) if data else DEAD
        if isinstance(said, ThenDies):
            self.say(said.message)
        if isinstance(said, Half):
            data = msgspec.msgpack.encode(said.message)
            os.write(self.connection.fileno(), struct.pack("!i", len(data)) + data[:-1])
        if said is DEAD or isinstance(said, ThenDies | Half):
            self.exitcode = -9 if data else 0
            self.connection.close()
        else:
            self.say(said)

    def join(self) -> None:
        self.serve()

    def terminate(self) -> None:
        self.terminated = True


class FakePool(_Pool):
    """A pool whose processes run when the pool would wait for them."""

    def __init__(self, tasks: list[Task], act: Callable[[Task], Any], *, dead_starts: int = 0) -> None:
        self.results: dict[str, SubmissionResult] = {}
        self.handed_out: list[Task] = []
        self.started: list[FakeProcess] = []
        self.dead_starts = dead_starts
        self.act = act
        super().__init__(self._fake, tasks, lambda task, result: self.results.update({task.key: result}))

    def _fake(self) -> tuple[Connection, Any]:
        ours, theirs = Pipe()
        process = FakeProcess(theirs, self._act)
        self.started.append(process)
        if len(self.started) <= self.dead_starts:
            process.exitcode = 1
            theirs.close()
        else:
            process.start()
        return ours, process

    def _act(self, task: Task) -> Any:
        self.handed_out.append(task)
        return self.act(task)


@pytest.fixture
def tasks() -> list[Task]:
    return [task(f"x = {number}\n", student=f"student{number}") for number in range(6)]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., FakePool]]:
    pools: list[FakePool] = []

    def run(tasks: list[Task], act: Callable[[Task], Any], *, jobs: int = 2, **more: Any) -> FakePool:
        pool = FakePool(tasks, act, **more)
        pools.append(pool)

        def working(connections: Any) -> Any:
            for process in pool.started:
                process.serve()
            return _WAIT(connections, timeout=0)

        monkeypatch.setattr(processes, "wait", working)
        for _ in range(min(jobs, len(tasks))):
            pool.start()
        pool.serve()
        return pool

    yield run
    for pool in pools:
        for connection in (*pool._processes, *(process.connection for process in pool.started)):
            connection.close()


def done(task: Task) -> _Done:
    return _Done(graded(task, None if task.fault else 1.0))


def test_every_task_is_graded_once(serve: Callable[..., FakePool], tasks: list[Task]) -> None:
    pool = serve(tasks, done, jobs=3)
    assert [one.key for one in pool.handed_out] == [one.key for one in tasks]
    assert set(pool.results) == {one.key for one in tasks}
    assert len(pool.started) == 3
    assert {process.exitcode for process in pool.started} == {0}


def test_a_process_that_is_lost_is_replaced_and_its_task_given_out_again(
    serve: Callable[..., FakePool], tasks: list[Task]
) -> None:
    deaths = deque([tasks[0].key, tasks[4].key])

    def act(task: Task) -> Any:
        if task.key in deaths:
            deaths.remove(task.key)
            return DEAD
        return done(task)

    pool = serve(tasks, act)
    assert set(pool.results) == {one.key for one in tasks}
    assert len(pool.started) == 4
    assert all(one.score == 1.0 for one in pool.results.values())


def test_a_task_that_ends_its_process_again_is_reported_as_ours_while_the_class_goes_on(
    serve: Callable[..., FakePool], tasks: list[Task]
) -> None:
    poison = tasks[2].key
    pool = serve(tasks, lambda task: DEAD if task.key == poison and not task.fault else done(task))
    assert set(pool.results) == {one.key for one in tasks}
    assert pool.results[poison].score is None
    tried = [one.fault for one in pool.handed_out if one.key == poison]
    assert tried == [None] * MAX_LOSSES + [f"grading it ended {MAX_LOSSES} grading processes, the last with status -9"]


def test_a_process_that_cannot_even_report_ends_the_run(serve: Callable[..., FakePool], tasks: list[Task]) -> None:
    poison = tasks[0].key
    with pytest.raises(GraderError, match="student0: grading it ended 2"):
        serve(tasks, lambda task: DEAD if task.key == poison else done(task))


def test_a_process_lost_at_its_start_is_replaced_once(serve: Callable[..., FakePool], tasks: list[Task]) -> None:
    assert len(serve(tasks, done, dead_starts=1).results) == len(tasks)
    with pytest.raises(GraderError, match="status 1 before it took a submission"):
        serve(tasks, done, dead_starts=2)


@pytest.mark.parametrize("last_words", [ThenDies, Half], ids=["after its answer", "in the middle of it"])
def test_a_process_that_dies_before_it_asks_again_costs_nothing(
    last_words: Callable[[Any], Any], serve: Callable[..., FakePool], tasks: list[Task]
) -> None:
    deaths = [tasks[1].key]

    def act(task: Task) -> Any:
        if task.key not in deaths:
            return done(task)
        deaths.remove(task.key)
        return last_words(done(task))

    pool = serve(tasks, act)
    assert set(pool.results) == {one.key for one in tasks}
    assert all(one.score == 1.0 for one in pool.results.values())
    assert len(pool.started) == 3


@pytest.mark.parametrize(
    ("said", "error"),
    [(_Refused(layer="landlock", message="no landlock"), SandboxError), (_Broken(message="no zygote"), GraderError)],
)
def test_what_no_process_can_mend_ends_the_run(
    said: Any, error: type[Exception], serve: Callable[..., FakePool], tasks: list[Task]
) -> None:
    with pytest.raises(error, match="no "):
        serve(tasks, lambda task: said)


def test_a_machine_that_refuses_processes_is_told_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*arguments: Any, **more: Any) -> Any:
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(processes.multiprocessing, "get_context", lambda name: SimpleNamespace(Pipe=refused))
    with pytest.raises(GraderError, match=r"no grading process could be started: .Errno 11. Resource"):
        processes.run(None, [], refused, 2)  # type: ignore[arg-type]  # nothing of the plan is looked at


def test_every_file_of_the_folder_is_a_backend() -> None:
    names = [path.stem for path in Path(backends.__file__).parent.glob("*.py") if path.stem != "__init__"]
    assert {"serial", "processes"} <= set(names)
    for name in names:
        assert callable(backends.load(name).run)


def test_the_process_that_hands_out_tasks_does_not_wait_for_torch() -> None:
    program = (
        "import sys; from grader import backends, grading; backends.load('processes'); print('torch' in sys.modules)"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "False"
