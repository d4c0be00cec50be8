"""Canvas: the instructor's own gradebook export, with the assignment's column filled and nothing else touched.

Give the export as the path, `--report canvas=export.csv`; the copy to upload, `export-filled.csv`, is written beside
it. The column is the one whose title names the assignment; `--report "canvas=export.csv#Homework 1 (123)"` names
another. Canvas compares scores at two decimals. A title that Canvas does not know would create an assignment, so no
column is ever added. Source: lib/gradebook_importer.rb and gradebook_exporter.rb of instructure/canvas-lms.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from grader.errors import UsageError
from grader.model import SubmissionResult
from grader.reports.audience import Audience
from grader.reports.exports import Export, fill_column, filled_path, one_a_student, read_export
from grader.reports.figures import by_assignment, points
from grader.text import one_line

NAME = "canvas"
FILENAME = "canvas.csv"

__all__ = ["FILENAME", "NAME", "filled_path", "write"]

_STUDENT = ("ID", "SIS User ID", "SIS Login ID")
"""What students are found by; not their names, which they may choose."""
_EXCUSED = "EX"
_FIXED = {"student", "id", "sis user id", "sis login id", "integration id", "root account", "section", "notes"}
_COMPUTED = re.compile(r".*(Current|Final|Override) (Score|Points|Grade).*")


def write(results: Sequence[SubmissionResult], path: Path, *, audience: Audience) -> list[str]:
    """Fills a copy of the export at `path` and says whose score found no place.

    Raises:
        UsageError: There is no such export, or no column, or no single one, for an assignment.
    """
    export = read_export(path, system="Canvas")
    if [title.casefold() for title in export.header[:2]] != ["student", "id"]:
        raise UsageError(f"{export.path.name} is no gradebook of Canvas: its first columns are not Student and ID")
    chosen, said = one_a_student(results)
    rows = _students(export)
    for assignment, group in by_assignment(chosen).items():
        column = _column(export, assignment)
        said += [f"{assignment}: {sentence}" for sentence in _points_differ(export, column, group)]
        said += [f"{assignment}: {sentence}" for sentence in fill_column(export, column, rows, group, excused=_EXCUSED)]
    export.save()
    return said


def _column(export: Export, assignment: str) -> int:
    if export.column is not None:
        found = [index for index, title in enumerate(export.header) if title.strip() == export.column.strip()]
    else:
        found = [index for index, title in enumerate(export.header) if _names(title, assignment)]
    if len(found) == 1:
        return found[0]
    titles = [title for title in export.header if title.casefold() not in _FIXED and not _COMPUTED.fullmatch(title)]
    raise UsageError(
        f"{'no' if not found else 'more than one'} column of {export.path.name} is for {export.column or assignment}; "
        f'say which as --report "canvas={export.path.name}#TITLE" with one of: {", ".join(map(one_line, titles))}'
    )


def _names(title: str, assignment: str) -> bool:
    """Whether a column's title mentions the assignment, `_` and spaces alike."""
    if title.casefold() in _FIXED or _COMPUTED.fullmatch(title):
        return False
    words = r"[\W_]*".join(map(re.escape, assignment.split("_")))
    return re.search(rf"(?<![a-z0-9]){words}(?![a-z0-9])", title, re.IGNORECASE) is not None


def _students(export: Export) -> dict[int, Sequence[str]]:
    """The rows of students with what each goes by; not the rows of points and of posting policies."""
    indices = [index for title in _STUDENT if (index := export.index(title)) is not None]
    found: dict[int, Sequence[str]] = {}
    for row in range(1, len(export.raw)):
        cells = export.values(row)
        is_student = len(cells) == len(export.header) and cells[1].strip()
        if is_student and cells[0].strip() != "Points Possible":
            found[row] = [cells[index] for index in indices]
    return found


def _points_differ(export: Export, column: int, results: Sequence[SubmissionResult]) -> list[str]:
    ours = max(result.max_score for result in results)
    for row in range(1, len(export.raw)):
        cells = export.values(row)
        if cells[0].strip() == "Points Possible" and len(cells) > column:
            theirs = cells[column].strip().replace(",", ".")
            if re.fullmatch(r"\d+(\.\d*)?", theirs) and float(theirs) != ours:
                return [f"Canvas counts it out of {theirs} points, these scores are out of {points(ours)}; not scaled."]
    return []
