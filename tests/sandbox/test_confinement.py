"""What a worker is, seen from outside, once it says that it is ready."""

from __future__ import annotations

import os
import sysconfig
from pathlib import Path

import pytest

from grader import sandboxes
from grader.errors import GraderError, SandboxError
from grader.sandboxes import Sandbox
from grader.worker.control import ENVIRONMENT, Layer
from grader.workers import Limits, Worker, Zygote
from tests.attacks.world import MARKER
from tests.sandbox.places import CONTAINER, STRICT, Place, private_zygote, zygote_of
from tests.sandbox.student import attempt

AS_ROOT = os.geteuid() == 0


def status(worker: Worker) -> dict[str, str]:
    lines = Path(f"/proc/{worker.pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def test_reports_every_layer_of_its_profile(place: Place, worker: Worker) -> None:
    assert worker.ready.layers == place.profile.layers
    assert worker.ready.missing == {}


def test_computes_as_the_zygote_does(zygote: Zygote, worker: Worker) -> None:
    assert worker.ready.cpu_capability == zygote.hello.cpu_capability
    assert (worker.ready.torch, worker.ready.threads) == (zygote.hello.torch, 1)


def test_has_no_rights_that_could_be_dropped(worker: Worker) -> None:
    found = status(worker)
    assert {name: found[name] for name in ("Seccomp", "NoNewPrivs")} == {"Seccomp": "2", "NoNewPrivs": "1"}
    assert {int(found[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {0}
    assert "0" not in found["Uid"].split()
    assert found["Groups"] in ("", "65534") or not AS_ROOT
    assert found["Threads"] == "1"


@pytest.mark.skipif(not AS_ROOT, reason="only root may look into a worker of its own user")
def test_has_four_descriptors(worker: Worker) -> None:
    descriptors = {path.name: os.readlink(path).split(":")[0] for path in Path(f"/proc/{worker.pid}/fd").iterdir()}
    assert descriptors == {"0": "/dev/null", "1": "pipe", "2": "pipe", "3": "socket"}


def test_has_a_clean_environment(worker: Worker) -> None:
    found = attempt(worker, "import os\ndef attack(): return dict(os.environ)").answer
    assert found.keys() == ENVIRONMENT.keys() | {"TMPDIR"}


def test_scratch_is_there_only_where_it_is_bounded(place: Place, worker: Worker) -> None:
    source = "import tempfile\ndef attack():\n    with tempfile.TemporaryFile() as file: return file.write(b'x')"
    outcome = attempt(worker, source)
    if Layer.PRIVATE_ROOT in place.profile.layers:
        assert outcome.answer == 1
    else:
        assert outcome.raised in ("PermissionError", "OSError")


def test_an_unsafe_worker_still_has_limits() -> None:
    unsafe = Place("unsafe", sandboxes.load("unsafe"))
    with private_zygote(unsafe) as zygote, zygote.spawn() as worker:
        assert worker.ready.layers == (Layer.RLIMITS, Layer.NO_NEW_PRIVS)
        assert attempt(worker, "def attack(): return 1").answer == 1


def test_the_gpu_profile_lets_threads_name_themselves_and_shows_no_other_process() -> None:
    """What CUDA asks of the sandbox besides its devices, which need not be there."""
    source = """
import os, threading

def attack(other):
    # As pthread_setname_np() does for another thread.
    os.write(os.open(f"/proc/self/task/{threading.get_native_id()}/comm", os.O_RDWR), b"cuda")
    with open("/proc/cpuinfo") as file:
        assert file.read()
    try:
        os.listdir(f"/proc/{other}/task")
    except PermissionError:
        return "hidden"
"""
    place = Place("strict with a GPU", STRICT.profile.with_gpu())
    with private_zygote(place) as zygote, zygote.spawn() as worker:
        assert worker.ready.layers == tuple(Layer)
        assert attempt(worker, source, zygote.hello.pid).answer == "hidden"
        assert "Max address space         unlimited" in Path(f"/proc/{worker.pid}/limits").read_text()


@pytest.mark.parametrize("inside", ["purelib", "stdlib"])
def test_refuses_a_course_that_the_sandbox_would_show(inside: str) -> None:
    course = Path(sysconfig.get_path(inside)) / "reference"
    with pytest.raises(SandboxError, match="Move the course out of it"):
        Zygote(STRICT.profile, protected=[course])


def test_refuses_a_course_that_a_link_leads_to(tmp_path: Path) -> None:
    (tmp_path / "course").symlink_to(os.path.dirname(os.__file__))
    with pytest.raises(SandboxError, match="which student code may read"):
        Zygote(STRICT.profile, protected=[tmp_path / "course" / "reference"])


def test_refuses_a_missing_layer_before_any_code_is_sent() -> None:
    """In a container, strict is refused, with the layer, its errno and the flag that accepts it."""
    container = Place("docker", STRICT.profile, CONTAINER.launcher)
    with private_zygote(container) as zygote, pytest.raises(SandboxError) as caught:
        zygote.spawn()
    assert caught.value.layer == Layer.NAMESPACES
    assert "EPERM" in str(caught.value)
    assert "--sandbox=container" in str(caught.value)


def test_a_zygote_that_cannot_start_says_why() -> None:
    launcher = ["/bin/sh", "-c", "echo no such launcher >&2; exit 1"]
    with pytest.raises(GraderError, match="no such launcher"), Zygote(STRICT.profile, launcher=launcher) as zygote:
        zygote.spawn()


def test_limits_are_the_workers_own() -> None:
    limits = Limits(memory_mib=300, cpu_s=7, scratch_mib=5)
    with private_zygote(STRICT, limits) as zygote, zygote.spawn() as worker:
        rows = Path(f"/proc/{worker.pid}/limits").read_text().splitlines()
        found = {row[:26].strip(): row[26:47].strip() for row in rows}
        assert found["Max address space"] == str(worker.ready.vm_size_bytes + (300 << 20))
        assert found["Max cpu time"] == "7"
        assert found["Max file size"] == str(5 << 20)
        assert found["Max core file size"] == "0"
        written = attempt(worker, FILL).answer
        assert 4 << 20 <= written <= 5 << 20


FILL = """
def attack():
    written = 0
    try:
        for number in range(10):
            with open(str(number), "wb", buffering=0) as file:
                written += file.write(bytes(1 << 20))
    except OSError:
        pass
    return written
"""


@pytest.mark.skipif(not AS_ROOT, reason="only root may look into a worker of its own user")
def test_no_memory_of_the_grader_is_in_a_worker() -> None:
    """The grader holds the marker when the zygote starts; another text is sent to the worker, and found."""
    assert MARKER in os.environ.values()
    sent = "sent-to-the-worker-" + "x" * 13
    with zygote_of(STRICT).spawn() as worker:
        assert (
            attempt(worker, "def attack(text):\n    global kept\n    kept = text + '!'\n    return 1", sent).answer == 1
        )
        assert found_in_memory(worker.pid, sent.encode())
        assert not found_in_memory(worker.pid, MARKER.encode())
    assert found_in_memory(os.getpid(), MARKER.encode())


def found_in_memory(pid: int, needle: bytes) -> bool:
    """Whether any readable page of a process holds the bytes."""
    maps = Path(f"/proc/{pid}/maps").read_text().splitlines()
    ranges = [line.split()[0].split("-") for line in maps if " r" in line and "[v" not in line]
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for start, end in ((int(low, 16), int(high, 16)) for low, high in ranges):
            memory.seek(start)
            if needle in _read(memory.fileno(), end - start):
                return True
    return False


def _read(fd: int, size: int) -> bytes:
    try:
        return os.read(fd, size)
    except OSError:
        return b""


def test_profiles_are_found_by_their_files() -> None:
    assert sandboxes.names() == ("container", "strict", "unsafe")
    for name in sandboxes.names():
        profile = sandboxes.load(name)
        assert isinstance(profile, Sandbox)
        assert profile.name == name
        assert profile.required <= set(profile.layers)
        assert list(profile.layers) == [layer for layer in Layer if layer in profile.layers]
