"""Wrong answers to dsm.6, and their sentences. `_fit` is the model solution's: what it minimises differs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from reference.dsm._training_answers import _fit


def points_along_the_noise(
    x_train: Tensor, sigma: float, *, generator: torch.Generator, budget_s: float = 30
) -> nn.Module:
    def loss(network: nn.Module, x: Tensor, eps: Tensor) -> Any:
        return 0.5 * (network(x + sigma * eps) - eps / sigma).square().sum(-1).mean()

    return _fit(loss, x_train, generator, budget_s, steps=400)


def forgets_to_divide_by_sigma(
    x_train: Tensor, sigma: float, *, generator: torch.Generator, budget_s: float = 30
) -> nn.Module:
    def loss(network: nn.Module, x: Tensor, eps: Tensor) -> Any:
        return 0.5 * (network(x + sigma * eps) + eps).square().sum(-1).mean()

    return _fit(loss, x_train, generator, budget_s, steps=400)


def returns_the_noise(x_train: Tensor, sigma: float, *, generator: torch.Generator, budget_s: float = 30) -> nn.Module:
    def loss(network: nn.Module, x: Tensor, eps: Tensor) -> Any:
        return 0.5 * (network(x + sigma * eps) - eps).square().sum(-1).mean()

    return _fit(loss, x_train, generator, budget_s, steps=400)


def divides_the_noise_by_the_variance(
    x_train: Tensor, sigma: float, *, generator: torch.Generator, budget_s: float = 30
) -> nn.Module:
    def loss(network: nn.Module, x: Tensor, eps: Tensor) -> Any:
        return 0.5 * (network(x + sigma * eps) + eps / sigma**2).square().sum(-1).mean()

    return _fit(loss, x_train, generator, budget_s, steps=400)


def predicts_the_displacement(
    x_train: Tensor, sigma: float, *, generator: torch.Generator, budget_s: float = 30
) -> nn.Module:
    def loss(network: nn.Module, x: Tensor, eps: Tensor) -> Any:
        return 0.5 * (network(x + sigma * eps) + sigma * eps).square().sum(-1).mean()

    return _fit(loss, x_train, generator, budget_s, steps=400)


def asks_at_the_clean_point(
    x_train: Tensor, sigma: float, *, generator: torch.Generator, budget_s: float = 30
) -> nn.Module:
    def loss(network: nn.Module, x: Tensor, eps: Tensor) -> Any:
        return 0.5 * (network(x) + eps / sigma).square().sum(-1).mean()

    return _fit(loss, x_train, generator, budget_s, steps=400)


def returns_the_denoised_point(
    x_train: Tensor, sigma: float, *, generator: torch.Generator, budget_s: float = 30
) -> nn.Module:
    def loss(network: nn.Module, x: Tensor, eps: Tensor) -> Any:
        return 0.5 * (network(x + sigma * eps) - x).square().sum(-1).mean()

    return _fit(loss, x_train, generator, budget_s, steps=400)


def adds_noise_of_size_sigma_squared(
    x_train: Tensor, sigma: float, *, generator: torch.Generator, budget_s: float = 30
) -> nn.Module:
    def loss(network: nn.Module, x: Tensor, eps: Tensor) -> Any:
        return 0.5 * (network(x + sigma**2 * eps) + eps / sigma**2).square().sum(-1).mean()

    return _fit(loss, x_train, generator, budget_s, steps=600)


def adds_unit_noise(x_train: Tensor, sigma: float, *, generator: torch.Generator, budget_s: float = 30) -> nn.Module:
    def loss(network: nn.Module, x: Tensor, eps: Tensor) -> Any:
        return 0.5 * (network(x + eps) + eps).square().sum(-1).mean()

    return _fit(loss, x_train, generator, budget_s, steps=400)


def returns_the_score_of_scaled_data(
    x_train: Tensor, sigma: float, *, generator: torch.Generator, budget_s: float = 30
) -> nn.Module:
    scaled = (x_train - x_train.mean(0)) / x_train.std(0)

    def loss(network: nn.Module, x: Tensor, eps: Tensor) -> Any:
        return 0.5 * (network(x + sigma * eps) + eps / sigma).square().sum(-1).mean()

    return _fit(loss, scaled, generator, budget_s, steps=400)


def has_no_hidden_layer(
    x_train: Tensor, sigma: float, *, generator: torch.Generator, budget_s: float = 30
) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        network = nn.Linear(2, 2).to(x_train)
    noisy = x_train + sigma * torch.randn(x_train.shape, generator=generator, dtype=x_train.dtype)
    ones = torch.ones_like(noisy[:, :1])
    # For a linear field the best weights have a closed form.
    best = torch.linalg.lstsq(torch.cat((noisy, ones), dim=-1), (x_train - noisy) / sigma**2).solution
    with torch.no_grad():
        network.weight.copy_(best[:2].mT)
        network.bias.copy_(best[2])
    return network


def shares_noise_over_the_batch(
    x_train: Tensor, sigma: float, *, generator: torch.Generator, budget_s: float = 30
) -> nn.Module:
    def loss(network: nn.Module, x: Tensor, eps: Tensor) -> Any:
        eps = eps[:1]
        return 0.5 * (network(x + sigma * eps) + eps / sigma).square().sum(-1).mean()

    return _fit(loss, x_train, generator, budget_s, steps=400)


def learns_from_a_few_points(
    x_train: Tensor, sigma: float, *, generator: torch.Generator, budget_s: float = 30
) -> nn.Module:
    def loss(network: nn.Module, x: Tensor, eps: Tensor) -> Any:
        return 0.5 * (network(x + sigma * eps) + eps / sigma).square().sum(-1).mean()

    return _fit(loss, x_train[:150], generator, budget_s, steps=600)


def stops_too_early(x_train: Tensor, sigma: float, *, generator: torch.Generator, budget_s: float = 30) -> nn.Module:
    def loss(network: nn.Module, x: Tensor, eps: Tensor) -> Any:
        return 0.5 * (network(x + sigma * eps) + eps / sigma).square().sum(-1).mean()

    return _fit(loss, x_train, generator, budget_s, steps=40)


def seeds_everything(x_train: Tensor, sigma: float, *, generator: torch.Generator, budget_s: float = 30) -> nn.Module:
    torch.manual_seed(0)

    def loss(network: nn.Module, x: Tensor, eps: Tensor) -> Any:
        return 0.5 * (network(x + sigma * eps) + eps / sigma).square().sum(-1).mean()

    return _fit(loss, x_train, generator, budget_s, steps=600)


def shuffles_the_data_in_place(
    x_train: Tensor, sigma: float, *, generator: torch.Generator, budget_s: float = 30
) -> nn.Module:
    x_train[:] = x_train[torch.randperm(len(x_train), generator=generator)]

    def loss(network: nn.Module, x: Tensor, eps: Tensor) -> Any:
        return 0.5 * (network(x + sigma * eps) + eps / sigma).square().sum(-1).mean()

    return _fit(loss, x_train, generator, budget_s, steps=600)


def centres_each_batch(x_train: Tensor, sigma: float, *, generator: torch.Generator, budget_s: float = 30) -> nn.Module:
    class Centred(nn.Module):
        def __init__(self, network: nn.Module, mean: Tensor) -> None:
            super().__init__()
            self.network = network
            self.mean = mean

        def forward(self, x: Tensor) -> Tensor:
            rows = x.reshape(-1, 2)
            result: Tensor = self.network(rows - rows.mean(0) + self.mean)
            return result.reshape(x.shape)

    def loss(network: nn.Module, x: Tensor, eps: Tensor) -> Any:
        return 0.5 * (network(x + sigma * eps) + eps / sigma).square().sum(-1).mean()

    return Centred(_fit(loss, x_train, generator, budget_s, steps=600), x_train.mean(0))


SENTENCES: dict[Callable[..., Any], str] = {
    points_along_the_noise: "Your field points away from the clean point.",
    forgets_to_divide_by_sigma: "Your field is half as long as it should be, for a sigma of 0.5. Coincidence?",
    returns_the_noise: "Your network predicts the noise. What is between a noise prediction and a score?",
    divides_the_noise_by_the_variance: (
        "x~ - x is divided by sigma^2 in the slope of the noisy log-density. Is eps the same as x~ - x?"
    ),
    predicts_the_displacement: (
        "Your network predicts the way from x~ back to x. By what is that way divided in the score?"
    ),
    asks_at_the_clean_point: "You are regressing noise you never showed the network.",
    returns_the_denoised_point: "Your network says where x was. Does a score say where, or which way and how steep?",
    adds_noise_of_size_sigma_squared: (
        "The right field for less noise than was asked for: what is the standard deviation of x~ - x for you?"
    ),
    adds_unit_noise: (
        "The right field for more noise than was asked for: what is the standard deviation of x~ - x for you?"
    ),
    returns_the_score_of_scaled_data: (
        "Your network was trained on x in other units than it is given. Where would you convert, and what of the slope?"
    ),
    has_no_hidden_layer: "Your field is linear in x. How many modes can the density of a linear score have?",
    shares_noise_over_the_batch: "Different rows of a batch receive identical noise. How many numbers does it need?",
    learns_from_a_few_points: "How many of the 20000 points has your network seen?",
    stops_too_early: "Plot the loss, averaged over many batches, against the steps. Does it still fall at the end?",
    seeds_everything: "Whose random numbers start again when your training does, and who was to decide them?",
    shuffles_the_data_in_place: "Look at x_train after the call: is its first row still the same?",
    centres_each_batch: "Put one point in a batch alone, then among others: why does its score change?",
}
