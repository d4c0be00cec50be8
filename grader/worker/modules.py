"""A student's `nn.Module` as a function: built, given its state, called.

Nothing is kept between two calls but what the grader says again, so that calls can be recorded and replayed in any
order. Modules that training returns are the exception (`Kept`): they stay where they were trained.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

Function = Callable[..., Any]

INIT_SEED = 20
"""Of the global generator while a module is built, so that two builds start from the same parameters."""

STATE = "state_dict"
PARAMETERS = "parameters"


class NotAModuleError(Exception):
    """What was built, or trained, is no `nn.Module`."""


class NotInitialisedError(Exception):
    """The module's `__init__` does not call that of `nn.Module`."""


class MissingMethodError(Exception):
    """The module has no method of that name."""


class StateMismatchError(Exception):
    """The module's parameters and buffers are not those that were to be loaded."""


def constructed(make: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> nn.Module:
    """A fresh module, the same at every call; the global generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(INIT_SEED)
        module = make(*args, **kwargs)
    return checked(module)


def checked(module: Any) -> nn.Module:
    """The module, if it is one."""
    if not isinstance(module, nn.Module):
        raise NotAModuleError(type(module).__name__)
    if not hasattr(module, "_modules"):
        # Torch fails on it with an AttributeError of its own, somewhere else for each thing that is asked.
        raise NotInitialisedError(type(module).__name__)
    return module


def as_function(module: nn.Module, method: str, *, loaded: bool, training: bool) -> Function:
    """One method of a module, as a function.

    Args:
        module: The student's.
        method: `state_dict` and `parameters` give tensors by name, all of them or the trainable ones.
        loaded: Whether the function takes, before its other arguments, the state to compute with.
        training: Whether the module is in training mode.
    """
    module.train(training)
    if method == STATE:
        return lambda: {name: tensor.detach().clone() for name, tensor in module.state_dict().items()}
    if method == PARAMETERS:
        return lambda: {name: tensor.detach().clone() for name, tensor in module.named_parameters()}
    bound = module if method == "forward" else getattr(module, method, None)
    if not callable(bound):
        raise MissingMethodError(method)
    return _with_state(module, bound) if loaded else bound


class _Via(nn.Module):
    """Calls a method of a module through `forward`, which is all that `functional_call` knows."""

    def __init__(self, module: nn.Module, bound: Function) -> None:
        super().__init__()
        self.module = module
        self._bound = bound

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self._bound(*args, **kwargs)


def _with_state(module: nn.Module, bound: Function) -> Function:
    def call(state: Mapping[str, Tensor], *args: Any, **kwargs: Any) -> Any:
        mine = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
        given = {name: tuple(tensor.shape) for name, tensor in state.items()}
        if mine != given:
            raise StateMismatchError(", ".join(f"{name} {list(shape)}" for name, shape in given.items()))
        renamed = {f"module.{name}": tensor for name, tensor in state.items()}
        return functional_call(_Via(module, bound), renamed, args, kwargs)

    return call
