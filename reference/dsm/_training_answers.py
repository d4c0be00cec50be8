"""Other right answers to dsm.6, and answers without content. The helpers here are those of the model solution."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn


def _fit(
    loss: Any, x_train: Tensor, generator: torch.Generator, budget_s: float, *, steps: int = 1200, hidden: int = 64
) -> nn.Module:
    """What the model solution's module calls so; the answers are run after that module."""
    raise NotImplementedError


def converts_a_noise_prediction(
    x_train: Tensor, sigma: float, *, generator: torch.Generator, budget_s: float = 30
) -> nn.Module:
    class Converted(nn.Module):
        def __init__(self, predictor: nn.Module) -> None:
            super().__init__()
            self.predictor = predictor

        def forward(self, x: Tensor) -> Tensor:
            predicted: Tensor = self.predictor(x)
            return -predicted / sigma

    def loss(network: nn.Module, x: Tensor, eps: Tensor) -> Any:
        return nn.functional.mse_loss(network(x + sigma * eps), eps)

    return Converted(_fit(loss, x_train, generator, budget_s))


def goes_through_epochs(
    x_train: Tensor, sigma: float, *, generator: torch.Generator, budget_s: float = 30
) -> nn.Module:
    state = torch.get_rng_state()
    torch.manual_seed(int(torch.randint(10**6, (), generator=generator)))
    network = nn.Sequential(
        nn.Linear(2, 48, dtype=x_train.dtype),
        nn.SiLU(),
        nn.Linear(48, 48, dtype=x_train.dtype),
        nn.SiLU(),
        nn.Linear(48, 2, dtype=x_train.dtype),
    )
    torch.set_rng_state(state)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-2, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=30)
    for _ in range(30):
        for rows in torch.split(torch.randperm(len(x_train), generator=generator), 500):
            eps = torch.empty_like(x_train[rows]).normal_(generator=generator)
            # Noise of both signs at each point: the noise of the gradient is less.
            noisy = torch.cat((x_train[rows] + sigma * eps, x_train[rows] - sigma * eps))
            target = torch.cat((-eps, eps)) / sigma
            optimizer.zero_grad()
            torch.autograd.backward(((network(noisy) - target) ** 2).sum() / (2 * len(noisy)))
            optimizer.step()
        schedule.step()
    return network


def smooths_the_data(x_train: Tensor, sigma: float, *, generator: torch.Generator, budget_s: float = 30) -> nn.Module:
    class Smoothed(nn.Module):
        points: Tensor

        def __init__(self, points: Tensor) -> None:
            super().__init__()
            self.register_buffer("points", points)

        def forward(self, x: Tensor) -> Tensor:
            rows = []
            for part in torch.split(x.reshape(-1, 2), 250):
                logits = -torch.cdist(part, self.points).square() / (2 * sigma**2)
                rows.append((torch.softmax(logits, dim=-1) @ self.points - part) / sigma**2)
            return torch.cat(rows).reshape(x.shape)

    return Smoothed(x_train[:10000].clone())


def returns_zero(x_train: Tensor, sigma: float, *, generator: torch.Generator, budget_s: float = 30) -> nn.Module:
    class Zero(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.zeros_like(x)

    return Zero()


def returns_its_input(x_train: Tensor, sigma: float, *, generator: torch.Generator, budget_s: float = 30) -> nn.Module:
    return nn.Identity()


def returns_an_untrained_network(
    x_train: Tensor, sigma: float, *, generator: torch.Generator, budget_s: float = 30
) -> nn.Module:
    def loss(network: nn.Module, x: Tensor, eps: Tensor) -> Any:
        return network(x).sum()

    return _fit(loss, x_train[:1], generator, budget_s, steps=0)


def points_to_the_origin(
    x_train: Tensor, sigma: float, *, generator: torch.Generator, budget_s: float = 30
) -> nn.Module:
    class Pull(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return -x / (1 + sigma**2)

    return Pull()


ALTERNATIVES: tuple[Callable[..., nn.Module], ...] = (
    converts_a_noise_prediction,
    goes_through_epochs,
    smooths_the_data,
)

TRIVIAL: tuple[Callable[..., nn.Module], ...] = (
    returns_zero,
    returns_its_input,
    returns_an_untrained_network,
    points_to_the_origin,
)
