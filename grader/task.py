"""What a grading process is told once, and what it is handed for each submission. Plain data; it crosses processes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from grader.model import Submission, SubmissionResult


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How one grading process works."""

    course: Path
    secret: bytes
    sandbox: str
    wall_s: float
    memory_mib: int
    carry: bool = False
    """Whether checks that fail because of an earlier question alone get their points."""
    protected: tuple[Path, ...]
    """Paths that no worker may be able to read."""


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """One submission to grade on one device."""

    submission: Submission
    device: str
    key: str
    questions: tuple[str, ...] | None = None
    """Ids of the questions to grade; all of them where it is None."""
    fault: str | None = None
    """Why it is not run any more: it ended the processes that were to grade it."""


Sink = Callable[[Task, SubmissionResult], None]
"""Is handed each task with its result, once."""
