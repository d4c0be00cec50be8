"""The experiment as a page that loads nothing, and as JSON beside it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from grader.files import write_atomically
from grader.frontier import data, pictures, summary, table, validity
from grader.frontier.records import PROJECT, STUDENT, Finding
from grader.frontier.runs import Outcome, Row
from grader.reports.html_pages import asset, shown

if TYPE_CHECKING:
    from jinja2 import Environment

PAGE, NUMBERS = "frontier.html", "frontier.json"

_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, kw_only=True)
class Section:
    """One data set on the page."""

    name: str
    title: str
    quality_scale: str
    held_out: int
    entropy: float | None
    floor: Finding
    rows: list[Row]
    verdicts: list[validity.Verdict]
    warnings: list[str]
    frontier: str
    """A picture's data URL; empty without matplotlib."""
    samples: dict[str, str]
    """By model's title, the data first."""


def write(outcome: Outcome) -> list[str]:
    """Write page and numbers to the output folder; what could not be shown comes back as sentences."""
    numbers = msgspec.json.format(msgspec.json.encode(summary.document(outcome)), indent=1)
    write_atomically(outcome.asked.out / NUMBERS, numbers)
    write_atomically(outcome.asked.out / PAGE, page(outcome).encode())
    return [] if pictures.available() else [LOST]


LOST = (
    "No pictures were drawn (samples of each model, the frontier plots, the KL fits): they need matplotlib, which "
    "`pip install 'grader[plots]'` brings. The numbers are complete."
)


def page(outcome: Outcome) -> str:
    """The whole page."""
    drawn = pictures.available()
    return (
        _environment()
        .get_template("frontier.html")
        .render(
            outcome=outcome,
            sections=[_section(outcome, name, drawn=drawn) for name in outcome.floors],
            fits_picture=pictures.fits(outcome.fits) if drawn and outcome.fits else "",
            lost="" if drawn else LOST,
            general=[validity.MEASURE, validity.BUDGET, validity.ACROSS],
        )
    )


def _section(outcome: Outcome, name: str, *, drawn: bool) -> Section:
    chosen, rows = data.load(name), summary.rows_of(outcome, name)
    findings = [each.finding for each in validity.shown(rows)]
    samples = {}
    if drawn:
        everything = [(outcome.floors[name].title, outcome.floor_arrays[name])]
        everything += [(row.title, row.arrays) for row in rows if row.finding is not None]
        samples = {title: pictures.samples(name, arrays["samples"]) for title, arrays in everything}
    return Section(
        name=name,
        title=chosen.title,
        quality_scale=chosen.quality_scale,
        held_out=len(chosen.test),
        entropy=chosen.entropy,
        floor=outcome.floors[name],
        rows=rows,
        verdicts=validity.verdicts(rows),
        warnings=validity.warnings(rows),
        frontier=pictures.frontier(findings, outcome.floors[name]) if drawn and findings else "",
        samples=samples,
    )


def _environment() -> Environment:
    from jinja2 import ChoiceLoader, Environment, FileSystemLoader, StrictUndefined

    from grader.reports import html_pages

    shared = Path(html_pages.__file__).parent / "templates"
    environment = Environment(
        loader=ChoiceLoader([FileSystemLoader(_TEMPLATES), FileSystemLoader(shared)]),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"brief": table.brief, "whose": table.whose}
    environment.globals |= {"style": asset("report.css"), "main": validity.main_evidence}
    environment.globals |= {"STUDENT": STUDENT, "PROJECT": PROJECT}
    return environment
