"""Whose fault it is, said by the type.

`SubmissionError` and `CheckFailed` are the student's, `UsageError` is the caller's, `SandboxError` is the
machine's and `GraderError` is ours. Only `session.py` turns these into outcomes, and only `cli.py` into exit
codes; everywhere else they rise.
"""

from __future__ import annotations

from grader.model import Cause


class GraderError(Exception):
    """A fault of the grader or of a question file: never a zero, always reported as ours. Exit code 4."""


class UnreadableError(GraderError):
    """What was handed in cannot be read here, by no fault of the student's: a file that may not be opened, a clone that
    is missing. There is no score until it can be."""


class NobodyReadsError(Exception):
    """Standard output was closed at its other end, as `| head` does: whoever read it has seen enough."""


class UsageError(Exception):
    """The command cannot do what was asked; the message says what to type instead. Exit code 2."""


class SandboxError(Exception):
    """This machine cannot run student code safely. Exit code 3.

    Args:
        layer: The missing layer, as `grader doctor` names it.
        message: What failed, the likely cause and the flag that accepts it.
    """

    def __init__(self, layer: str, message: str) -> None:
        super().__init__(message)
        self.layer = layer


class SubmissionError(Exception):
    """A submission that cannot be read as code (empty, binary, too large, not UTF-8). Graded 0, never fatal."""

    def __init__(self, message: str, cause: Cause = Cause.EXCEPTION) -> None:
        super().__init__(message)
        self.cause = cause


class CheckFailed(AssertionError):
    """The student's code does not do what a check asks.

    Args:
        cause: What kind of failure it is.
        message: One sentence for the student; it holds no expected value and nothing that the student's
            process wrote.
        expected: The expected value as text, shown only at feedback level `full`.
        misconception: The name of the wrong answer that the check recognises, where its numbers alone tell. Of
            several with one sentence, any.
    """

    def __init__(
        self, cause: Cause, message: str, *, expected: str | None = None, misconception: str | None = None
    ) -> None:
        super().__init__(message)
        self.cause = cause
        self.message = message
        self.expected = expected
        self.misconception = misconception


class WorkerFailure(CheckFailed):
    """The worker that ran the student's code is gone: timeout, memory, crash or a broken protocol."""
