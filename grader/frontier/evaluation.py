"""What is measured of a trained model: its density of held-out data, what sampling costs, how good samples are."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from grader.frontier import modes
from grader.frontier.data import Data, quantised
from grader.frontier.measures import energy_distance, mean_of, told_apart
from grader.frontier.models._base import Evidence, Model
from grader.frontier.models._training import clock
from grader.frontier.records import EvidenceRow, Finding

Array = NDArray[np.float64]

SAMPLES = {"ring": 2000, "digits": 1000}
SHOWN = {"ring": 2000, "digits": 100}
"""Samples that are kept for pictures."""

MAX_ERRORS = 6.0
"""Standard errors by which a density may seem higher than the true one."""


def evaluate(
    model: Model, name: str, data: Data, told: Mapping[str, float], *, seed: int, uses: Mapping[str, str], **about: Any
) -> tuple[Finding, dict[str, NDArray[Any]]]:
    """One model on held-out data.

    Args:
        model: Trained.
        name: Of it.
        data: What it was trained on, and is tested on.
        told: How training went.
        seed: Of samples and of estimates.
        uses: Whose pieces it was trained with.
        about: `judged_by` and `confined`, for the finding.
    """
    device = str(next(model.nets.parameters()).device)
    generator = torch.Generator(device).manual_seed(seed)
    samples, calls, seconds = _sampled(model, data, generator)
    test = data.test.to(device)
    said = model.evidence(test, generator)
    densities = [each.log_density.double().cpu().numpy() for each in said]
    rows = tuple(_row(each, log_density, data) for each, log_density in zip(said, densities, strict=True))
    finite = bool(np.isfinite(samples).all())
    as_data, held_out = (quantised(data, some) for some in (samples, data.test.double().numpy()))
    coverage = modes.coverage(data, as_data) if finite else None
    failures = [*model.failures(test), *(coverage.sentences() if coverage else ["samples that are not finite"])]
    failures += [sentence for row in rows if (sentence := _impossible(row))]
    finding = Finding(
        model=name,
        title=model.TITLE,
        place=model.PLACE,
        data=data.name,
        uses=uses,
        steps=int(told["steps"]),
        train_s=told["seconds"],
        sampling_calls=calls,
        sampling_s=seconds * 1000 / SAMPLES[data.name],
        evidence=rows,
        no_likelihood="" if rows else model.NO_LIKELIHOOD,
        energy_distance=energy_distance(as_data, held_out) if finite else None,
        told_apart=told_apart(as_data, held_out) if finite else None,
        coverage=coverage,
        failures=tuple(failures),
        **about,
    )
    arrays = {f"log_density_{i}": each for i, each in enumerate(densities)}
    return finding, {**arrays, "samples": as_data[: SHOWN[data.name]].astype(np.float32)}


def floor(data: Data) -> tuple[Finding, dict[str, NDArray[Any]]]:
    """The data against themselves: what a model that made no mistake would measure."""
    fresh, held_out = (quantised(data, some.double().numpy()) for some in (data.fit, data.test))
    fresh = fresh[: SAMPLES[data.name]]
    finding = Finding(
        model="data",
        title="(the data)",
        place=0,
        data=data.name,
        uses={},
        judged_by="project",
        confined=False,
        steps=0,
        train_s=0.0,
        sampling_calls=0,
        sampling_s=0.0,
        evidence=_true_evidence(data),
        no_likelihood="" if data.entropy is not None else "nobody knows it",
        energy_distance=energy_distance(fresh, held_out),
        told_apart=told_apart(fresh, held_out),
        coverage=modes.coverage(data, fresh),
        failures=(),
    )
    return finding, {"samples": fresh[: SHOWN[data.name]].astype(np.float32)}


def _sampled(model: Model, data: Data, generator: torch.Generator) -> tuple[Array, int, float]:
    """Samples, the networks asked for them one after another, and seconds."""
    now = clock(str(generator.device))
    calls, start = model.calls, now()
    samples = model.sample(SAMPLES[data.name], generator)
    seconds = now() - start
    array: Array = samples.detach().double().cpu().numpy()
    return array, model.calls - calls, seconds


def _row(said: Evidence, log_density: Array, data: Data) -> EvidenceRow:
    per_dim = data.space.dim * math.log(2)
    excess = None
    if data.log_density is not None:
        excess = mean_of(data.log_density(data.test.double().numpy()) - log_density)
    return EvidenceRow(
        kind=said.kind,
        way=said.way,
        nats=mean_of(-log_density),
        bits_per_dim=mean_of(-log_density / per_dim),
        excess=excess,
        caveat=said.caveat,
    )


def _true_evidence(data: Data) -> tuple[EvidenceRow, ...]:
    if data.log_density is None:
        return ()
    log_density = torch.from_numpy(data.log_density(data.test.double().numpy()))
    true = Evidence(kind="exact", way="known", log_density=log_density)
    return (_row(true, log_density.numpy(), data),)


def _impossible(row: EvidenceRow) -> str:
    """Where a density of data is higher on average than their own, it is none."""
    if not math.isfinite(row.nats.value):
        return f"{row.way}: the log-density of held-out data is not finite"
    if row.excess is not None and row.excess.value < -MAX_ERRORS * row.excess.error:
        return f"{row.way}: higher than the true density, so it does not integrate to 1 or is no bound"
    return ""
