"""A zygote that starts no workers is given up, whatever it is that keeps it from that."""

from __future__ import annotations

import errno
from typing import Any

import pytest

from grader import zygotes
from grader.errors import GraderError
from tests.tiny_course import plan


class Broken:
    """A zygote of a machine that has nothing left to start a worker with."""

    error: Exception

    def __init__(self, *_: Any, **__: Any) -> None:
        self.hello = None
        self.closed = False

    def spawn(self) -> Any:
        raise self.error

    def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize("error", [GraderError("gone"), OSError(errno.EMFILE, "Too many open files")])
def test_a_zygote_that_starts_no_workers_is_replaced(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Broken, "error", error, raising=False)
    monkeypatch.setattr(zygotes, "Zygote", Broken)
    started = zygotes.Zygotes(plan())
    first: Any = started.of("cpu")
    started.renew("cpu")
    assert first.closed
    assert started.of("cpu") is not first


def test_a_machine_that_starts_no_zygote_is_asked_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    started = zygotes.Zygotes.__new__(zygotes.Zygotes)
    started._plan, started._started = plan(), {}

    def refused(*_: Any, **__: Any) -> Any:
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(zygotes, "Zygote", refused)
    started.renew("cpu")
    monkeypatch.setattr(zygotes, "Zygote", Broken)
    assert isinstance(started.of("cpu"), Broken)
