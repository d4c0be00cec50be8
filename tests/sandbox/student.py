"""A student's source, run in a worker, with everything that comes back."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

import msgspec

from grader.errors import WorkerFailure
from grader.model import Cause
from grader.worker import frames, messages, wire
from grader.worker.messages import Load, Mode, Raised, Request, Returned, Run, WireCall
from grader.workers import Worker


@dataclass(frozen=True)
class Attempt:
    """What became of a call."""

    raw: bytes
    """All bytes that the worker sent back or printed."""
    answer: Any = None
    """The decoded value, where the call returned."""
    raised: str | None = None
    """The type of the exception, where it raised one."""
    failure: WorkerFailure | None = None
    """How the worker failed, where it did."""


def attempt(worker: Worker, source: str, *args: Any, function: str = "attack", wall_s: float | None = None) -> Attempt:
    """Import `source` in the worker and call one of its functions."""
    raw = bytearray()
    try:
        loaded, _ = ask(worker, Load(_new_id(), "submission", source, 0), raw, wall_s=wall_s)
        if isinstance(loaded, Raised):
            return Attempt(bytes(raw), raised=loaded.type_name)
        packer = wire.Packer()
        call = WireCall(function, Mode.CALL, packer.pack(args), packer.pack({}))
        answer, body = ask(worker, Run(_new_id(), "cpu", [call]), raw, packer, wall_s)
        if isinstance(answer, Raised):
            return Attempt(bytes(raw), raised=answer.type_name)
        return Attempt(bytes(raw) + worker.printed().encode(), answer=_decoded(answer, body))
    except WorkerFailure as failure:
        return Attempt(bytes(raw) + worker.printed().encode(), failure=failure)


def ask(
    worker: Worker,
    request: Request,
    raw: bytearray,
    packer: wire.Packer | None = None,
    wall_s: float | None = None,
) -> tuple[Returned | Raised, memoryview]:
    """The one answer to a request, and the body that its tensors lie in."""
    packer = packer or wire.Packer()
    frame = frames.frame(messages.encode(request), packer.parts, packer.size)
    header, body = worker.request(frame, wall_s=wall_s)
    raw += header + bytes(body)
    try:
        reply = messages.decode_reply(header)
    except msgspec.MsgspecError:
        raise WorkerFailure(Cause.PROTOCOL, "not a reply") from None
    if reply.id != request.id or len(reply.answers) != 1:
        raise WorkerFailure(Cause.PROTOCOL, "not the reply to this request")
    return reply.answers[0], body


def _decoded(answer: Returned, body: memoryview) -> Any:
    try:
        return wire.unpack(answer.value, body)
    except frames.WireError as error:
        raise WorkerFailure(Cause.PROTOCOL, str(error)) from None


def _new_id() -> int:
    return secrets.randbits(62)
