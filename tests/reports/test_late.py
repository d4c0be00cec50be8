"""A late class has the same totals in every report: what is left after lateness, and what was taken off."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
from msgspec.structs import replace
from rich.console import Console, RenderableType

from grader import reports
from grader.lateness import final_score
from grader.model import Late, SubmissionResult
from grader.reports import terminal
from grader.reports.figures import summary

Class = list[SubmissionResult]
DEDUCTED = 1.25


@pytest.fixture
def late_class(small_class: Class) -> Class:
    """The students of `mle`, each with all points but for the last one's, all but the first of them late."""
    late = Late(due_at="2026-02-28T12:00:00Z", late_s=86_400, extended=False, deducted=DEDUCTED)
    found = [replace(one, score=one.max_score) for one in small_class if one.assignment == "mle"]
    return [found[0], *(replace(one, late=late) for one in found[1:])]


def texts(folder: Path, pattern: str) -> list[str]:
    return [path.read_text(encoding="utf-8-sig") for path in sorted(folder.rglob(pattern))]


def column(title: str) -> Callable[[Path], list[float]]:
    return lambda folder: [float(row[title]) for row in csv.DictReader(io.StringIO(texts(folder, "gradebook.csv")[0]))]


def filled(title: str) -> Callable[[Path], list[float]]:
    def read(folder: Path) -> list[float]:
        rows = csv.DictReader(io.StringIO(texts(folder, "*-filled.csv")[0]))
        return [float(row[title]) for row in rows if "Points Possible" not in row.get("Student", "")]

    return read


def of_documents(field: Callable[[dict[str, dict[str, str]]], object]) -> Callable[[Path], list[float]]:
    return lambda folder: [float(str(field(json.loads(text)))) for text in texts(folder, "*.json")]


def found(pattern: str, files: str) -> Callable[[Path], list[float]]:
    return lambda folder: [float(each) for text in texts(folder, files) for each in re.findall(pattern, text)]


def of_junit(folder: Path) -> list[float]:
    tree = ElementTree.fromstring(texts(folder, "*.xml")[0])
    return [float(each.attrib["value"]) for each in tree.iterfind(".//property[@name='score']")]


TOTALS: dict[str, list[Callable[[Path], list[float]]]] = {
    "canvas": [filled("HW 1: MLE (101)")],
    "moodle": [filled("Grade")],
    "csv": [column("final_score")],
    "gradescope": [of_documents(lambda document: document["score"])],
    "github": [
        of_documents(lambda document: document["output"]["title"].partition(" /")[0]),
        of_documents(lambda document: re.findall(r"## s\d+, mle: (\S+) of", document["output"]["summary"])[0]),
    ],
    "junit": [of_junit],
    "markdown": [found(r"\| \*\*(\S+)\*\* \|", "*.md"), found(r"## s\d+, mle: (\S+) of", "*.md")],
    "html": [
        found(r'class="score"><b>(\S+)</b> of', "s*.html"),
        lambda folder: found(r'class="n total h\d+">([\d.]+)', "index.html")(folder)[:4],
        lambda folder: found(r'class="n total h\d+">([\d.]+)', "index.html")(folder)[4:],
    ],
}


@pytest.mark.parametrize("name", TOTALS)
def test_a_report_has_the_totals_after_lateness(
    name: str, late_class: Class, tmp_path: Path, export: Callable[[str, Path, Class], Path]
) -> None:
    reports.write(name, late_class, export(name, tmp_path / reports.formats()[name].FILENAME, late_class))
    expected = [final_score(result) for result in late_class]
    assert expected == [18.0, 16.75, 16.75, 16.75]
    for totals in TOTALS[name]:
        assert totals(tmp_path) == expected


def test_scores_of_other_scales_are_after_lateness(late_class: Class, tmp_path: Path) -> None:
    for name in ("classroom50", "prairielearn"):
        reports.write(name, late_class, tmp_path / name)
    read = of_documents(lambda document: document["score"])
    assert read(tmp_path / "classroom50") == [18, 17, 17, 17]
    assert read(tmp_path / "prairielearn") == pytest.approx([1.0, *[16.75 / 18] * 3])


def printed(table: RenderableType) -> str:
    console = Console(width=80, file=io.StringIO(), force_terminal=False)
    console.print(table)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_terminal_and_the_figures_are_after_lateness(late_class: Class) -> None:
    lines = printed(terminal.class_table(late_class)).splitlines()
    assert [line.split()[-4:] for line in lines[-3:]] == [["-1.25", "16.75", "/", "18"]] * 3
    assert "16.75 / 18" in printed(terminal.submission_table(late_class[1]))
    found = summary(late_class)
    assert (found["full_marks"], found["median_share"]) == (1, round(16.75 / 18, 4))


def test_the_class_is_told_what_was_taken_off(late_class: Class, tmp_path: Path) -> None:
    for name in ("html", "markdown", "junit"):
        reports.write(name, late_class, tmp_path / reports.formats()[name].FILENAME)
    assert texts(tmp_path, "index.html")[0].count("<small>-1.25 late</small>") == 6
    assert texts(tmp_path, "*.md")[0].count("| -1.25 |") == 3
    assert texts(tmp_path, "*.xml")[0].count('name="deducted" value="1.25"') == 3
