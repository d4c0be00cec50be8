"""Frames and values: what is packed comes back the same, and hostile bytes are a value within bounds or a WireError."""

from __future__ import annotations

import collections
import math
from typing import Any

import hypothesis.strategies as st
import msgspec
import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from torch import Tensor

from grader.worker import frames, wire
from grader.worker.calls import tensors_in
from grader.worker.frames import WireError
from grader.worker.wire import DTYPES, Opaque, Packer, Unpacker, unpack

INTEGERS = st.integers(-(1 << 63), (1 << 63) - 1)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
KEYS = st.none() | st.booleans() | INTEGERS | st.floats(allow_nan=False) | TEXTS
LAYOUTS = ["plain", "transposed", "strided", "expanded", "sliced"]


@st.composite
def tensors(draw: st.DrawFn) -> Tensor:
    """Every dtype, up to four dimensions, empty ones and every memory layout included."""
    dtype = draw(st.sampled_from(list(DTYPES.values())))
    shape = draw(st.lists(st.sampled_from((0, 1, 2, 3)), max_size=4))
    raw = torch.tensor(draw(st.lists(st.integers(0, 255), min_size=16, max_size=16)), dtype=torch.uint8)
    entries = raw[:2].bool() if dtype is torch.bool else raw.view(dtype)
    flat = entries.repeat(math.prod(shape) // entries.numel() + 1)[: math.prod(shape)]
    value = flat.reshape(shape)
    match draw(st.sampled_from(LAYOUTS)):
        case "transposed" if value.dim() > 1:
            value = value.transpose(0, -1)
        case "strided" if value.dim():
            value = torch.stack((value, value), -1)[..., 0]
        case "expanded":
            value = value[None].expand(4, *value.shape)
        case "sliced" if value.dim():
            value = torch.cat((value, value))[value.shape[0] // 2 :][: value.shape[0]]
    return value


def values(leaves: st.SearchStrategy[Any] | None = None) -> st.SearchStrategy[Any]:
    atoms = st.none() | st.booleans() | INTEGERS | st.floats() | TEXTS
    return st.recursive(
        atoms | (tensors() if leaves is None else leaves),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.lists(inner, max_size=3).map(tuple)
            | st.dictionaries(KEYS, inner, max_size=3)
        ),
        max_leaves=8,
    )


def body_of(packer: Packer) -> memoryview:
    return memoryview(b"".join(bytes(part) for part in packer.parts))


def typed(raw: Any) -> Any:
    """A node as it arrives in a header."""
    return msgspec.msgpack.decode(msgspec.msgpack.encode(raw), type=wire.Node)


REFUSED = (WireError, msgspec.MsgspecError, RecursionError)
"""What bytes that are no value end in; `link.decoded` takes them all for a broken protocol."""


def over_the_wire(value: Any, *, keep_strides: bool = False) -> Any:
    packer = Packer(keep_strides=keep_strides)
    node = typed(packer.pack(value))
    body = body_of(packer)
    assert len(body) == packer.size
    return unpack(node, body)


def bits(value: Tensor) -> bytes:
    # `contiguous` leaves the stride of a single element as it is; a clone does not.
    flat = value.clone(memory_format=torch.contiguous_format).reshape(-1)
    return bytes(flat.view(torch.uint8).tolist()) if value.numel() else b""


def assert_same(mine: Any, theirs: Any, *, strides: bool) -> None:
    assert type(mine) is type(theirs)
    if isinstance(mine, Tensor):
        assert (mine.dtype, mine.shape) == (theirs.dtype, theirs.shape)
        assert bits(mine) == bits(theirs)
        if strides and mine.numel():
            assert mine.stride() == theirs.stride()
    elif isinstance(mine, dict):
        assert list(map(repr, mine)) == list(map(repr, theirs))
        for key in mine:
            assert_same(mine[key], theirs[key], strides=strides)
    elif isinstance(mine, list | tuple):
        assert len(mine) == len(theirs)
        for one, other in zip(mine, theirs, strict=True):
            assert_same(one, other, strides=strides)
    else:
        assert repr(mine) == repr(theirs)


@given(value=values(), keep_strides=st.booleans())
@settings(max_examples=60)
def test_every_value_comes_back_bit_by_bit(value: Any, keep_strides: bool) -> None:
    assert_same(over_the_wire(value, keep_strides=keep_strides), value, strides=keep_strides)


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=str)
@pytest.mark.parametrize("shape", [(), (0,), (1,), (3, 0, 2), (2, 3)], ids=str)
def test_every_dtype_and_shape_comes_back(dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    value = torch.arange(math.prod(shape)).reshape(shape).to(dtype)
    assert_same(over_the_wire(value), value, strides=False)


def test_special_numbers_come_back() -> None:
    value = torch.tensor([math.nan, math.inf, -math.inf, -0.0, 5e-324], dtype=torch.float64)
    assert bits(over_the_wire(value)) == bits(value)
    half = torch.tensor([math.nan, math.inf, -0.0, 1e-40], dtype=torch.bfloat16)
    assert bits(over_the_wire(half)) == bits(half)


def test_an_expanded_tensor_travels_as_what_it_stores() -> None:
    value = torch.arange(3.0).expand(1000, 3)
    packer = Packer(keep_strides=True)
    node = packer.pack(value)
    assert packer.size == 12
    back = unpack(typed(node), body_of(packer))
    assert torch.equal(back, value)
    assert back.stride() == (0, 1)


@pytest.mark.parametrize("keep_strides", [True, False])
def test_a_lone_element_travels_whatever_its_stride(keep_strides: bool) -> None:
    value = torch.tensor([1.0, 2.0, 3.0, 4.0])[1::4]
    assert value.stride() == (4,)
    assert over_the_wire(value, keep_strides=keep_strides).tolist() == [2.0]


def test_tensors_that_came_do_not_share_memory_with_the_frame() -> None:
    packer = Packer()
    node = typed(packer.pack(torch.ones(2)))
    body = bytearray(body_of(packer))
    value = unpack(node, memoryview(body))
    body[:] = bytes(len(body))
    assert value.tolist() == [1, 1]


class _Liar(Tensor):
    """Says what it likes to whoever asks torch."""

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return torch.full((5,), 42.0)


class _Equal:
    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]


Pair = collections.namedtuple("Pair", "left right")


def test_a_subclass_of_tensor_arrives_as_the_plain_numbers_it_holds() -> None:
    value = torch.tensor([1.0, 2.0]).as_subclass(_Liar)
    back = over_the_wire(value)
    assert type(back) is Tensor
    assert back.tolist() == [1.0, 2.0]


def test_named_tuples_arrive_as_plain_ones() -> None:
    assert over_the_wire(Pair(1, [2])) == (1, [2])
    assert type(over_the_wire(Pair(1, 2))) is tuple


@pytest.mark.parametrize(
    "value",
    [
        object(),
        _Equal(),
        torch.ones,
        1 << 63,
        -(1 << 63) - 1,
        {1, 2},
        b"bytes",
        1j,
        collections.OrderedDict(a=1),
        torch.ones(2, device="meta"),
        torch.eye(2).to_sparse(),
        torch.zeros(2, dtype=torch.float8_e4m3fn),
        "half a character \ud800",
        {(1, 2): 3},
        {"a": 1, 1 << 70: 2},
        {"\udfff": 2},
        {object(): 1},
    ],
    ids=lambda value: f"{type(value).__name__}",
)
def test_anything_else_arrives_as_a_name_that_equals_nothing(value: Any) -> None:
    back = over_the_wire([value])[0]
    assert isinstance(back, Opaque)
    assert len(back.type_name) <= wire.MAX_NAME_CHARS
    assert back != value
    assert back != back  # that it is not even itself is the point


def test_a_lazily_conjugated_tensor_arrives_conjugated() -> None:
    value = torch.tensor([1 + 2j, 3 - 1j])
    assert torch.equal(over_the_wire(value.conj()), torch.tensor([1 - 2j, 3 + 1j]))
    assert torch.equal(over_the_wire(value.conj().imag), torch.tensor([-2.0, 1.0]))


def test_values_that_are_too_deep_too_many_or_too_large_are_refused() -> None:
    deep: list[Any] = []
    for _ in range(wire.MAX_DEPTH + 1):
        deep = [deep]
    endless: list[Any] = []
    endless.append(endless)
    for value in (deep, endless, [0] * (wire.MAX_ITEMS + 1), torch.ones(1).expand(frames.MAX_BODY_BYTES)):
        with pytest.raises(WireError):
            Packer().pack(value)


# What follows is about bytes that nobody of ours wrote.

BODY = bytes(range(64))
SIZES = st.integers(-2, 9) | st.sampled_from((1 << 28, 1 << 31, 1 << 39, 1 << 40, 1 << 62, (1 << 64) - 1, -1, True))


def tensor_nodes() -> st.SearchStrategy[list[Any]]:
    sizes = st.lists(SIZES, max_size=4)
    return st.tuples(st.just("t"), st.sampled_from([*DTYPES, "float128", ""]), sizes, sizes, SIZES, SIZES).map(list)


def nodes() -> st.SearchStrategy[Any]:
    atoms = st.none() | st.booleans() | INTEGERS | st.floats() | st.text(max_size=3) | st.binary(max_size=3)
    return st.recursive(
        atoms | tensor_nodes() | st.tuples(st.just("a"), atoms).map(list) | st.just(["o", "x" * 500]),
        lambda inner: (
            st.tuples(st.sampled_from("lu"), st.lists(inner, max_size=4)).map(list)
            | st.tuples(st.just("d"), st.lists(inner, max_size=3), st.lists(inner, max_size=3)).map(list)
            | st.lists(inner, max_size=4)
            | st.dictionaries(st.text(max_size=2), inner, max_size=2)
        ),
        max_leaves=12,
    )


def claimed_bytes(value: Any) -> int:
    """What the tensors of a value would take if their strides were written out, and what they store."""
    stored = sum(tensor.untyped_storage().nbytes() for tensor in tensors_in(value))
    assert all(tensor.numel() * tensor.element_size() <= frames.MAX_BODY_BYTES for tensor in tensors_in(value))
    return stored


def assert_harmless(raw: Any, body: bytes) -> None:
    """Decoding ends in a value within bounds or in a refusal."""
    try:
        value = unpack(typed(raw), memoryview(body))
    except REFUSED:
        return
    assert claimed_bytes(value) <= len(body)
    for tensor in tensors_in(value):
        # Whatever it is, it can be looked at.
        tensor[tuple(size - 1 for size in tensor.shape)].item() if tensor.numel() else tensor.shape


@given(raw=nodes())
@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@example(raw=["t", "float64", [0, 1 << 39, 1 << 39], [1, 1, 1], 0, 0])
@example(raw=["t", "float64", [1 << 14, 1 << 14], [1, 0], 0, 1 << 14])
@example(raw=["t", "float64", [1 << 28], [0], 0, 1])
@example(raw=["t", "bool", [8], [1], 0, 8])
@example(raw=["t", "float32", [2], [-1], 8, 2])
@example(raw=["t", "float32", [2, 2], [1, 1], 0, 3])
@example(raw=["d", [["l", []]], [["a", 1]]])
@example(raw=["d", [["t", "int8", [], [], 0, 1]], [["a", 1]]])
def test_no_node_does_harm(raw: Any) -> None:
    assert_harmless(raw, BODY)


@given(value=values(), data=st.data())
@settings(max_examples=60)
def test_no_change_to_a_frame_does_harm(value: Any, data: st.DataObject) -> None:
    packer = Packer()
    header = bytearray(msgspec.msgpack.encode(packer.pack(value)))
    for _ in range(data.draw(st.integers(1, 3))):
        header[data.draw(st.integers(0, len(header) - 1))] = data.draw(st.integers(0, 255))
    body = bytes(body_of(packer))
    cut = data.draw(st.integers(0, len(body)))
    try:
        raw = msgspec.msgpack.decode(header)
        msgspec.msgpack.encode(raw)
    except (msgspec.MsgspecError, UnicodeError, OverflowError):
        return
    assert_harmless(raw, body[:cut])


def test_tensors_may_not_lie_on_top_of_each_other() -> None:
    one = ["t", "uint8", [64], [1], 0, 64]
    assert unpack(typed(one), memoryview(BODY)).tolist() == list(BODY)
    with pytest.raises(WireError, match="on top of each other"):
        unpack(typed(["l", [one, one]]), memoryview(BODY))
    shared = Unpacker(memoryview(BODY))
    shared.value(typed(one))
    with pytest.raises(WireError, match="on top of each other"):
        shared.value(typed(one))


def test_the_items_of_all_values_of_a_frame_are_counted_together() -> None:
    many = ["l", [["a", 1]] * (wire.MAX_ITEMS - 1)]
    shared = Unpacker(memoryview(b""))
    assert len(shared.value(typed(many))) == wire.MAX_ITEMS - 1
    with pytest.raises(WireError, match="too many items"):
        shared.value(typed(["a", 1]))


@pytest.mark.parametrize("kind", ["l", "u", "d"])
def test_depth_is_bounded(kind: str) -> None:
    def nested(depth: int) -> Any:
        node: Any = ["a", 1]
        for _ in range(depth):
            node = ["d", [["a", 0]], [node]] if kind == "d" else [kind, [node]]
        return node

    unpack(typed(nested(wire.MAX_DEPTH)), memoryview(b""))
    with pytest.raises(WireError):
        unpack(typed(nested(wire.MAX_DEPTH + 1)), memoryview(b""))


def test_no_depth_ends_the_process() -> None:
    # Lists of one list, as deep as a header is long.
    header = b"\x92\xa1l\x91" * (frames.MAX_HEADER_BYTES // 4)
    with pytest.raises(REFUSED):
        msgspec.msgpack.decode(header, type=wire.Node)
