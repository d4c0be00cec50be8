"""Errors carried forward: a wrong answer that is right but for the wrong earlier answer that it calls.

A question may give its oracle once more, composed with an earlier function, of another question or of its own, as the
student has it. That function is called in the student's worker, so that nothing hidden goes there, and what it returns
is held against its own oracle's structure as any reply is. Where the composed oracle gives the student's numbers, the
mistake is the earlier function's alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import msgspec

from grader.diagnosis import Answers, same_answer
from grader.model import CheckResult, Outcome
from grader.question import Question
from grader.remote import Student
from grader.session import Verdict
from grader.transports import LocalTransport, Transport
from grader.worker.messages import Mode, Raised


@dataclass(frozen=True, kw_only=True)
class Carried:
    """Which checks fail because of an earlier question alone."""

    question: Question
    """The one that has the earlier function."""
    functions: tuple[str, ...]
    """What is called of it."""
    checks: frozenset[str]
    """Names of checks, failed or never reached, whose answers are right for the student's own earlier function."""


def earlier_mistakes(
    question: Question, misconceptions: Mapping[str, str | None], questions: Sequence[Question]
) -> list[Question]:
    """The questions that this one builds on and that the submission has wrong in a way that is known.

    An answer without content is no misconception, so that nothing can be built on it.

    Args:
        question: The one that may fail because of them.
        misconceptions: By question, as in its result, those that the submission was found to have.
        questions: The assignment's.
    """
    by_id = {one.id: one for one in questions}
    listed = {
        name: {one.name for one in by_id[name].misconceptions if one.function in _called(question, by_id[name])}
        for name in question.builds_on
    }
    return [
        by_id[name]
        for name in question.builds_on
        if listed[name].intersection((misconceptions.get(name) or "").split(" / "))
    ]


def carried(
    question: Question,
    verdicts: Sequence[Verdict],
    answers: Mapping[str, Answers],
    live: Transport,
    mistaken: Sequence[Question],
) -> Carried | None:
    """Hold a failed question against its oracle composed with the student's earlier functions.

    Args:
        question: The one that failed.
        verdicts: Of all its checks.
        answers: The student's, by check.
        live: The student's worker.
        mistaken: Earlier questions that the submission has wrong.
    """
    for earlier in mistaken:
        composed = _composed(question, earlier, live)
        reproduced = frozenset(
            verdict.check.name
            for verdict in verdicts
            if composed and verdict.outcome in (Outcome.FAILED, Outcome.SKIPPED)
            if _is_composed(question, verdict, answers)
            if _reproduces(composed, answers.get(verdict.check.name, ()))
        )
        wrong_values = [
            one.check.name
            for one in verdicts
            if one.outcome is Outcome.FAILED and _is_plain(one, answers) and _is_composed(question, one, answers)
        ]
        if wrong_values and reproduced.issuperset(wrong_values):
            return Carried(question=earlier, functions=_called(question, earlier), checks=reproduced)
    return None


def marked(checks: Sequence[CheckResult], following: Carried, *, give_points: bool) -> list[CheckResult]:
    """The same checks, where those that are wrong because of the earlier question say so, and may have their points."""
    return [
        msgspec.structs.replace(
            check, message=hint(following), score=check.max_score if give_points else check.score, counterexample=None
        )
        if check.name in following.checks
        else check
        for check in checks
    ]


def hint(following: Carried) -> str:
    """What the student reads."""
    functions = " or ".join(following.functions)
    return (
        f"This follows from {following.question.id}: with the {functions} that you have there, these answers are right."
    )


def _called(question: Question, earlier: Question) -> tuple[str, ...]:
    """The functions of the earlier question that this one's oracles are composed with."""
    needed = {name for _, needs in question.composed_oracles.values() for name in needs}
    return tuple(name for name in earlier.functions if name in needed)


def _composed(question: Question, earlier: Question, live: Transport) -> LocalTransport | None:
    student = Student(earlier.functions, live, LocalTransport(earlier.oracles))
    functions = {
        name: partial(oracle, **{wanted: getattr(student, wanted) for wanted in needs})
        for name, (oracle, needs) in question.composed_oracles.items()
        if set(needs) <= set(earlier.functions)
    }
    return LocalTransport({**question.oracles, **functions}) if functions else None


def _is_plain(verdict: Verdict, answers: Mapping[str, Answers]) -> bool:
    """Whether a check looks at values alone; derivatives do not pass through a function in another process."""
    asked = answers.get(verdict.check.name, ())
    return bool(asked) and all(call.mode is Mode.CALL for call, _ in asked)


def _is_composed(question: Question, verdict: Verdict, answers: Mapping[str, Answers]) -> bool:
    """Whether a check asks for a function that may call an earlier one."""
    return any(call.function in question.composed_oracles for call, _ in answers.get(verdict.check.name, ()))


def _reproduces(composed: LocalTransport, asked: Answers) -> bool:
    if not asked or any(call.mode is not Mode.CALL for call, _ in asked):
        return False
    for call, mine in asked:
        theirs = composed.perform(call)
        if isinstance(mine, Raised) or isinstance(theirs, Raised) or not same_answer(mine, theirs):
            return False
    return True
