"""How long it takes until a fresh worker is confined and ready for a student's code."""

from __future__ import annotations

import time
from collections.abc import Sequence

from tests.benchmarks import course
from tests.benchmarks.figures import Figure, median, quantile


def measure(quick: bool) -> Sequence[Figure]:
    """From asking the zygote until the worker has named its layers; each worker is closed before the next."""
    zygote = course.marker().zygotes.of("cpu")
    count = 3 if quick else 50
    zygote.spawn().close()
    times_ms = []
    for _ in range(count):
        start = time.perf_counter()
        worker = zygote.spawn()
        times_ms.append(1000 * (time.perf_counter() - start))
        worker.close()
    how = f"of {count}, one after the other, every layer of --sandbox=strict"
    return [
        Figure(what="fresh confined worker ready, p50", measured=median(times_ms), unit="ms", must=40, how=how),
        Figure(what="fresh confined worker ready, p99", measured=quantile(times_ms, 0.99), unit="ms", how=how),
    ]
