"""How long it takes until a fresh worker is confined and ready for a student's code."""

from __future__ import annotations

import time
from collections.abc import Sequence

from grader import sandboxes
from grader.workers import Zygote
from tests.benchmarks.figures import Figure, median, quantile


def measure(quick: bool) -> Sequence[Figure]:
    """From asking the zygote until the worker has named its layers; none ahead, and each is closed before the next."""
    count = 3 if quick else 50
    times_ms = []
    with Zygote(sandboxes.load("strict")) as zygote:
        zygote.spawn().close()
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
