"""A list of git clones: a CSV file with the columns `id` and `repository`, and perhaps
`submitted_at`, `revision` and `address`, where the clone is from.

Paths are relative to the list. Tags `submit/...` are a student's attempts where there are any, as Classroom 50 makes
them; otherwise the revision (by default HEAD) is the one attempt. Its time is the commit's, which the student's own
clock wrote, unless `submitted_at` says when it was pushed: then no attempt has another time. A clone that is missing or
cannot be read is no fault of the student's.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path, PurePosixPath

from grader import git
from grader.archives import MAX_FILES
from grader.attempts import CODE_SUFFIXES, JUNK, Attempt, File, failing, time_of
from grader.errors import SubmissionError, UnreadableError, UsageError
from grader.handins import Handin, by_id
from grader.sources import largest
from grader.text import one_line
from grader.times import utc_text

NAME = "clones"
COLUMNS = ("id", "repository", "submitted_at", "revision", "address")
TAGS = "submit/"
MAX_ATTEMPTS = 20
"""Tags read of one student, the latest."""


def recognises(path: Path, names: frozenset[str]) -> bool:
    """A CSV file whose first line has both columns."""
    if path.suffix.lower() != ".csv" or not path.is_file():
        return False
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            first = file.readline(10_000)
    except OSError as error:
        raise UsageError(f"{one_line(str(path), 500)} cannot be read: {error.strerror}") from error
    return {"id", "repository"} <= {title.strip() for title in first.split(",")}


def handins(path: Path, names: frozenset[str], say: Callable[[str], object]) -> list[Handin]:
    """One for each line; see `Layout`."""
    rows = list(_rows(path))
    ids = by_id(row["id"] for _, row in rows)
    return [_handin(path, line, row, ids[row["id"]]) for line, row in rows]


def _rows(path: Path) -> Iterator[tuple[int, Mapping[str, str]]]:
    try:
        reader = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig")), restkey="", skipinitialspace=True)
        for row in reader:
            where = f"line {reader.line_num} of {path.name}"
            cells = {key.strip(): str(cell or "").strip() for key, cell in row.items()}
            if unknown := set(cells) - set(COLUMNS):
                raise UsageError(
                    f"{where}: expected the columns {', '.join(COLUMNS)}, got {', '.join(sorted(unknown))}"
                )
            if not cells.get("id") or not cells.get("repository"):
                raise UsageError(f"{where}: expected an id and the path of a clone")
            if "://" in cells["repository"]:
                raise UsageError(f"{where}: expected the path of a clone, got an address; clone it first")
            if cells.get("submitted_at") and not time_of(cells["submitted_at"]):
                raise UsageError(f"{where}: expected a time such as 2026-03-08T22:59:00Z in submitted_at")
            yield reader.line_num, cells
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{one_line(str(path), 500)} cannot be read as a list of clones: {error}") from error


def _handin(path: Path, line: int, row: Mapping[str, str], student: str) -> Handin:
    clone = path.parent / row["repository"]
    told = time_of(row["submitted_at"]) if row.get("submitted_at") else None
    return Handin(
        id=student,
        name=row["id"],
        attempts=partial(_attempts, clone, row.get("revision", ""), told),
        folders=(path.stem, clone.name),
    )


def _attempts(clone: Path, revision: str, told: str | None) -> list[Attempt]:
    try:
        if not clone.is_dir():
            raise UnreadableError("there is no clone of it here; clone it, or take it off the list")
        # Each attempt takes git a moment, and a student can make any number of tags.
        dated = [] if revision else [(tag.time, tag.name, tag.commit) for tag in git.tags(clone, TAGS)][-MAX_ATTEMPTS:]
        if not dated:
            commit = _commit(clone, revision)
            dated = [(git.time_of(clone, commit), "", commit)]
        times = [told or _time(seconds, commit) for seconds, _, commit in dated]
    except (SubmissionError, UnreadableError) as error:
        return [_unreadable(clone, error)]
    found = [_attempt(clone, time, tag, commit) for time, (_, tag, commit) in zip(times, dated, strict=True)]
    if told is None:
        note = "Its time is the commit's own, which its author's clock wrote."
        found[-1] = replace(found[-1], notes=(*found[-1].notes, note))
    return found


def _commit(clone: Path, revision: str) -> str:
    """What counts where there are no tags."""
    commit = git.commit_of(clone, revision or "HEAD")
    if commit is None and revision:
        raise UnreadableError(f"the clone has no commit {one_line(revision)}; fetch it, or mend the list")
    if commit is None:
        raise SubmissionError("nothing was committed to it")
    return commit


def _time(seconds: int, commit: str) -> str:
    try:
        return utc_text(datetime.fromtimestamp(seconds, UTC))
    except (OverflowError, ValueError, OSError) as error:
        raise SubmissionError(f"the commit {commit[:12]} has no time that can be: {error}") from error


def _unreadable(clone: Path, error: SubmissionError | UnreadableError) -> Attempt:
    """An attempt of which nothing can be had; why is said where it is read."""
    file = File(path=one_line(clone.name), content=partial(failing, error))
    return Attempt(name="", submitted_at=None, files=(file,), notes=())


def _attempt(clone: Path, time: str, tag: str, commit: str) -> Attempt:
    notes = [f"Commit {commit} of {one_line(clone.name)}."]
    try:
        blobs = git.files(clone, commit)
    except UnreadableError as error:
        told = _unreadable(clone, error)
        return replace(told, name=one_line(tag), submitted_at=time, notes=tuple(notes), commit=commit)
    code = [blob for blob in blobs if blob.path.lower().endswith(CODE_SUFFIXES) and not _is_junk(blob.path)]
    if len(code) > MAX_FILES:
        notes.append(f"Only the first {MAX_FILES} files were looked at.")
    if len(blobs) > len(code):
        notes.append(f"{len(blobs) - len(code)} files of other kinds, or hidden ones, were left out.")
    files = tuple(
        File(path=one_line(blob.path), content=partial(git.content, clone, blob, largest(blob.path)))
        for blob in code[:MAX_FILES]
    )
    return Attempt(name=one_line(tag), submitted_at=time, files=files, notes=tuple(notes), commit=commit)


def _is_junk(path: str) -> bool:
    return any(JUNK.fullmatch(part) for part in PurePosixPath(path).parts)
