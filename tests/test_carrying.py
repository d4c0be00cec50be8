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
from grader.model import Outcome, QuestionResult
from grader.question import Question
from grader.session import QuestionSession, Verdict
from grader.standard import arguments, gradients_match, keeps_precision, matches_oracle
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


def questions() -> list[Question]:
    first = Question(id="q.1", functions=["half_square"], title="Half the square")
    first.oracle(half_square)
    first.misconception("Where is the half?")(square)
    second = Question(id="q.2", functions=["total"], title="Its sum, and one", builds_on=["q.1"])
    second.oracle(total)

    def composed(x: Tensor, *, half_square: Function) -> Tensor:
        return half_square(x).sum(-1) + 1

    composed.__name__ = "total"
    second.composed(composed)
    inputs = numbers().map(lambda source: arguments(source.normal((5,))))
    value = second.check("value", points=4)(matches_oracle(total, inputs))
    second.check("precision", points=1, requires=value)(keeps_precision(total, inputs))
    second.check("gradient", points=2)(gradients_match(total, inputs))
    return [first, second]


def graded(mine: Function, earlier: Function, misconception: str | None) -> tuple[list[Verdict], Any]:
    """The verdicts of the second question, and what is carried, for code that has the first question as `earlier`."""
    first, second = questions()
    link: Any = FakeLink({"half_square": earlier, "total": mine})
    recordings = record_question(second, SECRET)
    batch = Batch([call for recording in recordings for call in recording.calls])
    session = QuestionSession(
        question=second, recordings=recordings, everything=batch, link=link, personal={"values": []}
    )
    verdicts = [session.run(recording) for recording in recordings]
    result = QuestionResult(
        id="q.1", title="", score=0.0, max_score=1.0, outcome=Outcome.FAILED, misconception=misconception
    )
    mistaken = carrying.earlier_mistakes(second, {"q.1": result}, [first, second])
    return verdicts, carrying.carried(second, verdicts, session.answers, link, mistaken)


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
