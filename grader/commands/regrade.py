"""`grader regrade`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from grader import options
from grader.commands._reporting import report_paths, write_reports
from grader.exits import DONE, OURS
from grader.printing import console, print_document, say


def regrade(
    out: Annotated[Path, typer.Argument(help="The folder that results were written to.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would change.")] = False,
    course: options.Course = None,
    jobs: options.Jobs = None,
    reports: options.Reports = None,
    deadlines: options.DeadlineTable = None,
    sandbox: options.Sandbox = None,
    wall_s: options.WallS = None,
    memory_mib: options.MemoryMib = None,
    carry: options.Carry = None,
    gradebook: options.Gradebook = None,
    json: options.Json = None,
) -> int:
    """Grade stored submissions again after a check changed. Says who gains, who loses and why."""
    flags = locals()
    from grader import progress, regrading, results, settlement, tables
    from grader.reports.figures import has_grader_error

    settings = options.read(**{name: flags[name] for name in flags if name != "dry_run"})
    report_paths(settings)
    settlement.deadlines(settings)
    with progress.shown(console(stderr=True), "Grading again") as told:
        found = regrading.regrade(settings, told)
    for sentence in found.missing:
        say(sentence)
    print_document(found.document(), lambda: tables.regrade_table(found), as_json=settings.json)
    if dry_run:
        say("Nothing was written.")
    else:
        regrading.write(settings, found)
        everything = results.load_all(settings.out).results
        settlement.save(settings, everything, say)
        write_reports(settings, settlement.settled(settings, everything, say))
    return OURS if any(map(has_grader_error, [*found.regraded, *found.failed])) else DONE
