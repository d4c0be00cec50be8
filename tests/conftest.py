"""What tests of the grading engine share: a course of their own, and one grading process for the whole session."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import hypothesis
import pytest

from grader import marking
from grader.backends import serial
from grader.errors import SandboxError
from grader.marking import Marker
from grader.task import Plan
from tests.tiny_course import TINY, plan

# A busy machine is not a failure.
hypothesis.settings.register_profile("tests", deadline=None)
hypothesis.settings.load_profile("tests")


@contextmanager
def own_reference() -> Iterator[None]:
    """Questions of another course may be loaded inside; afterwards `reference` is what it was."""
    before = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "reference"}
    settings = hypothesis.settings.default
    try:
        yield
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "reference"]:
            del sys.modules[name]
        sys.modules.update(before)
        hypothesis.settings.register_profile("before", settings)
        hypothesis.settings.load_profile("before")


@pytest.fixture
def other_course() -> Iterator[None]:
    """Lets a test load questions of a course of its own."""
    with own_reference():
        yield


@pytest.fixture
def tiny(other_course: None) -> Path:
    """The tiny course's folder."""
    return TINY


@pytest.fixture(scope="session")
def shared_marker() -> Iterator[Marker]:
    """One grading process for the tiny course, in the strictest sandbox that this machine can have."""
    for sandbox in ("strict", "container", "unsafe"):
        with Marker(plan(sandbox=sandbox)) as marker:
            try:
                marker.zygotes.of("cpu").spawn().close()
            except SandboxError:
                continue
            with own_reference():
                marker.assignment("tiny")
            yield marker
            return
    raise AssertionError("not even an unsafe worker can be started")


@pytest.fixture(scope="session")
def sandbox(shared_marker: Marker) -> str:
    """The strictest profile that this machine can have."""
    return shared_marker.plan.sandbox


@pytest.fixture
def shared_zygotes(shared_marker: Marker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets grading processes that a test starts inside this one use the workers that are there."""

    class Shared:
        def __init__(self, plan: Plan) -> None:
            self.of, self.renew = shared_marker.zygotes.of, shared_marker.zygotes.renew

        def close(self) -> None:
            """They outlive this user of theirs."""

    for starts_them in (marking, serial):
        monkeypatch.setattr(starts_them, "Zygotes", Shared)


@pytest.fixture
def marker(shared_marker: Marker, other_course: None) -> Marker:
    return shared_marker
