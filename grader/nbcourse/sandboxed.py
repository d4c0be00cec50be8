"""What stands where nbgrader would execute a notebook: the file that was handed in, graded in our sandbox."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from msgspec.structs import replace
from nbformat.notebooknode import NotebookNode
from nbformat.v4 import new_markdown_cell, new_output
from nbgrader import utils
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import NbGraderPreprocessor

from grader import submissions
from grader.catalog import LoadedAssignment
from grader.errors import GraderError, UsageError
from grader.handins import name_behind, safe_id
from grader.model import Outcome, QuestionResult, Submission, SubmissionResult
from grader.nbcourse import layout, source
from grader.nbcourse.desk import desk_of
from grader.reports.audience import Audience, seen_by
from grader.times import utc_text

FOR_STAFF = {"grader": {"audience": "staff"}}
"""The metadata of a cell that students never see."""


class GradeInSandbox(NbGraderPreprocessor):
    """Writes each question's score into its test cell, as the one output that nbgrader reads a score from.

    Raises:
        GraderError: A fault of the grader, or a graded cell that is none of the course's. nbgrader then drops the
            submission before it saves any grade of it, and goes on with the next.
    """

    def preprocess(self, nb: NotebookNode, resources: Any) -> tuple[NotebookNode, Any]:
        """The notebook with scores, rubrics and notes; comments by cell go on as `resources["grader"]`."""
        name = resources["nbgrader"]["assignment"]
        coursedir = self.parent.parent.coursedir
        desk = desk_of(Path(coursedir.root))
        assignment = desk.assignment(name)
        submission = read_submission(coursedir, resources["nbgrader"], assignment)
        remove_copies_of_links(coursedir, resources["nbgrader"])
        result = desk.result(submission)
        _refuse_fault(result)
        shown = seen_by(result, Audience.STUDENT)
        _write_scores(nb, {layout.grade_id(question.id): question for question in shown.questions})
        _add_rubrics(nb, assignment)
        notes = layout.notes_text(submission.problem, shown.notes)
        if notes:
            nb.cells.insert(0, new_markdown_cell(source=notes, id="grader-notes"))
        resources["grader"] = source.comments(assignment, shown)
        return nb, resources


def read_submission(coursedir: CourseDirectory, about: Mapping[str, str], assignment: LoadedAssignment) -> Submission:
    """What the student handed in, read as `grader grade` reads it: not from nbgrader's copy.

    Raises:
        GraderError: The notebook is not the one that was released.
        UsageError: The folder is a link, through which a student might hand in a file of the instructor's.
    """
    if about["notebook"] != assignment.name:
        raise GraderError(f"expected the notebook {assignment.name}.ipynb, got {about['notebook']}.ipynb")
    folder = Path(coursedir.format_path(coursedir.submitted_directory, about["student"], about["assignment"]))
    linked = [one for one in (folder.parent, folder) if one.is_symlink()]
    if linked:
        raise UsageError(f"{linked[0]} is a symbolic link, and links are not followed; put the folder itself there")
    path, functions = folder / f"{about['notebook']}.ipynb", {assignment.name: assignment.functions}
    found = submissions.collect(path, assignments=functions, assignment=assignment.name, follow=False)
    student = safe_id(about["student"], set())
    time = coursedir.get_existing_timestamp(str(folder))
    return replace(
        found[0],
        id=student,
        name=name_behind(student, about["student"]),
        submitted_at=_time_text(time),
    )


def _time_text(time: datetime | None) -> str | None:
    """The time in a `timestamp.txt`, which a student can write; None for one that cannot be."""
    try:
        return utc_text(time) if time else None
    except ValueError:
        return None


def remove_copies_of_links(coursedir: CourseDirectory, about: Mapping[str, str]) -> None:
    """Take out of nbgrader's copy what a link of the student's led to: the feedback would hand it back."""
    steps = (coursedir.submitted_directory, coursedir.autograded_directory)
    folder, copies = (Path(coursedir.format_path(step, about["student"], about["assignment"])) for step in steps)
    for inside, _, names in os.walk(folder):
        for path in (Path(inside, name) for name in names):
            # Of notebooks, nbgrader writes its own.
            if path.is_symlink() and path.suffix != ".ipynb":
                (copies / path.relative_to(folder)).unlink(missing_ok=True)


def _refuse_fault(result: SubmissionResult) -> None:
    faults = [question.id for question in result.questions if question.outcome is Outcome.ERROR]
    if faults or result.score is None:
        raise GraderError(
            f"{result.assignment} of {result.submission.id} has no score for {', '.join(faults) or 'some question'}: "
            "the grader's own fault. Nothing of it is saved; autograde it again, and report it if that stays."
        )


def _write_scores(nb: NotebookNode, questions: Mapping[str, QuestionResult]) -> None:
    waiting = {name: question for name, question in questions.items() if not question.manual}
    for cell in nb.cells:
        if cell.cell_type != "code":
            continue
        cell.outputs, cell.execution_count = [], None
        if not utils.is_grade(cell) or utils.is_solution(cell):
            continue
        name = cell.metadata.nbgrader.grade_id
        if name not in waiting:
            raise GraderError(f"no question of the course is behind the test cell {name!r}; it cannot be graded")
        question = waiting.pop(name)
        if float(cell.metadata.nbgrader.points) != question.max_score:
            raise GraderError(
                f"{question.id} is worth {question.max_score:g} points and its cell says "
                f"{cell.metadata.nbgrader.points:g}; run `grader release --nbgrader` and `nbgrader "
                "generate_assignment --force` again"
            )
        texts = {"text/plain": layout.score_text(question), "text/html": layout.question_page(question)}
        cell.outputs = [new_output("execute_result", data=texts, execution_count=1)]
        cell.execution_count = 1
    if waiting:
        raise GraderError(f"the notebook has no test cell for {', '.join(waiting)}; release the assignment again")


def _add_rubrics(nb: NotebookNode, assignment: LoadedAssignment) -> None:
    """Each rubric stands right above the answer that it is for."""
    rubrics = {layout.grade_id(question.id): question for question in assignment.written}
    cells = []
    for cell in nb.cells:
        question = rubrics.get(cell.metadata.get("nbgrader", {}).get("grade_id"))
        if question is not None:
            name = f"rubric-{layout.grade_id(question.id)}"
            cells.append(new_markdown_cell(source=layout.rubric_text(question), metadata=FOR_STAFF, id=name))
        cells.append(cell)
    nb.cells = cells
