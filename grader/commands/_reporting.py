"""Results of submissions to the terminal and to the reports that were asked for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from grader.printing import print_document, say
from grader.settings import Settings

if TYPE_CHECKING:
    from grader.model import Submission, SubmissionResult


def report_paths(settings: Settings) -> dict[str, Path]:
    """Where each report that is asked for goes; an unknown one is found before any work is done."""
    from grader import reports

    paths = {}
    for spelled in settings.reports:
        name, _, given = spelled.partition("=")
        default = settings.out / reports.find(name).FILENAME
        paths[name] = Path(given) if given else default
    return paths


def write_reports(settings: Settings, results: Sequence[SubmissionResult]) -> None:
    from grader import reports

    for name, path in report_paths(settings).items():
        for lost in reports.write(name, results, path):
            say(f"{name}: {lost}")
        index = path / "index.html"
        say(f"{name}: open {index} in a browser" if index.is_file() else f"{name}: {reports.written_at(name, path)}")


def print_results(
    settings: Settings, results: Sequence[SubmissionResult], not_graded: Sequence[Submission] = ()
) -> None:
    from grader.reports import figures, terminal

    left_out = [{"id": one.id, "problem": one.problem or one.fault, "notes": one.notes} for one in not_graded]
    document = {"results": results, "summary": figures.summary(results), "not_graded": left_out}
    alone = results[0] if len(results) == 1 else None
    print_document(
        document,
        lambda: terminal.submission_table(alone) if alone else terminal.class_table(results),
        as_json=settings.json,
    )
    for one in left_out:
        say(f"not graded: {one['id']}: {one['problem']}")
