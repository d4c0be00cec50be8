"""What a call is performed on, and with what: the same for student code in a worker and for oracles outside."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import nn

from grader.worker import calls, families, modules
from grader.worker.described import Kept
from grader.worker.families import Log, Lookup
from grader.worker.messages import Mode, OnModule

Function = Callable[..., Any]


class NotDefinedError(Exception):
    """The code defines nothing by the name that is asked for."""


def _found(defined: Lookup, name: str) -> Any:
    """What the code defines by a name.

    An error of its own: student code, and torch on its behalf, raise AttributeError and KeyError for other reasons.

    Raises:
        NotDefinedError: Where there is nothing.
    """
    try:
        return defined(name)
    except (AttributeError, KeyError):
        raise NotDefinedError(name) from None


def perform(
    defined: Lookup,
    function: str,
    kept: list[nn.Module],
    mode: Mode,
    *,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    cotangents: Any = None,
    directions: Any = None,
    module: OnModule | None = None,
    construct: Any = None,
    device: str = "cpu",
    counting: bool = True,
) -> Any:
    """The value of one call, as its mode has it; a module in it is kept, and stands there as its number.

    Args:
        defined: Gives what the code defines by a name.
        function: The name of the function or class that is asked for.
        kept: Modules that earlier calls returned; grows.
        mode: How to call.
        args: Values as they travelled, descriptions included, as are all other arguments.
        kwargs: By name.
        cotangents: For gradients.
        directions: For second gradients.
        module: Where the call is to a module.
        construct: Positional and keyword arguments that the module is built with.
        device: Where to compute.
        counting: Whether operators are counted where that is asked for.

    Raises:
        NotDefinedError: Where the code does not define the function.
        Exception: Whatever the function raises.
    """
    place = "meta" if mode is Mode.META else device
    logs: list[Log] | None = [] if mode is Mode.OBSERVE else None
    build = families.built(construct, place, logs, defined)
    find = partial(_found, defined, function)
    asked = find() if module is None else _method(find, kept, module, build, place)
    if mode in (Mode.VJP, Mode.VJP2):
        asked = families.building(asked, place, defined)
        kwargs = families.built(dict(kwargs), place, defined=defined)
    else:
        args, kwargs = families.built((tuple(args), dict(kwargs)), place, logs, defined)
    match mode:
        case Mode.CALL:
            return _keep(asked(*args, **kwargs), kept)
        case Mode.NO_GRAD:
            with torch.no_grad():
                return _keep(asked(*args, **kwargs), kept)
        case Mode.VJP:
            return calls.vjp(asked, args, kwargs, cotangents)
        case Mode.VJP2:
            return calls.vjp2(asked, args, kwargs, cotangents, directions)
        case Mode.OBSERVE:
            return calls.observe(asked, args, kwargs, logs or ())
        case Mode.COUNT:
            return calls.count(asked, args, kwargs) if counting else {"value": asked(*args, **kwargs), "operators": 0}
        case Mode.TRAIN:
            seen = calls.observe(asked, args, kwargs)
            return {**seen, "value": _keep(seen["value"], kept)}
        case Mode.META:
            return calls.on_meta(asked, args, kwargs)


def _method(find: Callable[[], Any], kept: Sequence[nn.Module], asked: OnModule, build: Any, place: str) -> Function:
    if asked.kept is not None:
        found = kept[asked.kept]
    else:
        found = modules.constructed(find(), *build)
        # With a state to load, what stays behind on the CPU is what the module did not register.
        if not asked.loaded:
            found = found.to(place)
    return modules.as_function(found, asked.method, loaded=asked.loaded, training=asked.training)


def _keep(value: Any, kept: list[nn.Module]) -> Any:
    if isinstance(value, nn.Module):
        kept.append(value)
        return Kept(len(kept) - 1)
    if isinstance(value, tuple):
        return tuple(_keep(item, kept) for item in value)
    if isinstance(value, list):
        return [_keep(item, kept) for item in value]
    return value
