"""A check's inputs: the same for a class, others for each submission, and the same again on a regrade."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings

from grader import catalog
from grader.catalog import LoadedAssignment
from grader.errors import GraderError
from grader.examples import PERSONAL_EXAMPLES, PersonalInputs, derive_seed, record_question, run_given
from grader.model import Kind
from grader.question import EXAMPLES, Question
from grader.standard import Arguments
from grader.transports import Call
from tests.conftest import own_reference
from tests.tiny_course import SECRET, TINY


@pytest.fixture(scope="module")
def assignment() -> Iterator[LoadedAssignment]:
    with own_reference():
        yield catalog.load(TINY, "tiny")


def calls_of(question: Question, secret: bytes) -> dict[str, list[Call]]:
    return {recording.check.name: recording.calls for recording in record_question(question, secret)}


def same(mine: list[Call], theirs: list[Call]) -> bool:
    return len(mine) == len(theirs) and all(one.same_as(other) for one, other in zip(mine, theirs, strict=True))


def test_a_class_meets_the_same_inputs_every_time_and_others_with_another_secret(assignment: LoadedAssignment) -> None:
    question = assignment.questions[0]
    first, again = calls_of(question, SECRET), calls_of(question, SECRET)
    other = calls_of(question, bytes(32))
    for check in question.checks:
        assert same(first[check.name], again[check.name])
    for name in ("values", "gradients", "is_even", "leaves_inputs_unchanged"):
        assert not same(first[name], other[name])


def test_each_check_draws_its_own_inputs(assignment: LoadedAssignment) -> None:
    recorded = {recording.check.name: recording for recording in record_question(assignment.questions[0], SECRET)}
    for name, kind in (("values", Kind.VALUE), ("gradients", Kind.GRADIENT), ("is_even", Kind.LAW)):
        assert len(recorded[name].examples) == EXAMPLES[kind]
    assert len(recorded["runs_on_other_devices"].examples) == 1
    assert recorded["values"].seed != recorded["gradients"].seed


def personal(assignment: LoadedAssignment, secret: bytes, sha256: str) -> dict[tuple[str, str], list[Any]]:
    return dict(PersonalInputs(assignment.questions).draw(secret, sha256))


def texts(drawn: list[Any]) -> list[str]:
    return [repr((one["inputs"].args[0].tolist(), one["inputs"].args[1:])) for one in drawn]


def test_every_value_check_has_inputs_of_the_submissions_own(assignment: LoadedAssignment) -> None:
    drawn = personal(assignment, SECRET, "a" * 64)
    assert set(drawn) == {("tiny.1", "values"), ("tiny.2", "values"), ("tiny.2", "spread")}
    for examples in drawn.values():
        assert len(examples) == PERSONAL_EXAMPLES
        assert all(isinstance(one["inputs"], Arguments) for one in examples)


def test_they_are_the_same_on_a_regrade_and_different_for_everybody_else(assignment: LoadedAssignment) -> None:
    mine = personal(assignment, SECRET, "a" * 64)
    again = personal(assignment, SECRET, "a" * 64)
    theirs = personal(assignment, SECRET, "b" * 64)
    elsewhere = personal(assignment, bytes(32), "a" * 64)
    shared = {str(call.args[0].tolist()) for call in calls_of(assignment.questions[0], SECRET)["values"]}
    for key in mine:
        assert texts(mine[key]) == texts(again[key])
        for others in (theirs, elsewhere):
            assert not set(texts(mine[key])) & set(texts(others[key]))
    assert not shared & {str(one["inputs"].args[0].tolist()) for one in mine["tiny.1", "values"]}


def test_one_source_draws_for_many_submissions(assignment: LoadedAssignment) -> None:
    inputs = PersonalInputs(assignment.questions)
    forward = [texts(inputs.draw(SECRET, one)["tiny.1", "values"]) for one in ("a", "b", "c")]
    backward = [texts(inputs.draw(SECRET, one)["tiny.1", "values"]) for one in ("c", "b", "a")]
    assert forward == backward[::-1]


def test_questions_without_a_value_check_have_none(assignment: LoadedAssignment) -> None:
    assert PersonalInputs([Question(id="q.1", functions=["f"], title="T")]).draw(SECRET, "a") == {}


@given(parts=st.lists(st.text(max_size=5), min_size=1, max_size=3), others=st.lists(st.text(max_size=5), max_size=3))
def test_a_seed_belongs_to_its_parts_and_its_secret(parts: list[str], others: list[str]) -> None:
    seed = derive_seed(SECRET, *parts)
    assert seed == derive_seed(SECRET, *parts)
    assert 0 <= seed < 1 << 64
    assert derive_seed(bytes(32), *parts) != seed
    if "\0".join(parts) != "\0".join(others):
        assert derive_seed(SECRET, *others) != seed


def test_a_seed_gives_the_same_inputs_whatever_is_loaded_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @settings(max_examples=1000)
    @given(drawn=st.fixed_dictionaries({"n": st.integers(), "x": st.floats(allow_nan=False)}))
    def test(student: None, drawn: Any) -> None:
        """Replaced by run_given."""

    drawn: list[str] = []
    run_given(test, 7, lambda one: drawn.append(repr(one)))
    literals = ", ".join(str(1234567 + 11 * n) for n in range(500))
    (tmp_path / "full_of_literals.py").write_text(f"NUMBERS = [{literals}]\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.import_module("full_of_literals")
    again: list[str] = []
    run_given(test, 7, lambda one: again.append(repr(one)))
    assert drawn == again


def test_a_check_that_cannot_be_drawn_is_a_fault_of_ours() -> None:
    question = Question(id="q.1", functions=["f"], title="T")
    question.oracle(_named_f)
    question.check("value", points=1, name="c", description="It holds.")(
        given(n=st.integers().filter(lambda n: False))(lambda student, n: None)
    )
    with pytest.raises(GraderError, match=r"q\.1.*check c"):
        record_question(question, SECRET)


def f(x: torch.Tensor) -> torch.Tensor:
    return x


_named_f = f
