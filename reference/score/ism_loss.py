"""score.6: implicit score matching (Hyvarinen 2005, theorem 1).

E_p[tr ds/dx + 1/2 |s|^2] = 1/2 E_p|s - grad log p|^2 - 1/2 E_p|grad log p|^2
"""

from __future__ import annotations

from collections.abc import Callable

import hypothesis.strategies as st
import torch
from hypothesis import given
from torch import Tensor

from grader.compare import assert_value
from grader.families import described
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
    oracle_vjp2,
    runs_on_other_devices,
)
from grader.strategies import Numbers, numbers
from reference.score._fields import affine, fields_at_points, mixture_parameters, network, random_gradient
from reference.score.divergence import divergence

Field = Callable[[Tensor], Tensor]

question = Question(
    id="score.6",
    functions=["ism_loss"],
    title="Implicit score matching",
    builds_on=["score.4"],
    exempt={"fails_on_empty": "the mean over no data is no number"},
)


@question.oracle
def ism_loss(score_fn: Field, x: Tensor) -> Tensor:
    """A 0-dim tensor; x is [batch, dim]."""
    return (divergence(score_fn, x) + 0.5 * score_fn(x).square().sum(-1)).mean()


check_values = question.check(
    "value", points=4.5, description="Is tr(ds/dx) + 1/2 ||s||^2 where there is one data point."
)(matches_oracle(ism_loss, fields_at_points(batches=(1,))))
question.check(
    "value", points=1.5, requires=check_values, name="values_for_a_batch", description="Is the mean over the data."
)(matches_oracle(ism_loss, fields_at_points(batches=(3, 7))))
question.check("precision", points=0.75, requires=check_values)(keeps_precision(ism_loss, fields_at_points()))


@question.check("gradient", points=2)
@given(inputs=fields_at_points(), source=numbers())
def check_gradients_reach_the_parameters(student: Student, inputs: Arguments, source: Numbers) -> None:
    """Has the right gradient in the parameters of the field."""
    weights, right = random_gradient(ism_loss, inputs, source)
    assert_value(student.ism_loss.vjp(inputs.args, weights)[:-1], right[:-1])


@question.check("gradient", points=1, requires=check_values)
@given(inputs=fields_at_points(makers=(network,), batches=(3,)), source=numbers())
def check_second_gradients_in_the_parameters(student: Student, inputs: Arguments, source: Numbers) -> None:
    """Can be differentiated twice in the parameters of a network."""
    weights, right = random_gradient(ism_loss, inputs, source)
    directions = [*(source.normal(tuple(each.shape)) for each in right[:-1]), torch.zeros_like(right[-1])]
    got = student.ism_loss.vjp2(inputs.args, weights, directions)
    assert_value(got[:-1], oracle_vjp2(ism_loss, inputs, weights, directions)[:-1])


@question.check("law", points=0.75)
@given(source=numbers(), dim=st.sampled_from((1, 2, 5)))
def check_is_the_distance_to_a_gaussian_score(student: Student, source: Numbers, dim: int) -> None:
    """Plus the constant 1/2 E||s_p||^2 it is the explicit objective 1/2 E||s - s_p||^2, for Gaussian data."""
    mu, scale = source.normal((dim,)), source.scale_tril((), dim)
    matrix, offset = source.normal((dim, dim)), source.normal((dim,))
    # The 2 D points mu +- sqrt(D) L e_d have mean mu and covariance L L^T: enough for what is quadratic in x.
    steps = dim**0.5 * scale.mT
    field = described("affine_field", matrix=matrix, offset=offset)
    implicit = student.ism_loss(field, torch.cat((mu + steps, mu - steps)))
    precision = torch.cholesky_inverse(scale)
    at_mean, spread = matrix @ mu + offset, (matrix + precision) @ scale
    explicit = 0.5 * (at_mean.square().sum() + spread.square().sum())
    assert_value(implicit + 0.5 * precision.trace(), explicit)


@question.check("law", points=0.75, examples=1)
@given(source=numbers())
def check_is_the_distance_to_any_score(student: Student, source: Numbers) -> None:
    """The same identity for a mixture of Gaussians and a network in one dimension, by quadrature."""
    field, parameters = network(source, 1), mixture_parameters(source, 2, 1)
    log_density = described("mixture_log_density", **parameters)
    score = described("mixture_score", **parameters)
    grid = torch.arange(-26.0, 27.0, dtype=torch.float64)[:, None] * 0.4
    weights = 0.4 * answer(_called, Arguments((log_density, grid))).exp()
    right, model = (answer(_called, Arguments((each, grid)))[:, 0] for each in (score, field))
    implicit = torch.stack([student.ism_loss(field, point[None]) for point in grid])
    explicit = 0.5 * (weights * (model - right).square()).sum()
    assert_value((weights * implicit).sum() + 0.5 * (weights * right.square()).sum(), explicit)


def _called(function: Field, x: Tensor) -> Tensor:
    return function(x)


# A loss without a gradient has none at the minimum either, so the values must be right.
@question.check("law", points=0.75, requires=check_values)
@given(source=numbers(), dim=st.sampled_from((1, 2, 5)))
def check_is_least_at_mean_and_variance(student: Student, source: Numbers, dim: int) -> None:
    """Among s(x) = -(x - m) / v it is stationary where m is the mean of the data and v their variance."""
    x = source.normal((7, dim), loc=0.5, scale=1.4)
    m, v = x.mean(0), x.var(0, correction=0)
    field = described("affine_field", matrix=torch.diag(-1 / v), offset=m / v)
    in_matrix, in_offset, _ = student.ism_loss.vjp((field, x), torch.ones((), dtype=torch.float64))
    assert_value((in_matrix.diagonal(), in_offset), (torch.zeros_like(v), torch.zeros_like(v)))


question.check("stress", points=1, requires=check_values, examples=4)(
    accurate_in(torch.float32, ism_loss, fields_at_points(batches=(3,)))
)
question.check("robustness", points=0.5, requires=check_values)(leaves_inputs_unchanged(fields_at_points()))
question.check("robustness", points=0.5, requires=check_values)(
    accepts_any_strides(ism_loss, fields_at_points(batches=(3,)))
)
question.check("behaviour", points=0.25, requires=check_values)(runs_on_other_devices(fields_at_points()))
question.check("behaviour", points=0.25, requires=check_values)(keeps_generators(fields_at_points()))


def rows(count: int) -> st.SearchStrategy[Arguments]:
    """A linear field in five dimensions at this many points."""
    return fields_at_points(makers=(affine,), batches=(count,), dims=(5,))


question.check("behaviour", points=0.5, requires=check_values)(does_constant_work(rows(3), rows(300)))

TWICE = "Fit s(x) = -x / v to data from N(0, 4) with your loss: your variance is off by a factor of 2."
SHRINKS = "Training shrinks the score to zero."


@question.misconception(TWICE)
def forgets_the_half(score_fn: Field, x: Tensor) -> Tensor:
    return (divergence(score_fn, x) + score_fn(x).square().sum(-1)).mean()


@question.misconception(TWICE)
def halves_both_terms(score_fn: Field, x: Tensor) -> Tensor:
    return 0.5 * (divergence(score_fn, x) + score_fn(x).square().sum(-1)).mean()


@question.misconception("A field that is zero everywhere has the loss 0: does any field have a lower one with yours?")
def forgets_the_trace(score_fn: Field, x: Tensor) -> Tensor:
    return 0.5 * score_fn(x).square().sum(-1).mean()


@question.misconception("Right minimiser, wrong scale: what is your loss for s(x) = -x / 4 and the data -2 and 2?")
def doubles_the_objective(score_fn: Field, x: Tensor) -> Tensor:
    return (2 * divergence(score_fn, x) + score_fn(x).square().sum(-1)).mean()


@question.misconception("Of s(x) = -x / v, with your loss, which v is best for any data: a wide one or a narrow one?")
def subtracts_the_trace(score_fn: Field, x: Tensor) -> Tensor:
    return (0.5 * score_fn(x).square().sum(-1) - divergence(score_fn, x)).mean()


@question.misconception("Can the first term of your loss ever be negative? It should be, near a mode.")
def squares_the_trace(score_fn: Field, x: Tensor) -> Tensor:
    return (divergence(score_fn, x).square() + 0.5 * score_fn(x).square().sum(-1)).mean()


@question.misconception("Repeat every data point: an average should not change.")
def sums_over_the_batch(score_fn: Field, x: Tensor) -> Tensor:
    return (divergence(score_fn, x) + 0.5 * score_fn(x).square().sum(-1)).sum()


@question.misconception(SHRINKS)
def detaches_the_trace(score_fn: Field, x: Tensor) -> Tensor:
    return (divergence(score_fn, x).detach() + 0.5 * score_fn(x).square().sum(-1)).mean()


@question.misconception(SHRINKS)
def leaves_the_trace_without_a_graph(score_fn: Field, x: Tensor) -> Tensor:
    with torch.enable_grad():
        points = x.detach().clone().requires_grad_()
        score = score_fn(points)
        rows = [torch.autograd.grad(score[:, d].sum(), points, retain_graph=True)[0] for d in range(x.shape[-1])]
        trace = sum(row[:, d] for d, row in enumerate(rows))
    return (trace + 0.5 * score_fn(x).square().sum(-1)).mean()


@question.misconception("Double a field of pure rotation: by what factor should its loss grow?")
def forgets_to_square_the_norm(score_fn: Field, x: Tensor) -> Tensor:
    result: Tensor = (divergence(score_fn, x) + 0.5 * score_fn(x).norm(dim=-1)).mean()
    return result


@question.misconception("The model is trained through both of its terms; does your gradient know the second one?")
def detaches_the_norm(score_fn: Field, x: Tensor) -> Tensor:
    return (divergence(score_fn, x) + 0.5 * score_fn(x).detach().square().sum(-1)).mean()


@question.misconception("Put two independent copies of a model side by side: the losses should add up.")
def averages_the_norm_over_dimensions(score_fn: Field, x: Tensor) -> Tensor:
    return (divergence(score_fn, x) + 0.5 * score_fn(x).square().mean(-1)).mean()


@question.misconception("Put two independent copies of a model side by side: the losses should add up.")
def averages_all_over_dimensions(score_fn: Field, x: Tensor) -> Tensor:
    jacobian = torch.func.vmap(torch.func.jacrev(score_fn))(x)
    result: Tensor = jacobian.diagonal(dim1=-2, dim2=-1).mean() + 0.5 * score_fn(x).square().mean()
    return result


@question.misconception("The shear s(x, y) = (y, 0) has zero divergence: which entries of the Jacobian do you add?")
def sums_all_entries_of_the_jacobian(score_fn: Field, x: Tensor) -> Tensor:
    jacobian = torch.func.vmap(torch.func.jacrev(score_fn))(x)
    result: Tensor = (jacobian.sum((-2, -1)) + 0.5 * score_fn(x).square().sum(-1)).mean()
    return result


@question.misconception("How many losses does one batch have?")
def returns_one_loss_per_point(score_fn: Field, x: Tensor) -> Tensor:
    return divergence(score_fn, x) + 0.5 * score_fn(x).square().sum(-1)


@question.misconception("Your answers are right to a few digits and no further: which limit do you stop short of?")
def takes_finite_differences(score_fn: Field, x: Tensor) -> Tensor:
    step = 1e-4
    trace = torch.zeros_like(x[:, 0])
    for d, axis in enumerate(torch.eye(x.shape[-1], dtype=x.dtype, device=x.device)):
        trace = trace + (score_fn(x + step * axis) - score_fn(x - step * axis))[:, d] / (2 * step)
    return (trace + 0.5 * score_fn(x).square().sum(-1)).mean()


@question.misconception("Which dtype went in, and which came out? A model in float32 cannot add the two.")
def returns_double(score_fn: Field, x: Tensor) -> Tensor:
    return (divergence(score_fn, x) + 0.5 * score_fn(x).square().sum(-1)).mean().double()


@question.misconception("Move the last data point far away: does your loss notice?")
def trains_on_the_first_point_only(score_fn: Field, x: Tensor) -> Tensor:
    return (divergence(score_fn, x[:1]) + 0.5 * score_fn(x[:1]).square().sum(-1)).mean()


@question.alternative
def contracts_the_jacobian(score_fn: Field, x: Tensor) -> Tensor:
    jacobian = torch.func.vmap(torch.func.jacrev(lambda point: score_fn(point[None])[0]))(x)
    score = score_fn(x)
    return torch.einsum("bii->", jacobian) / len(x) + torch.einsum("bi,bi->", score, score) / (2 * len(x))


@question.alternative
def accumulates_over_dimensions(score_fn: Field, x: Tensor) -> Tensor:
    with torch.enable_grad():
        points = x.detach().clone().requires_grad_(True)
        score = score_fn(points)
        loss = 0.5 * torch.linalg.vector_norm(score, dim=1) ** 2
        for d in range(x.shape[1]):
            row = torch.autograd.grad(score[:, d], points, torch.ones_like(score[:, d]), create_graph=True)[0]
            loss = loss + row[:, d]
        result: Tensor = loss.mean(dim=0)
        return result


@question.alternative
def pushes_each_axis_forward(score_fn: Field, x: Tensor) -> Tensor:
    eye = torch.eye(x.shape[-1], dtype=x.dtype, device=x.device)
    total = 0.5 * (score_fn(x) ** 2).sum()
    for axis in eye:
        _, slope, *_ = torch.func.jvp(score_fn, (x,), (axis.expand_as(x),))
        total = total + (slope * axis).sum()
    return total / x.shape[0]
