"""What runs where the pieces are: in a process of the student's own, or in a confined worker.

Pieces come as the text of modules. Nothing here reads a file.
"""

from __future__ import annotations

import hashlib
import linecache
import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from torch import Tensor

from grader.frontier.models import _fits, _probes, _training
from grader.frontier.models._space import Space

Sources = Mapping[str, str]
"""The text of each module by `whose assignment`, as `student elbo`."""

Uses = Mapping[str, str]
"""Whose each piece is, by the piece's name."""


def module_of(whose: str, assignment: str, source: str) -> ModuleType:
    """A module from its text, which runs here and now.

    Its name is no assignment's, so that it can hide no module, and tracebacks show its lines.
    """
    name = f"frontier_{whose}_{assignment}_{hashlib.sha256(source.encode()).hexdigest()[:12]}"
    filename = f"<{whose}>/{assignment}.py"
    if name not in sys.modules:
        module = ModuleType(name)
        module.__file__ = filename
        linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
        # Dataclasses look their module up while it is made.
        sys.modules[name] = module
        try:
            exec(compile(source, filename, "exec", dont_inherit=True), module.__dict__)
        except BaseException:
            del sys.modules[name]
            raise
    return sys.modules[name]


def found(sources: Sources, whose: str, piece: str) -> Callable[..., Any]:
    """One piece."""
    assignment, _, name = piece.partition(".")
    function: Callable[..., Any] = getattr(module_of(whose, assignment, sources[f"{whose} {assignment}"]), name)
    return function


def pieces_of(sources: Sources, uses: Uses) -> dict[str, Callable[..., Any]]:
    """All pieces of a model."""
    return {piece: found(sources, whose, piece) for piece, whose in uses.items()}


def probed(sources: Sources, uses: Uses) -> dict[str, str]:
    """What is wrong with each piece; empty where its quick test passes."""

    def finder(piece: str, whose: str) -> Callable[[], Callable[..., Any]]:
        return lambda: found(sources, whose, piece)

    return {piece: _probes.problem(piece, finder(piece, whose)) for piece, whose in uses.items()}


def trained(
    model: str,
    sources: Sources,
    uses: Uses,
    space: Mapping[str, Any],
    fit: Tensor,
    held_back: Tensor,
    budget_s: float,
    seed: int,
) -> tuple[dict[str, Tensor], dict[str, float]]:
    """A model's state after training, as plain tensors, and how training went."""
    fresh = _training.make(model, pieces_of(sources, uses), Space(**space), fit, seed)
    told = _training.train(fresh, fit, held_back, budget_s=budget_s, seed=seed)
    return fresh.state(), told


def fitted(sources: Sources, uses: Uses) -> dict[str, Tensor]:
    """The fits in both directions of the KL."""
    return _fits.fits(pieces_of(sources, uses))
