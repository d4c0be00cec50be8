"""JUnit XML, as GitLab, Jenkins and GitHub actions show it: one suite a submission, one case a check.

A failed check is a failure, a grader error is an error, and what was not run or a person marks is skipped.
Source of the element order and attributes: the `junit-10.xsd` of the Jenkins xUnit plugin.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from grader.files import write_atomically
from grader.lateness import final_score
from grader.model import CheckResult, Outcome, QuestionResult, SubmissionResult
from grader.reports.audience import Audience
from grader.reports.figures import points
from grader.text import one_line, printable

NAME = "junit"
FILENAME = "junit.xml"

_TAGS = {Outcome.FAILED: "failure", Outcome.ERROR: "error", Outcome.SKIPPED: "skipped"}


def write(results: Sequence[SubmissionResult], path: Path, *, audience: Audience) -> list[str]:
    """Writes one file with a suite for each result."""
    root = Element("testsuites", name="grader")
    for result in results:
        root.append(_suite(result))
    indent(root, " ")
    write_atomically(path, tostring(root, encoding="utf-8", xml_declaration=True) + b"\n")
    return [
        "JUnit has no points: a check passes or fails there, and the scores are properties of its suite.",
        "Misconception names, flags and staff detail are not in the JUnit file, which CI shows to everyone.",
    ]


def _suite(result: SubmissionResult) -> Element:
    cases = [case for question in result.questions for case in _cases(result, question)]
    suite = Element(
        "testsuite",
        name=one_line(f"{result.assignment}/{result.submission.id} ({result.device})"),
        tests=str(len(cases)),
        failures=str(sum(case.find("failure") is not None for case in cases)),
        errors=str(sum(case.find("error") is not None for case in cases)),
        skipped=str(sum(case.find("skipped") is not None for case in cases)),
        time=f"{result.duration_s:.3f}",
    )
    properties = SubElement(suite, "properties")
    for name, value in _properties(result).items():
        SubElement(properties, "property", name=one_line(name), value=one_line(value))
    suite.extend(cases)
    return suite


def _properties(result: SubmissionResult) -> dict[str, str]:
    scores = {f"score {question.id}": _fraction(question) for question in result.questions}
    return {
        "score": points(final_score(result)),
        "max_score": points(result.max_score),
        **({"deducted": points(result.late.deducted)} if result.late else {}),
        "device": result.device,
        "sandbox": result.sandbox.mode,
        **scores,
    }


def _fraction(question: QuestionResult) -> str:
    return f"{points(question.score)}/{points(question.max_score)}{' extra credit' if question.extra else ''}"


def _cases(result: SubmissionResult, question: QuestionResult) -> list[Element]:
    number = question.id.removeprefix(f"{result.assignment}.")
    classname = one_line(f"{result.assignment}.{number}")
    if question.manual or not question.checks:
        return [_whole_question(question, classname)]
    return [_case(question, check, classname) for check in question.checks]


def _case(question: QuestionResult, check: CheckResult, classname: str) -> Element:
    case = Element("testcase", name=one_line(check.description), classname=classname, time=f"{check.duration_s:.3f}")
    tag = _TAGS.get(check.outcome)
    if tag is not None:
        verdict = SubElement(case, tag, message=one_line(check.message or str(check.cause or check.outcome)))
        if tag == "failure":
            verdict.set("type", str(check.cause or check.outcome))
            verdict.text = printable(_detail(question, check))
    return case


def _whole_question(question: QuestionResult, classname: str) -> Element:
    case = Element("testcase", name=one_line(question.title), classname=classname, time="0.000")
    if question.manual:
        SubElement(case, "skipped", message="marked by a person")
    elif (tag := _TAGS.get(question.outcome)) is not None:
        SubElement(case, tag, message=one_line(question.hint or str(question.outcome)))
    return case


def _detail(question: QuestionResult, check: CheckResult) -> str:
    lines = [question.hint, check.message]
    if check.counterexample is not None:
        for call in check.counterexample.calls:
            lines += [f">>> {call.call}", call.returned]
        if check.counterexample.expected is not None:
            lines.append(f"expected: {check.counterexample.expected}")
    return "\n".join(line for line in lines if line)
