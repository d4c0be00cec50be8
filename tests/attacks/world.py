"""What an attack must not touch, watched from outside the worker."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from grader.workers import Worker, Zygote
from tests.sandbox.student import Attempt

_CHILD_ENDED: Final = 1 << (signal.SIGCHLD - 1)
MARKER: Final = secrets.token_hex(12)
"""The secret of this session. The grader holds it in memory, in its environment and on disk."""
os.environ["COURSE_SECRET"] = MARKER


@dataclass
class World:
    """A course's folder, a process of the worker's own user, and services on this machine."""

    zygote: Zygote
    worker: Worker
    folder: Path
    bystander: subprocess.Popen[bytes]
    services: dict[str, socket.socket]
    name: str = field(init=False)
    names: list[str] = field(init=False)
    before: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.name = _status(self.worker.pid)["Name"]
        candidates = [self.folder / f"student-{number}.py" for number in range(12)]
        for path in candidates:
            if secrets.randbits(1):
                path.write_text("x = 1\n")
        self.names = [str(path) for path in candidates]
        self.before = self._state()

    def described(self, *, harmless: bool = False) -> dict[str, Any]:
        """All that a well-informed attacker knows; made harmless, it takes the bystander for the grader."""
        grader, zygote = os.getpid(), self.zygote.hello.pid
        return {
            "secret": str(self.folder / "secret.txt"),
            "gradebook": str(self.folder / "gradebook.csv"),
            "folder": str(self.folder),
            "checkout": str(Path(__file__).parents[2]),
            "names": self.names,
            "half_marker": MARKER[:12],
            "grader": self.bystander.pid if harmless else grader,
            "zygote": self.bystander.pid if harmless else zygote,
            "bystander": self.bystander.pid,
            "tcp": self.services["tcp"].getsockname()[1],
            "udp": self.services["udp"].getsockname()[1],
            "unix": str(self.folder / "socket"),
            "abstract": self.services["abstract"].getsockname()[1:].decode(),
        }

    def damage(self, attempt: Attempt) -> list[str]:
        """What the attack achieved, as far as can be seen from outside or as it says itself; empty if nothing."""
        found = [name for name, state in self._state().items() if state != self.before[name]]
        found += [f"reached the {name} service" for name, service in self.services.items() if _was_reached(service)]
        found += self._privileges() + self._children()
        if MARKER.encode() in attempt.raw:
            found.append("leaked the marker")
        if attempt.answer is True:
            found.append("says that it succeeded")
        if self._guessed_names(attempt.answer):
            found.append("learned which names exist")
        return found

    def _state(self) -> dict[str, Any]:
        watched = {"bystander": self.bystander.pid, "zygote": self.zygote.hello.pid, "grader": os.getpid()}
        return {"changed the folder": _files(self.folder)} | {
            f"changed the {name}": _process(pid) for name, pid in watched.items()
        }

    def _privileges(self) -> list[str]:
        """Rights that the worker has and must not; it may be gone."""
        status = _status(self.worker.pid)
        wanted = {"NoNewPrivs": "1", "CapEff": "0" * 16, "CapPrm": "0" * 16, "CapInh": "0" * 16}
        wanted["Name"] = self.name
        found = [f"{name} is {status[name]}" for name, value in wanted.items() if status.get(name, value) != value]
        return found + ["runs as root"] * ("0" in status.get("Uid", "").split())

    def _children(self) -> list[str]:
        """Processes that the worker made, which share its session."""
        mine = self.worker.pid
        others = [int(path.name) for path in Path("/proc").glob("[0-9]*") if int(path.name) != mine]
        return [f"made process {pid}" for pid in others if _session(pid) == mine]

    def _guessed_names(self, answer: object) -> bool:
        return isinstance(answer, dict) and answer.get("exists") == [Path(name).exists() for name in self.names]


@contextlib.contextmanager
def make_world(zygote: Zygote, worker: Worker) -> Iterator[World]:
    """A fresh world, owned by the worker's own user, so that it is the sandbox alone that protects it."""
    with contextlib.ExitStack() as stack:
        around = Path(tempfile.mkdtemp(prefix="grader-course-", dir="/var/tmp"))
        stack.callback(shutil.rmtree, around)
        around.chmod(0o755)
        folder = around / "course"
        folder.mkdir()
        services = {name: stack.enter_context(service) for name, service in _services(folder).items()}
        (folder / "secret.txt").write_text(MARKER)
        (folder / "gradebook.csv").write_text("ada,7\n")
        owner = _owner(worker.pid)
        for path in (folder, *folder.iterdir()):
            path.chmod(0o777)
            if os.geteuid() == 0:
                os.chown(path, *owner)
        bystander = _start_bystander(*owner)
        stack.callback(bystander.wait)
        stack.callback(bystander.kill)
        # A worker that traces the bystander would keep it from being reaped.
        stack.callback(worker.kill)
        yield World(zygote, worker, folder, bystander, services)


def _owner(pid: int) -> tuple[int, int]:
    status = _status(pid)
    return int(status["Uid"].split()[0]), int(status["Gid"].split()[0])


def _start_bystander(user: int, group: int) -> subprocess.Popen[bytes]:
    other = {"user": user, "group": group, "extra_groups": []} if os.geteuid() == 0 else {}
    return subprocess.Popen(["/bin/sleep", "600"], env={"COURSE_SECRET": MARKER}, cwd="/", **other)  # type: ignore[call-overload,no-any-return]


def _services(folder: Path) -> dict[str, socket.socket]:
    services = {
        "tcp": socket.socket(),
        "udp": socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
        "unix": socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM),
        "abstract": socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM),
    }
    services["tcp"].bind(("127.0.0.1", 0))
    services["tcp"].listen()
    services["udp"].bind(("127.0.0.1", 0))
    services["unix"].bind(str(folder / "socket"))
    services["abstract"].bind(f"\0grader-{secrets.token_hex(8)}")
    for service in services.values():
        service.setblocking(False)
    return services


def _was_reached(service: socket.socket) -> bool:
    try:
        if service.type == socket.SOCK_STREAM:
            service.accept()[0].close()
        else:
            service.recv(1)
    except BlockingIOError:
        return False
    return True


def _files(folder: Path) -> dict[str, Any]:
    """Names, contents, owners, modes, times and attributes of all below the folder."""
    found = {}
    for path in (folder, *sorted(folder.rglob("*"))):
        about = path.lstat()
        content = path.read_bytes() if path.is_file() else None
        found[str(path)] = (content, about.st_uid, about.st_gid, about.st_mode, about.st_mtime, os.listxattr(path))
    return found


def _process(pid: int) -> dict[str, Any]:
    """Whether a process lives and runs, and under which limits."""
    status = _status(pid)
    if not status:
        return {"alive": False}
    return {
        "alive": status["State"][0] not in "ZX",
        "stopped": status["State"][0] in "Tt",
        "signals": (int(status["SigPnd"], 16) | int(status["ShdPnd"], 16)) & ~_CHILD_ENDED,
        "limits": Path(f"/proc/{pid}/limits").read_text() if os.access(f"/proc/{pid}/limits", os.R_OK) else None,
        "processors": os.sched_getaffinity(pid),
        "nice": os.getpriority(os.PRIO_PROCESS, pid),
        "scheduler": os.sched_getscheduler(pid),
    }


def _status(pid: int) -> dict[str, str]:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return {}
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None
