"""Tables of what is no result: a student's own check, the kill matrix, this machine. For 80 columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from grader.reports.figures import points
from grader.selfcheck import Run, Test
from grader.text import one_line, printable

if TYPE_CHECKING:
    from grader.doctor import Examination
    from grader.regrading import Regrade
    from grader.validation import QuestionReport, Report

_EXCERPT_LINES = 30
_STYLES = {"passed": "green", "failed": "red", "not implemented": "dim", "skipped": "dim"}


def check_table(name: str, run: Run) -> RenderableType:
    """A row a question, then what failed and why."""
    table = _table(name)
    for column in ("question", "tests", ""):
        table.add_column(column)
    for question, tests in run.by_question().items():
        passed = sum(test.outcome == "passed" for test in tests)
        table.add_row(question or "(other)", f"{passed} of {len(tests)}", _state(tests))
    return Group(*([table] if run.tests else []), *map(_excerpt, run.problems), *_failures(run.tests))


def validation_table(report: Report) -> RenderableType:
    """The kill matrix: a row a question, then each thing that is wrong."""
    shown: list[RenderableType] = []
    for assignment in report.assignments:
        table = _table(assignment.name)
        for column in ("question", "points", "solution", "stub", "trivial", "variants", "caught", "known"):
            table.add_column(column, justify="left" if column == "question" else "right")
        for question in assignment.questions:
            table.add_row(*_validation_row(question))
        shown.append(table)
        for question in assignment.questions:
            shown += [Text(f"{question.id}: {problem}", style="bold red") for problem in question.problems]
            if question.trivial_reason:
                shown.append(Text(f"{question.id}: a trivial answer may earn points: {question.trivial_reason}"))
    return Group(*shown)


def regrade_table(found: Regrade) -> RenderableType:
    """Who gains and who loses, with the reasons below each."""
    table = _table("Scores that change")
    for column in ("student", "assignment", "before", "after", "change"):
        table.add_column(column, justify="left" if column in ("student", "assignment") else "right")
    for change in found.changes:
        before, after = points(change.before.score), points(change.after.score)
        gain = "" if change.gain is None else f"{change.gain:+g}"
        style = "green" if (change.gain or 0) > 0 else "red" if change.loses else ""
        who = change.after.submission.id
        device = "" if change.after.device == "cpu" else f" on {change.after.device}"
        table.add_row(Text(who), Text(change.after.assignment + device), before, after, Text(gain, style=style))
    told = [
        Text(f"{one.after.submission.id}: {one_line(reason, 500)}") for one in found.changes for reason in one.reasons
    ]
    gaining = sum((change.gain or 0) > 0 for change in found.changes)
    counts = f"{gaining} gain, {sum(change.loses for change in found.changes)} lose; "
    counts += f"{len(found.regraded)} graded again, {found.current} current"
    return Group(*([table] if found.changes else []), *told, Text(counts))


def doctor_table(found: Examination) -> RenderableType:
    """Layers, profiles, attacks, devices and versions."""
    layers, attacks, profiles, versions = (_table(title) for title in ("Layers", "Attacks", "Profiles", "Versions"))
    for layer in found.layers:
        layers.add_row(_yes_no(layer.applied), layer.name, Text(layer.cause))
    for attack in found.attacks:
        attacks.add_row(_yes_no(attack.stopped), Text(f"{attack.what}: {'stopped' if attack.stopped else 'SUCCEEDED'}"))
    for profile in found.profiles:
        text = f"{profile.without} {f'Cannot be used: {one_line(profile.problem, 500)}' if profile.problem else ''}"
        profiles.add_row(_yes_no(profile.usable), f"--sandbox={profile.name}", Text(text))
    for name, version in {**found.versions, "cuda": ", ".join(found.cuda) or "no device"}.items():
        versions.add_row(name, Text(version))
    shown: list[RenderableType] = [table for table in (layers, attacks, profiles, versions) if table.row_count]
    if found.problem:
        shown.append(Text(f"{found.sandbox} cannot be used here: {printable(found.problem, 2000)}", style="bold red"))
    return Group(*shown)


def _table(title: str) -> Table:
    headed = title not in ("Layers", "Attacks", "Profiles", "Versions")
    return Table(
        title=Text(one_line(title)),
        title_justify="left",
        title_style="bold",
        box=None,
        pad_edge=False,
        show_header=headed,
    )


def _state(tests: Sequence[Test]) -> Text:
    """The one word on a question that its student acts on first."""
    outcomes = Counter(test.outcome for test in tests)
    for outcome in ("failed", "not implemented", "passed"):
        if outcomes[outcome]:
            return Text(outcome, style=_STYLES[outcome])
    return Text("skipped", style=_STYLES["skipped"])


def _failures(tests: Sequence[Test]) -> Iterator[Text]:
    for test in tests:
        if test.outcome == "failed":
            said = "" if test.description == test.name else f": {one_line(test.description)}"
            yield Text(f"\n✗ {one_line(test.name)}{said}", style="bold red")
            yield _excerpt(test.message)


def _excerpt(text: str) -> Text:
    """The end of what pytest says, where the reason stands."""
    lines = printable(text, 20_000).strip("\n").split("\n")
    cut = [f"… {len(lines) - _EXCERPT_LINES} lines above"] if len(lines) > _EXCERPT_LINES else []
    return Text("\n".join([*cut, *lines[-_EXCERPT_LINES:]]))


def _validation_row(question: QuestionReport) -> Iterator[RenderableType]:
    yield question.id
    yield f"{question.max_score:g}"
    if question.kind == "written":
        yield "by hand"
        return
    wrong, variants, trivial = question.misconceptions, question.alternatives, question.trivial_score
    yield _number(question.solution_score, good=question.solution_score == question.max_score)
    yield _number(question.stub_score, good=question.stub_score == 0)
    yield _number(trivial, good=trivial == 0 or bool(question.trivial_reason))
    yield _part(sum(one.score == question.max_score for one in variants), len(variants))
    yield _part(sum(one.caught for one in wrong), len(wrong))
    yield Text(f"{sum(one.diagnosed for one in wrong)}/{len(wrong)}")


def _part(count: int, whole: int) -> Text:
    return Text(f"{count}/{whole}", style="green" if count == whole else "bold red")


def _number(value: float | None, *, good: bool) -> Text:
    return Text("-" if value is None else f"{value:g}", style="green" if good else "bold red")


def _yes_no(good: bool) -> Text:
    return Text("✓", style="green") if good else Text("✗", style="bold red")
