"""nbgrader's own exchange: students fetch and submit, and what is collected is graded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

pytest.importorskip("nbgrader", reason="the extra nbgrader is not installed")

from grader.nbcourse import books, source
from tests.nbgrader_course import Folder, copied_course, environment_of
from tests.term_class import Notebook, fill

SETTINGS = """
c.CourseDirectory.course_id = "generative"
c.Exchange.root = {exchange!r}
"""
# Everybody here is one user of the system, as on many a JupyterHub.
ONE_USER = "c.ExchangeCollect.check_owner = False\n"
HALF = "    return scale * x.square().sum(-1)"


@dataclass(frozen=True, kw_only=True)
class Course:
    """The folders of an instructor and of two students, and the exchange between them."""

    instructor: Folder
    ada: Folder
    ben: Folder
    exchange: Path

    def both(self, *command: str) -> None:
        """Both students give a command, each under the own name."""
        with ThreadPoolExecutor() as pool:
            given = [pool.submit(one.run, *command, f"--student={one.root.name}") for one in (self.ada, self.ben)]
        for one in given:
            one.result()

    def scores(self) -> dict[str, float]:
        """By student, as nbgrader's gradebook has them."""
        with books.opened(f"sqlite:///{self.instructor.root / 'gradebook.db'}") as gradebook:
            return {one.student_id: one.score for one in gradebook.assignment_submissions("tiny")}


def solve(student: Folder, released: Notebook, **bodies: str) -> None:
    """Fill in the fetched notebook, as `fill` does."""
    path = student.root / "tiny" / "tiny.ipynb"
    path.write_text(json.dumps(fill(released, **bodies)), encoding="utf-8")


def folder(home: Path, name: str, environment: Mapping[str, str], settings: str) -> Folder:
    root = home / name
    root.mkdir()
    if settings:
        (root / "nbgrader_config.py").write_text(f"c = get_config()\n{settings}")
    return Folder(root=root, environment=environment)


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Course:
    """A course whose assignment both students have fetched."""
    home = tmp_path_factory.mktemp("exchange")
    environment = environment_of(home)
    exchange = home / "exchange"
    exchange.mkdir()
    exchange.chmod(0o777)
    settings = SETTINGS.format(exchange=str(exchange))
    instructor = folder(home, "nbcourse", environment, "")
    ada, ben = (folder(home, name, environment, settings) for name in ("ada", "ben"))
    # As the page for instructors says: nobody else may read the solutions.
    instructor.root.chmod(0o700)
    source.release_source(copied_course(home), "tiny", instructor.root)
    with (instructor.root / "nbgrader_config.py").open("a") as file:
        file.write(settings + ONE_USER)
    instructor.run("nbgrader", "generate_assignment", "tiny")
    instructor.run("nbgrader", "release_assignment", "tiny")
    made = Course(instructor=instructor, ada=ada, ben=ben, exchange=exchange)
    made.both("nbgrader", "fetch_assignment", "tiny")
    return made


def test_what_students_fetch_is_the_handout_alone(course: Course) -> None:
    fetched = {str(path.relative_to(course.ada.root / "tiny")) for path in (course.ada.root / "tiny").rglob("*")}
    assert fetched == {"README.md", "conftest.py", "test_tiny.py", "tiny.ipynb"}
    assert "YOUR CODE HERE" in (course.ada.root / "tiny" / "tiny.ipynb").read_text(encoding="utf-8")
    released = list((course.exchange / "generative" / "outbound").rglob("*"))
    assert released
    assert all(path.stat().st_mode & 0o044 == 0o044 for path in released)


def test_what_is_submitted_through_the_exchange_is_graded(course: Course) -> None:
    released = json.loads((course.ada.root / "tiny" / "tiny.ipynb").read_text(encoding="utf-8"))
    solve(course.ada, released)
    solve(course.ben, released, energy=HALF)
    course.both("nbgrader", "submit", "tiny")
    course.instructor.run("nbgrader", "collect", "tiny")
    course.instructor.run("nbgrader", "autograde", "tiny")
    scores = course.scores()
    assert scores["ada"] == 13.0
    assert 0.0 < scores["ben"] < 13.0
