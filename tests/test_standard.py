"""Checks that most questions want: each passes what is right and fails the one thing that it is for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import pytest
import torch
from torch import Tensor

from grader.errors import CheckFailed
from grader.examples import run_body, run_given
from grader.model import Cause
from grader.question import Check, Question
from grader.remote import Student
from grader.standard import (
    Arguments,
    about,
    accepts_any_strides,
    accepts_empty_batches,
    accurate_in,
    arguments,
    avoids_forbidden_names,
    cotangents_like,
    does_constant_work,
    gradients_match,
    ignores_other_examples,
    keeps_generators,
    keeps_precision,
    leaves_inputs_unchanged,
    matches_oracle,
    runs_on_other_devices,
    second_gradients_match,
)
from grader.strategies import Numbers, numbers
from grader.transports import LocalTransport

Rows = Callable[[Tensor], Tensor]


def right(x: Tensor) -> Tensor:
    return x.pow(3).sum(-1)


def rows(*sizes: int) -> st.SearchStrategy[Arguments]:
    return numbers().flatmap(lambda source: st.sampled_from(sizes).map(lambda n: arguments(source.normal((n, 4)))))


def change_all_but_first(inputs: Arguments, source: Numbers) -> Arguments:
    return inputs.map(lambda t: torch.cat((t[:1], source.normal(tuple(t[1:].shape)))))


CHECKS = {
    "values": matches_oracle(right, rows(2, 3)),
    "precision": keeps_precision(right, rows(2, 3)),
    "gradients": gradients_match(right, rows(2, 3)),
    "second gradients": second_gradients_match(right, rows(2, 3)),
    "float32": accurate_in(torch.float32, right, rows(2, 3)),
    "bfloat16": accurate_in(torch.bfloat16, lambda x: x.sum(-1), rows(1)),
    "unchanged": leaves_inputs_unchanged(rows(2, 3)),
    "strides": accepts_any_strides(right, rows(2, 3)),
    "empty": accepts_empty_batches(rows(0), right),
    "generators": keeps_generators(rows(2)),
    "devices": runs_on_other_devices(rows(2)),
    "work": does_constant_work(rows(2), rows(50)),
    "names": avoids_forbidden_names(rows(2)),
    "independence": ignores_other_examples(rows(2, 3), change_all_but_first),
}


def verdict(name: str, function: Any, oracle: Rows = right, forbidden: tuple[str, ...] = ()) -> CheckFailed | None:
    question = Question(id="q.1", functions=["f"], title="T")
    check = question.check("value", points=1, name="c", description="It holds.", examples=4)(CHECKS[name])
    del check
    (declared,) = question.checks
    oracles = LocalTransport({"f": oracle})
    found: list[CheckFailed] = []

    def body(drawn: Any) -> None:
        try:
            run_body(declared, Student(["f"], LocalTransport({"f": function}, quiet=False), oracles, forbidden), drawn)
        except CheckFailed as failure:
            found.append(failure)

    run_given(declared.test, 0, body)
    return found[0] if found else None


def _loops(x: Tensor) -> Tensor:
    return torch.stack([right(row) for row in x]) if len(x) else x.sum(-1)


def _writes(x: Tensor) -> Tensor:
    x.add_(0.0)
    return right(x)


MISTAKES: dict[str, tuple[Any, Cause]] = {
    "values": (lambda x: 2 * right(x), Cause.MISMATCH),
    "precision": (lambda x: right(x.float()).double(), Cause.MISMATCH),
    "gradients": (lambda x: right(x.detach()), Cause.MISMATCH),
    "second gradients": (lambda x: (x * x.detach() ** 2).sum(-1), Cause.MISMATCH),
    "float32": (lambda x: right(x.bfloat16()).to(x.dtype), Cause.MISMATCH),
    "bfloat16": (lambda x: 1.1 * x.sum(-1), Cause.MISMATCH),
    "unchanged": (_writes, Cause.MISMATCH),
    "strides": (lambda x: right(x.view(-1).view(-1, 4)), Cause.EXCEPTION),
    "empty": (lambda x: right(x) / (1 / len(x)) * 0 + 1, Cause.EXCEPTION),
    "generators": (lambda x: right(x) + 0 * torch.rand(()), Cause.MISMATCH),
    "devices": (lambda x: right(x + torch.zeros(4, dtype=x.dtype)), Cause.DEVICE),
    "work": (_loops, Cause.MISMATCH),
    "independence": (lambda x: right(x) + x.mean(), Cause.MISMATCH),
}


@pytest.mark.parametrize("name", CHECKS)
def test_what_is_right_passes(name: str) -> None:
    def total(x: Tensor) -> Tensor:
        return x.sum(-1)

    function = total if name == "bfloat16" else right
    assert verdict(name, function, function) is None


@pytest.mark.parametrize("name", MISTAKES)
def test_what_a_check_is_for_fails_it(name: str) -> None:
    function, cause = MISTAKES[name]
    failure = verdict(name, function, (lambda x: x.sum(-1)) if name == "bfloat16" else right)
    assert failure is not None
    assert failure.cause is cause


@pytest.mark.parametrize(
    ("name", "passes"),
    [(name, {"precision", "values"} - {name}) for name in ("unchanged", "generators", "work", "devices", "strides")],
)
def test_bad_manners_do_not_cost_the_values(name: str, passes: set[str]) -> None:
    for other in passes:
        assert verdict(other, MISTAKES[name][0]) is None


def test_names_that_are_forbidden_are_told() -> None:
    failure = verdict("names", right, forbidden=("torch.norm on line 3",))
    assert failure is not None
    assert failure.message == "your code uses torch.norm on line 3, which this question asks you to write yourself."


@pytest.mark.parametrize("name", ["float32", "bfloat16"])
def test_another_dtype_is_said_for_what_it_is(name: str) -> None:
    failure = verdict(name, lambda x: right(x).double())
    assert failure is not None
    assert failure.cause is Cause.DTYPE


def test_every_check_has_a_line_for_the_student_and_a_name() -> None:
    question = Question(id="q.1", functions=["f"], title="T")
    for check in CHECKS.values():
        question.check("law", points=1)(check)
    assert all(isinstance(check, Check) and check.description.endswith(".") for check in question.checks)
    assert len({check.name for check in question.checks}) == len(CHECKS)


def test_arguments_are_changed_wherever_a_tensor_is() -> None:
    x = torch.ones(2, dtype=torch.float64)
    changed = arguments(x, [x, 3], k=x, n=torch.tensor([1])).to(torch.float16)
    assert [t.dtype for t in (changed.args[0], changed.args[1][0], changed.kwargs["k"])] == [torch.float16] * 3
    assert changed.args[1][1] == 3
    assert changed.kwargs["n"].dtype == torch.int64


def test_cotangents_have_the_shapes_of_a_value() -> None:
    weights = cotangents_like((torch.ones(2, 3), [torch.ones(())]), Numbers(seed=1, decimals=2))
    assert weights[0].shape == (2, 3)
    assert weights[1][0].shape == ()
    assert len(set(weights[0].flatten().tolist())) > 1


@pytest.mark.parametrize(("second", "fails"), [(right, False), (lambda x: 2 * right(x), True)])
def test_a_check_can_be_about_another_function_of_the_question(second: Rows, fails: bool) -> None:
    """The main function is wrong and not asked; what was asked is shown with the student's other calls."""
    question = Question(id="q.1", functions=["f", "g"], title="T")
    question.check("value", points=1)(about("g", matches_oracle(right, rows(3))))
    (check,) = question.checks
    assert (check.name, check.description) == ("values_of_g", "Returns the right values.")
    functions, oracles = {"f": torch.zeros_like, "g": second}, {"f": right, "g": right}
    student = Student(["f", "g"], LocalTransport(functions, quiet=False), LocalTransport(oracles))
    drawn = {"inputs": arguments(torch.ones(3, 4, dtype=torch.float64))}
    try:
        run_body(check, student, drawn)
        failed = False
    except CheckFailed:
        failed = True
    assert failed is fails
    assert [call.function for call, _ in student.shown] == ["g"]


def test_what_fails_on_every_device_is_no_matter_of_devices() -> None:
    def fails(x: Tensor) -> Tensor:
        return x[:, :, :, 0]

    failure = verdict("devices", fails)
    assert failure is not None
    assert failure.cause is Cause.EXCEPTION
    assert verdict("devices", _writes) is None
