"""Training under a budget of processor time, the same for every model."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from grader.frontier import models
from grader.frontier.models._base import Model
from grader.frontier.models._space import Space

LOOKS = 20
"""How often the loss on held-back data is looked at."""


class NotFiniteError(Exception):
    """Training ended in numbers that are none."""


def clock(device: str) -> Callable[[], float]:
    """Seconds of work: of this process's processors, or of the wall where another device works."""
    if torch.device(device).type == "cpu":
        return time.process_time

    def waited() -> float:
        torch.cuda.synchronize()
        return time.perf_counter()

    return waited


def make(name: str, pieces: Mapping[str, Callable[..., Any]], space: Space, fit: Tensor, seed: int) -> Model:
    """A fresh model; torch's global generator, which initialises layers, is afterwards what it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return models.find(name)(pieces, space, fit)


def train(
    model: Model,
    fit: Tensor,
    held_back: Tensor,
    *,
    budget_s: float,
    seed: int,
    now: Callable[[], float] | None = None,
) -> dict[str, float]:
    """Train until the budget is spent, and say how it went.

    Args:
        model: Trained in place.
        fit: Training data, [n, dim]: points of cells, of which each batch sees others.
        held_back: Data that choose between states, [m, dim].
        budget_s: Seconds, `held_back` included.
        seed: Of the order of data and of all noise.
        now: What counts seconds, where it is not `clock`.

    Raises:
        NotFiniteError: Where the state or the loss is not finite.
    """
    generator = torch.Generator(fit.device).manual_seed(seed)
    cells = model.space.cells(fit)
    now = now or clock(str(fit.device))
    start, steps, looked, best, kept = now(), 0, 0, math.inf, model.state()
    while (spent := (now() - start) / budget_s) < 1:
        model.progress = spent
        _slow_down(model, spent)
        rows = torch.randint(len(fit), (model.BATCH,), generator=generator, device=fit.device)
        # A new point of the same cell each time: a density on the cells is all that the data can teach.
        model.step(model.space.within(cells[rows], generator), generator)
        steps += 1
        if model.SELECTS and spent * LOOKS >= looked:
            looked += 1
            loss = _held_back_loss(model, held_back, seed)
            if loss < best:
                best, kept = loss, model.state()
    model.progress = 1.0
    if model.SELECTS:
        model.load(kept)
    if not all(bool(torch.isfinite(tensor).all()) for tensor in model.state().values()) or best != best:
        raise NotFiniteError("training ended in numbers that are not finite")
    return {"steps": float(steps), "seconds": now() - start}


def _slow_down(model: Model, spent: float) -> None:
    for optimizer in model.optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group.setdefault("initial_lr", group["lr"]) * (0.02 + 0.98 * math.cos(math.pi / 2 * spent))


def _held_back_loss(model: Model, y: Tensor, seed: int) -> float:
    generator = torch.Generator(y.device).manual_seed(seed)
    with torch.no_grad():
        return float(model.loss(y, generator))
