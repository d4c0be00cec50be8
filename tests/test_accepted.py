"""What a check has accepted is told from everything else, to the last bit."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch

from grader.accepted import Accepted, digest
from grader.worker.messages import Raised, Returned
from grader.worker.wire import Opaque

VALUES: list[Any] = [
    torch.tensor([1.0, 0.0]),
    torch.tensor([1.0, -0.0]),
    torch.tensor([1.0, 0.0], dtype=torch.float64),
    torch.tensor([1.0, 0.0], dtype=torch.bfloat16),
    torch.tensor([[1.0, 0.0]]),
    torch.tensor([1.0, 1e-45]),
    torch.tensor([True, False]),
    torch.tensor(1.0),
    torch.ones(1).expand(2),
    torch.ones(2),
    torch.ones(()).expand(1),
    torch.ones(()).expand(1, 2),
    torch.empty(0, 2),
    torch.empty(2, 0),
    [torch.ones(2)],
    (torch.ones(2),),
    {"a": torch.ones(2)},
    1,
    1.0,
    True,
    "1",
    None,
    [],
    [[], 1],
    [[1]],
    float("nan"),
]


def test_no_two_values_are_taken_for_one_another() -> None:
    digests = [digest("check", (), [Returned(value)]) for value in VALUES]
    assert None not in digests
    assert all(one != other for one, other in itertools.combinations(digests, 2))
    assert digests == [digest("check", (), [Returned(value)]) for value in VALUES]


@pytest.mark.parametrize(
    "other",
    [
        ("another", (), [Returned(1), Returned(2)]),
        ("check", ("torch.norm",), [Returned(1), Returned(2)]),
        ("check", (), [Returned(1)]),
        ("check", (), [Returned((1, 2))]),
        ("check", (), [Returned(1), Raised("E", "2", None)]),
        ("check", (), []),
    ],
)
def test_all_that_a_verdict_follows_from_counts(other: tuple[str, tuple[str, ...], list[Any]]) -> None:
    assert digest(*other) != digest("check", (), [Returned(1), Returned(2)])


def test_a_few_bytes_that_claim_to_be_much_are_digested_as_few() -> None:
    seen = digest("check", (), [Returned(torch.ones(1, dtype=torch.uint8).expand(1 << 60))])
    assert seen not in (None, digest("check", (), [Returned(torch.ones(1, dtype=torch.uint8).expand(1 << 59))]))


def test_what_equals_nothing_is_never_accepted_again() -> None:
    accepted = Accepted()
    seen = digest("check", (), [Returned([Opaque("Tensor")])])
    accepted.add(seen)
    assert seen is None
    assert seen not in accepted
