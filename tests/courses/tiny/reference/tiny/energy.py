"""tiny.1: the energy of a point, with one check at every feedback level."""

from __future__ import annotations

import hypothesis.strategies as st
import torch
from hypothesis import given
from hypothesis.strategies import SearchStrategy
from torch import Tensor

from grader.compare import assert_value, expect
from grader.model import Feedback
from grader.question import Question
from grader.remote import Student
from grader.standard import (
    Arguments,
    arguments,
    avoids_forbidden_names,
    gradients_match,
    keeps_generators,
    leaves_inputs_unchanged,
    matches_oracle,
    runs_on_other_devices,
)
from grader.strategies import Numbers, numbers, shapes

question = Question(
    id="tiny.1",
    functions=["energy"],
    title="Half the squared length",
    forbidden=["torch.linalg.norm"],
    exempt={
        "float32_inside": "There is no precision check.",
        "wrong_dtype": "The value check finds it.",
        "fails_on_empty": "There is no empty batch.",
        "fails_on_noncontiguous": "There is no check of layouts.",
        "loops_over_batch": "There is no count of operators.",
    },
)


@question.oracle
def energy(x: Tensor, scale: float) -> Tensor:
    """scale/2 sum_d x_d^2; x is [*batch, event], the result is [*batch]."""
    return 0.5 * scale * x.square().sum(-1)


@st.composite
def points(draw: st.DrawFn) -> Arguments:
    """Arguments (x, scale)."""
    source: Numbers = draw(numbers())
    shape = draw(shapes(batch_shapes=((), (3,)), event_sizes=(2, 5)))
    return arguments(source.normal(shape), draw(st.sampled_from((2.0, 3.0, 5.0))))


def some() -> SearchStrategy[Arguments]:
    return points()


check_values = question.check("value", points=4)(matches_oracle(energy, some()))

question.check("gradient", points=2)(gradients_match(energy, some()))


@question.check("law", points=1, feedback=Feedback.VERDICT)
@given(inputs=points())
def check_is_even(student: Student, inputs: Arguments) -> None:
    """A point has the energy of the opposite point."""
    x, scale = inputs.args
    here = student.energy(x, scale)
    expect(here > 0, "an energy that should be positive is not.")
    assert_value(student.energy(-x, scale), here)


@question.check("law", points=1, feedback=Feedback.CATEGORY)
@given(inputs=points())
def check_grows_fourfold(student: Student, inputs: Arguments) -> None:
    """Twice the point has four times the energy."""
    x, scale = inputs.args
    here = student.energy(x, scale)
    expect(here > 0, "an energy that should be positive is not.")
    assert_value(student.energy(2 * x, scale), 4 * here)


@question.check("law", points=0.5, feedback=Feedback.NONE)
@given(inputs=points())
def check_does_not_depend_on_order(student: Student, inputs: Arguments) -> None:
    """The order of the coordinates does not matter."""
    x, scale = inputs.args
    here = student.energy(x, scale)
    expect(here > 0, "an energy that should be positive is not.")
    assert_value(student.energy(x.flip(-1), scale), here)


@question.check("stress", points=0.5, feedback=Feedback.FULL)
@given(size=st.sampled_from((1e3, 1e100)))
def check_handles_large_points(student: Student, size: float) -> None:
    """Is right far from the origin."""
    x = torch.tensor([size, 2 * size], dtype=torch.float64)
    assert_value(student.energy(x, 2.0), energy(x, 2.0))


question.check("robustness", points=0.25, requires=check_values)(leaves_inputs_unchanged(some()))
question.check("behaviour", points=0.25, requires=check_values)(runs_on_other_devices(some()))
question.check("behaviour", points=0.25, requires=check_values)(keeps_generators(some()))
question.check("behaviour", points=0.25, requires=check_values)(avoids_forbidden_names(some()))


@question.misconception("What is the energy of one coordinate of size 1?")
def forgets_the_half(x: Tensor, scale: float) -> Tensor:
    return scale * x.square().sum(-1)


@question.misconception("Does the energy grow with the scale?")
def forgets_the_scale(x: Tensor, scale: float) -> Tensor:
    return 0.5 * x.square().sum(-1)


@question.misconception("Does the energy grow with the scale?")
def divides_the_scale_away(x: Tensor, scale: float) -> Tensor:
    return 0.5 * scale * x.square().sum(-1) / scale


@question.misconception("Adding a coordinate of size 0 should change nothing.")
def averages(x: Tensor, scale: float) -> Tensor:
    return 0.5 * scale * x.square().mean(-1)


@question.misconception("Is a length squared, or absolute?")
def takes_absolute_values(x: Tensor, scale: float) -> Tensor:
    return 0.5 * scale * x.abs().sum(-1)


@question.alternative
def takes_a_product(x: Tensor, scale: float) -> Tensor:
    return scale / 2 * torch.einsum("...d,...d->...", x, x)


@question.alternative
def scales_first(x: Tensor, scale: float) -> Tensor:
    return ((scale / 2) ** 0.5 * x).pow(2).sum(dim=-1)
