"""Tables for an 80-column terminal. Not a file format: the command line prints these.

Every text from a submission goes in as `Text`, never as rich markup.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from grader.lateness import final_score
from grader.model import CheckResult, Counterexample, Outcome, QuestionResult, SubmissionResult
from grader.reports.figures import (
    Standing,
    by_assignment,
    has_grader_error,
    is_unsandboxed,
    points,
    questions_of,
    share,
    standing,
    worth,
)
from grader.text import one_line, printable

_STYLES = {
    Standing.FULL: "green",
    Standing.PART: "yellow",
    Standing.NONE: "red",
    Standing.NOT_RUN: "dim",
    Standing.MANUAL: "cyan",
    Standing.OURS: "bold magenta",
}
_MARKS = {
    Outcome.PASSED: ("✓", "green"),
    Outcome.FAILED: ("✗", "red"),
    Outcome.SKIPPED: ("-", "dim"),
    Outcome.ERROR: ("!", "bold magenta"),
}
_EXCERPT_LINES = 12


def class_table(results: Sequence[SubmissionResult]) -> RenderableType:
    """One table an assignment, a row a submission; below it, what needs a person."""
    tables = [_assignment_table(name, group) for name, group in by_assignment(results).items()]
    return Group(*tables, *_attention(results))


def submission_table(result: SubmissionResult) -> RenderableType:
    """One submission: a line a question, and under each that lost points the hint and what failed."""
    title = Text.assemble(
        (one_line(result.submission.id, 40), "bold"),
        f"  {one_line(result.assignment, 40)} on {one_line(result.device, 12)}  ",
        (f"{points(final_score(result))} / {points(result.max_score)}", "bold"),
    )
    notes = [Text(f"  {one_line(note)}", style="dim") for note in result.notes]
    questions = [_question(question) for question in result.questions]
    return Group(title, *notes, *questions, *_attention([result]))


def _assignment_table(name: str, results: Sequence[SubmissionResult]) -> Table:
    questions = questions_of(results)
    several_devices = len({result.device for result in results}) > 1
    table = Table(title=Text(one_line(name)), title_justify="left", title_style="bold", box=None, pad_edge=False)
    table.add_column("submission", max_width=24, no_wrap=True, overflow="ellipsis")
    if several_devices:
        table.add_column("on", no_wrap=True)
    for question in questions.values():
        label = one_line(question.id).removeprefix(f"{name}.").rsplit(".", 1)[-1]
        table.add_column(Text(f"{label}\n{worth(question).replace(' ', '')}"), justify="right", no_wrap=True)
    is_late = any(result.late and result.late.deducted for result in results)
    if is_late:
        table.add_column("late", justify="right", no_wrap=True)
    table.add_column(Text("score"), justify="right", no_wrap=True)
    table.add_column("", no_wrap=True, max_width=6)
    for result in results:
        devices = [Text(one_line(result.device, 8))] if several_devices else []
        late = [Text(points(-result.late.deducted) if result.late and result.late.deducted else "")] if is_late else []
        table.add_row(Text(one_line(result.submission.id)), *devices, *_scores(result, questions), *late, *_end(result))
    return table


def _scores(result: SubmissionResult, ids: Iterable[str]) -> Iterator[Text]:
    found = {question.id: question for question in result.questions}
    for question_id in ids:
        question = found.get(question_id)
        yield Text(points(question.score), style=_STYLES[standing(question)]) if question else Text("")


def _end(result: SubmissionResult) -> Iterator[Text]:
    score = final_score(result)
    part = share(score, result.max_score)
    yield Text(f"{points(score)} / {points(result.max_score)}", style="bold green" if part == 1.0 else "bold")
    yield Text("error" if has_grader_error(result) else "review" if result.needs_review else "", style="magenta")


def _attention(results: Sequence[SubmissionResult]) -> Iterator[Text]:
    for result in results:
        who = f"{one_line(result.submission.id, 64)} ({one_line(result.assignment, 64)})"
        if has_grader_error(result):
            yield Text(f"grader error: {who} has no score for some question; this is our fault", style="bold magenta")
        if result.flags:
            yield Text(f"to review: {who}: {'; '.join(map(one_line, result.flags))}", style="yellow")
    unsandboxed = sum(map(is_unsandboxed, results))
    if unsandboxed:
        yield Text(f"UNSANDBOXED: {unsandboxed} of {len(results)} were graded without a sandbox", style="bold red")


def _question(question: QuestionResult) -> RenderableType:
    stands = standing(question)
    head = Text.assemble(
        (f"{points(question.score):>5} / {points(question.max_score):<4}", _STYLES[stands]),
        (f"{one_line(question.id, 24)} ", "bold"),
        one_line(question.title, 60),
        (f"  {stands}" if question.score is None else "", _STYLES[stands]),
    )
    body: list[RenderableType] = []
    if question.hint and stands is not Standing.FULL:
        body.append(Text(f"→ {printable(question.hint, 1_000)}", style="bold yellow"))
    body += _failures([check for check in question.checks if check.outcome in (Outcome.FAILED, Outcome.ERROR)])
    body += _skipped(question.checks)
    return Group(head, Padding(Group(*body), (0, 0, 0, 4))) if body else head


def _failures(checks: Sequence[CheckResult]) -> Iterator[RenderableType]:
    """Each, but as one those that only say the same: of a function that is not there, two dozen do."""
    alike = Counter(_all_that_is_said(check) for check in checks)
    for check in checks:
        said = _all_that_is_said(check)
        if said is None or alike[said] == 1:
            yield _check(check)
        elif said in alike:
            outcome, message = said
            mark, style = _MARKS[outcome]
            yield Text.assemble((f"{mark} ", style), f"{alike.pop(said)} checks: {printable(message, 1_000)}")


def _all_that_is_said(check: CheckResult) -> tuple[Outcome, str] | None:
    """The outcome and its message, where there is no more to tell."""
    return (check.outcome, check.message) if check.message and check.counterexample is None else None


def _check(check: CheckResult) -> RenderableType:
    mark, style = _MARKS[check.outcome]
    lines: list[RenderableType] = [Text.assemble((f"{mark} ", style), one_line(check.description))]
    if check.message:
        lines.append(Text(f"  {printable(check.message, 1_000)}"))
    if check.counterexample is not None:
        lines.append(Padding(_counterexample(check.counterexample), (0, 0, 0, 2)))
    return Group(*lines)


def _skipped(checks: Sequence[CheckResult]) -> Iterator[Text]:
    reasons = Counter(check.message or "not run" for check in checks if check.outcome is Outcome.SKIPPED)
    for reason, count in reasons.items():
        mark, style = _MARKS[Outcome.SKIPPED]
        yield Text(f"{mark} {count} {'check' if count == 1 else 'checks'}: {one_line(reason)}", style=style)


def _counterexample(example: Counterexample) -> Text:
    lines = [f">>> {call.call}\n{call.returned}" for call in example.calls]
    if example.expected is not None:
        lines.append(f"expected: {example.expected}")
    shown = printable("\n".join(lines), 2_000).split("\n")
    if len(shown) > _EXCERPT_LINES:
        shown = [*shown[:_EXCERPT_LINES], f"… {len(shown) - _EXCERPT_LINES} more lines are in the report"]
    return Text("\n".join(shown), style="cyan")
