"""`python -m tests.benchmarks`: measure, print a table, write JSON."""

from __future__ import annotations

import argparse
import importlib
import pkgutil
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

import tests.benchmarks
from tests.benchmarks import machine
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


def _module(name: str) -> object:
    return importlib.import_module(f"{tests.benchmarks.__name__}.{name}")


def measure(name: str, quick: bool) -> Sequence[Figure]:
    """One benchmark's figures."""
    return _module(name).measure(quick)  # type: ignore[attr-defined]  # `names` looked


def measure_all(chosen: Sequence[str], quick: bool, console: Console) -> list[Figure]:
    """The figures of several benchmarks, each in a process of its own, so that none warms another up."""
    figures: list[Figure] = []
    for name in chosen:
        console.print(f"{name} ...", style="dim")
        if quick:
            figures += measure(name, quick)
            continue
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
            figures += process.submit(measure, name, quick).result()
    return figures


def table(report: Report) -> Table:
    """What was measured, what must be, and where."""
    where = report.machine
    made = Table(
        title="Benchmarks" + (" (tiny sizes; not to be quoted)" if report.quick else ""),
        caption=(
            f"{where.processor}, {where.cores} cores, load {where.load} at the start; {where.system}, "
            f"Python {where.python}, torch {where.torch}, grader {where.grader}"
        ),
    )
    for heading in ("what", "measured", "must", "how"):
        made.add_column(heading, justify="right" if heading in ("measured", "must") else "left")
    for one in report.figures:
        bound = "" if one.must is None else f"{'>=' if one.at_least else '<='} {one.must:g}"
        style = {True: "green", False: "red", None: ""}[one.reached]
        made.add_row(one.what, f"[{style or 'default'}]{one.measured:.3g} {one.unit}[/]", bound, one.how)
    return made


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=tests.benchmarks.__doc__)
    parser.add_argument("--only", action="append", choices=names(), help="one benchmark; may be given several times")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the figures there")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to see that the benchmarks work")
    options = parser.parse_args()
    console = Console(stderr=True)
    where = machine.describe()
    figures = measure_all(options.only or names(), options.quick, console)
    report = Report(quick=options.quick, machine=where, figures=figures)
    if options.json:
        options.json.write_bytes(msgspec.json.format(msgspec.json.encode(report)) + b"\n")
    Console().print(table(report))


if __name__ == "__main__":
    main()
