"""Scores in nbgrader's gradebook, and what people marked there back in our results.

SQLite or PostgreSQL, by URL. Only automatic scores and comments are ever written: a person's marks, comments and extra
credit stay as they are. Needs the extra `nbgrader`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import nbformat
from msgspec.structs import replace
from nbgrader import preprocessors
from nbgrader.api import Grade, Gradebook, MissingEntry, SubmittedAssignment
from nbgrader.apps import NbGrader

from grader import catalog, scoring
from grader.catalog import LoadedAssignment
from grader.errors import UsageError
from grader.model import Late, QuestionResult, SubmissionResult
from grader.nbcourse import layout, source
from grader.nbcourse.books import opened
from grader.nbcourse.comments import save_comments
from grader.reports.audience import Audience, seen_by
from grader.reports.figures import points
from grader.text import one_line

CONFIG = "nbgrader_config.py"

_AS_RELEASED = (
    preprocessors.LockCells,
    preprocessors.ClearSolutions,
    preprocessors.ClearOutput,
    preprocessors.ComputeChecksums,
    preprocessors.SaveCells,
)
"""What `nbgrader generate_assignment` does until the cells are in the gradebook, in its order."""


def database_url(given: str) -> str:
    """The URL that SQLAlchemy wants: a path means SQLite, and PostgreSQL is spoken to through psycopg."""
    scheme, mark, rest = given.partition("://")
    if not mark:
        return f"sqlite:///{Path(given).absolute()}"
    return f"postgresql+psycopg://{rest}" if scheme in ("postgres", "postgresql") else given


def write(given: str, course: Path, results: Sequence[SubmissionResult], *, folder: Path) -> list[str]:
    """Save the scores of results, making assignments, students and submissions where the gradebook lacks them.

    Args:
        given: A database URL, or the path of an SQLite file.
        course: Where the questions are.
        results: Of one device or several; of several, the first one's scores are saved.
        folder: An nbgrader folder's late policy is applied where its configuration stands here.

    Returns:
        What was not saved, one sentence each.

    Raises:
        UsageError: The database cannot be opened, or an assignment in it has other questions.
    """
    url = database_url(given)
    chosen, said = _one_device(results)
    config = _configuration(folder)
    with opened(url) as gradebook:
        for name in dict.fromkeys(result.assignment for result in chosen):
            assignment = catalog.load(course, name)
            _provide(gradebook, url, course, assignment)
            said += [
                f"{question.id} is extra credit, and nbgrader counts its {points(question.points)} points in what can "
                "be had."
                for question in assignment.questions
                if question.extra
            ]
            for result in chosen:
                if result.assignment != name or result.score is None:
                    continue
                if _is_of_today(result, assignment):
                    said += _save(gradebook, url, result, assignment, config)
                else:
                    said.append(
                        f"{result.submission.id}, {name}: not saved, for its score is from before the course had these "
                        "questions; grade it again."
                    )
    return said


def _is_of_today(result: SubmissionResult, assignment: LoadedAssignment) -> bool:
    """Whether a result, which may be kept from an earlier run, has the assignment's questions."""
    known = {question.id for question in assignment.questions} | {question.id for question in assignment.written}
    return {question.id for question in result.questions} == known


def _one_device(results: Sequence[SubmissionResult]) -> tuple[list[SubmissionResult], list[str]]:
    first = next((result.device for result in results), "")
    others = sorted({result.device for result in results} - {first})
    said = [f"nbgrader knows one score a question: those on {device} were left out." for device in others]
    chosen = [result for result in results if result.device == first]
    said += [
        f"{result.submission.id}, {result.assignment}: not saved, for the grader failed on it; grade it again."
        for result in chosen
        if result.score is None
    ]
    return chosen, said


def _provide(gradebook: Gradebook, url: str, course: Path, assignment: LoadedAssignment) -> None:
    """Have an assignment with a cell for each question, worth what the question is worth."""
    name = assignment.name
    try:
        found = gradebook.find_notebook(name, name)
    except MissingEntry:
        _create(gradebook, url, course, assignment)
        return
    cells = {cell.name: cell for cell in found.grade_cells}
    worth = {question.id: question.points for question in assignment.questions}
    worth |= {question.id: question.points for question in assignment.written}
    for question, max_score in worth.items():
        cell = cells.get(layout.grade_id(question))
        if cell is None:
            raise UsageError(
                f"{name} in the gradebook has no cell for {question}; run `grader release --nbgrader` and `nbgrader "
                "generate_assignment --force`, or name another database"
            )
        cell.max_score = max_score
    gradebook.db.commit()


def _create(gradebook: Gradebook, url: str, course: Path, assignment: LoadedAssignment) -> None:
    name = assignment.name
    gradebook.update_or_create_assignment(name)
    notebook = nbformat.reads(source.notebook(course, assignment), as_version=4)
    resources = {"nbgrader": {"notebook": name, "assignment": name, "db_url": url}}
    for step in _AS_RELEASED:
        _apply(step(), notebook, resources)
    # What another connection has written is not seen before.
    gradebook.db.expire_all()


def _apply(step: preprocessors.NbGraderPreprocessor, notebook: nbformat.NotebookNode, resources: object) -> None:
    step.preprocess(notebook, resources)
    if hasattr(step, "gradebook"):
        step.gradebook.engine.dispose()


def _save(
    gradebook: Gradebook, url: str, result: SubmissionResult, assignment: LoadedAssignment, config: Any
) -> list[str]:
    name, student = result.assignment, _student(result)
    gradebook.update_or_create_student(student)
    with gradebook.db.no_autoflush:
        time = {"timestamp": result.submission.submitted_at} if result.submission.submitted_at else {}
        earlier, awaited = _before(gradebook, name, student)
        submission = gradebook.update_or_create_submission(name, student, **time)
    is_new = submission.timestamp != earlier
    for question in result.questions:
        cell = layout.grade_id(question.id)
        grade = gradebook.find_grade(cell, name, name, student)
        _put(grade, question, is_new=is_new, awaited=cell in awaited)
    save_comments(gradebook, name, student, source.comments(assignment, seen_by(result, Audience.STUDENT)))
    gradebook.db.commit()
    return _penalise(gradebook, url, submission, config)


def _student(result: SubmissionResult) -> str:
    """As nbgrader spells the student, whose folders may have names that are no ids of ours."""
    return result.submission.name or result.submission.id


def _before(gradebook: Gradebook, assignment: str, student: str) -> tuple[object, set[str]]:
    """When the submission that the gradebook has was made, and its cells that a person has yet to mark."""
    try:
        submission = gradebook.find_submission(assignment, student)
    except MissingEntry:
        return None, set()
    grades = [grade for notebook in submission.notebooks for grade in notebook.grades]
    unmarked = {grade.name for grade in grades if grade.needs_manual_grade and grade.manual_score is None}
    return submission.timestamp, unmarked


def _put(grade: Grade, question: QuestionResult, *, is_new: bool, awaited: bool) -> None:
    """Save an automatic score; a person's mark stays, and is asked to be looked at where what it judged changed.

    Args:
        awaited: A person was to mark what nbgrader holds. That stays so, even where we see no answer.
    """
    before = grade.auto_score
    if question.manual and not question.answer and awaited:
        return
    if question.manual:
        # As nbgrader has it: nobody need mark what nobody wrote.
        grade.auto_score = None if question.answer else 0.0
    else:
        grade.auto_score = question.score
    if grade.manual_score is not None:
        grade.needs_manual_grade = grade.needs_manual_grade or is_new or before != grade.auto_score
    else:
        grade.needs_manual_grade = grade.auto_score is None


def _configuration(folder: Path) -> Any:
    """What nbgrader is told in a folder; None where that is none of nbgrader's."""
    if not (folder / CONFIG).is_file():
        return None
    app = NbGrader()
    app.load_config_file()
    return app.config


def _penalise(gradebook: Gradebook, url: str, submission: SubmittedAssignment, config: Any) -> list[str]:
    """Apply nbgrader's own policy to a late submission."""
    if config is None:
        late = submission.total_seconds_late > 0
        who = f"{one_line(submission.student_id)}, {submission.assignment.name}"
        return [f"{who}: late, and no {CONFIG} here says what that costs; the penalty is left as it was."] * late
    name = submission.assignment.name
    about = {"notebook": name, "assignment": name, "student": submission.student_id, "db_url": url}
    step = preprocessors.AssignLatePenalties(config=config)
    _apply(step, nbformat.v4.new_notebook(), {"nbgrader": about})
    return []


def with_marks(given: str, results: Iterable[SubmissionResult]) -> list[SubmissionResult]:
    """The results with what people gave in the gradebook: marks, changed scores, extra credit, comments, penalties.

    A written question counts, in the score and in what can be had, once it is marked.

    Raises:
        UsageError: The database cannot be opened.
    """
    with opened(database_url(given)) as gradebook:
        return [_with_marks(gradebook, result) for result in results]


def _with_marks(gradebook: Gradebook, result: SubmissionResult) -> SubmissionResult:
    try:
        submission = gradebook.find_submission(result.assignment, _student(result))
    except MissingEntry:
        return result
    notebook = next(iter(submission.notebooks), None)
    if notebook is None or result.score is None:
        return result
    grades = {grade.name: grade for grade in notebook.grades}
    comments = {comment.name: comment.manual_comment for comment in notebook.comments}
    notes: list[str] = []
    questions = [
        _marked(question, grades.get(layout.grade_id(question.id)), comments, notes) for question in result.questions
    ]
    answers = {layout.grade_id(question.id) for question in result.questions}
    for name, text in sorted(comments.items()):
        if text and name not in answers:
            notes.append(f"Your instructor on {name.removeprefix(layout.solution_id(''))}: {text}")
    counted = [question for question in questions if question.score is not None]
    return replace(
        result,
        questions=tuple(questions),
        notes=(*result.notes, *notes),
        score=round(sum(question.score or 0.0 for question in counted), scoring.DIGITS),
        max_score=round(sum(one.max_score for one in counted if not one.extra), scoring.DIGITS),
        late=_late(submission) or result.late,
    )


def _late(submission: SubmittedAssignment) -> Late | None:
    """How the submission stands to nbgrader's deadline, and what nbgrader's policy took off."""
    due = submission.duedate
    if due is None or submission.timestamp is None:
        return None
    return Late(
        due_at=due.strftime("%Y-%m-%dT%H:%M:%SZ"),
        late_s=round(submission.total_seconds_late),
        extended=bool(submission.extension),
        deducted=min(float(submission.late_submission_penalty or 0.0), max(0.0, float(submission.score))),
    )


def _marked(
    question: QuestionResult, grade: Grade | None, comments: dict[str, str | None], notes: list[str]
) -> QuestionResult:
    if grade is None:
        return question
    question = replace(question, comment=comments.get(grade.name) or None)
    if question.manual:
        marked = grade.manual_score is not None or grade.auto_score is not None
        return replace(question, score=float(grade.score)) if marked else question
    if grade.manual_score is None and not grade.extra_credit:
        return question
    # nbgrader's own sum has the automatic score of the day when it was saved.
    automatic = question.score or 0.0
    given = float(grade.score) if grade.manual_score is not None else automatic + float(grade.extra_credit)
    notes.append(
        f"{question.id}: a person gave {points(given)} points; the checks alone gave {points(question.score)}."
    )
    return replace(question, score=given)
