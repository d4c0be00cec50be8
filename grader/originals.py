"""The submissions that results are about, kept beside them so that they can be graded again.

`OUT/submissions/<assignment>/<id>.json` holds a submission as it was read: text, never a file that runs.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from grader.files import file_stem, write_atomically
from grader.model import Submission, SubmissionResult

SUBMISSIONS = "submissions"


def store(out: Path, submission: Submission) -> None:
    """Keep a submission; of two attempts, the one that was graded last.

    Raises:
        UsageError: The disk is full or the like.
    """
    path = _path(out, submission.assignment, submission.id)
    data = msgspec.json.format(msgspec.json.encode(submission), indent=1) + b"\n"
    if not path.is_file() or path.read_bytes() != data:
        write_atomically(path, data, durable=True)


def find(out: Path, result: SubmissionResult) -> Submission | None:
    """The submission that a result is about; None where it was not kept, or another one was handed in since."""
    path = _path(out, result.assignment, result.submission.id)
    try:
        kept = msgspec.json.decode(path.read_bytes(), type=Submission)
    except (FileNotFoundError, ValueError):
        return None
    about = result.submission
    same = (kept.id, kept.sha256, kept.submitted_at) == (about.id, about.sha256, about.submitted_at)
    return kept if same and kept.assignment == result.assignment else None


def _path(out: Path, assignment: str, student: str) -> Path:
    return out / SUBMISSIONS / file_stem(assignment) / f"{file_stem(student)}.json"
