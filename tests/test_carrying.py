"""Errors carried forward: a later answer that is right for the earlier one, however wrong that is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from grader import carrying
from grader.examples import record_question
from grader.feedback import check_result
from grader.link import Batch
from grader.model import Outcome
from grader.question import Question
from grader.session import QuestionSession, Verdict
from grader.standard import about, arguments, gradients_match, keeps_precision, matches_oracle
from grader.strategies import numbers
from tests.test_session import FakeLink
from tests.tiny_course import SECRET

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


def questions() -> list[Question]:
    first = Question(id="q.1", functions=["half_square"], title="Half the square")
    first.oracle(half_square)
    first.misconception("Where is the half?")(square)
    second = Question(id="q.2", functions=["total"], title="Its sum, and one", builds_on=["q.1"])
    second.oracle(total)
    second.composed(composed_total())
    inputs = numbers().map(lambda source: arguments(source.normal((5,))))
    value = second.check("value", points=4)(matches_oracle(total, inputs))
    second.check("precision", points=1, requires=value)(keeps_precision(total, inputs))
    second.check("gradient", points=2)(gradients_match(total, inputs))
    return [first, second]


def graded(mine: Function, earlier: Function, misconception: str | None) -> tuple[list[Verdict], Any]:
    """The verdicts of the second question, and what is carried, for code that has the first question as `earlier`."""
    first, second = questions()
    verdicts, answers, link = run(second, {"half_square": earlier, "total": mine})
    mistaken = carrying.earlier_mistakes(second, {"q.1": misconception}, [first, second])
    return verdicts, carrying.carried(second, verdicts, answers, link, mistaken)


def run(question: Question, functions: dict[str, Function]) -> tuple[list[Verdict], Any, Any]:
    """What the checks find, with all answers and who gave them."""
    link: Any = FakeLink(functions)
    recordings = record_question(question, SECRET)
    batch = Batch([call for recording in recordings for call in recording.calls])
    session = QuestionSession(question=question, recordings=recordings, everything=batch, link=link, personal={})
    return [session.run(recording) for recording in recordings], session.answers, link


def squares(x: Tensor) -> Tensor:
    return square(x).sum(-1) + 1


def test_what_follows_from_an_earlier_mistake_is_found() -> None:
    verdicts, found = graded(squares, square, "square")
    assert found is not None
    assert found.question.id == "q.1"
    assert found.checks == {"values", "keeps_float64_precision"}
    assert "q.1" in carrying.hint(found)
    checks = [check_result(verdict) for verdict in verdicts]
    assert sum(check.score for check in carrying.marked(checks, found, give_points=False)) == 0
    given = carrying.marked(checks, found, give_points=True)
    assert [check.score for check in given] == [4, 1, 0]
    assert all(check.outcome is not Outcome.PASSED for check in given)


@pytest.mark.parametrize(
    ("mine", "earlier", "misconception"),
    [
        (lambda x: squares(x) + 1, square, "square"),
        (squares, square, None),
        (squares, square, "uses_global_rng"),
        (squares, half_square, "square"),
        (squares, lambda x: x.square().float(), "square"),
        (squares, lambda x: 1 / 0, "square"),
        (lambda x: torch.zeros(()).double(), lambda x: torch.zeros_like(x), "zeros"),
        (lambda x: torch.full((), float("nan")).double(), lambda x: x * float("nan"), None),
    ],
    ids=["own mistake", "unknown", "generic", "not called", "wrong dtype", "raises", "zeros on zeros", "nan on nan"],
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
    inputs = numbers().map(lambda source: arguments(source.normal((5,))))
    value = both.check("value", points=4)(matches_oracle(half_square, inputs))
    both.check("precision", points=1, requires=value)(keeps_precision(half_square, inputs))
    both.check("value", points=3, name="values_of_total")(about("total", matches_oracle(total, inputs)))
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
    verdicts, answers, link = run(question, {"half_square": first_half, "total": mine})
    mistaken = carrying.earlier_mistakes(question, {"q.3": misconception}, [question])
    found = carrying.carried(question, verdicts, answers, link, mistaken)
    assert (found.checks if found else None) == expected
