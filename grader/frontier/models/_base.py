"""What every model is: networks of ours, whose tensors are its state, around functions that a student wrote."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from grader.frontier.models._networks import calls_of
from grader.frontier.models._space import Space

Pieces = Mapping[str, Callable[..., Any]]
"""Functions and classes by assignment and name, as `elbo.vae_elbo`."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What a model says of held-out data."""

    kind: str
    """`exact` or `lower`, a bound from below."""
    way: str
    """How it is computed, in a few words."""
    log_density: Tensor
    """Of y in its own units, or the bound on it, for each point, [n], in nats."""
    caveat: str = ""
    """What it leaves open, where it does."""


class Model(ABC):
    """One kind of model. Everything that training changes lies in `nets`.

    Args:
        pieces: At least those of `PIECES`.
        space: Where the data live.
        fit: The training data, [n, dim], for what is set from them once.
    """

    TITLE: ClassVar[str]
    PLACE: ClassVar[int]
    """Its row."""
    PIECES: ClassVar[tuple[str, ...]]
    NO_LIKELIHOOD: ClassVar[str] = ""
    """Why there is none, where there is none."""
    SELECTS: ClassVar[bool] = True
    """Whether the state with the lowest loss on held-back data is kept; otherwise the last one is."""
    RATE: ClassVar[float] = 2e-3
    BATCH: ClassVar[int] = 256

    nets: nn.ModuleDict
    progress = 1.0
    """How much of the budget is spent, while training."""

    def __init__(self, pieces: Pieces, space: Space, fit: Tensor) -> None:
        self.pieces, self.space = pieces, space
        self.nets = nn.ModuleDict()
        self.build(fit)
        self.nets.to(fit.device)
        self.optimizers = self.make_optimizers()

    @property
    def wide(self) -> bool:
        """Whether the data have many dimensions, and few points in each direction."""
        return self.space.dim > 8

    @abstractmethod
    def build(self, fit: Tensor) -> None:
        """Make the networks."""

    def make_optimizers(self) -> list[torch.optim.Optimizer]:
        """One or several; their learning rates are lowered together."""
        return [torch.optim.Adam(self.nets.parameters(), lr=self.RATE)]

    def loss(self, y: Tensor, generator: torch.Generator) -> Tensor:
        """What training lowers, for a batch [n, dim]."""
        raise NotImplementedError

    def step(self, y: Tensor, generator: torch.Generator) -> None:
        """One step of training."""
        (optimizer,) = self.optimizers
        descend(optimizer, self.loss(y, generator), self.nets)

    @abstractmethod
    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """Samples of y, [n, dim]."""

    def evidence(self, y: Tensor, generator: torch.Generator) -> list[Evidence]:
        """What can be said of the density of y, [n, dim]; nothing where there is no likelihood."""
        return []

    def failures(self, y: Tensor) -> list[str]:
        """What went wrong inside, as sentences; y is held-out data."""
        return []

    def state(self) -> dict[str, Tensor]:
        """Copies of everything that training changed."""
        return {name: tensor.detach().clone() for name, tensor in self.nets.state_dict().items()}

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Take over a state.

        Raises:
            ValueError: Where it is not one of this model, or not finite.
        """
        mine = self.nets.state_dict()
        given = {name: (tuple(tensor.shape), tensor.dtype) for name, tensor in state.items()}
        if given != {name: (tuple(tensor.shape), tensor.dtype) for name, tensor in mine.items()}:
            raise ValueError("the trained state has other tensors than the model")
        if not all(bool(torch.isfinite(tensor).all()) for tensor in state.values()):
            raise ValueError("the trained state is not finite")
        self.nets.load_state_dict(dict(state))

    @property
    def calls(self) -> int:
        """How often its networks have been asked."""
        return calls_of(self.nets)


def descend(optimizer: torch.optim.Optimizer, loss: Tensor, nets: nn.Module, clip: float = 5.0) -> None:
    """One step of an optimizer, the gradient clipped to a norm of `clip`."""
    optimizer.zero_grad()
    torch.autograd.backward(loss)
    nn.utils.clip_grad_norm_(nets.parameters(), clip)
    optimizer.step()


def normal(n: int, dim: int, generator: torch.Generator) -> Tensor:
    """Standard normal noise where the generator is."""
    return torch.randn((n, dim), generator=generator, device=generator.device)


def log_normal(x: Tensor, std: float = 1.0) -> Tensor:
    """log N(x; 0, std^2 I), [n]."""
    log_scale = torch.log(torch.tensor(2 * torch.pi * std**2, device=x.device))
    return -0.5 * (log_scale + (x / std).square()).sum(-1)
