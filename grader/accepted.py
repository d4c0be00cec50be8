"""Answers that a check has accepted, so that it need not look at the same bits again.

What a check's body finds on recorded inputs follows from the answers alone, as long as it asks nothing else. Right
programs that compute alike, of which a class is full, answer alike to the last bit; the body runs for the first.
Where every check of a question accepts its answers, the reply that brought them is remembered too, and one like it
is not even read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from grader.received import Received
from grader.worker.layout import stored
from grader.worker.messages import Answer, Raised


class Accepted:
    """What the checks of one question have accepted in this process."""

    def __init__(self) -> None:
        self._digests: set[bytes] = set()

    def __contains__(self, digest: bytes | None) -> bool:
        return digest in self._digests

    def add(self, digest: bytes | None) -> None:
        """Remember what was accepted; None, which stands for answers that equal nothing, is not."""
        if digest is not None:
            self._digests.add(digest)


def digest(check: str, forbidden_uses: Sequence[str], answers: Sequence[Answer]) -> bytes | None:
    """One digest of all that a check's verdict follows from, bit by bit; None where an answer equals nothing."""
    hasher = hashlib.blake2b(digest_size=32)
    try:
        _feed(hasher, [check, list(forbidden_uses)])
        for answer in answers:
            _feed(hasher, list(_fields(answer)) if isinstance(answer, Raised) else (answer.value,))
    except _EqualsNothingError:
        return None
    return hasher.digest()


def digest_of_all(forbidden_uses: Sequence[str], received: Received) -> bytes | None:
    """One digest of all that the verdicts of a question's checks follow from; None where it does not tell."""
    if received.digest is None:
        return None
    hasher = hashlib.blake2b(received.digest, digest_size=32)
    _feed(hasher, list(forbidden_uses))
    return hasher.digest()


class _EqualsNothingError(Exception):
    """A value that cannot be told from others by its bits."""


def _fields(raised: Raised) -> tuple[object, ...]:
    return raised.type_name, raised.message, raised.line, raised.text


def _feed(hasher: Any, value: Any) -> None:
    """Every value begins with its type and size, so that no two feed the same bytes."""
    kind = type(value)
    if kind is Tensor:
        hasher.update(f"t{value.dtype}{tuple(value.shape)}{value.stride()};".encode())
        if value.numel():
            # Not what the strides make of it: one byte may be a quarter of a gigabyte then.
            hasher.update(stored(value).view(torch.uint8).numpy().data)
    elif value is None or kind in (bool, int, float, str):
        hasher.update(f"{kind.__name__}{value!r};".encode())
    elif kind in (tuple, list):
        hasher.update(f"{kind.__name__}{len(value)};".encode())
        for item in value:
            _feed(hasher, item)
    elif kind is dict:
        hasher.update(f"dict{len(value)};".encode())
        for key, item in value.items():
            _feed(hasher, key)
            _feed(hasher, item)
    else:
        raise _EqualsNothingError
