"""The kill matrix: proof that every question tells right answers from wrong ones.

The model solution, every alternative, the bare stub, trivial answers and every misconception are graded through
the same sandbox and the same checks as a student's file; then it is held against what must be true of each.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

import msgspec

from grader import catalog, grading, variants
from grader.catalog import LoadedAssignment
from grader.errors import GraderError, UsageError
from grader.examples import record_question
from grader.grading import Progress
from grader.model import Outcome, QuestionResult, Submission, SubmissionResult
from grader.question import Question
from grader.release import stub_of
from grader.scoring import DIGITS
from grader.settings import Settings
from grader.syntax import defined_names
from grader.task import Task
from grader.variants import GENERIC, StandIn

SECRET = hashlib.sha256(b"validate").digest()
"""Validation draws the same inputs every time; a course draws its own."""


MIN_ALTERNATIVES = 2
"""Correct solutions, besides the model's, that a question must be shown to accept."""


_FOUND_BY = {mistake.name: mistake.found_by for mistake in GENERIC}


class AlternativeReport(msgspec.Struct, frozen=True, kw_only=True):
    """Another correct solution."""

    name: str
    score: float | None


class MisconceptionReport(msgspec.Struct, frozen=True, kw_only=True):
    """A wrong answer: does it lose points, and is it recognised?"""

    name: str
    kind: str
    score: float | None
    caught: bool
    diagnosed: bool
    diagnosed_as: tuple[str, ...]


class CheckReport(msgspec.Struct, frozen=True, kw_only=True):
    """How many wrong or trivial answers a check fails."""

    name: str
    caught_by_count: int


class QuestionReport(msgspec.Struct, frozen=True, kw_only=True):
    """One question of the kill matrix."""

    id: str
    kind: str
    """auto or written."""
    max_score: float
    solution_score: float | None = None
    stub_score: float | None = None
    trivial_score: float | None = None
    """The best of all trivial answers."""
    trivial_reason: str | None = None
    alternatives: tuple[AlternativeReport, ...] = ()
    misconceptions: tuple[MisconceptionReport, ...] = ()
    checks: tuple[CheckReport, ...] = ()
    problems: tuple[str, ...] = ()
    """What must be mended, one sentence each."""


class AssignmentReport(msgspec.Struct, frozen=True, kw_only=True):
    """One assignment of the kill matrix."""

    name: str
    questions: tuple[QuestionReport, ...]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What `grader validate --json` prints."""

    ok: bool
    assignments: tuple[AssignmentReport, ...]


@dataclass(frozen=True, kw_only=True)
class _Trial:
    """One stand-in, to be graded on one question."""

    question: Question
    stand_in: StandIn
    task: Task


def validate(settings: Settings, names: Sequence[str], progress: Progress, *, ids: Collection[str] = ()) -> Report:
    """Grade everything that has a known outcome, and say what came out otherwise.

    Args:
        settings: As for grading; nothing is stored.
        names: Assignments; all of the course where it is empty.
        progress: Is told how many stand-ins are graded.
        ids: Questions; all of these assignments where it is empty.

    Raises:
        UsageError: Where there is no such assignment or question.
        SandboxError: Where this machine cannot confine workers.
        GraderError: Where a question file is broken.
    """
    loaded = [catalog.load(settings.course, name) for name in names or catalog.names(settings.course)]
    chosen = [_chosen(assignment, ids) for assignment in loaded]
    there = {question.id for questions in chosen for question in questions}
    if missing := sorted(set(ids) - there):
        raise UsageError(f"There is no automatic question {', '.join(missing)} in {', '.join(a.name for a in loaded)}.")
    for assignment, questions in zip(loaded, chosen, strict=True):
        for question in questions:
            _require_both_answers(assignment, question)
    trials = [
        trial
        for assignment, questions in zip(loaded, chosen, strict=True)
        for question in questions
        for trial in _trials(assignment, question)
    ]
    results: dict[str, SubmissionResult] = {}
    progress(0, len(trials))

    def sink(task: Task, result: SubmissionResult) -> None:
        results[task.key] = result
        progress(len(results), len(trials))

    # Points that are carried forward are the more generous policy; not even with it may nothing earn something.
    plan = replace(grading.plan_of(settings, SECRET), carry=True)
    grading.run(settings, plan, [trial.task for trial in trials], sink)
    reports = tuple(
        _assignment_report(assignment, questions, trials, results, written=not ids)
        for assignment, questions in zip(loaded, chosen, strict=True)
        if questions or not ids
    )
    return Report(ok=not any(q.problems for report in reports for q in report.questions), assignments=reports)


def _require_both_answers(assignment: LoadedAssignment, question: Question) -> None:
    """Without an oracle and a model solution of each function, whatever stands in fails for no reason of its own."""
    if missing := [name for name in question.functions if name not in question.oracles]:
        raise GraderError(f"{question.id} has no oracle of {', '.join(missing)}; declare it with @question.oracle")
    if not assignment.solution.is_file():
        raise GraderError(f"the model solution is missing: {assignment.solution}")
    if missing := sorted(set(question.functions) - defined_names(assignment.solution_source)):
        raise GraderError(f"{question.id} asks for {', '.join(missing)}, which {assignment.solution} does not define")


def _chosen(assignment: LoadedAssignment, ids: Collection[str]) -> list[Question]:
    return [question for question in assignment.questions if not ids or question.id in ids]


def _trials(assignment: LoadedAssignment, question: Question) -> Iterator[_Trial]:
    for stand_in in [
        StandIn(name="solution", kind="solution", source=assignment.solution_source),
        StandIn(
            name="stub", kind="stub", source=stub_of(assignment.solution_source, filename=assignment.solution.name)
        ),
        *variants.alternatives(assignment, question),
        *variants.trivial_answers(assignment, question),
        *variants.misconceptions(assignment, question),
    ]:
        yield _trial(assignment, question, stand_in)
    for earlier in assignment.questions if question.composed_oracles else ():
        if earlier is not question and earlier.id in question.builds_on:
            for stand_in in variants.trivial_on_trivial(assignment, question, earlier):
                yield _trial(assignment, question, stand_in, earlier)


def _trial(
    assignment: LoadedAssignment, question: Question, stand_in: StandIn, earlier: Question | None = None
) -> _Trial:
    ids = (question.id,) if earlier is None else (earlier.id, question.id)
    name = f"{'.'.join(ids)}.{stand_in.kind}.{stand_in.name}"
    submission = Submission(
        id=name,
        assignment=assignment.name,
        source=stand_in.source,
        sha256=hashlib.sha256(stand_in.source.encode()).hexdigest(),
        filename=f"{assignment.name}.py",
    )
    task = Task(submission=submission, device="cpu", key=name, questions=ids)
    return _Trial(question=question, stand_in=stand_in, task=task)


def _assignment_report(
    assignment: LoadedAssignment,
    questions: Sequence[Question],
    trials: Sequence[_Trial],
    results: dict[str, SubmissionResult],
    *,
    written: bool,
) -> AssignmentReport:
    reports = []
    for question in questions:
        mine = [trial for trial in trials if trial.question is question]
        graded = [(trial.stand_in, results[trial.task.key].questions[-1]) for trial in mine]
        for stand_in, result in graded:
            if result.outcome is Outcome.ERROR:
                fault = next(check.staff for check in result.checks if check.outcome is Outcome.ERROR)
                raise GraderError(f"{question.id} cannot grade {stand_in.kind} {stand_in.name}: {fault}")
        reports.append(_question_report(question, graded))
    by_hand = [QuestionReport(id=one.id, kind="written", max_score=one.points) for one in assignment.written if written]
    return AssignmentReport(name=assignment.name, questions=(*reports, *by_hand))


Graded = Sequence[tuple[StandIn, QuestionResult]]


def _question_report(question: Question, graded: Graded) -> QuestionReport:
    scores = {stand_in.name: result.score for stand_in, result in graded if stand_in.kind in ("solution", "stub")}
    wrong = [(one, result) for one, result in graded if one.kind in ("listed", "generic")]
    trivial = [(one, result) for one, result in graded if one.kind == "trivial"]
    failed = Counter(
        check.name for _, result in (*wrong, *trivial) for check in result.checks if check.outcome is Outcome.FAILED
    )
    report = QuestionReport(
        id=question.id,
        kind="auto",
        max_score=round(question.points, DIGITS),
        solution_score=scores["solution"],
        stub_score=scores["stub"],
        trivial_score=max((result.score or 0.0 for _, result in trivial), default=None),
        trivial_reason=" ".join(question.exempt[one.name] for one, _ in trivial if one.name in question.exempt) or None,
        alternatives=tuple(
            AlternativeReport(name=one.name, score=result.score) for one, result in graded if one.kind == "alternative"
        ),
        misconceptions=tuple(_misconception_report(one, result, wrong) for one, result in wrong),
        checks=tuple(CheckReport(name=check.name, caught_by_count=failed[check.name]) for check in question.checks),
    )
    return msgspec.structs.replace(report, problems=(*_undefined(graded), *_problems(report, trivial, question)))


def _misconception_report(stand_in: StandIn, result: QuestionResult, wrong: Graded) -> MisconceptionReport:
    names = tuple(result.misconception.split(" / ")) if result.misconception else ()
    same_class = {one.name for one, _ in wrong if one.sentence == stand_in.sentence}
    return MisconceptionReport(
        name=stand_in.name,
        kind=stand_in.kind,
        score=result.score,
        caught=result.score is not None and result.score < result.max_score,
        diagnosed=bool(names) and set(names) <= same_class,
        diagnosed_as=names,
    )


def _undefined(graded: Graded) -> Iterator[str]:
    """What is caught because it cannot run, and would never be recognised."""
    for stand_in, _ in graded:
        if stand_in.kind in ("listed", "alternative", "trivial") and (names := stand_in.undefined_names()):
            yield f"{stand_in.name} uses {', '.join(names)}, which the model solution's module does not define."


def _problems(report: QuestionReport, trivial: Graded, question: Question) -> Iterator[str]:
    full = report.max_score
    if report.solution_score != full:
        yield f"the model solution gets {report.solution_score} of {full:g}."
    for alternative in report.alternatives:
        if alternative.score != full:
            yield f"the correct alternative {alternative.name} gets {alternative.score} of {full:g}."
    if len(report.alternatives) < MIN_ALTERNATIVES:
        yield f"there are {len(report.alternatives)} alternative solutions; at least {MIN_ALTERNATIVES} are wanted."
    if report.stub_score != 0:
        yield f"the bare stub gets {report.stub_score}."
    if not trivial:
        yield "no answer without content is declared; add one with @question.trivial_answer."
    for stand_in, result in trivial:
        if result.score and stand_in.name not in question.exempt:
            yield f"the trivial answer {stand_in.name} gets {result.score}."
    for misconception in report.misconceptions:
        if not misconception.caught and misconception.kind == "generic":
            yield (
                f"the generic mistake {misconception.name} keeps full marks; {_FOUND_BY[misconception.name]} makes a "
                "check that finds it, and exempt= says why a question needs none."
            )
        elif not misconception.caught:
            yield f"the misconception {misconception.name} keeps full marks."
        if misconception.diagnosed_as and not misconception.diagnosed:
            yield f"the misconception {misconception.name} is taken for {', '.join(misconception.diagnosed_as)}."
    for check in report.checks:
        if check.caught_by_count == 0:
            yield f"the check {check.name} cannot fail: no misconception and no trivial answer fails it."
    yield from _unfit_inputs(question)


def _unfit_inputs(question: Question) -> Iterator[str]:
    """What the oracle itself fails; a class is graded without such inputs."""
    for recording in record_question(question, SECRET):
        if recording.unfit:
            count = len(recording.unfit) + len(recording.examples)
            yield f"{len(recording.unfit)} of {count} inputs are left out; the first one because {recording.unfit[0]}"
