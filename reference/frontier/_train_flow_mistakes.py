"""Wrong answers to fr.8, and their sentences, made of the model solution's parts."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from reference.frontier._coupling import AffineCoupling
from reference.frontier._flow_training import ALTERNATING, _couplings, _fit, _Flow

Pair = tuple[Tensor, Tensor]


def forgets_the_log_det(x_train: Tensor, *, generator: torch.Generator, budget_s: float = 40.0) -> nn.Module:
    def loss(flow: nn.Module, x: Tensor) -> Any:
        z, _ = flow(x)
        return 0.5 * z.square().sum(-1).mean()

    return _fit(_Flow(_couplings(ALTERNATING, generator)), loss, x_train, generator)


def subtracts_the_log_det_twice(x_train: Tensor, *, generator: torch.Generator, budget_s: float = 40.0) -> nn.Module:
    def loss(flow: nn.Module, x: Tensor) -> Any:
        z, log_det = flow(x)
        return (0.5 * z.square().sum(-1) + log_det).mean()

    return _fit(_Flow(_couplings(ALTERNATING, generator)), loss, x_train, generator)


def climbs_down_the_likelihood(x_train: Tensor, *, generator: torch.Generator, budget_s: float = 40.0) -> nn.Module:
    def loss(flow: nn.Module, x: Tensor) -> Any:
        z, log_det = flow(x)
        return (log_det - 0.5 * z.square().sum(-1)).mean()

    return _fit(_Flow(_couplings(ALTERNATING, generator)), loss, x_train, generator, steps=300)


def forgets_the_half_of_the_base(x_train: Tensor, *, generator: torch.Generator, budget_s: float = 40.0) -> nn.Module:
    def loss(flow: nn.Module, x: Tensor) -> Any:
        z, log_det = flow(x)
        return (z.square().sum(-1) - log_det).mean()

    return _fit(_Flow(_couplings(ALTERNATING, generator)), loss, x_train, generator)


def leaves_one_entry_alone(x_train: Tensor, *, generator: torch.Generator, budget_s: float = 40.0) -> nn.Module:
    def loss(flow: nn.Module, x: Tensor) -> Any:
        z, log_det = flow(x)
        return (0.5 * z.square().sum(-1) - log_det).mean()

    masks = ((1.0, 0.0), (1.0, 0.0), (1.0, 0.0), (1.0, 0.0))
    return _fit(_Flow(_couplings(masks, generator)), loss, x_train, generator)


def never_scales(x_train: Tensor, *, generator: torch.Generator, budget_s: float = 40.0) -> nn.Module:
    class Shift(AffineCoupling):
        def forward(self, x: Tensor) -> Pair:
            _, shift = self.net(self.mask * x).chunk(2, dim=-1)
            return x + (1 - self.mask) * shift, torch.zeros_like(x[..., 0])

        def inverse(self, z: Tensor) -> Pair:
            _, shift = self.net(self.mask * z).chunk(2, dim=-1)
            return z - (1 - self.mask) * shift, torch.zeros_like(z[..., 0])

    def loss(flow: nn.Module, x: Tensor) -> Any:
        z, log_det = flow(x)
        return (0.5 * z.square().sum(-1) - log_det).mean()

    layers = [Shift(layer.mask, layer.net) for layer in _couplings(ALTERNATING, generator)]
    return _fit(_Flow(layers), loss, x_train, generator)


def takes_the_inverse_for_forward(x_train: Tensor, *, generator: torch.Generator, budget_s: float = 40.0) -> nn.Module:
    class Turned(nn.Module):
        def __init__(self, flow: nn.Module) -> None:
            super().__init__()
            self.flow = flow

        def forward(self, x: Tensor) -> Any:
            back: Any = self.flow.inverse
            return back(x)

        def inverse(self, z: Tensor) -> Any:
            return self.flow(z)

    def loss(flow: nn.Module, x: Tensor) -> Any:
        z, log_det = flow(x)
        return (0.5 * z.square().sum(-1) - log_det).mean()

    return Turned(_fit(_Flow(_couplings(ALTERNATING, generator)), loss, x_train, generator))


def learns_standardised_data(x_train: Tensor, *, generator: torch.Generator, budget_s: float = 40.0) -> nn.Module:
    def loss(flow: nn.Module, x: Tensor) -> Any:
        z, log_det = flow(x)
        return (0.5 * z.square().sum(-1) - log_det).mean()

    scaled = (x_train - x_train.mean(0)) / x_train.std(0)
    return _fit(_Flow(_couplings(ALTERNATING, generator)), loss, scaled, generator)


def states_the_last_log_det(x_train: Tensor, *, generator: torch.Generator, budget_s: float = 40.0) -> nn.Module:
    class Last(_Flow):
        stated = False

        def forward(self, x: Tensor) -> Pair:
            total = torch.zeros_like(x[..., 0])
            log_det = total
            for layer in self.layers:
                x, log_det = layer(x)
                total = total + log_det
            return x, log_det if self.stated else total

    def loss(flow: nn.Module, x: Tensor) -> Any:
        z, log_det = flow(x)
        return (0.5 * z.square().sum(-1) - log_det).mean()

    flow = Last(_couplings(ALTERNATING, generator))
    _fit(flow, loss, x_train, generator)
    flow.stated = True
    return flow


def inverts_in_the_same_order(x_train: Tensor, *, generator: torch.Generator, budget_s: float = 40.0) -> nn.Module:
    class Straight(_Flow):
        def inverse(self, z: Tensor) -> Pair:
            total = torch.zeros_like(z[..., 0])
            for layer in self.layers:
                back: Any = layer.inverse
                z, log_det = back(z)
                total = total + log_det
            return z, total

    def loss(flow: nn.Module, x: Tensor) -> Any:
        z, log_det = flow(x)
        return (0.5 * z.square().sum(-1) - log_det).mean()

    return _fit(Straight(_couplings(ALTERNATING, generator)), loss, x_train, generator)


def normalises_each_batch(x_train: Tensor, *, generator: torch.Generator, budget_s: float = 40.0) -> nn.Module:
    class Normalised(_Flow):
        def forward(self, x: Tensor) -> Pair:
            rows = x.reshape(-1, x.shape[-1])
            center, spread = rows.mean(0), rows.std(0, unbiased=False) + 1e-3
            z, log_det = super().forward((x - center) / spread)
            return z, log_det - torch.log(spread).sum()

    def loss(flow: nn.Module, x: Tensor) -> Any:
        z, log_det = flow(x)
        return (0.5 * z.square().sum(-1) - log_det).mean()

    return _fit(Normalised(_couplings(ALTERNATING, generator)), loss, x_train, generator)


def seeds_everything(x_train: Tensor, *, generator: torch.Generator, budget_s: float = 40.0) -> nn.Module:
    torch.manual_seed(0)

    def loss(flow: nn.Module, x: Tensor) -> Any:
        z, log_det = flow(x)
        return (0.5 * z.square().sum(-1) - log_det + math.log(2 * math.pi)).mean()

    return _fit(_Flow(_couplings(ALTERNATING, generator)), loss, x_train, generator)


def shuffles_the_data_in_place(x_train: Tensor, *, generator: torch.Generator, budget_s: float = 40.0) -> nn.Module:
    x_train.copy_(x_train[torch.randperm(len(x_train), generator=generator)])

    def loss(flow: nn.Module, x: Tensor) -> Any:
        z, log_det = flow(x)
        return (0.5 * z.square().sum(-1) - log_det).mean()

    return _fit(_Flow(_couplings(ALTERNATING, generator)), loss, x_train, generator)


_COLLAPSED = (
    "After training your z is nearly the same for every x. What in your loss should keep the flow from shrinking all "
    "data to a point?"
)

SENTENCES: dict[Callable[..., Any], str] = {
    forgets_the_log_det: _COLLAPSED,
    subtracts_the_log_det_twice: _COLLAPSED,
    climbs_down_the_likelihood: "Print your loss while training: is the data's log-density rising or falling?",
    forgets_the_half_of_the_base: (
        "The variance of your z over the data is 1/2. Of which density is your loss the logarithm?"
    ),
    leaves_one_entry_alone: "One entry of z is still the entry of x. Which of your layers should have changed it?",
    never_scales: "Your flow bends, but no volume ever changes. Compare the spreads of x and of z: what is missing?",
    takes_the_inverse_for_forward: (
        "forward takes data to the base. Put data into both of your methods: which one returns standard normal numbers?"
    ),
    learns_standardised_data: (
        "Your flow knows the data in other units than those it is asked about. Where does the change of units belong, "
        "and what is its log-determinant?"
    ),
    states_the_last_log_det: (
        "For one point, compare the log-determinant that your flow returns with that of its Jacobian by autograd. With "
        "one layer? With two?"
    ),
    inverts_in_the_same_order: "Send a point through two layers and back. Which layer has to be undone first?",
    normalises_each_batch: "Send one point alone through your flow, and then among others. Why does its z change?",
    seeds_everything: "After your training everybody's random numbers are the same. Who asked for that seed?",
    shuffles_the_data_in_place: "Print x_train before and after your training. Whose tensor is that?",
}
