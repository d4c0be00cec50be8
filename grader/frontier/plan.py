"""Whose pieces each model is made of: the student's where they pass a quick test, else the project's, else nobody's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from grader.errors import SubmissionError, UnreadableError
from grader.frontier import models
from grader.frontier.models import _fits
from grader.frontier.records import PROJECT, STUDENT, Job
from grader.selfcheck import most_finished
from grader.sources import largest, read_bytes, read_module

FITS = "fits"
"""The pieces of kl.5 and kl.6, beside the models."""


_ABSENT = "there is no such file"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What one model is made of."""

    uses: Mapping[str, str]
    """Whose each piece is; empty where the model cannot be made."""
    notes: tuple[str, ...]
    """Why a piece is not the student's."""

    @property
    def has_student(self) -> bool:
        """Whether a student's code takes part."""
        return STUDENT in self.uses.values()


def pieces_of(model: str) -> tuple[str, ...]:
    """What a model, or the fits, need."""
    return _fits.PIECES if model == FITS else models.find(model).PIECES


def assignments(names: Sequence[str]) -> list[str]:
    """The assignments that models take pieces from."""
    return sorted({piece.partition(".")[0] for name in names for piece in pieces_of(name)})


def student_sources(folder: Path, wanted: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """The student's modules in a folder, by assignment, and what could not be read."""
    sources, problems = {}, []
    for name in wanted:
        places = (folder, folder / name, folder / "assignments" / name)
        path = most_finished(place / f"{name}{suffix}" for place in places for suffix in (".py", ".ipynb"))
        if path is None:
            continue
        try:
            sources[name] = read_module(path.name, read_bytes(path, largest(path.name))).source
        except (SubmissionError, UnreadableError) as error:
            problems.append(f"{path.name}: {error}")
    return sources, problems


def project_sources(course: Path, wanted: Sequence[str]) -> dict[str, str]:
    """The project's own modules: in a checkout; nothing of them is ever installed or handed out."""
    paths = {name: course / "solutions" / name / f"{name}.py" for name in wanted}
    return {name: path.read_text(encoding="utf-8") for name, path in paths.items() if path.is_file()}


def decided(
    model: str, problems: Mapping[str, str], project: Mapping[str, str], *, mixing: bool, refused: str = ""
) -> Plan:
    """Whose pieces a model gets.

    Args:
        model: Its name.
        problems: What is wrong with each of the student's pieces, empty where nothing is; a piece that is not there
            does not occur.
        project: The project's sources, by assignment.
        mixing: Whether one model may have pieces of both. Not in a sandbox, which the project's never enter.
        refused: Why the student's pieces are not to be used for this model, where they are not.
    """
    bad = {piece: problems.get(piece, _ABSENT) for piece in pieces_of(model)}
    bad = {piece: problem for piece, problem in bad.items() if problem}
    absent = dict.fromkeys(piece.partition(".")[0] for piece, problem in bad.items() if problem is _ABSENT)
    notes = [f"there is no {name}.py or {name}.ipynb" for name in absent]
    notes += [f"{piece}: {problem}" for piece, problem in bad.items() if problem is not _ABSENT]
    if refused:
        notes.append(refused)
    alone = bool(refused) or (bool(bad) and not mixing)
    uses = {piece: PROJECT if alone or piece in bad else STUDENT for piece in pieces_of(model)}
    # What a sandbox sends back is judged with the project's pieces, so these are needed in any case.
    needed = [piece for piece, whose in uses.items() if whose == PROJECT or not mixing]
    lacking = [piece for piece in needed if piece.partition(".")[0] not in project]
    if lacking and not mixing:
        notes.append(f"the course has no solution of {', '.join(sorted({p.partition('.')[0] for p in lacking}))}")
    return Plan(uses={} if lacking else uses, notes=tuple(notes))


def job_of(model: str, data: str, plan: Plan, student: Mapping[str, str], project: Mapping[str, str], base: Job) -> Job:
    """The work that a plan asks for: with no more sources than it uses."""
    confined = base.sandbox if plan.has_student else ""
    sources = {
        f"{whose} {assignment}": (student if whose == STUDENT else project)[assignment]
        for piece, whose in plan.uses.items()
        for assignment in [piece.partition(".")[0]]
    }
    if confined:
        # What comes back from the sandbox is evaluated with the course's pieces.
        needed = {piece.partition(".")[0] for piece in plan.uses}
        sources |= {f"{PROJECT} {name}": project[name] for name in needed if name in project}
    return Job(
        kind="fits" if model == FITS else "model",
        model="" if model == FITS else model,
        data=data,
        budget_s=0.0 if model == FITS else base.budget_s,
        seed=base.seed,
        device=base.device,
        sources=dict(sorted(sources.items())),
        uses=plan.uses,
        sandbox=confined,
    )
