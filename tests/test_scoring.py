"""From checks to points: sums, what is unknown, and why a person should look."""

from __future__ import annotations

from collections.abc import Sequence

import hypothesis.strategies as st
import pytest
from hypothesis import given

from grader import scoring
from grader.model import Cause, CheckResult, Feedback, Kind, Outcome, QuestionResult
from grader.question import Check, Question, RubricItem, WrittenQuestion

POINTS = st.sampled_from((0.1, 0.2, 0.25, 0.3, 0.5, 0.75, 1.0, 2.5, 8.0))


def question_of(points: Sequence[float]) -> Question:
    question = Question(id="q.1", functions=["f"], title="A question")
    question.checks += [
        Check(
            name=f"c{number}",
            description="It holds.",
            kind=Kind.VALUE,
            points=worth,
            requires=(),
            feedback=Feedback.FULL,
            body=lambda student: None,
            test=lambda: None,
            strategies={},
            declared=lambda: None,
        )
        for number, worth in enumerate(points)
    ]
    return question


def check(outcome: Outcome, worth: float, cause: Cause | None = None) -> CheckResult:
    return CheckResult(
        name="c",
        description="It holds.",
        kind=Kind.VALUE,
        outcome=outcome,
        score=worth if outcome is Outcome.PASSED else 0.0,
        max_score=worth,
        cause=cause,
    )


def result_of(*checks: CheckResult) -> QuestionResult:
    return scoring.question_result(question_of([one.max_score for one in checks]), checks)


@given(
    given_=st.lists(st.tuples(st.sampled_from((Outcome.PASSED, Outcome.FAILED, Outcome.SKIPPED)), POINTS), min_size=1)
)
def test_points_are_those_of_the_checks_that_passed(given_: list[tuple[Outcome, float]]) -> None:
    result = result_of(*(check(outcome, worth) for outcome, worth in given_))
    assert result.score is not None
    hundredths = sum(round(100 * worth) for outcome, worth in given_ if outcome is Outcome.PASSED)
    assert result.score == hundredths / 100
    assert result.max_score == sum(round(100 * worth) for _, worth in given_) / 100
    assert (result.score == result.max_score) is all(outcome is Outcome.PASSED for outcome, _ in given_)
    assert (result.outcome is Outcome.PASSED) is (result.score == result.max_score)


@given(outcomes=st.lists(st.sampled_from(list(Outcome))), where=st.integers(0, 9))
def test_a_fault_leaves_the_score_unknown(outcomes: list[Outcome], where: int) -> None:
    outcomes.insert(where, Outcome.ERROR)
    result = result_of(*(check(outcome, 1.0) for outcome in outcomes))
    assert (result.score, result.outcome) == (None, Outcome.ERROR)
    assert result.max_score == len(outcomes)


def test_the_worst_outcome_of_a_check_is_the_questions() -> None:
    passed, failed, skipped = (check(one, 1.0) for one in (Outcome.PASSED, Outcome.FAILED, Outcome.SKIPPED))
    assert result_of(passed, passed).outcome is Outcome.PASSED
    assert result_of(passed, skipped).outcome is Outcome.SKIPPED
    assert result_of(skipped, failed, passed).outcome is Outcome.FAILED


def test_a_total_is_known_only_where_every_automatic_score_is() -> None:
    one, two = result_of(check(Outcome.PASSED, 0.1)), result_of(check(Outcome.PASSED, 0.2))
    fault = result_of(check(Outcome.ERROR, 1.0))
    written = scoring.written_result(
        WrittenQuestion(id="q.9", title="Why?", rubric=(RubricItem(points=5, text="Says why."),)), "because"
    )
    assert scoring.total([one, two, written]) == 0.3
    assert scoring.max_total([one, two, written]) == 0.3
    assert scoring.total([one, fault, written]) is None
    assert scoring.max_total([one, fault]) == 1.1
    assert scoring.total([]) == 0.0


def test_extra_credit_raises_the_score_and_not_what_can_be_had() -> None:
    usual = result_of(check(Outcome.PASSED, 3.0), check(Outcome.FAILED, 1.0))
    extra = Question(id="q.2", functions=["f"], title="More", extra=True, checks=question_of([5.0]).checks)
    earned = scoring.question_result(extra, [check(Outcome.PASSED, 5.0)])
    assert (earned.title, earned.extra, earned.score, earned.max_score) == ("More (extra credit)", True, 5.0, 5.0)
    assert (scoring.total([usual, earned]), scoring.max_total([usual, earned])) == (8.0, 4.0)
    missed = scoring.question_result(extra, [check(Outcome.FAILED, 5.0)])
    assert (scoring.total([usual, missed]), scoring.max_total([usual, missed])) == (3.0, 4.0)


def test_a_written_question_waits_for_a_person() -> None:
    rubric = (RubricItem(points=1, text="a"), RubricItem(points=2.5, text="b"))
    result = scoring.written_result(WrittenQuestion(id="q.9", title="Why?", rubric=rubric), None)
    assert (result.score, result.max_score, result.manual, result.answer) == (None, 3.5, True, None)


@pytest.mark.parametrize("cause", list(Cause))
def test_a_person_looks_at_what_ended_a_process_and_at_nothing_else(cause: Cause) -> None:
    failed = check(Outcome.FAILED, 1.0, cause)
    flags = scoring.review_flags([result_of(failed, failed, check(Outcome.PASSED, 1.0))])
    dangerous = cause in (Cause.PROTOCOL, Cause.CRASH, Cause.TIMEOUT, Cause.MEMORY)
    assert len(flags) == int(dangerous)
    assert all(flag.startswith("q.1: its process") or flag.startswith("q.1: it asked") for flag in flags)
