"""Who is in the class: a CSV file with a column `id`, and others that hold what systems call the same students.

A student handed in under `7001` by Canvas, `jdoe` by git and `jane@uni.example` by Gradescope is one row. Every cell
but those of the column `name` finds its student if it is nobody else's, upper and lower case alike. That column
finds nobody: in many systems students choose their own names.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from grader.attempts import Attempt
from grader.errors import UsageError
from grader.handins import Handin, by_id
from grader.text import one_line

MAX_NAMED = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Roster:
    """A class."""

    ids: tuple[str, ...]
    known_as: Mapping[str, frozenset[str]]
    """By name in lower case, the ids of the students who go by it."""

    def find(self, names: Iterable[str]) -> str | None:
        """The student that the first telling name finds; None for nobody and for more than one."""
        for name in names:
            if name in self.ids:
                return name
            found = self.known_as.get(name.strip().casefold(), frozenset())
            if len(found) == 1:
                return next(iter(found))
        return None


def read_roster(path: Path) -> Roster:
    """The roster in a file.

    Raises:
        UsageError: It cannot be read, has no column `id`, or an id occurs twice or cannot be one.
    """
    try:
        rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig")), restkey="", restval=""))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"the roster cannot be read from {one_line(str(path), 500)}: {error}") from error
    if not rows or "id" not in rows[0]:
        raise UsageError(f"{path.name}: expected a table with a column `id`, and a row a student")
    ids = [row["id"].strip() for row in rows]
    for number, student in enumerate(ids, start=2):
        if by_id([student])[student] != student or student in ids[: number - 2]:
            raise UsageError(f"row {number} of {path.name}: {one_line(student)!r} is no id, or is there already")
    known_as: dict[str, set[str]] = {}
    for student, row in zip(ids, rows, strict=True):
        cells = [cell for title, cell in row.items() if title and isinstance(cell, str) and not _is_name(title)]
        for cell in filter(None, (cell.strip().casefold() for cell in cells)):
            known_as.setdefault(cell, set()).add(student)
    # An id is its own student's, whoever else may be called the same.
    own: dict[str, set[str]] = {}
    for student in ids:
        own.setdefault(student.casefold(), set()).add(student)
    known_as |= own
    return Roster(ids=tuple(ids), known_as={name: frozenset(found) for name, found in known_as.items()})


def _is_name(title: str) -> bool:
    return title.strip().casefold() == "name"


def resolve(handins: Sequence[Handin], roster: Roster | None, say: Callable[[str], object]) -> list[Handin]:
    """The hand-ins under the roster's ids, one a student; who is unknown or missing, or handed in twice, is said."""
    found: dict[str, list[Handin]] = {}
    for handin, student in zip(handins, _students(handins, roster, say), strict=True):
        found.setdefault(student or handin.id, []).append(handin)
        if roster and student is None:
            say(f"{handin.id} ({one_line(handin.name)}) is not on the roster; graded all the same")
    if roster and len(handins) > 1:
        _say_missing([student for student in roster.ids if student not in found], say)
    elif not roster:
        _say_alike(sorted(found), say)
    return [_one(student, own, say, of_roster=roster is not None) for student, own in found.items()]


def _students(handins: Sequence[Handin], roster: Roster | None, say: Callable[[str], object]) -> list[str | None]:
    """The roster's student behind each hand-in.

    What else a system calls a student is a name that the student may have chosen: it counts where nothing else tells,
    and for nobody who is found otherwise, or by two.
    """
    if roster is None:
        return [None] * len(handins)
    known = [roster.find((handin.name, handin.id)) for handin in handins]
    claims = [None if student else roster.find(handin.aliases) for handin, student in zip(handins, known, strict=True)]
    count = Counter([*filter(None, known), *claims])
    for number, (handin, claimed) in enumerate(zip(handins, claims, strict=True)):
        if claimed is not None and count[claimed] == 1:
            known[number] = claimed
            say(f"{handin.id} is taken to be {claimed}, by the name {one_line(', '.join(handin.aliases))} alone")
    return known


def _one(student: str, handins: Sequence[Handin], say: Callable[[str], object], *, of_roster: bool) -> Handin:
    first = handins[0]
    names = list(dict.fromkeys(one_line(handin.name) for handin in handins))
    if len(names) > 1:
        say(f"{student} handed in under several names, which count as attempts of one: {', '.join(names)}")

    def attempts() -> list[Attempt]:
        every = [attempt for handin in handins for attempt in handin.attempts()]
        return sorted(every, key=lambda attempt: attempt.submitted_at or "")

    renamed = f"The name {one_line(first.name)} cannot be an id; {student} stands for it."
    told = () if of_roster or student == first.name else (renamed,)
    return Handin(
        id=student,
        name=first.name,
        attempts=first.attempts if len(handins) == 1 else attempts,
        folders=tuple(dict.fromkeys(folder for handin in handins for folder in handin.folders)),
        aliases=first.aliases,
        notes=(*told, *dict.fromkeys(note for handin in handins for note in handin.notes)),
    )


def _say_missing(missing: Sequence[str], say: Callable[[str], object]) -> None:
    if missing:
        more = f" and {len(missing) - MAX_NAMED} more" if len(missing) > MAX_NAMED else ""
        say(f"on the roster, but nothing handed in: {', '.join(missing[:MAX_NAMED])}{more}")


def _say_alike(ids: Sequence[str], say: Callable[[str], object]) -> None:
    alike: dict[str, list[str]] = {}
    for student in ids:
        alike.setdefault(student.casefold(), []).append(student)
    for group in alike.values():
        if len(group) > 1:
            say(f"{' and '.join(group)} may be one student; each is graded alone")
