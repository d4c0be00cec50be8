"""The ways in which a function is called for a check. Nothing here trusts or guards anything."""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import BackwardCFunction
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from grader.worker.described import Described

Function = Callable[..., Any]


def tensors_in(value: Any) -> Iterator[Tensor]:
    """The tensors of nested tuples, lists, dicts and descriptions, in order."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Described):
        yield from tensors_in(dict(value.parameters))
    elif isinstance(value, dict):
        for item in value.values():
            yield from tensors_in(item)
    elif isinstance(value, tuple | list):
        for item in value:
            yield from tensors_in(item)


def map_tensors(change: Callable[[Tensor], Any], value: Any) -> Any:
    """The same nesting with every tensor changed, also in descriptions; tuples of any kind become plain tuples."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, Described):
        return Described(value.family, map_tensors(change, dict(value.parameters)))
    if isinstance(value, dict):
        return {key: map_tensors(change, item) for key, item in value.items()}
    if isinstance(value, list):
        return [map_tensors(change, item) for item in value]
    if isinstance(value, tuple):
        return tuple(map_tensors(change, item) for item in value)
    return value


def vjp(function: Function, args: Any, kwargs: Any, cotangents: Any) -> tuple[Any, Any]:
    """The value, and the gradient of <cotangents, value> in each floating-point tensor of `args`.

    A gradient that autograd does not define is zero. The gradients are None where the value has not as many
    tensors, or not of the shapes, that the cotangents have.
    """
    value, inputs, gradients = _gradients(function, args, kwargs, cotangents, create_graph=False)
    return value, gradients if inputs is not None else None


def vjp2(function: Function, args: Any, kwargs: Any, cotangents: Any, directions: Any) -> tuple[Any, Any, Any]:
    """As `vjp`, and then the gradient of <directions, first gradients> in each of the same tensors."""
    value, inputs, gradients = _gradients(function, args, kwargs, cotangents, create_graph=True)
    if inputs is None:
        return value, None, None
    total = sum(
        (gradient * direction).sum()
        for gradient, direction in zip(gradients, tensors_in(directions), strict=True)
        if gradient.requires_grad
    )
    if not isinstance(total, Tensor):
        return value, gradients, [torch.zeros_like(tensor) for tensor in inputs]
    return value, gradients, _filled(torch.autograd.grad(total, inputs, allow_unused=True), inputs)


def _gradients(
    function: Function, args: Any, kwargs: Any, cotangents: Any, *, create_graph: bool
) -> tuple[Any, list[Tensor] | None, list[Tensor]]:
    inputs: list[Tensor] = []

    def leaf(tensor: Tensor) -> Tensor:
        if not tensor.is_floating_point():
            return tensor
        inputs.append(tensor.detach().requires_grad_())
        return inputs[-1]

    with torch.enable_grad():
        value = function(*map_tensors(leaf, tuple(args)), **kwargs)
        outputs, wanted = list(tensors_in(value)), list(tensors_in(cotangents))
        if [tensor.shape for tensor in outputs] != [tensor.shape for tensor in wanted]:
            return value, None, []
        pairs = [(out, weight) for out, weight in zip(outputs, wanted, strict=True) if out.requires_grad]
        if not pairs:
            return value, inputs, [torch.zeros_like(tensor) for tensor in inputs]
        gradients = torch.autograd.grad(
            [out for out, _ in pairs],
            inputs,
            [weight.to(out.dtype) for out, weight in pairs],
            allow_unused=True,
            create_graph=create_graph,
        )
    return value, inputs, _filled(gradients, inputs)


def _filled(gradients: Any, inputs: list[Tensor]) -> list[Tensor]:
    pairs = zip(gradients, inputs, strict=True)
    return [torch.zeros_like(tensor) if gradient is None else gradient for gradient, tensor in pairs]


class _OperatorCount(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch does not type this class
    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # Nothing is compiled here. Told otherwise, torch loads its whole compiler, for a second, to keep it away.
        return False

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # nor its constructor
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += 1
        return func(*args, **(kwargs or {}))


def count(function: Function, args: Any, kwargs: Any) -> dict[str, Any]:
    """The value of a call, and the number of ATen operators of the forward pass, each of which takes longer for it."""
    with _OperatorCount() as counter:
        value = function(*args, **kwargs)
    return {"value": value, "operators": counter.count}


def observe(function: Function, args: Any, kwargs: Any, asked: Sequence[Any] = ()) -> dict[str, Any]:
    """The value of a call, and what it did besides.

    `changed` holds the positions of the tensors, in order of appearance, that were written to; `marked` those of the
    tensors, and after them of the parameters of modules given, that have another `requires_grad` or a `.grad`;
    `generators` the global random generators whose state moved; `asked` how often each function in the arguments was
    called, and with what.

    Args:
        function: What to call.
        args: Its arguments.
        kwargs: And those by name.
        asked: The log of each function in the arguments, in order.
    """
    inputs = list(tensors_in((args, kwargs)))
    before = [(tensor._version, tensor.clone()) for tensor in inputs]
    watched = [*inputs, *_parameters_in((args, kwargs))]
    marks = [(tensor.requires_grad, tensor.grad is None) for tensor in watched]
    states = _generator_states()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        value = function(*args, **kwargs)
    changed = [
        position
        for position, (tensor, (version, copy)) in enumerate(zip(inputs, before, strict=True))
        if tensor._version != version or not _same_values(tensor, copy)
    ]
    moved = [name for name, state in _generator_states().items() if state != states[name]]
    return {
        "value": value,
        "changed": changed,
        "marked": [
            position
            for position, (tensor, mark) in enumerate(zip(watched, marks, strict=True))
            if (tensor.requires_grad, tensor.grad is None) != mark
        ],
        "generators": moved,
        "warnings": [warning.category.__name__ for warning in caught][:20],
        "asked": [(log.count, log.args) for log in asked],
    }


def _same_values(tensor: Tensor, copy: Tensor) -> bool:
    return torch.equal(tensor, copy) or torch.equal(tensor.nan_to_num(), copy.nan_to_num())


def _parameters_in(value: Any) -> Iterator[Tensor]:
    if isinstance(value, nn.Module):
        yield from value.parameters()
    elif isinstance(value, dict):
        yield from _parameters_in(list(value.values()))
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _parameters_in(item)


def _generator_states() -> dict[str, Any]:
    algorithm, keys, *rest = np.random.get_state()
    return {
        "torch": torch.get_rng_state().numpy().tobytes(),
        "numpy": (algorithm, np.asarray(keys).tobytes(), *rest),
        "random": random.getstate(),
    }


def structure(value: Any) -> Any:
    """The nesting of a value, with every tensor as [dtype, shape] and anything else as its type's name."""
    if isinstance(value, Tensor):
        return [str(value.dtype).removeprefix("torch."), list(value.shape)]
    if isinstance(value, dict):
        return {str(key): structure(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return tuple(structure(item) for item in value)
    return type(value).__name__


_LEADS_TO_HOOKS = (
    Tensor.register_hook,
    Tensor.register_post_accumulate_grad_hook,
    vars(torch._C.TensorBase)["grad_fn"].__get__,
)
# Torch has this since 2.8; before, hooks on saved tensors, which hardly any student writes, go unnoticed.
_saved_tensors_hooks = getattr(torch._C._autograd, "_top_saved_tensors_default_hooks", lambda _: None)


class _NoValues(TorchFunctionMode):
    """Tells a list of values from a copy to the CPU, of which torch says the same there; notes hooks on gradients."""

    def __init__(self) -> None:
        super().__init__()
        self.has_hooks = False

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is Tensor.tolist:
            raise NotImplementedError("there are no values to list")
        # A node's own hooks are reached by its tensor alone; those on saved tensors are in force while it is computed.
        self.has_hooks |= func in _LEADS_TO_HOOKS or _saved_tensors_hooks(False) is not None
        return func(*args, **(kwargs or {}))


def _holds_python(outputs: Sequence[Tensor]) -> bool:
    """Whether the backward pass runs an `autograd.Function` of somebody's own."""
    waiting: list[Any] = [tensor.grad_fn for tensor in outputs]
    seen = set()
    while waiting:
        node = waiting.pop()
        if isinstance(node, BackwardCFunction):
            return True
        if node is not None and node not in seen:
            seen.add(node)
            waiting += [following for following, _ in node.next_functions]
    return False


_WRITES_TO_A_LEAF = "leaf Variable that requires grad is being used in an in-place operation"


def on_meta(function: Function, args: Any, kwargs: Any) -> Any:
    """Forward and backward on the meta device, where a constant made on the CPU is an error.

    Torch's own gradients make none, and take longer there than anywhere: the backward pass is left out where it is
    made of these alone.

    Returns:
        The value's structure; a tensor that is not on the meta device says so instead of its dtype.
    """

    def move(tensor: Tensor) -> Tensor:
        moved = tensor.to("meta")
        return moved.requires_grad_() if moved.is_floating_point() else moved

    mode = _NoValues()

    def called(move: Callable[[Tensor], Tensor]) -> Any:
        with mode:
            return function(*map_tensors(move, tuple(args)), **map_tensors(move, kwargs))

    with torch.enable_grad():
        try:
            value = called(move)
        except RuntimeError as error:
            if _WRITES_TO_A_LEAF not in str(error):
                raise
            # Writing to its inputs is wrong on every device; whether it needs the CPU is asked without gradients.
            value = called(lambda tensor: tensor.to("meta"))
        outputs = [tensor for tensor in tensors_in(value) if tensor.requires_grad]
        if mode.has_hooks or _holds_python(outputs):
            torch.autograd.backward([out.sum() for out in outputs])
    stray = {tensor.device.type for tensor in tensors_in(value)} - {"meta"}
    return f"on {', '.join(sorted(stray))}" if stray else structure(value)
