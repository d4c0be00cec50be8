"""The experiment on an 80-column terminal."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from grader.frontier import data, validity
from grader.frontier.measures import Estimate
from grader.frontier.records import STUDENT, Finding
from grader.frontier.runs import NOT_RUN, Outcome, Row
from grader.frontier.summary import rows_of
from grader.text import one_line


def tables(outcome: Outcome) -> RenderableType:
    """A table a data set; below each, what went wrong and what does not compare."""
    shown: list[RenderableType] = [Text(one_line(problem), style="yellow") for problem in outcome.problems]
    for name in outcome.floors:
        shown += _of_data(outcome, name)
    shown += _fits(outcome)
    notes = dict.fromkeys(note for row in outcome.rows for note in row.plan.notes)
    shown += [Text(f"not yours: {one_line(note, 400)}", style="dim") for note in notes]
    return Group(*shown)


def _of_data(outcome: Outcome, name: str) -> Iterator[RenderableType]:
    title = f"{data.load(name).title}; {outcome.asked.budget_s:g} s of training each"
    table = Table(title=Text(title), title_justify="left", title_style="bold", box=None, pad_edge=False)
    table.add_column("model", no_wrap=True)
    for column in ("bits/dim", "density", "calls", "s/1000", "energy d.", "apart", "pieces"):
        table.add_column(column, justify="left" if column in ("density", "pieces") else "right", no_wrap=True)
    table.add_row(*_cells(outcome.floors[name], ""))
    rows = rows_of(outcome, name)
    for row in rows:
        if row.finding is not None:
            table.add_row(*_cells(row.finding, whose(row.finding.uses.values())))
    yield table
    for row in rows:
        yield from _about(row)
    undetermined = sum(not verdict.valid for verdict in validity.verdicts(rows))
    if undetermined:
        text = f"{undetermined} pairs of models do not compare in likelihood; the report says which and why"
        yield Text(f"! {text}", style="yellow")
    yield from (Text(f"! {one_line(text, 400)}", style="yellow") for text in validity.warnings(rows)[:1])
    yield Text("")


def _cells(finding: Finding, pieces: str) -> Iterator[RenderableType]:
    evidence = validity.main_evidence(finding)
    yield finding.title
    yield brief(evidence.bits_per_dim) if evidence else ""
    yield {"exact": "exact", "lower": "at most"}[evidence.kind] if evidence else "none"
    yield str(finding.sampling_calls or "")
    yield f"{finding.sampling_s:.2f}" if finding.sampling_calls else ""
    yield brief(finding.energy_distance) if finding.energy_distance else ""
    yield brief(finding.told_apart) if finding.told_apart else ""
    yield pieces


def _about(row: Row) -> Iterator[Text]:
    """What went wrong with a model."""
    if row.problem:
        yield Text(f"  {row.title}: {one_line(row.problem, 400)}", style="dim" if row.problem == NOT_RUN else "red")
    elif row.finding is not None:
        for sentence in row.finding.failures:
            yield Text(f"  {row.title}: {one_line(sentence, 400)}")


def _fits(outcome: Outcome) -> Iterator[RenderableType]:
    if outcome.fits_problem:
        yield Text(f"KL fits: {one_line(outcome.fits_problem, 400)}", style="red")
        return
    table = Table(
        title=Text("One Gaussian for two modes"), title_justify="left", title_style="bold", box=None, pad_edge=False
    )
    table.add_column("fit", no_wrap=True)
    for column in ("KL(p||q)", "KL(q||p)", "left mode", "right mode"):
        table.add_column(column, justify="right", no_wrap=True)
    for fit in outcome.fits:
        shares = (f"{100 * share:.0f}%" for share in fit.shares)
        table.add_row(fit.name, f"{fit.forward_kl:.3f}", f"{fit.reverse_kl:.3f}", *shares)
    yield table


def whose(uses: Iterable[str]) -> str:
    """Whose pieces a model is made of, in a word or two."""
    owners = set(uses)
    if owners == {STUDENT}:
        return "yours"
    return "both" if STUDENT in owners else "project's"


def brief(estimate: Estimate) -> str:
    """`2.187(12)`: the value, and one standard error in units of its last digit, from 5 to 50 of them."""
    if not math.isfinite(estimate.value + estimate.error):
        return "not finite"
    digits = max(0, 1 - math.floor(math.log10(2 * estimate.error))) if estimate.error > 0 else 3
    return f"{estimate.value:.{digits}f}({round(estimate.error * 10**digits)})"
