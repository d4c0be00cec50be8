"""`grader release`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from grader import options
from grader.exits import DONE
from grader.printing import print_lines


def release(
    assignment: Annotated[str | None, typer.Argument(help="Its name; all of them by default.")] = None,
    course: options.Course = None,
    out: Annotated[Path | None, typer.Option("--out", help="The folder to write to. [default: assignments]")] = None,
    nbgrader: Annotated[
        Path | None, typer.Option("--nbgrader", help="An nbgrader folder; writes its source/ notebooks instead.")
    ] = None,
) -> int:
    """Make what students get. Stubs and notebooks, with public tests and handouts."""
    from grader import release as releases

    settings = options.read(course=course)
    for name in [assignment] if assignment else releases.names(settings.course):
        if nbgrader is not None:
            from grader.nbcourse.source import release_source

            written = release_source(settings.course, name, nbgrader)
        else:
            written = releases.release(settings.course, name, out or settings.course / "assignments")
        print_lines(*written)
    return DONE
