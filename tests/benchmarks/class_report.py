"""How long the report of a large class takes."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from grader import reports
from tests.benchmarks.figures import Figure
from tests.reports.conftest import class_of


def measure(quick: bool) -> Sequence[Figure]:
    """HTML: the class page and a page for each student, from results in memory."""
    students, assignments = (5, 2) if quick else (1000, 9)
    results = class_of(students, [f"a{number}" for number in range(1, assignments + 1)])
    with tempfile.TemporaryDirectory() as out:
        start = time.perf_counter()
        reports.write("html", results, Path(out, "report"))
        took_s = time.perf_counter() - start
        page_mib = Path(out, "report", "index.html").stat().st_size / 2**20
    what = f"{students:,} x {assignments}"
    how = "made-up results, six questions an assignment"
    return [
        Figure(what=f"class report for {what}", measured=took_s, unit="s", must=10, how=how),
        Figure(what="its class page", measured=page_mib, unit="MiB", how="one file, without the students' pages"),
    ]
