"""Formats that hold one submission a file: a `.json` path takes the only result, a folder takes a file a result."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from grader.errors import UsageError
from grader.files import file_stem, write_atomically
from grader.model import SubmissionResult


def write_each(
    results: Sequence[SubmissionResult], path: Path, document: Callable[[SubmissionResult], Mapping[str, Any] | None]
) -> None:
    """Writes `path`, or `path/<assignment>/<device>/<id>.json` for each result that has a document.

    Raises:
        UsageError: The path is one file, and there is not exactly one result.
    """
    if path.suffix != ".json":
        path.mkdir(parents=True, exist_ok=True)
        for result in results:
            stem = file_stem(result.submission.id)
            _write(path / file_stem(result.assignment) / result.device / f"{stem}.json", document(result))
    elif len(results) == 1:
        _write(path, document(results[0]))
    else:
        raise UsageError(f"{path.name} holds one submission, and there are {len(results)} results; name a folder")


def encoded(document: Mapping[str, Any]) -> bytes:
    """The document as JSON for people and programs."""
    return msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n"


def _write(path: Path, document: Mapping[str, Any] | None) -> None:
    if document is not None:
        write_atomically(path, encoded(document))
