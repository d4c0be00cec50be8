"""Moodle: the assignment's own offline grading worksheet, with the column Grade filled and nothing else touched.

Give the worksheet as the path, `--report moodle=worksheet.csv`; the copy to upload, `worksheet-filled.csv`, is written
beside it. In another language than English, `--report "moodle=worksheet.csv#Bewertung"` names the column. A worksheet
is one assignment's, so the results must be too. Source: docs.moodle.org, Grade import and Assignment.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from grader.errors import UsageError
from grader.model import SubmissionResult
from grader.reports.audience import Audience
from grader.reports.exports import Export, fill_column, filled_path, one_a_student, read_export
from grader.reports.figures import by_assignment, points
from grader.text import one_line

NAME = "moodle"
FILENAME = "moodle.csv"

__all__ = ["FILENAME", "NAME", "filled_path", "write"]

_NAMES = ("ID number", "Username", "Email address")
"""What students are found by besides their numbers; not their full names, which they may choose."""


def write(results: Sequence[SubmissionResult], path: Path, *, audience: Audience) -> list[str]:
    """Fills a copy of the worksheet at `path` and says whose score found no place.

    Raises:
        UsageError: There is no such worksheet, it has no such column, or the results are of several assignments.
    """
    export = read_export(path, system="Moodle")
    column = export.index(export.column or "Grade")
    if column is None:
        titles = ", ".join(map(one_line, export.header))
        raise UsageError(
            f"{export.path.name} has no column {export.column or 'Grade'}; say which of its columns takes the grade "
            f'as --report "moodle={export.path.name}#TITLE", one of: {titles}'
        )
    chosen, said = one_a_student(results)
    assignments = list(by_assignment(chosen))
    if len(assignments) > 1:
        raise UsageError(f"a worksheet is one assignment's, and these are {', '.join(assignments)}; say --assignment")
    open_rows, closed = _students(export)
    said += [f"{closed} rows may not be changed, as the worksheet says; they are as they were."] if closed else []
    said += _maxima_differ(export, chosen)
    said += fill_column(export, column, open_rows, chosen)
    export.save()
    return said


def _students(export: Export) -> tuple[dict[int, Sequence[str]], int]:
    """The rows whose grade may be changed, with what each student goes by; and how many others there are."""
    identifier, changeable = export.index("Identifier"), export.index("Grade can be changed")
    indices = [index for title in _NAMES if (index := export.index(title)) is not None]
    found: dict[int, Sequence[str]] = {}
    closed = 0
    for row in range(1, len(export.raw)):
        cells = export.values(row)
        if len(cells) < len(export.header):
            continue
        if changeable is not None and cells[changeable].strip().casefold() == "no":
            closed += 1
            continue
        # Of `Participant 123`, the number is what a bulk download calls the student.
        number = [cells[identifier].rpartition(" ")[2]] if identifier is not None else []
        found[row] = [*number, *(cells[index] for index in indices)]
    return found, closed


def _maxima_differ(export: Export, results: Sequence[SubmissionResult]) -> list[str]:
    index = export.index("Maximum Grade", "Maximum grade")
    if index is None or not results:
        return []
    ours = max(result.max_score for result in results)
    theirs = {
        cells[index].strip().replace(",", ".")
        for row in range(1, len(export.raw))
        if (cells := export.values(row))[index:]
    }
    different = sorted(each for each in theirs if each.replace(".", "", 1).isdigit() and float(each) != ours)
    if not different:
        return []
    return [f"Moodle counts it out of {different[0]} points, these scores are out of {points(ours)}; not scaled."]
