"""A term with real nbgrader: released, handed in, autograded, marked by hand, handed back, exported and regraded."""

from __future__ import annotations

import csv
import json
import shutil
import zipfile
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("nbgrader", reason="the extra nbgrader is not installed")

from nbgrader.api import Grade

from grader.nbcourse import books
from tests import formgrader
from tests.nbgrader_course import Folder, copied_course, environment_of
from tests.term_class import class_of
from tests.tiny_course import TINY

# One of its steps grades twenty submissions, for each of which nbgrader takes longer than the grader.
pytestmark = pytest.mark.timeout(1200)

CHECKS = Path("reference", "tiny", "energy.py")
ON_TIME, LATE = "2026-03-01-12-00-00", "2026-03-04-13-00-00"
DUE = "2026-03-02 00:00:00 UTC"
SOUND_TO_BROKEN = {
    "assert_value(student.energy(-x, scale), here)": "assert_value(here, energy(x, scale))",
    "assert_value(student.energy(2 * x, scale), 4 * here)": 'expect(student.energy(2 * x, scale) > 0, "it is not.")',
}
"""By line of the question's checks: too strict a one, which takes a point of s02, and too mild a one, a gift to s14."""
ESSAYS = {"s01": 3.0, "s02": 2.25, "s05": 1.0, "s14": 0.1, "s20": 0.0}
"""Points that a person gives in formgrader; everybody else's answer gets this many."""
OTHER_ESSAY = 1.5
UNANSWERED = {"s06", "s07", "s12", "s13"}
EVERYBODY = [f"s{number:02d}" for number in range(1, 21)]
CONFIG = """
from nbgrader.plugins import LateSubmissionPlugin


class ATenthADay(LateSubmissionPlugin):
    def late_submission_penalty(self, student_id, score, total_seconds_late):
        return round(score * 0.1 * (total_seconds_late // 86400 + 1), 2)


c.AssignLatePenalties.plugin_class = ATenthADay
"""


@dataclass(kw_only=True)
class Term(Folder):
    """One course folder, and what its commands said."""

    course: Path

    def exported(self) -> dict[str, dict[str, str]]:
        """The rows of `nbgrader export`, by student."""
        self.run("nbgrader", "export")
        with (self.root / "grades.csv").open(encoding="utf-8") as file:
            return {row["student_id"]: row for row in csv.DictReader(file)}

    def reported(self) -> dict[str, Any]:
        """Our results with the gradebook's marks, by student."""
        document = json.loads(self.run("grader", "report", "results", "--gradebook", "gradebook.db", "--json"))
        return {result["submission"]["id"]: result for result in document["results"]}

    def scores(self) -> dict[str, float | None]:
        """The automatic scores that are stored."""
        paths = (self.root / "results" / "results").rglob("*.json")
        documents = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
        return {document["submission"]["id"]: document["score"] for document in documents}

    def mend(self) -> None:
        """Put right the two checks that the course starts the term with."""
        shutil.copy(TINY / CHECKS, self.course / CHECKS)

    def spoil(self) -> None:
        """Break two checks."""
        text = (self.course / CHECKS).read_text(encoding="utf-8")
        for sound, broken in SOUND_TO_BROKEN.items():
            assert text.count(sound) == 1
            text = text.replace(sound, broken)
        (self.course / CHECKS).write_text(text, encoding="utf-8")


def opened(term: Term, name: str = "gradebook.db") -> AbstractContextManager[Any]:
    """A gradebook of the course."""
    return books.opened(f"sqlite:///{term.root / name}")


def of_gradebook(term: Term) -> dict[str, float]:
    """Each student's score as nbgrader's own tables add it up, less the penalty."""
    with opened(term) as gradebook:
        return {
            one.student_id: max(0.0, one.score - one.late_submission_penalty)
            for one in gradebook.assignment_submissions("tiny")
        }


def final(result: Mapping[str, Any]) -> float:
    """What one of our results is worth when lateness is paid for."""
    return float(result["score"] - (result["late"] or {"deducted": 0.0})["deducted"])


def cents(score: object) -> Decimal:
    """A score to the cent, as every system spells it."""
    return Decimal(str(score)).quantize(Decimal("0.01"))


@pytest.fixture(scope="module")
def term(tmp_path_factory: pytest.TempPathFactory) -> Term:
    """The term up to the automatic grades."""
    home = tmp_path_factory.mktemp("term")
    course = copied_course(home)
    made = Term(root=home / "nbcourse", course=course, environment=environment_of(home))
    made.root.mkdir()
    made.spoil()
    made.run("grader", "release", "--nbgrader", ".", "--course", str(course))
    with (made.root / "nbgrader_config.py").open("a") as file:
        file.write(CONFIG)
    with (made.root / "grader.toml").open("a") as file:
        file.write("wall_s = 2.0\n")
    made.run("nbgrader", "generate_assignment", "tiny")
    made.run("nbgrader", "db", "assignment", "add", "tiny", f"--duedate={DUE}")
    hand_in(made)
    made.run("nbgrader", "autograde", "tiny")
    return made


def hand_in(term: Term) -> None:
    """Twenty notebooks in one archive, as a learning management system gives them out."""
    released = json.loads((term.root / "release" / "tiny" / "tiny.ipynb").read_text(encoding="utf-8"))
    archive = term.root / "downloaded" / "tiny" / "archive"
    archive.mkdir(parents=True)
    with zipfile.ZipFile(archive / "class.zip", "w") as file:
        for student, data in class_of(released, str(term.root / "trap")).items():
            file.writestr(f"{student}_{LATE if student == 's04' else ON_TIME}_tiny.ipynb", data)
    pattern = r".*(?P<student_id>s\d+)_(?P<timestamp>[0-9\-]+)_(?P<file_id>\w+)"
    term.run("nbgrader", "zip_collect", "tiny", f"--FileNameCollectorPlugin.named_regexp={pattern}")


@pytest.fixture(scope="module")
def autograded(term: Term) -> dict[str, float | None]:
    """The automatic scores before anybody has marked, and before the checks are mended."""
    return term.scores()


@pytest.fixture(scope="module")
def marked(term: Term, autograded: dict[str, float | None]) -> Term:
    """The term after a person has marked every answer; in a browser, where there is one."""
    with opened(term) as gradebook:
        pages = {student: gradebook.find_submission_notebook("tiny", "tiny", student).id for student in EVERYBODY}
    if formgrader.CHROMIUM is None:
        mark_in_the_gradebook(term)
        return term
    with formgrader.served(term.root, term.environment) as address, formgrader.browser_page() as page:
        for student in [one for one in EVERYBODY if one not in UNANSWERED]:
            page.goto(f"{address}/submissions/{pages[student]}/?index=0")
            page.wait_for_function("document.getElementById('tiny-1').placeholder !== ''")
            term.said[f"page of {student}"] = page.inner_text("body")
            formgrader.give(page, "tiny-3", str(ESSAYS.get(student, OTHER_ESSAY)))
            if student == "s01":
                formgrader.give(page, "tiny-1_extra_credit", "0.75")
                formgrader.give(page, "tiny-3-comment", "Well said.")
            if student == "s02":
                formgrader.give(page, "tiny-2", "2")
                formgrader.give(page, "code-centre-comment", "See me.")
    return term


def mark_in_the_gradebook(term: Term) -> None:
    """What the browser does, for machines without one."""
    with opened(term) as gradebook:
        for student in [one for one in EVERYBODY if one not in UNANSWERED]:
            about = ("tiny", "tiny", student)
            gradebook.find_grade("tiny-3", *about).manual_score = ESSAYS.get(student, OTHER_ESSAY)
        gradebook.find_grade("tiny-1", "tiny", "tiny", "s01").extra_credit = 0.75
        gradebook.find_comment("tiny-3", "tiny", "tiny", "s01").manual_comment = "Well said."
        gradebook.find_grade("tiny-2", "tiny", "tiny", "s02").manual_score = 2.0
        gradebook.find_comment("code-centre", "tiny", "tiny", "s02").manual_comment = "See me."
        for grade in gradebook.db.query(Grade):
            grade.needs_manual_grade = False
        gradebook.db.commit()


@pytest.fixture(scope="module")
def before(marked: Term) -> dict[str, Any]:
    """Our results with marks, before the checks are mended."""
    return marked.reported()


@pytest.fixture(scope="module")
def rows(marked: Term) -> dict[str, dict[str, str]]:
    """What nbgrader exports before the checks are mended."""
    return marked.exported()


@pytest.fixture(scope="module")
def regraded(marked: Term, rows: Mapping[str, Any], before: dict[str, Any]) -> Term:
    """The term after the checks are mended and the whole class is graded again."""
    marked.mend()
    marked.said["dry"] = marked.run("grader", "regrade", "results", "--dry-run", "--json")
    marked.said["scores after the dry run"] = json.dumps(marked.scores())
    marked.run("grader", "regrade", "results", "--gradebook", "gradebook.db")
    return marked


def test_every_notebook_is_graded_whatever_it_is(term: Term, autograded: dict[str, float | None]) -> None:
    assert sorted(autograded) == EVERYBODY
    assert len(list(term.root.glob("autograded/*/tiny/tiny.ipynb"))) == 20
    full = {student for student, score in autograded.items() if score == 13.0}
    assert full == {"s01", "s07", "s16", "s17", "s19"}
    assert {student for student, score in autograded.items() if score == 0.0} == {"s06", "s12", "s13"}


def test_no_code_of_a_student_runs_outside_of_the_sandbox(term: Term, autograded: dict[str, float | None]) -> None:
    assert autograded["s19"] == 13.0
    assert not (term.root / "trap").exists()


def test_forged_cells_earn_what_the_code_earns(term: Term, autograded: dict[str, float | None]) -> None:
    """s14 says that a test cell is worth 1000 points and shows an output of 10 for it."""
    with opened(term) as gradebook:
        grade = gradebook.find_grade("tiny-1", "tiny", "tiny", "s14")
        assert (grade.auto_score, grade.max_score) == (autograded["s14"] - 3.0, 10.0)


def test_a_test_cell_holds_one_result_and_nothing_else(term: Term, autograded: dict[str, float | None]) -> None:
    for path in term.root.glob("autograded/*/tiny/tiny.ipynb"):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        tests = [cell for cell in cells if cell["metadata"].get("nbgrader", {}).get("grade_id") in ("tiny-1", "tiny-2")]
        outputs = [output for cell in cells if cell["cell_type"] == "code" for output in cell["outputs"]]
        assert [output["output_type"] for output in outputs] == ["execute_result"] * 2
        shown = [float("".join(cell["outputs"][0]["data"]["text/plain"])) for cell in tests]
        assert sum(shown) == autograded[path.parts[-3]]


@pytest.mark.skipif(formgrader.CHROMIUM is None, reason="no Chromium on this machine: nobody can mark in formgrader")
def test_who_marks_sees_rubric_answer_and_checks(marked: Term) -> None:
    page = marked.said["page of s01"]
    assert "Rubric of tiny.3" in page
    assert "a square is smooth at 0" in page
    assert "Half the squared length: 9 of 10 points" not in page
    assert "10 of 10 points" in page


def test_scores_agree_everywhere(marked: Term, rows: Mapping[str, Any], before: dict[str, Any]) -> None:
    """To the cent: nbgrader's tables, its export, our results with the marks, and our own CSV."""
    exported = {student: cents(row["score"]) for student, row in rows.items()}
    with (marked.root / "results" / "gradebook.csv").open(encoding="utf-8") as file:
        written = {row["id"]: cents(row["final_score"]) for row in csv.DictReader(file)}
    assert len(exported) == 20
    assert {student: cents(score) for student, score in of_gradebook(marked).items()} == exported
    assert {student: cents(final(result)) for student, result in before.items()} == exported
    assert written == exported


def test_marks_come_back(marked: Term, before: dict[str, Any], autograded: dict[str, float | None]) -> None:
    essays = {student: result["questions"][-1]["score"] for student, result in before.items()}
    expected = {student: 0.0 if student in UNANSWERED else ESSAYS.get(student, OTHER_ESSAY) for student in EVERYBODY}
    assert essays == expected
    assert before["s01"]["score"] == 13.0 + 3.0 + 0.75
    assert before["s01"]["max_score"] == 16.0
    assert before["s01"]["questions"][-1]["comment"] == "Well said."
    assert before["s02"]["score"] == autograded["s02"] - 3.0 + 2.0 + 2.25
    assert "tiny.2: a person gave 2 points; the checks alone gave 3." in before["s02"]["notes"]
    assert "Your instructor on centre: See me." in before["s02"]["notes"]


def test_a_late_submission_pays_what_the_course_says(rows: Mapping[str, Any], before: dict[str, Any]) -> None:
    """Three days, one of them begun: three tenths of what the checks gave."""
    assert (rows["s04"]["raw_score"], rows["s04"]["late_submission_penalty"]) == ("13.5", "3.6")
    assert before["s04"]["late"] == {
        "due_at": "2026-03-02T00:00:00Z",
        "late_s": 219600,
        "extended": False,
        "deducted": 3.6,
    }


def test_feedback_has_comments_and_no_rubric(marked: Term, before: dict[str, Any]) -> None:
    marked.run("nbgrader", "generate_feedback", "tiny", "--force")
    pages = {path.parts[-3]: path.read_text(encoding="utf-8") for path in marked.root.glob("feedback/*/tiny/tiny.html")}
    assert len(pages) == 20
    assert "Well said." in pages["s01"]
    assert "Do your distances add up to zero?" in pages["s03"]
    assert "is not valid JSON" in pages["s12"]
    assert not [student for student, page in pages.items() if "Rubric of" in page]
    assert "<script>alert(1)</script>" not in pages["s20"]


def test_a_dry_run_tells_who_gains_and_who_loses_and_writes_nothing(
    regraded: Term, autograded: dict[str, float | None]
) -> None:
    told = json.loads(regraded.said["dry"])
    gains = {change["id"]: change["gain"] for change in told["changes"]}
    assert gains == {"s02": 1.0, "s11": 1.0, "s05": 0.0, "s14": -1.0}
    s14 = next(change for change in told["changes"] if change["id"] == "s14")
    assert any("grows_fourfold passed -> failed" in reason for reason in s14["reasons"])
    assert json.loads(regraded.said["scores after the dry run"]) == autograded


def test_marks_survive_a_regrade(regraded: Term, before: dict[str, Any]) -> None:
    after = regraded.reported()
    changes = {
        student: round(final(after[student]) - final(before[student]), 6)
        for student in EVERYBODY
        if final(after[student]) != final(before[student])
    }
    # A tenth a day of all points, of which there are 1.5 more now that the answer is marked.
    assert changes == {"s02": 1.0, "s11": 1.0, "s14": -1.0, "s04": -0.45}
    assert {one: after[one]["questions"][-1]["score"] for one in after} == {
        one: before[one]["questions"][-1]["score"] for one in before
    }
    kept = regraded.root / "results" / "history" / "tiny" / "cpu" / "s14"
    assert len(list(kept.glob("*.json"))) == 1


def test_nbgraders_own_regrade_finds_the_same_scores(regraded: Term) -> None:
    ours = regraded.exported()
    regraded.run("nbgrader", "autograde", "tiny", "--force")
    assert regraded.exported() == ours


def test_another_gradebook_is_filled_from_the_same_results(regraded: Term) -> None:
    """Written by us alone: the same cells, the same automatic scores, no marks."""
    regraded.run("grader", "regrade", "results", "--gradebook", "second.db")
    with opened(regraded) as first, opened(regraded, "second.db") as second:
        assert cells_of(second) == cells_of(first)
        assert automatic(second) == automatic(first)


def cells_of(gradebook: Any) -> dict[str, tuple[str, str, bool, str]]:
    """The released cells that a gradebook knows."""
    cells = gradebook.find_notebook("tiny", "tiny").source_cells
    return {cell.name: (cell.cell_type, cell.source, cell.locked, cell.checksum) for cell in cells}


def automatic(gradebook: Any) -> dict[tuple[str, str], float | None]:
    """The automatic score of each cell of each student."""
    return {
        (submission.student_id, grade.name): grade.auto_score
        for submission in gradebook.assignment_submissions("tiny")
        for grade in submission.notebooks[0].grades
    }
