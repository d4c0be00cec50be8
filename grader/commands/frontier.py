"""`grader frontier`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from grader import options
from grader.exits import DONE, NO
from grader.printing import console, print_document, say

if TYPE_CHECKING:
    from grader.frontier.runs import Asked
    from grader.settings import Settings


def frontier(
    folder: Annotated[Path, typer.Argument(help="Your assignments: elbo.py, or elbo/elbo.py, and so on.")] = Path("."),
    course: options.Course = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="The folder for the report. [default: frontier-report]")
    ] = None,
    budget: Annotated[float, typer.Option("--budget", min=0.1, help="Seconds to train each model.")] = 15.0,
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="MODEL", help="Train this model; repeat it.")
    ] = None,
    on: Annotated[
        list[str] | None, typer.Option("--data", metavar="NAME", help="On this data set, ring or digits; repeat it.")
    ] = None,
    device: Annotated[str, typer.Option("--device", help="cpu or cuda.")] = "cpu",
    jobs: options.ModelJobs = None,
    fresh: options.FreshModels = None,
    sandbox: options.Sandbox = None,
    json: options.Json = None,
) -> int:
    """Train seven kinds of model around your functions, and compare what can be compared."""
    from dataclasses import replace

    from grader import progress
    from grader.frontier import report, runs, summary, table

    settings = options.read(
        course=course, out=out, jobs=jobs, fresh=fresh, sandbox=sandbox, json=json, need_course=False
    )
    asked = replace(
        _asked(settings, folder, out or Path("frontier-report"), device),
        budget_s=budget,
        only=_names(only),
        on=_names(on),
    )
    if settings.fresh:
        runs.forget(asked.out)
    with progress.shown(console(stderr=True), "Experiment") as told:
        outcome = runs.Run(asked, told).outcome()
    for lost in report.write(outcome):
        say(lost)
    print_document(summary.document(outcome), lambda: table.tables(outcome), as_json=settings.json)
    say(f"open {asked.out / report.PAGE} in a browser")
    return DONE if summary.complete(outcome.rows) else NO


def _names(given: list[str] | None) -> tuple[str, ...]:
    return tuple(name for each in given or [] for name in each.split(","))


def _asked(settings: Settings, folder: Path, out: Path, device: str) -> Asked:
    from grader.errors import UsageError
    from grader.frontier.runs import Asked

    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}")
    # Only an instructor has references. What lies in a folder there may be anybody's, wherever the folder is.
    places = (settings.course, *folder.resolve().parents, Path(__file__).parents[2])
    course = next((place for place in places if (place / "reference").is_dir()), None)
    if device not in ("cpu", "cuda"):
        raise UsageError(f"--device takes cpu or cuda, not {device}")
    if course:
        from grader import sandboxes

        # An unknown profile is said before anything starts.
        sandboxes.load(settings.sandbox)
    return Asked(
        folder=folder.resolve(),
        out=out.resolve(),
        course=course or settings.course,
        device=device,
        at_once=settings.jobs if device == "cpu" else 1,
        sandbox=settings.sandbox if course else "",
    )
