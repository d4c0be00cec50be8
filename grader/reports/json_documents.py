"""JSON: every result document, whole, with the figures of the run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from grader.files import write_atomically
from grader.model import SubmissionResult
from grader.reports.audience import Audience
from grader.reports.figures import summary

NAME = "json"
FILENAME = "results.json"


def document(results: Sequence[SubmissionResult]) -> bytes:
    """`{"results": [...], "summary": {...}}`, as `grade --json` prints it."""
    encoded = msgspec.json.encode({"results": results, "summary": summary(results)})
    return msgspec.json.format(encoded, indent=1) + b"\n"


def write(results: Sequence[SubmissionResult], path: Path, *, audience: Audience) -> list[str]:
    """Writes all results into one file; nothing is lost."""
    write_atomically(path, document(results))
    return []
