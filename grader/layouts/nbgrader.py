"""nbgrader's `submitted/<student>/<assignment>/`, each with the notebooks and a `timestamp.txt`."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from grader.attempts import JUNK, Attempt, attempt_of, entries_of, is_folder
from grader.errors import SubmissionError, UnreadableError, UsageError
from grader.handins import Handin, by_id
from grader.sources import read_bytes
from grader.text import one_line
from grader.times import utc_text

NAME = "nbgrader"
FOLDER = "submitted"
TIMESTAMP = "timestamp.txt"

_NO_TIME = f"{TIMESTAMP} holds no time."
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:\.\d+)?\s*(\S*)\s*")


def recognises(path: Path, names: frozenset[str]) -> bool:
    """A folder with timestamps two folders down, or a course whose `submitted/` is one."""
    return is_folder(path) and any(_root(path).glob(f"*/*/{TIMESTAMP}"))


def handins(path: Path, names: frozenset[str], say: Callable[[str], object]) -> list[Handin]:
    """One for each student and assignment; see `Layout`."""
    root = _root(path)
    found: list[tuple[str, Path]] = []
    for student in _entries(root):
        if JUNK.fullmatch(student.name):
            continue
        folders = [entry for entry in _entries(student) if is_folder(entry)] if is_folder(student) else []
        if not folders:
            say(f"{one_line(student.name)} holds no folder of an assignment and was left out")
        found += [(student.name, folder) for folder in folders if not JUNK.fullmatch(folder.name)]
    ids = by_id(name for name, _ in found)
    return [_handin(ids[name], name, folder) for name, folder in found]


def time_of(text: str) -> tuple[str | None, str | None]:
    """The time in a `timestamp.txt`, as ISO 8601 in UTC, and what had to be assumed; no time where there is none."""
    match = _TIME.fullmatch(text.strip())
    try:
        time = datetime.fromisoformat(f"{match[1]}T{match[2]}") if match else None
        if match is None or time is None:
            return None, _NO_TIME
        zone, note = _zone_of(match[3])
        return utc_text(time.replace(tzinfo=zone)), note
    except ValueError:
        return None, _NO_TIME


def _zone_of(name: str) -> tuple[tzinfo, str | None]:
    """The zone that a name or an offset stands for; UTC, and a note, where it is none."""
    try:
        if re.fullmatch(r"[+-]\d\d:?\d\d", name):
            zone = datetime.fromisoformat(f"2000-01-01T00:00:00{name}").tzinfo
            return zone or UTC, None
        return ZoneInfo(name) if name else UTC, None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC, f"{TIMESTAMP} has the zone {one_line(name, 40)}, which is not known; taken as UTC."


def _handin(student: str, name: str, folder: Path) -> Handin:
    return Handin(id=student, name=name, attempts=lambda: [_attempt(folder)], folders=(FOLDER, folder.name), aliases=())


def _attempt(folder: Path) -> Attempt:
    time, note = None, None
    try:
        time, note = time_of(read_bytes(folder / TIMESTAMP, 1_000).decode("utf-8", "replace"))
    except (SubmissionError, UnreadableError) as error:
        note = f"{TIMESTAMP}: {error}."
    try:
        entries = [(entry.name, entry) for entry in entries_of(folder) if entry.name != TIMESTAMP]
    except UnreadableError:
        # Said where the folder is walked.
        entries = [(folder.name, folder)]
    return attempt_of("", time, entries, notes=(note,) if note else ())


def _root(path: Path) -> Path:
    return path / FOLDER if is_folder(path / FOLDER) else path


def _entries(folder: Path) -> list[Path]:
    try:
        return entries_of(folder)
    except UnreadableError as error:
        raise UsageError(f"{one_line(str(folder), 500)}: {error}; name a folder that you may read") from error
