"""One piece of the experiment in a process of its own: `python -m grader.frontier.job JOB RECORD [PROTECTED...]`.

JOB is a file with a `records.Job` as JSON; RECORD is where the record goes. Where the job names a sandbox, no code of
a student's runs in this process; otherwise it does, on the student's own machine.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray

from grader.errors import SandboxError, SubmissionError
from grader.frontier import data, evaluation, fits
from grader.frontier.models import _training, _work
from grader.frontier.models._base import Model
from grader.frontier.records import PROJECT, STUDENT, Document, Finding, Job, Trouble, store

Made = tuple[Document, dict[str, NDArray[Any]]]


def main(arguments: Sequence[str]) -> None:
    """Do the job and write its record, whatever the student's code does."""
    job_path, record_path, *protected = arguments
    # One core for each model: as much for all of them, and their networks are too small to share.
    torch.set_num_threads(1)
    job = msgspec.json.decode(Path(job_path).read_bytes(), type=Job)
    try:
        document, arrays = _done(job, [Path(path) for path in protected])
    except SandboxError as error:
        document, arrays = _trouble(job, "sandbox", str(error), error.layer), {}
    except SubmissionError as error:
        document, arrays = _trouble(job, STUDENT, str(error)), {}
    store(Path(record_path), document, arrays)


def _done(job: Job, protected: Sequence[Path]) -> Made:
    match job.kind:
        case "probe":
            return Document(key=job.key, problems=_probed(job, protected)), {}
        case "floor":
            finding, arrays = evaluation.floor(data.load(job.data))
            return Document(key=job.key, finding=finding), arrays
        case "fits":
            return _fits(job, protected), {}
        case "model":
            finding, arrays = _model(job, protected)
            return Document(key=job.key, finding=finding), arrays
        case _:
            raise ValueError(f"there is no kind of job {job.kind!r}")


def _probed(job: Job, protected: Sequence[Path]) -> dict[str, str]:
    if not job.sandbox:
        return _work.probed(job.sources, job.uses)
    # What a sandbox needs works on Linux alone.
    from grader.frontier import confined

    return confined.probed(job, protected)


def _model(job: Job, protected: Sequence[Path]) -> tuple[Finding, dict[str, NDArray[Any]]]:
    chosen = data.load(job.data)
    if job.sandbox:
        from grader.frontier import confined

        state, told = confined.trained(_of_student(job), chosen, protected)
        # Trained with the student's pieces, judged with the course's.
        model = _fresh(job, PROJECT, chosen)
        try:
            model.load(state)
        except ValueError as error:
            raise SubmissionError(str(error)) from error
        judged_by = PROJECT
    else:
        model, told = _trained_here(job, chosen)
        judged_by = STUDENT if STUDENT in job.uses.values() else PROJECT
    about = {"judged_by": judged_by, "confined": bool(job.sandbox)}
    try:
        return evaluation.evaluate(model, job.model, chosen, told, seed=job.seed + 1, uses=job.uses, **about)
    # Here it is ours where the course's pieces computed.
    except Exception as error:
        if judged_by == PROJECT:
            raise
        raise SubmissionError(_said(error)) from error


def _trained_here(job: Job, chosen: data.Data) -> tuple[Model, dict[str, float]]:
    fit, held_back = chosen.fit.to(job.device), chosen.held_back.to(job.device)
    try:
        pieces = _work.pieces_of(job.sources, job.uses)
        model = _training.make(job.model, pieces, chosen.space, fit, job.seed)
        told = _training.train(model, fit, held_back, budget_s=job.budget_s, seed=job.seed)
    except Exception as error:
        if STUDENT not in job.uses.values():
            raise
        raise SubmissionError(_said(error)) from error
    return model, told


def _fresh(job: Job, whose: str, chosen: data.Data) -> Model:
    pieces = _work.pieces_of(job.sources, dict.fromkeys(job.uses, whose))
    return _training.make(job.model, pieces, chosen.space, chosen.fit, job.seed)


def _of_student(job: Job) -> Job:
    """The same job with the student's sources alone, which is all that a worker may get."""
    sources = {key: source for key, source in job.sources.items() if key.startswith(f"{STUDENT} ")}
    return msgspec.structs.replace(job, sources=sources, uses=dict.fromkeys(job.uses, STUDENT))


def _fits(job: Job, protected: Sequence[Path]) -> Document:
    try:
        if job.sandbox:
            from grader.frontier import confined

            fitted = confined.fitted(_of_student(job), protected)
        else:
            fitted = _work.fitted(job.sources, job.uses)
        return Document(key=job.key, fits=fits.measured(fitted), fits_uses=job.uses)
    except (SandboxError, SubmissionError):
        raise
    except Exception as error:
        if STUDENT not in job.uses.values():
            raise
        raise SubmissionError(_said(error)) from error


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:300]


def _trouble(job: Job, kind: str, message: str, layer: str = "") -> Document:
    return Document(key=job.key, trouble=Trouble(kind=kind, message=message, layer=layer))


if __name__ == "__main__":
    np.seterr(all="ignore")
    main(sys.argv[1:])
