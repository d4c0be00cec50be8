"""dsm.2: denoising score matching at many noise levels at once (Song & Ermon 2019, eq. 5 and 6).

mean over b of lambda(sigma_b) 1/2 |s(x_b + sigma_b eps_b, sigma_b) + eps_b / sigma_b|^2,  lambda = 1 or sigma_b^2
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import hypothesis.strategies as st
import torch
from hypothesis import given
from hypothesis.strategies import SearchStrategy
from torch import Tensor

from grader.compare import Tolerance, assert_value, expect
from grader.families import described
from grader.question import Question
from grader.remote import Student
from grader.standard import (
    Arguments,
    accepts_any_strides,
    accurate_in,
    answer,
    arguments,
    does_constant_work,
    keeps_generators,
    keeps_precision,
    leaves_inputs_unchanged,
    matches_oracle,
    runs_on_other_devices,
)
from grader.strategies import Numbers, Shape, numbers
from reference.dsm import _multi_sigma_mistakes, _noisy_target_mistakes
from reference.dsm._fields import CONDITIONAL, random_gradient, wave
from reference.dsm._multi_sigma_answers import ALTERNATIVES, Field
from reference.dsm.dsm_loss import SLOPES, dsm_loss

question = Question(
    id="dsm.2",
    functions=["multi_sigma_dsm_loss"],
    title="Denoising score matching at many noise levels",
    exempt={"fails_on_empty": "the mean over no data is no number"},
)


@question.oracle
def multi_sigma_dsm_loss(
    score_fn: Field, x: Tensor, sigmas: Tensor, idx: Tensor, eps: Tensor, *, weighting: str
) -> Tensor:
    """A 0-dim tensor; x and eps are [*batch, *event], idx is [*batch], sigmas [levels]."""
    sigma = sigmas[idx]
    beside = sigma.reshape(*idx.shape, *[1] * (x.dim() - idx.dim()))
    residual = beside * score_fn(x + beside * eps, sigma) + eps
    # Divided last, so that a small sigma meets no difference of large numbers.
    terms = 0.5 * residual.square().flatten(idx.dim()).sum(-1)
    return (terms if weighting == "sigma2" else terms / sigma.square()).mean()


VECTORS: tuple[Shape, ...] = ((2,), (5,), (1,))
IMAGES: tuple[Shape, ...] = ((2, 3, 4), (1, 2, 5), (3, 1, 1))


@st.composite
def noisy_batches(
    draw: st.DrawFn,
    *,
    weightings: Sequence[str] = ("none", "sigma2"),
    batches: Sequence[Shape] = ((3,), (7,)),
    events: Sequence[Shape] = VECTORS,
    makers: Sequence[Callable[..., object]] = CONDITIONAL,
) -> Arguments:
    """Arguments (score_fn, x, sigmas, idx, eps), and weighting by name; no two levels are equal, nor near 1."""
    maker, batch, event = draw(st.sampled_from(makers)), draw(st.sampled_from(batches)), draw(st.sampled_from(events))
    weighting, source = draw(st.sampled_from(weightings)), draw(numbers())
    shape = (*batch, *event)
    sigmas = torch.tensor([2.6, 0.4, 1.6, 0.7], dtype=torch.float64) * source.uniform((), low=0.9, high=1.1)
    # Level 0 and the level of a batch's first place are what a forgotten idx would take: example 0 has another.
    idx = source.integers(batch, low=1, high=4)
    field = maker(source, event)
    return arguments(field, source.normal(shape), sigmas, idx, source.normal(shape), weighting=weighting)


def one_example(weighting: str) -> SearchStrategy[Arguments]:
    """A single data point."""
    return noisy_batches(weightings=(weighting,), batches=((1,),), events=((2,), (5,)))


check_plain = question.check(
    "value",
    points=2.5,
    name="unweighted_values",
    description="Is 1/2 ||s(x + sigma eps, sigma) + eps / sigma||^2 for one example, with the sigma of its index.",
)(matches_oracle(multi_sigma_dsm_loss, one_example("none")))
check_weighted = question.check(
    "value",
    points=2.5,
    name="weighted_values",
    description='With "sigma2" it is 1/2 ||sigma s(x + sigma eps, sigma) + eps||^2, for one example.',
)(matches_oracle(multi_sigma_dsm_loss, one_example("sigma2")))
BOTH = (check_plain, check_weighted)
question.check(
    "value",
    points=1.75,
    requires=BOTH,
    name="values_for_a_batch",
    description="Is the mean over the batch, in which each example has its own noise level and weight.",
)(matches_oracle(multi_sigma_dsm_loss, noisy_batches()))
question.check(
    "value",
    points=1.25,
    requires=BOTH,
    name="values_for_images",
    description="Takes all dimensions of x after those of idx as one example's, for images too.",
)(matches_oracle(multi_sigma_dsm_loss, noisy_batches(batches=((3,), (2, 3), (), (3, 2)), events=IMAGES)))
question.check("precision", points=1, requires=BOTH)(keeps_precision(multi_sigma_dsm_loss, noisy_batches()))


def gradients_reach_the_parameters(weighting: str) -> Callable[..., None]:
    """The gradients in what the field holds are right."""

    @given(inputs=noisy_batches(weightings=(weighting,), batches=((1,), (3,))), source=numbers())
    def check(student: Student, inputs: Arguments, source: Numbers) -> None:
        weights, right = random_gradient(multi_sigma_dsm_loss, inputs, source)
        got = student.multi_sigma_dsm_loss.vjp(inputs.args, weights, inputs.kwargs)
        assert_value(got[:-3], right[:-3], tolerance=SLOPES)

    return check


for weighting, word in (("none", "unweighted"), ("sigma2", "weighted")):
    question.check(
        "gradient",
        points=2,
        name=f"gradients_of_the_{word}_loss",
        description=f'Has the right gradient in the parameters of the field, with "{weighting}".',
    )(gradients_reach_the_parameters(weighting))


@question.check("law", points=1.25)
@given(inputs=noisy_batches(makers=(wave,)), level=st.sampled_from((1, 2, 3)))
def check_is_dsm_loss_at_one_level(student: Student, inputs: Arguments, level: int) -> None:
    """Where all examples have one noise level it is the dsm_loss of dsm.1, times sigma^2 where that is asked for."""
    field, x, sigmas, idx, eps = inputs.args
    loss = student.multi_sigma_dsm_loss(field, x, sigmas, torch.full_like(idx, level), eps, **inputs.kwargs)
    sigma = sigmas[level]
    at_one_level = answer(_dsm_loss_at, arguments(field, x, sigma, eps))
    assert_value(loss, at_one_level if inputs.kwargs["weighting"] == "none" else sigma**2 * at_one_level)


def _dsm_loss_at(field: Field, x: Tensor, sigma: Tensor, eps: Tensor) -> Tensor:
    return dsm_loss(lambda points: field(points, sigma), x, sigma, eps)


@question.check("law", points=0.75)
@given(source=numbers(), event=st.sampled_from(((2,), (5,), (2, 3))), scale=st.sampled_from((0.1, 7.0)))
def check_weighted_loss_has_no_unit(student: Student, source: Numbers, event: Shape, scale: float) -> None:
    """In other units of x the loss with "sigma2" stays what it was, and the one with "none" does not."""
    x, eps, idx = source.normal((3, *event)), source.normal((3, *event)), source.integers((3,), low=0, high=4)
    mean, variance = source.normal(event), source.uniform(event, low=0.5, high=2.0)
    sigmas = source.uniform((4,), low=0.3, high=2.5)

    def loss(unit: float, weighting: str, moved: float = 0.0) -> Tensor:
        field = described("noisy_gaussian_score", mean=unit * (mean + moved), variance=unit**2 * variance)
        value: Tensor = student.multi_sigma_dsm_loss(field, unit * x, unit * sigmas, idx, eps, weighting=weighting)
        return value

    assert_value(loss(scale, "sigma2"), loss(1.0, "sigma2"))
    plain = loss(1.0, "none")
    expect(plain != 0, 'the loss with "none" is zero for a field that is not perfect.')
    expect(loss(1.0, "none", moved=3.7) != plain, 'the loss with "none" is the same for another field.')
    assert_value(scale**2 * loss(scale, "none"), plain)


@question.check("law", points=0.75, requires=BOTH)
@given(inputs=noisy_batches(batches=((7,),)), order=numbers())
def check_does_not_depend_on_the_order(student: Student, inputs: Arguments, order: Numbers) -> None:
    """Examples in another order, together with their indices and noise, have the same loss."""
    field, x, sigmas, idx, eps = inputs.args
    places = order.permutation(len(idx))
    moved = student.multi_sigma_dsm_loss(field, x[places], sigmas, idx[places], eps[places], **inputs.kwargs)
    assert_value(moved, student.multi_sigma_dsm_loss(*inputs.args, **inputs.kwargs))


# What a difference of numbers near 1 loses of noise that is 1e-3 of them is not asked for.
EXTREME = Tolerance(rtol=1e-5, atol=1e-9)


@question.check("stress", points=1, requires=BOTH)
@given(inputs=noisy_batches(batches=((5,),), events=((2,), (2, 3, 4))))
def check_holds_from_faint_to_overwhelming_noise(student: Student, inputs: Arguments) -> None:
    """Is right where noise levels of one batch go from 1e-3 to 1e2."""
    field, x, _, _, eps = inputs.args
    sigmas = torch.tensor([100.0, 3.0, 0.05, 1e-3], dtype=torch.float64)
    idx = torch.tensor([3, 0, 2, 1, 0])
    extreme = arguments(field, x, sigmas, idx, eps, **inputs.kwargs)
    right = answer(multi_sigma_dsm_loss, extreme)
    assert_value(student.multi_sigma_dsm_loss(*extreme.args, **extreme.kwargs), right, tolerance=EXTREME)


question.check(
    "stress",
    points=0.5,
    requires=BOTH,
    name="values_for_thin_shapes",
    description="Is right for batches of one example, and for examples of one number.",
)(matches_oracle(multi_sigma_dsm_loss, noisy_batches(batches=((1,), (1, 1), (3,)), events=((1,), (1, 1, 5), (1, 1)))))
question.check("stress", points=0.5, requires=BOTH, examples=4)(
    accurate_in(torch.float32, multi_sigma_dsm_loss, noisy_batches())
)
question.check("robustness", points=0.5, requires=BOTH)(leaves_inputs_unchanged(noisy_batches()))
question.check("robustness", points=0.5, requires=BOTH)(accepts_any_strides(multi_sigma_dsm_loss, noisy_batches()))


@question.check("behaviour", points=0.5, requires=BOTH)
@given(inputs=noisy_batches(batches=((1,), (3,))))
def check_gives_the_field_noise_levels(student: Student, inputs: Arguments) -> None:
    """The field is called with one noise level for each example, of the shape of idx."""
    _, clean, _, idx, _ = inputs.args
    event_dims = clean.dim() - idx.dim()
    said = "the field is called with noise levels of another shape than its batch has."
    for x, sigma in student.multi_sigma_dsm_loss.observe(*inputs.args, **inputs.kwargs).asked[0].args:
        batch = x.shape[: x.dim() - event_dims]
        expect(sigma.dim() <= len(batch), said, misconception="gives_the_field_a_column")
        expect(sigma.shape == batch, said, misconception="squeezes_the_levels")


question.check("behaviour", points=0.25, requires=BOTH)(runs_on_other_devices(noisy_batches()))
question.check("behaviour", points=0.25, requires=BOTH)(keeps_generators(noisy_batches()))


def rows(count: int) -> SearchStrategy[Arguments]:
    """This many vectors of five numbers."""
    return noisy_batches(weightings=("sigma2",), batches=((count,),), events=((5,),), makers=(wave,))


question.check("behaviour", points=0.25, requires=BOTH)(does_constant_work(rows(3), rows(300)))

for mistake, sentence in {**_multi_sigma_mistakes.SENTENCES, **_noisy_target_mistakes.SENTENCES}.items():
    question.misconception(sentence)(mistake)
for alternative in ALTERNATIVES:
    question.alternative(alternative)
