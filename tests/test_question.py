"""Declaring a question: what an author writes becomes checks and variants, and a slip is an error at once."""

from __future__ import annotations

import inspect
from typing import Any

import hypothesis
import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from grader.model import Feedback, Kind
from grader.question import EXAMPLES, Question, RubricItem, Twin, WrittenQuestion

NUMBER = st.integers(0, 9)


@pytest.fixture
def question() -> Question:
    return Question(id="q.1", functions=["f", "g"], title="A question")


def draws_of(test: Any) -> int:
    count = 0

    def body(student: None, **drawn: Any) -> None:
        nonlocal count
        count += 1

    test.hypothesis.inner_test = body
    hypothesis.seed(0)(test)(None)
    return count


def test_a_check_is_its_functions_name_docstring_and_draws(question: Question) -> None:
    @question.check("value", points=2.5)
    @given(n=st.integers())
    def check_adds(student: Any, n: int) -> None:
        """Adds
        numbers.

        More for whoever reads the source.
        """

    @question.check(Kind.LAW, points=1, requires=check_adds, feedback=Feedback.VERDICT, examples=7)
    @given(n=st.integers())
    def check_law(student: Any, n: int) -> None:
        """It holds."""

    adds, law = question.checks
    assert (adds.name, adds.description, adds.kind, adds.points) == ("adds", "Adds numbers.", Kind.VALUE, 2.5)
    assert (adds.requires, adds.feedback) == ((), Feedback.COUNTEREXAMPLE)
    assert (law.requires, law.feedback) == (("adds",), Feedback.VERDICT)
    assert list(adds.strategies) == ["n"]
    assert question.points == 3.5
    assert question.function == "f"


def test_a_training_check_draws_from_its_source_alone(question: Question) -> None:
    declare = question.check("training", points=1, name="c", description="It holds.")
    with pytest.raises(ValueError, match="one `source`"):
        declare(given(n=st.integers())(lambda student, n: None))


@pytest.mark.parametrize(("first", "second"), [("training", "law"), ("value", "training")])
def test_training_checks_stand_alone(first: str, second: str, question: Question) -> None:
    def declare(kind: str) -> None:
        check = given(source=st.integers())(lambda student, source: None)
        question.check(kind, points=1, name=kind, description="It holds.")(check)

    declare(first)
    with pytest.raises(ValueError, match="a question of their own"):
        declare(second)


@pytest.mark.parametrize("kind", list(Kind))
def test_a_kind_draws_so_many_inputs(kind: Kind, question: Question) -> None:
    question.check(kind, points=1, name="c", description="It holds.")(
        given(source=st.integers())(lambda student, source: None)
    )
    question.check(kind, points=1, name="d", description="It holds.", examples=3)(
        given(source=st.integers())(lambda student, source: None)
    )
    assert [draws_of(check.test) for check in question.checks] == [EXAMPLES[kind], 3]


def test_draws_given_in_order_are_known_by_their_names(question: Question) -> None:
    @question.check("value", points=1)
    @given(st.integers(), st.booleans())
    def check_order(student: Any, n: int, flag: bool) -> None:
        """It holds."""

    assert list(question.checks[0].strategies) == ["n", "flag"]


def test_the_same_function_made_twice_needs_two_names(question: Question) -> None:
    def made() -> Any:
        @given(n=NUMBER)
        def check_same(student: Any, n: int) -> None:
            """It holds."""

        return check_same

    question.check("value", points=1)(made())
    with pytest.raises(ValueError, match="two checks are named 'same'"):
        question.check("value", points=1)(made())
    question.check("value", points=1, name="other")(made())


def test_a_check_without_draws_or_words_is_refused(question: Question) -> None:
    with pytest.raises(ValueError, match="has no @given"):
        question.check("value", points=1)(lambda student: None)
    with pytest.raises(ValueError, match="has no docstring"):
        question.check("value", points=1)(given(n=NUMBER)(lambda student, n: None))
    with pytest.raises(ValueError, match="vibe"):
        question.check("vibe", points=1, description="x")(given(n=NUMBER)(lambda student, n: None))


def test_only_a_check_declared_before_can_be_required(question: Question) -> None:
    later = given(n=NUMBER)(lambda student, n: None)
    with pytest.raises(ValueError, match="is not a check declared before"):
        question.check("value", points=1, name="c", description="x", requires=later)(
            given(n=NUMBER)(lambda student, n: None)
        )


def test_an_oracle_is_for_a_function_of_the_question(question: Question) -> None:
    @question.oracle
    def g(x: int) -> int:
        return x

    assert question.oracles == {"g": g}
    with pytest.raises(ValueError, match="oracle 'h' is none of"):

        @question.oracle
        def h(x: int) -> int:
            return x


def test_variants_keep_their_source_and_what_they_replace(question: Question) -> None:
    @question.misconception("Think again.")
    def wrong(x: int) -> int:
        return x + 1

    @question.misconception("Think of g again.", replaces="g")
    def also_wrong(x: int) -> int:
        return x + 2

    @question.alternative
    def other(x: int) -> int:
        return 0 + x

    @question.alternative_of("g")
    def another(x: int) -> int:
        return x - 0

    assert [(one.name, one.sentence, one.function) for one in question.misconceptions] == [
        ("wrong", "Think again.", "f"),
        ("also_wrong", "Think of g again.", "g"),
    ]
    assert "return x + 1" in question.misconceptions[0].source
    assert [(one.name, one.sentence, one.function) for one in question.alternatives] == [
        ("other", None, "f"),
        ("another", None, "g"),
    ]
    with pytest.raises(ValueError, match="two variants are named 'wrong'"):
        question.alternative(wrong)
    assert wrong(1) == 2


def test_a_rubric_adds_up() -> None:
    rubric = (RubricItem(points=1.5, text="a"), RubricItem(points=2, text="b"))
    assert WrittenQuestion(id="q.2", title="Why?", rubric=rubric).points == 3.5


@settings(max_examples=5)
@given(kind=st.sampled_from(list(Kind)))
def test_every_kind_draws_at_least_one_input(kind: Kind) -> None:
    assert EXAMPLES[kind] >= 1


def test_a_twin_is_another_mistakes_source_with_one_piece_replaced(question: Question) -> None:
    def adds_two(x: int) -> int:
        return x + 2

    twin = question.misconception("Think again.")(Twin(adds_two, "adds_three", "x + 2", "x + 3"))
    (declared,) = question.misconceptions
    assert (declared.name, declared.sentence, declared.function) == ("adds_three", "Think again.", "f")
    assert declared.source == inspect.getsource(adds_two).replace("x + 2", "x + 3")
    with pytest.raises(ValueError, match="two variants are named 'adds_three'"):
        question.misconception("Once more.")(twin)
    for piece, times in (("x", 2), ("x + 4", 0)):
        with pytest.raises(ValueError, match=f"which is {times} times in 'adds_two'"):
            question.misconception("Think.")(Twin(adds_two, "adds_four", piece, "y"))
