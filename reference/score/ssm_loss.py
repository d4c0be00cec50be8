"""score.7: sliced score matching (Song et al. 2019, eq. 8 and section 3.2 for the reduced variance).

mean of v^T J v + 1/2 (v^T s)^2, or of v^T J v + 1/2 |s|^2; both have the mean of score.6 where E[v v^T] = I.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import hypothesis.strategies as st
import torch
from hypothesis import given
from torch import Tensor

from grader.compare import assert_value
from grader.question import Question
from grader.remote import Student
from grader.standard import (
    Arguments,
    accepts_any_strides,
    accurate_in,
    answer,
    does_constant_work,
    keeps_generators,
    keeps_precision,
    leaves_inputs_unchanged,
    matches_oracle,
    runs_on_other_devices,
)
from grader.strategies import Numbers, numbers
from reference.score._fields import (
    BATCHES,
    affine,
    fields_at_points,
    mixture,
    network,
    random_gradient,
    signs,
    with_keywords,
)
from reference.score.hutchinson_divergence import hutchinson_divergence
from reference.score.ism_loss import ism_loss

Field = Callable[[Tensor], Tensor]

question = Question(
    id="score.7",
    functions=["ssm_loss"],
    title="Sliced score matching",
    builds_on=["score.5"],
    exempt={"fails_on_empty": "the mean over no data is no number"},
)


@question.oracle
def ssm_loss(score_fn: Field, x: Tensor, v: Tensor, *, variance_reduced: bool) -> Tensor:
    """A 0-dim tensor; x is [batch, dim], v [samples, batch, dim] or [batch, dim]."""
    v = v.reshape(-1, *x.shape)
    score = score_fn(x)
    squares = score.square().sum(-1) if variance_reduced else (v * score).sum(-1).square()
    return (hutchinson_divergence(score_fn, x, v) + 0.5 * squares).mean()


def sliced(
    reduced: bool, *, batches: Sequence[int] = BATCHES, samples: Sequence[int] = (1, 2, 4)
) -> st.SearchStrategy[Arguments]:
    """Arguments (score_fn, x, v), and variance_reduced by name."""
    inputs = fields_at_points(batches=batches, samples=samples)
    return inputs.map(lambda each: with_keywords(each, variance_reduced=reduced))


def one_direction(inputs: Arguments) -> Arguments:
    """With v of shape [batch, dim]."""
    field, x, v = inputs.args
    return Arguments((field, x, v[0]), inputs.kwargs)


EITHER = st.one_of(sliced(False), sliced(True))

check_plain = question.check(
    "value", points=2.25, name="plain_values", description="Is v^T J v + 1/2 (v^T s)^2 for one direction at one point."
)(matches_oracle(ssm_loss, sliced(False, batches=(1,), samples=(1,))))
check_reduced = question.check(
    "value",
    points=1.75,
    name="reduced_values",
    description="With reduced variance it is v^T J v + 1/2 ||s||^2, for one direction at one point.",
)(matches_oracle(ssm_loss, sliced(True, batches=(1,), samples=(1,))))
BOTH = (check_plain, check_reduced)
check_means = question.check(
    "value",
    points=1.5,
    requires=BOTH,
    name="averages",
    description="Is the mean over all directions and all points, each with its own directions.",
)(matches_oracle(ssm_loss, st.one_of(*(sliced(reduced, batches=(3, 7), samples=(2, 4)) for reduced in (False, True)))))
question.check(
    "value",
    points=0.5,
    requires=BOTH,
    name="one_direction",
    description="Directions of shape [batch, dim] count as one.",
)(matches_oracle(ssm_loss, EITHER.map(one_direction)))
question.check("precision", points=0.75, requires=BOTH)(keeps_precision(ssm_loss, EITHER))


@question.check("gradient", points=1.75)
@given(inputs=sliced(False), source=numbers())
def check_gradients_of_the_plain_loss(student: Student, inputs: Arguments, source: Numbers) -> None:
    """Has the right gradient in the parameters of the field."""
    weights, right = random_gradient(ssm_loss, inputs, source)
    assert_value(student.ssm_loss.vjp(inputs.args, weights, inputs.kwargs)[:-2], right[:-2])


@question.check("gradient", points=1.25)
@given(inputs=sliced(True), source=numbers())
def check_gradients_of_the_reduced_loss(student: Student, inputs: Arguments, source: Numbers) -> None:
    """Has the right gradient in the parameters of the field, with reduced variance."""
    weights, right = random_gradient(ssm_loss, inputs, source)
    assert_value(student.ssm_loss.vjp(inputs.args, weights, inputs.kwargs)[:-2], right[:-2])


def assert_averages_to_ism(student: Student, source: Numbers, dim: int, reduced: bool) -> None:
    """The loss over all vectors of signs is the implicit one."""
    for field in (mixture(source, dim), network(source, dim)):
        x = source.normal((1, dim))
        sliced_loss = student.ssm_loss(field, x, signs(dim)[:, None], variance_reduced=reduced)
        assert_value(sliced_loss, answer(ism_loss, Arguments((field, x))))


@question.check("law", points=1.25)
@given(source=numbers(), dim=st.sampled_from((1, 2, 5)))
def check_averages_to_the_implicit_loss(student: Student, source: Numbers, dim: int) -> None:
    """The mean over all 2^D vectors of signs is the ism_loss of score.6."""
    assert_averages_to_ism(student, source, dim, False)


@question.check("law", points=1)
@given(source=numbers(), dim=st.sampled_from((1, 2, 5)))
def check_averages_to_the_implicit_loss_with_reduced_variance(student: Student, source: Numbers, dim: int) -> None:
    """The mean over all 2^D vectors of signs is the ism_loss of score.6, with reduced variance too."""
    assert_averages_to_ism(student, source, dim, True)


question.check("stress", points=1, requires=BOTH, examples=4)(accurate_in(torch.float32, ssm_loss, EITHER))
question.check("robustness", points=0.5, requires=BOTH)(leaves_inputs_unchanged(EITHER))
question.check("robustness", points=0.5, requires=BOTH)(accepts_any_strides(ssm_loss, EITHER))
question.check("behaviour", points=0.25, requires=BOTH)(runs_on_other_devices(EITHER))
question.check("behaviour", points=0.25, requires=BOTH)(keeps_generators(EITHER))


def rows(count: int) -> st.SearchStrategy[Arguments]:
    """A linear field in five dimensions at this many points, two directions each."""
    inputs = fields_at_points(makers=(affine,), batches=(count,), dims=(5,), samples=(2,))
    return inputs.map(lambda each: with_keywords(each, variance_reduced=True))


question.check("behaviour", points=0.5, requires=BOTH)(does_constant_work(rows(3), rows(300)))


@question.misconception("Averaged over all directions, your loss is that of score.6 divided by D. How long is your v?")
def normalises_the_directions(score_fn: Field, x: Tensor, v: Tensor, *, variance_reduced: bool) -> Tensor:
    v = v.reshape(-1, *x.shape)
    v = v / v.norm(dim=-1, keepdim=True)
    score = score_fn(x)
    square = score.square().sum(-1) if variance_reduced else (v * score).sum(-1).square().mean(0)
    return (hutchinson_divergence(score_fn, x, v) + 0.5 * square).mean()


@question.misconception("Which of the two terms comes from completing a square, and so carries the 1/2?")
def halves_the_divergence(score_fn: Field, x: Tensor, v: Tensor, *, variance_reduced: bool) -> Tensor:
    v = v.reshape(-1, *x.shape)
    score = score_fn(x)
    square = score.square().sum(-1) if variance_reduced else (v * score).sum(-1).square().mean(0)
    return (0.5 * hutchinson_divergence(score_fn, x, v) + square).mean()


@question.misconception("Fit s(x) = -x / v to data from N(0, 4) with your loss: your variance is off by a factor of 2.")
def forgets_the_half(score_fn: Field, x: Tensor, v: Tensor, *, variance_reduced: bool) -> Tensor:
    v = v.reshape(-1, *x.shape)
    score = score_fn(x)
    square = score.square().sum(-1) if variance_reduced else (v * score).sum(-1).square().mean(0)
    return (hutchinson_divergence(score_fn, x, v) + square).mean()


@question.misconception("With reduced variance, which term is replaced and which is added? Count how often s enters.")
def adds_both_squares(score_fn: Field, x: Tensor, v: Tensor, *, variance_reduced: bool) -> Tensor:
    v = v.reshape(-1, *x.shape)
    score = score_fn(x)
    square = (v * score).sum(-1).square().mean(0)
    if variance_reduced:
        square = square + score.square().sum(-1)
    return (hutchinson_divergence(score_fn, x, v) + 0.5 * square).mean()


@question.misconception("Which of the two losses still depends on v through its second term?")
def swaps_the_two_losses(score_fn: Field, x: Tensor, v: Tensor, *, variance_reduced: bool) -> Tensor:
    v = v.reshape(-1, *x.shape)
    score = score_fn(x)
    square = (v * score).sum(-1).square().mean(0) if variance_reduced else score.square().sum(-1)
    return (hutchinson_divergence(score_fn, x, v) + 0.5 * square).mean()


@question.misconception("Change variance_reduced: does your loss change?")
def always_reduces_the_variance(score_fn: Field, x: Tensor, v: Tensor, *, variance_reduced: bool) -> Tensor:
    v = v.reshape(-1, *x.shape)
    return (hutchinson_divergence(score_fn, x, v) + 0.5 * score_fn(x).square().sum(-1)).mean()


@question.misconception("Change variance_reduced: does your loss change?")
def never_reduces_the_variance(score_fn: Field, x: Tensor, v: Tensor, *, variance_reduced: bool) -> Tensor:
    v = v.reshape(-1, *x.shape)
    square = (v * score_fn(x)).sum(-1).square().mean(0)
    return (hutchinson_divergence(score_fn, x, v) + 0.5 * square).mean()


@question.misconception("Which directions does your second point use, its own or those of the first?")
def shares_the_directions(score_fn: Field, x: Tensor, v: Tensor, *, variance_reduced: bool) -> Tensor:
    v = v.reshape(-1, *x.shape)
    v = v[:, :1].expand_as(v)
    score = score_fn(x)
    square = score.square().sum(-1) if variance_reduced else (v * score).sum(-1).square().mean(0)
    return (hutchinson_divergence(score_fn, x, v) + 0.5 * square).mean()


@question.misconception("Take twice as many directions: why does your loss double?")
def sums_over_the_directions(score_fn: Field, x: Tensor, v: Tensor, *, variance_reduced: bool) -> Tensor:
    v = v.reshape(-1, *x.shape)
    score = score_fn(x)
    square = score.square().sum(-1).expand(v.shape[:-1]) if variance_reduced else (v * score).sum(-1).square()
    return (len(v) * hutchinson_divergence(score_fn, x, v) + 0.5 * square.sum(0)).mean()


@question.misconception("Repeat every data point: an average should not change.")
def sums_over_the_batch(score_fn: Field, x: Tensor, v: Tensor, *, variance_reduced: bool) -> Tensor:
    v = v.reshape(-1, *x.shape)
    score = score_fn(x)
    square = score.square().sum(-1) if variance_reduced else (v * score).sum(-1).square().mean(0)
    return (hutchinson_divergence(score_fn, x, v) + 0.5 * square).sum()


@question.misconception("The mean of squares is not the square of the mean: when do you average v^T s?")
def squares_after_averaging(score_fn: Field, x: Tensor, v: Tensor, *, variance_reduced: bool) -> Tensor:
    v = v.reshape(-1, *x.shape)
    score = score_fn(x)
    square = score.square().sum(-1) if variance_reduced else (v * score).sum(-1).mean(0).square()
    return (hutchinson_divergence(score_fn, x, v) + 0.5 * square).mean()


@question.misconception("Of s(x) = -x / v, with your loss, which v is best for any data: a wide one or a narrow one?")
def subtracts_the_divergence(score_fn: Field, x: Tensor, v: Tensor, *, variance_reduced: bool) -> Tensor:
    v = v.reshape(-1, *x.shape)
    score = score_fn(x)
    square = score.square().sum(-1) if variance_reduced else (v * score).sum(-1).square().mean(0)
    return (0.5 * square - hutchinson_divergence(score_fn, x, v)).mean()


@question.misconception("Turn all directions round: your loss should stay. Which of its terms is not a square?")
def forgets_to_square_the_projection(score_fn: Field, x: Tensor, v: Tensor, *, variance_reduced: bool) -> Tensor:
    v = v.reshape(-1, *x.shape)
    score = score_fn(x)
    square = score.square().sum(-1) if variance_reduced else (v * score).sum(-1).mean(0)
    return (hutchinson_divergence(score_fn, x, v) + 0.5 * square).mean()


@question.misconception("Turn all directions round: your loss should stay. How often does v stand in its first term?")
def sums_the_product_without_the_direction(score_fn: Field, x: Tensor, v: Tensor, *, variance_reduced: bool) -> Tensor:
    v = v.reshape(-1, *x.shape)
    score = score_fn(x)
    jacobian = torch.func.vmap(torch.func.jacrev(lambda point: score_fn(point[None])[0]))(x)
    square = score.square().sum(-1) if variance_reduced else (v * score).sum(-1).square().mean(0)
    return (torch.einsum("sbi,bij->sb", v, jacobian).mean(0) + 0.5 * square).mean()


@question.misconception("Put two independent copies of a model side by side: the losses should add up.")
def averages_the_norm_over_dimensions(score_fn: Field, x: Tensor, v: Tensor, *, variance_reduced: bool) -> Tensor:
    v = v.reshape(-1, *x.shape)
    score = score_fn(x)
    square = score.square().mean(-1) if variance_reduced else (v * score).sum(-1).square().mean(0)
    return (hutchinson_divergence(score_fn, x, v) + 0.5 * square).mean()


@question.misconception("Training shrinks the score to zero.")
def detaches_the_divergence(score_fn: Field, x: Tensor, v: Tensor, *, variance_reduced: bool) -> Tensor:
    v = v.reshape(-1, *x.shape)
    score = score_fn(x)
    square = score.square().sum(-1) if variance_reduced else (v * score).sum(-1).square().mean(0)
    return (hutchinson_divergence(score_fn, x, v).detach() + 0.5 * square).mean()


@question.misconception("Give it directions of shape [batch, dim]: along which dimension do you then average?")
def takes_points_for_samples(score_fn: Field, x: Tensor, v: Tensor, *, variance_reduced: bool) -> Tensor:
    score = score_fn(x)
    v = v.unsqueeze(1).expand(-1, len(x), -1) if v.dim() == 2 else v
    square = score.square().sum(-1) if variance_reduced else (v * score).sum(-1).square().mean(0)
    return (hutchinson_divergence(score_fn, x, v) + 0.5 * square).mean()


@question.misconception("Which dtype went in, and which came out? A model in float32 cannot add the two.")
def returns_double(score_fn: Field, x: Tensor, v: Tensor, *, variance_reduced: bool) -> Tensor:
    v = v.reshape(-1, *x.shape)
    score = score_fn(x)
    square = score.square().sum(-1) if variance_reduced else (v * score).sum(-1).square().mean(0)
    return (hutchinson_divergence(score_fn, x, v) + 0.5 * square).mean().double()


@question.alternative
def contracts_the_jacobian(score_fn: Field, x: Tensor, v: Tensor, *, variance_reduced: bool) -> Tensor:
    v = v[None] if v.dim() == 2 else v
    jacobian = torch.func.vmap(torch.func.jacrev(lambda point: score_fn(point[None])[0]))(x)
    curvature = torch.einsum("sbi,bij,sbj->sb", v, jacobian, v)
    score = score_fn(x)
    squares = torch.einsum("bi,bi->b", score, score) if variance_reduced else torch.einsum("sbi,bi->sb", v, score) ** 2
    return curvature.mean() + squares.mean() / 2


@question.alternative
def repeats_the_points_for_every_direction(score_fn: Field, x: Tensor, v: Tensor, *, variance_reduced: bool) -> Tensor:
    samples = 1 if v.dim() == 2 else v.shape[0]
    flat = v.reshape(-1, x.shape[1])
    with torch.enable_grad():
        points = x.detach().repeat(samples, 1).requires_grad_(True)
        score = score_fn(points)
        projection = torch.sum(score * flat, dim=-1)
        (product,) = torch.autograd.grad(projection.sum(), points, create_graph=True)
        first = torch.sum(product * flat, dim=-1)
        second = 0.5 * (torch.linalg.vector_norm(score, dim=-1) ** 2 if variance_reduced else projection**2)
        return (first + second).mean(dim=0)


@question.alternative
def pushes_the_directions_forward(score_fn: Field, x: Tensor, v: Tensor, *, variance_reduced: bool) -> Tensor:
    directions = v if v.dim() == 3 else v.unsqueeze(0)
    losses = []
    for direction in directions:
        score, slope, *_ = torch.func.jvp(score_fn, (x,), (direction,))
        square = (score * score).sum(-1) if variance_reduced else (direction * score).sum(-1).pow(2)
        losses.append((direction * slope).sum(-1) + square / 2)
    return torch.stack(losses).mean()
