"""Checks that most questions want, as factories of `@given` functions.

    check_value = question.check("value", points=8)(matches_oracle(kl_standard, arguments()))

Each takes a strategy of `Arguments` and returns a check of the question's main function. Its docstring is the
line that the student reads; give `description=` to `question.check` where the question has a better one. `about`
turns it to another of the question's functions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from hypothesis import given
from hypothesis.strategies import SearchStrategy
from torch import Tensor

from grader.compare import FORMULA, PRECISION, ROUNDED, Tolerance, assert_value, expect
from grader.errors import CheckFailed
from grader.model import Cause
from grader.remote import RemoteFunction, Student
from grader.strategies import Numbers, beyond_the_simplest, numbers
from grader.worker import families, modules
from grader.worker.calls import map_tensors, tensors_in, vjp, vjp2

Function = Callable[..., Any]


@dataclass(frozen=True)
class Arguments:
    """What a function is called with."""

    args: tuple[Any, ...]
    """Of a module, first the state that it computes with."""
    kwargs: dict[str, Any] = field(default_factory=dict)
    construct: tuple[tuple[Any, ...], dict[str, Any]] | None = None
    """What the module is built with, where a class is asked for: positional and keyword arguments."""
    method: str = "forward"
    loaded: bool = True
    """Of a module, whether it computes with a state that is given, or with what it was built with."""

    def map(self, change: Callable[[Tensor], Tensor]) -> Arguments:
        """The same arguments with every tensor changed."""
        args, kwargs, construct = (map_tensors(change, part) for part in (self.args, self.kwargs, self.construct))
        return Arguments(args, kwargs, construct, self.method, self.loaded)

    def to(self, dtype: torch.dtype) -> Arguments:
        """The same arguments with every floating-point tensor in another dtype."""
        return self.map(lambda tensor: tensor.to(dtype) if tensor.is_floating_point() else tensor)


def arguments(*args: Any, **kwargs: Any) -> Arguments:
    """The arguments of one call."""
    return Arguments(args, kwargs)


def of_module(build: Arguments, state: Mapping[str, Tensor] | None, *args: Any, method: str = "forward") -> Arguments:
    """The arguments of one call of a module's method.

    Args:
        build: What the class is called with.
        state: All of the module's parameters and buffers, by name, to compute with; None where it is what it was built
            with, so that nothing depends on how the module names its parts.
        args: What the method is called with.
        method: Its name.
    """
    given = args if state is None else (dict(state), *args)
    return Arguments(given, construct=(build.args, build.kwargs), method=method, loaded=state is not None)


def asked(student: Student, inputs: Arguments) -> RemoteFunction:
    """What a check of these arguments is about: the question's function, or a method of its module."""
    if inputs.construct is None:
        return student.function
    args, kwargs = inputs.construct
    module = student.function.build(*args, **kwargs)
    return (module.expecting_state() if inputs.loaded else module).method(inputs.method)


def answer(oracle: Function, inputs: Arguments) -> Any:
    """The oracle's value for these arguments, whatever of them is only described."""
    args, kwargs = families.built((inputs.args, inputs.kwargs), "cpu")
    return as_function(oracle, inputs)(*args, **kwargs)


def as_function(oracle: Function, inputs: Arguments) -> Function:
    """The oracle itself, or the method of a module that the arguments are for."""
    if inputs.construct is None:
        return oracle
    module = modules.constructed(oracle, *families.built(inputs.construct, "cpu"))
    return modules.as_function(module, inputs.method, loaded=inputs.loaded, training=True)


def _named(name: str, check: Function) -> Function:
    check.__name__ = name
    return check


def about(function: str, check: Function) -> Function:
    """The same check, of another of the question's functions than its main one."""
    handle: Any = check
    body = handle.hypothesis.inner_test

    @given(**handle.hypothesis._given_kwargs)
    def again(student: Student, **drawn: Any) -> None:
        body(student.about(function), **drawn)

    again.__doc__ = check.__doc__
    return _named(f"{check.__name__}_of_{function}", again)


def matches_oracle(oracle: Function, inputs: SearchStrategy[Arguments], *, tolerance: Tolerance = FORMULA) -> Function:
    """Value: equals the oracle in float64."""

    @given(inputs=inputs)
    def check(student: Student, inputs: Arguments) -> None:
        """Returns the right values."""
        assert_value(asked(student, inputs)(*inputs.args, **inputs.kwargs), answer(oracle, inputs), tolerance=tolerance)

    return _named("check_values", check)


def keeps_precision(
    oracle: Function, inputs: SearchStrategy[Arguments], *, tolerance: Tolerance = PRECISION
) -> Function:
    """Precision: float64 inputs give float64 accuracy, with no float32 constant on the way."""

    @given(inputs=inputs)
    def check(student: Student, inputs: Arguments) -> None:
        """Keeps the accuracy of float64 inputs."""
        assert_value(asked(student, inputs)(*inputs.args, **inputs.kwargs), answer(oracle, inputs), tolerance=tolerance)

    return _named("check_keeps_float64_precision", check)


def gradients_match(oracle: Function, inputs: SearchStrategy[Arguments], *, tolerance: Tolerance = FORMULA) -> Function:
    """Gradient: first derivatives in every floating-point argument equal the oracle's, for random cotangents."""

    @given(inputs=inputs, source=numbers())
    def check(student: Student, inputs: Arguments, source: Numbers) -> None:
        """Has the right gradient in every argument."""
        weights = cotangents_like(answer(oracle, inputs), source)
        got = asked(student, inputs).vjp(inputs.args, weights, inputs.kwargs)
        assert_value(got, oracle_vjp(oracle, inputs, weights), tolerance=tolerance)

    return _named("check_gradients", check)


def second_gradients_match(
    oracle: Function, inputs: SearchStrategy[Arguments], *, tolerance: Tolerance = FORMULA
) -> Function:
    """Gradient: second derivatives equal the oracle's, for random cotangents and directions."""

    @given(inputs=inputs, source=numbers())
    def check(student: Student, inputs: Arguments, source: Numbers) -> None:
        """Can be differentiated twice."""
        weights = cotangents_like(answer(oracle, inputs), source)
        floats = [tensor for tensor in tensors_in(inputs.args) if tensor.is_floating_point()]
        directions = [source.normal(tuple(tensor.shape)) for tensor in floats]
        got = asked(student, inputs).vjp2(inputs.args, weights, directions, inputs.kwargs)
        assert_value(got, oracle_vjp2(oracle, inputs, weights, directions), tolerance=tolerance)

    return _named("check_second_gradients", check)


def accurate_in(
    dtype: torch.dtype,
    oracle: Function,
    inputs: SearchStrategy[Arguments],
    *,
    tolerance: Tolerance | None = None,
) -> Function:
    """Stress: inputs of a dtype give that dtype, within its rounding of the float64 result for the same inputs."""

    @given(inputs=inputs)
    def check(student: Student, inputs: Arguments) -> None:
        given_inputs = inputs.to(dtype)
        exact_inputs = given_inputs.to(torch.float64)
        got = asked(student, given_inputs)(*given_inputs.args, **given_inputs.kwargs)
        exact = answer(oracle, exact_inputs)
        _assert_rounded(got, exact, dtype, tolerance or ROUNDED[dtype])

    check.__doc__ = f"Stays accurate in {str(dtype).removeprefix('torch.')}."
    return _named(f"check_accurate_in_{str(dtype).removeprefix('torch.')}", check)


def _assert_rounded(got: Any, exact: Any, dtype: torch.dtype, tolerance: Tolerance) -> None:
    for tensor in tensors_in(got):
        if tensor.is_floating_point() and tensor.dtype != dtype:
            raise CheckFailed(Cause.DTYPE, f"inputs are {dtype}, the result is {tensor.dtype}; keep the inputs' dtype.")
    widened = map_tensors(lambda t: t.to(torch.float64) if t.is_floating_point() else t, got)
    assert_value(widened, exact, tolerance=tolerance)


def leaves_inputs_unchanged(inputs: SearchStrategy[Arguments]) -> Function:
    """Robustness: no tensor that was given is written to."""

    @given(inputs=inputs)
    def check(student: Student, inputs: Arguments) -> None:
        """Leaves its inputs as they were."""
        seen = asked(student, inputs).observe(*inputs.args, **inputs.kwargs)
        expect(not seen.changed, "a tensor that was passed in has other values, or was written to, after the call.")

    return _named("check_leaves_inputs_unchanged", check)


def accepts_any_strides(
    oracle: Function, inputs: SearchStrategy[Arguments], *, tolerance: Tolerance = FORMULA
) -> Function:
    """Robustness: transposed, strided and expanded inputs give what contiguous ones give."""

    @given(inputs=inputs)
    def check(student: Student, inputs: Arguments) -> None:
        """Accepts tensors with any memory layout."""
        for layout in (_transposed, _sliced):
            changed = inputs.map(layout)
            assert_value(
                asked(student, changed)(*changed.args, **changed.kwargs),
                answer(oracle, inputs),
                tolerance=tolerance,
            )

    return _named("check_accepts_any_memory_layout", check)


def _transposed(tensor: Tensor) -> Tensor:
    """The same values stored with the first dimension innermost."""
    if tensor.dim() < 2:
        return tensor
    return tensor.movedim(0, -1).contiguous().movedim(-1, 0)


def _sliced(tensor: Tensor) -> Tensor:
    """The same values cut out of a wider tensor, so that rows do not follow one another in memory."""
    if tensor.dim() == 0:
        return tensor
    return torch.cat((tensor, torch.zeros_like(tensor)), dim=-1)[..., : tensor.shape[-1]]


def accepts_empty_batches(inputs: SearchStrategy[Arguments], oracle: Function) -> Function:
    """Robustness: a batch of no examples gives an empty result of the right shape. `inputs` must be empty ones."""

    @given(inputs=inputs)
    def check(student: Student, inputs: Arguments) -> None:
        """Accepts a batch with no examples."""
        assert_value(asked(student, inputs)(*inputs.args, **inputs.kwargs), answer(oracle, inputs))

    return _named("check_accepts_empty_batches", check)


def keeps_generators(inputs: SearchStrategy[Arguments]) -> Function:
    """Behaviour: no global random generator is drawn from or seeded."""

    @given(inputs=inputs)
    def check(student: Student, inputs: Arguments) -> None:
        """Leaves the global random generators alone."""
        seen = asked(student, inputs).observe(*inputs.args, **inputs.kwargs)
        expect(not seen.generators, "the call draws from, or seeds, a global random generator.")

    return _named("check_leaves_global_generators_alone", check)


def runs_on_other_devices(inputs: SearchStrategy[Arguments]) -> Function:
    """Behaviour: forward and backward on the meta device, which fails on a constant made on the CPU.

    Torch has no meta kernel for some operators, such as `linalg.lstsq`, and no values to read there; code that uses
    one, or reads one, passes, because nothing is known against it. Code that copies to the CPU does not.

    There it takes milliseconds, of one input that is not of the smallest sizes.
    """

    @given(inputs=beyond_the_simplest(inputs))
    def check(student: Student, inputs: Arguments) -> None:
        """Works on whatever device its inputs are on."""
        try:
            asked(student, inputs).on_meta(*inputs.args, **inputs.kwargs)
        except CheckFailed as failure:
            if failure.cause is Cause.NOT_IMPLEMENTED:
                return
            if failure.cause is Cause.DEVICE:
                # What fails on the CPU too is no matter of devices, and says so.
                asked(student, inputs)(*inputs.args, **inputs.kwargs)
            raise

    handle: Any = check
    handle.examples = 1
    return _named("check_runs_on_other_devices", check)


def does_constant_work(
    small: SearchStrategy[Arguments], large: SearchStrategy[Arguments], *, grows: str = "the batch"
) -> Function:
    """Behaviour: as many operators for a large batch, or whatever else grows, as for a small one.

    Both strategies fix all other sizes.
    """

    @given(small=small, large=large)
    def check(student: Student, small: Arguments, large: Arguments) -> None:
        """Handles the batch with tensor operations, not with a Python loop."""
        few = asked(student, small).operators(*small.args, **small.kwargs)
        many = asked(student, large).operators(*large.args, **large.kwargs)
        expect(many <= few, f"the number of tensor operations grows with {grows}.")

    return _named("check_does_not_loop_over_the_batch", check)


def avoids_forbidden_names(inputs: SearchStrategy[Arguments]) -> Function:
    """Behaviour: an advisory static scan finds none of the names that the question forbids."""

    @given(inputs=inputs)
    def check(student: Student, inputs: Arguments) -> None:
        """Is written with elementary operations, as the question asks."""
        asked(student, inputs)(*inputs.args, **inputs.kwargs)
        used = ", ".join(student.forbidden_uses)
        expect(not used, f"your code uses {used}, which this question asks you to write yourself.")

    return _named("check_avoids_forbidden_names", check)


def ignores_other_examples(
    inputs: SearchStrategy[Arguments], change_others: Callable[[Arguments, Numbers], Arguments]
) -> Function:
    """Law (catalogue L3): changing examples 1, 2, ... of a batch leaves the result of example 0 as it is.

    Args:
        inputs: Arguments with one leading batch dimension of at least 2.
        change_others: The same arguments with other values everywhere but at index 0 of the batch.
    """

    @given(inputs=inputs, source=numbers())
    def check(student: Student, inputs: Arguments, source: Numbers) -> None:
        """Treats each example of a batch on its own."""
        changed = change_others(inputs, source)
        before = asked(student, inputs)(*inputs.args, **inputs.kwargs)
        after = asked(student, changed)(*changed.args, **changed.kwargs)
        assert_value(map_tensors(lambda t: t[0], after), map_tensors(lambda t: t[0], before))

    return _named("check_treats_examples_independently", check)


def cotangents_like(value: Any, source: Numbers) -> Any:
    """Random float64 weights shaped like a value: what a vector-Jacobian product is taken with."""
    return map_tensors(lambda tensor: source.normal(tuple(tensor.shape)), value)


def oracle_vjp(oracle: Function, inputs: Arguments, weights: Any) -> tuple[Tensor, ...]:
    """The oracle's gradients of <weights, value>, by autograd, for each floating-point tensor."""
    function = families.building(as_function(oracle, inputs), "cpu")
    return tuple(vjp(function, inputs.args, families.built(inputs.kwargs, "cpu"), weights)[1])


def oracle_vjp2(oracle: Function, inputs: Arguments, weights: Any, directions: Any) -> tuple[Tensor, ...]:
    """The oracle's gradients of <directions, vjp>, by autograd, for each floating-point tensor."""
    function = families.building(as_function(oracle, inputs), "cpu")
    return tuple(vjp2(function, inputs.args, families.built(inputs.kwargs, "cpu"), weights, directions)[2])
