"""Submissions made to cost the class its grades: by ending the grader, by filling its memory, or by taking its time.

Tests that guard against runaway cost say nothing about seconds: where a guard is gone, they run into the suite's limit.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import pytest
import torch

from grader import link as links
from grader.errors import WorkerFailure
from grader.link import Link, Relay
from grader.marking import Marker
from grader.model import Cause, to_json
from grader.scan import forbidden_uses, suspicious
from grader.submissions import collect
from grader.transports import Call
from grader.worker import frames, messages, wire
from grader.worker.messages import Mode, Packed, Raised, Reply
from tests.tiny_course import by_name, energy, grade, grade_energy, with_function

ASSIGNMENTS = {"mle": ["gaussian_log_prob"]}
RIGHT = "def gaussian_log_prob(x, mu, logvar):\n    return x\n"

CELLS = {
    "a deep expression that shares its line": "x = 1; y = " + "+".join(["1"] * 1500),
    "a deep expression in a constant": "y = " + "+".join(["1"] * 1500) + "\ndef f():\n    return y",
    "many branches": "if 1:\n    pass\n" + "elif 1:\n    pass\n" * 900,
    "empty lines before what is not Python": "\n" * 250_000 + "(",
    "blanks before what is not Python": " " * 250_000 + "(",
    "many short statements": "a=1\n" * 60_000,
    "many statements on a line": "a=1;" * 20_000,
    "more code than is read": "a=1\n" * 2_000_000,
}


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_no_notebook_keeps_a_classmate_from_being_graded(cell: str, tmp_path: Path) -> None:
    cells = [{"cell_type": "code", "metadata": {}, "source": cell}]
    notebook = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    for student, name, text in (("eve", "mle.ipynb", json.dumps(notebook)), ("zoe", "mle.py", RIGHT)):
        (tmp_path / student).mkdir()
        (tmp_path / student / name).write_text(text)
    eve, zoe = collect(tmp_path, assignments=ASSIGNMENTS)
    assert (eve.id, zoe.id, zoe.problem) == ("eve", "zoe", None)
    assert eve.problem or eve.source


_NAMES = [f"v{number}" for number in range(15_000)]
SOURCES = {
    "a statement that binds and uses every name": f"{','.join(_NAMES)}={','.join(_NAMES)}\n"
    "def gaussian_log_prob(x, mu, logvar):\n    return v0\n",
    "names that never end": "import torch\ndef gaussian_log_prob(x, mu, logvar):\n" + f"  torch{'.a' * 2900}\n" * 40,
    "names behind names": "import torch as a0\n"
    + "".join(f"a{number + 1}=a{number}.x\n" for number in range(15_000))
    + "def gaussian_log_prob(x, mu, logvar): return a15000",
    "a name from anywhere": "".join(f"from m{number} import *\n" for number in range(5_000))
    + f"def gaussian_log_prob(x, mu, logvar):\n    return [{','.join(_NAMES)}]\n",
}


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_what_a_scan_costs_grows_with_the_text_alone(source: str) -> None:
    assert len(source) < 256 << 10
    found = forbidden_uses(source, "gaussian_log_prob", ["torch.distributions"])
    assert found == []
    assert suspicious(source) == []


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


class Answering:
    """A worker that answers every call with one tensor, and takes its time."""

    def __init__(self, value: torch.Tensor, clock: Clock, seconds: float) -> None:
        self.value = value
        self.clock = clock
        self.seconds = seconds
        self.requests = 0

    def request(self, parts: Sequence[frames.Buffer], *, wall_s: float | None = None) -> tuple[bytes, memoryview]:
        self.clock.now += self.seconds
        self.requests += 1
        data = b"".join(bytes(part) for part in parts)
        header_bytes, _ = frames.FRAME.unpack_from(data)
        request = messages.decode_request(data[frames.FRAME.size :][:header_bytes])
        packer = wire.Packer()
        calls = request.calls if isinstance(request, messages.Run) else [None]
        answers: list[Packed | Raised] = [Packed(packer.pack(self.value)) for _ in calls]
        body = b"".join(bytes(part) for part in packer.parts)
        return messages.encode(Reply(request.id, answers)), memoryview(body)

    def close(self) -> None:
        """Nothing to end."""


def answered(worker: Answering, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> tuple[int, WorkerFailure]:
    """How many calls a question's link makes before it makes no more, and why."""
    monkeypatch.setattr(links, "time", clock)

    def spawn_again() -> NoReturn:
        raise AssertionError("no worker is started in the place of one that lives")

    spawned = iter([worker])
    link = Link(
        lambda: next(spawned, None) or spawn_again(),
        module="m",
        source="",
        device="cpu",
        seed=0,
        relay=Relay(),
        total_s=60.0,
    )
    for count in range(1_000):
        try:
            link.perform(Call(function="f", mode=Mode.CALL, args=(), kwargs={}))
        except WorkerFailure as failure:
            with pytest.raises(WorkerFailure):
                link.perform(Call(function="f", mode=Mode.CALL, args=(), kwargs={}))
            return count, failure
    raise AssertionError("it never ends")


def test_answers_just_below_the_limit_do_not_add_up_to_hours(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    worker = Answering(torch.zeros(()), clock, seconds=9.0)
    count, failure = answered(worker, clock, monkeypatch)
    # The import is the first of seven exchanges.
    assert (count, worker.requests, failure.cause) == (6, 7, Cause.TIMEOUT)


def test_answers_just_below_the_limit_do_not_add_up_to_all_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "MAX_RECEIVED_BYTES", 10_000)
    clock = Clock()
    count, failure = answered(Answering(torch.zeros(500), clock, seconds=0.0), clock, monkeypatch)
    assert count <= 3
    assert failure.cause is Cause.MEMORY


DEVICES = {
    "reads a value": ("(x if not x.numel() or float(x.detach().max()) < 1e30 else 1 / 0)", True),
    "lets torch check its values": ("torch.distributions.Normal(x, 1.0).mean", True),
    "prints its values": ("(print(x.tolist()), x)[1]", True),
    "copies to the CPU": ("x.cpu()", False),
    "makes a constant on the CPU": ("(x * torch.ones(1, dtype=x.dtype))", False),
}


@pytest.mark.parametrize(("given", "passes"), DEVICES.values(), ids=DEVICES)
def test_code_is_held_to_every_device_and_to_no_more(given: str, passes: bool, marker: Marker) -> None:
    source = energy(f"0.5 * scale * {given}.square().sum(-1)")
    result = grade_energy(marker, source)
    check = by_name(result)["runs_on_other_devices"]
    assert (check.cause is None) == passes
    if not passes:
        assert check.cause is Cause.DEVICE


def test_marks_that_reorder_text_are_spelled_out_wherever_they_are_kept(marker: Marker) -> None:
    source = with_function("def energy(x, scale):\n    raise ValueError  # \u202e \x1b[31m")
    document = to_json(grade(marker, source)).decode()
    assert "⟨U+202E⟩" in document
    assert "\u202e" not in document
    assert "\\u001b" not in document


def test_a_copy_to_the_cpu_is_not_taken_for_a_constant_made_there(marker: Marker) -> None:
    copies = grade_energy(marker, energy("0.5 * scale * x.cpu().square().sum(-1)"))
    makes = grade_energy(marker, energy("0.5 * scale * (x * torch.ones(1, dtype=x.dtype)).square().sum(-1)"))
    assert copies.hint is None
    assert makes.hint is not None
