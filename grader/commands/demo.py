"""`grader demo`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from grader import options
from grader.commands.grade import grade_all

DEMO_CLASS = Path("tests", "demo_class")
"""In a checkout of the course."""


def demo(
    out: options.Out = None,
    course: options.Course = None,
    jobs: options.Jobs = None,
    sandbox: options.Sandbox = None,
    json: options.Json = None,
) -> int:
    """Grade the class that comes with the course. Says where the report is."""
    settings = options.read(course=course, out=out, jobs=jobs, sandbox=sandbox, json=json)
    if out is None:
        settings = replace(settings, out=settings.course / "demo-results")
    return grade_all(settings, [settings.course / DEMO_CLASS])
