"""Finding and running benchmarks."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from types import ModuleType

import msgspec

import tests.benchmarks
from tests.benchmarks.figures import Figure
from tests.benchmarks.machine import Machine


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What `--json` writes."""

    quick: bool
    """Measured on tiny sizes: proof that the benchmarks work, and nothing else."""
    machine: Machine
    figures: list[Figure]


def names() -> list[str]:
    """The benchmarks of this folder."""
    modules = (module.name for module in pkgutil.iter_modules(tests.benchmarks.__path__) if module.name != "__main__")
    return [name for name in modules if hasattr(_module(name), "measure")]


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"{tests.benchmarks.__name__}.{name}")


def measure_all(chosen: Sequence[str], tell: Callable[[str], object], *, quick: bool, together: bool) -> list[Figure]:
    """The figures of several benchmarks.

    Args:
        chosen: Their names.
        tell: Is told each name before it is run.
        quick: Whether sizes are tiny.
        together: Whether all run in this process, so that one warms the next up; else each has one of its own.
    """
    figures: list[Figure] = []
    for name in chosen:
        tell(name)
        if together:
            figures += _measure(name, quick)
            continue
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
            figures += process.submit(_measure, name, quick).result()
    return figures


def _measure(name: str, quick: bool) -> Sequence[Figure]:
    figures: Sequence[Figure] = _module(name).measure(quick)
    return figures
