"""One frozen `Settings`, read once: default < file < environment < flag.

The file is `grader.toml`, or the table `[tool.grader]` of `pyproject.toml`, whichever is met first walking up from
the folder the command was started in. Every setting has one name: `memory_mib` in the file, `GRADER_MEMORY_MIB`
in the environment, `--memory-mib` on the command line.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from grader.errors import UsageError

DEVICES = ("cpu", "cuda")
_COURSE_MARK = "reference"


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("expected a text")
    return value


def _switch(value: object) -> bool:
    words = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
    if isinstance(value, str) and value.lower() in words:
        return words[value.lower()]
    if not isinstance(value, bool):
        raise ValueError("expected true or false")
    return value


def _number(low: float, high: float = float("inf"), *, whole: bool = False) -> Callable[[object], Any]:
    expected = ("a whole number" if whole else "a number") + (
        f" of at least {low:g}" if high == float("inf") else f" from {low:g} to {high:g}"
    )

    def parse(value: object) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise ValueError(f"expected {expected}")
        try:
            number = int(str(value)) if whole else float(value)
        except ValueError:
            raise ValueError(f"expected {expected}") from None
        if not low <= number <= high:
            raise ValueError(f"expected {expected}")
        return number

    return parse


def _choice(allowed: tuple[str, ...]) -> Callable[[object], str]:
    def parse(value: object) -> str:
        if value not in allowed:
            raise ValueError(f"expected one of {', '.join(allowed)}")
        return str(value)

    return parse


def _listing(item: Callable[[object], str]) -> Callable[[object], tuple[str, ...]]:
    def parse(value: object) -> tuple[str, ...]:
        given = [value] if isinstance(value, str) else value
        if not isinstance(given, list | tuple):
            raise ValueError("expected a list, or names with commas between them")
        parts = [part for one in given for part in (one.split(",") if isinstance(one, str) else [one])]
        return tuple(dict.fromkeys(item(part.strip() if isinstance(part, str) else part) for part in parts))

    return parse


def _about(parse: Callable[[Any], Any], help_text: str, flag: str | None = None) -> dict[str, Any]:
    return {"parse": parse, "help": help_text, "flag": flag}


def _cores() -> int:
    # Not every system can say which cores this process may use.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """Everything that a command may be told."""

    course: Path = field(metadata=_about(Path, "The folder that holds reference/. [default: found upwards]"))
    assignment: str | None = field(
        default=None, metadata=_about(_text, "The assignment, where neither a file's name nor its functions say it.")
    )
    out: Path = field(
        default=Path("results"), metadata=_about(Path, "The folder for results and reports. [default: results]")
    )
    jobs: int = field(
        default_factory=_cores,
        metadata=_about(_number(1, whole=True), "How many submissions to grade at once. [default: one a core]"),
    )
    devices: tuple[str, ...] = field(
        default=("cpu",),
        metadata=_about(_listing(_choice(DEVICES)), "Devices: cpu or cpu,cuda. [default: cpu]", "--device"),
    )
    reports: tuple[str, ...] = field(
        default=("html", "csv"),
        metadata=_about(_listing(_text), "Reports to write, each NAME or NAME=PATH. [default: html,csv]", "--report"),
    )
    sandbox: str = field(default="strict", metadata=_about(_text, "strict, container or unsafe. [default: strict]"))
    layout: str = field(
        default="auto", metadata=_about(_text, "How submissions are laid out. [default: auto, which recognises it]")
    )
    roster: Path | None = field(
        default=None, metadata=_about(Path, "A table of the class: a column id, and what else its students are called.")
    )
    deadlines: Path | None = field(
        default=None, metadata=_about(Path, "A table of deadlines and extensions, for late penalties.")
    )
    fresh: bool = field(default=False, metadata=_about(_switch, "Grade again also what has a current result."))
    wall_s: float = field(
        default=10.0, metadata=_about(_number(0.1), "Seconds that a student's code may take to answer. [default: 10]")
    )
    memory_mib: int = field(
        default=1024,
        metadata=_about(_number(64, whole=True), "MiB of memory that a submission may allocate. [default: 1024]"),
    )
    carry: bool = field(
        default=False,
        metadata=_about(_switch, "Give the points of checks that fail because of an earlier question alone."),
    )
    gradebook: str | None = field(
        default=None,
        metadata=_about(
            _text, "nbgrader's gradebook: an SQLite file or a database URL. Scores go in, marks come back."
        ),
    )
    fail_under: float | None = field(
        default=None, metadata=_about(_number(0, 100), "Exit with 1 if a submission has less than this many percent.")
    )
    json: bool = field(default=False, metadata=_about(_switch, "Print JSON, and nothing else, on standard output."))


_SETTINGS = {item.name: item for item in fields(Settings)}


def help_of(name: str, text: str | None = None) -> str:
    """The help text of a setting, or what a command says instead, with the name of its environment variable."""
    return f"{text or _SETTINGS[name].metadata['help']} [env: {variable_of(name)}]"


def flag_of(name: str) -> str:
    """`--memory-mib` for `memory_mib`; a list's flag is in the singular, since it may be given several times."""
    return _SETTINGS[name].metadata["flag"] or "--" + name.replace("_", "-")


def variable_of(name: str) -> str:
    """`GRADER_MEMORY_MIB` for `memory_mib`."""
    return "GRADER_" + name.upper()


def load(
    flags: Mapping[str, object | None], *, cwd: Path, environ: Mapping[str, str], need_course: bool = True
) -> Settings:
    """The settings of one command.

    Args:
        flags: What the command line gave, by setting; None means "not given".
        cwd: Where to start looking for the course and the file; paths of flags and variables are relative to it.
        environ: The environment; of it, only `GRADER_*` is read.
        need_course: False for commands that work without one; `course` is then `cwd` where none is found.

    Raises:
        UsageError: For an unknown name, a value that cannot be, an unreadable file, or a course that is not there.
    """
    file_values, file = _read_file(cwd)
    values: dict[str, Any] = {}
    for name, value in file_values.items():
        values[name] = _parse(name, value, base=file.parent, said_in=f"{name} in {file}")
    for name in _SETTINGS:
        if text := environ.get(variable_of(name)):
            values[name] = _parse(name, text, base=cwd, said_in=variable_of(name))
    for name, value in flags.items():
        if value is not None:
            values[name] = _parse(name, value, base=cwd, said_in=flag_of(name))
    values["course"] = _find_course(values.get("course"), cwd, need_course)
    values.setdefault("out", cwd / "results")
    return Settings(**values)


def _parse(name: str, value: object, *, base: Path, said_in: str) -> Any:
    if name not in _SETTINGS:
        raise UsageError(f"{said_in}: there is no such setting; {_nearest(name)}")
    try:
        parsed = _SETTINGS[name].metadata["parse"](value)
    except (ValueError, TypeError) as error:
        raise UsageError(f"{said_in}: {error}, got {value!r}") from error
    return base / parsed if isinstance(parsed, Path) else parsed


def _nearest(name: str) -> str:
    close = difflib.get_close_matches(name.replace("-", "_"), _SETTINGS, n=1)
    return f"did you mean {close[0]}?" if close else f"there are {', '.join(sorted(_SETTINGS))}"


def _read_file(cwd: Path) -> tuple[Mapping[str, object], Path]:
    """The nearest file that holds settings, and its path; no settings where there is none."""
    for folder in _upwards(cwd):
        own, project = folder / "grader.toml", folder / "pyproject.toml"
        if own.is_file():
            return _toml(own), own
        if project.is_file():
            tool = _toml(project).get("tool")
            if isinstance(tool, dict) and isinstance(tool.get("grader"), dict):
                return tool["grader"], project
    return {}, cwd / "grader.toml"


def _toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{file} cannot be read as TOML: {error}") from error


def _find_course(given: Path | None, cwd: Path, needed: bool) -> Path:
    for folder in [given] if given else _upwards(cwd):
        if (folder / _COURSE_MARK).is_dir():
            return folder.resolve()
    if not needed:
        return (given or cwd).resolve()
    where = f"in {given}" if given else f"in {cwd} or above it"
    raise UsageError(f"no course here: expected a folder {_COURSE_MARK}/ {where}; name the course with --course")


def _upwards(folder: Path) -> Iterator[Path]:
    folder = folder.absolute()
    return iter((folder, *folder.parents))
