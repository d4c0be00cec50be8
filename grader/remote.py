"""A student's code as a check sees it, from the trusted side.

A check calls `student.kl_standard(mu, logvar)`; a transport says who answers: a worker, the oracle in this
process, or replies that were fetched before. Every answer is held against the oracle's for the same call before
the check sees it, so that a check computes only with values of the right structure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor

from grader.compare import format_value
from grader.errors import GraderError
from grader.replies import as_failure, assert_reply
from grader.worker import calls
from grader.worker.messages import Answer, Mode, Raised, Returned


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call of a student's function."""

    function: str
    mode: Mode
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    cotangents: Any = None
    directions: Any = None

    def same_as(self, other: Call) -> bool:
        """Whether the other call asks exactly the same, bit by bit."""
        mine = (self.args, dict(self.kwargs), self.cotangents, self.directions)
        theirs = (other.args, dict(other.kwargs), other.cotangents, other.directions)
        return self.function == other.function and self.mode == other.mode and _same(mine, theirs)

    def text(self) -> str:
        """Python that repeats the call."""
        given = [format_value(value) for value in self.args]
        given += [f"{name}={format_value(value)}" for name, value in self.kwargs.items()]
        call = f"{self.function}({', '.join(given)})"
        return call if self.mode in (Mode.CALL, Mode.OBSERVE) else f"{_MODE_WORDS[self.mode]} {call}"


_MODE_WORDS = {
    Mode.VJP: "gradient of",
    Mode.VJP2: "second derivatives of",
    Mode.META: "on the meta device,",
}


def _same(mine: Any, theirs: Any) -> bool:
    if mine is theirs:
        return True
    if type(mine) is not type(theirs):
        return False
    if isinstance(mine, Tensor):
        alike = mine.shape == theirs.shape and mine.dtype == theirs.dtype and mine.stride() == theirs.stride()
        return alike and torch.equal(mine, theirs)
    if isinstance(mine, dict):
        return mine.keys() == theirs.keys() and all(_same(mine[key], theirs[key]) for key in mine)
    if isinstance(mine, tuple | list):
        return len(mine) == len(theirs) and all(map(_same, mine, theirs))
    return bool(mine == theirs)


class Transport(Protocol):
    """Who answers a student's calls."""

    def perform(self, call: Call) -> Answer:
        """The answer to one call.

        Raises:
            WorkerFailure: Where whoever answers is gone.
        """


@dataclass(frozen=True)
class LocalTransport:
    """Trusted functions, called in this process: the oracle, or an author's misconceptions.

    Args:
        functions: By the name that the student gives them.
        quiet: Whether observations report the value alone. An oracle may be written for exactness rather than
            for good manners; what it changes or costs is not asked.
    """

    functions: Mapping[str, Any]
    quiet: bool = True

    def perform(self, call: Call) -> Answer:
        """Call the function on copies of the arguments."""
        args, kwargs = calls.map_tensors(calls.copy_layout, (call.args, dict(call.kwargs)))
        try:
            return Returned(self._value(self.functions[call.function], call, args, kwargs))
        except Exception as error:
            return Raised(type(error).__name__, str(error))

    def _value(self, function: Any, call: Call, args: Any, kwargs: Any) -> Any:
        match call.mode:
            case Mode.CALL:
                return function(*args, **kwargs)
            case Mode.VJP:
                return calls.vjp(function, args, kwargs, call.cotangents)
            case Mode.VJP2:
                return calls.vjp2(function, args, kwargs, call.cotangents, call.directions)
            case Mode.OBSERVE if self.quiet:
                value = function(*args, **kwargs)
                return {"value": value, "changed": [], "generators": [], "warnings": [], "operators": 0}
            case Mode.OBSERVE:
                with torch.random.fork_rng():
                    return calls.observe(function, args, kwargs)
            case Mode.META if self.quiet:
                return calls.structure(function(*args, **kwargs))
            case Mode.META:
                return calls.on_meta(function, args, kwargs)


@dataclass
class RecordingTransport:
    """Passes calls on and keeps them with their answers."""

    inner: Transport
    log: list[tuple[Call, Answer]] = field(default_factory=list)

    def perform(self, call: Call) -> Answer:
        """The inner transport's answer."""
        answer = self.inner.perform(call)
        self.log.append((call, answer))
        return answer


@dataclass
class ReplayTransport:
    """Answers calls from what was fetched before, in the same order; any other call goes to `live`."""

    fetched: Sequence[tuple[Call, Answer]]
    live: Transport
    position: int = 0

    def perform(self, call: Call) -> Answer:
        """The fetched answer where the call is the next one fetched, else a live one."""
        if self.position < len(self.fetched):
            expected, answer = self.fetched[self.position]
            if call.same_as(expected):
                self.position += 1
                return answer
        return self.live.perform(call)


@dataclass(frozen=True, kw_only=True)
class Observation:
    """A call's value and what the call did besides."""

    value: Any
    changed: tuple[int, ...]
    """Positions of the tensors given, in order, that the call wrote to."""
    generators: tuple[str, ...]
    """Global random generators (torch, numpy, random) that the call drew from or seeded."""
    warnings: tuple[str, ...]
    """Categories of the warnings issued."""
    operators: int
    """ATen operators of the forward pass."""


class RemoteFunction:
    """One function of the student's."""

    def __init__(self, student: Student, name: str) -> None:
        self._student = student
        self._name = name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The value, as plain tensors, numbers and tuples."""
        return self._ask(Mode.CALL, args, kwargs)

    def vjp(self, args: Sequence[Any], cotangents: Any, kwargs: Mapping[str, Any] | None = None) -> tuple[Tensor, ...]:
        """Gradients of <cotangents, value>, one for each floating-point tensor in `args`, in order.

        Args:
            args: Positional arguments; tensors inside lists count too.
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
        """Call, and report what the call changed, drew, warned of and cost."""
        seen = self._ask(Mode.OBSERVE, args, kwargs)
        return Observation(
            value=seen["value"],
            changed=tuple(seen["changed"]),
            generators=tuple(seen["generators"]),
            warnings=tuple(seen["warnings"]),
            operators=seen["operators"],
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
        call = Call(
            function=self._name, mode=mode, args=args, kwargs=kwargs, cotangents=cotangents, directions=directions
        )
        return self._student.ask(call)


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
        turned.shown = self.shown
        return turned

    def ask(self, call: Call) -> Any:
        """The student's value, once it is known to have the structure of the oracle's.

        Raises:
            CheckFailed: Where the student's code raised, or returned another structure.
            GraderError: Where the oracle itself cannot answer.
        """
        answer = self._transport.perform(call)
        self.shown.append((call, answer))
        right = self._oracle.perform(call)
        if isinstance(right, Raised):
            raise GraderError(f"the oracle raised {right.type_name}: {right.message} in {call.text()}")
        if isinstance(answer, Raised):
            raise as_failure(answer, call.function, call.mode)
        assert_reply(call.mode, answer.value, right.value)
        return answer.value
