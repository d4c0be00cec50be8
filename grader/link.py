"""A submission in a worker, as a transport: calls go out as one frame, answers come back checked."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

from grader.errors import CheckFailed, WorkerFailure
from grader.model import Cause
from grader.received import Received
from grader.transports import Call
from grader.worker import messages, wire
from grader.worker.frames import Buffer, frame
from grader.worker.messages import Answer, Load, Raised, Run, WireCall

MAX_DEATHS = 2
"""Workers that one question may lose before its other checks are given up."""

TRIAL_SHARE = 0.25
"""Of the time limit, what is waited for a worker that has served other questions: whoever exceeds it there is asked
again in another one, and an endless loop would take the whole limit twice."""

MAX_RECEIVED_BYTES = 256 << 20
"""What one question's replies may take up in all; they are kept until it is graded."""

HEADER_WEIGHT = 64
"""Memory that the values of a header take, in its own bytes; roughly."""


class WorkerProcess(Protocol):
    """What is needed of `grader.process.Worker`."""

    def request(self, parts: Sequence[Buffer], *, wall_s: float | None = None) -> tuple[bytes, memoryview]:
        """One exchange of frames."""

    def close(self) -> None:
        """End the process."""


class Batch:
    """Calls that are packed once and sent to every submission.

    Args:
        calls: In the order in which they are answered.
    """

    def __init__(self, calls: Sequence[Call]) -> None:
        self.calls = tuple(calls)
        packer = wire.Packer(keep_strides=True)
        self.packed = [_packed(packer, call) for call in calls]
        # Thousands of small parts would take as long to send, to each submission, as some are waited for.
        self.body = b"".join(packer.parts)


@dataclass
class Relay:
    """What one question's link leaves to the next one's of the same submission. A context manager."""

    refusal: CheckFailed | None = None
    """Why the submission cannot be imported; it is not tried again."""
    worker: WorkerProcess | None = None
    """One in which all that was asked went well."""

    def taken(self) -> WorkerProcess | None:
        """The worker, which is the taker's from now on."""
        worker, self.worker = self.worker, None
        return worker

    def close(self) -> None:
        """End the worker, if there is one."""
        if (worker := self.taken()) is not None:
            worker.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class Link:
    """One question's worker: inherited or started when first needed, replaced after it died, closed at the end.

    Args:
        spawn: Starts a confined worker.
        module: The name that the submission's module has.
        source: Its text.
        device: Where the student's code computes.
        seed: For the worker's global generators, which a student's code should not use.
        relay: Shared by all questions of the submission.
        is_alone: Whether the question's worker serves no other question, before or after.
        total_s: How long the question's workers may take to answer, all exchanges together.
        wall_s: How long one exchange may take; by default as long as the worker's zygote has it.
    """

    def __init__(
        self,
        spawn: Callable[[], WorkerProcess],
        *,
        module: str,
        source: str,
        device: str,
        seed: int,
        relay: Relay,
        is_alone: bool = False,
        total_s: float = 60.0,
        wall_s: float | None = None,
    ) -> None:
        self._spawn = spawn
        self._module = module
        self._source = source
        self._lines = re.split(r"\r\n|\r|\n", source)
        self._device = device
        self._seed = seed
        self._relay = relay
        self._is_alone = is_alone
        if is_alone:
            # Idle, it would hold its memory, on a GPU the context too, beside what may need all of it.
            relay.close()
        self._worker: WorkerProcess | None = relay.taken()
        self._is_loaded = False
        self.is_inherited = self._worker is not None
        """Whether the worker has served other questions, so that what goes wrong in it proves nothing."""
        self._total_s = total_s
        self._wall_s = TRIAL_SHARE * wall_s if self.is_inherited and wall_s is not None else wall_s
        self._spent_s = 0.0
        self.received_bytes = 0
        """What the replies have taken up so far, roughly."""
        self.deaths: list[WorkerFailure] = []
        """How the workers died, in order."""

    def perform(self, call: Call) -> Answer:
        """The answer to one call."""
        return self.perform_all(Batch([call]))[0]

    def perform_all(self, batch: Batch) -> list[Answer]:
        """The answers to calls, in order, from one exchange.

        Raises:
            WorkerFailure: Where the worker died; the next call meets a fresh one.
            CheckFailed: Where the submission cannot be imported.
            WireError: Where the calls are too much for one exchange.
        """
        return self.reply_to(batch).read() if batch.calls else []

    def reply_to(self, batch: Batch, is_known: Callable[[Received], bool] = lambda received: False) -> Received:
        """The reply to calls, of which there are some, from one exchange.

        Args:
            batch: The calls.
            is_known: Of a reply whose bytes were read before, and found to be one, tells that they need not be now.

        Raises:
            WorkerFailure: As `perform_all` does, and likewise what follows.
            CheckFailed: Where the submission cannot be imported.
            WireError: Where the calls are too much for one exchange.
        """
        self._make_ready()
        count = len(batch.calls)
        return self._exchange(lambda number: Run(number, self._device, batch.packed), batch.body, count, is_known)

    def hand_on(self) -> None:
        """Leave the worker to the submission's next question: everything that this one asked went well."""
        if self._worker is not None and not self._is_alone:
            self._relay.worker, self._worker = self._worker, None

    def close(self) -> None:
        """End the worker, if there is one."""
        self._is_loaded = False
        if self._worker is not None:
            self._worker.close()
            self._worker = None

    def _make_ready(self) -> None:
        if self._relay.refusal is not None:
            raise self._relay.refusal
        self._refuse_what_is_spent()
        if self._is_loaded:
            return
        if self._is_given_up():
            raise self.deaths[-1]
        try:
            self._load()
        except CheckFailed as refusal:
            if not self.is_inherited:
                self._relay.refusal = refusal
            raise
        self._is_loaded = True

    def _load(self) -> None:
        """Import the submission, in a worker that others have used anew."""
        self._worker = self._worker or self._spawn()
        try:
            (loaded,) = self._exchange(
                lambda number: Load(number, self._module, self._source, self._seed), b"", 1
            ).read()
        except WorkerFailure as failure:
            raise WorkerFailure(failure.cause, f"While your file was imported: {failure.message}") from failure
        if isinstance(loaded, Raised):
            raise import_failure(loaded)

    def _refuse_what_is_spent(self) -> None:
        """Every exchange may keep to its limits and all of them still take hours, or all memory."""
        if self._spent_s > self._total_s:
            raise WorkerFailure(Cause.TIMEOUT, f"Your code took more than {self._total_s:g} s for this question.")
        if self.received_bytes > MAX_RECEIVED_BYTES:
            raise WorkerFailure(Cause.MEMORY, "Your code returned far more than this question asks for.")

    def _is_given_up(self) -> bool:
        """A question that ran into the time limit once is not let near it again."""
        return len(self.deaths) >= MAX_DEATHS or any(death.cause is Cause.TIMEOUT for death in self.deaths)

    def _exchange(
        self,
        request: Callable[[int], messages.Request],
        body: bytes,
        count: int,
        is_known: Callable[[Received], bool] = lambda received: False,
    ) -> Received:
        assert self._worker is not None
        number = secrets.randbits(53)
        parts = frame(messages.encode(request(number)), [body], len(body))
        started = time.monotonic()
        try:
            header, answered = self._worker.request(parts, wall_s=self._wall_s)
            self.received_bytes += HEADER_WEIGHT * len(header) + len(answered)
            received = Received(header, answered, number=number, count=count, lines=self._lines)
            if not is_known(received):
                received.read()
            return received
        except WorkerFailure as failure:
            self.deaths.append(failure)
            self.close()
            raise
        finally:
            self._spent_s += time.monotonic() - started


def import_failure(raised: Raised) -> CheckFailed:
    """The failure that an exception during the import of a student's file amounts to."""
    place = f" at line {raised.line}" if raised.line else ""
    text = f": {raised.text}" if raised.text else ""
    if raised.type_name in ("SyntaxError", "IndentationError", "TabError"):
        return CheckFailed(Cause.EXCEPTION, f"Your file is not valid Python: {raised.type_name}{place}{text}")
    if raised.type_name in ("ModuleNotFoundError", "ImportError"):
        return CheckFailed(Cause.EXCEPTION, f"Your file imports something that is not there for grading{place}{text}")
    return CheckFailed(Cause.EXCEPTION, f"Your file cannot be imported: {raised.type_name}{place}{text}")


def _packed(packer: wire.Packer, call: Call) -> WireCall:
    return WireCall(
        call.function,
        call.mode,
        packer.pack(call.args),
        packer.pack(dict(call.kwargs)),
        None if call.cotangents is None else packer.pack(call.cotangents),
        None if call.directions is None else packer.pack(call.directions),
        call.module,
        None if call.construct is None else packer.pack(call.construct),
    )
