"""tiny.2: a question with two results and two functions."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import given
from torch import Tensor

from grader.compare import assert_value
from grader.question import Question
from grader.remote import Student
from grader.standard import Arguments, arguments, matches_oracle
from grader.strategies import numbers

question = Question(
    id="tiny.2",
    functions=["centre", "spread"],
    title="Mean and deviations",
    exempt={
        name: "Nothing but values is checked."
        for name in (
            *("mutates_its_input", "uses_global_rng", "loops_over_batch", "cpu_constant", "float32_inside"),
            *("wrong_dtype", "fails_on_empty", "fails_on_noncontiguous"),
        )
    },
)


@question.oracle
def centre(x: Tensor) -> tuple[Tensor, Tensor]:
    """The mean of [n] numbers, [], and the distances to it, [n]."""
    return x.mean(), x - x.mean()


@question.oracle
def spread(x: Tensor) -> Tensor:
    """The mean squared distance to the mean, []."""
    return centre(x)[1].square().mean()


@st.composite
def samples(draw: st.DrawFn) -> Arguments:
    """Arguments (x,)."""
    return arguments(draw(numbers()).normal((draw(st.sampled_from((3, 7))),)))


question.check("value", points=2, description="Mean and distances are right.")(matches_oracle(centre, samples()))


@question.check("value", points=1)
@given(inputs=samples())
def check_spread(student: Student, inputs: Arguments) -> None:
    """The spread is right."""
    assert_value(student.spread(*inputs.args), spread(*inputs.args))


@question.misconception("Do your distances add up to zero?")
def forgets_to_subtract(x: Tensor) -> tuple[Tensor, Tensor]:
    return x.mean(), x


@question.misconception("How many numbers are there?", replaces="spread")
def divides_by_one_less(x: Tensor) -> Tensor:
    return x.var()


@question.alternative
def adds_up(x: Tensor) -> tuple[Tensor, Tensor]:
    return x.sum() / len(x), x - x.sum() / len(x)


@question.alternative
def goes_through_numbers(x: Tensor) -> tuple[Tensor, Tensor]:
    mean = sum(x.unbind()) / x.numel()
    return mean, torch.stack([one - mean for one in x])  # noqa: F821  # of the solution's module, where this runs
