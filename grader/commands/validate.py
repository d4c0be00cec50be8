"""`grader validate`."""

from __future__ import annotations

from typing import Annotated

import typer

from grader import options
from grader.exits import DONE, NO
from grader.printing import console, print_document


def validate(
    assignments: Annotated[list[str] | None, typer.Argument(help="Their names; all of them by default.")] = None,
    question: Annotated[
        list[str] | None, typer.Option("--question", metavar="ID", help="This question alone; repeat it.")
    ] = None,
    course: options.Course = None,
    jobs: options.Jobs = None,
    sandbox: options.Sandbox = None,
    json: options.Json = None,
) -> int:
    """Prove that questions tell right from wrong. Ends with 1 where one does not."""
    from grader import progress, tables, validation

    settings = options.read(course=course, jobs=jobs, sandbox=sandbox, json=json)
    with progress.shown(console(stderr=True), "Validating") as told:
        found = validation.validate(settings, assignments or [], told, ids=question or [])
    print_document(found, lambda: tables.validation_table(found), as_json=settings.json)
    return DONE if found.ok else NO
