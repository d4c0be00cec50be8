"""A student's code as a check sees it: every mode of calling, and what an answer of another structure amounts to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from grader.errors import CheckFailed, GraderError
from grader.model import Cause
from grader.remote import Student
from grader.replies import as_failure, assert_reply
from grader.transports import Call, LocalTransport, RecordingTransport, ReplayTransport
from grader.worker.messages import Mode, Raised, Returned
from grader.worker.wire import Opaque

X = torch.tensor([1.0, -2.0, 3.0], dtype=torch.float64)
ONE = torch.ones((), dtype=torch.float64)


def cube(x: Tensor) -> Tensor:
    return x.pow(3).sum()


def student_of(function: Callable[..., Any], oracle: Callable[..., Any] = cube) -> Student:
    return Student(["f"], LocalTransport({"f": function}, quiet=False), LocalTransport({"f": oracle}))


def failure(ask: Callable[[], Any]) -> CheckFailed:
    with pytest.raises(CheckFailed) as caught:
        ask()
    return caught.value


def test_a_function_is_called_and_differentiated() -> None:
    student = student_of(lambda x: (x * x * x).sum())
    assert student.f(X) == student.function(X) == cube(X)
    (gradient,) = student.f.vjp([X], 2 * ONE)
    torch.testing.assert_close(gradient, 6 * X**2)
    (second,) = student.f.vjp2([X], ONE, [torch.ones_like(X)])
    torch.testing.assert_close(second, 6 * X)
    student.f.on_meta(X)
    assert [call.mode for call, _ in student.shown] == [Mode.CALL, Mode.CALL, Mode.VJP, Mode.VJP2, Mode.META]


def test_only_what_the_question_asks_for_is_there() -> None:
    with pytest.raises(AttributeError, match="this question asks for f, not for 'g'"):
        student_of(cube).g(X)


def test_the_caller_keeps_its_tensors() -> None:
    before = X.clone()
    student_of(lambda x: x.zero_().sum()).f(X)
    assert torch.equal(X, before)


def test_an_observation_says_what_a_call_did_besides() -> None:
    import random
    import warnings

    def busy(x: Tensor, y: Tensor) -> Tensor:
        y.add_(1)
        torch.rand(())
        random.random()
        warnings.warn("careful", FutureWarning, stacklevel=1)
        return cube(x)

    seen = student_of(busy, lambda x, y: cube(x)).f.observe(X, X + 1)
    assert (seen.changed, seen.generators, seen.warnings) == ((1,), ("torch", "random"), ("FutureWarning",))
    assert seen.value == cube(X)
    quiet = student_of(lambda x, y: cube(x), lambda x, y: cube(x)).f.observe(X, X + 1)
    assert (quiet.changed, quiet.generators, quiet.warnings) == ((), (), ())


def test_operators_are_those_of_the_forward_pass() -> None:
    assert 0 < student_of(cube).f.operators(X) < student_of(lambda x: cube(x) + 0).f.operators(X)


@pytest.mark.parametrize(
    ("function", "cause"),
    [
        (lambda x: None, Cause.SHAPE),
        (lambda x: x, Cause.SHAPE),
        (lambda x: cube(x).float(), Cause.DTYPE),
        (lambda x: (cube(x),), Cause.SHAPE),
        (lambda x: cube(x).item(), Cause.SHAPE),
        (lambda x: 1 / 0, Cause.EXCEPTION),
    ],
)
def test_a_value_of_another_structure_never_reaches_a_check(function: Callable[..., Any], cause: Cause) -> None:
    student = student_of(function)
    assert failure(lambda: student.f(X)).cause is cause
    assert failure(lambda: student.f.vjp([X], ONE)).cause is cause
    assert failure(lambda: student.f.vjp2([X], ONE, [X])).cause is cause
    assert failure(lambda: student.f.observe(X)).cause is cause
    assert failure(lambda: student.f.operators(X)).cause is cause


def draws(count: Any, dtype: torch.dtype | None = None) -> Any:
    """As code does that follows torch's default dtype, or does not."""
    return torch.ones(int(count), dtype=dtype), [{"parts": torch.zeros(2, dtype=dtype)}]


@pytest.mark.parametrize("mode", [Mode.CALL, Mode.NO_GRAD, Mode.OBSERVE])
@pytest.mark.parametrize("given", [3, torch.tensor(3)])
def test_a_student_may_set_torchs_default_dtype(mode: Mode, given: Any) -> None:
    student = student_of(lambda count: draws(count, torch.float64), draws)
    value = student.ask(Call(function="f", mode=mode, args=(given,), kwargs={}))
    ones, (parts,) = value["value"] if mode is Mode.OBSERVE else value
    assert (ones.dtype, parts["parts"].dtype) == (torch.float32, torch.float32)


@pytest.mark.parametrize(
    ("given", "mine", "right"),
    [
        (3, torch.float16, torch.float32),
        (3, torch.int64, torch.float32),
        (3, torch.float32, torch.float64),
        (torch.tensor(3.0), torch.float64, torch.float32),
    ],
)
def test_any_other_dtype_is_wrong(given: Any, mine: torch.dtype, right: torch.dtype) -> None:
    student = student_of(lambda count: draws(count, mine), lambda count: draws(count, right))
    assert failure(lambda: student.f(given)).cause is Cause.DTYPE


def test_a_value_that_was_cut_from_the_graph_has_zero_gradients() -> None:
    student = student_of(lambda x: cube(x.detach()))
    assert student.f.vjp([X], ONE)[0].tolist() == [0, 0, 0]
    assert student.f.vjp2([X], ONE, [X])[0].tolist() == [0, 0, 0]


def test_code_that_makes_tensors_on_the_cpu_does_not_work_elsewhere() -> None:
    student = student_of(lambda x: cube(x + torch.zeros(3, dtype=x.dtype)))
    assert failure(lambda: student.f.on_meta(X)).cause is Cause.DEVICE
    student = student_of(lambda x: torch.zeros((), dtype=x.dtype))
    assert failure(lambda: student.f.on_meta(X)).message == "the result is not on the inputs' device."
    student = student_of(lambda x: x)
    assert failure(lambda: student.f.on_meta(X)).cause is Cause.SHAPE


def test_an_oracle_that_cannot_answer_is_a_fault_of_ours() -> None:
    with pytest.raises(GraderError, match="the oracle raised ZeroDivisionError"):
        student_of(cube, lambda x: 1 / 0).f(X)


@pytest.mark.parametrize(
    ("raised", "mode", "cause", "sentence"),
    [
        (Raised("NotImplementedError", ""), Mode.CALL, Cause.NOT_IMPLEMENTED, "f is not implemented yet."),
        (Raised("NotDefinedError", "", None), Mode.CALL, Cause.NOT_IMPLEMENTED, "Your file does not define f."),
        (Raised("AttributeError", "", None), Mode.CALL, Cause.EXCEPTION, "f raised AttributeError."),
        (Raised("AttributeError", "", 3, "x.y"), Mode.CALL, Cause.EXCEPTION, "f raised AttributeError at line 3"),
        (Raised("MemoryError", ""), Mode.CALL, Cause.MEMORY, "f asked for more memory than it may have."),
        (Raised("RuntimeError", "x: can't allocate memory"), Mode.CALL, Cause.MEMORY, "f asked for more memory"),
        (Raised("WireError", "S"), Mode.CALL, Cause.SHAPE, "f returned far more than the question asks for."),
        (Raised("DeviceMismatch", "S"), Mode.CALL, Cause.DEVICE, "f returned a result that is not on the inputs'"),
        (Raised("TypeError", "S", None), Mode.CALL, Cause.EXCEPTION, "f cannot be called with the arguments"),
        (Raised("TypeError", "S", 2, "x + None"), Mode.CALL, Cause.EXCEPTION, "f raised TypeError at line 2"),
        (Raised("RuntimeError", "S", 2, "x.cpu()"), Mode.META, Cause.DEVICE, "f raised RuntimeError when its inputs"),
        (Raised("RuntimeError", "S", None), Mode.VJP, Cause.EXCEPTION, "When its gradient was taken, f raised"),
    ],
)  # fmt: skip
def test_an_exception_is_said_by_its_type_and_line(raised: Raised, mode: Mode, cause: Cause, sentence: str) -> None:
    found = as_failure(Raised(raised.type_name, f"{raised.message} SECRET", raised.line, raised.text), "f", mode)
    assert found.cause is cause
    assert found.message.startswith(sentence)
    assert "SECRET" not in found.message


HOSTILE: list[Any] = [
    None,
    7,
    "on meta",
    "text",
    Opaque("Liar"),
    X,
    (X,),
    (X, X, X, X),
    [X, [X]],
    (ONE, X),
    (ONE, [X, X]),
    (ONE, [Opaque("Liar")]),
    (ONE, None),
    {"value": ONE},
    {"value": ONE, "changed": [X], "marked": [], "generators": [], "warnings": [], "asked": []},
    {"value": ONE, "changed": [], "marked": [], "generators": [X], "warnings": [], "asked": []},
    {
        "value": ONE,
        "changed": [],
        "marked": [],
        "generators": [],
        "warnings": [Opaque("Liar")],
        "asked": [],
    },
    {"value": X, "changed": [], "marked": [], "generators": [], "warnings": [], "asked": []},
    {"value": ONE, "operators": X},
    {"value": X, "operators": 1},
    ["float64", [X]],
    [X, [X]],
    {"float64": X},
]


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: repr(value)[:40])
def test_a_made_up_reply_is_the_students_failure_in_every_mode(mode: Mode, value: Any) -> None:
    call = Call(function="f", mode=mode, args=(X,), kwargs={}, cotangents=ONE, directions=[X])
    right = LocalTransport({"f": cube}).perform(call)
    assert isinstance(right, Returned)
    assert_reply(mode, right.value, right.value)
    assert failure(lambda: assert_reply(mode, value, right.value)).cause in (
        Cause.SHAPE,
        Cause.DTYPE,
        Cause.DEVICE,
        Cause.PROTOCOL,
    )


def call(*args: Any, **changes: Any) -> Call:
    return Call(**{"function": "f", "mode": Mode.CALL, "args": args, "kwargs": {}, **changes})


@pytest.mark.parametrize(
    "other",
    [
        call(X, function="g"),
        call(X, mode=Mode.VJP),
        call(X, kwargs={"k": 1}),
        call(X, cotangents=ONE),
        call(X, directions=[X]),
        call(X, X),
        call(X.float()),
        call(X[None]),
        call(torch.stack((X, X), -1)[:, 0]),
        call(X + 1e-15),
        call(X.tolist()),
    ],
    ids=lambda value: value.text(),
)
def test_a_call_is_the_same_only_where_it_asks_the_same(other: Call) -> None:
    assert call(X).same_as(call(X.clone()))
    assert not call(X).same_as(other)
    assert not other.same_as(call(X))
    assert other.same_as(other)


def test_a_replay_answers_in_order_and_asks_live_for_anything_else() -> None:
    recorder = RecordingTransport(LocalTransport({"f": cube}))
    for number in (1, 2):
        recorder.perform(call(number * X))
    live = RecordingTransport(LocalTransport({"f": lambda x: -ONE}))
    replay = ReplayTransport(recorder.log, live)
    assert replay.perform(call(X)) == recorder.log[0][1]
    assert replay.perform(call(5 * X)).value == -ONE  # type: ignore[union-attr]
    assert replay.perform(call(2 * X)) == recorder.log[1][1]
    assert replay.perform(call(X)).value == -ONE  # type: ignore[union-attr]
    assert [one.args[0].tolist() for one, _ in live.log] == [(5 * X).tolist(), X.tolist()]


@pytest.mark.parametrize("mode", [Mode.CALL, Mode.OBSERVE])
def test_the_text_of_a_call_repeats_it(mode: Mode) -> None:
    asked = Call(function="f", mode=mode, args=(X, [1, "a"]), kwargs={"k": 2.5}, cotangents=None)
    got: list[Any] = []
    eval(asked.text(), {"torch": torch, "f": lambda *args, **kwargs: got.append((args, kwargs))})
    ((x, rest), kwargs) = got[0]
    assert torch.equal(x, X)
    assert (rest, kwargs) == ([1, "a"], {"k": 2.5})
