"""The store of result documents: `OUT/results/<assignment>/<device>/<id>.json`, one file a result.

A run holds the store with `writing(out)` and calls `store` for each result as it comes. A file is whole or absent,
so a killed run loses only what was in hand, and `load_all` tells the next run what it may skip. A result that is
replaced by one with another key moves to `OUT/history/<assignment>/<device>/<id>/<key>.json`. Nothing that this
module did not write is ever removed.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from grader.errors import GraderError, UsageError
from grader.files import TEMPORARY_SUFFIX, disk_errors, file_stem, remove_temporary_files, write_atomically
from grader.model import SCHEMA, SubmissionResult, from_json, to_json
from grader.originals import SUBMISSIONS
from grader.text import one_line

RESULTS = "results"
HISTORY = "history"
LOCK = ".lock"
MAX_BYTES = 64 * 2**20
"""A result document is some kilobytes; a larger file is not one."""


class Stored(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """What a results folder holds."""

    results: tuple[SubmissionResult, ...]
    """Ordered by assignment, device and id."""
    problems: tuple[str, ...] = ()
    """One sentence for each file that is no result; its submission is graded again."""

    @cached_property
    def by_key(self) -> dict[str, SubmissionResult]:
        """The results by their key: a submission whose key is here need not be graded."""
        return {result.key: result for result in self.results}


@contextmanager
def writing(out: Path) -> Iterator[None]:
    """Holds the output folder for one run, and first clears away what a killed run left unfinished.

    Raises:
        UsageError: Another grader is writing there, or the folder cannot be made.
    """
    with disk_errors(out):
        out.mkdir(parents=True, exist_ok=True)
        lock = open(out / LOCK, "a+", encoding="utf-8")  # noqa: SIM115  closed below, after the caller's work
    with lock:
        _lock(lock.fileno(), out)
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        with suppress(OSError):  # the number only serves the other run's sentence; a full disk must not stop this one
            lock.flush()
        for name in (RESULTS, HISTORY, SUBMISSIONS):
            remove_temporary_files(out / name)
        yield


def store(out: Path, result: SubmissionResult) -> Path:
    """Writes one result and returns its file; the result that it replaces, if its key differs, goes to the history.

    Raises:
        UsageError: The disk is full or the like; the earlier result is untouched.
        GraderError: The document cannot be read back (a NaN score, a lone surrogate).
    """
    data = _checked(result)
    path = path_of(out, result)
    with disk_errors(path):
        _keep_history(out, path, result)
    write_atomically(path, data, durable=True)
    return path


def load_all(out: Path) -> Stored:
    """Every result of an output folder; a truncated, corrupt or foreign file is a sentence, never an exception."""
    results: list[SubmissionResult] = []
    problems: list[str] = []
    for path in sorted((out / RESULTS).rglob("*")):
        if (path.is_dir() and not path.is_symlink()) or path.name.endswith(TEMPORARY_SUFFIX):
            continue
        try:
            results.append(_load(out, path))
        except (ValueError, OSError) as error:  # msgspec's errors are ValueErrors
            shown = one_line(str(path), 500)
            problems.append(f"{shown} is not counted and will be graded again: {one_line(str(error))}")
    results.sort(key=lambda result: (result.assignment, result.device, result.submission.id))
    return Stored(results=tuple(results), problems=tuple(problems))


def current(out: Path, key: str) -> SubmissionResult | None:
    """The stored result with this key. It reads the whole store: a batch asks `load_all(out).by_key`."""
    return load_all(out).by_key.get(key)


def stored_for(out: Path, result: SubmissionResult) -> SubmissionResult | None:
    """What is stored in the place of a result: that of the same student, assignment and device."""
    try:
        return _load(out, path_of(out, result))
    except (ValueError, FileNotFoundError):
        return None


def day_of(out: Path, result: SubmissionResult) -> str:
    """The day, in UTC, on which a stored result was written."""
    return datetime.fromtimestamp(path_of(out, result).stat().st_mtime, UTC).date().isoformat()


def path_of(out: Path, result: SubmissionResult) -> Path:
    """Where a result is stored; the same for every attempt of the student at the assignment on the device."""
    stem = file_stem(result.submission.id)
    return out / RESULTS / file_stem(result.assignment) / file_stem(result.device) / f"{stem}.json"


def json_schema() -> dict[str, Any]:
    """The JSON Schema of the result document, as published in `docs/result-v1.schema.json`."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": SCHEMA,
        **msgspec.json.schema(SubmissionResult),
    }


def _lock(descriptor: int, out: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
        raise UsageError(
            f"another grader (process {one_line(holder)}) is writing to {one_line(str(out), 500)}; "
            "wait for it to end, or name another folder with --out"
        ) from None
    except OSError as error:
        shown = one_line(str(out), 500)
        raise UsageError(f"cannot lock {shown}: {error.strerror}; name a folder on a local disk with --out") from error


def _checked(result: SubmissionResult) -> bytes:
    where = f"the result of {one_line(result.submission.id)} for {result.assignment}"
    try:
        data = to_json(result)
        if from_json(data) == result:
            return data
    except ValueError as error:
        raise GraderError(f"{where} cannot be stored: {error}") from error
    raise GraderError(f"{where} cannot be stored: it reads back differently")


def _keep_history(out: Path, path: Path, result: SubmissionResult) -> None:
    earlier = stored_for(out, result)
    if earlier is None or earlier.key == result.key:
        return
    kept = out / HISTORY / path.relative_to(out / RESULTS).with_suffix("") / f"{file_stem(earlier.key)}.json"
    write_atomically(kept, to_json(earlier), durable=True)


def _load(out: Path, path: Path) -> SubmissionResult:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ValueError(f"it is larger than {MAX_BYTES // 2**20} MiB")
    result = from_json(data)
    if result.schema != SCHEMA:
        raise ValueError(f"its schema is {result.schema}, not {SCHEMA}")
    if path_of(out, result) != path:
        raise ValueError(f"it is the result of {result.submission.id}, {result.assignment}, {result.device}")
    return result
