"""What was handed in, attempt by attempt: the files that may hold a student's code, found but not yet read.

Links are never followed, and what is left out is said in the attempt's notes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Never

from grader.archives import MAX_FILES, MAX_TOTAL_BYTES, extract, is_archive
from grader.errors import SubmissionError, UnreadableError
from grader.sources import largest, read_bytes
from grader.text import one_line
from grader.times import utc_text

CODE_SUFFIXES = (".py", ".ipynb")
JUNK = re.compile(r"\..*|__MACOSX|__pycache__|node_modules|Thumbs\.db|desktop\.ini|.*~", re.IGNORECASE)
MAX_DEPTH = 5

_TIMESTAMP = re.compile(
    r"(\d{4})-?(\d\d)-?(\d\d)[T _-](\d\d)[-:_.]?(\d\d)(?:[-:_.]?(\d\d)(?:\.\d+)?)? ?(?:Z|UTC|([+-]\d\d):?(\d\d))?"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class File:
    """One file that may hold a student's code."""

    path: str
    """Inside what was handed in; safe to print."""
    content: Callable[[], bytes]
    """Reads it; raises SubmissionError or UnreadableError."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """What a student handed in at one time."""

    name: str
    """Empty where there are no attempts to tell apart."""
    submitted_at: str | None
    """ISO 8601, UTC."""
    files: tuple[File, ...]
    notes: tuple[str, ...]
    commit: str | None = None
    """Its object id, where it is a commit."""


def find_attempts(entries: Iterable[Path]) -> list[Attempt]:
    """A student's attempts, the latest last; at least one.

    Args:
        entries: What stands under the student's name. Folders named after a time are attempts of their own.
    """
    dated: list[tuple[str, Path]] = []
    undated: list[Path] = []
    for entry in entries:
        inside = _entries_or_none(entry)
        times = [(time, inner) for inner in inside if is_folder(inner) and (time := time_of(inner.name))]
        dated += times
        undated += [inner for inner in inside if inner not in {one for _, one in times}] if times else [entry]
    attempts = [attempt_of(folder.name, time, [("", folder)]) for time, folder in sorted(dated)]
    if undated or not attempts:
        return [attempt_of("", None, [("" if is_folder(each) else each.name, each) for each in undated]), *attempts]
    return attempts


def attempt_of(name: str, time: str | None, entries: Iterable[tuple[str, Path]], notes: Iterable[str] = ()) -> Attempt:
    """One attempt, from files and folders under the names by which the student knows them.

    Args:
        name: What sets it apart from other attempts.
        time: When it was handed in, ISO 8601 in UTC.
        entries: Each with its name; an empty name is that of a folder whose files go by their own.
        notes: What is said of it already.
    """
    said = list(notes)
    files: list[File] = []
    for label, entry in entries:
        for path, shown in _walk(entry, label, said):
            files += _code_files(path, shown, said)
            if len(files) > MAX_FILES:
                said.append(f"Only the first {MAX_FILES} files were looked at.")
                return Attempt(name=name, submitted_at=time, files=tuple(files[:MAX_FILES]), notes=tuple(said))
    return Attempt(name=name, submitted_at=time, files=tuple(files), notes=tuple(said))


def time_of(name: str) -> str | None:
    """The time that a folder's name tells, as ISO 8601 in UTC; a time without a zone is taken to be UTC."""
    match = _TIMESTAMP.fullmatch(name)
    if match is None:
        return None
    year, month, day, hour, minute, second, zone_hours, zone_minutes = match.groups()
    zone = f"{zone_hours}:{zone_minutes}" if zone_hours else "+00:00"
    try:
        return utc_text(datetime.fromisoformat(f"{year}-{month}-{day}T{hour}:{minute}:{second or '00'}{zone}"))
    except ValueError:
        return None


def entries_of(folder: Path) -> list[Path]:
    """What a folder holds, by name.

    Raises:
        UnreadableError: It cannot be opened.
    """
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise UnreadableError(f"the folder {one_line(folder.name)} cannot be opened: {error.strerror}") from error


def is_folder(path: Path) -> bool:
    """True for a folder itself; false for a link to one."""
    # Unlike Path.is_dir, this is false for what may not be looked at; whoever reads that says so.
    return os.path.isdir(path) and not os.path.islink(path)


def failing(error: SubmissionError | UnreadableError) -> Never:
    """The content of a file that cannot be read: says so where it is asked for."""
    raise error


def _entries_or_none(entry: Path) -> list[Path]:
    try:
        return entries_of(entry) if is_folder(entry) else []
    except UnreadableError:
        # Said where the folder is walked.
        return []


def _walk(path: Path, label: str, notes: list[str], depth: int = 0) -> Iterator[tuple[Path, str]]:
    """Every file below, with its label; folders that cannot be opened are yielded as if they were files."""
    if not is_folder(path):
        yield path, label
        return
    try:
        entries = entries_of(path)
    except UnreadableError:
        yield path, label
        return
    for entry in entries:
        below = f"{label}/{entry.name}" if label else entry.name
        if JUNK.fullmatch(entry.name):
            notes.append(f"{one_line(below)} was left out: hidden, or not a student's.")
        elif is_folder(entry) and depth == MAX_DEPTH:
            notes.append(f"{one_line(below)} was left out: more than {MAX_DEPTH} folders deep.")
        else:
            yield from _walk(entry, below, notes, depth + 1)


def _code_files(path: Path, label: str, notes: list[str]) -> list[File]:
    """The code at a path: the file itself, or the members of an archive."""
    shown = one_line(label)
    if is_folder(path):
        try:
            entries_of(path)
        except UnreadableError as error:
            return [File(path=shown or "the folder", content=partial(failing, error))]
    if path.suffix.lower() in CODE_SUFFIXES:
        return [File(path=shown, content=partial(read_bytes, path, largest(path.name)))]
    if not is_archive(path.name):
        notes.append(f"{shown} was left out: it is no .py or .ipynb file.")
        return []
    try:
        members = extract(path.name, read_bytes(path, MAX_TOTAL_BYTES))
    except (SubmissionError, UnreadableError) as error:
        return [File(path=shown, content=partial(failing, error))]
    return list(_members(shown, members, notes))


def _members(archive: str, members: dict[str, bytes], notes: list[str]) -> Iterator[File]:
    for name, content in sorted(members.items()):
        shown = f"{archive}/{one_line(name)}"
        if any(JUNK.fullmatch(part) for part in name.split("/")):
            notes.append(f"{shown} was left out: hidden, or not a student's.")
        elif is_archive(name):
            notes.append(f"{shown} was left out: an archive inside an archive is not opened.")
        elif name.lower().endswith(CODE_SUFFIXES):
            yield File(path=shown, content=partial(_member, name, content))
        else:
            notes.append(f"{shown} was left out: it is no .py or .ipynb file.")


def _member(name: str, content: bytes) -> bytes:
    if len(content) > largest(name):
        raise SubmissionError(f"it is {len(content) >> 10} KiB, and {largest(name) >> 10} KiB is the most that is read")
    return content
