"""The JUnit file is well formed, and counts what it holds."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from grader import reports
from grader.model import Outcome, SubmissionResult

Class = list[SubmissionResult]

SCHEMA = Path(__file__).parent / "schemas" / "junit-10.xsd"
"""Of the Jenkins xUnit plugin (MIT licence, in the file)."""


@pytest.fixture
def suites(awkward_class: Class, tmp_path: Path) -> list[ElementTree.Element]:
    reports.write("junit", awkward_class, tmp_path / "junit.xml")
    return list(ElementTree.parse(tmp_path / "junit.xml").getroot())


def test_a_suite_a_submission_counts_its_cases(suites: list[ElementTree.Element], awkward_class: Class) -> None:
    assert len(suites) == len(awkward_class)
    for suite in suites:
        assert [child.tag for child in suite] == ["properties"] + ["testcase"] * int(suite.attrib["tests"])
        for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(suite.attrib[attribute]) == len(suite.findall(f"testcase/{tag}"))


def test_outcomes_are_failure_error_skipped_or_nothing(small_class: Class, tmp_path: Path) -> None:
    reports.write("junit", small_class, tmp_path / "junit.xml")
    root = ElementTree.parse(tmp_path / "junit.xml").getroot()
    checks = [check for result in small_class for question in result.questions for check in question.checks]
    assert len(root.findall(".//failure")) == sum(check.outcome is Outcome.FAILED for check in checks) > 0
    manual = sum(question.manual for result in small_class for question in result.questions)
    assert len(root.findall(".//skipped")) == manual + sum(check.outcome is Outcome.SKIPPED for check in checks)


def test_a_grader_error_is_an_error_and_an_absent_device_is_skipped(suites: list[ElementTree.Element]) -> None:
    by_name = {suite.attrib["name"]: suite for suite in suites}
    error = by_name["mle/-rf (cpu)"].find("testcase/error")
    absent = by_name["mle/Bob (cuda)"].find("testcase/skipped")
    assert error is not None
    assert "not your fault" in error.attrib["message"]
    assert absent is not None
    assert "no CUDA device" in absent.attrib["message"]


def test_hostile_text_is_text(suites: list[ElementTree.Element]) -> None:
    failure = next(suite for suite in suites if suite.attrib["name"] == "mle/.. (cpu)").find("testcase/failure")
    assert failure is not None
    assert failure.text is not None
    assert "<script>alert(1)</script>" in failure.text
    assert len(failure) == 0


@pytest.mark.parametrize("students", [0, 1, 5])
def test_it_is_valid_against_the_schema(
    awkward_class: Class, small_class: Class, tmp_path: Path, students: int
) -> None:
    schema = pytest.importorskip("xmlschema").XMLSchema(SCHEMA)
    reports.write("junit", [*small_class, *awkward_class][-2 * students :] if students else [], tmp_path / "junit.xml")
    schema.validate(tmp_path / "junit.xml")


def test_it_says_that_junit_has_no_points(small_class: Class, tmp_path: Path) -> None:
    assert "no points" in reports.write("junit", small_class, tmp_path / "junit.xml")[0]
