"""HTML: a page for each student and one for the class, each a single file that loads nothing.

Everything shown is escaped by the template engine and made printable on the way there, and the page's policy lets
the browser run and style with nothing but the one script and the one sheet that it names by hash.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from grader.errors import UsageError
from grader.files import write_atomically
from grader.lateness import final_score
from grader.model import SubmissionResult
from grader.reports import class_view, figures
from grader.reports.audience import Audience, seen_by
from grader.text import printable

if TYPE_CHECKING:
    from jinja2 import Environment

NAME = "html"
FILENAME = "report"

_TEMPLATES = Path(__file__).parent / "templates"


def write(results: Sequence[SubmissionResult], path: Path, *, audience: Audience) -> list[str]:
    """Writes `path/students/<id>.html` and, for instructors, `path/index.html`.

    Raises:
        UsageError: The path names a file.
    """
    if path.suffix == ".html":
        raise UsageError(f"the HTML report is a folder of pages; name a folder, as in --report html={path.stem}")
    students: dict[str, list[SubmissionResult]] = {}
    for result in results:
        students.setdefault(result.submission.id, []).append(seen_by(result, Audience.STUDENT))
    for student, own in students.items():
        _write_page(path / class_view.href(student), student_page(own))
    if audience is Audience.STUDENT:
        return ["The class page is for instructors only and was not written."]
    _write_page(path / "index.html", class_page(results))
    return []


def student_page(results: Sequence[SubmissionResult]) -> str:
    """The page of one student; the results must already hold only what the student may see."""
    return (
        _environment()
        .get_template("student.html")
        .render(student=results[0].submission.id, results=results, standing=figures.standing, Standing=figures.Standing)
    )


def class_page(results: Sequence[SubmissionResult]) -> str:
    """The page of the class, for the instructor."""
    return (
        _environment()
        .get_template("class.html")
        .render(
            summary=figures.summary(results),
            views=class_view.assignment_views(results),
            overview=class_view.overview(results),
            several_devices=len({result.device for result in results}) > 1,
            review=[result for result in results if result.needs_review or result.flags],
            errors=[result for result in results if figures.has_grader_error(result)],
            href=class_view.href,
        )
    )


def _write_page(path: Path, page: str) -> None:
    """Writes the page unless it is there already: some file systems take milliseconds to replace a file."""
    data = page.encode("utf-8")
    if not path.is_file() or path.read_bytes() != data:
        write_atomically(path, data)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"points": figures.points, "worth": figures.worth, "percent": _percent}
    environment.globals |= {
        "share": figures.share,
        "final_score": final_score,
        "style": asset("report.css"),
        "script": asset("class.js"),
    }
    return environment


def shown(value: object) -> object:
    """What every expression of a template passes through; markup of our own is no plain `str`."""
    return printable(value) if type(value) is str else value


def _percent(part: float) -> str:
    return f"{100 * part:.0f}"


def asset(name: str) -> dict[str, object]:
    """A file of the templates' folder as text, with the hash that the page's policy names it by."""
    from markupsafe import Markup

    text = (_TEMPLATES / name).read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
    return {"text": Markup(text), "hash": f"sha256-{digest}"}
