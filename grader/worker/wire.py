"""Values between the grader and a worker: nodes of a frame's header, and tensors in its body (`frames.py`).

A value on the wire is one of a closed set: None, bool, int, float, str, list, tuple, dict, tensor, a description of
an argument, the number of a module that stays in the worker, and `Opaque` for anything else, which carries a type's
name and equals nothing. Tensors refer to spans of the body.
Nothing is ever evaluated or unpickled, on either side. The grader decodes hostile bytes with the functions below: the
header is decoded against typed records, and every span, shape and stride is checked before a tensor is made.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
import numpy as np
import torch
from torch import Tensor

from grader.worker.described import Described, Kept
from grader.worker.frames import MAX_BODY_BYTES, Buffer, WireError
from grader.worker.layout import stored

MAX_DIMS: Final = 16
MAX_DEPTH: Final = 32
MAX_ITEMS: Final = 100_000
MAX_NAME_CHARS: Final = 64
MAX_SIZE: Final = 1 << 40

DTYPES: Final = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (
        *(torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.complex64, torch.complex128),
        *(torch.int8, torch.int16, torch.int32, torch.int64, torch.uint8, torch.bool),
    )
}
_NUMPY_DTYPES: Final = {
    dtype: torch.empty(0, dtype=dtype).numpy().dtype
    for dtype in DTYPES.values()
    if dtype not in (torch.bfloat16, torch.bool)
}
"""Of tensors that numpy makes in half the time: not what it does not know, nor what has bytes that mean nothing."""
_DTYPE_NAMES: Final = {dtype: name for name, dtype in DTYPES.items()}


class Opaque:
    """A value that does not travel; only the name of its type does. It equals nothing, itself included."""

    __slots__ = ("type_name",)
    __hash__ = None  # type: ignore[assignment]  # a value that equals nothing has no hash

    def __init__(self, type_name: str) -> None:
        self.type_name = type_name

    def __eq__(self, other: object) -> bool:
        return False

    def __repr__(self) -> str:
        return f"<a value of type {self.type_name}>"


class _Node(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True, gc=False):
    """One value in a header. A tree of them cannot refer to itself, so the collector of cycles need not see any."""


class _Atom(_Node, frozen=True, tag="a"):
    value: bool | int | float | str | None


class _Tensor(_Node, frozen=True, tag="t"):
    dtype: str
    shape: list[int]
    stride: list[int]
    offset: int
    """First byte in the body."""
    elements: int
    """Elements stored, which strides may visit more than once."""


class _List(_Node, frozen=True, tag="l"):
    items: list[Node]


class _Tuple(_Node, frozen=True, tag="u"):
    items: list[Node]


class _Dict(_Node, frozen=True, tag="d"):
    keys: list[Node]
    values: list[Node]


class _Opaque(_Node, frozen=True, tag="o"):
    type_name: str


class _Described(_Node, frozen=True, tag="f"):
    family: str
    parameters: _Dict


class _Kept(_Node, frozen=True, tag="k"):
    number: int


Node = _Atom | _Tensor | _List | _Tuple | _Dict | _Opaque | _Described | _Kept
"""One value in a header; msgspec checks it, as deep as it goes, when it decodes the header."""


class Packer:
    """Turns values into nodes and gathers the bytes of their tensors.

    Args:
        keep_strides: Whether tensors keep their memory layout, overlapping strides included. The grader asks
            for it, so that a student's code meets the layouts that a check describes; a worker does not.
    """

    def __init__(self, *, keep_strides: bool = False) -> None:
        self.keep_strides = keep_strides
        self.parts: list[Buffer] = []
        self.size = 0
        self._items = 0

    def pack(self, value: Any, depth: int = 0) -> Node:
        """The node of a value; anything outside the closed set becomes opaque."""
        self._items += 1
        if depth > MAX_DEPTH or self._items > MAX_ITEMS:
            raise WireError(f"a value nests deeper than {MAX_DEPTH} or holds more than {MAX_ITEMS} items")
        kind = type(value)
        if value is None or kind in (bool, float):
            return _Atom(value)
        if kind is str:
            return _Atom(value) if _is_text(value) else _Opaque("str that is not text")
        if kind is int:
            return _Atom(value) if -(1 << 63) <= value < 1 << 63 else _Opaque("int too large to travel")
        if isinstance(value, Tensor):
            return self._pack_tensor(value)
        if kind is list:
            return _List([self.pack(item, depth + 1) for item in list.__iter__(value)])
        if issubclass(kind, tuple):
            return _Tuple([self.pack(item, depth + 1) for item in tuple.__iter__(value)])
        if kind is dict:
            keys = [self.pack(key, depth + 1) for key in value]
            values = [self.pack(item, depth + 1) for item in value.values()]
            return _Dict(keys, values) if all(isinstance(key, _Atom) for key in keys) else _Opaque("dict")
        if kind is Described:
            parameters = self.pack(dict(value.parameters), depth + 1)
            assert isinstance(parameters, _Dict)
            return _Described(value.family, parameters)
        if kind is Kept:
            return _Kept(value.number)
        return _Opaque(kind.__name__[:MAX_NAME_CHARS])

    def _pack_tensor(self, value: Tensor) -> Node:
        with torch._C.DisableTorchFunctionSubclass():
            if value.layout is not torch.strided:
                return _Opaque(f"Tensor, {value.layout}"[:MAX_NAME_CHARS])
            plain = value.detach().as_subclass(Tensor)
            if plain.dtype not in _DTYPE_NAMES or plain.is_meta:
                return _Opaque(f"Tensor of {plain.dtype} on {plain.device.type}"[:MAX_NAME_CHARS])
            plain = plain.resolve_conj().resolve_neg().cpu()
            if plain.numel() * plain.element_size() > MAX_BODY_BYTES and not self.keep_strides:
                raise WireError("a tensor is larger than a reply may be")
            if not self.keep_strides or not plain.numel():
                plain = plain.contiguous()
            elements, offset = plain.numel(), self.size
            if elements:
                if plain.dtype in _NUMPY_DTYPES and plain.is_contiguous():
                    data = np.frombuffer(plain.numpy(), np.uint8)
                else:
                    flat = stored(plain)
                    elements, data = flat.numel(), flat.view(torch.uint8).numpy()
                self.parts.append(data.data)
                self.size += len(data)
            return _Tensor(_DTYPE_NAMES[plain.dtype], list(plain.shape), list(plain.stride()), offset, elements)


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def unpack(node: Node, body: memoryview) -> Any:
    """The value of a node whose tensors lie in `body`; the inverse of `Packer.pack`.

    Raises:
        WireError: As `Unpacker.value` does.
    """
    return Unpacker(body).value(node)


class Unpacker:
    """Makes values of the nodes of one frame; together they hold no more items and bytes than a frame may.

    Args:
        body: Where their tensors lie.
    """

    def __init__(self, body: memoryview) -> None:
        self.body = body
        self.items = 0
        self.unclaimed_bytes = len(body)

    def value(self, node: Node, depth: int = 0) -> Any:
        """The value of a node.

        Raises:
            WireError: Where the node is malformed, too large, or refers outside the body.
        """
        self.items += 1
        if depth > MAX_DEPTH or self.items > MAX_ITEMS:
            raise WireError("a value nests too deep or holds too many items")
        match node:
            case _Tensor():
                return self._tensor(node)
            case _Atom(value):
                return value
            case _List(items):
                return [self.value(item, depth + 1) for item in items]
            case _Tuple(items):
                return tuple(self.value(item, depth + 1) for item in items)
            case _Dict(keys, values):
                return self._dict(keys, values, depth)
            case _Opaque(type_name):
                return Opaque(type_name[:MAX_NAME_CHARS])
            case _Described(family, parameters):
                return Described(family, self._parameters(parameters, depth))
            case _Kept(number):
                return Kept(number)

    def _parameters(self, node: _Dict, depth: int) -> dict[str, Any]:
        parameters: dict[str, Any] = self.value(node, depth + 1)
        if not all(isinstance(name, str) for name in parameters):
            raise WireError("a description has no parameters")
        return parameters

    def _dict(self, keys: Sequence[Node], values: Sequence[Node], depth: int) -> dict[Any, Any]:
        if len(keys) != len(values):
            raise WireError("a dict has more keys than values or fewer")
        names = [self.value(key, depth + 1) for key in keys]
        if not all(isinstance(name, str | int | float | bool | None) for name in names):
            raise WireError("a dict has a key that is neither text nor a number")
        return dict(zip(names, [self.value(item, depth + 1) for item in values], strict=True))

    def _tensor(self, node: _Tensor) -> Tensor:
        dtype = DTYPES.get(node.dtype)
        if dtype is None or len(node.shape) > MAX_DIMS or len(node.stride) != len(node.shape):
            raise WireError("a tensor has an unknown dtype or too many dimensions")
        sizes = (*node.shape, *node.stride, node.offset, node.elements)
        if min(sizes) < 0 or max(sizes) >= MAX_SIZE:
            raise WireError("a tensor has a negative or an absurd size")
        end = node.offset + node.elements * dtype.itemsize
        if end > len(self.body):
            raise WireError("a tensor lies outside its frame")
        # Each copy below is paid for, so that many tensors in the same few bytes are not many times as much memory.
        self.unclaimed_bytes -= node.elements * dtype.itemsize
        if self.unclaimed_bytes < 0:
            raise WireError("tensors lie on top of each other")
        count = reach = 1
        for size, step in zip(node.shape, node.stride, strict=True):
            count *= size or 1
            reach += (size - 1) * step
        if count * dtype.itemsize > MAX_BODY_BYTES:
            raise WireError("a tensor has more elements than a frame could hold")
        if 0 in node.shape:
            if node.elements:
                raise WireError("an empty tensor carries bytes")
            return torch.empty(node.shape, dtype=dtype)
        if reach != node.elements:
            raise WireError("a tensor's strides do not fit its storage")
        numpy_dtype = _NUMPY_DTYPES.get(dtype)
        if numpy_dtype is not None and node.stride == _row_major(node.shape):
            return torch.from_numpy(np.ndarray(node.shape, numpy_dtype, self.body, node.offset).copy())
        data = np.frombuffer(self.body, dtype=np.uint8, count=end - node.offset, offset=node.offset)
        if dtype is torch.bool and int(data.max()) > 1:
            raise WireError("a bool is neither 0 nor 1")
        return torch.from_numpy(data.copy()).view(dtype).as_strided(node.shape, node.stride)


def _row_major(shape: Sequence[int]) -> list[int]:
    """The strides of a contiguous tensor that is not empty."""
    strides, step = [], 1
    for size in reversed(shape):
        strides.append(step)
        step *= size
    return strides[::-1]
