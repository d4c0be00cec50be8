"""Wrong answers to enc.5, and their sentences. `_fit` is the model solution's: only what it minimises differs."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from reference.encoders._training_answers import _fit

Modules = tuple[nn.Module, nn.Module]


def averages_the_kl_over_latents(
    x_train: Tensor, *, d_latent: int, generator: torch.Generator, budget_s: float = 60
) -> Modules:
    def loss(encoder: nn.Module, decoder: nn.Module, x: Tensor, eps: Tensor) -> Any:
        mu, logvar = encoder(x)
        z = mu + torch.exp(0.5 * logvar) * eps
        mean, logvar_x = decoder(z)
        log_px = -0.5 * (math.log(2 * math.pi) + logvar_x + (x - mean).square() * torch.exp(-logvar_x)).sum(-1)
        kl = 0.5 * (mu.square() + torch.exp(logvar) - 1 - logvar).mean(-1)
        return (kl - log_px).mean()

    return _fit(loss, x_train, d_latent, generator, budget_s)


def forgets_the_half_of_the_kl(
    x_train: Tensor, *, d_latent: int, generator: torch.Generator, budget_s: float = 60
) -> Modules:
    def loss(encoder: nn.Module, decoder: nn.Module, x: Tensor, eps: Tensor) -> Any:
        mu, logvar = encoder(x)
        z = mu + torch.exp(0.5 * logvar) * eps
        mean, logvar_x = decoder(z)
        log_px = -0.5 * (math.log(2 * math.pi) + logvar_x + (x - mean).square() * torch.exp(-logvar_x)).sum(-1)
        kl = (mu.square() + torch.exp(logvar) - 1 - logvar).sum(-1)
        return (kl - log_px).mean()

    return _fit(loss, x_train, d_latent, generator, budget_s)


def shares_noise_over_the_batch(
    x_train: Tensor, *, d_latent: int, generator: torch.Generator, budget_s: float = 60
) -> Modules:
    def loss(encoder: nn.Module, decoder: nn.Module, x: Tensor, eps: Tensor) -> Any:
        mu, logvar = encoder(x)
        z = mu + torch.exp(0.5 * logvar) * eps[:1]
        mean, logvar_x = decoder(z)
        log_px = -0.5 * (math.log(2 * math.pi) + logvar_x + (x - mean).square() * torch.exp(-logvar_x)).sum(-1)
        kl = 0.5 * (mu.square() + torch.exp(logvar) - 1 - logvar).sum(-1)
        return (kl - log_px).mean()

    return _fit(loss, x_train, d_latent, generator, budget_s)


def scales_noise_with_the_variance(
    x_train: Tensor, *, d_latent: int, generator: torch.Generator, budget_s: float = 60
) -> Modules:
    def loss(encoder: nn.Module, decoder: nn.Module, x: Tensor, eps: Tensor) -> Any:
        mu, logvar = encoder(x)
        z = mu + torch.exp(logvar) * eps
        mean, logvar_x = decoder(z)
        log_px = -0.5 * (math.log(2 * math.pi) + logvar_x + (x - mean).square() * torch.exp(-logvar_x)).sum(-1)
        kl = 0.5 * (mu.square() + torch.exp(logvar) - 1 - logvar).sum(-1)
        return (kl - log_px).mean()

    return _fit(loss, x_train, d_latent, generator, budget_s)


def cuts_the_gradient_of_the_spread(
    x_train: Tensor, *, d_latent: int, generator: torch.Generator, budget_s: float = 60
) -> Modules:
    def loss(encoder: nn.Module, decoder: nn.Module, x: Tensor, eps: Tensor) -> Any:
        mu, logvar = encoder(x)
        z = mu + torch.exp(0.5 * logvar).detach() * eps
        mean, logvar_x = decoder(z)
        log_px = -0.5 * (math.log(2 * math.pi) + logvar_x + (x - mean).square() * torch.exp(-logvar_x)).sum(-1)
        kl = 0.5 * (mu.square() + torch.exp(logvar) - 1 - logvar).sum(-1)
        return (kl - log_px).mean()

    return _fit(loss, x_train, d_latent, generator, budget_s)


def detaches_z(x_train: Tensor, *, d_latent: int, generator: torch.Generator, budget_s: float = 60) -> Modules:
    def loss(encoder: nn.Module, decoder: nn.Module, x: Tensor, eps: Tensor) -> Any:
        mu, logvar = encoder(x)
        z = (mu + torch.exp(0.5 * logvar) * eps).detach()
        mean, logvar_x = decoder(z)
        log_px = -0.5 * (math.log(2 * math.pi) + logvar_x + (x - mean).square() * torch.exp(-logvar_x)).sum(-1)
        kl = 0.5 * (mu.square() + torch.exp(logvar) - 1 - logvar).sum(-1)
        return (kl - log_px).mean()

    return _fit(loss, x_train, d_latent, generator, budget_s)


def reverses_the_kl(x_train: Tensor, *, d_latent: int, generator: torch.Generator, budget_s: float = 60) -> Modules:
    def loss(encoder: nn.Module, decoder: nn.Module, x: Tensor, eps: Tensor) -> Any:
        mu, logvar = encoder(x)
        z = mu + torch.exp(0.5 * logvar) * eps
        mean, logvar_x = decoder(z)
        log_px = -0.5 * (math.log(2 * math.pi) + logvar_x + (x - mean).square() * torch.exp(-logvar_x)).sum(-1)
        kl = 0.5 * ((1 + mu.square()) * torch.exp(-logvar) - 1 + logvar).sum(-1)
        return (kl - log_px).mean()

    return _fit(loss, x_train, d_latent, generator, budget_s)


def turns_the_sign_of_the_kl(
    x_train: Tensor, *, d_latent: int, generator: torch.Generator, budget_s: float = 60
) -> Modules:
    def loss(encoder: nn.Module, decoder: nn.Module, x: Tensor, eps: Tensor) -> Any:
        mu, logvar = encoder(x)
        z = mu + torch.exp(0.5 * logvar) * eps
        mean, logvar_x = decoder(z)
        log_px = -0.5 * (math.log(2 * math.pi) + logvar_x + (x - mean).square() * torch.exp(-logvar_x)).sum(-1)
        kl = 0.5 * (mu.square() + torch.exp(logvar) - 1 - logvar).sum(-1)
        return (-kl - log_px).mean()

    return _fit(loss, x_train, d_latent, generator, budget_s)


def forgets_the_kl(x_train: Tensor, *, d_latent: int, generator: torch.Generator, budget_s: float = 60) -> Modules:
    def loss(encoder: nn.Module, decoder: nn.Module, x: Tensor, eps: Tensor) -> Any:
        mu, logvar = encoder(x)
        z = mu + torch.exp(0.5 * logvar) * eps
        mean, logvar_x = decoder(z)
        log_px = -0.5 * (math.log(2 * math.pi) + logvar_x + (x - mean).square() * torch.exp(-logvar_x)).sum(-1)
        return -log_px.mean()

    return _fit(loss, x_train, d_latent, generator, budget_s)


def divides_the_kl_by_the_batch(
    x_train: Tensor, *, d_latent: int, generator: torch.Generator, budget_s: float = 60
) -> Modules:
    def loss(encoder: nn.Module, decoder: nn.Module, x: Tensor, eps: Tensor) -> Any:
        mu, logvar = encoder(x)
        z = mu + torch.exp(0.5 * logvar) * eps
        mean, logvar_x = decoder(z)
        log_px = -0.5 * (math.log(2 * math.pi) + logvar_x + (x - mean).square() * torch.exp(-logvar_x)).sum(-1)
        kl = 0.5 * (mu.square() + torch.exp(logvar) - 1 - logvar).sum(-1)
        return kl.mean() / len(x) - log_px.mean()

    return _fit(loss, x_train, d_latent, generator, budget_s)


def uses_the_squared_error(
    x_train: Tensor, *, d_latent: int, generator: torch.Generator, budget_s: float = 60
) -> Modules:
    def loss(encoder: nn.Module, decoder: nn.Module, x: Tensor, eps: Tensor) -> Any:
        mu, logvar = encoder(x)
        z = mu + torch.exp(0.5 * logvar) * eps
        mean, _ = decoder(z)
        log_px = -(x - mean).square().sum(-1)
        kl = 0.5 * (mu.square() + torch.exp(logvar) - 1 - logvar).sum(-1)
        return (kl - log_px).mean()

    return _fit(loss, x_train, d_latent, generator, budget_s)


def averages_the_likelihood_over_the_data(
    x_train: Tensor, *, d_latent: int, generator: torch.Generator, budget_s: float = 60
) -> Modules:
    def loss(encoder: nn.Module, decoder: nn.Module, x: Tensor, eps: Tensor) -> Any:
        mu, logvar = encoder(x)
        z = mu + torch.exp(0.5 * logvar) * eps
        mean, logvar_x = decoder(z)
        log_px = -0.5 * (math.log(2 * math.pi) + logvar_x + (x - mean).square() * torch.exp(-logvar_x)).sum(-1)
        kl = 0.5 * (mu.square() + torch.exp(logvar) - 1 - logvar).sum(-1)
        return (kl - log_px / x.shape[-1]).mean()

    return _fit(loss, x_train, d_latent, generator, budget_s)


def trains_on_other_units(
    x_train: Tensor, *, d_latent: int, generator: torch.Generator, budget_s: float = 60
) -> Modules:
    mean_x, std_x = x_train.mean(0), x_train.std(0)

    def loss(encoder: nn.Module, decoder: nn.Module, x: Tensor, eps: Tensor) -> Any:
        mu, logvar = encoder(x)
        z = mu + torch.exp(0.5 * logvar) * eps
        mean, logvar_x = decoder(z)
        log_px = -0.5 * (math.log(2 * math.pi) + logvar_x + (x - mean).square() * torch.exp(-logvar_x)).sum(-1)
        kl = 0.5 * (mu.square() + torch.exp(logvar) - 1 - logvar).sum(-1)
        return (kl - log_px).mean()

    return _fit(loss, (x_train - mean_x) / std_x, d_latent, generator, budget_s)


def seeds_everything(x_train: Tensor, *, d_latent: int, generator: torch.Generator, budget_s: float = 60) -> Modules:
    torch.manual_seed(0)

    def loss(encoder: nn.Module, decoder: nn.Module, x: Tensor, eps: Tensor) -> Any:
        mu, logvar = encoder(x)
        z = mu + torch.exp(0.5 * logvar) * eps
        mean, logvar_x = decoder(z)
        log_px = -0.5 * (math.log(2 * math.pi) + logvar_x + (x - mean).square() * torch.exp(-logvar_x)).sum(-1)
        kl = 0.5 * (mu.square() + torch.exp(logvar) - 1 - logvar).sum(-1)
        return (kl - log_px).mean()

    return _fit(loss, x_train, d_latent, generator, budget_s)


def normalises_each_batch(
    x_train: Tensor, *, d_latent: int, generator: torch.Generator, budget_s: float = 60
) -> Modules:
    center, scale = x_train.mean(0), x_train.std(0)

    class Normalised(nn.Module):
        def __init__(self, encoder: nn.Module) -> None:
            super().__init__()
            self.encoder = encoder

        def forward(self, x: Tensor) -> Any:
            rows = x.reshape(-1, x.shape[-1])
            return self.encoder((x - rows.mean(0)) / (rows.std(0, unbiased=False) + 1e-5))

    class Restored(nn.Module):
        def __init__(self, decoder: nn.Module) -> None:
            super().__init__()
            self.decoder = decoder

        def forward(self, z: Tensor) -> Any:
            mean, logvar_x = self.decoder(z)
            return center + scale * mean, logvar_x + 2 * torch.log(scale)

    def loss(encoder: nn.Module, decoder: nn.Module, x: Tensor, eps: Tensor) -> Any:
        mu, logvar = encoder(x)
        z = mu + torch.exp(0.5 * logvar) * eps
        mean, logvar_x = decoder(z)
        log_px = -0.5 * (math.log(2 * math.pi) + logvar_x + (x - mean).square() * torch.exp(-logvar_x)).sum(-1)
        kl = 0.5 * (mu.square() + torch.exp(logvar) - 1 - logvar).sum(-1)
        return (kl - log_px).mean()

    encoder, decoder = _fit(loss, (x_train - center) / scale, d_latent, generator, budget_s)
    return Normalised(encoder), Restored(decoder)


_WEIGHT = "Halve the weight of the KL in your loss, and double it: which weight makes the loss the negative ELBO?"

_UNSURE = (
    "After training your encoder is no surer of x than the prior is. Which of your terms holds its variance up, which "
    "brings it down?"
)
_COLLAPSED = (
    "Your encoder says the same of every x. What in your loss rewards it for saying more, and does that reach it?"
)

SENTENCES: dict[Callable[..., Any], str] = {
    averages_the_kl_over_latents: (
        "Your q is surer than your decoder warrants. With an unused latent more, does the weight of your KL change?"
    ),
    forgets_the_half_of_the_kl: (
        "Your q is less sure than your decoder warrants. What does a mean of 1 at logvar = 0 cost in your KL?"
    ),
    shares_noise_over_the_batch: "Different rows of a batch receive identical noise. How many numbers does it need?",
    scales_noise_with_the_variance: "At logvar = log 4 and eps = 1, how far from mu is your z?",
    cuts_the_gradient_of_the_spread: _UNSURE,
    detaches_z: _COLLAPSED,
    reverses_the_kl: _UNSURE,
    turns_the_sign_of_the_kl: "Your loss falls without end. Which term should hold q near the prior?",
    forgets_the_kl: _WEIGHT,
    divides_the_kl_by_the_batch: _WEIGHT,
    uses_the_squared_error: (
        "Your decoder's variance is what it was before training. Which of your terms depends on it?"
    ),
    averages_the_likelihood_over_the_data: _COLLAPSED,
    trains_on_other_units: "Your encoder was trained on x in other units than it is given. Where would you convert?",
    normalises_each_batch: "Put one x in a batch alone, then among others: why does its posterior change?",
    seeds_everything: "Whose random numbers start again when your training does, and who was to decide them?",
}
