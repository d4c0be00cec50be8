"""Calls of a student's code, and who answers them: a worker, trusted functions here, or replies fetched before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from grader.compare import format_value
from grader.errors import GraderError, SandboxError, WorkerFailure
from grader.worker import calls, targets
from grader.worker.described import Described
from grader.worker.layout import copy_layout
from grader.worker.messages import Answer, Mode, OnModule, Raised, Returned


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call of a student's function."""

    function: str
    mode: Mode
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    cotangents: Any = None
    directions: Any = None
    module: OnModule | None = None
    """Where the call is to a module: of the class `function`, or one that a function of that name returned."""
    construct: tuple[tuple[Any, ...], dict[str, Any]] | None = None
    """What the module is built with."""

    def same_as(self, other: Call) -> bool:
        """Whether the other call asks exactly the same, bit by bit."""
        mine = (self.args, dict(self.kwargs), self.cotangents, self.directions, self.construct)
        theirs = (other.args, dict(other.kwargs), other.cotangents, other.directions, other.construct)
        same_target = (self.function, self.mode, self.module) == (other.function, other.mode, other.module)
        return same_target and _same(mine, theirs)

    def text(self) -> str:
        """Python that repeats the call."""
        call = self._target(_given(self.args, self.kwargs))
        return call if self.mode in (Mode.CALL, *OBSERVED) else f"{_MODE_WORDS[self.mode]} {call}"

    def _target(self, given: str) -> str:
        if self.module is None:
            return f"{self.function}({given})"
        built = f"{self.function}({_given(*self.construct)})" if self.construct else f"<what {self.function} returned>"
        method = "" if self.module.method == "forward" else f".{self.module.method}"
        return f"{built}{method}({given})"


def _given(args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    values = [format_value(value) for value in args]
    return ", ".join([*values, *(f"{name}={format_value(value)}" for name, value in kwargs.items())])


_MODE_WORDS = {
    Mode.NO_GRAD: "under torch.no_grad(),",
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
    if isinstance(mine, Described):
        return bool(mine.family == theirs.family) and _same(dict(mine.parameters), dict(theirs.parameters))
    return bool(mine == theirs)


OBSERVED = (Mode.OBSERVE, Mode.TRAIN, Mode.COUNT)
"""Modes that report, besides the value, what the call did."""


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
    kept: list[nn.Module] = field(default_factory=list)
    """Modules that the functions returned."""

    def perform(self, call: Call) -> Answer:
        """Call the function on copies of the arguments."""
        try:
            return Returned(self._value(call))
        except (GraderError, SandboxError):
            raise
        except Exception as error:
            return Raised(type(error).__name__, str(error))

    def _value(self, call: Call) -> Any:
        if self.quiet and call.mode is Mode.META:
            return calls.structure(self._performed(call, Mode.CALL))
        with torch.random.fork_rng(devices=[], enabled=call.mode in OBSERVED):
            value = self._performed(call, call.mode)
        if self.quiet and call.mode in (Mode.OBSERVE, Mode.TRAIN):
            return {**value, "changed": [], "marked": [], "generators": [], "warnings": []}
        return value

    def _performed(self, call: Call, mode: Mode) -> Any:
        args, kwargs = calls.map_tensors(copy_layout, (call.args, dict(call.kwargs)))
        return targets.perform(
            self.functions.__getitem__,
            call.function,
            self.kept,
            mode,
            args=args,
            kwargs=kwargs,
            cotangents=call.cotangents,
            directions=call.directions,
            module=call.module,
            construct=call.construct,
            # Torch imports its compiler, which takes most of a second, to count for the first time.
            counting=not self.quiet,
        )


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


@dataclass
class OnceTransport:
    """Asks each call once; whoever asks the same again gets the same answer.

    A worker that ends takes with it what was trained there: nothing is asked of another one.
    """

    inner: Transport
    _known: list[tuple[Call, Answer]] = field(default_factory=list)
    _end: WorkerFailure | None = None

    def perform(self, call: Call) -> Answer:
        """The inner transport's first answer to this call."""
        for asked, answer in self._known:
            if asked.same_as(call):
                return answer
        if self._end is not None:
            raise self._end
        try:
            answer = self.inner.perform(call)
        except WorkerFailure as failure:
            self._end = failure
            raise
        self._known.append((call, answer))
        return answer
