"""Something measured under many course secrets, on several processes."""

from __future__ import annotations

import argparse
import gc
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TypeVar

from grader import catalog

ROOT = Path(__file__).parents[2]

Result = TypeVar("Result")


def under_many_secrets(
    measure: Callable[[str, int], Result], *, description: str, secrets: int
) -> tuple[str, list[Result]]:
    """What the command line asks for.

    Args:
        measure: Takes an assignment's name and a secret's number; at the top level of its module.
        description: Of the command.
        secrets: How many there are unless the command line says so.

    Returns:
        How much was measured, in words, and the results.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("assignments", nargs="*")
    parser.add_argument("--secrets", type=int, default=secrets)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    names = options.assignments or catalog.names(ROOT)
    numbers = range(options.first, options.first + options.secrets)
    with ProcessPoolExecutor(options.jobs, initializer=_settle) as pool:
        futures = [pool.submit(measure, name, number) for name in names for number in numbers]
        return f"{len(names)} assignments, {len(numbers)} secrets", [future.result() for future in futures]


def _settle() -> None:
    # Walking through all that torch imported is a tenth of the time.
    gc.freeze()
    gc.set_threshold(50_000)
