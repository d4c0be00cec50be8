"""Where the sandbox is tested: profiles, on this machine as it is, as another user, and as if in a container.

Zygotes take seconds to start, so that one is shared by all tests of a session in the same place.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import pytest

from grader import sandboxes
from grader.errors import SandboxError
from grader.sandboxes import Sandbox
from grader.worker.control import Layer
from grader.workers import Limits, Zygote

LAUNCH = (sys.executable, "-I", "-B", str(Path(__file__).with_name("launch.py")))
NOBODY = 65_534
LIMITS = Limits(wall_s=8, cpu_s=3, memory_mib=512)
_AS_ROOT = os.geteuid() == 0


@dataclass(frozen=True)
class Place:
    """A profile, and how the zygote that uses it is run."""

    name: str
    profile: Sandbox
    launcher: tuple[str, ...] = ()
    needs_root: bool = False

    def without(self, *off: Layer) -> Place:
        """The same with some layers off, which the profile then does not require."""
        layers = tuple(layer for layer in self.profile.layers if layer not in off)
        profile = replace(self.profile, layers=layers, required=self.profile.required - set(off))
        return replace(self, name=f"{self.name} without {', '.join(off)}", profile=profile)


_STRICT, _CONTAINER = sandboxes.load("strict"), sandboxes.load("container")
_OTHER_USER = ("--uid", str(NOBODY))

STRICT = Place("strict", _STRICT)
STRICT_AS_USER = Place("strict as a plain user", _STRICT, (*LAUNCH, *_OTHER_USER), needs_root=True)
CONTAINER = Place("container", _CONTAINER, (*LAUNCH, "--docker"))
CONTAINER_AS_USER = Place("container as a plain user", _CONTAINER, (*LAUNCH, "--docker", *_OTHER_USER), needs_root=True)
PROFILES = (STRICT, CONTAINER)
"""One place for each profile that confines."""
ATTACKED = (STRICT, STRICT_AS_USER, CONTAINER_AS_USER) if _AS_ROOT else PROFILES
"""Where the whole corpus is run: as root, most of it as another user too."""

_shared = ExitStack()


def _obstacle(place: Place) -> str | None:
    """Why a zygote cannot be launched there."""
    if place.needs_root and not _AS_ROOT:
        return "only root can become another user"
    if place.launcher:
        tried = subprocess.run([*place.launcher, "/bin/true"], capture_output=True, text=True, check=False)
        if tried.returncode:
            return f"this machine cannot emulate it: {tried.stderr.strip().splitlines()[-1]}"
    return None


@cache
def _start(place: Place) -> Zygote | str:
    """The place's zygote, or why this machine has none."""
    obstacle = _obstacle(place)
    if obstacle:
        return obstacle
    zygote = _shared.enter_context(Zygote(place.profile, limits=LIMITS, launcher=place.launcher))
    try:
        zygote.spawn().close()
    except SandboxError as error:
        return f"this machine has no {error.layer}: {error}"
    return zygote


def zygote_of(place: Place) -> Zygote:
    """The shared zygote of a place; skips the test where this machine cannot have it."""
    found = _start(place)
    if isinstance(found, str):
        pytest.skip(f"{place.name}: {found}")
    return found


@contextmanager
def private_zygote(place: Place, limits: Limits = LIMITS) -> Iterator[Zygote]:
    """A zygote of one test's own, which it may break; skips where this machine cannot launch it."""
    obstacle = _obstacle(place)
    if obstacle:
        pytest.skip(f"{place.name}: {obstacle}")
    with Zygote(place.profile, limits=limits, launcher=place.launcher) as zygote:
        yield zygote


def close_all() -> None:
    """End the shared zygotes."""
    _start.cache_clear()
    _shared.close()
