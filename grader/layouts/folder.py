"""One file or one sub-folder a student, named by the student's id; attempts are `<id>/<timestamp>/`.

A class may hold a folder for each assignment. A folder that holds attempts or `<assignment>.py` is one student's; a
class's, where such a file lies beside two students' folders or more: then the file is nobody's.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from grader.attempts import CODE_SUFFIXES, JUNK, entries_of, find_attempts, is_folder, time_of
from grader.errors import UnreadableError, UsageError
from grader.handins import Handin, by_id, is_paperwork, safe_id, stem_of
from grader.text import one_line

NAME = "folder"


def recognises(path: Path, names: frozenset[str]) -> bool:
    """Nothing: this is what a path is taken for where no other layout fits."""
    return False


def handins(path: Path, names: frozenset[str], say: Callable[[str], object]) -> list[Handin]:
    """The students at a path: one file, one student's folder, or a class."""
    try:
        if is_folder(path) and not is_one_students(path, names):
            return _class(path, names, say)
        if is_folder(path) and (others := _others(path, names)):
            say(
                f"{one_line(path.name)} is taken for one student's, {', '.join(others[:5])} included: a file in it is "
                "named after an assignment, or a folder after a time; if it is a class's, move that to its student's"
            )
    except UnreadableError as error:
        raise UsageError(f"{one_line(str(path), 500)}: {error}; name a folder that you may read") from error
    return [one_student(path, names)]


def one_student(path: Path, names: frozenset[str]) -> Handin:
    """A path that is all one student's; a file named after an assignment is its folder's."""
    stem = path.name if is_folder(path) else stem_of(path.name)
    name = path.parent.name if stem in names and path.parent.name else stem
    return Handin(
        id=safe_id(name, set()),
        name=name,
        attempts=partial(find_attempts, (path,)),
        folders=(path.parent.name, path.name),
    )


def is_one_students(folder: Path, names: frozenset[str]) -> bool:
    """Whether a folder holds one student's work rather than a class's.

    A file named after an assignment makes it one student's; beside two students' folders or more it is nobody's.

    Raises:
        UnreadableError: It cannot be opened.
    """
    if any(map(_is_attempt, entries_of(folder))):
        return True
    return _has_module(folder, names) and len(_students_of(folder, names)) < 2


def _has_module(folder: Path, names: frozenset[str]) -> bool:
    """Whether a file is named after an assignment, in the folder itself or in one named after an assignment."""
    entries = entries_of(folder)
    inside = [inner for entry in entries if entry.name in names and is_folder(entry) for inner in entries_of(entry)]
    return any(_is_module(entry, names) for entry in [*entries, *inside])


def _is_module(path: Path, names: frozenset[str]) -> bool:
    return path.suffix in CODE_SUFFIXES and path.stem in names and not is_folder(path)


def _students_of(root: Path, names: frozenset[str]) -> set[str]:
    """The folders, there and in those named after assignments, that are each like one student's."""
    own_classes = [entry for entry in entries_of(root) if entry.name in names and is_folder(entry)]
    return {
        entry.name
        for folder in [root, *own_classes]
        for entry in entries_of(folder)
        if entry.name not in names and not JUNK.fullmatch(entry.name) and _is_like_a_students(entry, names)
    }


def _is_like_a_students(path: Path, names: frozenset[str]) -> bool:
    try:
        return is_folder(path) and (any(map(_is_attempt, entries_of(path))) or _has_module(path, names))
    except UnreadableError:
        # Said where it is read.
        return False


def _is_attempt(path: Path) -> bool:
    return is_folder(path) and time_of(path.name) is not None


def _others(folder: Path, names: frozenset[str]) -> list[str]:
    """What stands in a student's folder and may be other students': folders and code of other names."""
    return [
        one_line(entry.name)
        for entry in entries_of(folder)
        if not JUNK.fullmatch(entry.name)
        and not is_paperwork(entry.name, names)
        and entry.name not in names
        and not time_of(entry.name)
        and (is_folder(entry) or (entry.suffix in CODE_SUFFIXES and entry.stem not in names))
    ]


def _class(root: Path, names: frozenset[str], say: Callable[[str], object]) -> list[Handin]:
    students: dict[str, list[Path]] = {}
    own_classes = [entry for entry in entries_of(root) if entry.name in names and is_folder(entry)]
    for folder in [root, *own_classes]:
        for entry in entries_of(folder):
            if entry in own_classes:
                continue
            if JUNK.fullmatch(entry.name) or (is_paperwork(entry.name, names) and not is_folder(entry)):
                say(f"{one_line(str(entry.relative_to(root)))} is no submission and was left out")
                continue
            if _is_module(entry, names):
                say(
                    f"{one_line(str(entry.relative_to(root)))} lies in no student's folder and was left out; move it "
                    f"to its student's, or say --layout student if all of {one_line(root.name)} is one student's"
                )
                continue
            students.setdefault(entry.name if is_folder(entry) else stem_of(entry.name), []).append(entry)
    ids = by_id(students)
    return [
        Handin(
            id=ids[name],
            name=name,
            attempts=partial(find_attempts, tuple(entries)),
            folders=(root.name, *(entry.parent.name for entry in entries)),
        )
        for name, entries in students.items()
    ]
