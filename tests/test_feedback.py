"""What a student sees of a failed check, level by level, and what nobody but the instructor does."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import hypothesis.strategies as st
import msgspec
import pytest
import torch
from hypothesis import given
from torch import Tensor

from grader.compare import assert_value, format_value
from grader.errors import CheckFailed, WorkerFailure
from grader.feedback import CATEGORIES, MAX_CALLS_SHOWN, MAX_CHARS_SHOWN, check_result
from grader.model import Cause, CheckResult, Feedback, Kind, Outcome
from grader.question import Check
from grader.session import Verdict
from grader.transports import Call
from grader.worker.messages import Answer, Mode, Raised, Returned
from grader.worker.wire import Opaque

LEVELS = list(Feedback)
NUMBERS = st.lists(st.floats(100.5, 1e7, allow_nan=False).map(lambda x: round(x, 3)), min_size=3, max_size=3)


def check(level: Feedback) -> Check:
    return Check(
        name="values",
        description="Returns the right values.",
        kind=Kind.VALUE,
        points=2.0,
        requires=(),
        feedback=level,
        body=lambda student: None,
        test=lambda: None,
        strategies={},
        declared=lambda: None,
    )


def call(*args: Any, mode: Mode = Mode.CALL) -> Call:
    return Call(function="f", mode=mode, args=args, kwargs={})


def failed(level: Feedback, failure: CheckFailed, *calls: tuple[Call, Answer]) -> CheckResult:
    return check_result(Verdict(check=check(level), outcome=Outcome.FAILED, failure=failure, calls=calls))


def seen_by_a_student(result: CheckResult) -> str:
    return msgspec.json.encode(msgspec.structs.replace(result, staff=None)).decode()


def mismatch(actual: Tensor, expected: Tensor) -> CheckFailed:
    with pytest.raises(CheckFailed) as caught:
        assert_value(actual, expected)
    return caught.value


def digits(values: list[float]) -> set[str]:
    """What gives a number away: its first digits."""
    return {re.sub(r"\D", "", f"{value:.10g}")[:4] for value in values}


@given(inputs=NUMBERS, actual=NUMBERS, expected=NUMBERS, level=st.sampled_from(LEVELS))
def test_each_level_shows_what_it_may_and_no_more(
    inputs: list[float], actual: list[float], expected: list[float], level: Feedback
) -> None:
    given_, got, right = (torch.tensor(values, dtype=torch.float64) for values in (inputs, actual, expected))
    if torch.allclose(got, right, rtol=1e-3):
        return
    result = failed(level, mismatch(got, right), (call(given_), Returned(got)))
    shown = seen_by_a_student(result)
    numbers = {match.replace(".", "")[:4] for match in re.findall(r"\d[\d.]{3,}", shown)}
    may_show_calls = level in (Feedback.COUNTEREXAMPLE, Feedback.FULL)
    allowed = (digits(inputs) | digits(actual) if may_show_calls else set()) | (
        digits(expected) if level is Feedback.FULL else set()
    )
    assert numbers - {"64"} <= allowed
    if may_show_calls:
        assert result.counterexample is not None
        assert result.counterexample.calls[0].call == f"f({format_value(given_)})"
        assert result.counterexample.calls[0].returned == format_value(got)
    else:
        assert result.counterexample is None
    told = result.counterexample.expected if result.counterexample is not None else None
    assert told == (format_value(right) if level is Feedback.FULL else None)


@pytest.mark.parametrize(
    ("level", "message"),
    [
        (Feedback.NONE, None),
        (Feedback.VERDICT, "This does not hold for your code."),
        (Feedback.CATEGORY, CATEGORIES[Cause.SHAPE]),
        (Feedback.COUNTEREXAMPLE, "expected shape [2], got [3]."),
        (Feedback.FULL, "expected shape [2], got [3]."),
    ],
)
def test_the_sentence_belongs_to_the_level(level: Feedback, message: str | None) -> None:
    assert failed(level, CheckFailed(Cause.SHAPE, "expected shape [2], got [3].")).message == message


@pytest.mark.parametrize("level", LEVELS)
def test_the_instructor_sees_the_sentence_at_every_level(level: Feedback) -> None:
    assert failed(level, CheckFailed(Cause.SHAPE, "the sentence")).staff == "the sentence"


@pytest.mark.parametrize(
    "cause", [cause for cause in Cause if cause not in (Cause.REQUIRES, Cause.MANUAL, Cause.INTERNAL)]
)
def test_every_cause_that_a_student_can_meet_has_a_category(cause: Cause) -> None:
    assert failed(Feedback.CATEGORY, CheckFailed(cause, "x")).message == CATEGORIES[cause]


@pytest.mark.parametrize("level", LEVELS)
def test_a_fault_of_ours_says_nothing_of_itself_to_the_student(level: Feedback) -> None:
    fault = "ZeroDivisionError in /srv/course/reference/secret.py: 41.5"
    result = check_result(Verdict(check=check(level), outcome=Outcome.ERROR, fault=fault))
    assert (result.cause, result.score, result.staff) == (Cause.INTERNAL, 0.0, fault)
    assert "secret" not in seen_by_a_student(result)
    assert "41.5" not in seen_by_a_student(result)


@pytest.mark.parametrize("level", LEVELS)
def test_what_passed_or_was_skipped_says_nothing_of_values(level: Feedback) -> None:
    passed = check_result(Verdict(check=check(level), outcome=Outcome.PASSED))
    assert (passed.score, passed.cause, passed.message, passed.counterexample) == (2.0, None, None, None)
    skipped = check_result(Verdict(check=check(level), outcome=Outcome.SKIPPED))
    assert (skipped.score, skipped.cause, skipped.counterexample) == (0.0, Cause.REQUIRES, None)


@pytest.mark.parametrize("level", [Feedback.COUNTEREXAMPLE, Feedback.FULL])
def test_an_exception_in_a_counterexample_is_its_type_alone(level: Feedback) -> None:
    raised = Raised("ValueError", "INPUT 41.5", 3, "raise ValueError(x)")
    result = failed(level, CheckFailed(Cause.EXCEPTION, "f raised ValueError."), (call(1.0), raised))
    assert result.counterexample is not None
    assert result.counterexample.calls[0].returned == "raised ValueError"
    assert "INPUT" not in seen_by_a_student(result)


@pytest.mark.parametrize(
    ("mode", "value", "shown"),
    [
        (Mode.VJP, (torch.tensor(1.0), [torch.tensor(2.0)]), "[torch.tensor(2.)]"),
        (Mode.VJP2, (torch.tensor(1.0), [torch.tensor(2.0)], [torch.tensor(3.0)]), "[torch.tensor(3.)]"),
        (Mode.VJP, (torch.ones(2), None), "torch.tensor([1., 1.])"),
        (Mode.OBSERVE, {"value": torch.tensor(4.0), "changed": [0]}, "torch.tensor(4.)"),
        (Mode.CALL, Opaque("Thing"), "<a value of type Thing>"),
        (Mode.VJP, Opaque("Thing"), "<a value of type Thing>"),
        (Mode.OBSERVE, "made up", "'made up'"),
    ],
)
def test_what_came_back_is_shown_for_each_way_of_calling(mode: Mode, value: Any, shown: str) -> None:
    result = failed(Feedback.COUNTEREXAMPLE, CheckFailed(Cause.MISMATCH, "x"), (call(mode=mode), Returned(value)))
    assert result.counterexample is not None
    assert result.counterexample.calls[0].returned == shown


def test_only_the_last_calls_are_shown_and_none_at_length() -> None:
    calls = [(call("x" * 199, number), Returned("y" * 500)) for number in range(9)]
    result = failed(Feedback.FULL, CheckFailed(Cause.MISMATCH, "m" * 9999, expected="e" * 9999), *calls)
    assert result.counterexample is not None
    assert len(result.counterexample.calls) == MAX_CALLS_SHOWN
    assert ", 8)" in result.counterexample.calls[-1].call
    assert result.message is not None
    assert result.counterexample.expected is not None
    for text in (
        result.message,
        result.counterexample.expected,
        *(one.returned for one in result.counterexample.calls),
    ):
        assert len(text) <= MAX_CHARS_SHOWN + 50


def test_what_a_student_wrote_is_made_visible() -> None:
    answer = Raised("E\x1b[2J\u202e", "", None)
    result = failed(Feedback.COUNTEREXAMPLE, CheckFailed(Cause.EXCEPTION, "f raised E\x1b[2J."), (call(), answer))
    assert not set("\x1b\u202e") & set(f"{result.message}{result.counterexample}")


def test_unfinished_work_has_no_counterexample() -> None:
    result = failed(Feedback.FULL, CheckFailed(Cause.NOT_IMPLEMENTED, "not yet"), (call(1.0), Raised("E", "")))
    assert result.counterexample is None


def test_a_dead_worker_has_a_sentence_and_no_counterexample() -> None:
    result = failed(Feedback.COUNTEREXAMPLE, WorkerFailure(Cause.TIMEOUT, "It did not finish."))
    assert (result.message, result.counterexample) == ("It did not finish.", None)


def test_no_time_finer_than_a_tenth_of_a_second_leaves_the_grader() -> None:
    verdict = Verdict(check=check(Feedback.FULL), outcome=Outcome.PASSED, duration_s=0.123456)
    assert check_result(verdict).duration_s == 0.1
    assert check_result(replace(verdict, duration_s=0.01)).duration_s == 0.0
