"""What one call of a student's function costs beyond its arithmetic."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import torch

from grader.link import Batch, Link, Relay
from grader.transports import Call
from grader.worker.messages import Mode
from tests.benchmarks import course
from tests.benchmarks.figures import Figure, median

_SOURCE = """
def kl_standard(mu, logvar):
    return 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum(-1)
"""
_BATCH = 100


def measure(quick: bool) -> Sequence[Figure]:
    """Packing, both ways through the socket, and reading; of the call itself, and of one of a hundred."""
    mu, logvar = torch.randn(2, 32, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    call = Call(function="kl_standard", mode=Mode.CALL, args=(mu, logvar), kwargs={})
    spawn = course.marker().zygotes.of("cpu").spawn
    link = Link(spawn, module="gaussian_kl", source=_SOURCE, device="cpu", seed=0, relay=Relay())
    try:
        link.perform(call)
        alone = _times_ms(lambda: link.perform(call), 10 if quick else 500)
        batched = _times_ms(lambda: link.perform_all(Batch([call] * _BATCH)), 2 if quick else 20)
    finally:
        link.close()
    return [
        Figure(
            what="one call, 32x16 float64, p50", measured=median(alone), unit="ms", must=0.5, how=f"of {len(alone)}"
        ),
        Figure(
            what="the same, batched, each",
            measured=median(batched) / _BATCH,
            unit="ms",
            must=0.1,
            how=f"p50 of {len(batched)} frames of {_BATCH} calls, packing included",
        ),
    ]


def _times_ms(work: Callable[[], object], count: int) -> list[float]:
    times_ms = []
    for _ in range(count):
        start = time.perf_counter()
        work()
        times_ms.append(1000 * (time.perf_counter() - start))
    return times_ms
