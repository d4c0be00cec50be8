"""The trusted half of a Classroom 50 job: an archive of the student's code comes in, `result.json` and text go out.

The job itself is the student's and may not read the references. It starts this program as another user, by a rule
that names this one command (see docs/operators.md), and hands it bytes: no path of the job's choice is ever opened.

Standard input: a .tar.gz of the student's files. Standard output: `{"result": {...}, "body": markdown}`. Exit code 0
is graded, 4 a fault of the grader.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import msgspec

from grader.archives import MAX_TOTAL_BYTES
from grader.exits import ending
from grader.hosts.single import grade, settings_at, submission_in
from grader.reports import classroom50, markdown_summary
from grader.reports.audience import Audience, seen_by

OURS = 4


def main(course: Path, assignment: str, data: bytes) -> int:
    """Grade what was handed in, and print."""
    settings = settings_at(course)
    with tempfile.TemporaryDirectory(prefix="grader-job-") as folder:
        handed_in = Path(folder) / "submission.tar.gz"
        handed_in.write_bytes(data)
        submission = submission_in(handed_in, assignment, settings.course, student="student")
    result = grade(settings, submission)
    document = classroom50.document(result)
    body = markdown_summary.submission(seen_by(result, Audience.STUDENT))
    sys.stdout.buffer.write(msgspec.json.encode({"result": document, "body": body}) + b"\n")
    return OURS if document is None else 0


if __name__ == "__main__":
    data = sys.stdin.buffer.read(MAX_TOTAL_BYTES + 1)
    sys.exit(ending(lambda: main(Path(sys.argv[1]), sys.argv[2], data)))
