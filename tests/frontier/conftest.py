"""The project's own pieces, for tests of what is built around them."""

from __future__ import annotations

from pathlib import Path

from grader.frontier import models, plan
from grader.frontier.models import _work
from grader.frontier.models._base import Pieces
from grader.frontier.records import PROJECT

COURSE = Path(__file__).parents[2]


def project_pieces(model: str) -> Pieces:
    """All that a model needs."""
    sources = plan.project_sources(COURSE, plan.assignments([model]))
    uses = dict.fromkeys(models.find(model).PIECES, PROJECT)
    return _work.pieces_of({f"{PROJECT} {name}": text for name, text in sources.items()}, uses)
