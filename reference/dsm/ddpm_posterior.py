"""dsm.7: the posterior of a step back, of any length (Ho et al. 2020, eq. 6 and 7, with alpha = abar_t / abar_s).

Given x0, x_s is N(sqrt(abar_s) x0, 1 - abar_s), and x_t given x_s is N(sqrt(a) x_s, 1 - a) with a = abar_t / abar_s.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import hypothesis.strategies as st
import torch
from hypothesis import given
from torch import Tensor

from grader.compare import Tolerance, assert_value, expect
from grader.question import Question
from grader.remote import Student
from grader.standard import (
    Arguments,
    accepts_any_strides,
    accepts_empty_batches,
    accurate_in,
    arguments,
    does_constant_work,
    gradients_match,
    keeps_generators,
    keeps_precision,
    leaves_inputs_unchanged,
    matches_oracle,
    runs_on_other_devices,
)
from grader.strategies import Numbers, Shape, numbers
from reference.dsm import _posterior_mistakes, _posterior_weight_mistakes
from reference.dsm._posterior_answers import ALTERNATIVES, Pair
from reference.dsm.dsm_loss import SLOPES
from reference.dsm.eps_to_score import IMAGES, VECTORS, beside

question = Question(id="dsm.7", functions=["ddpm_posterior"], title="The posterior of a step back in time", extra=True)


@question.oracle
def ddpm_posterior(x0: Tensor, x_t: Tensor, abar_t: Tensor, abar_s: Tensor) -> Pair:
    """Mean, [*batch, *event], and variance, [*batch], by conditioning one of two correlated Gaussians on the other."""
    # Cov(x_s, x_t) = sqrt(a) Var(x_s), all given x0.
    root = (abar_t / abar_s).sqrt()
    gain = root * (1 - abar_s) / (1 - abar_t)
    surprise = x_t - beside(abar_t.sqrt(), x_t) * x0
    mean = beside(abar_s.sqrt(), x0) * x0 + beside(gain, x_t) * surprise
    return mean, (1 - abar_s) * (abar_s - abar_t) / (abar_s * (1 - abar_t))


@st.composite
def steps_back(
    draw: st.DrawFn,
    *,
    batches: Sequence[Shape] = ((1,), (3,)),
    events: Sequence[Shape] = VECTORS,
) -> Arguments:
    """Arguments (x0, x_t, abar_t, abar_s) of long steps."""
    batch, event, source = draw(st.sampled_from(batches)), draw(st.sampled_from(events)), draw(numbers())
    abar_t = source.uniform(batch, low=0.1, high=0.45)
    abar_s = abar_t + (1 - abar_t) * source.uniform(batch, low=0.2, high=0.8)
    return arguments(source.normal((*batch, *event)), source.normal((*batch, *event)), abar_t, abar_s)


def is_right_in(part: int) -> Callable[..., None]:
    """One of the two results, whatever the other one is."""

    @given(inputs=steps_back(batches=((1,), (3,))))
    def check(student: Student, inputs: Arguments) -> None:
        got, right = student.ddpm_posterior(*inputs.args)[part], ddpm_posterior(*inputs.args)[part]
        assert_value(got, right, tolerance=SLOPES)

    return check


check_mean = question.check(
    "value", points=0.75, name="mean", description="The mean is right for steps of any length.", examples=6
)(is_right_in(0))
check_var = question.check(
    "value", points=0.5, name="variance", description="The variance is right for steps of any length.", examples=6
)(is_right_in(1))
BOTH = (check_mean, check_var)
question.check(
    "value",
    points=0.25,
    requires=BOTH,
    name="values_for_images",
    description="Each image has its own pair of times, whatever the batch's and the image's dimensions are.",
)(
    matches_oracle(
        ddpm_posterior, steps_back(batches=((3,), (2, 3), (), (3, 2)), events=(*IMAGES, (5,))), tolerance=SLOPES
    )
)
question.check("precision", points=0.25, requires=BOTH)(keeps_precision(ddpm_posterior, steps_back()))
question.check("gradient", points=0.5)(gradients_match(ddpm_posterior, steps_back(), tolerance=SLOPES))


def times(source: Numbers) -> tuple[Tensor, Tensor, Tensor]:
    """abar at three times, the latest first."""
    return tuple(source.uniform((), low=low, high=low + 0.2) for low in (0.1, 0.4, 0.7))  # type: ignore[return-value]


@question.check("law", points=0.5)
@given(source=numbers(), event=st.sampled_from(VECTORS))
def check_leads_back_to_the_forward_process(student: Student, source: Numbers, event: Shape) -> None:
    """x_t drawn from x0, then x_s drawn from this posterior, has the mean and variance that x_s has."""
    x0, (abar_t, abar_s, _) = source.normal(event), times(source)
    mean, var = student.ddpm_posterior(x0, abar_t.sqrt() * x0, abar_t, abar_s)
    moved, _ = student.ddpm_posterior(x0, abar_t.sqrt() * x0 + 1, abar_t, abar_s)
    assert_value(mean, abar_s.sqrt() * x0, tolerance=SLOPES)
    assert_value((moved - mean).square() * (1 - abar_t) + var, (1 - abar_s).expand(event), tolerance=SLOPES)


@question.check("law", points=0.25)
@given(source=numbers(), event=st.sampled_from(VECTORS))
def check_two_steps_are_one(student: Student, source: Numbers, event: Shape) -> None:
    """A step back to a time between, and one more from there, are together the long step."""
    x0, x_t, (abar_t, abar_u, abar_s) = source.normal(event), source.normal(event), times(source)
    mean_u, var_u = student.ddpm_posterior(x0, x_t, abar_t, abar_u)
    mean, var = student.ddpm_posterior(x0, mean_u, abar_u, abar_s)
    moved, _ = student.ddpm_posterior(x0, mean_u + 1, abar_u, abar_s)
    long_mean, long_var = student.ddpm_posterior(x0, x_t, abar_t, abar_s)
    expect(moved != mean, "the mean does not depend on x_t.")
    assert_value(mean, long_mean, tolerance=SLOPES)
    assert_value((moved - mean).square() * var_u + var, long_var.expand(event), tolerance=SLOPES)


@question.check("stress", points=0.25, requires=BOTH)
@given(inputs=steps_back(batches=((3,),)))
def check_arrives_at_the_data(student: Student, inputs: Arguments) -> None:
    """At time 0, where abar_s is 1, the mean is x0 and the variance 0."""
    x0, x_t, abar_t, abar_s = inputs.args
    assert_value(student.ddpm_posterior(x0, x_t, abar_t, torch.ones_like(abar_s)), (x0, torch.zeros_like(abar_s)))


question.check("stress", points=0.25, requires=BOTH, examples=4)(
    accurate_in(torch.float32, ddpm_posterior, steps_back(), tolerance=Tolerance(rtol=2e-5, atol=5e-6))
)
question.check("robustness", points=0.25, requires=BOTH)(leaves_inputs_unchanged(steps_back()))
question.check("robustness", points=0.25, requires=BOTH)(
    accepts_any_strides(ddpm_posterior, steps_back(batches=((3,),), events=((2,), (2, 3, 4))), tolerance=SLOPES)
)
question.check("robustness", points=0.25, requires=BOTH)(
    accepts_empty_batches(steps_back(batches=((0,), (0, 3))), ddpm_posterior)
)
question.check("behaviour", points=0.25, requires=BOTH)(runs_on_other_devices(steps_back()))
question.check("behaviour", points=0.25, requires=BOTH)(keeps_generators(steps_back()))
few, many = (steps_back(batches=((count,),), events=((5,),)) for count in (3, 300))
question.check("behaviour", points=0.25, requires=BOTH)(does_constant_work(few, many))

for mistake, sentence in {**_posterior_mistakes.SENTENCES, **_posterior_weight_mistakes.SENTENCES}.items():
    question.misconception(sentence)(mistake)
for alternative in ALTERNATIVES:
    question.alternative(alternative)
