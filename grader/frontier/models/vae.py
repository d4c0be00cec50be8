"""A variational autoencoder of cells, around the student's encoder, noise and bound.

The decoder says a cell in hurdles: hurdle j of a variable is passed with a probability of its own, and the cell is the
number of hurdles passed before the first that is not. Those after it are not asked: as x = 0 with a logit of -200 they
cost nothing. So the Bernoulli bound that the student wrote is one on the cell, and any distribution of a cell given z
can be said.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from grader.frontier.models._base import Evidence, Model, descend, normal
from grader.frontier.models._networks import Mlp

NEVER = -200.0
"""The logit of a hurdle that is not asked."""

UNUSED_NATS = 0.05
"""Of KL over the data, below which a latent says nothing about them."""

DRAWS, IMPORTANCE = 16, 64

WARM_UP = 0.3
"""Of the training, in which the KL comes to count by and by: from the start at full weight it empties the latents."""


class Vae(Model):
    """z ~ N(0, I), hurdles given z, and q(z | y) from one network for all y."""

    TITLE = "VAE"
    PLACE = 3
    PIECES = (
        "encoders.reparameterize",
        "encoders.GaussianEncoder",
        "elbo.vae_elbo",
        "elbo.vae_iwae",
        "gaussian_kl.kl_standard",
    )

    def build(self, fit: Tensor) -> None:
        """The student's encoder, and a decoder."""
        dim, hurdles = self.space.dim, self.space.levels - 1
        latent, hidden = (12, 256) if self.wide else (2, 128)
        self.nets["encoder"] = self.pieces["encoders.GaussianEncoder"](dim, latent, hidden)
        self.nets["decoder"] = Mlp([latent, hidden, hidden, dim * hurdles])
        self.latent = latent

    def hurdles(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """Which hurdles are passed, and which are asked, as numbers and booleans [n, dim * hurdles]."""
        steps = torch.arange(self.space.levels - 1, device=y.device)
        cells = self.space.cells(y).unsqueeze(-1)
        return (steps < cells).flatten(-2).to(y.dtype), (steps <= cells).flatten(-2)

    def encoded(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """mu and logvar of q(z | y)."""
        mu, logvar = self.nets["encoder"](2 * self.space.centred(self.space.cells(y)))
        return mu, logvar

    def drawn(self, mu: Tensor, logvar: Tensor, n: int, generator: torch.Generator) -> Tensor:
        """z ~ q, [n, batch, latent]."""
        z: Tensor = self.pieces["encoders.reparameterize"](mu, logvar, n_samples=n, generator=generator)
        return z

    def elbo(self, y: Tensor, generator: torch.Generator, draws: int = 1) -> Tensor:
        """A draw of the bound on log P(cell) for each point, or the mean of several."""
        x, asked = self.hurdles(y)
        mu, logvar = self.encoded(y)
        bounds = []
        for z in self.drawn(mu, logvar, draws, generator):
            logits = self.nets["decoder"](z).masked_fill(~asked, NEVER)
            bounds.append(self.pieces["elbo.vae_elbo"](x, logits, mu, logvar)[0])
        return torch.stack(bounds).mean(0)

    def iwae(self, y: Tensor, generator: torch.Generator) -> Tensor:
        """The importance-weighted bound on log P(cell) for each point."""
        x, asked = self.hurdles(y)
        mu, logvar = self.encoded(y)
        z = self.drawn(mu, logvar, IMPORTANCE, generator)
        logits = self.nets["decoder"](z).masked_fill(~asked, NEVER)
        bound: Tensor = self.pieces["elbo.vae_iwae"](x, logits, z, mu, logvar)
        return bound

    def loss(self, y: Tensor, generator: torch.Generator) -> Tensor:
        """Minus the bound."""
        return -self.elbo(y, generator).mean()

    def step(self, y: Tensor, generator: torch.Generator) -> None:
        """At first with less than the whole KL, while the decoder learns to listen."""
        x, asked = self.hurdles(y)
        mu, logvar = self.encoded(y)
        (z,) = self.drawn(mu, logvar, 1, generator)
        logits = self.nets["decoder"](z).masked_fill(~asked, NEVER)
        elbo, _, kl = self.pieces["elbo.vae_elbo"](x, logits, mu, logvar)
        forgiven = max(0.0, 1 - self.progress / WARM_UP)
        (optimizer,) = self.optimizers
        descend(optimizer, -(elbo + forgiven * kl).mean(), self.nets)

    @torch.no_grad()
    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """z from the prior, hurdles from the decoder, a point of each cell."""
        logits = self.nets["decoder"](normal(n, self.latent, generator))
        u = torch.rand(logits.shape, generator=generator, device=logits.device)
        passed = (u < torch.sigmoid(logits)).reshape(n, self.space.dim, self.space.levels - 1)
        return self.space.within(passed.to(torch.int64).cumprod(-1).sum(-1), generator)

    @torch.no_grad()
    def evidence(self, y: Tensor, generator: torch.Generator) -> list[Evidence]:
        """The bound, and the importance-weighted one, which is nearer to log p(y)."""
        # A few points at a time: all draws of all points at once would fill a small machine.
        tighter = torch.cat([self.iwae(some, generator) for some in torch.chunk(y, math.ceil(len(y) / 64))])
        bounds = {"ELBO": self.elbo(y, generator, DRAWS), f"IWAE, {IMPORTANCE} draws": tighter}
        caveat = "log p(y) is higher, by an unknown amount"
        return [
            Evidence(kind="lower", way=way, log_density=bound + self.space.log_cell, caveat=caveat)
            for way, bound in bounds.items()
        ]

    @torch.no_grad()
    def failures(self, y: Tensor) -> list[str]:
        """Latents whose posterior is the prior for every point."""
        mu, logvar = self.encoded(y)
        each = self.pieces["gaussian_kl.kl_standard"](mu.unsqueeze(-1), logvar.unsqueeze(-1)).mean(0)
        unused = int((each < UNUSED_NATS).sum())
        return [f"{unused} of {self.latent} latents unused (KL below {UNUSED_NATS} nats)"] if unused else []
