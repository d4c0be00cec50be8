"""How long `grader --help` takes."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence

from tests.benchmarks.figures import Figure, median


def measure(quick: bool) -> Sequence[Figure]:
    """A process of its own, from start to end."""
    times_s = []
    for _ in range(1 if quick else 20):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "grader", "--help"], capture_output=True, check=True)
        times_s.append(time.perf_counter() - start)
    return [Figure(what="grader --help, p50", measured=median(times_s), unit="s", must=0.2, how=f"of {len(times_s)}")]
