"""The whole experiment: what is current stays, what is not is done, and each record is kept as soon as it is there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from grader.errors import SandboxError, UsageError
from grader.frontier import data, models, plan
from grader.frontier.plan import FITS, Plan
from grader.frontier.processes import run_all
from grader.frontier.records import STUDENT, Document, Finding, Fit, Job, read, store
from grader.text import one_line

SEED = 20
NOT_RUN = "not run, as --only asks"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the command was told."""

    folder: Path
    """The student's."""
    out: Path
    course: Path
    """Where solutions may stand in from, if it is a checkout."""
    budget_s: float = 15.0
    only: tuple[str, ...] = ()
    """Models to train; all where it is empty."""
    on: tuple[str, ...] = ()
    """Data sets; all where it is empty."""
    device: str = "cpu"
    at_once: int = 1
    sandbox: str = ""
    """The profile to confine a student's code with; empty on the student's own machine."""


@dataclass(kw_only=True)
class Row:
    """One model on one data set, whether or not something was found."""

    model: str
    title: str
    data: str
    plan: Plan
    problem: str = ""
    """Why there is no finding."""
    finding: Finding | None = None
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)


@dataclass(kw_only=True)
class Outcome:
    """Everything that a report shows."""

    asked: Asked
    rows: list[Row]
    floors: dict[str, Finding]
    floor_arrays: dict[str, Mapping[str, NDArray[Any]]]
    fits: tuple[Fit, ...]
    fits_plan: Plan
    fits_problem: str
    problems: list[str]
    """Files of the student's that could not be read, and the like."""


class Run:
    """One run of the experiment.

    Args:
        asked: What to do.
        told: Called with how many jobs are done and how many there are.
    """

    def __init__(self, asked: Asked, told: Callable[[int, int], None]) -> None:
        self._asked, self._told = asked, told
        self._chosen = _chosen("--only", asked.only, models.names())
        self._data = _chosen("--data", asked.on, data.names())
        names = [*models.names(), FITS]
        wanted = plan.assignments(names)
        self._student, self._problems = plan.student_sources(asked.folder, wanted)
        self._project = plan.project_sources(asked.course, wanted)
        self._base = Job(kind="model", budget_s=asked.budget_s, seed=SEED, device=asked.device, sandbox=asked.sandbox)
        self._protected = [path for path in (asked.course, asked.folder, asked.out) if path.exists()]
        self._found: dict[str, tuple[Document, Mapping[str, NDArray[Any]]]] = {}
        self._plans: dict[tuple[str, str], Plan] = {}
        self._again: list[Job] = []

    def outcome(self) -> Outcome:
        """Do what is not done yet.

        Raises:
            SandboxError: This machine cannot confine a student's code.
            UsageError: There is nothing to run, or no such model.
        """
        if not self._student and not self._project:
            raise UsageError(
                f"no assignment in {self._asked.folder}: expected files such as elbo.py or elbo/elbo.py there"
            )
        passed = self._probed()
        jobs = [Job(kind="floor", data=name) for name in self._data]
        for model, where in self._all():
            self._plans[model, where] = made = plan.decided(model, passed, self._project, mixing=not self._confines)
            if made.uses:
                jobs.append(plan.job_of(model, where, made, self._student, self._project, self._base))
        self._do(jobs)
        return self._gathered()

    @property
    def _confines(self) -> bool:
        return bool(self._asked.sandbox)

    def _all(self) -> list[tuple[str, str]]:
        return [(FITS, ""), *((model, where) for where in self._data for model in models.names())]

    def _probed(self) -> dict[str, str]:
        """What is wrong with each of the student's pieces that are there."""
        uses = {
            piece: STUDENT
            for name in [*models.names(), FITS]
            for piece in plan.pieces_of(name)
            if piece.partition(".")[0] in self._student
        }
        if not uses:
            return {}
        sources = {f"{STUDENT} {name}": text for name, text in self._student.items()}
        job = Job(kind="probe", sources=sources, uses=uses, sandbox=self._asked.sandbox)
        ((_, document, _),) = run_all([job], 1, self._protected)
        if document.trouble is not None:
            self._raise_if_unsafe(document)
            self._problems.append(f"the quick test of your pieces: {document.trouble.message}")
            return dict.fromkeys(uses, document.trouble.message)
        return dict(document.problems)

    def _do(self, jobs: Sequence[Job]) -> None:
        due = []
        for job in jobs:
            current = self._current(job)
            if current is not None:
                self._found[job.name] = current
            elif job.kind != "model" or job.model in self._chosen:
                due.append(job)
        done, total = len(jobs) - len(due), len(jobs)
        self._told(done, total)
        for job, document, arrays in run_all(due, self._asked.at_once, self._protected, self._taken):
            self._raise_if_unsafe(document)
            if document.trouble is None:
                store(self._path(job), document, arrays)
            self._found[job.name] = document, arrays
            before = len(self._again)
            self._stand_in(job, document)
            done, total = done + 1, total + len(self._again) - before
            self._told(done, total)

    def _taken(self) -> list[Job]:
        taken, self._again = self._again, []
        return taken

    def _stand_in(self, job: Job, document: Document) -> None:
        """Where the student's pieces failed on the way, the project's take over, if they are here."""
        if document.trouble is None or STUDENT not in job.uses.values():
            return
        name = job.model or FITS
        refused = f"your pieces failed in training: {document.trouble.message}"
        made = plan.decided(name, {}, self._project, mixing=False, refused=refused)
        self._plans[name, job.data] = Plan(uses=made.uses, notes=(refused,))
        if made.uses:
            self._again.append(plan.job_of(name, job.data, made, self._student, self._project, self._base))

    def _current(self, job: Job) -> tuple[Document, Mapping[str, NDArray[Any]]] | None:
        path = self._path(job)
        if not path.is_file():
            return None
        try:
            document, arrays = read(path)
        except ValueError:
            # Somebody else's file, or an older program's: done again.
            return None
        return (document, arrays) if document.key == job.key else None

    def _path(self, job: Job) -> Path:
        return self._asked.out / "records" / f"{job.name}.npz"

    def _raise_if_unsafe(self, document: Document) -> None:
        if document.trouble is not None and document.trouble.kind == "sandbox":
            raise SandboxError(document.trouble.layer, document.trouble.message)

    def _gathered(self) -> Outcome:
        rows = [self._row(model, where) for model, where in self._all() if model != FITS]
        floors = {name: self._found[f"floor-{name}"] for name in self._data}
        fits, _ = self._found.get(FITS, (None, {}))
        fits_plan = self._plans[FITS, ""]
        return Outcome(
            asked=self._asked,
            rows=rows,
            floors={name: document.finding for name, (document, _) in floors.items() if document.finding},
            floor_arrays={name: arrays for name, (_, arrays) in floors.items()},
            fits=fits.fits if fits else (),
            fits_plan=fits_plan,
            fits_problem=_problem(fits, fits_plan, chosen=True),
            problems=self._problems,
        )

    def _row(self, model: str, where: str) -> Row:
        document, arrays = self._found.get(f"model-{where}-{model}", (None, {}))
        made = self._plans[model, where]
        return Row(
            model=model,
            title=models.find(model).TITLE,
            data=where,
            plan=made,
            problem=_problem(document, made, chosen=model in self._chosen),
            finding=document.finding if document else None,
            arrays=arrays,
        )


def forget(out: Path) -> None:
    """Remove all records, so that everything is done again."""
    for record in (out / "records").glob("*.npz"):
        record.unlink()


def _chosen(flag: str, asked: Sequence[str], known: tuple[str, ...]) -> tuple[str, ...]:
    unknown = set(asked) - set(known)
    if unknown:
        raise UsageError(f"{flag} takes {', '.join(known)}, not {one_line(min(unknown))}")
    return tuple(name for name in known if name in (asked or known))


def _problem(document: Document | None, made: Plan, *, chosen: bool) -> str:
    """Why there is nothing to show, in a sentence; empty where there is something."""
    if document is not None and document.trouble is None:
        return ""
    if not made.uses:
        return "; ".join(made.notes)
    if document is not None and document.trouble is not None:
        return document.trouble.message
    return "" if chosen else NOT_RUN
