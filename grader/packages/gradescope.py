"""Gradescope: `gradescope-<assignment>.zip`, to upload as the autograder of a programming assignment."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from grader.errors import UsageError
from grader.hosts.gradescope import CONFIG, Config, Limit
from grader.packages.bundle import Bundle, scaffold, zipped
from grader.reports.gradescope import VISIBILITIES

NAME = "gradescope"
OPTIONS = {
    "visibility": f"who sees the tests and when, one of {', '.join(VISIBILITIES)}; of one question as ID:WHEN",
    "limit": "how many submissions are graded in how many hours, such as 5/24",
    "leaderboard": "ids of questions whose points the class's leaderboard shows, such as enc.5,dsm.6",
}


def files(bundle: Bundle, options: Mapping[str, str]) -> dict[str, bytes]:
    """One zip, and what to do with it; see `Target`."""
    name = bundle.one_assignment()
    content = {
        **bundle.grading(sandbox="container"),
        CONFIG: msgspec.json.format(msgspec.json.encode(config(name, options)), indent=1) + b"\n",
        "setup.sh": scaffold("gradescope_setup.sh"),
        "run_autograder": scaffold("gradescope_run.sh"),
    }
    return {f"gradescope-{name}.zip": zipped(content), "README.md": scaffold("gradescope.md", {"ASSIGNMENT": name})}


def config(assignment: str, options: Mapping[str, str]) -> Config:
    """What the zip is told about an assignment.

    Raises:
        UsageError: A value cannot be.
    """
    general, single = "visible", {}
    for part in filter(None, options.get("visibility", "").split(",")):
        question, _, when = part.rpartition(":")
        if when not in VISIBILITIES:
            raise UsageError(f"visibility: expected one of {', '.join(VISIBILITIES)}, got {when!r}")
        if question:
            single[question] = when
        else:
            general = when
    return Config(
        assignment=assignment,
        visibility=general,
        visibilities=single,
        leaderboard=[part for part in options.get("leaderboard", "").split(",") if part],
        limit=_limit(options.get("limit")),
    )


def _limit(text: str | None) -> Limit | None:
    if text is None:
        return None
    count, _, hours = text.partition("/")
    try:
        limit = Limit(submissions=int(count), hours=float(hours))
    except ValueError:
        limit = Limit(submissions=0, hours=0.0)
    if limit.submissions < 1 or not 0 < limit.hours < 24 * 365:
        raise UsageError(f"limit: expected submissions/hours, such as 5/24, got {text!r}")
    return limit
