"""nbgrader's gradebook, in SQLite and in PostgreSQL: scores go in, what people gave there stays and comes back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

pytest.importorskip("nbgrader", reason="the extra nbgrader is not installed")

from grader import gradebook
from grader.errors import UsageError
from grader.marking import Marker
from grader.model import Outcome, SubmissionInfo, SubmissionResult
from grader.nbcourse.books import opened, shown
from tests import postgres
from tests.conftest import own_reference
from tests.tiny_course import SOLUTION, TINY, energy, grade

pytestmark = [
    pytest.mark.usefixtures("other_course"),
    # nbgrader relates objects before it adds them, and asks the clock for UTC in a way that is going away.
    pytest.mark.filterwarnings("ignore:.*not in session.*:sqlalchemy.exc.SAWarning"),
    pytest.mark.filterwarnings("ignore:.*utcnow.*:DeprecationWarning"),
]


@pytest.fixture(scope="module")
def server() -> Iterator[str | None]:
    """A PostgreSQL server; None where there is none to start."""
    if postgres.programs() is None:
        yield None
        return
    with postgres.server() as folder:
        yield folder


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database."""
    if request.param == "sqlite":
        return str(tmp_path / "gradebook.db")
    folder = request.getfixturevalue("server")
    if folder is None:
        pytest.skip("no PostgreSQL server on this machine; install one (Debian's package is postgresql)")
    return postgres.new_database(folder)


@pytest.fixture(scope="module")
def result(shared_marker: Marker) -> SubmissionResult:
    """ada's: everything right but the scale of the energy, and an answer that nobody has marked."""
    with own_reference():
        made = grade(shared_marker, energy("scale * x.square().sum(-1)"), answers={"tiny.3": "Because."})
    return replace(made, submission=replace(made.submission, submitted_at="2026-03-01T12:00:00Z"))


def save(url: str, result: SubmissionResult, folder: Path) -> list[str]:
    return gradebook.write(url, TINY, [result], folder=folder)


def change(url: str, change: Callable[[Any], None]) -> None:
    """Do something to an open gradebook, as a person would in formgrader."""
    with opened(gradebook.database_url(url)) as books:
        change(books)
        books.db.commit()


def grades(url: str, student: str = "ada") -> dict[str, tuple[float | None, float | None, bool]]:
    """By cell: the automatic score, the manual one, and whether a person should look."""
    with opened(gradebook.database_url(url)) as books:
        found = books.find_submission_notebook("tiny", "tiny", student).grades
        return {grade.name: (grade.auto_score, grade.manual_score, grade.needs_manual_grade) for grade in found}


def mark(books: Any) -> None:
    """2.25 points for the essay, half a point extra, and a comment."""
    grade = books.find_grade("tiny-3", "tiny", "tiny", "ada")
    grade.manual_score, grade.needs_manual_grade = 2.25, False
    books.find_grade("tiny-2", "tiny", "tiny", "ada").extra_credit = 0.5
    books.find_comment("tiny-3", "tiny", "tiny", "ada").manual_comment = "Nearly."


def test_scores_and_comments_are_saved(url: str, result: SubmissionResult, tmp_path: Path) -> None:
    assert save(url, result, tmp_path) == []
    scores = {question.id: question.score for question in result.questions}
    assert grades(url) == {
        "tiny-1": (scores["tiny.1"], None, False),
        "tiny-2": (3.0, None, False),
        "tiny-3": (None, None, True),
    }
    with opened(gradebook.database_url(url)) as books:
        comment = books.find_comment("code-energy", "tiny", "tiny", "ada").auto_comment
        assert "What is the energy of one coordinate of size 1?" in comment
        assert books.find_submission("tiny", "ada").timestamp.isoformat() == "2026-03-01T12:00:00"
        assert books.find_assignment("tiny").max_score == 16.0


def test_saving_twice_changes_nothing(url: str, result: SubmissionResult, tmp_path: Path) -> None:
    save(url, result, tmp_path)
    before = grades(url)
    save(url, result, tmp_path)
    assert grades(url) == before


def test_marks_stay_and_come_back(url: str, result: SubmissionResult, tmp_path: Path) -> None:
    save(url, result, tmp_path)
    change(url, mark)
    save(url, result, tmp_path)
    assert grades(url)["tiny-3"] == (None, 2.25, False)
    [marked] = gradebook.with_marks(url, [result])
    assert marked.questions[-1].score == 2.25
    assert marked.questions[-1].comment == "Nearly."
    assert result.score is not None
    assert marked.score == result.score + 2.25 + 0.5
    assert marked.max_score == 16.0
    assert "tiny.2: a person gave 3.5 points; the checks alone gave 3." in marked.notes


def test_a_mark_on_what_has_changed_asks_for_a_look(url: str, result: SubmissionResult, tmp_path: Path) -> None:
    save(url, result, tmp_path)
    change(url, mark)
    later = replace(result, submission=replace(result.submission, submitted_at="2026-03-02T12:00:00Z"))
    save(url, later, tmp_path)
    assert grades(url)["tiny-3"] == (None, 2.25, True)


def test_an_unmarked_answer_is_in_no_total(url: str, result: SubmissionResult, tmp_path: Path) -> None:
    save(url, result, tmp_path)
    [marked] = gradebook.with_marks(url, [result])
    assert (marked.score, marked.max_score) == (result.score, 13.0)
    assert marked.questions[-1].score is None


def test_what_nobody_wrote_is_a_zero(url: str, result: SubmissionResult, tmp_path: Path) -> None:
    questions = (*result.questions[:-1], replace(result.questions[-1], answer=None))
    save(url, replace(result, questions=questions), tmp_path)
    assert grades(url)["tiny-3"] == (0.0, None, False)


def test_what_waits_for_a_person_goes_on_waiting(url: str, result: SubmissionResult, tmp_path: Path) -> None:
    """nbgrader may hold an answer that we do not see."""
    save(url, result, tmp_path)
    questions = (*result.questions[:-1], replace(result.questions[-1], answer=None))
    save(url, replace(result, questions=questions), tmp_path)
    assert grades(url)["tiny-3"] == (None, None, True)


def test_extra_credit_is_added_to_the_score_of_today(url: str, result: SubmissionResult, tmp_path: Path) -> None:
    save(url, result, tmp_path)
    change(url, mark)
    first = replace(result.questions[0], score=1.0)
    second = replace(result.questions[1], score=1.0)
    assert result.score is not None
    later = replace(result, score=2.0, questions=(first, second, *result.questions[2:]))
    [marked] = gradebook.with_marks(url, [later])
    assert [question.score for question in marked.questions] == [1.0, 1.5, 2.25]
    assert marked.score == 4.75
    assert "tiny.2: a person gave 1.5 points; the checks alone gave 1." in marked.notes


@pytest.mark.parametrize("student", ["o'brien@uni.ie", "jane+1@uni.example", "jöe"])
def test_nbgraders_own_name_of_a_student_is_used(student: str, result: SubmissionResult, tmp_path: Path) -> None:
    url = str(tmp_path / "gradebook.db")
    known = replace(result, submission=replace(result.submission, id="student-1f", name=student))
    save(url, known, tmp_path)
    with opened(gradebook.database_url(url)) as books:
        assert [one.id for one in books.students] == [student]
        books.find_grade("tiny-3", "tiny", "tiny", student).manual_score = 2.0
        books.db.commit()
    [marked] = gradebook.with_marks(url, [known])
    assert marked.questions[-1].score == 2.0


def test_a_fault_of_the_grader_is_never_saved(url: str, result: SubmissionResult, tmp_path: Path) -> None:
    save(url, result, tmp_path)
    before = grades(url)
    first = replace(result.questions[0], score=None, outcome=Outcome.ERROR)
    faulty = replace(result, score=None, questions=(first, *result.questions[1:]))
    assert save(url, faulty, tmp_path) == ["ada, tiny: not saved, for the grader failed on it; grade it again."]
    assert grades(url) == before
    assert gradebook.with_marks(url, [faulty]) == [faulty]


def test_two_devices_are_one_score(tmp_path: Path, result: SubmissionResult) -> None:
    url = str(tmp_path / "gradebook.db")
    other = replace(result, device="cuda", score=0.0)
    said = gradebook.write(url, TINY, [result, other], folder=tmp_path)
    assert said == ["nbgrader knows one score a question: those on cuda were left out."]
    assert grades(url)["tiny-2"][0] == 3.0


def test_a_late_submission_without_a_policy_is_said(tmp_path: Path, result: SubmissionResult) -> None:
    url = str(tmp_path / "gradebook.db")
    save(url, result, tmp_path)
    change(url, lambda books: books.update_or_create_assignment("tiny", duedate="2026-02-01 00:00:00 UTC"))
    [said] = save(url, result, tmp_path)
    assert (
        said == "ada, tiny: late, and no nbgrader_config.py here says what that costs; the penalty is left as it was."
    )


def test_an_assignment_with_other_questions_is_refused(tmp_path: Path, result: SubmissionResult) -> None:
    url = str(tmp_path / "gradebook.db")

    def make(books: Any) -> None:
        books.add_assignment("tiny")
        books.add_notebook("tiny", "tiny")

    change(url, make)
    with pytest.raises(UsageError, match=r"tiny in the gradebook has no cell for tiny\.1"):
        save(url, result, tmp_path)


def test_a_score_from_before_a_question_was_there_is_not_saved(tmp_path: Path, result: SubmissionResult) -> None:
    url = str(tmp_path / "gradebook.db")
    (said,) = save(url, replace(result, questions=result.questions[1:]), tmp_path)
    assert said == (
        "ada, tiny: not saved, for its score is from before the course had these questions; grade it again."
    )
    with opened(gradebook.database_url(url)) as books:
        assert books.students == []


def test_who_is_not_in_the_gradebook_stays_as_graded(tmp_path: Path, result: SubmissionResult) -> None:
    url = str(tmp_path / "gradebook.db")
    save(url, result, tmp_path)
    bob = replace(result, submission=SubmissionInfo(id="bob", sha256="0"))
    assert gradebook.with_marks(url, [bob]) == [bob]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nonsense://x", "cannot open the gradebook nonsense://x"),
        (
            "postgresql://grader:hunter2@127.0.0.1:1/none",
            r"cannot open the gradebook postgresql\+psycopg://grader:\*\*\*",
        ),
        ("sqlite:////proc/none/gradebook.db", "cannot open the gradebook sqlite:"),
    ],
)
def test_a_database_that_cannot_be_opened_is_a_usage_error(url: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as raised:
        gradebook.with_marks(url, [])
    assert "hunter2" not in str(raised.value)


def test_a_path_means_sqlite() -> None:
    assert gradebook.database_url("/data/gradebook.db") == "sqlite:////data/gradebook.db"
    assert gradebook.database_url("sqlite:///x.db") == "sqlite:///x.db"
    assert gradebook.database_url("postgres://host/x") == "postgresql+psycopg://host/x"
    assert "secret" not in shown("postgresql://me:secret@host/x")


def test_full_marks_are_full_marks(tmp_path: Path, marker: Marker) -> None:
    url = str(tmp_path / "gradebook.db")
    save(url, grade(marker, SOLUTION), tmp_path)
    assert grades(url) == {"tiny-1": (10.0, None, False), "tiny-2": (3.0, None, False), "tiny-3": (0.0, None, False)}
