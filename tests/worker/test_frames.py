"""Frames: nothing is read that was not announced, and nothing announced that is too much."""

from __future__ import annotations

import os
import threading

import hypothesis.strategies as st
import pytest
from hypothesis import given

from grader.worker import frames
from grader.worker.frames import WireError


@pytest.mark.parametrize(
    ("header_bytes", "body_bytes"),
    [(0, 0), (frames.MAX_HEADER_BYTES + 1, 0), (1, frames.MAX_BODY_BYTES + 1), ((1 << 32) - 1, (1 << 64) - 1)],
)
def test_a_frame_is_refused_by_its_lengths_alone(header_bytes: int, body_bytes: int) -> None:
    ours, theirs = os.pipe()
    os.write(theirs, frames.FRAME.pack(header_bytes, body_bytes))
    # Nothing follows, and the other side stays open: only the lengths can tell.
    with pytest.raises(WireError):
        frames.read_frame(ours)
    os.close(ours)
    os.close(theirs)


@given(header=st.binary(min_size=1, max_size=300), parts=st.lists(st.binary(max_size=300), max_size=4))
def test_a_frame_comes_through_a_pipe(header: bytes, parts: list[bytes]) -> None:
    ours, theirs = os.pipe()
    written = frames.frame(header, parts, sum(map(len, parts)))
    writer = threading.Thread(target=frames.write_frame, args=(theirs, written))
    writer.start()
    got, body = frames.read_frame(ours)
    writer.join()
    os.close(theirs)
    assert (got, bytes(body)) == (header, b"".join(parts))
    with pytest.raises(EOFError):
        frames.read_frame(ours)
    os.close(ours)


def test_what_is_too_large_to_be_read_is_not_written() -> None:
    frames.frame(b"x" * frames.MAX_HEADER_BYTES, [], 0)
    for header_bytes, body_bytes in ((frames.MAX_HEADER_BYTES + 1, 0), (1, frames.MAX_BODY_BYTES + 1)):
        with pytest.raises(WireError):
            frames.frame(b"x" * header_bytes, [], body_bytes)
