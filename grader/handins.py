"""Who handed in: students found on a disk, before any file of theirs is read."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from grader.attempts import Attempt
from grader.text import is_text

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
# Files of the class rather than of a student.
_PAPERWORK = re.compile(r"(README|LICENSE).*|.*\.(csv|json|md|toml|ya?ml|html)|conftest\.py", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Handin:
    """What stands on the disk under one student's name."""

    id: str
    """Safe to print and to name a file after; see `safe_id`."""
    name: str
    """As it stands on the disk: anything that a file can be named."""
    attempts: Callable[[], Sequence[Attempt]]
    """Finds the student's attempts, the latest last; at least one."""
    folders: tuple[str, ...]
    """Names of the folders above, which may tell the assignment."""
    aliases: tuple[str, ...] = ()
    """What else the system calls the student, for a roster to go by."""
    notes: tuple[str, ...] = ()


def by_id(names: Iterable[str]) -> dict[str, str]:
    """An id for each name: the name itself where it can be one, and otherwise nobody else's."""
    unique = sorted(set(names))
    taken = {name for name in unique if _ID.fullmatch(name)}
    return {name: safe_id(name, taken) for name in unique}


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


def name_behind(student: str, name: str) -> str | None:
    """The name, where it cannot be an id and `student` stands for it; None too where it is no text.

    A name of bytes that are no UTF-8 holds lone surrogates, which no document and no database takes.
    """
    stands_for = not _ID.fullmatch(name) and student.startswith(safe_id(name, set()))
    return name if stands_for and is_text(name) else None


def stem_of(filename: str) -> str:
    """`alice` for `alice.py` and `alice.tar.gz`; the name itself where that would leave nothing."""
    return re.sub(r"(\.tar)?\.[^.]*$", "", filename) or filename


def is_paperwork(filename: str, names: frozenset[str] = frozenset()) -> bool:
    """Whether a file is the class's rather than a student's: a README, a table, public tests of a named assignment."""
    own_tests = filename.startswith("test_") and filename.removesuffix(".py").removeprefix("test_") in names
    return own_tests or _PAPERWORK.fullmatch(filename) is not None
