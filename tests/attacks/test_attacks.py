"""The corpus: every attack, in every place, achieves nothing. `world.py` judges, from outside the worker."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import torch

from grader.compare import assert_value
from grader.errors import CheckFailed
from grader.workers import Zygote
from tests.attacks.world import make_world
from tests.sandbox.places import CONTAINER, CONTAINER_AS_USER, Place
from tests.sandbox.student import attempt

HERE = Path(__file__).parent
FAMILIES = ("reading", "faking", "killing", "escaping")
RIGHT = torch.tensor(42.0, dtype=torch.float64)

ACCEPTED = {("guess_which_names_exist", place) for place in (CONTAINER, CONTAINER_AS_USER)}
"""What a place says that it does not protect from."""


def source_of(family: str) -> str:
    return (HERE / f"{family}.py").read_text()


def attacks_of(family: str) -> list[str]:
    """The functions of a family that take a world."""
    functions = [node for node in ast.parse(source_of(family)).body if isinstance(node, ast.FunctionDef)]
    return [function.name for function in functions if [argument.arg for argument in function.args.args] == ["world"]]


@pytest.mark.parametrize(
    ("family", "attack"), [(family, attack) for family in FAMILIES for attack in attacks_of(family)]
)
def test_achieves_nothing(place: Place, zygote: Zygote, family: str, attack: str) -> None:
    with zygote.spawn() as worker, make_world(zygote, worker) as world:
        outcome = attempt(worker, source_of(family), world.described(), function=attack, wall_s=4)
        damage = world.damage(outcome)
    with pytest.raises(CheckFailed):
        assert_value(outcome.answer, RIGHT)
    assert damage == (["learned which names exist"] if (attack, place) in ACCEPTED else [])


def test_the_corpus_is_as_large_as_it_claims() -> None:
    assert sum(len(attacks_of(family)) for family in FAMILIES) >= 100
