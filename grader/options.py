"""The options that several commands share; each is a setting, whose name, help and environment variable it takes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from grader.settings import Settings, flag_of, help_of, load


def _option(name: str, text: str | None = None, **more: Any) -> Any:
    return typer.Option(flag_of(name), help=help_of(name, text), show_default=False, **more)


Course = Annotated[Path | None, _option("course")]
AssignmentName = Annotated[str | None, _option("assignment")]
AssignmentAlone = Annotated[str | None, _option("assignment", "This assignment alone.")]
Out = Annotated[Path | None, _option("out")]
Jobs = Annotated[int | None, _option("jobs")]
ModelJobs = Annotated[int | None, _option("jobs", "How many models to train at once. [default: one a core]")]
Devices = Annotated[list[str] | None, _option("devices", metavar="NAMES")]
Reports = Annotated[list[str] | None, _option("reports", metavar="NAME[=PATH]")]
Sandbox = Annotated[str | None, _option("sandbox")]
LayoutName = Annotated[str | None, _option("layout")]
RosterTable = Annotated[Path | None, _option("roster")]
DeadlineTable = Annotated[Path | None, _option("deadlines")]
Fresh = Annotated[bool | None, _option("fresh")]
FreshModels = Annotated[bool | None, _option("fresh", "Train again also what has a current result.")]
WallS = Annotated[float | None, _option("wall_s")]
Carry = Annotated[bool | None, _option("carry")]
MemoryMib = Annotated[int | None, _option("memory_mib")]
Gradebook = Annotated[str | None, _option("gradebook", metavar="URL")]
FailUnder = Annotated[float | None, _option("fail_under")]
Json = Annotated[bool | None, _option("json")]


def read(*, need_course: bool = True, **flags: object) -> Settings:
    """The settings of a command that was given these flags, in the folder and environment that it was started in."""
    return load(flags, cwd=Path.cwd(), environ=os.environ, need_course=need_course)
