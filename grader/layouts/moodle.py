"""Moodle's "download all submissions": `Jane Doe_123_assignsubmission_file_`, a folder or the start of a file's name.

Students are called by the number, which is that of `Participant 123` in the grading worksheet. When something was
handed in is not in the download. Of a name that holds several such numbers, the first is Moodle's: what follows is what
the student called the file.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from grader.attempts import JUNK, attempt_of, entries_of, is_folder
from grader.errors import UnreadableError, UsageError
from grader.handins import Handin, by_id
from grader.text import one_line

NAME = "moodle"

_ENTRY = re.compile(r"(?P<who>.+?)_(?P<number>\d+)_assignsubmission_(?P<kind>file|onlinetext)_?(?P<file>.*)", re.DOTALL)

_NUMBER = re.compile(r"_(\d+)_assignsubmission_(?:file|onlinetext)")


def recognises(path: Path, names: frozenset[str]) -> bool:
    """A folder that holds such entries, whatever else it holds."""
    if not is_folder(path):
        return False
    try:
        return any(_ENTRY.fullmatch(entry.name) for entry in entries_of(path))
    except UnreadableError:
        return False


def handins(path: Path, names: frozenset[str], say: Callable[[str], object]) -> list[Handin]:
    """One for each participant; see `Layout`."""
    try:
        entries = [entry for entry in entries_of(path) if not JUNK.fullmatch(entry.name)]
    except UnreadableError as error:
        raise UsageError(f"{one_line(str(path), 500)}: {error}; name the folder or zip of a download") from error
    students: dict[str, list[tuple[re.Match[str], Path]]] = {}
    for entry in entries:
        match = _ENTRY.fullmatch(entry.name)
        if match is None:
            say(f"{one_line(entry.name)} is not named as Moodle names submissions and was left out")
        else:
            if len(set(_NUMBER.findall(entry.name))) > 1:
                say(f"{one_line(entry.name)} holds several numbers; it counts for {match['number']}, the first")
            students.setdefault(match["number"], []).append((match, entry))
    ids = by_id(students)
    return [_handin(ids[number], path, found) for number, found in students.items()]


def _handin(student: str, root: Path, found: list[tuple[re.Match[str], Path]]) -> Handin:
    labelled = [("" if is_folder(entry) else match["file"] or entry.name, entry) for match, entry in found]
    return Handin(
        id=student,
        name=student,
        attempts=lambda: [attempt_of("", None, labelled)],
        folders=(root.name,),
        aliases=tuple(dict.fromkeys(match["who"] for match, _ in found)),
    )
