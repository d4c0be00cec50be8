"""PrairieLearn's job: grades `/grade/student` and writes `/grade/results/results.json`.

Source of the layout: docs/externalGrading.md of PrairieLearn. A fault of the grader is written as not gradable, which
costs the student no attempt.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import msgspec

from grader.exits import ending
from grader.files import write_atomically
from grader.hosts.single import grade, settings_at, submission_in
from grader.reports import prairielearn
from grader.reports.documents import encoded

ROOT = Path("/grade")
CONFIG = "prairielearn.json"


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the instructor chose when the package was made."""

    assignment: str


def main(root: Path = ROOT) -> int:
    """Grade; the exit code is 0 where results were written."""
    source = root / "tests"
    config = msgspec.json.decode((source / CONFIG).read_bytes(), type=Config)
    settings = settings_at(source)
    submission = submission_in(root / "student", config.assignment, settings.course, student="student")
    result = grade(settings, submission)
    write_atomically(root / "results" / "results.json", encoded(prairielearn.document(result)))
    return 0


if __name__ == "__main__":
    sys.exit(ending(lambda: main(Path(os.environ.get("PRAIRIELEARN_ROOT", ROOT)))))
