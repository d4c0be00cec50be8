"""Fixtures of the tests that need real workers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from grader.workers import Worker, Zygote
from tests.sandbox.places import ATTACKED, Place, close_all, zygote_of


@pytest.fixture(params=ATTACKED, ids=lambda place: place.name, scope="session")
def place(request: pytest.FixtureRequest) -> Place:
    chosen: Place = request.param
    zygote_of(chosen)
    return chosen


@pytest.fixture
def zygote(place: Place) -> Zygote:
    return zygote_of(place)


@pytest.fixture
def worker(zygote: Zygote) -> Iterator[Worker]:
    with zygote.spawn() as fresh:
        yield fresh


def pytest_unconfigure() -> None:
    close_all()
