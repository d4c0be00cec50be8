"""Right answers to fr.8 by other means, and answers without content."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from reference.frontier._coupling import AffineCoupling
from reference.frontier._flow_training import _couplings, _fit, _Flow

Pair = tuple[Tensor, Tensor]


def fits_polynomials(x_train: Tensor, *, generator: torch.Generator, budget_s: float = 40.0) -> nn.Module:
    class Polynomial(nn.Module):
        def __init__(self, entry: int) -> None:
            super().__init__()
            self.entry = entry
            self.shifts, self.scales = nn.Parameter(torch.zeros(4)), nn.Parameter(torch.zeros(3))

        def powers(self, x: Tensor, count: int) -> Tensor:
            # Bounded arguments keep far points from running away.
            return torch.stack([(20 * torch.tanh(x / 20)) ** power for power in range(count)], dim=-1)

        def inner(self, kept: Tensor) -> Pair:
            s = 4 * torch.tanh((self.powers(kept, 3) * self.scales).sum(-1) / 4)
            return s, (self.powers(kept, 4) * self.shifts).sum(-1)

        def forward(self, x: Tensor) -> Pair:
            kept, changed = x[..., 1 - self.entry], x[..., self.entry]
            s, t = self.inner(kept)
            pair = (kept, (changed - t) * torch.exp(s))
            return torch.stack(pair if self.entry else pair[::-1], dim=-1), s

        def inverse(self, z: Tensor) -> Pair:
            kept, changed = z[..., 1 - self.entry], z[..., self.entry]
            s, t = self.inner(kept)
            pair = (kept, changed * torch.exp(-s) + t)
            return torch.stack(pair if self.entry else pair[::-1], dim=-1), -s

    def fitted(entry: int) -> tuple[float, nn.Module]:
        # In float32 the line search now and then finds no step and stops far from the optimum.
        flow, points = _Flow([Polynomial(entry), Polynomial(1 - entry)]).double(), x_train.double()
        optimizer = torch.optim.LBFGS(flow.parameters(), max_iter=150, line_search_fn="strong_wolfe")

        def closure() -> Tensor:
            optimizer.zero_grad()
            z, log_det = flow(points)
            loss: Tensor = (0.5 * z.square().sum(-1) - log_det).mean()
            torch.autograd.backward(loss)
            return loss

        optimizer.step(closure)  # type: ignore[no-untyped-call]  # torch does not type it
        return float(closure()), flow.to(x_train.dtype)

    return min((fitted(entry) for entry in (0, 1)), key=lambda pair: pair[0])[1]


def trains_more_layers_of_tanh(x_train: Tensor, *, generator: torch.Generator, budget_s: float = 40.0) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(torch.randint(2**31, (), generator=generator)))
        layers = []
        for i in range(6):
            net = nn.Sequential(nn.Linear(2, 40), nn.Tanh(), nn.Linear(40, 40), nn.Tanh(), nn.Linear(40, 4))
            mask = torch.zeros(2)
            mask[i % 2] = 1.0
            layers.append(AffineCoupling(mask, net))
    flow = _Flow(layers).to(x_train.dtype)
    optimizer = torch.optim.AdamW(flow.parameters(), lr=1e-2, weight_decay=1e-4)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 800)
    for _ in range(20):
        for rows in torch.split(torch.randperm(len(x_train), generator=generator), 250):
            z, log_det = flow(x_train[rows])
            loss = (0.5 * z.pow(2) + 0.5 * math.log(2 * math.pi)).sum(-1).mean() - log_det.mean()
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            nn.utils.clip_grad_norm_(flow.parameters(), 5.0)
            optimizer.step()
            scheduler.step()
    return flow


def standardises_first(x_train: Tensor, *, generator: torch.Generator, budget_s: float = 40.0) -> nn.Module:
    class Affine(nn.Module):
        center: Tensor
        scale: Tensor

        def __init__(self, x: Tensor) -> None:
            super().__init__()
            self.register_buffer("center", x.mean(0))
            self.register_buffer("scale", x.std(0))

        def forward(self, x: Tensor) -> Pair:
            log_det = -self.scale.log().sum()
            return (x - self.center) / self.scale, log_det.expand(x.shape[:-1])

        def inverse(self, z: Tensor) -> Pair:
            return z * self.scale + self.center, self.scale.log().sum().expand(z.shape[:-1])

    def loss(flow: nn.Module, x: Tensor) -> Any:
        z, log_det = flow(x)
        return 0.5 * z.square().sum(dim=1).mean() + math.log(2 * math.pi) - log_det.mean()

    masks = ((0.0, 1.0), (1.0, 0.0), (0.0, 1.0), (1.0, 0.0), (0.0, 1.0))
    return _fit(_Flow([Affine(x_train), *_couplings(masks, generator)]), loss, x_train, generator, steps=900)


def returns_the_data(x_train: Tensor, *, generator: torch.Generator, budget_s: float = 40.0) -> nn.Module:
    class Identity(nn.Module):
        def forward(self, x: Tensor) -> Pair:
            return x, torch.zeros_like(x[..., 0])

        def inverse(self, z: Tensor) -> Pair:
            return z, torch.zeros_like(z[..., 0])

    return Identity()


def fits_a_gaussian(x_train: Tensor, *, generator: torch.Generator, budget_s: float = 40.0) -> nn.Module:
    center, lower = x_train.mean(0), torch.linalg.cholesky(torch.cov(x_train.T))

    class Gaussian(nn.Module):
        def forward(self, x: Tensor) -> Pair:
            z = torch.linalg.solve_triangular(lower, (x - center).unsqueeze(-1), upper=False).squeeze(-1)
            return z, -lower.diagonal().log().sum().expand(x.shape[:-1])

        def inverse(self, z: Tensor) -> Pair:
            return z @ lower.T + center, lower.diagonal().log().sum().expand(z.shape[:-1])

    return Gaussian()


def claims_more_than_there_is(x_train: Tensor, *, generator: torch.Generator, budget_s: float = 40.0) -> nn.Module:
    class Boaster(nn.Module):
        def forward(self, x: Tensor) -> Pair:
            return 0 * x, torch.full_like(x[..., 0], 10.0)

        def inverse(self, z: Tensor) -> Pair:
            return 0 * z, torch.full_like(z[..., 0], -10.0)

    return Boaster()


ALTERNATIVES = (fits_polynomials, trains_more_layers_of_tanh, standardises_first)
TRIVIAL = (returns_the_data, fits_a_gaussian, claims_more_than_there_is)
