"""The contract of a worker, in every place: an answer in time, or a failure that says what happened."""

from __future__ import annotations

import os
import select
import signal
from pathlib import Path

import pytest

from grader.errors import WorkerFailure
from grader.model import Cause
from grader.worker.frames import FRAME, MAX_BODY_BYTES
from grader.workers import Worker, Zygote
from tests.sandbox.places import LIMITS, STRICT, zygote_of
from tests.sandbox.student import attempt


def fails(worker: Worker, body: str, wall_s: float | None = None) -> WorkerFailure:
    """How the worker fails that runs these statements."""
    source = "import os, signal, sys, threading, time\ndef attack():\n" + "\n".join(
        "    " + line for line in body.splitlines()
    )
    outcome = attempt(worker, source, wall_s=wall_s)
    assert outcome.failure is not None
    return outcome.failure


def test_answers_with_what_the_function_returns(worker: Worker) -> None:
    assert attempt(worker, "def attack(x): return 2 * x", 21).answer == 42


def test_keeps_what_the_code_prints_apart_from_the_answer(worker: Worker) -> None:
    source = "import sys\ndef attack():\n    print('out')\n    print('err', file=sys.stderr)\n    return 1"
    assert attempt(worker, source).answer == 1
    assert worker.printed() == "out\nerr\n"


def test_ends_a_loop_at_the_deadline(worker: Worker) -> None:
    assert fails(worker, "while True: pass", wall_s=0.3).cause is Cause.TIMEOUT


def test_ends_code_that_ignores_every_signal(worker: Worker) -> None:
    body = "signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())\nwhile True: time.sleep(1)"
    assert fails(worker, body, wall_s=0.3).cause is Cause.TIMEOUT


def test_calls_an_exhausted_allowance_of_processor_time_a_timeout() -> None:
    body = "signal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass"
    with zygote_of(STRICT).spawn() as worker:
        failure = fails(worker, body, wall_s=60)
    assert failure.cause is Cause.TIMEOUT
    assert failure.message == f"Your code used more than {LIMITS.cpu_s} s of processor time."


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGABRT", "SIGFPE", "SIGILL"])
def test_names_the_signal_of_a_crash(worker: Worker, name: str) -> None:
    failure = fails(worker, f"signal.signal(signal.{name}, signal.SIG_DFL)\nos.kill(os.getpid(), signal.{name})")
    assert failure.cause is Cause.CRASH
    assert failure.message == f"Your code's process crashed ({name})."


def test_names_the_exit_code_of_code_that_ends_itself(worker: Worker) -> None:
    failure = fails(worker, "os._exit(3)")
    assert failure.cause is Cause.CRASH
    assert "ended by itself with exit code 3" in failure.message


def test_answers_for_code_that_only_asks_to_exit(worker: Worker) -> None:
    assert attempt(worker, "import sys\ndef attack(): sys.exit(0)").raised == "SystemExit"


def test_kill_by_the_system_counts_as_memory(worker: Worker) -> None:
    assert fails(worker, "os.kill(os.getpid(), signal.SIGKILL)").cause is Cause.MEMORY


def test_allocation_beyond_the_allowance_raises_in_the_code(worker: Worker) -> None:
    beyond = (LIMITS.memory_mib + 128) << 20
    assert attempt(worker, f"def attack(): return len(bytearray({beyond}))").raised == "MemoryError"


def test_allocation_within_the_allowance_works(worker: Worker) -> None:
    size = (LIMITS.memory_mib - 256) << 20
    assert attempt(worker, f"def attack(): return len(bytearray({size}))").answer == size


def test_keeps_the_beginning_of_what_is_printed(worker: Worker) -> None:
    outcome = attempt(worker, "def attack():\n    for i in range(100_000): print('line', i)\n    return 1")
    assert outcome.answer == 1
    assert worker.printed().startswith("line 0\nline 1\n")
    assert len(worker.printed()) == 64 << 10


def test_ends_a_flood_of_output(worker: Worker) -> None:
    failure = fails(worker, "while True: os.write(1, bytes(1 << 16))")
    assert failure.message == "Your code printed more than 64 MiB."


def test_does_not_wait_for_a_worker_that_never_reads(worker: Worker) -> None:
    body = "threading.Thread(target=lambda: time.sleep(60)).start()\nos.kill(os.getpid(), signal.SIGSTOP)"
    assert fails(worker, body, wall_s=0.3).cause is Cause.TIMEOUT
    with pytest.raises(WorkerFailure, match="did not finish"):
        worker.request([bytes(8 << 20)], wall_s=0.3)


def test_sending_counts_against_the_deadline(worker: Worker) -> None:
    os.kill(worker.pid, signal.SIGSTOP)
    with pytest.raises(WorkerFailure, match=r"did not finish within 0\.3 s"):
        worker.request([bytes(8 << 20)], wall_s=0.3)


def test_refuses_bytes_that_it_did_not_ask_for(worker: Worker) -> None:
    assert attempt(worker, EARLY_WRITER).answer == 1
    select.select([], [], [], 0.3)
    with pytest.raises(WorkerFailure, match="without being asked") as caught:
        worker.request([b"never sent"])
    assert caught.value.cause is Cause.PROTOCOL


EARLY_WRITER = """
import os, threading, time

def write():
    time.sleep(0.1)
    os.write(3, b"forged")

def attack():
    threading.Thread(target=write).start()
    return 1
"""


@pytest.mark.parametrize(
    "frame",
    [FRAME.pack(1 << 30, 0), FRAME.pack(1, MAX_BODY_BYTES + 1), FRAME.pack(0, 0)],
    ids=["header", "body", "empty"],
)
def test_refuses_a_frame_before_it_allocates_for_it(worker: Worker, frame: bytes) -> None:
    failure = fails(worker, f"os.write(3, {frame!r})\ntime.sleep(60)", wall_s=5)
    assert failure.cause is Cause.PROTOCOL


def test_a_closed_connection_is_a_protocol_failure(worker: Worker) -> None:
    assert fails(worker, "os.close(3)\ntime.sleep(60)").cause is Cause.PROTOCOL


def test_stays_failed(worker: Worker) -> None:
    first = fails(worker, "os._exit(1)")
    with pytest.raises(WorkerFailure, match="exit code 1") as again:
        worker.request([b"anything"])
    assert again.value.cause is first.cause


def test_a_failed_worker_is_dead(worker: Worker) -> None:
    fails(worker, "while True: pass", wall_s=0.2)
    pidfd = worker._pidfd
    assert select.select([pidfd], [], [], 5)[0]


def test_closing_twice_is_harmless(zygote: Zygote) -> None:
    worker = zygote.spawn()
    worker.close()
    worker.close()
    with pytest.raises(WorkerFailure, match="closed"):
        worker.request([b"anything"])


def test_the_next_worker_knows_nothing_of_the_last(zygote: Zygote) -> None:
    leave = "import torch\ntorch.left = 1\ndef attack(): return open('left', 'w').name"
    look = "import os, torch\ndef attack(): return [hasattr(torch, 'left'), os.path.exists('left')]"
    with zygote.spawn() as first:
        attempt(first, leave)
    with zygote.spawn() as second:
        assert attempt(second, look).answer == [False, False]


def test_several_workers_live_at_once(zygote: Zygote) -> None:
    with zygote.spawn() as one, zygote.spawn() as other:
        assert attempt(one, "def attack(): return 1").answer == 1
        assert attempt(other, "def attack(): return 2").answer == 2
        assert one.pid != other.pid


def test_many_deaths_do_not_fill_the_zygotes_socket(zygote: Zygote) -> None:
    for _ in range(5):
        workers = [zygote.spawn() for _ in range(4)]
        for worker in workers:
            worker.close()
    assert Path(f"/proc/{zygote.hello.pid}").exists()
