"""An autoregressive model of cells: a masked network that gives every conditional at once."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from grader.frontier.models._base import Evidence, Model


class Masked(nn.Module):
    """Layers whose weights are held to a mask, with SiLU between them."""

    def __init__(self, masks: list[Tensor]) -> None:
        super().__init__()
        # Not part of the state: whoever evaluates it applies masks of their own.
        self.masks = masks
        self.layers = nn.ModuleList(nn.Linear(mask.shape[1], mask.shape[0]) for mask in masks)
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        for i, (layer, mask) in enumerate(zip(self.layers, self.masks, strict=True)):
            assert isinstance(layer, nn.Linear)
            x = nn.functional.linear(nn.functional.silu(x) if i else x, layer.weight * mask.to(x.device), layer.bias)
        return x


class Autoregressive(Model):
    """p(y) = prod_i p(cell of y_i | cells before it) / width."""

    TITLE = "autoregressive"
    PLACE = 1
    PIECES = ("autoregressive.made_masks", "autoregressive.ar_sample", "mle.categorical_nll")

    def build(self, fit: Tensor) -> None:
        """A mask for each layer, by the student's function."""
        dim, levels = self.space.dim, self.space.levels
        degrees = torch.arange(384 if self.wide else 192) % max(dim - 1, 1)
        masks = self.pieces["autoregressive.made_masks"](torch.arange(dim), [degrees, degrees], levels)
        self.nets["masked"] = Masked(masks)

    def logits(self, cells: Tensor) -> Tensor:
        """Of each variable's cell, given those before it, [n, dim, levels]."""
        out = self.nets["masked"](2 * self.space.centred(cells))
        # The outputs of one level of all variables stand together.
        blocks: Tensor = out.unflatten(-1, (self.space.levels, self.space.dim)).mT
        return blocks

    def log_mass(self, cells: Tensor) -> Tensor:
        """log P(cells), [n]."""
        nll: Tensor = self.pieces["mle.categorical_nll"](self.logits(cells), cells)
        return -nll.sum(-1)

    def loss(self, y: Tensor, generator: torch.Generator) -> Tensor:
        """Minus the mean log-probability."""
        return -self.log_mass(self.space.cells(y)).mean()

    @torch.no_grad()
    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """One variable after another, then a point of each cell."""
        cells = self.pieces["autoregressive.ar_sample"](self.logits, n, self.space.dim, generator=generator)
        return self.space.within(cells, generator)

    @torch.no_grad()
    def evidence(self, y: Tensor, generator: torch.Generator) -> list[Evidence]:
        """The chain rule."""
        log_density = self.log_mass(self.space.cells(y)) + self.space.log_cell
        return [Evidence(kind="exact", way="chain rule", log_density=log_density)]
