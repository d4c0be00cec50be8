"""How a question stands in an nbgrader notebook: the names, the metadata and the text of its cells."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

from grader.model import CheckResult, Outcome, QuestionResult
from grader.question import Question, WrittenQuestion
from grader.reports.figures import points

_MARKS = {Outcome.PASSED: "✓", Outcome.FAILED: "✗", Outcome.SKIPPED: "not run", Outcome.ERROR: "!"}
_SCHEMA_VERSION = 3


def grade_id(question: str) -> str:
    """The name of a question's graded cell: formgrader looks cells up with selectors, in which a dot means more."""
    return question.replace(".", "-")


def solution_id(function: str) -> str:
    """The name of the cell in which a student defines a function, and to which comments are attached."""
    return f"code-{function}"


def test_metadata(question: Question) -> dict[str, Any]:
    """Of the locked cell that carries a question's score."""
    return _metadata(grade_id(question.id), grade=True, locked=True, points=question.points)


def code_metadata(name: str) -> dict[str, Any]:
    """Of a cell in which students write code."""
    return _metadata(name, solution=True)


def answer_metadata(question: WrittenQuestion) -> dict[str, Any]:
    """Of a cell in which students write an answer that a person marks."""
    return _metadata(grade_id(question.id), grade=True, solution=True, points=question.points)


def _metadata(name: str, **more: Any) -> dict[str, Any]:
    plain = {"grade": False, "solution": False, "locked": False, "task": False, "schema_version": _SCHEMA_VERSION}
    return {**plain, "grade_id": name, **more}


def test_source(question: Question, assignment: str) -> str:
    """The text of a test cell, which students may run and which never gives points by itself.

    nbgrader takes a test cell without output for full marks. Executed by an `autograde` that lacks our configuration,
    this one says more points than there are, which nbgrader refuses before it has saved anything.
    """
    return (
        f"# {question.id}, {points(question.points)} points. The grader tests {', '.join(question.functions)} outside "
        "of this notebook; running this cell does nothing.\n"
        f"# Try the public tests yourself: grader check {assignment}\n"
        'float("inf") if __import__("os").environ.get("NBGRADER_EXECUTION") == "autograde" else None'
    )


def score_text(question: QuestionResult) -> str:
    """A score as nbgrader reads it back from a cell's output: a number from 0 to the cell's points."""
    return repr(min(max(question.score or 0.0, 0.0), question.max_score))


def comment(question: QuestionResult) -> str:
    """What a student reads beside the code of a question: Markdown in which nothing is markup but our own."""
    said = [check.message for check in question.checks if check.outcome is Outcome.FAILED and check.message]
    lines = [f"{question.id}: {points(question.score)} of {points(question.max_score)} points.", question.hint or ""]
    lines += list(dict.fromkeys(said))
    return "\n\n".join(_as_text(line) for line in lines if line)


def _as_text(line: str) -> str:
    """A line that Markdown takes neither for HTML nor for a link."""
    return html.escape(line, quote=False).replace("](", "] (")


def question_page(question: QuestionResult) -> str:
    """The checks of a question as HTML, shown under its test cell; every text in it is escaped."""
    rows = "".join(map(_row, question.checks))
    hint = f"<p><b>What this looks like.</b> {html.escape(question.hint)}</p>" if question.hint else ""
    score = f"{points(question.score)} of {points(question.max_score)} points"
    return f"<p><b>{html.escape(question.id)} {html.escape(question.title)}</b>: {score}</p>{hint}<table>{rows}</table>"


def _row(check: CheckResult) -> str:
    said = f"<br>{html.escape(check.message)}" if check.message and check.outcome is not Outcome.PASSED else ""
    for call in check.counterexample.calls if check.counterexample else ():
        said += f"<pre>&gt;&gt;&gt; {html.escape(call.call)}\n{html.escape(call.returned)}</pre>"
    if check.counterexample and check.counterexample.expected is not None:
        said += f"<pre>expected: {html.escape(check.counterexample.expected)}</pre>"
    score = f"{points(check.score)} / {points(check.max_score)}"
    what = f"<td>{_MARKS[check.outcome]}</td><td>{html.escape(check.description)}{said}</td><td>{score}</td>"
    return f"<tr>{what}</tr>"


def rubric_text(question: WrittenQuestion) -> str:
    """What the person who marks an answer reads beside it, in Markdown."""
    items = [f"- {points(item.points)}: {_as_text(item.text)}" for item in question.rubric]
    return "\n".join(
        [f"**Rubric of {question.id}**, {points(question.points)} points; students do not see it.", "", *items]
    )


def notes_text(problem: str | None, notes: Sequence[str]) -> str:
    """What reading the submission dropped or could not read, in Markdown; empty where there is nothing to say."""
    lines = [*([problem] if problem else []), *notes]
    return (
        "\n".join(["**The grader's notes on this submission**", "", *(f"- {_as_text(one)}" for one in lines)])
        if lines
        else ""
    )
