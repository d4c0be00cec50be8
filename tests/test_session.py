"""One question of one submission: replies fetched before count as live ones do, and no fault of ours gets lost."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given
from torch import Tensor, nn

from grader import catalog, session
from grader.compare import assert_value, expect
from grader.diagnosis import recognised
from grader.errors import CheckFailed, GraderError, WorkerFailure
from grader.examples import Recording, calls_of, record_question, run_body
from grader.feedback import check_result
from grader.link import Batch
from grader.model import Cause, Outcome
from grader.question import Question
from grader.remote import Student
from grader.session import QuestionSession
from grader.standard import arguments, matches_oracle
from grader.strategies import Numbers, numbers
from grader.transports import Call, LocalTransport
from grader.worker.messages import Answer
from tests.conftest import own_reference
from tests.energies import WRONG, Energy, right
from tests.in_process import FakeLink, session_of, verdicts
from tests.tiny_course import SECRET, TINY


@pytest.fixture(scope="module")
def question() -> Iterator[Question]:
    with own_reference():
        yield catalog.load(TINY, "tiny").questions[0]


@pytest.fixture(scope="module")
def recordings(question: Question) -> list[Recording]:
    return record_question(question, SECRET)


def live(question: Question, recording: Recording, energy: Energy) -> CheckFailed | None:
    """What the check finds where every call goes straight to the function."""
    oracle, student = LocalTransport(question.oracles), LocalTransport({"energy": energy}, quiet=False)
    for example in recording.examples:
        try:
            run_body(recording.check, Student(question.functions, student, oracle), example.drawn)
        except CheckFailed as failure:
            return failure
    return None


@pytest.mark.parametrize("name", ["right", *WRONG])
def test_fetched_replies_give_the_verdict_that_live_ones_give(
    name: str, question: Question, recordings: list[Recording]
) -> None:
    energy = WRONG.get(name, right)
    found = verdicts(question, recordings, FakeLink({"energy": energy}))
    for recording in recordings:
        verdict = found[recording.check.name]
        failure = live(question, recording, energy)
        if any(found[required].outcome is not Outcome.PASSED for required in recording.check.requires):
            assert verdict.outcome is Outcome.SKIPPED
        elif failure is None:
            assert (verdict.outcome, verdict.failure) == (Outcome.PASSED, None)
        else:
            assert verdict.outcome is Outcome.FAILED
            assert verdict.failure is not None
            # The smallest input may break in another way than the first one, and never in no way.
            assert name == "every error" or verdict.failure.cause is failure.cause
            assert verdict.failure.cause not in (Cause.NONDETERMINISTIC, Cause.INTERNAL)


def test_a_correct_submission_is_asked_everything_in_one_exchange(
    question: Question, recordings: list[Recording]
) -> None:
    link = FakeLink({"energy": right})
    found = verdicts(question, recordings, link)
    assert {verdict.outcome for verdict in found.values()} == {Outcome.PASSED}
    assert link.exchanges == 1
    assert link.calls == sum(len(calls_of(recording.examples)) for recording in recordings)


def test_the_counterexample_is_a_smallest_input(question: Question, recordings: list[Recording]) -> None:
    verdict = verdicts(question, recordings, FakeLink({"energy": WRONG["forgets the half"]}))["values"]
    ((call, _),) = verdict.calls
    x, scale = call.args
    assert x.shape == (2,)
    assert scale == 2.0
    assert torch.equal(x, (10 * x).round() / 10)


@pytest.mark.parametrize("period", [2, 3, 5])
def test_a_function_that_changes_its_mind_is_nondeterministic(
    period: int, question: Question, recordings: list[Recording]
) -> None:
    count = itertools.count()

    def moody(x: Tensor, scale: float) -> Tensor:
        return right(x, scale) * (1 + (next(count) % period == 0))

    found = verdicts(question, recordings, FakeLink({"energy": moody}))["values"]
    assert found.failure is not None
    assert found.failure.cause in (Cause.NONDETERMINISTIC, Cause.MISMATCH)
    assert found.outcome is Outcome.FAILED


def test_a_failure_that_does_not_come_again_is_nondeterministic(
    question: Question, recordings: list[Recording]
) -> None:
    fetched = sum(len(recording.calls) for recording in recordings)
    count = itertools.count()

    def settles(x: Tensor, scale: float) -> Tensor:
        return right(x, scale) * (2 if next(count) < fetched else 1)

    found = verdicts(question, recordings, FakeLink({"energy": settles}))["values"]
    assert found.failure is not None
    assert found.failure.cause is Cause.NONDETERMINISTIC


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 7, 10, 15, 25])
@pytest.mark.parametrize("name", ["every error", "few", "shape of a batch", "forgets the half"])
def test_however_short_the_search_a_deterministic_failure_stays_what_it_is(
    name: str, limit: int, question: Question, recordings: list[Recording], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "MAX_SHRINK_RUNS", limit)
    link = FakeLink({"energy": WRONG[name]})
    found = verdicts(question, recordings[:1], link)["values"]
    assert found.failure is not None
    assert found.failure.cause in (Cause.MISMATCH, Cause.SHAPE, Cause.DTYPE, Cause.NON_FINITE, Cause.EXCEPTION)
    assert link.calls <= len(recordings[0].calls) + limit


@pytest.mark.parametrize("cause", [Cause.TIMEOUT, Cause.CRASH])
@pytest.mark.parametrize("after", [1, 2, 3, 5, 8, 13, 21])
@pytest.mark.parametrize("name", ["every error", "few", "forgets the half"])
def test_a_worker_that_dies_during_the_search_leaves_the_failure_that_was_found(
    name: str, after: int, cause: Cause, question: Question, recordings: list[Recording]
) -> None:
    dies_at = len(recordings[0].calls) + after
    link = FakeLink({"energy": WRONG[name]}, dies_at=dies_at, cause=cause)
    found = verdicts(question, recordings[:1], link)["values"]
    assert found.outcome is Outcome.FAILED
    assert found.failure is not None
    assert found.failure.cause in (Cause.MISMATCH, Cause.DTYPE, Cause.NON_FINITE, Cause.EXCEPTION)
    assert found.calls
    assert len(link.deaths) <= 1


def test_a_small_input_that_kills_does_not_hide_a_large_one_that_fails(
    question: Question, recordings: list[Recording]
) -> None:
    link = FakeLink({})

    def energy(x: Tensor, scale: float) -> Tensor:
        if link.exchanges > 1 and x.numel() < 6:
            link.deaths.append(WorkerFailure(Cause.TIMEOUT, "too long"))
            raise link.deaths[-1]
        return 2 * right(x, scale)

    link.transport = _Dying({"energy": energy}, quiet=False)
    found = verdicts(question, recordings[:1], link)["values"]
    assert found.failure is not None
    assert found.failure.cause is Cause.MISMATCH


class _Dying(LocalTransport):
    def perform(self, call: Call) -> Answer:
        args = call.args
        value = self.functions["energy"](*args)
        del value
        return super().perform(call)


def test_a_worker_that_is_gone_fails_every_check_as_what_killed_it(
    question: Question, recordings: list[Recording]
) -> None:
    found = verdicts(question, recordings, FakeLink({"energy": right}, dies_at=1, cause=Cause.MEMORY))
    for verdict in found.values():
        if not verdict.check.requires:
            assert verdict.failure is not None
            assert verdict.failure.cause is Cause.MEMORY


def test_only_one_failure_of_a_question_is_searched(question: Question, recordings: list[Recording]) -> None:
    link = FakeLink({"energy": WRONG["constant"]})
    grading = session_of(question, recordings, link)
    grading.run(recordings[0])
    calls = link.calls
    assert grading.run(recordings[1]).outcome is Outcome.FAILED
    assert link.calls == calls


def broken(body: Callable[..., None], oracle: Callable[..., Any] = lambda x: x.sum()) -> Question:
    """A question with one value check whose body is given."""
    question = Question(id="broken.1", functions=["total"], title="Broken")
    oracle.__name__ = "total"
    question.oracle(oracle)
    question.check("value", points=1, name="check", description="It holds.")(given(source=numbers())(body))
    return question


def test_an_oracle_that_raises_while_recorded_is_a_fault_of_ours() -> None:
    def oracle(x: Tensor) -> Tensor:
        raise ZeroDivisionError("oracle")

    question = broken(lambda student, source: student.total(source.normal((2,))), oracle)
    with pytest.raises(GraderError, match="ZeroDivisionError"):
        record_question(question, SECRET)


def test_an_oracle_that_fails_its_own_check_is_a_fault_of_ours() -> None:
    question = broken(lambda student, source: expect(student.total(source.normal((2,))) > 100, "no"))
    with pytest.raises(GraderError, match="the oracle itself fails check check"):
        record_question(question, SECRET)


@pytest.fixture
def unfit_at_zero() -> Question:
    """A question with a law that a right answer cannot obey at the simplest input, as authors overlook."""
    question = Question(id="broken.2", functions=["total"], title="Nearly right")

    def total(x: Tensor) -> Tensor:
        return x.sum()

    question.oracle(total)

    def body(student: Student, number: int) -> None:
        expect(student.total(torch.tensor([float(number)])) != 0, "the total is zero.")

    check = given(number=st.integers(0, 50))(body)
    question.check("law", points=1, name="check", description="No total is zero.")(check)
    return question


def test_an_input_that_the_oracle_fails_is_left_out(unfit_at_zero: Question) -> None:
    (recording,) = record_question(unfit_at_zero, SECRET)
    assert len(recording.examples) > len(recording.unfit) > 0
    assert "the oracle itself fails check check" in recording.unfit[0]
    assert all(example.drawn["number"] > 0 for example in recording.examples)
    verdict = verdicts(unfit_at_zero, [recording], FakeLink({"total": lambda x: x.sum()}))["check"]
    assert verdict.outcome is Outcome.PASSED
    # Nobody loses by it, and whoever signs the grades reads it.
    staff = check_result(verdict).staff
    assert staff is not None
    assert staff.startswith("By our fault, ")
    assert recording.unfit[0] in " ".join(staff.split())


def test_an_input_of_a_submissions_own_that_the_oracle_fails_is_told_of_too() -> None:
    question = broken(
        lambda student, source: expect(student.total(source.normal((1,))) < 0.5, "the total is large."),
        lambda x: x.sum(),
    )
    mine = [{"source": Numbers(seed=seed, decimals=1)} for seed in range(8)]
    (recording,) = [replace(one, unfit=()) for one in record_question(question, SECRET)]
    session = QuestionSession(
        question=question,
        recordings=[recording],
        everything=Batch(recording.calls),
        link=FakeLink({"total": lambda x: x.sum()}),  # type: ignore[arg-type]  # all of a link that is asked for
        personal={"check": mine},
    )
    verdict = session.run(recording)
    assert verdict.outcome is Outcome.PASSED
    assert 0 < len(verdict.unfit) < len(mine)


def test_a_counterexample_is_an_input_on_which_a_right_answer_passes(unfit_at_zero: Question) -> None:
    recordings = record_question(unfit_at_zero, SECRET)
    verdict = verdicts(unfit_at_zero, recordings, FakeLink({"total": lambda x: 0 * x.sum()}))["check"]
    assert verdict.outcome is Outcome.FAILED
    ((call, _),) = verdict.calls
    assert call.args[0].item() == 1


@pytest.mark.parametrize("error", [RuntimeError("boom"), KeyError("boom"), torch.linalg.LinAlgError("boom")])
def test_a_body_that_breaks_on_a_students_value_is_a_fault_of_ours(error: Exception) -> None:
    def body(student: Student, source: Any) -> None:
        if student.total(source.normal((2,))) > 100:
            raise error

    question = broken(body)
    recordings = record_question(question, SECRET)
    verdict = verdicts(question, recordings, FakeLink({"total": lambda x: x.sum() + 1000}))["check"]
    assert verdict.outcome is Outcome.ERROR
    assert verdict.failure is None
    assert verdict.fault is not None
    assert "boom" in verdict.fault


def test_an_oracle_that_raises_on_what_a_student_returned_is_a_fault_of_ours() -> None:
    def oracle(x: Tensor) -> Tensor:
        if x.sum() > 100:
            raise ValueError("too much")
        return x.sum()

    question = broken(lambda student, source: student.total(student.total(source.normal((2,)))), oracle)
    recordings = record_question(question, SECRET)
    verdict = verdicts(question, recordings, FakeLink({"total": lambda x: x.sum() + 1000}))["check"]
    assert verdict.outcome is Outcome.ERROR


def test_a_plain_assert_in_a_body_is_the_students_failure() -> None:
    def body(student: Student, source: Any) -> None:
        assert student.total(source.normal((2,))) < 100

    question = broken(body)
    verdict = verdicts(question, record_question(question, SECRET), FakeLink({"total": lambda x: x.sum() + 1000}))
    failure = verdict["check"].failure
    assert failure is not None
    assert failure.cause is Cause.MISMATCH


def test_a_submission_that_fails_only_on_its_own_inputs_fails(question: Question, recordings: list[Recording]) -> None:
    seen = {str(call.args) for recording in recordings for call in recording.calls}

    def memoised(x: Tensor, scale: float) -> Tensor:
        return right(x, scale) if str((x, scale)) in seen else right(x, scale) + 1

    own = {"inputs": arguments(torch.tensor([1.25, 2.5], dtype=torch.float64), 2.0)}
    for personal, outcome in (([], Outcome.PASSED), ([own], Outcome.FAILED)):
        link = FakeLink({"energy": memoised})
        found = verdicts(question, recordings[:1], link, personal={"values": personal})["values"]
        assert found.outcome is outcome


def test_a_body_may_ask_further_calls_live() -> None:
    def body(student: Student, source: Any) -> None:
        first = student.total(source.normal((2,)))
        # The student's own value, which nobody could know when the calls were recorded.
        assert_value(student.total(first[None]), first)

    question = broken(body)
    recordings = record_question(question, SECRET)
    for function, outcome in (
        (lambda x: x.sum() * (1 + 1e-12), Outcome.PASSED),
        (lambda x: 3 * x.sum(), Outcome.FAILED),
    ):
        link = FakeLink({"total": function})
        found = verdicts(question, recordings, link)["check"]
        assert found.outcome is outcome
        assert link.calls > len(recordings[0].calls)


@st.composite
def _vectors(draw: st.DrawFn) -> Any:
    return arguments(draw(numbers()).normal((draw(st.integers(1, 40)), draw(st.integers(1, 9)))))


def test_a_long_search_ends_with_a_failure_that_was_seen() -> None:
    question = Question(id="broken.1", functions=["total"], title="Broken")

    @question.oracle
    def total(x: Tensor) -> Tensor:
        return x.sum()

    question.check("value", points=1)(matches_oracle(total, _vectors()))
    recordings = record_question(question, SECRET)
    link = FakeLink({"total": lambda x: x.sum() + (x.numel() > 7) * (x.max() > 0.5)})
    found = verdicts(question, recordings, link)["values"]
    assert found.failure is not None
    assert found.failure.cause is Cause.MISMATCH
    ((call, _),) = found.calls
    assert call.args[0].numel() > 7
    assert link.calls <= len(recordings[0].calls) + session.MAX_SHRINK_RUNS


def trained_question() -> Question:
    """Fits the mean of what it is given; two checks look at the one model."""
    question = Question(id="t.1", functions=["fit"], title="T", budget_s=5.0)

    def fit(x: Tensor) -> nn.Module:
        model = nn.Linear(1, 1, dtype=x.dtype)
        with torch.no_grad():
            model.weight.zero_()
            model.bias.fill_(float(x.mean()))
        return model

    question.oracle(fit)
    for name, limit, points in (("near", 0.5, 1), ("nearer", 0.1, 2)):
        question.check("training", points=points, name=name, description="Is near.")(_is_within(limit))
    question.misconception("Which way is up?")(turns_the_sign)
    return question


def turns_the_sign(x: Tensor) -> nn.Module:
    return nn.Linear(1, 1)


def _is_within(limit: float) -> Callable[..., None]:
    @given(source=numbers())
    def check(student: Student, source: Numbers) -> None:
        x = source.normal((50,), loc=3.0)
        found = student.fit(x)(torch.zeros(1, 1, dtype=torch.float64))
        expect(found > 0, "it is negative.", misconception="turns_the_sign")
        expect((found - x.mean()).abs() < limit, "it is too far.")

    return check


@pytest.mark.parametrize(
    ("off", "scores"),
    [(0.0, [1, 2]), (0.3, [1, 0]), (5.0, [0, 0]), (-10.0, [0, 0])],
    ids=["right", "near", "far", "minus"],
)
def test_what_training_checks_share_is_trained_once(off: float, scores: list[int]) -> None:
    question = trained_question()
    trained: list[Tensor] = []

    def fit(x: Tensor) -> nn.Module:
        trained.append(x)
        model: nn.Module = question.oracles["fit"](x + off)
        return model

    recordings = record_question(question, SECRET)
    link: Any = FakeLink({"fit": fit})
    batch = Batch([call for recording in recordings for call in recording.calls])
    grading = QuestionSession(question=question, recordings=recordings, everything=batch, link=link, personal={})
    verdicts = [grading.run(recording) for recording in recordings]
    assert not batch.calls
    assert len(trained) == 1
    points = [verdict.check.points if verdict.outcome is Outcome.PASSED else 0 for verdict in verdicts]
    assert points == scores
    found = recognised(question, verdicts)
    assert (found.names if found else ()) == (("turns_the_sign",) if off == -10.0 else ())


def test_a_worker_that_dies_at_inputs_asked_ahead_is_not_held_against_other_checks(
    question: Question, recordings: list[Recording]
) -> None:
    personal = {check.name: [] for check in question.checks}
    (drawn, *_) = [recording.examples[-1].drawn for recording in recordings if recording.check.name == "values"]
    asked = sum(len(recording.calls) for recording in recordings)
    link = FakeLink({"energy": right}, dies_at=asked + 1)
    grading = session_of(question, recordings, link, personal={**personal, "values": [drawn]})
    (recording,) = (one for one in recordings if one.check.name == "values")
    assert grading.run(recording).failure is not None
    assert link.deaths[1:] == []
