"""Gradescope: `gradescope-<assignment>.zip`, to upload as the autograder of a programming assignment."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import msgspec

from grader import catalog
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
    questions = [question.id for question in catalog.load(bundle.course, name).questions]
    content = {
        **bundle.grading(sandbox="container"),
        CONFIG: msgspec.json.format(msgspec.json.encode(config(name, options, questions)), indent=1) + b"\n",
        "setup.sh": scaffold("gradescope_setup.sh"),
        "run_autograder": scaffold("gradescope_run.sh"),
    }
    return {f"gradescope-{name}.zip": zipped(content), "README.md": scaffold("gradescope.md", {"ASSIGNMENT": name})}


def config(assignment: str, options: Mapping[str, str], questions: Collection[str]) -> Config:
    """What the zip is told about an assignment.

    Args:
        assignment: Its name.
        options: By the names of `OPTIONS`.
        questions: Ids of the questions that have a test; people mark the others.

    Raises:
        UsageError: A value cannot be: nothing may stay visible because a word was misspelt.
    """
    single = _visibilities(options, questions)
    general = single.pop("", "visible")
    leaderboard = list(_parts(options, "leaderboard"))
    for question in leaderboard:
        _check_id("leaderboard", question, questions)
        if single.get(question, general) == "hidden":
            raise UsageError(f"leaderboard: {question} is hidden, and the leaderboard would show its points; drop one")
    return Config(
        assignment=assignment,
        visibility=general,
        visibilities=single,
        leaderboard=leaderboard,
        limit=_limit(options.get("limit")),
    )


def _visibilities(options: Mapping[str, str], questions: Collection[str]) -> dict[str, str]:
    """When students see the test of a question, by its id; of all others by the empty one."""
    found: dict[str, str] = {}
    for part in _parts(options, "visibility"):
        question, of_one, when = part.rpartition(":")
        if when not in VISIBILITIES:
            raise UsageError(f"visibility: expected one of {', '.join(VISIBILITIES)}, got {when!r}")
        if of_one:
            _check_id("visibility", question, questions)
        if question in found:
            raise UsageError(
                f"visibility: {question or 'of all questions'} is said twice, in {options['visibility']!r}"
            )
        found[question] = when
    return found


def _parts(options: Mapping[str, str], name: str) -> Iterator[str]:
    return filter(None, (part.strip() for part in options.get(name, "").split(",")))


def _check_id(option: str, question: str, questions: Collection[str]) -> None:
    if question not in questions:
        raise UsageError(f"{option}: expected the id of one of {', '.join(questions)}, got {question!r}")


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
