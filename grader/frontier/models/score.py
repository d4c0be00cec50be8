"""A score model at many noise levels, trained with the student's denoising loss and sampled with their dynamics.

It gives three distributions that agree only where the score is right: what Langevin dynamics draw, what the ordinary
differential equation of the diffusion leads to, whose density is exact, and what the reverse diffusion leads to, whose
density has a bound.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from grader.frontier.models._base import Evidence, Model, log_normal, normal
from grader.frontier.models._dynamics import caveat, divergence_of, ode_log_density, sde_log_density_bound
from grader.frontier.models._networks import Timed

LEVELS, STEPS, EPS0 = 24, 10, 0.15
"""Of annealed Langevin dynamics: noise levels, steps at each, and the last level's step in units of its variance."""

ODE_STEPS = 20


class Score(Model):
    """s(x, sigma), preconditioned so that the network sees and says numbers near 1 (Karras et al. 2022, table 1)."""

    TITLE = "score model"
    PLACE = 4
    PIECES = (
        "dsm.multi_sigma_dsm_loss",
        "dsm.annealed_langevin",
        "score.divergence",
        "score.hutchinson_divergence",
    )
    SIGMA_MIN, SIGMA_MAX = 0.03, 10.0

    def build(self, fit: Tensor) -> None:
        """The network, and the noise levels of training."""
        self.nets["denoiser"] = Timed(self.space.dim, 256 if self.wide else 96, 2)
        self.sigmas = self.ladder(64, fit.device).flip(0)

    def ladder(self, count: int, device: torch.device) -> Tensor:
        """Noise levels from the largest to the smallest, [count]."""
        low, high = math.log(self.SIGMA_MIN), math.log(self.SIGMA_MAX)
        return torch.linspace(high, low, count, device=device).exp()

    def score(self, x: Tensor, sigma: Tensor) -> Tensor:
        """s(x, sigma), with sigma [n] or one for all."""
        sigma = sigma.expand(len(x)).unsqueeze(-1)
        total = (1 + sigma.square()).sqrt()
        time = (sigma.log() / 4).squeeze(-1)
        # The denoised x is c_skip x + c_out net, and the score (denoised - x) / sigma^2.
        score: Tensor = -x / total.square() + self.nets["denoiser"](x / total, time) / (sigma * total)
        return score

    def loss(self, y: Tensor, generator: torch.Generator) -> Tensor:
        """Denoising at random levels, weighted by sigma^2, which is the weight of the likelihood's bound."""
        x = self.space.unit(y)
        index = torch.randint(len(self.sigmas), (len(x),), generator=generator, device=x.device)
        eps = normal(len(x), self.space.dim, generator)
        loss: Tensor = self.pieces["dsm.multi_sigma_dsm_loss"](
            self.score, x, self.sigmas, index, eps, weighting="sigma2"
        )
        return loss

    @torch.no_grad()
    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """Annealed Langevin dynamics."""
        sigmas = self.ladder(LEVELS, generator.device)
        start = self.SIGMA_MAX * normal(n, self.space.dim, generator)
        noise = torch.randn((LEVELS, STEPS, n, self.space.dim), generator=generator, device=generator.device)
        x = self.pieces["dsm.annealed_langevin"](self.score, start, sigmas, EPS0 * self.SIGMA_MIN**2, noise)
        return self.space.from_unit(x)

    def evidence(self, y: Tensor, generator: torch.Generator) -> list[Evidence]:
        """The density that the ODE leads to, and the bound on that of the diffusion."""
        x = self.space.unit(y)
        # In log sigma, over which the field changes evenly.
        times = [math.log(float(sigma)) for sigma in self.ladder(ODE_STEPS + 1, x.device).flip(0)]
        ends = math.sqrt(1 + self.SIGMA_MAX**2)

        def flow(points: Tensor, log_sigma: float) -> Tensor:
            sigma = torch.tensor(math.exp(log_sigma), device=points.device)
            return -sigma.square() * self.score(points, sigma)

        divergence = divergence_of(self.pieces, x, generator)
        ode = ode_log_density(flow, divergence, x, times, lambda end: log_normal(end, ends))
        with torch.no_grad():
            bound = sde_log_density_bound(self.score, x, self.SIGMA_MIN, self.SIGMA_MAX, ends, generator)
        return [
            Evidence(
                kind="exact",
                way="ODE",
                log_density=ode + self.space.log_unit,
                caveat=f"of what the ODE leads to, {caveat(self.space.dim)}; the samples are drawn otherwise",
            ),
            Evidence(
                kind="lower",
                way="diffusion",
                log_density=bound + self.space.log_unit,
                caveat="on what the reverse diffusion leads to, which is a third distribution",
            ),
        ]
