"""A student's code as a check sees it, from the trusted side.

A check calls `student.kl_standard(mu, logvar)`; a transport (`transports.py`) says who answers. Every answer is held
against the oracle's for the same call before the check sees it, so that a check computes only with values of the
right structure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
from torch import Tensor

from grader.errors import CheckFailed, GraderError
from grader.model import Cause
from grader.replies import as_failure, assert_reply, in_the_oracles_dtype
from grader.transports import OBSERVED, Call, Transport
from grader.worker import modules
from grader.worker.described import Kept
from grader.worker.messages import Answer, Mode, OnModule, Raised, Returned


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The calls of one function that student code was given."""

    count: int
    args: tuple[tuple[Any, ...], ...]
    """The arguments of each call, in order; of the first ones only where there were very many."""

    def tensors(self, position: int) -> list[Tensor]:
        """What each call got at a position.

        Raises:
            CheckFailed: Where that is no tensor, or where the worker made the calls up.
        """
        if not all(len(args) > position and isinstance(args[position], Tensor) for args in self.args):
            raise CheckFailed(Cause.MISMATCH, "a function that it is given is called without the tensor it takes.")
        return [args[position] for args in self.args]


@dataclass(frozen=True, kw_only=True)
class Observation:
    """A call's value and what the call did besides."""

    value: Any
    changed: tuple[int, ...]
    """Positions of the tensors given, in order, that the call wrote to."""
    marked: tuple[int, ...]
    """Positions of the tensors given, and then of the parameters of modules given, in order, that have another
    `requires_grad` or a `.grad` since."""
    generators: tuple[str, ...]
    """Global random generators (torch, numpy, random) that the call drew from or seeded."""
    warnings: tuple[str, ...]
    """Categories of the warnings issued."""
    asked: tuple[Asked, ...]
    """What the call asked of each function and module in its arguments, in order."""


class RemoteFunction:
    """One function of the student's."""

    def __init__(
        self,
        student: Student,
        name: str,
        module: OnModule | None = None,
        construct: tuple[tuple[Any, ...], dict[str, Any]] | None = None,
        state: Mapping[str, Tensor] | None = None,
    ) -> None:
        self._student = student
        self._name = name
        self._module = module
        self._construct = construct
        self._state = () if state is None else (dict(state),)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The value, as plain tensors, numbers and tuples; a module in it as a `RemoteModule`."""
        return self._with_modules(self._ask(Mode.CALL, args, kwargs))

    def without_grad(self, *args: Any, **kwargs: Any) -> Any:
        """The value where the caller has turned autograd off with `torch.no_grad()`."""
        return self._with_modules(self._ask(Mode.NO_GRAD, args, kwargs))

    def build(self, *args: Any, **kwargs: Any) -> RemoteModule:
        """The module that the class of this name makes of the arguments; it is made anew for each call."""
        return RemoteModule(self._student, self._name, OnModule(), (args, kwargs))

    def raises(self, error: str, *args: Any, **kwargs: Any) -> None:
        """Calling refuses the arguments, as the oracle does.

        Args:
            error: The type of the exception, by its name.
            args: What is refused.
            kwargs: And by name.

        Raises:
            CheckFailed: Where the student's code returns, or raises something else.
        """
        self._student.ask_to_refuse(self._call(Mode.CALL, args, kwargs), error)

    def _with_modules(self, value: Any) -> Any:
        if isinstance(value, Kept):
            return RemoteModule(self._student, self._name, OnModule(kept=value.number))
        if isinstance(value, tuple | list):
            return type(value)(self._with_modules(item) for item in value)
        return value

    def vjp(self, args: Sequence[Any], cotangents: Any, kwargs: Mapping[str, Any] | None = None) -> tuple[Tensor, ...]:
        """Gradients of <cotangents, value>, one for each floating-point tensor in `args`, in order.

        Args:
            args: Positional arguments; tensors inside lists and descriptions count too.
            cotangents: A tensor, or a tuple of tensors, shaped like the value.
            kwargs: Keyword arguments, which are not differentiated.
        """
        _, gradients = self._ask(Mode.VJP, tuple(args), kwargs or {}, cotangents)
        return tuple(gradients)

    def vjp2(
        self, args: Sequence[Any], cotangents: Any, directions: Any, kwargs: Mapping[str, Any] | None = None
    ) -> tuple[Tensor, ...]:
        """Gradients of <directions, vjp(args, cotangents)>, one for each floating-point tensor in `args`."""
        _, _, gradients = self._ask(Mode.VJP2, tuple(args), kwargs or {}, cotangents, directions)
        return tuple(gradients)

    def observe(self, *args: Any, **kwargs: Any) -> Observation:
        """Call, and report what the call changed, drew, warned of and asked."""
        return self._observed(Mode.OBSERVE, args, kwargs)

    def train(self, *args: Any, **kwargs: Any) -> Observation:
        """As `observe`, but for what is asked; a module in the value as a `RemoteModule`."""
        return self._observed(Mode.TRAIN, args, kwargs)

    def operators(self, *args: Any, **kwargs: Any) -> int:
        """How many ATen operators the forward pass of a call takes."""
        return int(self._ask(Mode.COUNT, args, kwargs)["operators"])

    def _observed(self, mode: Mode, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Observation:
        seen = self._ask(mode, args, kwargs)
        return Observation(
            value=self._with_modules(seen["value"]),
            changed=tuple(seen["changed"]),
            marked=tuple(seen["marked"]),
            generators=tuple(seen["generators"]),
            warnings=tuple(seen["warnings"]),
            asked=tuple(Asked(count=count, args=tuple(map(tuple, args))) for count, args in seen["asked"]),
        )

    def on_meta(self, *args: Any, **kwargs: Any) -> None:
        """Forward and backward on the meta device, with the structure that the oracle's value has.

        Raises:
            CheckFailed: With cause device.
        """
        self._ask(Mode.META, args, kwargs)

    def forbidden_uses(self) -> Sequence[str]:
        """Names that the question forbids and this function's source uses (advisory, by a static scan)."""
        return self._student.forbidden_uses

    def _ask(
        self,
        mode: Mode,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        cotangents: Any = None,
        directions: Any = None,
    ) -> Any:
        return self._student.ask(self._call(mode, args, kwargs, cotangents, directions))

    def _call(
        self,
        mode: Mode,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        cotangents: Any = None,
        directions: Any = None,
    ) -> Call:
        return Call(
            function=self._name,
            mode=mode,
            args=(*self._state, *args),
            kwargs=kwargs,
            cotangents=cotangents,
            directions=directions,
            module=self._module,
            construct=self._construct,
        )


class RemoteModule(RemoteFunction):
    """A module of the student's: calling it calls `forward`, and all else that a function offers is there too.

    Gradients come for the tensors of the state that was loaded, in its order, and then for those of the arguments.
    """

    _module: OnModule

    def method(self, name: str) -> RemoteModule:
        """Another method of the same module."""
        return self._changed(method=name)

    def load(self, state: Mapping[str, Tensor]) -> RemoteModule:
        """The same module, computing with these parameters and buffers, which must be all that it has."""
        module = msgspec.structs.replace(self._module, loaded=True)
        return RemoteModule(self._student, self._name, module, self._construct, state)

    def expecting_state(self) -> RemoteModule:
        """The same module, where each call brings the state to compute with as its first argument."""
        return self._changed(loaded=True)

    def eval(self) -> RemoteModule:
        """The same module in evaluation mode."""
        return self._changed(training=False)

    def state(self) -> dict[str, Tensor]:
        """Its parameters and buffers, by name."""
        return dict(self._own_tensors(modules.STATE))

    def parameters(self) -> dict[str, Tensor]:
        """What it would train, by name."""
        return dict(self._own_tensors(modules.PARAMETERS))

    def _own_tensors(self, method: str) -> Any:
        module = msgspec.structs.replace(self._module, method=method, loaded=False)
        return RemoteModule(self._student, self._name, module, self._construct)()

    def _changed(self, **changes: Any) -> RemoteModule:
        module = msgspec.structs.replace(self._module, **changes)
        return RemoteModule(self._student, self._name, module, self._construct, *self._state)


class Student:
    """The student's module: `student.kl_standard` is a function of it.

    Args:
        functions: Names that the question asks for, the question's main function first.
        transport: Who answers.
        oracle: The right answers, for the structure of each reply.
        forbidden_uses: What the static scan found.
    """

    def __init__(
        self,
        functions: Sequence[str],
        transport: Transport,
        oracle: Transport,
        forbidden_uses: Sequence[str] = (),
    ) -> None:
        self._functions = tuple(functions)
        self._kept: dict[int, int] = {}
        self._transport = transport
        self._oracle = oracle
        self.forbidden_uses = tuple(forbidden_uses)
        self.shown: list[tuple[Call, Answer]] = []
        """Calls made so far, with the student's own answers, for a counterexample."""

    def __getattr__(self, name: str) -> RemoteFunction:
        if name in self.__dict__["_functions"]:
            return RemoteFunction(self, name)
        raise AttributeError(f"this question asks for {', '.join(self._functions)}, not for {name!r}")

    @property
    def function(self) -> RemoteFunction:
        """The question's main function."""
        return RemoteFunction(self, self._functions[0])

    def about(self, function: str) -> Student:
        """The same student, with another of the question's functions as the main one; calls are shown together."""
        others = [name for name in self._functions if name != function]
        turned = Student([function, *others], self._transport, self._oracle, self.forbidden_uses)
        turned.shown, turned._kept = self.shown, self._kept
        return turned

    def ask(self, call: Call) -> Any:
        """The student's value, once it is known to have the structure of the oracle's.

        Raises:
            CheckFailed: Where the student's code raised, or returned another structure.
            GraderError: Where the oracle itself cannot answer.
        """
        answer, right = self._both(call)
        if isinstance(right, Raised):
            raise GraderError(f"the oracle raised {right.type_name}: {right.message} in {call.text()}")
        if isinstance(answer, Raised):
            raise as_failure(answer, call.function, call.mode)
        value = in_the_oracles_dtype(call, answer.value, right.value)
        assert_reply(call.mode, value, right.value)
        if call.mode in OBSERVED:
            self._pair_up(value["value"], right.value["value"])
        else:
            self._pair_up(value, right.value)
        return value

    def ask_to_refuse(self, call: Call, error: str) -> None:
        """The student's code raises what the oracle raises.

        Raises:
            CheckFailed: Where it does not.
            GraderError: Where the oracle does not raise `error`.
        """
        answer, right = self._both(call)
        if not isinstance(right, Raised) or right.type_name != error:
            raise GraderError(f"the oracle does not raise {error} in {call.text()}")
        if isinstance(answer, Returned):
            raise CheckFailed(Cause.MISMATCH, f"{call.function} accepts arguments for which it should raise {error}.")
        if answer.type_name != error:
            raise as_failure(answer, call.function, call.mode)

    def _both(self, call: Call) -> tuple[Answer, Answer]:
        answer = self._transport.perform(call)
        self.shown.append((call, answer))
        if call.module is not None and call.module.kept is not None:
            theirs = msgspec.structs.replace(call.module, kept=self._kept[call.module.kept])
            return answer, self._oracle.perform(replace(call, module=theirs))
        return answer, self._oracle.perform(call)

    def _pair_up(self, mine: Any, right: Any) -> None:
        """Remember which of the oracle's modules answers for which of the student's."""
        if isinstance(mine, Kept):
            self._kept[mine.number] = right.number
        elif isinstance(mine, tuple | list):
            for one, other in zip(mine, right, strict=True):
                self._pair_up(one, other)
