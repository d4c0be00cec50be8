"""A generative adversarial network around the student's two losses."""

from __future__ import annotations

import torch
from torch import Tensor

from grader.frontier.models._base import Model, descend, normal
from grader.frontier.models._networks import Mlp

LATENT = 16


class Gan(Model):
    """A generator against a discriminator, one step each in turn."""

    TITLE = "GAN"
    PLACE = 7
    PIECES = ("frontier.gan_d_loss", "frontier.gan_g_loss")
    NO_LIKELIHOOD = "its samples lie on a surface of few dimensions and have no density"
    SELECTS = False
    RATE = 1e-3

    def build(self, fit: Tensor) -> None:
        """Two networks."""
        hidden = 256 if self.wide else 128
        self.nets["generator"] = Mlp([LATENT, hidden, hidden, self.space.dim])
        self.nets["discriminator"] = Mlp([self.space.dim, hidden, hidden, 1])

    def make_optimizers(self) -> list[torch.optim.Optimizer]:
        """One for each network, with little momentum."""
        return [torch.optim.Adam(net.parameters(), lr=self.RATE, betas=(0.5, 0.99)) for net in self.nets.values()]

    def generated(self, n: int, generator: torch.Generator) -> Tensor:
        """Fakes."""
        fakes: Tensor = self.nets["generator"](normal(n, LATENT, generator))
        return fakes

    def step(self, y: Tensor, generator: torch.Generator) -> None:
        """One step of the discriminator, one of the generator."""
        for_generator, for_discriminator = self.optimizers
        judge = self.nets["discriminator"]
        real, fake = self.space.unit(y), self.generated(len(y), generator)
        losing = self.pieces["frontier.gan_d_loss"](judge(real).squeeze(-1), judge(fake.detach()).squeeze(-1))
        descend(for_discriminator, losing, judge)
        losing = self.pieces["frontier.gan_g_loss"](judge(fake).squeeze(-1), "nonsaturating")
        descend(for_generator, losing, self.nets["generator"])

    @torch.no_grad()
    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """One pass."""
        return self.space.from_unit(self.generated(n, generator))
