"""Deadlines, extensions and what lateness costs: a small table that an instructor keeps, applied to results.

The table is a CSV file with the columns `assignment`, `student`, `due`, `grace_min`, `per_day` and `max_days`. A row
without a student holds for the class; a row with one is that student's extension, and what it leaves empty is as for
the class. Stored results never hold a penalty: it is computed whenever reports are written, so that a changed
deadline needs no grading.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from msgspec.structs import replace

from grader.errors import UsageError
from grader.model import Late, SubmissionResult
from grader.scoring import DIGITS
from grader.text import one_line
from grader.times import EARLIEST, moment_of, utc_text

COLUMNS = ("assignment", "student", "due", "grace_min", "per_day", "max_days")
DAY_S = 86_400

_PER_DAY = re.compile(r"(\d+(?:\.\d+)?)(%?)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Deadline:
    """When one student's work is due, and what each day after that costs."""

    due: datetime
    grace_min: float = 0.0
    """Minutes after the deadline that cost nothing; who is later than that is late from the deadline on."""
    per_day: float = 0.0
    """For each day begun: a part of the points earned (0.1 for 10 %), or points."""
    is_part: bool = True
    max_days: float = math.inf
    """Who is later than this many days gets nothing."""
    extended: bool = False

    def late(self, submitted_at: datetime, score: float) -> Late:
        """How late that is, and what it costs of this score."""
        late_s = max(0, math.ceil((submitted_at - self.due).total_seconds()))
        if late_s <= self.grace_min * 60:
            late_s = 0
        days = math.ceil(late_s / DAY_S)
        cost = days * self.per_day * (score if self.is_part else 1.0)
        deducted = score if days > self.max_days else min(score, cost)
        return Late(
            due_at=utc_text(self.due),
            late_s=late_s,
            extended=self.extended,
            deducted=round(deducted, DIGITS),
        )


Deadlines = Mapping[tuple[str, str], Deadline]
"""By assignment and student; the student is empty for the class."""


def final_score(result: SubmissionResult) -> float | None:
    """The automatic points less the penalty for lateness; None where there are none."""
    if result.score is None or result.late is None:
        return result.score
    return round(result.score - result.late.deducted, DIGITS)


def read_deadlines(path: Path, assignments: Collection[str] | None = None) -> Deadlines:
    """The table of deadlines.

    Args:
        path: The table.
        assignments: Those of the course, where they are known.

    Raises:
        UsageError: It cannot be read, or a cell says nothing that can be; the message names the line.
    """
    try:
        rows = list(_rows(path))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"the deadlines cannot be read from {one_line(str(path), 500)}: {error}") from error
    found: dict[tuple[str, str], Deadline] = {}
    # The class first: its rows are what extensions change.
    for line, row in sorted(rows, key=lambda each: bool(each[1].get("student"))):
        where = f"line {line} of {path.name}"
        if set(row) - set(COLUMNS):
            raise UsageError(f"{where}: there are more cells than columns")
        key = row.get("assignment", ""), row.get("student", "")
        if assignments is not None and key[0] and key[0] not in assignments:
            there = ", ".join(sorted(assignments))
            raise UsageError(f"{where}: there is no assignment {one_line(key[0])!r}; this course has {there}")
        if key in found:
            raise UsageError(f"{where}: there is a row for {' and '.join(filter(None, key))} already")
        found[key] = _deadline(row, found.get((key[0], "")), where)
    return found


def apply(results: Sequence[SubmissionResult], deadlines: Deadlines) -> tuple[list[SubmissionResult], list[str]]:
    """The results with what their lateness costs, and a sentence for each thing that the table leaves open."""
    said = [*_without_times(results, deadlines), *_extensions_of_nobody(results, deadlines)]
    return [_applied(result, deadlines) for result in results], said


def of_nothing(results: Iterable[SubmissionResult], deadlines: Deadlines) -> list[str]:
    """A sentence for each assignment that has deadlines and no result, which may be a misspelt one."""
    graded = {result.assignment for result in results}
    return [
        f"there is a deadline for {one_line(assignment)}, and no result of it here"
        for assignment in dict.fromkeys(assignment for assignment, _ in deadlines)
        if assignment not in graded
    ]


def _applied(result: SubmissionResult, deadlines: Deadlines) -> SubmissionResult:
    deadline, submitted_at = _of(result, deadlines), moment_of(result.submission.submitted_at)
    if deadline is None or submitted_at is None:
        return result
    late = deadline.late(submitted_at, result.score or 0.0)
    return replace(result, late=late, notes=(*result.notes, *_note(result, late)))


def _note(result: SubmissionResult, late: Late) -> list[str]:
    """What every report says of a late submission."""
    if not late.late_s:
        return []
    hours = f"Handed in {late.late_s / 3600:.1f} hours after the deadline ({late.due_at})"
    if result.score is None:
        return [f"{hours}."]
    left = round(result.score - late.deducted, DIGITS)
    return [f"{hours}: {late.deducted:g} of {result.score:g} points are taken off, and {left:g} count."]


def _of(result: SubmissionResult, deadlines: Deadlines) -> Deadline | None:
    own = deadlines.get((result.assignment, result.submission.id))
    return own or deadlines.get((result.assignment, ""))


def _without_times(results: Iterable[SubmissionResult], deadlines: Deadlines) -> list[str]:
    unknown = [one for one in results if _of(one, deadlines) and not moment_of(one.submission.submitted_at)]
    return [
        f"when {one.submission.id} handed in {one.assignment} is not known; it is taken to be in time"
        for one in unknown
    ]


def _extensions_of_nobody(results: Iterable[SubmissionResult], deadlines: Deadlines) -> list[str]:
    there = {(result.assignment, result.submission.id) for result in results}
    graded = {assignment for assignment, _ in there}
    return [
        f"there is an extension of {one_line(assignment)} for {one_line(student)}, but no such submission"
        for assignment, student in deadlines
        if student and assignment in graded and (assignment, student) not in there
    ]


def _rows(path: Path) -> Iterator[tuple[int, Mapping[str, str]]]:
    """The lines of the table, each with its number."""
    text = path.read_text(encoding="utf-8-sig")
    reader = csv.DictReader(io.StringIO(text), skipinitialspace=True, restkey="more columns than the first line has")
    if unknown := set(reader.fieldnames or ["an empty file"]) - set(COLUMNS):
        raise UsageError(f"{path.name}: expected the columns {', '.join(COLUMNS)}, got {', '.join(sorted(unknown))}")
    for row in reader:
        yield reader.line_num, {key: str(cell or "").strip() for key, cell in row.items()}


def _deadline(row: Mapping[str, str], of_class: Deadline | None, where: str) -> Deadline:
    if not row.get("assignment"):
        raise UsageError(f"{where}: expected the name of an assignment")
    default = of_class or Deadline(due=EARLIEST)
    if not row.get("due") and of_class is None:
        raise UsageError(f"{where}: expected a time in `due`, such as 2026-03-08T23:59+01:00")
    per_day, is_part = _per_day(row.get("per_day", ""), where) or (default.per_day, default.is_part)
    return Deadline(
        due=_time(row["due"], where) if row.get("due") else default.due,
        grace_min=_number(row.get("grace_min", ""), default.grace_min, where),
        per_day=per_day,
        is_part=is_part,
        max_days=_number(row.get("max_days", ""), default.max_days, where),
        extended=bool(row.get("student")),
    )


def _time(text: str, where: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{where}: expected a time such as 2026-03-08T23:59+01:00, got {one_line(text)!r}") from None
    if time.tzinfo is None:
        raise UsageError(f"{where}: {text!r} has no zone; add one, such as Z or +01:00")
    try:
        utc_text(time)
    except ValueError as error:
        raise UsageError(f"{where}: {error}") from None
    return time


def _per_day(text: str, where: str) -> tuple[float, bool] | None:
    if not text:
        return None
    match = _PER_DAY.fullmatch(text)
    if match is None:
        raise UsageError(f"{where}: expected 10% (of the points earned) or 2 (points) a day, got {one_line(text)!r}")
    number = float(match[1])
    if math.isinf(number):
        raise UsageError(f"{where}: expected what a day costs, got a number of {len(match[1])} digits")
    return (number / 100, True) if match[2] else (number, False)


def _number(text: str, default: float, where: str) -> float:
    if not text:
        return default
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not number >= 0:
        raise UsageError(f"{where}: expected a number of at least 0, got {one_line(text)!r}")
    return number
