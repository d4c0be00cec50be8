"""The law that the data of ar.9 come from: its entropy is known, and the same for every seed."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from grader.strategies import FULL_PRECISION, Numbers

SIZE = 12
"""Binary variables of an example."""

# Of twelve such laws, the one whose entropy and whose distance to independence are nearest to the catalogue's.
_SHAPE_SEED = 6
_SINGLE, _PAIRED = 2.5, 1.5

STATES = (torch.arange(2**SIZE).unsqueeze(-1) >> torch.arange(SIZE - 1, -1, -1)) & 1
"""All examples, [4096, 12], in the order of binary numbers: the first variable changes last."""

ENTROPY = 4.7308
"""Of the law, in nats; the best model without any dependence has 3.4083 more."""


class BinaryLaw(nn.Module):
    """Logits [n, 12] of each variable given those before it: linear in them and in their pairs.

    Which value of each variable is called 1 is drawn from the seed. That renames outcomes, so that nobody knows the law
    beforehand, and leaves entropy and difficulty as they are.
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        shape = Numbers(seed=_SHAPE_SEED, decimals=2)
        self._numbers = Numbers(seed=seed, decimals=FULL_PRECISION)
        self.single = shape.normal((SIZE, SIZE)).tril(-1)
        paired = shape.normal((SIZE, SIZE, SIZE))
        self.bias = shape.normal((SIZE,), scale=0.5)
        before = torch.arange(SIZE) < torch.arange(SIZE).unsqueeze(-1)
        ordered = before.unsqueeze(-1) & before.unsqueeze(-2) & before.unsqueeze(0)
        self.paired = torch.where(ordered, paired, 0.0)
        self.signs = 2 * self._numbers.restarted().integers((SIZE,), low=0, high=2).double() - 1
        counts = torch.arange(SIZE, dtype=torch.float64)
        self.single *= _SINGLE / counts.clamp(min=1).sqrt().unsqueeze(-1)
        self.paired *= _PAIRED / (counts * (counts - 1) / 2).clamp(min=1).sqrt().reshape(-1, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Logits in float32, as a trained model has them."""
        return self.logits(x).float()

    def logits(self, x: Tensor) -> Tensor:
        """Logits in float64."""
        signed = (2 * x.double() - 1) * self.signs
        pairs = torch.einsum("nj,nk,ijk->ni", signed, signed, self.paired)
        return (self.bias + signed @ self.single.mT + pairs) * self.signs

    def sample(self, count: int) -> Tensor:
        """Examples, float32, [count, 12]; the same ones at each call."""
        edges = log_probs(self.logits(STATES)).exp().cumsum(0)
        heights = self._numbers.restarted().uniform((count,), high=float(edges[-1]))
        return STATES[torch.searchsorted(edges, heights).clamp(max=len(STATES) - 1)].float()


def log_probs(logits: Tensor) -> Tensor:
    """log p of all states, [4096], from the logits that a model gives for them."""
    return (STATES * logits - nn.functional.softplus(logits)).sum(-1)


def mean_gap(logits: Tensor, law: BinaryLaw) -> float:
    """By how much a model's expected negative log-likelihood exceeds the entropy, in nats; exact, with no sampling."""
    right = log_probs(law.logits(STATES))
    return float((right.exp() * (right - log_probs(logits.double()))).sum())
