"""What student code may be given besides plain values: one function a family, in any file of this folder.

A family takes parameters that travel (numbers, text, tensors, other families) and returns what the student's code
gets: a function, a module, a generator, a small record. Oracles get the same thing, built in the grader's process.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch._C._functorch import is_functorch_wrapped_tensor

from grader.worker.calls import map_tensors
from grader.worker.described import Described

Family = Callable[..., Any]

MAX_LOGGED_CALLS = 1000
"""Calls whose arguments are kept; later ones are only counted."""

MAX_LOGGED_ELEMENTS = 1_000_000

Lookup = Callable[[str], Any]
"""What the module whose function is called defines by a name; raises AttributeError or KeyError for other names."""

_FROM_THE_PLACE = {"device", "defined"}
"""Parameters of a family that do not travel: where it computes, and a `Lookup`."""


def defines_nothing(name: str) -> Any:
    """The `Lookup` of oracles, which stand alone.

    Raises:
        KeyError: Always.
    """
    raise KeyError(name)


def every() -> dict[str, Family]:
    """All families, by name."""
    found: dict[str, Family] = {}
    for info in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{info.name}")
        members = inspect.getmembers(module, inspect.isfunction)
        found |= {
            name: member
            for name, member in members
            if member.__module__ == module.__name__ and not name.startswith("_")
        }
    return found


_FAMILIES = every()


@dataclass
class Log:
    """What a described function was asked."""

    count: int = 0
    args: list[tuple[Any, ...]] = field(default_factory=list)
    _elements: int = 0

    def note(self, args: tuple[Any, ...]) -> None:
        """One call."""
        self.count += 1
        if any(isinstance(arg, Tensor) and is_functorch_wrapped_tensor(arg) for arg in args):
            return  # Inside `vmap` there are no values to keep.
        self._elements += sum(arg.numel() for arg in args if isinstance(arg, Tensor))
        if self.count <= MAX_LOGGED_CALLS and self._elements <= MAX_LOGGED_ELEMENTS:
            self.args.append(tuple(arg.detach().clone() if isinstance(arg, Tensor) else arg for arg in args))


def parameters_of(family: str) -> set[str]:
    """The names of what a family takes, without what the worker's place says.

    Raises:
        KeyError: Where there is no such family.
    """
    return set(inspect.signature(_FAMILIES[family]).parameters) - _FROM_THE_PLACE


def built(value: Any, device: str, logs: list[Log] | None = None, defined: Lookup = defines_nothing) -> Any:
    """The same nesting with every description replaced by what it describes.

    Args:
        value: Arguments as they travelled.
        device: Where tensors and generators are made; `meta` has no generators, and takes those of the CPU.
        logs: Gets one log for each function and module that is built, in order; None where nobody asks.
        defined: Finds the classes of records.
    """
    if isinstance(value, Described):
        return _logged(_built(value, device, defined), logs)
    if isinstance(value, dict):
        return {key: built(item, device, logs, defined) for key, item in value.items()}
    if isinstance(value, list):
        return [built(item, device, logs, defined) for item in value]
    if isinstance(value, tuple):
        return tuple(built(item, device, logs, defined) for item in value)
    return value


def building(function: Family, device: str, defined: Lookup = defines_nothing) -> Family:
    """The same function, of positional arguments that may be described.

    A description's tensors stay in the graph: what is differentiated in them is what the family makes of them.
    """
    return lambda *args, **kwargs: function(*built(args, device, defined=defined), **kwargs)


def _built(described: Described, device: str, defined: Lookup) -> Any:
    family = _FAMILIES[described.family]
    parameters = {
        name: built(map_tensors(lambda tensor: tensor.to(device), value), device, defined=defined)
        for name, value in described.parameters.items()
    }
    place = {"device": device, "defined": defined}
    takes = inspect.signature(family).parameters
    return family(**parameters, **{name: place[name] for name in _FROM_THE_PLACE & takes.keys()})


def _logged(made: Any, logs: list[Log] | None) -> Any:
    if logs is None or not callable(made) or isinstance(made, torch.Generator):
        return made
    log = Log()
    logs.append(log)
    if isinstance(made, nn.Module):
        made.register_forward_pre_hook(
            lambda module, args, kwargs: log.note((*args, *kwargs.values())), with_kwargs=True
        )
        return made

    def asked(*args: Any, **kwargs: Any) -> Any:
        log.note((*args, *kwargs.values()))
        return made(*args, **kwargs)

    return asked
