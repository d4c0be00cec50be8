"""The doctor's canaries sing where nothing confines them, and are silent where the sandbox does."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from grader import sandboxes
from grader.doctor import Examination, attack, examine
from grader.errors import UsageError
from grader.tables import doctor_table
from grader.worker.control import Layer


@pytest.fixture(scope="module")
def unconfined() -> Examination:
    return examine("unsafe")


def test_every_canary_succeeds_without_a_sandbox(unconfined: Examination) -> None:
    assert unconfined.problem is None
    assert [one.name for one in unconfined.attacks if one.stopped] == []
    assert not unconfined.ok


def test_every_canary_is_stopped_by_a_sandbox(unconfined: Examination) -> None:
    usable = [profile.name for profile in unconfined.profiles if profile.usable and profile.name != "unsafe"]
    assert usable, "this machine can confine nothing; grader doctor says why"
    assert [one.stopped for one in attack(sandboxes.load(usable[-1]))] == [True] * 5


def test_every_layer_is_applied_or_has_a_cause(unconfined: Examination) -> None:
    assert [layer.name for layer in unconfined.layers] == [layer.value for layer in Layer]
    assert all(layer.applied or layer.cause for layer in unconfined.layers)


def test_the_table_fits_80_columns_and_names_what_succeeded(unconfined: Examination) -> None:
    out = io.StringIO()
    Console(file=out, width=80).print(doctor_table(unconfined))
    assert "read a file of the course: SUCCEEDED" in out.getvalue()
    assert max(map(len, out.getvalue().splitlines())) <= 80


def test_an_unknown_profile_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="there is no sandbox 'cardboard'"):
        examine("cardboard")
