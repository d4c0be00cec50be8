"""Frames between the grader and a worker: a request one way, and one reply. Both look alike:

    u32 header length | u64 body length | header: msgpack | body: raw tensor bytes

What a worker sends is hostile: both lengths are bounded before anything is read.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from typing import Final

Buffer = bytes | bytearray | memoryview

FRAME: Final = struct.Struct("<IQ")
MAX_HEADER_BYTES: Final = 1 << 20
MAX_BODY_BYTES: Final = 256 << 20
_MAX_PARTS: Final = 64


class WireError(Exception):
    """Bytes that are not a frame of this protocol, or a value too large for one."""


def frame(header: bytes, parts: Sequence[Buffer], body_bytes: int) -> list[Buffer]:
    """What to write for one frame.

    Raises:
        WireError: Where it would be too large to be read.
    """
    if len(header) > MAX_HEADER_BYTES or body_bytes > MAX_BODY_BYTES:
        raise WireError(f"a frame of {len(header)} + {body_bytes} bytes is too large")
    return [FRAME.pack(len(header), body_bytes) + header, *parts]


def read_frame(fd: int) -> tuple[bytes, memoryview]:
    """One frame from a blocking descriptor, as header and body.

    Raises:
        EOFError: Where the other side has closed it.
        WireError: Where the frame is too large.
    """
    header_bytes, body_bytes = FRAME.unpack(_read_exactly(fd, FRAME.size))
    check_sizes(header_bytes, body_bytes)
    return bytes(_read_exactly(fd, header_bytes)), memoryview(_read_exactly(fd, body_bytes))


def check_sizes(header_bytes: int, body_bytes: int) -> None:
    """Refuse a frame before anything is allocated for it.

    Raises:
        WireError: Where it is empty or too large.
    """
    if not 0 < header_bytes <= MAX_HEADER_BYTES or body_bytes > MAX_BODY_BYTES:
        raise WireError(f"a frame of {header_bytes} + {body_bytes} bytes is empty or too large")


def write_frame(fd: int, parts: Sequence[Buffer]) -> None:
    """Write all parts to a blocking descriptor."""
    outgoing = Outgoing(parts)
    while outgoing:
        outgoing.send(fd)


class Outgoing:
    """A frame on its way; truthy while some of it is not sent."""

    def __init__(self, parts: Sequence[Buffer]) -> None:
        self._parts = [view for view in (memoryview(part).cast("B") for part in parts) if view]

    def __bool__(self) -> bool:
        return bool(self._parts)

    def send(self, fd: int) -> None:
        """Write as much as the socket takes now.

        Raises:
            BrokenPipeError: Where the other side is gone.
        """
        try:
            sent = os.writev(fd, self._parts[:_MAX_PARTS])
        except BlockingIOError:
            return
        while sent:
            first = self._parts[0]
            if sent < len(first):
                self._parts[0] = first[sent:]
                return
            sent -= len(first)
            del self._parts[0]


def _read_exactly(fd: int, count: int) -> bytearray:
    data = bytearray(count)
    view, got = memoryview(data), 0
    while got < count:
        read = os.readv(fd, [view[got:]])
        if read == 0:
            raise EOFError("the other side closed the socket")
        got += read
    return data
