"""`python -m tests.benchmarks`: measure, print a table, write JSON."""

from __future__ import annotations

import argparse
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

import tests.benchmarks
from tests.benchmarks import machine, running
from tests.benchmarks.running import Report


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=tests.benchmarks.__doc__)
    parser.add_argument("--only", action="append", choices=running.names(), help="may be given several times")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the figures there")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to see that the benchmarks work")
    parser.add_argument("--together", action="store_true", help="all in one process, to be done sooner")
    options = parser.parse_args()
    console = Console(stderr=True)
    where = machine.describe()
    figures = running.measure_all(
        options.only or running.names(), console.print, quick=options.quick, together=options.together
    )
    report = Report(quick=options.quick, machine=where, figures=figures)
    if options.json:
        options.json.write_bytes(msgspec.json.format(msgspec.json.encode(report)) + b"\n")
    Console().print(table(report))


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
        style = {True: "green", False: "red", None: "default"}[one.reached]
        made.add_row(one.what, f"[{style}]{one.measured:.3g} {one.unit}[/]", bound, one.how)
    return made


if __name__ == "__main__":
    main()
