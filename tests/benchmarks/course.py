"""The course of this checkout, and submissions to it."""

from __future__ import annotations

import atexit
import hashlib
import random
from collections.abc import Iterator
from functools import cache
from itertools import islice
from pathlib import Path

from grader import catalog, grading, plugin, settings, variants
from grader.catalog import LoadedAssignment
from grader.marking import Marker
from grader.model import Submission, SubmissionResult
from grader.settings import Settings
from grader.task import Plan, Task

COURSE = Path(__file__).parents[2]
SECRET = hashlib.sha256(b"benchmarks").digest()


def plan() -> Plan:
    """How a grading process works unless somebody says otherwise."""
    return grading.plan_of(_settings(), SECRET)


def _settings() -> Settings:
    return settings.load({}, cwd=COURSE, environ={})


@cache
def marker() -> Marker:
    """This process's zygote and recordings; they last until it ends."""
    made = Marker(plan())
    atexit.register(made.__exit__)
    return made


def submission(assignment: str, number: int, source: str) -> Submission:
    """A submission like no other: the number is part of its text."""
    text = f"{source}\n# {number}\n"
    return Submission(
        id=f"s{number:03}",
        assignment=assignment,
        source=text,
        sha256=hashlib.sha256(text.encode()).hexdigest(),
        filename=f"{assignment}.py",
    )


def right(assignment: str) -> Iterator[Task]:
    """The model solution, again and again, each time as somebody else's."""
    source = catalog.load(COURSE, assignment).solution_source
    number = 0
    while True:
        yield Task(submission=submission(assignment, number, source), device="cpu", key=str(number))
        number += 1


def graded(one: Marker, tasks: Iterator[Task], count: int) -> list[SubmissionResult]:
    """The first `count` tasks, graded."""
    results: list[SubmissionResult] = []
    plugin.run(one, islice(tasks, count), lambda _, result: results.append(result))
    return results


def mixed_class(assignment: str, count: int) -> list[Submission]:
    """A class of which two thirds are right, each in a way of their own, and one third is wrong somewhere.

    A right answer is the model's or an alternative of the question. Of a wrong submission, one or two questions hold
    a listed misconception.
    """
    loaded = catalog.load(COURSE, assignment)
    draw = random.Random(assignment)
    return [
        submission(assignment, number, _mixed(loaded, draw, wrong=draw.choice((1, 2)) if number % 3 == 2 else 0))
        for number in range(count)
    ]


def _mixed(loaded: LoadedAssignment, draw: random.Random, *, wrong: int) -> str:
    """The model solution, with a definition of each function after it that takes its place."""
    mistaken = draw.sample([question.id for question in loaded.questions], wrong)
    parts = [loaded.solution_source]
    for question in loaded.questions:
        if question.id in mistaken:
            listed = [one for one in variants.misconceptions(loaded, question) if one.kind == "listed"]
            chosen = draw.choice(listed).source
        else:
            chosen = draw.choice(
                [loaded.solution_source, *(one.source for one in variants.alternatives(loaded, question))]
            )
        parts.append(chosen.removeprefix(loaded.solution_source))
    return "\n".join(parts)
