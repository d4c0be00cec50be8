"""What a student's answer to a call amounts to: a failure, or a value of the oracle's structure."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from grader.compare import assert_structure
from grader.errors import CheckFailed
from grader.model import Cause
from grader.transports import Call
from grader.worker.calls import tensors_in
from grader.worker.messages import Answer, Mode, Raised

_READS_A_VALUE = "cannot be called on meta tensors"
_LEAVES_THE_DEVICE = "Cannot copy out of meta tensor"
_MEMORY_WORDS = ("can't allocate memory", "out of memory", "not enough memory")


_MODULE_ERRORS = {
    "NotAModuleError": "a torch.nn.Module is asked for, and this is none.",
    "NotInitialisedError": "the module lacks what nn.Module sets up; begin its __init__ with super().__init__().",
    "MissingMethodError": "the module lacks a method that the question asks for.",
    "StateMismatchError": "the module's parameters and buffers have other names or shapes than the question asks for.",
}


def is_too_large(answer: Answer) -> bool:
    """Whether the value of a call, or of those before it in its frame, was too much to travel."""
    return isinstance(answer, Raised) and answer.type_name == "WireError"


def as_failure(answer: Raised, function: str, mode: Mode) -> CheckFailed:
    """The failure that an exception in the student's code amounts to; its own message stays behind."""
    place = f" at line {answer.line} of your file: {answer.text}" if answer.line and answer.text else ""
    if _is_not_there(answer, mode):
        return CheckFailed(Cause.NOT_IMPLEMENTED, f"{function} is not implemented yet.")
    if answer.type_name == "NotDefinedError" and answer.line is None:
        return CheckFailed(Cause.NOT_IMPLEMENTED, f"Your file does not define {function}.")
    if answer.type_name == "MemoryError" or any(word in answer.message.lower() for word in _MEMORY_WORDS):
        return CheckFailed(Cause.MEMORY, f"{function} asked for more memory than it may have{place}.")
    if is_too_large(answer):
        return CheckFailed(Cause.SHAPE, f"{function} returned far more than the question asks for.")
    if answer.type_name in _MODULE_ERRORS:
        return CheckFailed(Cause.SHAPE, f"{function}: {_MODULE_ERRORS[answer.type_name]}")
    if answer.type_name == "DeviceMismatch":
        return CheckFailed(Cause.DEVICE, f"{function} returned a result that is not on the inputs' device.")
    if answer.type_name == "TypeError" and answer.line is None:
        return CheckFailed(Cause.EXCEPTION, f"{function} cannot be called with the arguments that its signature names.")
    return _raised_in(answer, function, mode, place)


def _is_not_there(answer: Raised, mode: Mode) -> bool:
    """Whether something is missing: the student's code or, on the meta device, what torch needs to judge it.

    Reading a value is fine on every device that has values; copying to the CPU is wrong on all but one.
    """
    if mode is Mode.META and _LEAVES_THE_DEVICE in answer.message:
        return False
    return answer.type_name == "NotImplementedError" or (mode is Mode.META and _READS_A_VALUE in answer.message)


def _raised_in(answer: Raised, function: str, mode: Mode, place: str) -> CheckFailed:
    what = f"{function} raised {answer.type_name}"
    if mode is Mode.META:
        advice = "Make new tensors on the inputs' device, and copy none of yours to the CPU."
        return CheckFailed(Cause.DEVICE, f"{what} when its inputs were not on the CPU{place}. {advice}")
    if mode in (Mode.VJP, Mode.VJP2):
        advice = "" if place else " Is something changed in place that autograd still needs?"
        return CheckFailed(Cause.EXCEPTION, f"When its gradient was taken, {what}{place}.{advice}")
    return CheckFailed(Cause.EXCEPTION, f"{what}{place}.")


def in_the_oracles_dtype(call: Call, value: Any, right: Any) -> Any:
    """The student's value, where float64 is as right as the oracle's float32 in float32.

    Where nothing that is given has a floating-point dtype, torch's default decides, which is the student's to set.
    """
    given = (call.args, dict(call.kwargs), call.construct)
    if call.mode is Mode.META or any(tensor.is_floating_point() for tensor in tensors_in(given)):
        return value
    return _narrowed(value, right)


def _narrowed(value: Any, right: Any) -> Any:
    if isinstance(value, Tensor) and isinstance(right, Tensor):
        return value.float() if (value.dtype, right.dtype) == (torch.float64, torch.float32) else value
    if isinstance(value, dict) and isinstance(right, dict):
        return {key: _narrowed(item, right.get(key)) for key, item in value.items()}
    if isinstance(value, tuple | list) and isinstance(right, tuple | list) and len(value) == len(right):
        narrowed = [_narrowed(one, other) for one, other in zip(value, right, strict=True)]
        return narrowed if isinstance(value, list) else tuple(narrowed)
    return value


def assert_reply(mode: Mode, value: Any, right: Any) -> None:
    """The reply to a call has the structure that the oracle's has.

    Raises:
        CheckFailed: With cause shape, dtype, device, or protocol where the worker made the reply up.
    """
    match mode:
        case Mode.CALL | Mode.NO_GRAD:
            assert_structure(value, right)
        case Mode.VJP | Mode.VJP2:
            _assert_derivatives(value, right)
        case Mode.OBSERVE | Mode.TRAIN:
            _assert_observation(value, len(right["asked"]))
            assert_structure(value["value"], right["value"])
        case Mode.COUNT:
            if not isinstance(value, dict) or value.keys() != right.keys() or not isinstance(value["operators"], int):
                raise CheckFailed(Cause.PROTOCOL, "the worker's reply is malformed.")
            assert_structure(value["value"], right["value"])
        case Mode.META:
            if isinstance(value, str) and value.startswith("on "):
                raise CheckFailed(Cause.DEVICE, "the result is not on the inputs' device.")
            if _plain(value) != _plain(right):
                raise CheckFailed(Cause.SHAPE, "with inputs that hold no data, the result has another shape or dtype.")


def _assert_derivatives(value: Any, right: Any) -> None:
    if not isinstance(value, tuple) or len(value) != len(right):
        raise CheckFailed(Cause.PROTOCOL, "the worker's reply is malformed.")
    assert_structure(value[0], right[0])
    if not all(isinstance(part, list) for part in value[1:]):
        raise CheckFailed(Cause.SHAPE, "the result has another structure when gradients are asked for.")
    for gradients, wanted in zip(value[1:], right[1:], strict=True):
        assert_structure(gradients, wanted, where="Gradients: ")


def _assert_observation(value: Any, asked: int) -> None:
    lists = ("changed", "marked", "generators", "warnings", "asked")
    fields = {**dict.fromkeys(lists, list), "value": object}
    if not isinstance(value, dict) or value.keys() != fields.keys():
        raise CheckFailed(Cause.PROTOCOL, "the worker's reply is malformed.")
    entries = [(value["changed"], int), (value["marked"], int), (value["generators"], str), (value["warnings"], str)]
    listed = all(isinstance(value[name], kind) for name, kind in fields.items())
    if not listed or not all(isinstance(item, kind) for items, kind in entries for item in items):
        raise CheckFailed(Cause.PROTOCOL, "the worker's reply is malformed.")
    if len(value["asked"]) != asked or not all(map(_is_log, value["asked"])):
        raise CheckFailed(Cause.PROTOCOL, "the worker's reply is malformed.")


def _is_log(value: Any) -> bool:
    """Whether this is how often a function was called, and with what."""
    match value:
        case (int(), list(args)):
            return all(isinstance(one, tuple) for one in args)
    return False


def _plain(value: Any) -> Any:
    """Nested tuples as lists, so that a list may stand for a tuple; tensors, which no structure holds, as nothing."""
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return None if isinstance(value, Tensor) else value
