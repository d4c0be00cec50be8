"""The pytest plugin of `grader check`: runs in the student's own pytest and writes what each public test found.

It imports nothing of the grader, so that it works wherever pytest does.
"""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import pytest

_tests: list[dict[str, Any]] = []
_problems: list[str] = []


def pytest_addoption(parser: pytest.Parser) -> None:
    """Where to write."""
    parser.addoption("--selfcheck-json", type=Path, required=True)


def pytest_configure(config: pytest.Config) -> None:
    """Public tests say which question they belong to."""
    config.addinivalue_line("markers", "question(id): the question that a test belongs to")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """Keep one record a test: its call, or the set-up that kept it from being called."""
    report = yield
    if report.when == "call" or report.outcome != "passed":
        marker = item.get_closest_marker("question")
        error = call.excinfo.value if call.excinfo else None
        _tests.append(
            {
                "name": item.name,
                "question": str(marker.args[0]) if marker and marker.args else "",
                "description": (inspect.getdoc(getattr(item, "function", None)) or item.name).split("\n\n")[0],
                "outcome": "not implemented" if isinstance(error, NotImplementedError) else report.outcome,
                "message": report.longreprtext if report.outcome == "failed" else "",
            }
        )
    return report


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """A module that cannot be imported fails here, before any test."""
    if report.outcome == "failed":
        _problems.append(report.longreprtext)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write everything at once."""
    document = {"tests": _tests, "problems": _problems}
    session.config.getoption("--selfcheck-json").write_text(json.dumps(document), encoding="utf-8")
