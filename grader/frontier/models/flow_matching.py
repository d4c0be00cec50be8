"""Flow matching: a field that carries noise to data in straight lines on average, with the student's loss and steps."""

from __future__ import annotations

import torch
from torch import Tensor

from grader.frontier.models._base import Evidence, Model, log_normal, normal
from grader.frontier.models._dynamics import caveat, divergence_of, ode_log_density
from grader.frontier.models._networks import Timed

STEPS = 50
ODE_STEPS = 20


class FlowMatching(Model):
    """dx/dt = v(x, t), noise at t = 0 and data at t = 1."""

    TITLE = "flow matching"
    PLACE = 5
    PIECES = ("frontier.cfm_loss", "frontier.euler_flow", "score.divergence", "score.hutchinson_divergence")

    def build(self, fit: Tensor) -> None:
        """The network."""
        self.nets["field"] = Timed(self.space.dim, 256 if self.wide else 96, 2)

    def field(self, x: Tensor, time: Tensor) -> Tensor:
        """v(x, t), with t [n], [n, 1] or one for all."""
        velocity: Tensor = self.nets["field"](x, 2 * time.reshape(-1).expand(len(x)) - 1)
        return velocity

    def loss(self, y: Tensor, generator: torch.Generator) -> Tensor:
        """Noise and data paired at random, at random times."""
        x = self.space.unit(y)
        t = torch.rand(len(x), generator=generator, device=x.device)
        loss: Tensor = self.pieces["frontier.cfm_loss"](self.field, normal(len(x), self.space.dim, generator), x, t)
        return loss

    @torch.no_grad()
    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """Euler's steps from noise."""
        x = self.pieces["frontier.euler_flow"](self.field, normal(n, self.space.dim, generator), STEPS)
        return self.space.from_unit(x)

    def evidence(self, y: Tensor, generator: torch.Generator) -> list[Evidence]:
        """The density that the ODE leads to."""
        x = self.space.unit(y)
        # From the data back, in steps that are short where the data are thin.
        times = [1 - (i / ODE_STEPS) ** 2 for i in range(ODE_STEPS + 1)]

        def field(points: Tensor, time: float) -> Tensor:
            return self.field(points, torch.tensor(time, device=points.device))

        log_density = ode_log_density(field, divergence_of(self.pieces, x, generator), x, times, log_normal)
        left = f"of what the ODE leads to, {caveat(self.space.dim)}; the samples take {STEPS} steps of Euler's"
        return [Evidence(kind="exact", way="ODE", log_density=log_density + self.space.log_unit, caveat=left)]
