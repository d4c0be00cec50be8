"""What a grader may ask of a worker, and what a worker may answer.

Every message is one frame (`wire.py`). Values inside are nodes of `wire.Packer`; a reply repeats the request's
random id, so that bytes written early or late by a student's thread are told apart from an answer.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from grader.worker.wire import Node


class Mode(StrEnum):
    """How a function is called."""

    CALL = "call"
    """Its value."""
    NO_GRAD = "no grad"
    """Its value, where the caller has turned autograd off."""
    VJP = "vjp"
    """Its value, and the gradients of <cotangent, value> in every floating-point tensor given, described or not."""
    VJP2 = "vjp2"
    """As `VJP`, and the gradients of <direction, first gradients>."""
    OBSERVE = "observe"
    """Its value, with what the call changed, drew, warned of, and asked of functions that it was given."""
    COUNT = "count"
    """Its value, and how many operators it took."""
    TRAIN = "train"
    """As `OBSERVE`, for calls so long that noting what they ask of functions would cost too much."""
    META = "meta"
    """Forward and backward on the meta device: the shapes and dtypes of its value."""


class OnModule(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Which module a call is for, and how it is called."""

    method: str = "forward"
    loaded: bool = False
    """Whether the first argument is the state to compute with."""
    training: bool = True
    kept: int | None = None
    """The number of a module that training returned; None where one is built for this call."""


class WireCall(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One call."""

    function: str
    mode: Mode
    args: Node
    kwargs: Node
    cotangents: Node | None = None
    directions: Node | None = None
    module: OnModule | None = None
    """Where the call is to a module: of the class `function`, or kept."""
    construct: Node | None = None
    """What the module is built with: a tuple of positional and keyword arguments."""


class Load(msgspec.Struct, array_like=True, frozen=True, tag="load"):
    """Import a submission's source from memory as the module `module`."""

    id: int
    module: str
    source: str
    seed: int


class Run(msgspec.Struct, array_like=True, frozen=True, tag="run"):
    """Perform calls, in order, on functions of the module that was loaded."""

    id: int
    device: str
    calls: list[WireCall]


Request = Load | Run


class Returned(msgspec.Struct, frozen=True):
    """A call came back."""

    value: Any


class Raised(msgspec.Struct, array_like=True, frozen=True, tag="raised", forbid_unknown_fields=True):
    """A call, or the import, raised."""

    type_name: str
    message: str
    line: int | None = None
    """The last line of the submission's own file in the traceback."""
    text: str | None = None
    """That line, as the grader has it; what a worker says here is not read."""


Answer = Returned | Raised


class Packed(msgspec.Struct, array_like=True, frozen=True, tag="returned", forbid_unknown_fields=True, gc=False):
    """A `Returned` on the wire."""

    value: Node


class Reply(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """Answers of one request, in order. A `Load` has one, without a value."""

    id: int
    answers: list[Packed | Raised]


encode = msgspec.msgpack.Encoder().encode
decode_request = msgspec.msgpack.Decoder(Request).decode
decode_reply = msgspec.msgpack.Decoder(Reply).decode
