"""The notebooks of an nbgrader course, and what its steps make of a submission, without running nbgrader."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from nbgrader.coursedir import CourseDirectory

from grader import catalog, release
from grader.errors import GraderError
from grader.model import Outcome, QuestionResult
from grader.nbcourse import layout, sandboxed, source
from grader.notebooks import read_notebook

CHECKOUT = Path(__file__).parents[1]

RESULT = QuestionResult(
    id="kl.1", title="A <b>title</b>", score=2.5, max_score=4.0, outcome=Outcome.FAILED, hint="Is 1 < 2? See [here](x)."
)


@pytest.fixture
def cells(other_course: None) -> list[dict[str, Any]]:
    """The source notebook of the KL assignment."""
    loaded = catalog.load(CHECKOUT, "gaussian_kl")
    found: list[dict[str, Any]] = json.loads(source.notebook(CHECKOUT, loaded))["cells"]
    return found


def about(cell: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = cell["metadata"].get("nbgrader", {})
    return found


def test_every_question_has_one_locked_test_cell_right_after_its_code(cells: list[dict[str, Any]]) -> None:
    questions = catalog.load(CHECKOUT, "gaussian_kl").questions
    tests = {about(cell)["grade_id"]: place for place, cell in enumerate(cells) if about(cell).get("locked")}
    assert list(tests) == [layout.grade_id(question.id) for question in questions]
    for question, (_, place) in zip(questions, tests.items(), strict=True):
        metadata = about(cells[place])
        assert (metadata["grade"], metadata["solution"], metadata["points"]) == (True, False, question.points)
        assert about(cells[place - 1])["grade_id"] == layout.solution_id(question.function)
        assert f"def {question.function}(" in cells[place - 1]["source"]


def test_every_written_question_has_one_cell_that_a_person_marks(cells: list[dict[str, Any]]) -> None:
    written = catalog.load(CHECKOUT, "gaussian_kl").written
    marked = {cell["metadata"]["answer"]: about(cell) for cell in cells if "answer" in cell["metadata"]}
    assert list(marked) == [question.id for question in written]
    for question in written:
        assert (marked[question.id]["grade"], marked[question.id]["solution"]) == (True, True)
        assert marked[question.id]["points"] == question.points


def test_a_written_question_without_a_cell_gets_one(tiny: Path) -> None:
    last = json.loads(source.notebook(tiny, catalog.load(tiny, "tiny")))["cells"][-1]
    assert last["metadata"]["answer"] == "tiny.3"
    assert about(last)["grade_id"] == "tiny-3"


def test_whatever_is_a_solution_stands_between_marks(cells: list[dict[str, Any]]) -> None:
    """nbgrader strips what is marked in a cell that it knows, and refuses a mark anywhere else."""
    for cell in cells:
        assert (release.BEGIN in cell["source"]) == bool(about(cell).get("solution"))


def test_a_test_cell_stops_an_autograde_that_would_take_it_for_full_marks(
    cells: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = next(cell["source"] for cell in cells if about(cell).get("grade_id") == "kl-1")
    last = ast.Expression(ast.parse(text).body[-1].value)  # type: ignore[attr-defined]  # an expression, or it fails
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    assert eval(compile(last, "cell", "eval")) > about(next(c for c in cells if about(c).get("locked")))["points"]
    monkeypatch.setenv("NBGRADER_EXECUTION", "validate")
    assert eval(compile(last, "cell", "eval")) is None


@pytest.mark.parametrize(
    ("timestamp", "submitted_at"),
    [("2026-03-01 12:00:00.5 UTC", "2026-03-01T12:00:00Z"), ("0001-01-01 00:00:00 UTC", None)],
)
def test_a_time_that_cannot_be_is_none(tiny: Path, tmp_path: Path, timestamp: str, submitted_at: str | None) -> None:
    folder = tmp_path / "submitted" / "ada" / "tiny"
    folder.mkdir(parents=True)
    (folder / "tiny.ipynb").write_text('{"cells": []}')
    (folder / "timestamp.txt").write_text(timestamp)
    about = {"student": "ada", "assignment": "tiny", "notebook": "tiny"}
    found = sandboxed.read_submission(CourseDirectory(root=str(tmp_path)), about, catalog.load(tiny, "tiny"))
    assert found.submitted_at == submitted_at


def test_a_solved_source_notebook_is_read_as_the_solution_without_notes(tiny: Path) -> None:
    loaded = catalog.load(tiny, "tiny")
    module = read_notebook(source.notebook(tiny, loaded).encode())
    names = {node.name for node in ast.parse(module.source).body if isinstance(node, ast.FunctionDef)}
    assert names == set(loaded.functions)
    assert module.notes == ()


def test_a_function_in_a_test_cell_still_counts() -> None:
    metadata = {"nbgrader": {"grade": True, "solution": False}}
    cell = {"cell_type": "code", "metadata": metadata, "source": "def f(x):\n    return x\nprint(f(1))"}
    module = read_notebook(json.dumps({"cells": [cell]}).encode())
    assert "def f(x):" in module.source


@pytest.mark.parametrize(
    ("score", "text"), [(2.5, "2.5"), (0.1 + 0.2, "0.30000000000000004"), (9.0, "4.0"), (-1.0, "0.0")]
)
def test_a_score_is_a_number_that_nbgrader_takes(score: float, text: str) -> None:
    """More than a cell's points would stop nbgrader, and less than zero it takes for full marks."""
    assert layout.score_text(replace(RESULT, score=score)) == text


def test_texts_are_text() -> None:
    assert "<b>" not in layout.comment(RESULT)
    assert "1 &lt; 2? See [here] (x)." in layout.comment(RESULT)
    page = layout.question_page(RESULT)
    assert "A &lt;b&gt;title&lt;/b&gt;" in page
    assert "2.5 of 4 points" in page
    assert layout.notes_text("<script>", ["Cell 1 was left out."]).count("\n- ") == 2
    assert "<script>" not in layout.notes_text("<script>", [])
    assert layout.notes_text(None, []) == ""


def test_a_solution_without_a_questions_function_is_refused(tiny: Path) -> None:
    loaded = catalog.load(tiny, "tiny")
    loaded.__dict__["solution_source"] = "# %%\nimport torch\n"
    with pytest.raises(GraderError, match=r"defines nothing of tiny\.1"):
        source.notebook(tiny, loaded)
