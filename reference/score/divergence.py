"""score.4: the divergence of a vector field, tr(ds/dx), exactly."""

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
    accepts_empty_batches,
    accurate_in,
    answer,
    does_constant_work,
    ignores_other_examples,
    keeps_generators,
    keeps_precision,
    leaves_inputs_unchanged,
    matches_oracle,
    runs_on_other_devices,
)
from grader.strategies import Numbers, numbers
from reference.score._fields import (
    CURVED,
    affine,
    change_other_rows,
    fields_at_points,
    mixture,
    network,
    random_gradient,
)

Field = Callable[[Tensor], Tensor]

question = Question(id="score.4", functions=["divergence"], title="The exact divergence of a field")


@question.oracle
def divergence(score_fn: Field, x: Tensor) -> Tensor:
    """Row by row, from the whole Jacobian; x is [batch, dim], the result [batch]."""
    jacobian: Tensor = torch.func.vmap(torch.func.jacrev(score_fn))(x)
    return jacobian.diagonal(dim1=-2, dim2=-1).sum(-1)


check_values = question.check("value", points=5, description="Is the trace of the Jacobian at a point.")(
    matches_oracle(divergence, fields_at_points(batches=(1,)))
)
question.check(
    "value",
    points=1,
    requires=check_values,
    name="values_for_a_batch",
    description="Gives one number for each point of a batch.",
)(matches_oracle(divergence, fields_at_points(batches=(3, 7))))
question.check("precision", points=0.75, requires=check_values)(keeps_precision(divergence, fields_at_points()))


@question.check("gradient", points=1.75)
@given(inputs=fields_at_points(), source=numbers())
def check_gradients_reach_the_parameters(student: Student, inputs: Arguments, source: Numbers) -> None:
    """Can be differentiated in the parameters of the field."""
    weights, right = random_gradient(divergence, inputs, source)
    assert_value(student.divergence.vjp(inputs.args, weights)[:-1], right[:-1])


@question.check("gradient", points=1.25)
@given(inputs=fields_at_points(makers=CURVED), source=numbers())
def check_gradients_reach_the_points(student: Student, inputs: Arguments, source: Numbers) -> None:
    """Can be differentiated in x, where x requires a gradient."""
    weights, right = random_gradient(divergence, inputs, source)
    assert_value(student.divergence.vjp(inputs.args, weights)[-1], right[-1])


@question.check("law", points=1)
@given(source=numbers(), dim=st.sampled_from((2, 5)))
def check_sees_sources_and_no_rotation(student: Student, source: Numbers, dim: int) -> None:
    """Of a linear field A x is tr A: zero for a rotation, and for a rotation that also grows, the growth alone."""
    half, growth, x = source.normal((dim, dim)), source.normal((dim,)), source.normal((1, dim))
    rotation, offset = half - half.mT, source.normal((dim,))
    turning = described("affine_field", matrix=rotation, offset=offset)
    growing = described("affine_field", matrix=rotation + torch.diag(growth), offset=offset)
    assert_value(student.divergence(turning, x), torch.zeros(1, dtype=torch.float64))
    assert_value(student.divergence(growing, x), growth.sum()[None])


@question.check("law", points=0.75, requires=check_sees_sources_and_no_rotation)
@given(source=numbers(), dim=st.sampled_from((2, 5)))
def check_ignores_the_coordinate_system(student: Student, source: Numbers, dim: int) -> None:
    """Seen from turned axes, a sum of two fields has the divergences of both, added, at the same place."""
    first, second = mixture(source, dim), network(source, dim)
    rotation, x = source.orthogonal(dim), source.normal((1, dim))
    both = described("sum_of_fields", first=first, second=second)
    turned = student.divergence(described("turned_field", field=both, rotation=rotation), x @ rotation.mT)
    assert_value(turned, student.divergence(first, x) + student.divergence(second, x))


question.check("law", points=0.5, requires=check_values)(
    ignores_other_examples(fields_at_points(batches=(2, 3)), change_other_rows)
)


@question.check("stress", points=0.75, requires=check_values, examples=2)
@given(source=numbers())
def check_handles_many_dimensions(student: Student, source: Numbers) -> None:
    """Is right in 40 dimensions, where nearly all entries of the Jacobian do not count."""
    field, x = network(source, 40), source.normal((2, 40))
    assert_value(student.divergence(field, x), answer(divergence, Arguments((field, x))))


question.check("stress", points=0.75, requires=check_values, examples=4)(
    accurate_in(torch.float32, divergence, fields_at_points(batches=(3,)))
)
question.check("robustness", points=0.25, requires=check_values)(leaves_inputs_unchanged(fields_at_points()))
question.check("robustness", points=0.25, requires=check_values)(
    accepts_any_strides(divergence, fields_at_points(batches=(3,)))
)
question.check("robustness", points=0.25, requires=check_values)(
    accepts_empty_batches(fields_at_points(batches=(0,)), divergence)
)
question.check("behaviour", points=0.25, requires=check_values)(runs_on_other_devices(fields_at_points()))
question.check("behaviour", points=0.25, requires=check_values)(keeps_generators(fields_at_points()))


def rows(count: int) -> st.SearchStrategy[Arguments]:
    """A linear field in five dimensions at this many points."""
    return fields_at_points(makers=(affine,), batches=(count,), dims=(5,))


question.check("behaviour", points=0.25, requires=check_values)(does_constant_work(rows(3), rows(300)))

NO_GRAPH = "Your values are right; now train with them. What does your divergence still depend on?"


@question.misconception("The shear s(x, y) = (y, 0) has zero divergence; yours does not.")
def sums_all_entries_of_the_jacobian(score_fn: Field, x: Tensor) -> Tensor:
    with torch.enable_grad():
        points = x if x.requires_grad else x.detach().requires_grad_()
        return torch.autograd.grad(score_fn(points).sum(), points, create_graph=True)[0].sum(-1)


@question.misconception("Write out which entries of a 3 x 3 Jacobian you add up: do they lie on its diagonal?")
def strides_along_a_column(score_fn: Field, x: Tensor) -> Tensor:
    jacobian = torch.func.vmap(torch.func.jacrev(score_fn))(x)
    result: Tensor = jacobian.reshape(len(x), -1)[:, :: x.shape[-1]].sum(-1)
    return result


@question.misconception(
    "For a batch of points, how many numbers does your function return, and how many points are there?"
)
def returns_the_diagonal(score_fn: Field, x: Tensor) -> Tensor:
    jacobian = torch.func.vmap(torch.func.jacrev(score_fn))(x)
    result: Tensor = jacobian.diagonal(dim1=-2, dim2=-1)
    return result


@question.misconception(
    "In two dimensions your second call of grad finds nothing to go through: what did the first leave?"
)
def frees_the_graph(score_fn: Field, x: Tensor) -> Tensor:
    with torch.enable_grad():
        points = x if x.requires_grad else x.detach().requires_grad_()
        score = score_fn(points)
        trace = torch.zeros_like(points[:, 0])
        for d in range(x.shape[-1]):
            trace = trace + torch.autograd.grad(score[:, d].sum(), points)[0][:, d]
    return trace


@question.misconception(NO_GRAPH)
def keeps_the_graph_but_makes_none(score_fn: Field, x: Tensor) -> Tensor:
    with torch.enable_grad():
        points = x if x.requires_grad else x.detach().requires_grad_()
        score = score_fn(points)
        rows = [torch.autograd.grad(score[:, d].sum(), points, retain_graph=True)[0][:, d] for d in range(x.shape[-1])]
    return torch.stack(rows).sum(0)


@question.misconception(NO_GRAPH)
def detaches_the_trace(score_fn: Field, x: Tensor) -> Tensor:
    jacobian = torch.func.vmap(torch.func.jacrev(score_fn))(x)
    return torch.einsum("bii->b", jacobian).detach()


@question.misconception("x required a gradient when it came in; can your result be differentiated in that x?")
def detaches_the_points(score_fn: Field, x: Tensor) -> Tensor:
    with torch.enable_grad():
        points = x.detach().clone().requires_grad_()
        score = score_fn(points)
        trace = torch.zeros_like(points[:, 0])
        for d in range(x.shape[-1]):
            trace = trace + torch.autograd.grad(score[:, d].sum(), points, create_graph=True)[0][:, d]
    return trace


@question.misconception("Three points need three divergences; which of them is yours?")
def averages_over_the_batch(score_fn: Field, x: Tensor) -> Tensor:
    jacobian = torch.func.vmap(torch.func.jacrev(score_fn))(x)
    trace = torch.einsum("bii->b", jacobian)
    return trace.mean().expand(trace.shape)


@question.misconception("Double a batch by repeating it: why do your divergences halve?")
def differentiates_the_mean_of_the_batch(score_fn: Field, x: Tensor) -> Tensor:
    with torch.enable_grad():
        points = x if x.requires_grad else x.detach().requires_grad_()
        score = score_fn(points)
        trace = torch.zeros_like(points[:, 0])
        for d in range(x.shape[-1]):
            trace = trace + torch.autograd.grad(score[:, d].mean(), points, create_graph=True)[0][:, d]
    return trace


@question.misconception("The field s(x) = x has one unit of divergence for each dimension; how many does yours have?")
def averages_over_the_dimensions(score_fn: Field, x: Tensor) -> Tensor:
    jacobian = torch.func.vmap(torch.func.jacrev(score_fn))(x)
    result: Tensor = jacobian.diagonal(dim1=-2, dim2=-1).mean(-1)
    return result


@question.misconception("Which sign has the divergence of s(x) = x, a field that flows outwards?")
def measures_the_inflow(score_fn: Field, x: Tensor) -> Tensor:
    jacobian = torch.func.vmap(torch.func.jacrev(score_fn))(x)
    return -torch.einsum("bii->b", jacobian)


@question.misconception("Add up the determinant and the trace of diag(2, 3): which of the two should be 5?")
def takes_the_determinant(score_fn: Field, x: Tensor) -> Tensor:
    result: Tensor = torch.linalg.det(torch.func.vmap(torch.func.jacrev(score_fn))(x))
    return result


@question.misconception("Your answers are right to a few digits and no further: which limit do you stop short of?")
def takes_finite_differences(score_fn: Field, x: Tensor) -> Tensor:
    step = 1e-4
    trace = torch.zeros_like(x[:, 0])
    for d, axis in enumerate(torch.eye(x.shape[-1], dtype=x.dtype, device=x.device)):
        trace = trace + (score_fn(x + step * axis) - score_fn(x - step * axis))[:, d] / (2 * step)
    return trace


@question.misconception("Which dtype went in, and which came out? A model in float32 cannot add the two.")
def returns_double(score_fn: Field, x: Tensor) -> Tensor:
    jacobian = torch.func.vmap(torch.func.jacrev(score_fn))(x)
    return torch.einsum("bii->b", jacobian).double()


@question.misconception("Try a field in 40 dimensions: how many of its diagonal entries do you look at?")
def looks_at_the_first_dimensions_only(score_fn: Field, x: Tensor) -> Tensor:
    jacobian = torch.func.vmap(torch.func.jacrev(score_fn))(x)
    result: Tensor = jacobian.diagonal(dim1=-2, dim2=-1)[:, :10].sum(-1)
    return result


@question.misconception(
    "Your diagonal runs through the batch: over which two dimensions of [batch, dim, dim] should it run?"
)
def takes_the_diagonal_of_batch_and_rows(score_fn: Field, x: Tensor) -> Tensor:
    jacobian = torch.func.vmap(torch.func.jacrev(score_fn))(x)
    result: Tensor = torch.diagonal(jacobian).sum(-1)
    return result


@question.misconception(
    "For a batch of points, how many numbers does your function return, and how many points are there?"
)
def returns_the_mean_of_the_batch(score_fn: Field, x: Tensor) -> Tensor:
    jacobian = torch.func.vmap(torch.func.jacrev(score_fn))(x)
    return torch.einsum("bii->b", jacobian).mean()


@question.misconception(
    "For a batch of points, how many numbers does your function return, and how many points are there?"
)
def returns_the_sum_of_the_batch(score_fn: Field, x: Tensor) -> Tensor:
    jacobian = torch.func.vmap(torch.func.jacrev(score_fn))(x)
    return torch.einsum("bii->", jacobian)


@question.misconception("Three points need three divergences; which of them is yours?")
def adds_up_the_batch(score_fn: Field, x: Tensor) -> Tensor:
    jacobian = torch.func.vmap(torch.func.jacrev(score_fn))(x)
    return torch.einsum("bii->", jacobian).expand(len(x))


@question.misconception("Write out which entries of a 3 x 3 Jacobian you add up: do all of its diagonal?")
def leaves_out_the_last_dimension(score_fn: Field, x: Tensor) -> Tensor:
    jacobian = torch.func.vmap(torch.func.jacrev(score_fn))(x)
    result: Tensor = jacobian.diagonal(dim1=-2, dim2=-1)[:, :-1].sum(-1)
    return result


@question.alternative
def takes_the_trace_of_the_jacobian(score_fn: Field, x: Tensor) -> Tensor:
    jacobian = torch.func.vmap(torch.func.jacrev(lambda point: score_fn(point[None])[0]))(x)
    return torch.einsum("bii->b", jacobian)


@question.alternative
def pushes_each_axis_forward(score_fn: Field, x: Tensor) -> Tensor:
    eye = torch.eye(x.shape[-1], dtype=x.dtype, device=x.device)
    total = 0.0 * x.sum(-1)
    for d in range(x.shape[-1]):
        _, slope, *_ = torch.func.jvp(score_fn, (x,), (eye[d].expand_as(x),))
        total = total + slope[:, d]
    return total


@question.alternative
def contracts_with_every_axis(score_fn: Field, x: Tensor) -> Tensor:
    with torch.enable_grad():
        points = x.clone()
        if not points.requires_grad:
            points.requires_grad_()
        score = score_fn(points)
        parts = []
        for d in range(x.shape[-1]):
            weights = torch.zeros_like(score)
            weights[:, d] = 1.0
            (row,) = torch.autograd.grad(score, points, grad_outputs=weights, create_graph=True, retain_graph=True)
            parts.append(row.select(-1, d))
        return torch.stack(parts, dim=-1).sum(dim=-1)


@question.alternative
def repeats_the_batch_along_the_axes(score_fn: Field, x: Tensor) -> Tensor:
    batch, dim = x.shape
    with torch.enable_grad():
        leaf = torch.zeros(dim, batch, dim, dtype=x.dtype, device=x.device).requires_grad_()
        copies = (x + leaf).reshape(dim * batch, dim)
        score = score_fn(copies).reshape(dim, batch, dim)
        diagonal = torch.stack([score[d, :, d] for d in range(dim)]).sum()
        rows = torch.autograd.grad(diagonal, leaf, create_graph=True)[0]
        return torch.stack([rows[d, :, d] for d in range(dim)]).sum(0)
