"""Who handed in: the layout of a folder of submissions, before any file in it is read."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from grader.attempts import CODE_SUFFIXES, JUNK, entries_of, is_folder, time_of
from grader.errors import SubmissionError, UsageError
from grader.text import one_line

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
# Files of the class rather than of a student.
_PAPERWORK = re.compile(r"(README|LICENSE).*|.*\.(csv|json|md|toml|ya?ml|html)", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Handin:
    """What stands on the disk under one student's name."""

    id: str
    """Safe to print and to name a file after; see `safe_id`."""
    name: str
    """As it stands on the disk: anything that a file can be named."""
    entries: tuple[Path, ...]
    """Files and folders; nearly always one."""
    folders: tuple[str, ...]
    """Names of the folders above, which may tell the assignment."""


def find_handins(path: Path, *, names: Iterable[str], say: Callable[[str], object]) -> list[Handin]:
    """The students at a path, in the order of their ids.

    Args:
        path: One file, one student's folder, or a class.
        names: The assignments. A folder that holds `<assignment>.py` or attempts is one student's, and a class may
            hold one folder an assignment.
        say: Takes a sentence for each thing that is no student's.

    Raises:
        UsageError: There is nothing at the path, or the folder cannot be opened.
    """
    path = Path(os.path.abspath(path))
    known = frozenset(names)
    if not os.path.lexists(path):
        raise UsageError(f"there is no file or folder {one_line(str(path), 500)}")
    if path.is_symlink() and path.exists():
        path = path.resolve()
    try:
        if is_folder(path) and not _is_one_students(path, known):
            return _class(path, known, say)
    except SubmissionError as error:
        raise UsageError(f"{one_line(str(path), 500)}: {error}; name a folder that you may read") from error
    stem = path.name if is_folder(path) else stem_of(path.name)
    name = path.parent.name if stem in known and path.parent.name else stem
    return [Handin(id=safe_id(name, set()), name=name, entries=(path,), folders=(path.parent.name, path.name))]


def safe_id(name: str, taken: set[str]) -> str:
    """The name where it can be an id, else `student-` and a part of its hash: the same on every run, nobody else's.

    Ids are `[A-Za-z0-9._@-]{1,64}` and start with a letter or digit.

    Args:
        name: What the file or folder is called.
        taken: Ids in use; the new one is added.
    """
    if not _ID.fullmatch(name):
        digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
        name = next(made for size in range(8, 65) if (made := f"student-{digest[:size]}") not in taken)
    taken.add(name)
    return name


def stem_of(filename: str) -> str:
    """`alice` for `alice.py` and `alice.tar.gz`; the name itself where that would leave nothing."""
    return re.sub(r"(\.tar)?\.[^.]*$", "", filename) or filename


def _class(root: Path, names: frozenset[str], say: Callable[[str], object]) -> list[Handin]:
    students: dict[str, list[Path]] = {}
    own_classes = [entry for entry in entries_of(root) if entry.name in names and is_folder(entry)]
    for folder in [root, *own_classes]:
        for entry in entries_of(folder):
            if entry in own_classes:
                continue
            if JUNK.fullmatch(entry.name) or (_PAPERWORK.fullmatch(entry.name) and not is_folder(entry)):
                say(f"{one_line(str(entry.relative_to(root)))} is no submission and was left out")
                continue
            students.setdefault(entry.name if is_folder(entry) else stem_of(entry.name), []).append(entry)
    taken = {name for name in students if _ID.fullmatch(name)}
    handins = [
        Handin(
            id=safe_id(name, taken),
            name=name,
            entries=tuple(entries),
            folders=(root.name, *(entry.parent.name for entry in entries)),
        )
        for name, entries in sorted(students.items())
    ]
    return sorted(handins, key=lambda handin: handin.id)


def _is_one_students(folder: Path, names: frozenset[str]) -> bool:
    entries = entries_of(folder)
    inside = [inner for entry in entries if entry.name in names and is_folder(entry) for inner in entries_of(entry)]
    modules = [entry for entry in [*entries, *inside] if entry.suffix in CODE_SUFFIXES and not is_folder(entry)]
    attempts = [entry for entry in entries if is_folder(entry) and time_of(entry.name)]
    return bool(attempts) or any(module.stem in names for module in modules)
