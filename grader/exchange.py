"""Bytes from a worker that may stall, flood or lie. Nothing here blocks, and nothing is unbounded."""

from __future__ import annotations

import os
from typing import Final

from grader.worker.frames import FRAME, check_sizes

KEPT_OUTPUT_BYTES: Final = 64 << 10
MAX_OUTPUT_BYTES: Final = 64 << 20
_CHUNK_BYTES = 1 << 16


class Incoming:
    """One frame on its way here."""

    def __init__(self) -> None:
        self._buffer = bytearray(FRAME.size)
        self._filled = 0
        self._header_bytes: int | None = None
        self.complete = False

    def receive(self, fd: int) -> None:
        """Read as much as there is, and never beyond the frame.

        Raises:
            EOFError: Where the other side closed the socket.
            WireError: Where the frame is larger than any may be.
        """
        while not self.complete:
            try:
                count = os.readv(fd, [memoryview(self._buffer)[self._filled :]])
            except BlockingIOError:
                return
            except ConnectionResetError:
                count = 0
            if count == 0:
                raise EOFError("the worker closed its socket")
            self._filled += count
            if self._filled == len(self._buffer):
                self._next_stage()

    def _next_stage(self) -> None:
        if self._header_bytes is not None:
            self.complete = True
            return
        self._header_bytes, body_bytes = FRAME.unpack(self._buffer)
        check_sizes(self._header_bytes, body_bytes)
        # Of zeros that no page backs until bytes arrive: a frame that only claims to be large costs nothing.
        self._buffer, self._filled = bytearray(self._header_bytes + body_bytes), 0

    @property
    def frame(self) -> tuple[bytes, memoryview]:
        """Header and body, once complete."""
        assert self.complete
        whole = memoryview(self._buffer)
        return bytes(whole[: self._header_bytes]), whole[self._header_bytes :]


class Printed:
    """What a worker wrote to one of its output pipes: the beginning is kept, all of it is counted."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.seen_bytes = 0
        self._kept = bytearray()
        os.set_blocking(fd, False)

    def drain(self) -> bool:
        """Read what is there; False once the worker has closed the pipe."""
        while self.seen_bytes <= MAX_OUTPUT_BYTES:
            try:
                chunk = os.read(self.fd, _CHUNK_BYTES)
            except BlockingIOError:
                return True
            if not chunk:
                return False
            self.seen_bytes += len(chunk)
            self._kept += chunk[: KEPT_OUTPUT_BYTES - len(self._kept)]
        return True

    @property
    def text(self) -> str:
        """The beginning, as text; whatever it says is the student's claim."""
        return self._kept.decode("utf-8", errors="backslashreplace")
