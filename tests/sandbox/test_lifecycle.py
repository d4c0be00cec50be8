"""Whatever is killed, at whatever moment, nothing is left: no process, no mount, no file."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from grader.errors import GraderError, WorkerFailure
from grader.model import Cause
from grader.workers import Zygote
from tests.sandbox.places import STRICT, private_zygote, zygote_of
from tests.sandbox.student import attempt

CHECKOUT = Path(__file__).parents[2]
WORKER_UIDS = range(64_000, 65_000)

GRADER = """
from grader import sandboxes
from grader.workers import Zygote
from tests.sandbox.student import attempt

with Zygote(sandboxes.load("strict")) as zygote, zygote.spawn() as idle, zygote.spawn() as busy:
    print(zygote.hello.pid, idle.pid, busy.pid, flush=True)
    attempt(busy, "def attack():\\n    while True: pass", wall_s=60)
"""


def eventually(condition: Callable[[], bool]) -> bool:
    """Whether the condition comes to hold, at the latest when pytest's own timeout is near."""
    for _ in range(400):
        if condition():
            return True
        time.sleep(0.05)
    return False


def is_gone(pid: int) -> bool:
    """Whether a process has ended; it may wait to be reaped by whoever inherited it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def traces() -> set[str]:
    """What a sandbox could leave on this machine: mounts, files of a worker's user, shared memory."""
    places = [Path(place) for place in ("/tmp", "/var/tmp", "/mnt", "/dev/shm")]
    files = [path for place in places for path in place.glob("*") if _owner(path) in WORKER_UIDS]
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    segments = [line.split()[1] for line in Path("/proc/sysvipc/shm").read_text().splitlines()]
    return {*map(str, files), *mounts, *(f"shared memory {identity}" for identity in segments)}


def _owner(path: Path) -> int | None:
    try:
        return path.lstat().st_uid
    except FileNotFoundError:
        return None


def test_nothing_outlives_a_killed_grader() -> None:
    zygote_of(STRICT)
    before = traces()
    command = [sys.executable, "-c", GRADER]
    with subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) as grader:
        assert grader.stdout is not None
        started = [int(pid) for pid in grader.stdout.readline().split()]
        assert len(started) == 3
        assert not any(map(is_gone, started))
        grader.kill()
    assert eventually(lambda: all(map(is_gone, started)))
    assert eventually(lambda: traces() <= before)


def test_a_killed_worker_is_reported_and_the_next_one_works() -> None:
    zygote = zygote_of(STRICT)
    with zygote.spawn() as worker:
        os.kill(worker.pid, signal.SIGKILL)
        with pytest.raises(WorkerFailure, match="SIGKILL") as caught:
            worker.request([b"anything"])
        assert caught.value.cause is Cause.MEMORY
    with zygote.spawn() as other:
        assert attempt(other, "def attack(): return 1").answer == 1


def test_a_killed_zygote_is_the_graders_fault() -> None:
    before = traces()
    with private_zygote(STRICT) as zygote, zygote.spawn() as worker:
        os.kill(zygote.hello.pid, signal.SIGKILL)
        assert eventually(lambda: is_gone(worker.pid))
        assert eventually(lambda: traces() <= before)
        with pytest.raises(GraderError, match="ended unexpectedly"):
            worker.request([b"anything"])
        with pytest.raises(GraderError):
            zygote.spawn()


def test_closing_ends_the_workers_too() -> None:
    with private_zygote(STRICT) as zygote:
        worker = zygote.spawn()
        zygote.close()
        assert eventually(lambda: is_gone(worker.pid))
        assert is_gone(zygote.hello.pid)
        worker.close()
        zygote.close()


def test_a_refused_start_leaves_nothing() -> None:
    before = traces()
    open_before = sorted(os.listdir("/proc/self/fd"))
    with pytest.raises(GraderError), Zygote(STRICT.profile, launcher=["/bin/false"]) as zygote:
        zygote.spawn()
    assert eventually(lambda: traces() <= before)
    assert sorted(os.listdir("/proc/self/fd")) == open_before


def test_a_worker_made_ahead_is_there_for_the_next_question_and_is_left_nowhere() -> None:
    before = traces()
    open_before = sorted(os.listdir("/proc/self/fd"))
    with Zygote(STRICT.profile, ahead=True) as zygote:
        with zygote.spawn() as first:
            (waiting,) = eventually_children(zygote.hello.pid, besides=first.pid)
            # Processor time of its own is asked for: the waiting worker does not do, and goes on waiting.
            with zygote.spawn(cpu_s=5) as trainer:
                assert trainer.pid not in (first.pid, waiting)
        with zygote.spawn() as second:
            assert second.pid == waiting
            assert attempt(second, "def attack(): return 1").answer == 1
        assert eventually(lambda: is_gone(first.pid))
    assert eventually(lambda: traces() <= before)
    assert sorted(os.listdir("/proc/self/fd")) == open_before


def test_a_worker_that_dies_waiting_is_replaced() -> None:
    with Zygote(STRICT.profile, ahead=True) as zygote:
        with zygote.spawn() as first:
            (waiting,) = eventually_children(zygote.hello.pid, besides=first.pid)
            os.kill(waiting, signal.SIGKILL)
            assert eventually(lambda: is_gone(waiting))
        with zygote.spawn() as other:
            assert other.pid != waiting
            assert attempt(other, "def attack(): return 1").answer == 1


def test_a_worker_is_not_lost_where_the_next_one_cannot_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with Zygote(STRICT.profile, ahead=True) as zygote:
        open_before = sorted(os.listdir("/proc/self/fd"))
        ask = zygote._asked_for

        def once(cpu_s: int | None) -> object:
            monkeypatch.setattr(zygote, "_asked_for", refuse)
            return ask(cpu_s)

        def refuse(cpu_s: int | None) -> object:
            raise OSError(errno.EMFILE, "Too many open files")

        monkeypatch.setattr(zygote, "_asked_for", once)
        with pytest.raises(OSError, match="Too many open files"):
            zygote.spawn()
        assert sorted(os.listdir("/proc/self/fd")) == open_before


def test_a_zygote_divides_and_both_start_workers() -> None:
    before = traces()
    open_before = sorted(os.listdir("/proc/self/fd"))
    with Zygote(STRICT.profile, ahead=True) as first, first.spawn() as one:
        with first.divided() as second, second.spawn() as other:
            assert second.hello.pid != first.hello.pid
            assert (second.hello.threads, second.hello.torch) == (1, first.hello.torch)
            assert second.memory_bytes == first.memory_bytes
            for worker in (one, other):
                assert attempt(worker, "def attack(): return 1").answer == 1
            assert parent_of(other.pid) == second.hello.pid
        assert eventually(lambda: is_gone(second.hello.pid) and is_gone(other.pid))
        assert attempt(one, "def attack(): return 2").answer == 2
    assert eventually(lambda: traces() <= before)
    assert sorted(os.listdir("/proc/self/fd")) == open_before


def test_a_divided_zygote_and_its_workers_end_with_the_first() -> None:
    with Zygote(STRICT.profile) as first, first.divided() as second, second.spawn() as worker:
        os.kill(first.hello.pid, signal.SIGKILL)
        assert eventually(lambda: is_gone(second.hello.pid) and is_gone(worker.pid))
        with pytest.raises(GraderError, match="ended unexpectedly"):
            first.divided()


def test_a_zygote_sees_a_gpu_only_where_one_is_used() -> None:
    with Zygote(STRICT.profile) as zygote:
        environment = Path(f"/proc/{zygote.hello.pid}/environ").read_bytes().split(b"\0")
    assert b"CUDA_VISIBLE_DEVICES=" in environment


def test_who_lets_go_of_a_zygote_is_not_warned_that_it_runs() -> None:
    program = (
        "import os, sys, warnings; warnings.simplefilter('error'); from grader import sandboxes;"
        "from grader.workers import Zygote; zygote = Zygote(sandboxes.load('strict')); child = os.fork();"
        "zygote.close() if child else zygote.let_go(); del zygote; child and os.wait()"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stderr == ""


def test_a_divided_zygote_that_was_killed_with_an_order_unread_can_be_closed() -> None:
    open_before = sorted(os.listdir("/proc/self/fd"))
    with Zygote(STRICT.profile) as first:
        with first.divided() as second:
            os.kill(second.hello.pid, signal.SIGSTOP)
            second._asked_for(None).close()
            os.kill(second.hello.pid, signal.SIGKILL)
            assert eventually(lambda: is_gone(second.hello.pid))
        with first.divided() as third, third.spawn() as worker:
            assert attempt(worker, "def attack(): return 3").answer == 3
    assert sorted(os.listdir("/proc/self/fd")) == open_before


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def eventually_children(pid: int, *, besides: int) -> list[int]:
    """The children of a process, once there is one more than the given."""
    path = Path(f"/proc/{pid}/task/{pid}/children")

    def others() -> list[int]:
        return [child for child in map(int, path.read_text().split()) if child != besides]

    assert eventually(lambda: bool(others()))
    return others()


def test_workers_leave_no_descriptor_behind() -> None:
    zygote = zygote_of(STRICT)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        zygote.spawn().close()
    assert len(os.listdir("/proc/self/fd")) == before


def test_the_zygote_keeps_one_thread_and_no_dead_workers() -> None:
    zygote = zygote_of(STRICT)
    for _ in range(3):
        zygote.spawn().close()

    def children() -> str:
        return Path(f"/proc/{zygote.hello.pid}/task/{zygote.hello.pid}/children").read_text().strip()

    assert eventually(lambda: children() == "")
    assert os.listdir(f"/proc/{zygote.hello.pid}/task") == [str(zygote.hello.pid)]
