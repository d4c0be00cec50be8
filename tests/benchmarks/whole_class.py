"""How fast a class is graded by the real command, from nothing: processes started, results stored."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from grader import results
from tests.benchmarks import course
from tests.benchmarks.figures import Figure

ASSIGNMENT = "mle"


def measure(quick: bool) -> Sequence[Figure]:
    """`grader grade` of a folder, on all cores; two thirds of the class are right (see `course.mixed_class`)."""
    count, jobs = (2, 1) if quick else (200, os.cpu_count() or 1)
    with tempfile.TemporaryDirectory() as folder:
        handed_in, out = Path(folder, "class"), Path(folder, "out")
        for submission in course.mixed_class(ASSIGNMENT, count):
            file = handed_in / submission.id / f"{ASSIGNMENT}.py"
            file.parent.mkdir(parents=True)
            file.write_text(submission.source)
        command = [sys.executable, "-m", "grader", "grade", str(handed_in), "--assignment", ASSIGNMENT]
        start, begun = time.perf_counter(), time.time()
        subprocess.run(
            [*command, "--out", str(out), "--jobs", str(jobs)], cwd=course.COURSE, check=True, capture_output=True
        )
        whole_s = time.perf_counter() - start
        documents = results.load_all(out).by_key
        stored_s = sorted(path.stat().st_mtime - begun for path in (out / "results").rglob("*.json"))
    full = sum(result.score == result.max_score for result in documents.values())
    questions = len(next(iter(documents.values())).questions)
    return [
        Figure(
            what=f"a class of {count}, {questions} questions without training",
            measured=count / stored_s[-1],
            unit="submissions/s",
            must=4,
            at_least=True,
            how=f"{stored_s[-1]:.1f} s with {jobs} jobs, start included; {full} of the class get full marks",
        ),
        Figure(what="until the first result of it", measured=stored_s[0], unit="s", how="zygotes, oracles, recordings"),
        Figure(what="until its report is written", measured=whole_s, unit="s", how="HTML pages, CSV, gradebook"),
    ]
