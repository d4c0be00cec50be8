"""Reports: projections of stored results onto the formats that people and systems read.

A format is one module of this folder with a `NAME`, a `FILENAME` and a `write`; there is no list to add it to.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, cast

from grader.errors import UsageError
from grader.files import disk_errors
from grader.model import SubmissionResult
from grader.reports.audience import Audience, seen_by
from grader.text import one_line


class Format(Protocol):
    """What a module of this folder has if it is a report format."""

    NAME: str
    """As `--report` spells it."""
    FILENAME: str
    """Where it goes inside the output folder when no path is given; a folder, if it has no suffix."""

    def write(self, results: Sequence[SubmissionResult], path: Path, *, audience: Audience) -> list[str]:
        """Writes the report at `path` and returns what the format could not hold, one sentence each."""


def formats() -> dict[str, Format]:
    """The report formats by name."""
    names = (module.name for module in pkgutil.iter_modules(__path__))
    modules = (importlib.import_module(f"{__name__}.{name}") for name in names)
    found = (cast(Format, module) for module in modules if hasattr(module, "NAME"))
    return {format_.NAME: format_ for format_ in found}


def find(name: str) -> Format:
    """The report format of that name.

    Raises:
        UsageError: There is none.
    """
    known = formats()
    if name not in known:
        raise UsageError(f"there is no report format {one_line(name)!r}; the formats are {', '.join(sorted(known))}")
    return known[name]


def written_at(name: str, path: Path) -> Path:
    """Where `write` puts the report, given that path: elsewhere only where the path names a file to be filled."""
    place = getattr(find(name), "filled_path", None)
    return place(path) if place else path


def write(
    name: str, results: Sequence[SubmissionResult], path: Path, *, audience: Audience = Audience.INSTRUCTOR
) -> list[str]:
    """Writes the report called `name`, holding what its audience may see.

    Returns:
        What the format could not hold, one sentence each.

    Raises:
        UsageError: There is no such format, or the path cannot be written.
    """
    found = find(name)
    visible = [seen_by(result, audience) for result in results]
    with disk_errors(path):
        return found.write(visible, path, audience=audience)
