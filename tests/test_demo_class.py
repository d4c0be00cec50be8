"""A whole class, honest, unfinished, mistaken and hostile, graded by the command that a newcomer types."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from grader import catalog
from tests.demo_class_expected import CLASS, FULL, Expected

ROOT = Path(__file__).parents[1]
SECRET = "5e" * 32
"""So that what is left to the inputs drawn is the same on every run."""

WALL_S = "5"
"""Of the default's ten: two students never return."""

# The class takes minutes on a busy machine, and the first test waits for it.
pytestmark = pytest.mark.timeout(1800)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output folder of the class, with a secret of the test's own."""
    folder = tmp_path_factory.mktemp("demo") / "out"
    folder.mkdir()
    (folder / "course.secret").write_text(SECRET + "\n", encoding="ascii")
    return folder


@pytest.fixture(scope="module")
def printed(out: Path) -> dict[str, Any]:
    """What `grader demo --json` prints."""
    command = [sys.executable, "-m", "grader", "demo", "--json", "--jobs", "2", "--out", str(out)]
    environ = {**os.environ, "GRADER_WALL_S": WALL_S}
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    if done.returncode == 3:
        pytest.skip(f"this machine cannot confine submissions: {done.stderr}")
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


@pytest.fixture(scope="module")
def graded(printed: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """The result documents, by student and assignment."""
    return {(one["submission"]["id"], one["assignment"]): one for one in printed["results"]}


def test_every_submission_is_graded_whatever_the_others_do(
    printed: dict[str, Any], graded: dict[tuple[str, str], dict[str, Any]]
) -> None:
    assert graded.keys() == CLASS.keys()
    assert printed["not_graded"] == []
    assert {one["sandbox"]["mode"] for one in printed["results"]} == {"strict"}


def test_a_page_for_each_student_and_one_for_the_class_can_be_opened(printed: dict[str, Any], out: Path) -> None:
    assert (out / "report" / "index.html").is_file()
    pages = [page for page in (out / "report").rglob("*.html") if page.name != "index.html"]
    assert len(pages) >= len({student for student, _ in CLASS})
    assert (out / "gradebook.csv").is_file()


def rows() -> list[Any]:
    return [
        pytest.param(
            student,
            assignment,
            question,
            expected,
            id=f"{student}-{question}",
        )
        for (student, assignment), hand_in in CLASS.items()
        for question, expected in hand_in.questions.items()
    ]


@pytest.mark.parametrize(("student", "assignment", "question", "expected"), rows())
def test_question(
    graded: dict[tuple[str, str], dict[str, Any]], student: str, assignment: str, question: str, expected: Expected
) -> None:
    """Score, causes and the misconception named are those of the table."""
    (got,) = [one for one in graded[student, assignment]["questions"] if one["id"] == question]
    causes = {check["cause"] for check in got["checks"] if check["outcome"] == "failed"}
    assert expected.least <= got["score"] <= expected.most
    if expected.is_certain:
        assert (causes, got["misconception"]) == (expected.causes, expected.says)
    else:
        assert causes <= expected.causes
        assert got["misconception"] is None or got["misconception"] in expected.commits


@pytest.mark.parametrize(("student", "assignment"), CLASS)
def test_what_a_person_should_look_at_is_flagged(
    graded: dict[tuple[str, str], dict[str, Any]], student: str, assignment: str
) -> None:
    got = graded[student, assignment]
    assert got["needs_review"] == bool(got["flags"])
    for part in CLASS[student, assignment].flags:
        assert any(part in flag for flag in got["flags"]), f"nothing says: {part}"
    assert bool(got["flags"]) == bool(CLASS[student, assignment].flags), got["flags"]


def test_points_of_an_assignment_are_those_of_its_questions(graded: dict[tuple[str, str], dict[str, Any]]) -> None:
    for one in graded.values():
        automatic = [question for question in one["questions"] if not question["manual"]]
        assert one["score"] == pytest.approx(sum(question["score"] for question in automatic))
        assert {question["id"]: question["max_score"] for question in automatic} == {
            name: points for name, points in FULL.items() if name in {question["id"] for question in automatic}
        }


@pytest.mark.parametrize("assignment", ["mle", "gaussian_kl"])
def test_each_listed_misconception_is_committed_by_somebody(other_course: None, assignment: str) -> None:
    listed = {
        (question.id, variant.name)
        for question in catalog.load(ROOT, assignment).questions
        for variant in question.misconceptions
    }
    committed = {
        (question, name)
        for hand_in in CLASS.values()
        for question, expected in hand_in.questions.items()
        for names in expected.commits
        for name in names.split(" / ")
    }
    assert listed - committed == set()


def test_the_table_says_why_no_misconception_is_named() -> None:
    silent = {"not implemented"}
    unexplained = [
        (student, question)
        for (student, _), hand_in in CLASS.items()
        for question, expected in hand_in.questions.items()
        if expected.causes - silent and not expected.commits and not expected.why
    ]
    assert unexplained == []
