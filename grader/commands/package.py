"""`grader package`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from grader import options
from grader.exits import DONE
from grader.printing import print_lines


def package(
    target: Annotated[str, typer.Argument(help="classroom50, github, gitlab, gradescope or prairielearn.")],
    course: options.Course = None,
    assignment: options.AssignmentAlone = None,
    out: Annotated[Path | None, typer.Option("--out", help="The folder to write to. [default: package]")] = None,
    results: Annotated[
        Path | None, typer.Option("--results", help="Whose course.secret to use. [default: results]")
    ] = None,
    choices: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Options of that system.")
    ] = None,
) -> int:
    """Make what another system needs to grade with this course. Ready to upload."""
    from grader import packages, secret
    from grader import results as store
    from grader.packages.bundle import Bundle

    settings = options.read(course=course, assignment=assignment, out=results)
    chosen = dict(each.partition("=")[::2] for each in choices or [])
    with store.writing(settings.out):
        bundle = Bundle(
            course=settings.course,
            assignment=settings.assignment,
            secret=secret.load_or_make(settings.out),
            policy={"wall_s": settings.wall_s, "memory_mib": settings.memory_mib, "carry": settings.carry},
        )
    print_lines(*packages.write(target, bundle, chosen, out or Path("package")))
    return DONE
