"""Canvas's bulk download: files `doejane_LATE_123_456_mle.py` (name, mark, user, attachment, file), all in one folder.

Students are called by their Canvas user ids, which are the column ID of a gradebook export. The file of a later
attempt is called `mle-1.py`; only the last attempt is in the download, and when it was handed in is not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from grader.attempts import JUNK, attempt_of, entries_of, is_folder
from grader.errors import UnreadableError, UsageError
from grader.handins import Handin, by_id, is_paperwork
from grader.text import one_line

NAME = "canvas"

_FILE = re.compile(
    r"(?:(?P<who>[^_]+)_(?P<late>LATE_)?(?P<user>\d+)|anon_(?P<late2>LATE_)?(?P<anon>[A-Za-z0-9]+))_\d+_(?P<file>.+)",
    re.DOTALL,
)
_AGAIN = re.compile(r"-\d+(?=\.[^.]+$)")


def recognises(path: Path, names: frozenset[str]) -> bool:
    """A folder that holds such files and nothing else but paperwork."""
    if not is_folder(path):
        return False
    try:
        entries = [entry.name for entry in entries_of(path) if not _is_aside(entry)]
    except UnreadableError:
        return False
    return bool(entries) and all(map(_FILE.fullmatch, entries))


def handins(path: Path, names: frozenset[str], say: Callable[[str], object]) -> list[Handin]:
    """One for each user; see `Layout`."""
    students: dict[str, list[tuple[re.Match[str], Path]]] = {}
    for entry in _entries(path):
        match = _FILE.fullmatch(entry.name)
        if match is None:
            say(f"{one_line(entry.name)} is not named as Canvas names submissions and was left out")
        else:
            students.setdefault(match["user"] or match["anon"], []).append((match, entry))
    ids = by_id(students)
    return [_handin(ids[user], path, files, names) for user, files in students.items()]


def _handin(student: str, root: Path, files: list[tuple[re.Match[str], Path]], names: frozenset[str]) -> Handin:
    labelled = [(_own_name(match["file"], names), entry) for match, entry in files]
    return Handin(
        id=student,
        name=student,
        attempts=lambda: [attempt_of("", None, labelled)],
        folders=(root.name,),
        aliases=tuple(dict.fromkeys(match["who"] for match, _ in files if match["who"])),
        notes=("Canvas marks it as late.",) if any(match["late"] or match["late2"] for match, _ in files) else (),
    )


def _own_name(filename: str, names: frozenset[str]) -> str:
    """The name that the student gave the file, without the number that Canvas gives a later attempt's."""
    own = _AGAIN.sub("", filename)
    return own if own.rpartition(".")[0] in names else filename


def _entries(path: Path) -> Iterator[Path]:
    try:
        yield from (entry for entry in entries_of(path) if not JUNK.fullmatch(entry.name))
    except UnreadableError as error:
        raise UsageError(f"{one_line(str(path), 500)}: {error}; name the folder or zip of a download") from error


def _is_aside(entry: Path) -> bool:
    matched = _FILE.fullmatch(entry.name) is not None
    return JUNK.fullmatch(entry.name) is not None or (is_paperwork(entry.name) and not matched)
