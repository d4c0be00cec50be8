"""`grader grade`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from grader import options
from grader.commands._reporting import print_results, report_paths, write_reports
from grader.exits import DONE, NO, OURS
from grader.printing import console, say
from grader.settings import Settings

if TYPE_CHECKING:
    from grader.keeping import Kept


def grade(
    paths: Annotated[list[Path], typer.Argument(help="A submission, a student's folder, or a class.")],
    course: options.Course = None,
    assignment: options.AssignmentName = None,
    out: options.Out = None,
    jobs: options.Jobs = None,
    devices: options.Devices = None,
    reports: options.Reports = None,
    layout: options.LayoutName = None,
    roster: options.RosterTable = None,
    deadlines: options.DeadlineTable = None,
    sandbox: options.Sandbox = None,
    fresh: options.Fresh = None,
    wall_s: options.WallS = None,
    memory_mib: options.MemoryMib = None,
    carry: options.Carry = None,
    gradebook: options.Gradebook = None,
    fail_under: options.FailUnder = None,
    json: options.Json = None,
) -> int:
    """Grade submissions and write score reports."""
    flags = locals()
    settings = options.read(**{name: flags[name] for name in flags if name != "paths"})
    return grade_all(settings, paths)


def grade_all(settings: Settings, paths: Sequence[Path]) -> int:
    from grader import catalog, grading, progress, settlement, submissions
    from grader.lateness import final_score
    from grader.reports.figures import has_grader_error, share
    from grader.roster import read_roster

    report_paths(settings)
    settlement.deadlines(settings)
    found = submissions.collect_all(
        paths,
        assignments=catalog.Functions(settings.course),
        assignment=settings.assignment,
        layout=settings.layout,
        roster=read_roster(settings.roster) if settings.roster else None,
        say=say,
    )
    kept: list[Kept] = []
    with progress.shown(console(stderr=True), "Grading") as told:
        results = grading.grade(settings, [one for one in found if one.assignment], told, kept.append)
    settlement.save(settings, results, say)
    results = settlement.settled(settings, results, say)
    print_results(settings, results, not_graded=[one for one in found if not one.assignment])
    write_reports(settings, results)
    unreadable = [one for one in found if one.fault]
    for one in unreadable:
        say(f"could not be read, by no fault of the student's: {one.id}: {one.fault} Mend that and grade again.")
    if kept:
        say(f"{len(kept)} could not be graded again and keep the score that they had; why is among what is to review")
    if unreadable or any(map(has_grader_error, [*results, *(one.failed for one in kept)])):
        return OURS
    shares = [share(final_score(one), one.max_score) for one in results]
    low = [part for part in shares if (part or 0) * 100 < (settings.fail_under or 0)]
    return NO if low else DONE
