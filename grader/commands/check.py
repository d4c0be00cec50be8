"""`grader check`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from grader import options
from grader.exits import DONE, NO
from grader.printing import print_json, print_table

if TYPE_CHECKING:
    from grader.selfcheck import Target


def check(
    assignment: Annotated[str | None, typer.Argument(help="A name, or the path of a folder or module.")] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Run again whenever a file is saved.")] = False,
    json: options.Json = None,
) -> int:
    """Run the public tests on your own work. A row for each question, and what failed."""
    from grader import selfcheck

    targets = selfcheck.find_targets(Path.cwd(), assignment)
    code = _check(targets, as_json=bool(json))
    if watch:
        try:
            selfcheck.watch(targets, lambda: _check(targets, as_json=bool(json)))
        except KeyboardInterrupt:
            return DONE
    return code


def _check(targets: Sequence[Target], *, as_json: bool) -> int:
    from grader import selfcheck, tables

    runs = {target.name: selfcheck.run(target) for target in targets}
    good = all(run.ok for run in runs.values())
    if as_json:
        print_json({"ok": good, "assignments": [run.document(name) for name, run in runs.items()]})
    else:
        for name, run in runs.items():
            print_table(tables.check_table(name, run))
    return DONE if good else NO
