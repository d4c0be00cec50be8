"""What the class page shows, computed: a row a submission, the figures of each question, what went wrong how often."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from statistics import mean

from grader.files import file_stem
from grader.lateness import final_score
from grader.model import Outcome, QuestionResult, SubmissionResult
from grader.reports.figures import Standing, by_assignment, has_grader_error, points, questions_of, share, standing

COMMON = 8
"""How many of the most often failed checks a page names."""

_LEVELS = {Standing.MANUAL: "hm", Standing.OURS: "ho", Standing.NOT_RUN: "hn"}

Cell = tuple[str, str]
"""CSS class and text: `h0` to `h10` by share of the points, or what else the question stands for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One student on one device."""

    student: str
    href: str
    device: str
    cells: tuple[Cell, ...]
    total: Cell
    """What counts, lateness included."""
    deducted: float
    """Points that lateness took off it."""
    mark: str
    """`error`, `review` or nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionFigures:
    """How a class did on one question."""

    question: QuestionResult
    bins: tuple[int, ...]
    """Submissions without points, in nine steps between, and with full marks."""
    mean: float | None
    scored: int
    unscored: int
    answers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Students of whom the same is true: a misconception diagnosed, or a check failed."""

    question: str
    name: str
    sentence: str
    students: tuple[tuple[str, str], ...]
    """Ids and addresses of their pages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignmentView:
    """One tab of the class page."""

    name: str
    anchor: str
    max_score: float
    questions: tuple[QuestionFigures, ...]
    rows: tuple[Row, ...]
    misconceptions: tuple[Cluster, ...]
    failed: tuple[Cluster, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Every student's totals over all assignments."""

    assignments: tuple[tuple[str, float], ...]
    rows: tuple[Row, ...]


def href(student: str) -> str:
    """The address of a student's page, from the class page."""
    return f"students/{file_stem(student)}.html"


def assignment_views(results: Sequence[SubmissionResult]) -> list[AssignmentView]:
    """One view for each assignment."""
    return [_assignment_view(name, group) for name, group in by_assignment(results).items()]


def overview(results: Sequence[SubmissionResult]) -> Overview:
    """The totals of every student, a row for each device."""
    groups = by_assignment(results)
    maxima = tuple((name, max(result.max_score for result in group)) for name, group in groups.items())
    students: dict[tuple[str, str], dict[str, SubmissionResult]] = defaultdict(dict)
    for result in results:
        students[result.submission.id, result.device][result.assignment] = result
    rows = tuple(
        _overview_row(student, device, students[student, device], groups) for student, device in sorted(students)
    )
    return Overview(assignments=maxima, rows=rows)


def _assignment_view(name: str, results: Sequence[SubmissionResult]) -> AssignmentView:
    questions = questions_of(results)
    return AssignmentView(
        name=name,
        anchor=f"a-{file_stem(name)}",
        max_score=max(result.max_score for result in results),
        questions=tuple(_figures(question, results) for question in questions.values()),
        rows=tuple(_row(result, list(questions)) for result in results),
        misconceptions=tuple(_misconceptions(results)),
        failed=tuple(_failed_checks(results)[:COMMON]),
    )


def _row(result: SubmissionResult, question_ids: Sequence[str]) -> Row:
    found = {question.id: _cell(question) for question in result.questions}
    return Row(
        student=result.submission.id,
        href=href(result.submission.id),
        device=result.device,
        cells=tuple(found.get(question_id, ("", "")) for question_id in question_ids),
        total=_total([result]),
        deducted=_deducted([result]),
        mark=_mark([result]),
    )


def _overview_row(student: str, device: str, found: dict[str, SubmissionResult], assignments: Iterable[str]) -> Row:
    return Row(
        student=student,
        href=href(student),
        device=device,
        cells=tuple(_total([found[name]]) if name in found else ("", "") for name in assignments),
        total=_total(list(found.values())),
        deducted=_deducted(found.values()),
        mark=_mark(found.values()),
    )


def _cell(question: QuestionResult) -> Cell:
    level = _LEVELS.get(standing(question)) or _level(share(question.score, question.max_score))
    return level, points(question.score)


def _total(results: Sequence[SubmissionResult]) -> Cell:
    scores = [score for result in results if (score := final_score(result)) is not None]
    if len(scores) < len(results):
        return ("ho" if any(map(has_grader_error, results)) else "hn"), points(None)
    return _level(share(sum(scores), sum(result.max_score for result in results))), points(sum(scores))


def _deducted(results: Iterable[SubmissionResult]) -> float:
    return sum(result.late.deducted for result in results if result.late)


def _level(part: float | None) -> str:
    """Only nothing is level 0 and only full marks are level 10."""
    if part is None:
        return "hn"
    if part in (0.0, 1.0):
        return f"h{round(part * 10)}"
    return f"h{min(9, max(1, int(part * 10)))}"


def _mark(results: Iterable[SubmissionResult]) -> str:
    marks = {"error" if has_grader_error(result) else "review" if result.needs_review else "" for result in results}
    return "error" if "error" in marks else max(marks, default="")


def _figures(about: QuestionResult, results: Sequence[SubmissionResult]) -> QuestionFigures:
    found = [question for result in results for question in result.questions if question.id == about.id]
    shares = [part for question in found if (part := share(question.score, question.max_score)) is not None]
    bins = [0] * 11
    for part in shares:
        bins[int(_level(part)[1:])] += 1
    return QuestionFigures(
        question=about,
        bins=tuple(bins),
        mean=mean(shares) if shares else None,
        scored=len(shares),
        unscored=len(found) - len(shares),
        answers=sum(bool(question.answer) for question in found),
    )


def _misconceptions(results: Sequence[SubmissionResult]) -> list[Cluster]:
    who: dict[tuple[str, str, str], dict[str, None]] = defaultdict(dict)
    for result, question in _questions(results):
        if question.misconception is not None:
            who[question.id, question.misconception, question.hint or ""][result.submission.id] = None
    return _clusters(who)


def _failed_checks(results: Sequence[SubmissionResult]) -> list[Cluster]:
    who: dict[tuple[str, str, str], dict[str, None]] = defaultdict(dict)
    for result, question in _questions(results):
        for check in question.checks:
            if check.outcome is Outcome.FAILED:
                who[question.id, check.name, check.description][result.submission.id] = None
    return _clusters(who)


def _questions(results: Iterable[SubmissionResult]) -> Iterable[tuple[SubmissionResult, QuestionResult]]:
    return chain.from_iterable(((result, question) for question in result.questions) for result in results)


def _clusters(who: dict[tuple[str, str, str], dict[str, None]]) -> list[Cluster]:
    clusters = [
        Cluster(
            question=question,
            name=name,
            sentence=sentence,
            students=tuple((student, href(student)) for student in students),
        )
        for (question, name, sentence), students in who.items()
    ]
    return sorted(clusters, key=lambda cluster: (-len(cluster.students), cluster.question, cluster.name))
