"""A normalising flow of the student's affine couplings."""

from __future__ import annotations

import torch
from torch import Tensor

from grader.frontier.models._base import Evidence, Model, log_normal, normal
from grader.frontier.models._networks import Mlp


class Flow(Model):
    """An affine map of each dimension, then couplings, to N(0, I)."""

    TITLE = "flow"
    PLACE = 2
    PIECES = ("frontier.AffineCoupling", "frontier.composed_log_prob")
    RATE = 1e-3
    COUPLINGS = 8

    def build(self, fit: Tensor) -> None:
        """Couplings with networks of ours; their masks are the same for whoever evaluates them."""
        dim, hidden = self.space.dim, 128 if self.wide else 96
        masks = self.masks(dim)
        for i in range(len(masks)):
            self.nets[f"coupling{i}"] = Mlp([dim, hidden, hidden, 2 * dim], zero=True)
        # Not registered, so that the state holds our networks alone, under our names.
        self.couplings = [
            self.pieces["frontier.AffineCoupling"](mask.to(fit.device), self.nets[f"coupling{i}"])
            for i, mask in enumerate(masks)
        ]
        unit = self.space.unit(fit)
        self.nets["first"] = _First(unit.mean(0), unit.std(0))

    def masks(self, dim: int) -> list[Tensor]:
        """Pairs of opposite masks of about half the dimensions each, another half for every pair."""
        source = torch.Generator().manual_seed(0)
        found = []
        for _ in range(self.COUPLINGS // 2):
            half = torch.zeros(dim)
            half[torch.randperm(dim, generator=source)[: dim // 2]] = 1.0
            found += [half, 1 - half]
        return found

    def log_density(self, y: Tensor) -> Tensor:
        """Of y, by change of variables."""
        first = self.nets["first"]
        assert isinstance(first, _First)
        inverses = [first, *(coupling.forward for coupling in self.couplings)]
        log_prob: Tensor = self.pieces["frontier.composed_log_prob"](self.space.unit(y), inverses, log_normal)
        return log_prob + self.space.log_unit

    def loss(self, y: Tensor, generator: torch.Generator) -> Tensor:
        """Minus the mean log-density."""
        return -self.log_density(y).mean()

    @torch.no_grad()
    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """Noise, through the couplings backwards."""
        z = normal(n, self.space.dim, generator)
        for coupling in reversed(self.couplings):
            z, _ = coupling.inverse(z)
        first = self.nets["first"]
        assert isinstance(first, _First)
        return self.space.from_unit(first.inverse(z))

    @torch.no_grad()
    def evidence(self, y: Tensor, generator: torch.Generator) -> list[Evidence]:
        """Change of variables."""
        return [Evidence(kind="exact", way="change of variables", log_density=self.log_density(y))]


class _First(torch.nn.Module):
    """(x - shift) / scale of each dimension, learned, beginning with the data's."""

    def __init__(self, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        self.shift = torch.nn.Parameter(mean.clone())
        self.log_scale = torch.nn.Parameter(std.log())

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return (x - self.shift) * torch.exp(-self.log_scale), -self.log_scale.sum().expand(x.shape[:-1])

    def inverse(self, z: Tensor) -> Tensor:
        return z * torch.exp(self.log_scale) + self.shift
