"""A reply as it came: bytes from a worker, which may be anything at all, until its answers are read."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property

import msgspec

from grader.errors import WorkerFailure
from grader.model import Cause
from grader.worker import messages, wire
from grader.worker.frames import WireError
from grader.worker.messages import Answer, Raised, Reply, Returned

MAX_MESSAGE_CHARS = 2000
MAX_LINE_CHARS = 200


class Received:
    """What a worker sent back to one request.

    Args:
        header: From a worker, as is `body`: anything at all.
        body: Where the tensors of the reply lie.
        number: Of the request.
        count: Of the calls in it.
        lines: Of the submission's source.
    """

    def __init__(self, header: bytes, body: memoryview, *, number: int, count: int, lines: Sequence[str]) -> None:
        self._header = header
        self._body = body
        self._number = number
        self._count = count
        self._lines = lines
        self._answers: list[Answer] | None = None

    def read(self) -> list[Answer]:
        """The answers, in order.

        Raises:
            WorkerFailure: With cause protocol, where the bytes are not the reply that was asked for.
        """
        if self._answers is None:
            self._answers = self._decoded()
        return self._answers

    def _decoded(self) -> list[Answer]:
        try:
            reply = messages.decode_reply(self._header)
            if reply.id != self._number or len(reply.answers) != self._count:
                raise WireError("not the reply to this request")
            values = wire.Unpacker(self._body)
            return [
                _placed(answer, self._lines) if isinstance(answer, Raised) else Returned(values.value(answer.value))
                for answer in reply.answers
            ]
        except (msgspec.MsgspecError, WireError, RecursionError, UnicodeDecodeError) as error:
            raise WorkerFailure(
                Cause.PROTOCOL, "Your process sent something that is not a reply; nothing of it was believed."
            ) from error

    @cached_property
    def digest(self) -> bytes | None:
        """Of every byte but the request's number; None where it does not begin with that number.

        Replies to the same calls that have one digest are read as the same answers.
        """
        beginning = messages.encode(Reply(self._number, []))[:-1]
        if not self._header.startswith(beginning):
            return None
        rest = self._header[len(beginning) :]
        hasher = hashlib.blake2b(f"{len(rest)};".encode(), digest_size=32)
        hasher.update(rest)
        hasher.update(self._body)
        return hasher.digest()


def _placed(raised: Raised, lines: Sequence[str]) -> Raised:
    """What a worker says that its code raised, with the text of the line as it was handed in."""
    known = raised.line is not None and 0 < raised.line <= len(lines)
    return Raised(
        raised.type_name[: wire.MAX_NAME_CHARS],
        raised.message[:MAX_MESSAGE_CHARS],
        raised.line if known else None,
        lines[raised.line - 1].strip()[:MAX_LINE_CHARS] if known and raised.line else None,
    )
