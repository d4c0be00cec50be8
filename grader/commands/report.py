"""`grader report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from grader import options
from grader.commands._reporting import print_results, write_reports
from grader.exits import DONE
from grader.printing import say


def report(
    out: Annotated[Path, typer.Argument(help="The folder that results were written to.")],
    assignment: options.AssignmentAlone = None,
    reports: options.Reports = None,
    deadlines: options.DeadlineTable = None,
    gradebook: options.Gradebook = None,
    json: options.Json = None,
) -> int:
    """Write reports again from stored results."""
    flags = locals()
    from grader import results, settlement
    from grader.errors import UsageError

    settings = options.read(**flags, need_course=False)
    stored = results.load_all(settings.out)
    for problem in stored.problems:
        say(problem)
    found = [one for one in stored.results if assignment in (None, one.assignment)]
    if not found:
        what = f"results of {assignment}" if assignment else "results"
        raise UsageError(f"{settings.out} holds no {what}; name the folder that `grader grade --out` wrote to")
    found = settlement.settled(settings, found, say)
    print_results(settings, found)
    write_reports(settings, found)
    return DONE
