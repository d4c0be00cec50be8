"""Errors carried forward: a wrong answer that is right but for the wrong earlier answer that it calls.

A question may give its oracle once more, composed with an earlier function, of another question or of its own. Where
the student has that function wrong in a way that an author has listed, the oracle is composed with the listed wrong
answer; where that gives the student's numbers, the mistake is the earlier function's alone. The student's own function
takes no part: it could answer otherwise by then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from grader import variants
from grader.catalog import LoadedAssignment
from grader.compare import PRECISION
from grader.diagnosis import SAME, same_answer
from grader.model import Kind, Outcome
from grader.question import Question
from grader.recorded import Answers
from grader.session import Verdict
from grader.transports import LocalTransport
from grader.worker.messages import Mode, Raised

AGREEMENT = {Kind.VALUE: SAME, Kind.LAW: SAME, Kind.PRECISION: PRECISION}
"""Kinds of checks that may be carried, which look at numbers alone, and how close these must come."""


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """An earlier function that a submission has wrong, in a way that is known."""

    question: Question
    """The one that asks for the function."""
    functions: Mapping[str, Any]
    """What is called of it, as the listed wrong answer has it."""


@dataclass(frozen=True, kw_only=True)
class Carried:
    """Which checks fail because of an earlier function alone."""

    mistake: Mistake
    checks: frozenset[str]
    """Names of checks, failed or never reached, whose answers are right for that earlier function."""


def earlier_mistakes(
    assignment: LoadedAssignment, question: Question, misconceptions: Mapping[str, str | None]
) -> list[Mistake]:
    """What a submission has wrong of that on which a question builds.

    An answer without content is no misconception, so that nothing can be built on it.

    Args:
        assignment: The question's.
        question: The one that may fail because of them.
        misconceptions: By question, as in its result, those that the submission was found to have.
    """
    called = {name for _, needs in question.composed_oracles.values() for name in needs}
    return [
        Mistake(question=earlier, functions={name: defined[name] for name in earlier.functions if name in called})
        for earlier in assignment.questions
        if earlier.id in question.builds_on
        for stand_in in variants.listed(assignment, earlier, replacing=called)
        if stand_in.name in (misconceptions.get(earlier.id) or "").split(" / ")
        for defined in [stand_in.defined()]
    ]


def carried(
    question: Question, verdicts: Sequence[Verdict], answers: Mapping[str, Answers], mistakes: Sequence[Mistake]
) -> Carried | None:
    """Hold a failed question against its oracle composed with the earlier mistakes.

    Args:
        question: The one that failed.
        verdicts: Of all its checks.
        answers: The student's, by check.
        mistakes: What the submission has wrong of that on which the question builds.
    """
    concerned = [one for one in verdicts if _is_concerned(question, one, answers.get(one.check.name, ()))]
    failed = [one.check for one in concerned if one.outcome is Outcome.FAILED]
    wrong = {check.name for check in failed if check.kind is not Kind.PRECISION}
    for mistake in mistakes:
        composed = _composed(question, mistake)
        reproduced = frozenset(
            one.check.name
            for one in concerned
            if one.outcome in (Outcome.FAILED, Outcome.SKIPPED)
            if _reproduces(composed, one, answers[one.check.name])
        )
        if wrong and reproduced >= wrong:
            return Carried(mistake=mistake, checks=reproduced)
    return None


def hint(following: Carried) -> str:
    """What the student reads."""
    functions = " or ".join(following.mistake.functions)
    return (
        f"This follows from {following.mistake.question.id}: with the {functions} that you have there, these answers "
        "are right."
    )


def _is_concerned(question: Question, verdict: Verdict, asked: Answers) -> bool:
    """Whether a check looks at numbers alone, and at some of a function that may call an earlier one."""
    plain = verdict.check.kind in AGREEMENT and all(call.mode is Mode.CALL for call, _ in asked)
    return plain and any(call.function in question.composed_oracles for call, _ in asked)


def _composed(question: Question, mistake: Mistake) -> LocalTransport:
    functions = {
        name: partial(oracle, **{need: mistake.functions[need] for need in needs})
        for name, (oracle, needs) in question.composed_oracles.items()
        if set(needs) <= mistake.functions.keys()
    }
    return LocalTransport({**question.oracles, **functions})


def _reproduces(composed: LocalTransport, verdict: Verdict, asked: Answers) -> bool:
    for call, mine in asked:
        theirs = composed.perform(call)
        if isinstance(mine, Raised) or isinstance(theirs, Raised):
            return False
        if not same_answer(mine, theirs, AGREEMENT[verdict.check.kind]):
            return False
    return True
