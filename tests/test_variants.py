"""Stand-ins: the solution with one function replaced, right or wrong, as text that a worker can import."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from grader import catalog, standard, variants
from grader.catalog import LoadedAssignment
from grader.errors import GraderError
from grader.question import Question, Variant
from grader.variants import GENERIC, TRIVIAL, StandIn
from tests.conftest import own_reference
from tests.tiny_course import TINY

X = torch.tensor([[1.0, 2.0], [3.0, -4.0], [0.5, 0.25]], dtype=torch.float64)
RIGHT = 0.5 * 3.0 * X.square().sum(-1)


@pytest.fixture(scope="module")
def assignment() -> Iterator[LoadedAssignment]:
    with own_reference():
        yield catalog.load(TINY, "tiny")


def module_of(stand_in: StandIn) -> dict[str, Any]:
    module: dict[str, Any] = {}
    exec(compile(stand_in.source, stand_in.name, "exec", dont_inherit=True), module)
    return module


def test_alternatives_replace_the_function_and_are_right(assignment: LoadedAssignment) -> None:
    stand_ins = variants.alternatives(assignment, assignment.questions[0])
    assert [(one.name, one.kind, one.sentence) for one in stand_ins] == [
        ("takes_a_product", "alternative", None),
        ("scales_first", "alternative", None),
    ]
    for stand_in in stand_ins:
        torch.testing.assert_close(module_of(stand_in)["energy"](X, 3.0), RIGHT)


def test_listed_mistakes_replace_what_they_say_and_nothing_else(assignment: LoadedAssignment) -> None:
    listed = [one for one in variants.misconceptions(assignment, assignment.questions[1]) if one.kind == "listed"]
    by_name = {one.name: module_of(one) for one in listed}
    x = X[:, 0]
    assert torch.equal(by_name["forgets_to_subtract"]["centre"](x)[1], x)
    torch.testing.assert_close(by_name["divides_by_one_less"]["spread"](x), x.var())
    torch.testing.assert_close(by_name["divides_by_one_less"]["centre"](x)[1], x - x.mean())


def test_generic_mistakes_are_those_that_are_not_exempt(assignment: LoadedAssignment) -> None:
    for question in assignment.questions:
        generic = {one.name for one in variants.misconceptions(assignment, question) if one.kind == "generic"}
        expected = {one.name for one in GENERIC} - set(question.exempt)
        assert generic == (expected if question.forbidden else expected - {"uses_forbidden_name"})


@pytest.mark.parametrize("name", [one.name for one in GENERIC if one.name not in ("wrong_dtype", "float32_inside")])
def test_generic_mistakes_leave_the_values_right(name: str, assignment: LoadedAssignment) -> None:
    question = Question(id="tiny.1", functions=["energy"], title="T", forbidden=["torch.linalg.norm"])
    (stand_in,) = (one for one in variants.misconceptions(assignment, question) if one.name == name)
    torch.testing.assert_close(module_of(stand_in)["energy"](X.clone(), 3.0), RIGHT)
    assert stand_in.sentence


def test_trivial_answers_have_the_structure_and_not_the_values(assignment: LoadedAssignment) -> None:
    for stand_in in variants.trivial_answers(assignment, assignment.questions[1]):
        mean, rest = module_of(stand_in)["centre"](X[:, 0])
        assert (mean.dtype, rest.dtype) == (X.dtype, X.dtype)
        assert rest.shape == (3,)
        assert not torch.allclose(rest, X[:, 0] - X[:, 0].mean())
    for stand_in in variants.trivial_answers(assignment, assignment.questions[0]):
        assert not torch.equal(module_of(stand_in)["energy"](X, 3.0), RIGHT), stand_in.name
    assert len(TRIVIAL) >= 7


def test_a_trivial_text_is_empty(assignment: LoadedAssignment, tmp_path: Path) -> None:
    solution = tmp_path / "tiny.py"
    solution.write_text("import torch\n\ndef energy(x, k):\n    return 'low', x\n")
    question = Question(id="tiny.1", functions=["energy"], title="T")
    answers = variants.trivial_answers(replace(assignment, solution=solution), question)
    zeros = next(one for one in answers if one.name == "zeros")
    text, tensor = module_of(zeros)["energy"](X, 3.0)
    assert text == ""
    assert not tensor.any()


def test_decorators_and_annotations_of_the_author_stay_behind(assignment: LoadedAssignment) -> None:
    variant = Variant(
        name="other",
        source="    @question.alternative\n    def other(x: NotThere, *, k: Gone = 1) -> Missing:\n        return x\n",
        function="energy",
    )
    question = Question(id="tiny.1", functions=["energy"], title="T", alternatives=[variant])
    (stand_in,) = variants.alternatives(assignment, question)
    assert module_of(stand_in)["energy"](7) == 7


def test_a_variant_that_is_no_function_is_refused(assignment: LoadedAssignment) -> None:
    variant = Variant(name="other", source="other = lambda x: x\n", function="energy")
    question = Question(id="tiny.1", functions=["energy"], title="T", alternatives=[variant])
    with pytest.raises(GraderError, match="other is neither a function nor a class"):
        variants.alternatives(assignment, question)


def test_a_file_may_be_trivial_twice(assignment: LoadedAssignment) -> None:
    first, second = assignment.questions[:2]
    for one in variants.trivial_on_trivial(assignment, second, first):
        module = module_of(one)
        assert all(f"_right_{name}" in module for name in (*first.functions, *second.functions)), one.name
    zeros = next(one for one in variants.trivial_on_trivial(assignment, second, first) if one.name == "zeros")
    assert not module_of(zeros)["energy"](torch.ones(3), 2.0).any()
    assert not module_of(zeros)["centre"](torch.ones(3))[0].any()


def test_names_that_nothing_defines_are_told(assignment: LoadedAssignment) -> None:
    source = "import math\nclass A:\n    x = 1\n    y: int = x\ndef f(a):\n    return [math.pi, a, A], max(here)\n"
    assert StandIn(name="f", kind="listed", source=source).undefined_names() == ["here"]
    for question in assignment.questions:
        assert not any(one.undefined_names() for one in variants.misconceptions(assignment, question))


def test_each_generic_mistake_names_a_standard_check() -> None:
    assert all(callable(getattr(standard, one.found_by or "")) for one in GENERIC)
