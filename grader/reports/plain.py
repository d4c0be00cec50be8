"""A question's outcome as plain text, for systems that show text and nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from grader.model import CheckResult, Outcome, QuestionResult, SubmissionResult
from grader.reports.figures import is_unsandboxed, points
from grader.text import one_line, printable

_MARKS = {Outcome.FAILED: "✗", Outcome.ERROR: "!"}


def question_text(question: QuestionResult) -> str:
    """The hint, what failed with its counterexamples, and what was not run; empty where nothing is to be said."""
    lines = [f"→ {printable(question.hint)}"] if question.hint else []
    for check in question.checks:
        if check.outcome in _MARKS:
            lines += _check(check)
    skipped = Counter(check.message or "Not run." for check in question.checks if check.outcome is Outcome.SKIPPED)
    lines += [f"- {count} {'check' if count == 1 else 'checks'}: {one_line(why)}" for why, count in skipped.items()]
    return "\n".join(lines)


def counterexample_text(check: CheckResult) -> str:
    """The calls that break a property, with what the student's code returned; empty where none is shown."""
    if check.counterexample is None:
        return ""
    lines = [f">>> {call.call}\n{call.returned}" for call in check.counterexample.calls]
    if check.counterexample.expected is not None:
        lines.append(f"expected: {check.counterexample.expected}")
    return printable("\n".join(lines))


def notes_text(result: SubmissionResult) -> str:
    """What holds for the whole submission: what reading it dropped, what a person still marks, no sandbox."""
    lines = [printable(note) for note in result.notes]
    written = [question for question in result.questions if question.manual]
    if written:
        total = points(sum(question.max_score for question in written))
        ids = ", ".join(one_line(question.id) for question in written)
        lines.append(f"Marked by a person and not in these points: {ids}, {total} points in all.")
    if is_unsandboxed(result):
        lines.append("UNSANDBOXED: this was graded without a sandbox.")
    return "\n".join(lines)


def _check(check: CheckResult) -> Iterator[str]:
    yield f"{_MARKS[check.outcome]} {one_line(check.description)}"
    if check.message:
        yield f"  {printable(check.message)}"
    text = counterexample_text(check)
    if text:
        yield "\n".join(f"  {line}" for line in text.split("\n"))
