"""Bytes over a socket whose other side stalls, floods or lies."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest

from grader.exchange import KEPT_OUTPUT_BYTES, Incoming, Printed
from grader.worker.frames import FRAME, MAX_BODY_BYTES, MAX_HEADER_BYTES, Outgoing, WireError


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with ours, theirs:
        yield ours, theirs


def test_a_frame_may_arrive_byte_by_byte(ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = ends
    incoming = Incoming()
    for byte in FRAME.pack(3, 2) + b"abcde":
        assert not incoming.complete
        theirs.send(bytes([byte]))
        incoming.receive(ours.fileno())
    header, body = incoming.frame
    assert (header, bytes(body)) == (b"abc", b"de")


def test_nothing_after_the_frame_is_read(ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = ends
    theirs.send(FRAME.pack(1, 0) + b"a" + b"surplus")
    incoming = Incoming()
    incoming.receive(ours.fileno())
    assert incoming.frame[0] == b"a"
    assert ours.recv(100) == b"surplus"


@pytest.mark.parametrize("sizes", [(MAX_HEADER_BYTES + 1, 0), (1, MAX_BODY_BYTES + 1), (0, 0), (0xFFFFFFFF, 0)])
def test_an_absurd_size_is_refused_at_once(ends: tuple[socket.socket, socket.socket], sizes: tuple[int, int]) -> None:
    ours, theirs = ends
    theirs.send(FRAME.pack(*sizes))
    with pytest.raises(WireError):
        Incoming().receive(ours.fileno())


def test_a_closed_socket_is_an_end(ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = ends
    theirs.send(FRAME.pack(10, 0) + b"half")
    theirs.close()
    with pytest.raises(EOFError):
        Incoming().receive(ours.fileno())


def test_sending_stops_where_the_socket_is_full(ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = ends
    content = os.urandom(3 << 20)
    outgoing = Outgoing([content[:7], b"", memoryview(content)[7:]])
    received = bytearray()
    while outgoing:
        outgoing.send(ours.fileno())
        received += theirs.recv(1 << 20)
    theirs.setblocking(False)
    while len(received) < len(content):
        received += theirs.recv(1 << 20)
    assert bytes(received) == content


def test_printed_text_keeps_its_beginning_and_counts_the_rest() -> None:
    reader, writer = os.pipe()
    printed = Printed(reader)
    try:
        for _ in range(3):
            os.write(writer, b"x" * 50_000)
            assert printed.drain()
        os.close(writer)
        assert not printed.drain()
    finally:
        os.close(reader)
    assert printed.seen_bytes == 150_000
    assert printed.text == "x" * KEPT_OUTPUT_BYTES


def test_printed_bytes_need_not_be_text() -> None:
    reader, writer = os.pipe()
    printed = Printed(reader)
    os.write(writer, b"\xff\x00caf\xc3\xa9")
    os.close(writer)
    printed.drain()
    os.close(reader)
    assert printed.text == "\\xff\x00café"
