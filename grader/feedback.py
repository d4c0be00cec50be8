"""What a student may see of a failed check: sentences that the grader wrote, at the level that the check declares."""

from __future__ import annotations

import msgspec

from grader.compare import format_value
from grader.model import CallShown, Cause, CheckResult, Counterexample, Feedback, Outcome
from grader.session import Verdict
from grader.text import printable
from grader.transports import OBSERVED, Call
from grader.worker.messages import Answer, Mode, Raised

MAX_CALLS_SHOWN = 4
MAX_CHARS_SHOWN = 600

_LEVELS = list(Feedback)

CATEGORIES = {
    Cause.MISMATCH: "A result is wrong.",
    Cause.SHAPE: "A result has another shape or structure than the question asks for.",
    Cause.DTYPE: "A result has another dtype than the question asks for.",
    Cause.NON_FINITE: "A result is not finite where it should be.",
    Cause.EXCEPTION: "Your code raised an exception.",
    Cause.NOT_IMPLEMENTED: "This is not implemented yet.",
    Cause.NONDETERMINISTIC: "Your code gave different results for the same inputs.",
    Cause.TIMEOUT: "Your code took too long and was stopped.",
    Cause.MEMORY: "Your code used more memory than it may have.",
    Cause.CRASH: "Your code ended the process that it ran in.",
    Cause.PROTOCOL: "Your process did not answer as it should.",
    Cause.DEVICE: "A result is not on the device of the inputs.",
}
"""One sentence for each cause that a student can meet: all that level `category` shows."""


def check_result(verdict: Verdict) -> CheckResult:
    """The part of the result document that one verdict becomes."""
    check, failure = verdict.check, verdict.failure
    passed = verdict.outcome is Outcome.PASSED
    return CheckResult(
        name=check.name,
        description=check.description,
        kind=check.kind,
        outcome=verdict.outcome,
        score=check.points if passed else 0.0,
        max_score=check.points,
        cause=_cause(verdict),
        message=_message(verdict),
        counterexample=_counterexample(verdict) if failure is not None else None,
        # No time finer than 0.1 s leaves the grader: a clock is a channel.
        duration_s=round(verdict.duration_s, 1),
        staff=_staff(verdict),
    )


def following_result(verdict: Verdict, sentence: str, score: float) -> CheckResult:
    """As `check_result`, for a check that does not pass because of an earlier function alone, as the sentence says."""
    tells = _LEVELS.index(verdict.check.feedback) >= _LEVELS.index(Feedback.CATEGORY)
    result = check_result(verdict)
    message = sentence if tells else result.message
    return msgspec.structs.replace(result, message=message, score=score, counterexample=None)


def _staff(verdict: Verdict) -> str | None:
    """What only the instructor reads: our faults, and all of a message, which may quote a line of the submission."""
    said = verdict.fault or (str(verdict.failure) if verdict.failure is not None else "")
    if verdict.unfit:
        count = f"{len(verdict.unfit)} inputs" if len(verdict.unfit) > 1 else "1 input"
        said = f"{said} By our fault, {count} left out: {verdict.unfit[0]}".strip()
    return printable(said) or None


def _cause(verdict: Verdict) -> Cause | None:
    if verdict.outcome is Outcome.SKIPPED:
        return Cause.REQUIRES
    if verdict.outcome is Outcome.ERROR:
        return Cause.INTERNAL
    return verdict.failure.cause if verdict.failure is not None else None


def _message(verdict: Verdict) -> str | None:
    check, failure = verdict.check, verdict.failure
    if verdict.outcome is Outcome.SKIPPED:
        return "Not run, because a check that it builds on did not pass."
    if verdict.outcome is Outcome.ERROR:
        return "The grader failed here, not you. Your instructor has been told, and no score was given."
    if failure is None or check.feedback is Feedback.NONE:
        return None
    if check.feedback is Feedback.VERDICT:
        return "This does not hold for your code."
    if check.feedback is Feedback.CATEGORY:
        return CATEGORIES[failure.cause]
    return printable(failure.message, MAX_CHARS_SHOWN)


def _counterexample(verdict: Verdict) -> Counterexample | None:
    level = _LEVELS.index(verdict.check.feedback)
    assert verdict.failure is not None
    if level < _LEVELS.index(Feedback.COUNTEREXAMPLE) or verdict.failure.cause is Cause.NOT_IMPLEMENTED:
        return None
    if not verdict.calls:
        return None
    shown = verdict.calls[-MAX_CALLS_SHOWN:]
    expected = verdict.failure.expected if verdict.check.feedback is Feedback.FULL else None
    return Counterexample(
        calls=tuple(CallShown(call=_cut(call.text()), returned=_returned(call, answer)) for call, answer in shown),
        expected=None if expected is None else _cut(expected),
    )


def _returned(call: Call, answer: Answer) -> str:
    if isinstance(answer, Raised):
        return f"raised {printable(answer.type_name, 64)}"
    value = answer.value
    if call.mode in (Mode.VJP, Mode.VJP2) and isinstance(value, tuple):
        # Of a result of the wrong shape there are no gradients, and the result itself is what tells.
        value = value[0] if value[-1] is None else value[-1]
    elif call.mode in OBSERVED and isinstance(value, dict):
        value = value.get("value")
    return _cut(format_value(value))


def _cut(text: str) -> str:
    return printable(text, MAX_CHARS_SHOWN)
