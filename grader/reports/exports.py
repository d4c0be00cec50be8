"""A gradebook that another system exported, with one column filled and every other byte as it was."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from grader.errors import UsageError
from grader.files import write_atomically
from grader.lateness import final_score
from grader.model import SubmissionResult
from grader.text import one_line

_NUMBER_WITH_COMMA = re.compile(r"\d+,\d+")


@dataclass(kw_only=True)
class Export:
    """The cells of an export, each as its own bytes were; `rows` holds what they mean."""

    path: Path
    """The export itself, which is only read."""
    column: str | None
    """The title of the column to fill, where the caller gave one."""
    raw: list[list[str]] = field(default_factory=list)
    """Cells with their quotes; the last of a row ends with its line break."""
    delimiter: str = ","

    @property
    def filled(self) -> Path:
        """Where the filled copy goes."""
        return filled_path(self.path)

    @property
    def header(self) -> list[str]:
        """The titles of the columns."""
        return self.values(0)

    def values(self, row: int) -> list[str]:
        """A row's cells, unquoted."""
        return [_unquoted(cell) for cell in self.raw[row]]

    def index(self, *titles: str) -> int | None:
        """The column of the first title that there is, upper and lower case alike."""
        known = [title.strip().casefold() for title in self.header]
        return next((known.index(title.casefold()) for title in titles if title.casefold() in known), None)

    def fill(self, row: int, column: int, score: float) -> None:
        """Puts a score, to two decimals, where one stood or none."""
        cell = self.raw[row][column]
        text = f"{round(score, 2):.2f}".replace(".", self._decimal_mark(column))
        end = re.search(r"[\r\n]*$", cell)
        self.raw[row][column] = (f'"{text}"' if cell.startswith('"') else text) + (end[0] if end else "")

    def save(self) -> None:
        """Writes the filled copy."""
        text = "".join(self.delimiter.join(row) for row in self.raw)
        write_atomically(self.filled, text.encode("utf-8"))

    def _decimal_mark(self, column: int) -> str:
        """As the column writes its numbers; a comma only where it does not part the cells."""
        cells = [_unquoted(row[column]).strip() for row in self.raw[1:] if len(row) > column]
        return "," if self.delimiter != "," and any(map(_NUMBER_WITH_COMMA.fullmatch, cells)) else "."


def filled_path(path: Path) -> Path:
    """Where the filled copy of an export goes: beside it."""
    file, _ = _parted(path)
    return file.with_name(f"{file.stem}-filled{file.suffix}")


def read_export(path: Path, *, system: str) -> Export:
    """The export at a path, which may be followed by `#` and the title of the column to fill.

    Raises:
        UsageError: There is none, or it is no table.
    """
    file, column = _parted(path)
    try:
        text = file.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        where = f"--report {system.lower()}=PATH"
        raise UsageError(
            f"{system}'s own export is needed, to be filled: export it there and name it with {where}; "
            f"{one_line(str(file), 500)} cannot be read ({error})"
        ) from error
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    rows = list(_raw_rows(text, delimiter))
    try:
        for cell in (cell for row in rows for cell in row):
            _unquoted(cell)
    except csv.Error as error:
        raise UsageError(f"{one_line(str(file), 500)} is no table: {error}; export it again") from error
    if len(rows) < 2 or len(rows[0]) < 2:
        raise UsageError(f"{one_line(str(file), 500)} is no table with a row a student; export it again")
    return Export(path=file, column=column, raw=rows, delimiter=delimiter)


def _parted(path: Path) -> tuple[Path, str | None]:
    """The file, and the title of a column that follows its name after `#`."""
    name, _, column = path.name.partition("#")
    return path.with_name(name), column or None


def one_a_student(results: Iterable[SubmissionResult]) -> tuple[list[SubmissionResult], list[str]]:
    """Of each student and assignment the result on one device; and a sentence where others are left.

    A result with a score comes first, and of two the one on the CPU.
    """
    found: dict[tuple[str, str], SubmissionResult] = {}
    others = 0
    for result in sorted(results, key=lambda each: (each.score is None, each.device != "cpu")):
        key = result.assignment, result.submission.id
        others += key in found
        found.setdefault(key, result)
    said = [f"{others} results on other devices are left out: there is room for one score."] if others else []
    return list(found.values()), said


def fill_column(
    export: Export,
    column: int,
    rows: Mapping[int, Sequence[str]],
    results: Sequence[SubmissionResult],
    excused: str | None = None,
) -> list[str]:
    """Puts each result's score into the row that its student's id finds.

    Args:
        export: Whose copy is filled.
        column: Where the scores go.
        rows: By the number of a row, what its student goes by: the same columns in each row, empty where there is none.
        results: One a student.
        excused: What the system writes for a student who need not hand in; it stays.

    Returns:
        A sentence for each result that could not be put anywhere.
    """
    places, said = _places(rows, results)
    filled = 0
    for result in results:
        score, who = final_score(result), one_line(result.submission.id)
        row = places.get(result.submission.id)
        if score is None:
            said.append(f"{who} has no score (a grader error, or not run); the cell is as it was.")
        elif row is not None and excused is not None and export.values(row)[column].strip() == excused:
            said.append(f"{who} is excused there ({excused}); the cell is as it was.")
        elif row is not None:
            export.fill(row, column, score)
            filled += 1
    said.append(f"{filled} of {len(rows)} rows are filled in, in the copy {export.filled.name}.")
    return said


def _places(rows: Mapping[int, Sequence[str]], results: Sequence[SubmissionResult]) -> tuple[dict[str, int], list[str]]:
    """By id the row of each student, and a sentence for each who has none.

    One column at a time, first the one that finds most students: it is what they are called by, and what stands in
    another column, where somebody may have put an id of somebody else's, does not count against it.
    """
    ids = [result.submission.id for result in results]
    indices: list[dict[str, list[int]]] = [{} for _ in next(iter(rows.values()), ())]
    for row, names in rows.items():
        for index, name in zip(indices, names, strict=True):
            index.setdefault(name.strip(), []).append(row)
    places: dict[str, int] = {}
    problems: dict[str, str] = {}
    for index in sorted(indices, key=lambda index: -sum(each in index for each in ids)):
        owners = {row: student for student, row in places.items()}
        for student in ids:
            found = index.get(student, [])
            if student in places or student in problems or not found:
                continue
            if len(found) > 1:
                problems[student] = "is in several rows; nothing was filled in."
            elif found[0] in owners:
                other = one_line(owners[found[0]])
                problems[student] = f"and {other} are one row; that of {other} stands."
            else:
                places[student] = found[0]
    lost = [student for student in ids if student not in places]
    return places, [f"{one_line(each)} {problems.get(each, 'is in no row; nothing was filled in.')}" for each in lost]


def _raw_rows(text: str, delimiter: str) -> Iterator[list[str]]:
    """The cells of each row, byte for byte; a quoted cell may hold delimiters and line breaks."""
    cell = re.compile(rf'(\ufeff?"(?:[^"]|"")*"[^{delimiter}\r\n]*|[^{delimiter}\r\n]*)({delimiter}|\r\n|\n|\r|$)')
    row: list[str] = []
    position = 0
    while position < len(text) or row:
        match = cell.match(text, position)
        assert match is not None
        position = match.end()
        if match[2] == delimiter:
            row.append(match[1])
        else:
            yield [*row, match[1] + match[2]]
            row = []


def _unquoted(cell: str) -> str:
    text = cell.removeprefix("\ufeff").rstrip("\r\n")
    return next(csv.reader([text.replace("\n", " ").replace("\r", " ")], delimiter="\0"), [""])[0] if text else ""
