"""A grading process, from a task to a result document: through pytest, real workers and the tiny course."""

from __future__ import annotations

import gc
import os
import re
import signal
import time
from pathlib import Path

import pytest

from grader import plugin
from grader.errors import GraderError, SandboxError
from grader.link import Link
from grader.marking import MAX_UNCOLLECTED_BYTES, Marker
from grader.model import Cause, Outcome
from grader.session import QuestionSession
from grader.workers import Worker, Zygote
from tests.tiny_course import (
    SOLUTION,
    by_name,
    energy,
    grade,
    grade_all,
    grade_energy,
    plan,
    submission,
    task,
    with_function,
    without_durations,
)

FULL = 13.0


def test_the_solution_gets_full_marks(marker: Marker) -> None:
    result = grade(marker, SOLUTION)
    assert (result.score, result.max_score, result.needs_review) == (FULL, FULL, False)
    assert [(one.id, one.outcome, one.score) for one in result.questions] == [
        ("tiny.1", Outcome.PASSED, 10.0),
        ("tiny.2", Outcome.PASSED, 3.0),
        ("tiny.3", Outcome.SKIPPED, None),
    ]
    assert all(check.staff is None and check.message is None for one in result.questions for check in one.checks)


def test_the_same_submission_gets_the_same_document_again(marker: Marker) -> None:
    sources = [SOLUTION, energy("scale * x.square().sum(-1)"), energy("1 / 0"), with_function("def spread(x): pass")]
    tasks = [task(source) for source in sources]
    first = [without_durations(result) for result in grade_all(marker, tasks)]
    # In another order, so that nothing may depend on what was graded before.
    second = [without_durations(result) for result in reversed(grade_all(marker, tasks[::-1]))]
    assert first == second


def test_an_exceptions_message_stays_behind_and_its_type_and_line_do_not(marker: Marker) -> None:
    source = with_function(
        "class Leak(Exception): pass\n\ndef energy(x, scale):\n    raise Leak(f'INPUT {x.tolist()} PRINTED')"
    )
    result = grade_energy(marker, source)
    line = source.splitlines().index("    raise Leak(f'INPUT {x.tolist()} PRINTED')") + 1
    values = by_name(result)["values"]
    assert values.cause is Cause.EXCEPTION
    assert values.message is not None
    assert f"energy raised Leak at line {line} of your file: raise Leak(f'INPUT" in values.message
    for check in result.checks:
        shown = f"{check.message} {check.counterexample} {check.staff}"
        assert "INPUT [" not in shown
        assert " PRINTED')" in shown or "PRINTED" not in shown


def test_what_code_prints_on_hidden_checks_is_nowhere_in_the_document(marker: Marker) -> None:
    source = energy("(print('LEAK' + 'ED', x), 0.5 * scale * x.square().sum(-1))[1]")
    result = grade(marker, source)
    assert result.score == FULL
    assert "LEAKED" not in without_durations(result).decode()


def test_a_forged_source_line_is_not_quoted(marker: Marker) -> None:
    source = with_function(
        "import linecache\n\ndef energy(x, scale):\n"
        "    name = energy.__code__.co_filename\n"
        "    linecache.cache[name] = (1, None, [f'INPUT {x.tolist()}'] * 999, name)\n"
        "    raise ValueError"
    )
    for check in grade_energy(marker, source).checks:
        assert "INPUT [" not in f"{check.message} {check.staff}"


def test_an_import_that_fails_is_said_for_every_check_and_tried_once(
    marker: Marker, monkeypatch: pytest.MonkeyPatch
) -> None:
    spawned = _count_spawns(monkeypatch)
    result = grade(marker, SOLUTION + "\nraise RuntimeError('SECRET')\n")
    assert result.score == 0
    assert len(spawned) == 1
    messages = {check.message for one in result.questions for check in one.checks if check.cause is Cause.EXCEPTION}
    full = f"Your file cannot be imported: RuntimeError at line {len(SOLUTION.splitlines()) + 2}"
    assert any(message is not None and message.startswith(full) for message in messages)
    assert "SECRET')" in str(messages)
    assert not re.search(r"SECRET[^']", str(messages))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def energy(x, scale:", "Your file is not valid Python: SyntaxError at line 1"),
        ("import pandas_of_mine", "Your file imports something that is not there for grading at line 1"),
        ("raise SystemExit(0)", "Your file cannot be imported: SystemExit at line 1"),
    ],
)
def test_says_what_keeps_a_file_from_being_imported(marker: Marker, source: str, message: str) -> None:
    values = by_name(grade_energy(marker, source))["values"]
    assert (values.outcome, values.score) == (Outcome.FAILED, 0)
    assert values.message is not None
    assert values.message.startswith(message)


def test_a_file_that_defines_nothing_is_not_implemented(marker: Marker) -> None:
    result = grade(marker, "import torch\n")
    assert result.score == 0
    assert {check.cause for one in result.questions for check in one.checks} == {Cause.NOT_IMPLEMENTED, Cause.REQUIRES}
    assert not result.needs_review


def test_a_submission_that_could_not_be_read_gets_zero_and_the_reason(marker: Marker) -> None:
    handed_in = task("")
    unread = submission("", problem="the file is empty")
    result = grade_all(marker, [type(handed_in)(submission=unread, device="cpu", key="k")])[0]
    assert result.score == 0
    assert by_name(result.questions[0])["values"].message == "the file is empty"


def test_a_submission_that_this_machine_cannot_read_gets_no_score(marker: Marker) -> None:
    result = grade(marker, "", fault="it cannot be read: Permission denied")
    assert result.score is None
    assert {question.outcome for question in result.questions if not question.manual} == {Outcome.ERROR}
    values = by_name(result.questions[0])["values"]
    assert values.staff == "it cannot be read: Permission denied"
    assert "not you" in (values.message or "")


@pytest.mark.parametrize("death", ["import os; os._exit(3)", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"])
def test_a_crash_ends_its_question_and_no_other(marker: Marker, death: str) -> None:
    result = grade(marker, with_function(f"def energy(x, scale):\n    {death}"))
    first, second, _ = result.questions
    assert first.score == 0
    assert (second.score, second.outcome) == (3.0, Outcome.PASSED)
    assert by_name(first)["values"].cause in (Cause.CRASH, Cause.MEMORY)
    assert result.needs_review
    assert any(flag.startswith("tiny.1: ") for flag in result.flags)


def test_an_endless_loop_ends_its_question_and_is_waited_for_once(
    marker: Marker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        marker.zygotes.of("cpu"), "limits", type(marker.zygotes.of("cpu").limits)(wall_s=0.5, memory_mib=512)
    )
    spawned = _count_spawns(monkeypatch)
    source = with_function("def energy(x, scale):\n    while x.shape[-1] == 5: pass\n    return -x.sum(-1)")
    first, second, _ = grade(marker, source).questions
    assert {check.cause for check in first.checks} == {Cause.TIMEOUT, Cause.REQUIRES}
    assert second.score == 3.0
    assert len(spawned) == 2


def test_one_worker_serves_a_submission_as_long_as_all_goes_well(
    marker: Marker, monkeypatch: pytest.MonkeyPatch
) -> None:
    spawned = _count_spawns(monkeypatch)
    assert grade(marker, SOLUTION).score == FULL
    assert len(spawned) == 1
    # At the latest when pytest's own timeout is near.
    while Path(f"/proc/{spawned[0].pid}").exists():
        time.sleep(0.01)
    assert grade(marker, with_function("def spread(x):\n    return 0 * x.sum()")).score == 12.0
    # The second question is tried where the first was right, and judged in a worker of its own.
    assert len(spawned) == 3
    assert grade(marker, energy("0 * x")).score == 3.0
    assert len(spawned) == 5


RIGHT_ENERGY = "def energy(x, scale):\n    {before}\n    return 0.5 * scale * x.square().sum(-1)\n\n"
RIGHT_SPREAD = "def spread(x):\n    return centre(x)[1].square().mean()\n"


@pytest.mark.parametrize(
    ("before", "spread"),
    [
        ("seen.append(1)", "def spread(x):\n    return centre(x)[1].square().mean() + len(seen)\n"),
        ("torch.set_default_dtype(torch.float64)", RIGHT_SPREAD),
        ("torch.set_grad_enabled(False)", RIGHT_SPREAD),
        ("torch.Tensor.mean = torch.Tensor.sum", RIGHT_SPREAD),
        ("sys.modules['torch'] = None", RIGHT_SPREAD),
        ("builtins.__import__ = None", RIGHT_SPREAD),
        ("sys.meta_path.clear()", RIGHT_SPREAD),
        ("threading.Thread(target=lambda: [os._exit(1) for _ in iter(lambda: len(x), 0)]).start()", RIGHT_SPREAD),
    ],
)
def test_what_one_question_leaves_behind_costs_the_next_one_nothing(marker: Marker, before: str, spread: str) -> None:
    imports = "import builtins, os, sys, threading\nimport torch\nseen = []\n\n"
    source = with_function(imports + RIGHT_ENERGY.format(before=before) + spread)
    assert grade(marker, source).questions[1].score == 3.0


def test_what_one_question_sets_up_earns_the_next_one_nothing(marker: Marker) -> None:
    rounding = "torch.finfo(torch.get_default_dtype()).eps"
    half = f"def spread(x):\n    return centre(x)[1].square().mean() * (1 + 1e6 * {rounding})\n"
    alone = grade(marker, with_function(RIGHT_ENERGY.format(before="pass") + half)).questions
    helped = grade(
        marker, with_function(RIGHT_ENERGY.format(before="torch.set_default_dtype(torch.float64)") + half)
    ).questions
    assert helped[0].score == alone[0].score == 10.0
    assert helped[1].score == alone[1].score < 3.0


def test_code_sees_the_same_generator_every_time(marker: Marker) -> None:
    noisy = energy("0.5 * scale * x.square().sum(-1) + 0 * torch.rand(()) + (torch.rand(()) < 0.5)")
    first, second = (grade_energy(marker, noisy) for _ in range(2))
    assert [check.message for check in first.checks] == [check.message for check in second.checks]
    assert first.score == second.score


def test_a_conftest_where_the_command_is_started_is_not_run(
    marker: Marker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in (tmp_path, tmp_path / "tests"):
        folder.mkdir(exist_ok=True)
        (folder / "conftest.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTEST_ADDOPTS", "--no-such-option")
    monkeypatch.setenv("PYTEST_PLUGINS", "no_such_plugin")
    assert grade_energy(marker, SOLUTION).score == 10.0
    assert not (tmp_path / "ran").exists()
    assert os.environ["PYTEST_ADDOPTS"] == "--no-such-option"


def test_a_device_that_is_absent_is_skipped_by_name(marker: Marker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    result = grade(marker, SOLUTION, device="cuda")
    assert (result.device, result.score, result.max_score) == ("cuda", None, FULL)
    for question in result.questions[:2]:
        assert (question.outcome, question.score) == (Outcome.SKIPPED, None)
        assert {check.cause for check in question.checks} == {Cause.DEVICE}
        assert {check.message for check in question.checks} == {"Not run: this machine has no device 'cuda'."}


def test_a_fault_is_tried_again_and_no_longer_a_fault(marker: Marker, monkeypatch: pytest.MonkeyPatch) -> None:
    faults = _break_runs(monkeypatch, [RuntimeError("once")])
    result = grade(marker, SOLUTION)
    assert not faults
    assert result.score == FULL


@pytest.mark.parametrize("error", [RuntimeError("boom"), GraderError("boom"), ValueError("boom")])
def test_a_fault_that_stays_is_ours_and_never_a_zero(
    marker: Marker, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    _break_runs(monkeypatch, [error] * plugin.ATTEMPTS)
    first, second = grade_all(marker, [task(SOLUTION, student="ada"), task(SOLUTION, student="bob")])
    assert first.score is None
    assert first.needs_review
    broken, sound, _ = first.questions
    assert (broken.outcome, broken.score) == (Outcome.ERROR, None)
    assert (sound.outcome, sound.score) == (Outcome.PASSED, 3.0)
    for check in broken.checks:
        assert (check.cause, check.score, check.counterexample) == (Cause.INTERNAL, 0.0, None)
        assert check.staff is not None
        assert "boom" in check.staff
        assert check.message is not None
        assert "boom" not in check.message
    assert second.score == FULL


def test_a_lost_zygote_is_replaced(other_course: None, sandbox: str) -> None:
    with Marker(plan(sandbox=sandbox)) as marker:
        os.kill(marker.zygotes.of("cpu").hello.pid, signal.SIGKILL)
        assert grade_energy(marker, SOLUTION).score == 10.0


def test_a_machine_that_confines_no_longer_is_not_a_fault_of_a_submission(
    marker: Marker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Zygote) -> Worker:
        raise SandboxError("landlock", "no landlock here")

    monkeypatch.setattr(Zygote, "spawn", refuse)
    with pytest.raises(SandboxError, match="no landlock here"):
        grade(marker, SOLUTION)


def test_what_ended_grading_processes_is_not_run_again(marker: Marker, monkeypatch: pytest.MonkeyPatch) -> None:
    spawned = _count_spawns(monkeypatch)
    given = task(SOLUTION)
    lost = type(given)(submission=given.submission, device="cpu", key="k", fault="it ended 2 processes")
    result = grade_all(marker, [lost])[0]
    assert result.score is None
    assert {check.staff for one in result.questions for check in one.checks} == {"it ended 2 processes"}
    assert not spawned


def test_an_interrupt_ends_the_session_as_it_is(marker: Marker, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(self: QuestionSession, recording: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(QuestionSession, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        grade(marker, SOLUTION)


def test_large_replies_to_graded_questions_are_not_kept(marker: Marker) -> None:
    kept: list[int] = []

    def look(*_: object) -> None:
        every = [one for one in gc.get_objects() if type(one) is QuestionSession]
        # Other tests leave sessions without a worker behind.
        sessions = [one for one in every if isinstance(one.link, Link)]
        kept.append(sum(one.link.received_bytes for one in sessions))

    tasks = [task(energy(f"torch.full((400_000,), {number}.0, dtype=x.dtype)")) for number in range(3)]
    gc.collect()
    # As in a large class, where Python finds no reason to look for garbage of itself.
    gc.disable()
    try:
        plugin.run(marker, tasks, lambda *_: None, look)
    finally:
        gc.enable()
    one_question = kept[0]
    assert one_question > MAX_UNCOLLECTED_BYTES
    assert max(kept) < 2 * one_question


def test_hostile_observations_are_a_malformed_reply_and_no_fault(marker: Marker) -> None:
    source = with_function(
        "import sys\n\ndef energy(x, scale):\n"
        "    calls = sys.modules.get('grader.worker.calls')\n"
        "    if calls is not None:\n"
        "        calls.observe = lambda *a, **more: {\n"
        "            'value': 0.5 * scale * x.square().sum(-1), 'changed': [torch.ones(2)],\n"
        "            'generators': [torch.ones(2)], 'warnings': [], 'asked': []}\n"
        "        calls.on_meta = lambda *a: ['float64', [torch.ones(2)]]\n"
        "    return 0.5 * scale * x.square().sum(-1)"
    )
    result = grade_energy(marker, source)
    assert result.outcome is Outcome.FAILED
    checks = by_name(result)
    assert checks["leaves_inputs_unchanged"].cause is Cause.PROTOCOL
    assert checks["leaves_global_generators_alone"].cause is Cause.PROTOCOL
    assert checks["runs_on_other_devices"].cause is Cause.SHAPE


def _count_spawns(monkeypatch: pytest.MonkeyPatch) -> list[Worker]:
    spawned: list[Worker] = []
    spawn = Zygote.spawn

    def counted(self: Zygote) -> Worker:
        spawned.append(spawn(self))
        return spawned[-1]

    monkeypatch.setattr(Zygote, "spawn", counted)
    return spawned


def _break_runs(monkeypatch: pytest.MonkeyPatch, faults: list[Exception]) -> list[Exception]:
    """Lets the next checks break, one for each fault."""
    run = QuestionSession.run

    def breaking(self: QuestionSession, recording: object) -> object:
        if faults:
            raise faults.pop()
        return run(self, recording)  # type: ignore[arg-type]

    monkeypatch.setattr(QuestionSession, "run", breaking)
    return faults
