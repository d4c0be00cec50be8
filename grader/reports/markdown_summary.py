"""Markdown for a CI step summary: a table of scores, then what failed, with hints and counterexamples.

GitHub refuses a step summary above 1024 KiB, so the text stops before that and says what it left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from grader.files import write_atomically
from grader.lateness import final_score
from grader.model import CheckResult, Outcome, QuestionResult, SubmissionResult
from grader.reports.audience import Audience
from grader.reports.figures import Standing, by_assignment, has_grader_error, points, questions_of, standing
from grader.text import one_line, printable

NAME = "markdown"
FILENAME = "summary.md"
MAX_BYTES = 1_000 * 1024
"""Below the 1024 KiB of GitHub, because a step may hold other text too."""

_SPECIAL = re.compile(r"[&<>|`*_\[\]\\~#!@$:{}()]")


def write(results: Sequence[SubmissionResult], path: Path, *, audience: Audience) -> list[str]:
    """Writes the summary and says how many blocks the size limit left out."""
    text, left_out = _within_limit(_blocks(results))
    write_atomically(path, text.encode("utf-8"))
    if not left_out:
        return []
    return [f"{left_out} of the submissions' details are left out of {path.name}: a step summary holds 1024 KiB."]


def escape(text: str, limit: int = 300) -> str:
    """The text on one line, with every character that Markdown or HTML could act on as an entity."""
    return _SPECIAL.sub(lambda match: f"&#{ord(match[0])};", one_line(text, limit))


def _within_limit(blocks: Iterable[str]) -> tuple[str, int]:
    kept: list[str] = []
    size = left_out = 0
    for block in blocks:
        size += len(block.encode("utf-8")) + 1
        if size > MAX_BYTES:
            left_out += 1
        else:
            kept.append(block)
    if left_out:
        kept.append(f"\n*{left_out} more blocks do not fit here; the other reports have them.*")
    return "\n".join(kept) + "\n", left_out


def _blocks(results: Sequence[SubmissionResult]) -> Iterator[str]:
    yield "# Grades\n"
    for result in results:
        if has_grader_error(result):
            yield f"**Grader error, no score for some question:** {_name(result)}, {escape(result.assignment)}\n"
    if len(results) > 1:
        for assignment, group in by_assignment(results).items():
            yield from _class_table(assignment, group)
    for result in results:
        yield submission(result)


def _class_table(assignment: str, results: Sequence[SubmissionResult]) -> Iterator[str]:
    questions = questions_of(results)
    yield f"## {escape(assignment)}\n"
    late = ["late"] if any(result.late and result.late.deducted for result in results) else []
    yield _row(["submission", *map(escape, questions), *late, "score", "of"])
    yield _row(["---", *["--:"] * (len(questions) + len(late) + 2)])
    for result in results:
        scores = {question.id: question.score for question in result.questions}
        cells = [points(scores.get(question)) for question in questions]
        cells += [points(-result.late.deducted) if result.late and result.late.deducted else "" for _ in late]
        yield _row([_name(result), *cells, f"**{points(final_score(result))}**", points(result.max_score)])
    yield ""


def submission(result: SubmissionResult) -> str:
    """One submission: its notes, a row a question, and what failed."""
    score = f"{points(final_score(result))} of {points(result.max_score)}"
    lines = [f"\n## {_name(result)}, {escape(result.assignment)}: {score}\n"]
    lines += [f"- {escape(note)}" for note in result.notes]
    lines += [f"- to review: {escape(flag)}" for flag in result.flags]
    lines += ["", _row(["question", "points", ""]), _row(["---", "--:", "---"])]
    lines += [_question_row(question) for question in result.questions]
    for question in result.questions:
        lines += _question_details(question)
    return "\n".join(lines)


def _question_row(question: QuestionResult) -> str:
    scored = f"{points(question.score)} / {points(question.max_score)}"
    return _row([f"{escape(question.id)} {escape(question.title)}", scored, standing(question)])


def _question_details(question: QuestionResult) -> Iterator[str]:
    failed = [check for check in question.checks if check.outcome is Outcome.FAILED]
    if standing(question) not in (Standing.PART, Standing.NONE) or not (failed or question.hint):
        return
    yield f"\n**{escape(question.id)} {escape(question.title)}**\n"
    if question.hint:
        yield f"> {escape(question.hint, 1_000)}\n"
    for check in failed:
        yield from _failed_check(check)


def _failed_check(check: CheckResult) -> Iterator[str]:
    yield f"- ✗ {escape(check.description)}"
    if check.message:
        yield f"  {escape(check.message, 1_000)}"
    if check.counterexample is not None:
        text = "\n".join(f">>> {call.call}\n{call.returned}" for call in check.counterexample.calls)
        if check.counterexample.expected is not None:
            text += f"\nexpected: {check.counterexample.expected}"
        yield _fenced(printable(text))


def _fenced(text: str) -> str:
    ticks = "`" * max(3, *(len(run) + 1 for run in re.findall(r"`+", text)), 3)
    body = "\n".join(f"  {line}" for line in text.split("\n"))
    return f"\n  {ticks}python\n{body}\n  {ticks}"


def _name(result: SubmissionResult) -> str:
    device = "" if result.device == "cpu" else f" ({escape(result.device)})"
    return f"{escape(result.submission.id)}{device}"


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
