"""Submissions, from what stands on the disk: a file, a student's folder, or a class of either.

How a class may be laid out is said in `grader.layouts`; for each assignment a student's last attempt that holds it
counts. Nothing here runs or follows anything, no input stops a batch, and whatever is left out is said: in the
submission's notes, or through `say`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import msgspec

from grader.attempts import Attempt, File
from grader.errors import SubmissionError, UnreadableError, UsageError
from grader.handins import Handin, name_behind
from grader.intake import students_at
from grader.layouts import AUTO
from grader.model import Submission
from grader.notebooks import Module
from grader.roster import Roster
from grader.sources import read_module
from grader.syntax import defined_names
from grader.text import one_line

Assignments = Mapping[str, Sequence[str]]
"""The functions of each assignment, by its name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Candidate:
    """A file that may be a student's module."""

    path: str
    data: bytes
    assignment: str | None
    module: Module | None = None
    problem: str | None = None
    """Why there is no module."""
    fault: str | None = None
    """Why it could not be read, where that is not the student's fault."""


def collect(
    path: Path,
    *,
    assignments: Assignments,
    assignment: str | None = None,
    layout: str = AUTO,
    roster: Roster | None = None,
    follow: bool = True,
    say: Callable[[str], object] = lambda sentence: None,
) -> list[Submission]:
    """Every submission at a path, one for each student and assignment, in the order of their ids.

    Args:
        path: A .py or .ipynb file, an archive, a student's folder, or a class in any layout.
        assignments: What a submission can be for. A file is known by its name, else by the functions it defines.
        assignment: For files that neither tells; else the name of a folder above them, else the only assignment.
        layout: One of `grader.layouts`, where it is not to be recognised.
        roster: Who is in the class, and what systems call them.
        follow: Whether the path itself may be a link; see `students_at`.
        say: Takes a sentence for each thing that is no student's, and for each student who is unknown or missing.

    Raises:
        UsageError: There is nothing at the path, or it is one file and no one can tell which assignment it is for.
    """
    if assignment is not None and assignment not in assignments:
        raise UsageError(f"there is no assignment {assignment!r}; this course has {', '.join(assignments)}")
    names = frozenset(assignments)
    with students_at(path, names=names, layout=layout, roster=roster, follow=follow, say=say) as handins:
        found = [one for handin in handins for one in _submissions(handin, assignments, assignment)]
    if not found:
        raise UsageError(f"{one_line(str(path))} holds no submissions; expected .py, .ipynb or .zip files, or folders")
    if len(found) == 1 and not found[0].assignment and not found[0].fault:
        raise UsageError(f"{found[0].problem} Say --assignment {' or '.join(assignments)}.")
    return found


def collect_all(
    paths: Iterable[Path],
    *,
    assignments: Assignments,
    assignment: str | None = None,
    layout: str = AUTO,
    roster: Roster | None = None,
    say: Callable[[str], object] = lambda sentence: None,
) -> list[Submission]:
    """The submissions at several paths; see `collect`.

    Raises:
        UsageError: As `collect`, or where two paths hold the same student's work for the same assignment.
    """
    found: dict[tuple[str, str], Submission] = {}
    for path in paths:
        for one in collect(path, assignments=assignments, assignment=assignment, layout=layout, roster=roster, say=say):
            if (one.id, one.assignment) in found:
                what = f"{one_line(str(path))} holds another submission of {one.id} for {one.assignment or 'nothing'}"
                raise UsageError(f"{what}; grade the paths apart, each with its own --out")
            found[one.id, one.assignment] = one
    return list(found.values())


def _submissions(handin: Handin, assignments: Assignments, fallback: str | None) -> list[Submission]:
    """One submission for each assignment that a student handed in; one with a problem where there is none."""
    attempts = [(attempt, [_read(file, assignments) for file in attempt.files]) for attempt in handin.attempts()]
    last, candidates = attempts[-1]
    place = fallback or _told_by_place(handin, candidates, assignments)
    if len(candidates) == 1 and candidates[0].assignment is None:
        attempts[-1] = last, candidates = last, [replace(candidates[0], assignment=place)]
    names = sorted({one.assignment for _, candidates in attempts for one in candidates if one.assignment})
    found = [_latest(handin, attempts, name) for name in names]
    return found or [_unrecognised(handin, last, candidates, place or "", _notes(handin, last, attempts))]


def _latest(handin: Handin, attempts: list[tuple[Attempt, list[_Candidate]]], assignment: str) -> Submission:
    """The last attempt that holds the assignment."""
    # One that holds nothing known is an attempt at anything.
    own = [each for each in attempts if not any(one.assignment for one in each[1]) or _holds(each[1], assignment)]
    attempt, candidates = next(each for each in reversed(own) if _holds(each[1], assignment))
    one = _submission(handin, attempt, assignment, candidates, _notes(handin, attempt, own))
    # What cannot be read, in this attempt or one that may be later, may be what should count.
    place = next(number for number, each in enumerate(attempts) if each[0] is attempt)
    later = [each for number, each in enumerate(attempts) if number >= place or each[0].submitted_at is None]
    faults = [each.fault for _, read in later for each in read if each.fault and each.assignment in (None, assignment)]
    if not faults:
        return one
    nothing = hashlib.sha256(b"").hexdigest()
    return msgspec.structs.replace(one, source="", sha256=nothing, answers={}, problem=None, fault=faults[0])


def _holds(candidates: Iterable[_Candidate], assignment: str) -> bool:
    return any(one.assignment == assignment for one in candidates)


def _read(file: File, assignments: Assignments) -> _Candidate:
    stem = PurePosixPath(file.path).stem
    named = stem if stem in assignments else None
    data = b""
    try:
        data = file.content()
        module = read_module(file.path, data)
    except SubmissionError as error:
        return _Candidate(path=file.path, data=data, assignment=named, problem=f"{file.path}: {error}.")
    except UnreadableError as error:
        return _Candidate(path=file.path, data=data, assignment=named, fault=f"{file.path}: {error}.")
    told = named or _told_by_functions(module.source, assignments)
    return _Candidate(path=file.path, data=data, assignment=told, module=module)


def _told_by_functions(source: str, assignments: Assignments) -> str | None:
    """The assignment most of whose functions the module defines; None for none and for a tie."""
    defined = defined_names(source)
    counts = {name: len(defined.intersection(functions)) for name, functions in assignments.items()}
    most = max(counts.values(), default=0)
    best = [name for name, count in counts.items() if count == most]
    return best[0] if most and len(best) == 1 else None


def _told_by_place(handin: Handin, candidates: list[_Candidate], assignments: Assignments) -> str | None:
    """The only assignment that the names of a student's files and folders mention; else the only one there is."""
    words = "/".join([*handin.folders, handin.name, *(one.path for one in candidates)]).lower()
    mentioned = [name for name in assignments if re.search(rf"(?<![a-z0-9]){re.escape(name)}(?![a-z0-9])", words)]
    possible = mentioned or list(assignments)
    return possible[0] if len(possible) == 1 else None


def _submission(
    handin: Handin, attempt: Attempt, assignment: str, candidates: list[_Candidate], notes: tuple[str, ...]
) -> Submission:
    rivals = sorted((one for one in candidates if one.assignment == assignment), key=_preference)
    best, *others = rivals
    unknown = [one for one in candidates if one.assignment is None]
    module = best.module or Module(source="", answers={}, notes=())
    return Submission(
        id=handin.id,
        assignment=assignment,
        source=module.source,
        sha256=hashlib.sha256(best.data).hexdigest(),
        filename=best.path,
        submitted_at=attempt.submitted_at,
        notes=(
            *notes,
            *(f"{one.path} is for {assignment} too and was left out: {best.path} counts." for one in others),
            *(one.problem or one.fault or f"{one.path} was left out: it is no assignment's module." for one in unknown),
            *module.notes,
        ),
        problem=best.problem,
        answers=dict(module.answers),
        name=name_behind(handin.id, handin.name),
        commit=attempt.commit,
    )


def _preference(one: _Candidate) -> tuple[bool, int, bool, str]:
    """Of two files for one assignment, the one that can be read and is further from the stub comes first."""
    unfinished = one.module.source.count("raise NotImplementedError") if one.module else 0
    return one.module is None, unfinished, not one.path.endswith(".py"), one.path


def _unrecognised(
    handin: Handin, attempt: Attempt, candidates: list[_Candidate], assignment: str, notes: tuple[str, ...]
) -> Submission:
    """The submission of a student of whom nothing can be graded; `assignment` is empty where nothing tells it."""
    paths = ", ".join(one.path for one in candidates[:5])
    fault = next((one.fault for one in candidates if one.fault), None)
    problem: str | None
    if fault:
        problem = None
    elif len(candidates) == 1 and candidates[0].problem:
        problem = candidates[0].problem
    elif candidates:
        problem = f"No file is named after an assignment or defines its functions: there is {paths}."
    else:
        problem = f"There is no .py or .ipynb file in {one_line(handin.name)}."
    return Submission(
        id=handin.id,
        assignment=assignment,
        source="",
        sha256=hashlib.sha256(b"".join(one.data for one in candidates)).hexdigest(),
        filename=candidates[0].path if candidates else one_line(handin.name),
        submitted_at=attempt.submitted_at,
        notes=notes,
        problem=problem,
        fault=fault,
        name=name_behind(handin.id, handin.name),
        commit=attempt.commit,
    )


def _notes(handin: Handin, attempt: Attempt, attempts: Sequence[tuple[Attempt, object]]) -> tuple[str, ...]:
    number = next(number for number, (each, _) in enumerate(attempts, start=1) if each is attempt)
    which = f"Attempt {number} of {len(attempts)} counts{f', {attempt.name}' if attempt.name else ''}."
    return (*handin.notes, *([which] if len(attempts) > 1 else []), *attempt.notes)
