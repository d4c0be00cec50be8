"""Messages: what is encoded is decoded to the same, and anything else is refused."""

from __future__ import annotations

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given

from grader.worker import messages
from grader.worker.messages import Load, Mode, Packed, Raised, Reply, Run, WireCall
from grader.worker.wire import Packer

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
NUMBER = st.integers(0, (1 << 53) - 1)
NODE = st.one_of(st.none(), NUMBER, TEXT, st.lists(TEXT, max_size=3)).map(lambda value: Packer().pack(value))
CALLS = st.builds(WireCall, TEXT, st.sampled_from(Mode), NODE, NODE, NODE, NODE)
REQUESTS = st.builds(Load, NUMBER, TEXT, TEXT, NUMBER) | st.builds(Run, NUMBER, TEXT, st.lists(CALLS, max_size=3))
ANSWERS = st.builds(Packed, NODE) | st.builds(Raised, TEXT, TEXT, st.none() | NUMBER, st.none() | TEXT)


@given(request=REQUESTS)
def test_requests_come_back(request: Load | Run) -> None:
    assert messages.decode_request(messages.encode(request)) == request


@given(number=NUMBER, answers=st.lists(ANSWERS, max_size=3))
def test_replies_come_back(number: int, answers: list[Packed | Raised]) -> None:
    assert messages.decode_reply(messages.encode(Reply(number, answers))) == Reply(number, answers)


@pytest.mark.parametrize(
    "raw",
    [
        None,
        [],
        [1],
        ["1", []],
        [1.5, []],
        [True, []],
        [1, [], "more"],
        [1, [["told", 1]]],
        [1, [["returned"]]],
        [1, [["returned", 1, 2]]],
        [1, [["raised", 1, "text"]]],
        [1, [["raised", "E", "m", "3"]]],
        [1, [["raised", "E", "m", 3, 4]]],
        [1, [["load", 1, "m", "s", 2]]],
        {"id": 1, "answers": []},
    ],
)
def test_what_is_no_reply_is_refused(raw: object) -> None:
    with pytest.raises(msgspec.ValidationError):
        messages.decode_reply(msgspec.msgpack.encode(raw))
