"""Sandbox profiles: how strictly a worker is confined. One file in this folder is one profile."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass, replace

from grader.errors import UsageError
from grader.worker.control import Layer


@dataclass(frozen=True, kw_only=True)
class Sandbox:
    """One profile; its module holds it as `profile`.

    Args:
        name: What `--sandbox` calls it: the name of its file.
        mode: What results say about it.
        layers: What a worker applies, in the order of `Layer`.
        required: Layers without which no student's code is sent.
        without: What it does not protect from, in one sentence.
        gpu: Whether a worker may use NVIDIA devices.
    """

    name: str
    mode: str
    layers: tuple[Layer, ...]
    required: frozenset[Layer]
    without: str
    gpu: bool = False

    def with_gpu(self) -> Sandbox:
        """The same profile, relaxed for CUDA: its device nodes, any ordinary ioctl, no bound on addresses."""
        return replace(self, gpu=True)


def names() -> tuple[str, ...]:
    """The profiles that this folder holds."""
    modules = (module.name for module in pkgutil.iter_modules(__path__))
    return tuple(sorted(name for name in modules if hasattr(importlib.import_module(f"{__name__}.{name}"), "profile")))


def load(name: str) -> Sandbox:
    """The profile of that name.

    Raises:
        UsageError: Where there is none.
    """
    if name not in names():
        raise UsageError(f"there is no sandbox {name!r}; --sandbox takes one of {', '.join(names())}")
    profile = importlib.import_module(f"{__name__}.{name}").profile
    assert isinstance(profile, Sandbox)
    return profile
