"""What this machine can do: the sandbox's layers, attacks that they must stop, devices, versions."""

from __future__ import annotations

import os
import platform
import secrets
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import torch

import grader
from grader import sandboxes
from grader.errors import CheckFailed, GraderError, SandboxError
from grader.link import Link, Relay
from grader.sandboxes import Sandbox
from grader.sandboxes.causes import likely_cause
from grader.transports import Call
from grader.worker.control import Layer
from grader.worker.messages import Mode, Returned
from grader.workers import Zygote

# Each returns True where it succeeds. They are harmless: what they reach for was put there for them.
_CANARIES = """
import os, signal, socket

def reads_a_hidden_file():
    with open({secret!r}) as file:
        return file.read() == {marker!r}

def writes_beside_it():
    with open({secret!r} + ".copy", "w") as file:
        return file.write("x") == 1

def opens_a_connection():
    with socket.create_connection(("127.0.0.1", {port}), 2):
        return True

def starts_a_process():
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    return os.waitpid(pid, 0)[0] == pid

def signals_the_grader():
    os.kill({pid}, 0)
    return True
"""
_CANARY_WORDS = {
    "reads_a_hidden_file": "read a file of the course",
    "writes_beside_it": "write a file beside it",
    "opens_a_connection": "open a network connection",
    "starts_a_process": "start a process",
    "signals_the_grader": "send a signal to the grader",
}


class _Record(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the document."""


class LayerFound(_Record, frozen=True):
    """One layer of confinement on this machine."""

    name: str
    applied: bool
    cause: str = ""
    """Why it is missing, likely."""


class Attack(_Record, frozen=True):
    """One canary."""

    name: str
    what: str
    """What it tries, in words."""
    stopped: bool


class ProfileFound(_Record, frozen=True):
    """One profile of the sandbox."""

    name: str
    without: str
    """What it does not protect from."""
    problem: str | None = None
    """Why it cannot be used here."""

    @property
    def usable(self) -> bool:
        """A worker confined by it was started."""
        return self.problem is None


class Examination(_Record, frozen=True):
    """What `grader doctor --json` prints."""

    ok: bool
    """The asked profile works here and stops every attack."""
    sandbox: str
    layers: tuple[LayerFound, ...]
    profiles: tuple[ProfileFound, ...]
    attacks: tuple[Attack, ...]
    problem: str | None
    """Why nothing could be examined, or why the profile cannot be used."""
    cuda: tuple[str, ...]
    """Names of the CUDA devices."""
    versions: dict[str, str]


def examine(sandbox: str) -> Examination:
    """Examine this machine, and attack a worker confined by the profile `sandbox`.

    Raises:
        UsageError: There is no such profile.
    """
    profile = sandboxes.load(sandbox)
    layers, problem = _layers()
    profiles = tuple(_found(sandboxes.load(name)) for name in sandboxes.names()) if problem is None else ()
    problem = problem or next((one.problem for one in profiles if one.name == sandbox), None)
    attacks = attack(profile) if problem is None else ()
    return Examination(
        ok=problem is None and all(attack.stopped for attack in attacks),
        sandbox=sandbox,
        layers=layers,
        profiles=profiles,
        attacks=attacks,
        problem=problem,
        cuda=tuple(torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())),
        versions={
            "grader": grader.__version__,
            "python": platform.python_version(),
            "torch": str(torch.__version__),
            "cpu": torch.backends.cpu.get_cpu_capability(),
            "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        },
    )


def _layers() -> tuple[tuple[LayerFound, ...], str | None]:
    """Every layer, tried in one worker; and what kept that worker from starting."""
    survey = Sandbox(name="survey", mode="survey", layers=tuple(Layer), required=frozenset(), without="")
    try:
        with _zygote(survey) as zygote:
            worker = zygote.spawn()
            ready = worker.ready
            worker.close()
    except (SandboxError, GraderError) as error:
        return (), str(error)
    causes = {layer: likely_cause(Layer(layer), reason) for layer, reason in ready.missing.items()}
    found = (LayerFound(name=one, applied=one in ready.layers, cause=causes.get(one, "")) for one in Layer)
    return tuple(found), None


def _found(profile: Sandbox) -> ProfileFound:
    try:
        with _zygote(profile) as zygote:
            zygote.spawn().close()
    except (SandboxError, GraderError) as error:
        return ProfileFound(name=profile.name, without=profile.without, problem=str(error))
    return ProfileFound(name=profile.name, without=profile.without)


def attack(profile: Sandbox) -> tuple[Attack, ...]:
    """Let each canary try, in a worker of its own that is confined by the profile."""
    marker = secrets.token_hex(8)
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as server:
        secret = Path(folder, "secret.txt")
        secret.write_text(marker)
        # So that it is the sandbox that protects it.
        secret.chmod(0o644)
        Path(folder).chmod(0o777)
        port = server.getsockname()[1]
        source = _CANARIES.format(secret=str(secret), marker=marker, port=port, pid=os.getpid())
        with _zygote(profile) as zygote:
            return tuple(_try(zygote, source, name) for name in _CANARY_WORDS)


def _try(zygote: Zygote, source: str, name: str) -> Attack:
    link = Link(zygote.spawn, module="canary", source=source, device="cpu", seed=0, relay=Relay())
    try:
        answer = link.perform(Call(function=name, mode=Mode.CALL, args=(), kwargs={}))
        succeeded = isinstance(answer, Returned) and answer.value is True
    except CheckFailed:
        # A worker that was killed for it did not succeed either.
        succeeded = False
    finally:
        link.close()
    return Attack(name=name, what=_CANARY_WORDS[name], stopped=not succeeded)


@contextmanager
def _zygote(profile: Sandbox) -> Iterator[Zygote]:
    zygote = Zygote(profile)
    try:
        yield zygote
    finally:
        zygote.close()
