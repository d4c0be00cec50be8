"""A submission behind a link: many calls in one exchange, a fresh worker for a dead one, nothing believed unchecked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import hypothesis.strategies as st
import msgspec
import pytest
import torch
from hypothesis import given, settings
from torch import Tensor

from grader.errors import CheckFailed, WorkerFailure
from grader.link import MAX_DEATHS, TRIAL_SHARE, Batch, Link, Relay
from grader.model import Cause
from grader.received import MAX_MESSAGE_CHARS, Received
from grader.transports import Call
from grader.worker import frames, messages, wire
from grader.worker.calls import tensors_in
from grader.worker.frames import MAX_BODY_BYTES
from grader.worker.messages import Load, Mode, Packed, Raised, Reply, Returned, Run
from grader.worker.wire import Opaque

SOURCE = "import torch\ndef f(x):\n    return 2 * x  # \x0c twice\n"
LINES = SOURCE.split("\n")


def call(*args: Any, function: str = "f") -> Call:
    return Call(function=function, mode=Mode.CALL, args=args, kwargs={})


Answering = Callable[[Run], list[Packed | Raised]]


class FakeWorker:
    """A worker that a test speaks for."""

    def __init__(self, answers: Answering, load: Packed | Raised | WorkerFailure | None = None) -> None:
        self.answers = answers
        self.load = load or Packed(wire.Packer().pack(None))
        self.requests: list[messages.Request] = []
        self.waits: list[float | None] = []
        self.closed = False

    def request(self, parts: Sequence[frames.Buffer], *, wall_s: float | None = None) -> tuple[bytes, memoryview]:
        assert not self.closed
        data = b"".join(bytes(part) for part in parts)
        header_bytes, body_bytes = frames.FRAME.unpack(data[: frames.FRAME.size])
        assert len(data) == frames.FRAME.size + header_bytes + body_bytes
        request = messages.decode_request(data[frames.FRAME.size : frames.FRAME.size + header_bytes])
        self.requests.append(request)
        self.waits.append(wall_s)
        if isinstance(request, Load):
            if isinstance(self.load, WorkerFailure):
                raise self.load
            return messages.encode(Reply(request.id, [self.load])), memoryview(b"")
        return messages.encode(Reply(request.id, self.answers(request))), memoryview(b"")

    def close(self) -> None:
        self.closed = True


def atom(value: Any) -> Packed:
    return Packed(wire.Packer().pack(value))


def fine(run: Run) -> list[Packed | Raised]:
    return [atom(number) for number, _ in enumerate(run.calls)]


class Nursery:
    """Starts fake workers in the order given."""

    def __init__(self, *workers: FakeWorker) -> None:
        self.workers = list(workers)
        self.started: list[FakeWorker] = []

    def __call__(self) -> FakeWorker:
        self.started.append(self.workers.pop(0))
        return self.started[-1]

    def link(self, relay: Relay | None = None, **more: Any) -> Link:
        return Link(self, module="m", source=SOURCE, device="cpu", seed=7, relay=relay or Relay(), **more)


def dying(cause: Cause) -> FakeWorker:
    def answers(run: Run) -> list[Packed | Raised]:
        raise WorkerFailure(cause, "gone")

    return FakeWorker(answers)


def test_many_calls_are_one_exchange_on_one_worker() -> None:
    nursery = Nursery(FakeWorker(fine))
    link = nursery.link()
    assert link.perform_all(Batch([])) == []
    assert not nursery.started
    assert [answer.value for answer in link.perform_all(Batch([call(1), call(2), call(3)]))] == [0, 1, 2]
    assert link.perform(call(4)) == Returned(0)
    (worker,) = nursery.started
    assert [type(request) for request in worker.requests] == [Load, Run, Run]
    load = worker.requests[0]
    assert isinstance(load, Load)
    assert (load.module, load.source, load.seed) == ("m", SOURCE, 7)
    assert len({request.id for request in worker.requests}) == 3
    link.close()
    link.close()
    assert worker.closed


def test_what_is_sent_is_what_the_call_says() -> None:
    x = torch.arange(6.0).reshape(2, 3).T
    sent = Call(
        function="g", mode=Mode.VJP2, args=(x, [1, "a"]), kwargs={"k": None}, cotangents=(x,), directions=[x[0]]
    )
    batch = Batch([sent, sent])
    body = memoryview(batch.body)
    for packed in batch.packed:
        again = messages.decode_request(messages.encode(Run(1, "cpu", [packed])))
        assert isinstance(again, Run)
        (got,) = again.calls
        assert (got.function, got.mode) == ("g", Mode.VJP2)
        args, kwargs, cotangents, directions = (
            wire.unpack(node, body) for node in (got.args, got.kwargs, got.cotangents, got.directions)
        )
        assert torch.equal(args[0], x)
        assert args[0].stride() == x.stride()
        assert (args[1], kwargs) == ([1, "a"], {"k": None})
        assert torch.equal(cotangents[0], x)
        assert torch.equal(directions[0], x[0])


def test_a_worker_that_is_handed_on_imports_the_file_anew() -> None:
    nursery = Nursery(FakeWorker(fine))
    with Relay() as relay:
        for is_inherited in (False, True):
            link = nursery.link(relay)
            assert link.is_inherited is is_inherited
            assert link.perform(call()) == Returned(0)
            assert link.perform(call()) == Returned(0)
            link.hand_on()
            link.close()
        (worker,) = nursery.started
        assert [type(request) for request in worker.requests] == [Load, Run, Run] * 2
        assert not worker.closed
    assert worker.closed


def test_a_worker_that_is_kept_ends_with_its_link_and_one_for_training_is_not_handed_on() -> None:
    nursery = Nursery(*(FakeWorker(fine) for _ in range(4)))
    relay = Relay()
    for is_alone in (False, True, True):
        link = nursery.link(relay, is_alone=is_alone)
        link.perform(call())
        if is_alone:
            link.hand_on()
        link.close()
        assert relay.worker is None
        assert nursery.started[-1].closed
    first = nursery.link(relay)
    first.perform(call())
    first.hand_on()
    assert not nursery.link(relay, is_alone=True).is_inherited
    assert nursery.started[-1].closed
    assert not nursery.link(relay).is_inherited


def test_a_worker_that_has_served_others_is_waited_for_less() -> None:
    nursery = Nursery(FakeWorker(fine))
    relay = Relay()
    for _ in range(2):
        link = nursery.link(relay, wall_s=8.0)
        link.perform(call())
        link.hand_on()
    assert nursery.started[0].waits == [8.0, 8.0, 8.0 * TRIAL_SHARE, 8.0 * TRIAL_SHARE]
    assert TRIAL_SHARE < 0.5


@pytest.mark.parametrize("load", [Raised("ImportError", ""), WorkerFailure(Cause.CRASH, "gone")])
def test_an_import_that_fails_where_others_were_served_is_tried_again(load: Raised | WorkerFailure) -> None:
    nursery = Nursery(FakeWorker(fine), FakeWorker(fine))
    relay = Relay()
    first = nursery.link(relay)
    first.perform(call())
    first.hand_on()
    nursery.started[0].load = load
    inherited = nursery.link(relay)
    with pytest.raises(CheckFailed):
        inherited.perform(call())
    inherited.close()
    assert nursery.started[0].closed
    assert nursery.link(relay).perform(call()) == Returned(0)


def test_a_dead_worker_is_replaced_and_only_so_often() -> None:
    nursery = Nursery(*(dying(Cause.CRASH) for _ in range(MAX_DEATHS)), FakeWorker(fine))
    link = nursery.link()
    for _ in range(MAX_DEATHS):
        with pytest.raises(WorkerFailure) as caught:
            link.perform(call())
        assert caught.value.cause is Cause.CRASH
    assert all(worker.closed for worker in nursery.started)
    with pytest.raises(WorkerFailure) as caught:
        link.perform(call())
    assert caught.value.cause is Cause.CRASH
    assert len(nursery.started) == len(link.deaths) == MAX_DEATHS


def test_one_timeout_ends_the_question() -> None:
    nursery = Nursery(dying(Cause.TIMEOUT), FakeWorker(fine))
    link = nursery.link()
    for _ in range(3):
        with pytest.raises(WorkerFailure) as caught:
            link.perform(call())
        assert caught.value.cause is Cause.TIMEOUT
    assert len(nursery.started) == 1


def test_other_questions_get_a_worker_of_their_own() -> None:
    relay = Relay()
    nursery = Nursery(dying(Cause.TIMEOUT), FakeWorker(fine))
    with pytest.raises(WorkerFailure):
        nursery.link(relay).perform(call())
    assert nursery.link(relay).perform(call()) == Returned(0)


@pytest.mark.parametrize(
    ("load", "sentence"),
    [
        (
            Raised("ZeroDivisionError", "SECRET", 3, "FORGED"),
            "Your file cannot be imported: ZeroDivisionError at line 3",
        ),
        (Raised("SyntaxError", "SECRET", 2, "FORGED"), "Your file is not valid Python: SyntaxError at line 2"),
        (Raised("ModuleNotFoundError", "SECRET", 1, "FORGED"), "Your file imports something that is not there"),
        (Raised("SystemExit", "SECRET", None, "FORGED"), "Your file cannot be imported: SystemExit"),
        (WorkerFailure(Cause.TIMEOUT, "It is slow."), "While your file was imported: It is slow."),
    ],
    ids=lambda value: value.type_name if isinstance(value, Raised) else None,
)
def test_an_import_that_fails_is_tried_once_for_all_questions(load: Raised | WorkerFailure, sentence: str) -> None:
    relay = Relay()
    nursery = Nursery(FakeWorker(fine, load))
    for link in (nursery.link(relay), nursery.link(relay)):
        for _ in range(2):
            with pytest.raises(CheckFailed) as caught:
                link.perform(call())
            assert caught.value.message.startswith(sentence)
            assert "SECRET" not in caught.value.message
            assert "FORGED" not in caught.value.message
    assert len(nursery.started) == 1


def test_the_line_of_an_exception_is_quoted_from_what_was_handed_in() -> None:
    def answers(run: Run) -> list[Packed | Raised]:
        return [Raised("E" * 99, "m" * 9999, line, "what the worker says") for line in (3, 0, -1, 99, 2, None)]

    link = Nursery(FakeWorker(answers)).link()
    got = link.perform_all(Batch([call()] * 6))
    assert [(one.line, one.text) for one in got if isinstance(one, Raised)] == [
        (3, "return 2 * x  # \x0c twice"),
        (None, None),
        (None, None),
        (None, None),
        (2, "def f(x):"),
        (None, None),
    ]
    assert all(len(one.type_name) == wire.MAX_NAME_CHARS and len(one.message) == MAX_MESSAGE_CHARS for one in got)  # type: ignore[union-attr]


@pytest.mark.parametrize("answers", [lambda run: [], lambda run: fine(run) * 2, lambda run: [Packed(7)]])
def test_a_reply_that_does_not_fit_ends_the_worker(answers: Answering) -> None:
    nursery = Nursery(FakeWorker(answers))
    link = nursery.link()
    with pytest.raises(WorkerFailure) as caught:
        link.perform(call())
    assert caught.value.cause is Cause.PROTOCOL
    assert nursery.started[0].closed


def test_a_reply_that_is_known_is_not_read() -> None:
    nursery = Nursery(FakeWorker(lambda run: [Packed(7)]))
    link = nursery.link()
    received = link.reply_to(Batch([call()]), lambda received: True)
    assert not nursery.started[0].closed
    with pytest.raises(WorkerFailure):
        received.read()


def test_replies_are_known_by_all_their_bytes_but_the_number() -> None:
    def digest(header: bytes, body: bytes = b"", *, number: int = 41) -> bytes | None:
        return Received(header, memoryview(body), number=number, count=1, lines=LINES).digest

    header = messages.encode(Reply(41, [atom(1)]))
    assert digest(header) is not None
    assert digest(messages.encode(Reply(1 << 52, [atom(1)])), number=1 << 52) == digest(header)
    others = [digest(messages.encode(Reply(41, [atom(2)]))), digest(header, b"1"), digest(header[:-1], header[-1:])]
    assert len({digest(header), *others}) == 4
    assert digest(header, number=40) is None


def test_a_reply_to_another_request_is_not_believed() -> None:
    header = messages.encode(Reply(41, [atom(1)]))
    assert Received(header, memoryview(b""), number=41, count=1, lines=LINES).read() == [Returned(1)]
    for number, count in ((40, 1), (41, 0), (41, 2)):
        with pytest.raises(WorkerFailure):
            Received(header, memoryview(b""), number=number, count=count, lines=LINES).read()


def test_tensors_of_two_answers_may_not_share_bytes() -> None:
    node = ["t", "uint8", [4], [1], 0, 4]
    header = messages.encode([1, [["returned", node], ["returned", node]]])
    with pytest.raises(WorkerFailure):
        Received(header, memoryview(b"1234"), number=1, count=2, lines=LINES).read()


BODY = memoryview(bytes(range(64)))
_PARTS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), (1 << 64) - 1)
    | st.floats()
    | st.text(max_size=4)
    | st.sampled_from(("t", "l", "u", "d", "a", "o", "returned", "raised", "float64", "bool", "bfloat16"))
    | st.binary(max_size=4),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=20,
)
_ANSWERS = (
    st.tuples(st.just("returned"), _PARTS)
    | st.tuples(st.just("raised"), st.text(max_size=99), st.text(max_size=9), _PARTS, _PARTS)
    | _PARTS
)


def assert_safe(header: bytes, body: memoryview, count: int) -> None:
    """Whatever the bytes, they are values within bounds or a protocol failure."""
    try:
        answers = Received(header, body, number=1, count=count, lines=LINES).read()
    except WorkerFailure as failure:
        refused = failure.cause
    else:
        assert_within_bounds(answers, body, count)
        return
    assert refused is Cause.PROTOCOL


def assert_within_bounds(answers: Sequence[Returned | Raised], body: memoryview, count: int) -> None:
    assert len(answers) == count
    tensors: list[Tensor] = []
    for answer in answers:
        if isinstance(answer, Raised):
            assert len(answer.type_name) <= wire.MAX_NAME_CHARS
            assert len(answer.message) <= MAX_MESSAGE_CHARS
            assert answer.text is None or answer.text in SOURCE
        else:
            tensors += tensors_in(answer.value)
    assert sum(tensor.untyped_storage().nbytes() for tensor in tensors) <= len(body)
    assert all(tensor.numel() * tensor.element_size() <= MAX_BODY_BYTES for tensor in tensors)


@given(header=st.binary(max_size=200))
def test_random_bytes_are_no_reply_and_no_harm(header: bytes) -> None:
    assert_safe(header, BODY, 1)


@given(answers=st.lists(_ANSWERS, max_size=3), number=st.just(1) | _PARTS)
@settings(max_examples=200)
def test_hostile_replies_do_no_harm(answers: list[Any], number: Any) -> None:
    assert_safe(msgspec.msgpack.encode([number, answers]), BODY, len(answers))


@given(data=st.data())
def test_a_reply_with_a_few_other_bytes_does_no_harm(data: st.DataObject) -> None:
    packer = wire.Packer()
    value = {"a": [torch.arange(4.0), (True, None)], "b": torch.tensor([[True, False]]), "c": Opaque("x")}
    good = messages.encode(Reply(1, [Packed(packer.pack(value)), Raised("E", "m", 3, "t")]))
    header, body = bytearray(good), b"".join(bytes(part) for part in packer.parts)
    for _ in range(data.draw(st.integers(0, 3))):
        header[data.draw(st.integers(0, len(header) - 1))] = data.draw(st.integers(0, 255))
    kept = data.draw(st.integers(0, len(header)))
    assert_safe(bytes(header[:kept]), memoryview(body)[: data.draw(st.integers(0, len(body)))], 2)


@pytest.mark.parametrize(
    "header",
    [
        b"\x91" * 100_000,
        b"\x92\x01\x91\x92\xa8returned" + b"\x92\xa1l\x91" * 100_000 + b"\xc0",
        b"\xdd\xff\xff\xff\xff",
        b"\xdf\xff\xff\xff\xff",
        b"\xc6\xff\xff\xff\xff",
        b"\xd6\xff\x00\x00\x00\x00",
        b"",
        b"\xa5\xff\xfe\xfd\xfc\xfb",
    ],
    ids=["deep", "deep in a node", "array", "map", "binary", "timestamp", "empty", "not text"],
)
def test_bombs_are_refused(header: bytes) -> None:
    with pytest.raises(WorkerFailure):
        Received(header, memoryview(b""), number=1, count=1, lines=LINES).read()
