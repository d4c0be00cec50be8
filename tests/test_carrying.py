"""Errors carried forward: a later answer that is right for the earlier one, however wrong that is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis.strategies import SearchStrategy
from torch import Tensor

from grader import carrying
from grader.carrying import Carried, Mistake
from grader.catalog import LoadedAssignment
from grader.errors import GraderError
from grader.examples import record_question
from grader.feedback import following_result
from grader.link import Batch
from grader.model import Feedback, Outcome
from grader.question import Assignment, Question
from grader.recorded import Answers
from grader.session import QuestionSession, Verdict
from grader.standard import Arguments, about, arguments, gradients_match, keeps_precision, matches_oracle
from grader.strategies import numbers
from tests.in_process import FakeLink
from tests.tiny_course import SECRET, TINY

SOURCE = Path(TINY, "solutions", "tiny", "tiny.py")
"""Any module that imports torch; wrong answers are run after it."""

Function = Callable[..., Tensor]


def half_square(x: Tensor) -> Tensor:
    return 0.5 * x.square()


def total(x: Tensor) -> Tensor:
    return half_square(x).sum(-1) + 1


def square(x: Tensor) -> Tensor:
    return x.square()


def without_the_one(x: Tensor) -> Tensor:
    return half_square(x).sum(-1)


def composed_total() -> Function:
    """The oracle once more, as a function of the first."""

    def composed(x: Tensor, *, half_square: Function) -> Tensor:
        return half_square(x).sum(-1) + 1

    composed.__name__ = "total"
    return composed


def inputs() -> SearchStrategy[Arguments]:
    """Arguments of every function here."""
    return numbers().map(lambda source: arguments(source.normal((5,))))


def questions() -> list[Question]:
    first = Question(id="q.1", functions=["half_square"], title="Half the square")
    first.oracle(half_square)
    first.misconception("Where is the half?")(square)
    second = Question(id="q.2", functions=["total"], title="Its sum, and one", builds_on=["q.1"])
    second.oracle(total)
    second.composed(composed_total())
    value = second.check("value", points=4)(matches_oracle(total, inputs()))
    second.check("precision", points=1, requires=value)(keeps_precision(total, inputs()))
    second.check("gradient", points=2)(gradients_match(total, inputs()))
    return [first, second]


def graded(mine: Function, earlier: Function, misconception: str | None) -> tuple[list[Verdict], Carried | None]:
    """The verdicts of the second question, and what is carried, for code that has the first question as `earlier`."""
    first, second = questions()
    verdicts, answers = run(second, {"half_square": earlier, "total": mine})
    mistakes = carrying.earlier_mistakes(assignment_of(first, second), second, {"q.1": misconception})
    return verdicts, carrying.carried(second, verdicts, answers, mistakes)


def assignment_of(*questions: Question) -> LoadedAssignment:
    """These questions, as an assignment."""
    return LoadedAssignment(
        assignment=Assignment(name="q", title="Q"), questions=questions, written=(), solution=SOURCE
    )


def run(question: Question, functions: dict[str, Function]) -> tuple[list[Verdict], Mapping[str, Answers]]:
    """What the checks find, with all answers."""
    link: Any = FakeLink(functions)
    recordings = record_question(question, SECRET)
    batch = Batch([call for recording in recordings for call in recording.calls])
    session = QuestionSession(question=question, recordings=recordings, everything=batch, link=link, personal={})
    return [session.run(recording) for recording in recordings], session.answers


def squares(x: Tensor) -> Tensor:
    return square(x).sum(-1) + 1


def test_what_follows_from_an_earlier_mistake_is_found() -> None:
    verdicts, found = graded(squares, square, "square")
    assert found is not None
    assert found.mistake.question.id == "q.1"
    assert found.checks == {"values", "keeps_float64_precision"}
    assert "q.1" in carrying.hint(found)
    assert "half_square" in carrying.hint(found)
    assert all(verdict.outcome is not Outcome.PASSED for verdict in verdicts)


def test_an_imprecise_answer_to_an_earlier_mistake_is_as_imprecise_as_ever() -> None:
    _, found = graded(lambda x: squares(x.float()).double(), square, "square")
    assert found is not None
    assert found.checks == {"values"}


def test_what_is_forbidden_stays_so_whatever_it_follows_from() -> None:
    first, second = questions()
    second.check("behaviour", points=1, name="obeys")(matches_oracle(total, inputs()))
    verdicts, answers = run(second, {"half_square": square, "total": squares})
    mistakes = carrying.earlier_mistakes(assignment_of(first, second), second, {"q.1": "square"})
    found = carrying.carried(second, verdicts, answers, mistakes)
    assert found is not None
    assert "obeys" not in found.checks


@pytest.mark.parametrize("level", Feedback)
def test_a_check_that_says_little_says_no_more_here(level: Feedback) -> None:
    _, second = questions()
    second.check("value", points=1, name="quiet", feedback=level)(matches_oracle(total, inputs()))
    verdict = run(second, {"half_square": square, "total": squares})[0][-1]
    result = following_result(verdict, "It follows.", 1.0)
    assert (result.message == "It follows.") is (level not in (Feedback.NONE, Feedback.VERDICT))
    assert (result.score, result.outcome, result.counterexample) == (1.0, Outcome.FAILED, None)


def test_a_constant_that_an_earlier_function_turns_into_later_is_not_right() -> None:
    def turns(x: Tensor) -> Tensor:
        return torch.full_like(x, 7.0)

    assert graded(lambda x: turns(x).sum(-1) + 1, turns, "square")[1] is None


def test_a_fault_while_composing_is_ours() -> None:
    first, second = questions()
    verdicts, answers = run(second, {"half_square": square, "total": squares})

    def broken(x: Tensor) -> Tensor:
        raise GraderError("the oracle broke")

    mistake = Mistake(question=first, functions={"half_square": broken})
    with pytest.raises(GraderError, match="the oracle broke"):
        carrying.carried(second, verdicts, answers, [mistake])


@pytest.mark.parametrize(
    ("mine", "earlier", "misconception"),
    [
        (lambda x: squares(x) + 1, square, "square"),
        (squares, square, None),
        (squares, square, "uses_global_rng"),
        (total, half_square, "square"),
        (lambda x: torch.zeros(()).double(), lambda x: torch.zeros_like(x), "zeros"),
        (lambda x: torch.full((), float("nan")).double(), lambda x: x * float("nan"), None),
    ],
    ids=["own mistake", "unknown", "generic", "not called", "zeros on zeros", "nan on nan"],
)
def test_what_does_not_follow_is_not_carried(mine: Function, earlier: Function, misconception: str | None) -> None:
    assert graded(mine, earlier, misconception)[1] is None


def test_a_right_answer_to_a_wrong_earlier_one_carries_nothing() -> None:
    assert graded(total, square, "square")[1] is None


def test_an_author_is_told_what_a_composed_oracle_needs() -> None:
    first, second = questions()
    with pytest.raises(ValueError, match=r"q\.1.*builds_on"):
        first.composed(half_square)
    with pytest.raises(ValueError, match=r"q\.2"):
        second.composed(total)


def question_in_two_halves() -> Question:
    """One question of which the second function calls the first."""
    both = Question(id="q.3", functions=["half_square", "total"], title="Both", builds_on=["q.3"])
    both.oracle(half_square)
    both.oracle(total)
    both.misconception("Where is the half?")(square)
    both.misconception("And the one?", replaces="total")(without_the_one)
    both.composed(composed_total())
    value = both.check("value", points=4)(matches_oracle(half_square, inputs()))
    both.check("precision", points=1, requires=value)(keeps_precision(half_square, inputs()))
    both.check("value", points=3, name="values_of_total")(about("total", matches_oracle(total, inputs())))
    return both


@pytest.mark.parametrize(
    ("mine", "first_half", "misconception", "expected"),
    [
        (squares, square, "square", {"values_of_total"}),
        (lambda x: squares(x) + 1, square, "square", None),
        (without_the_one, half_square, "without_the_one", None),
        (squares, square, None, None),
        (total, square, "square", None),
    ],
    ids=["follows", "a mistake of its own", "the second half alone", "unknown", "right all the same"],
)
def test_the_second_half_of_a_question_may_follow_from_the_first(
    mine: Function, first_half: Function, misconception: str | None, expected: set[str] | None
) -> None:
    question = question_in_two_halves()
    verdicts, answers = run(question, {"half_square": first_half, "total": mine})
    mistakes = carrying.earlier_mistakes(assignment_of(question), question, {"q.3": misconception})
    found = carrying.carried(question, verdicts, answers, mistakes)
    assert (found.checks if found else None) == expected
