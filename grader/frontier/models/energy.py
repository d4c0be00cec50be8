"""An energy-based model, trained with the student's surrogate on chains of the student's Langevin dynamics."""

from __future__ import annotations

import torch
from torch import Tensor

from grader.frontier.models._base import Evidence, Model, descend, normal
from grader.frontier.models._networks import Mlp

CHAINS, RESTARTED = 1024, 0.05
SAMPLING_STEPS = 500
GRID = 256


class Energy(Model):
    """p(x) = exp(-E(x)) / Z. In two dimensions Z is a sum over a grid; in many nobody knows it."""

    TITLE = "energy-based"
    PLACE = 6
    PIECES = ("frontier.ebm_surrogate", "frontier.log_partition", "dsm.langevin", "score.energy_score")
    NO_LIKELIHOOD = "Z is an integral over as many dimensions as the data have"
    SELECTS = False
    RATE = 1e-3

    def build(self, fit: Tensor) -> None:
        """The network, and chains that go on from one step of training to the next."""
        hidden = 256 if self.wide else 128
        self.nets["energy"] = Mlp([self.space.dim, hidden, hidden, 1])
        self.chains: Tensor | None = None
        self.steps, self.step_size = (20, 2e-3) if self.wide else (20, 1e-2)

    def energy(self, x: Tensor) -> Tensor:
        """E(x), [n]: a network beside the energy of N(0, I), which keeps chains from running away."""
        energy: Tensor = self.nets["energy"](x).squeeze(-1) + 0.5 * x.square().sum(-1)
        return energy

    def moved(self, x: Tensor, steps: int, generator: torch.Generator) -> Tensor:
        """Chains, some steps later."""
        noise = torch.randn((steps, *x.shape), generator=generator, device=x.device)
        moved: Tensor = self.pieces["dsm.langevin"](
            lambda points: self.pieces["score.energy_score"](self.energy, points), x, self.step_size, noise
        )
        return moved

    def step(self, y: Tensor, generator: torch.Generator) -> None:
        """Chains move, then energies of data go down and of chains up."""
        x = self.space.unit(y)
        if self.chains is None:
            self.chains = normal(CHAINS, self.space.dim, generator)
        rows = torch.randint(CHAINS, (len(x),), generator=generator, device=x.device)
        fresh = torch.rand(len(x), 1, generator=generator, device=x.device) < RESTARTED
        start = torch.where(fresh, normal(len(x), self.space.dim, generator), self.chains[rows])
        chains = self.moved(start, self.steps, generator)
        self.chains[rows] = chains
        (optimizer,) = self.optimizers
        descend(optimizer, self.pieces["frontier.ebm_surrogate"](self.energy, x, chains), self.nets)

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """Long chains from noise."""
        x = self.moved(normal(n, self.space.dim, generator), SAMPLING_STEPS, generator)
        return self.space.from_unit(x)

    @torch.no_grad()
    def evidence(self, y: Tensor, generator: torch.Generator) -> list[Evidence]:
        """By a sum over a grid, where there are two dimensions."""
        if self.wide:
            return []
        low, size = self.space.low, self.space.width * self.space.levels
        line = low + size * (torch.arange(GRID, device=y.device) + 0.5) / GRID
        grid = self.space.unit(torch.cartesian_prod(line, line))
        cell = (size / self.space.scale / GRID) ** 2
        log_z = self.pieces["frontier.log_partition"](self.energy, grid, cell)
        log_density = -self.energy(self.space.unit(y)) - log_z + self.space.log_unit
        caveat = "normalised by a sum over a grid of the box, which two dimensions allow"
        return [Evidence(kind="exact", way="grid", log_density=log_density, caveat=caveat)]
