"""Progress in a log says how much longer it takes, and says nothing about what is done at once."""

from __future__ import annotations

import io
import itertools

import pytest
from rich.console import Console

from grader import progress


def lines(monkeypatch: pytest.MonkeyPatch, seconds_each: float, *, start: int = 0, total: int = 4) -> list[str]:
    clock = itertools.count(0, seconds_each)
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    out = io.StringIO()
    with progress.shown(Console(file=out), "Grading") as told:
        for done in range(start, total + 1):
            told(done, total)
    return out.getvalue().splitlines()


def test_slow_work_says_how_much_longer_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert lines(monkeypatch, progress.QUIET_EVERY_S)[0] == "Grading: 1 of 4, about 60 s left"


def test_quick_work_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert lines(monkeypatch, 0.01) == []


def test_what_an_earlier_run_did_does_not_count_as_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert lines(monkeypatch, 100.0, start=2, total=4)[0] == "Grading: 3 of 4, about 200 s left"


def test_a_terminal_gets_a_bar() -> None:
    out = io.StringIO()
    with progress.shown(Console(file=out, force_terminal=True, width=80), "Grading") as told:
        told(0, 2)
        told(1, 2)
    assert "1/2" in out.getvalue()
