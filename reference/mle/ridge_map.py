"""mle.5: Bayesian linear regression, its posterior mode (Bishop 2006, eqs. 3.53 to 3.55).

w = argmax log N(y; X w, s2 I) + log N(w; 0, lambda^-1 I) = (X'X / s2 + lambda I)^-1 X'y / s2
"""

from __future__ import annotations

import math
from collections.abc import Sequence

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
    cotangents_like,
    does_constant_work,
    ignores_other_examples,
    keeps_generators,
    keeps_precision,
    leaves_inputs_unchanged,
    matches_oracle,
    oracle_vjp,
    runs_on_other_devices,
)
from grader.strategies import BATCH_SHAPES, Numbers, Shape, numbers
from reference.mle._batches import ONE_BATCH_DIMENSION, SEVERAL_EXAMPLES, THREE_EXAMPLES
from reference.mle._exact import exact_ridge_map

# Ten times the worst error of six correct variants on 900 draws; the worst is the explicit inverse, with 1e-5.
LARGE_INPUTS = Tolerance(rtol=1e-4, atol=1e-4)

# The same for float32: 2e-6, when solved in the space of the data.
SINGLE = Tolerance(rtol=2e-5, atol=2e-5)

# Half from the prior that is left, half from rounding when solved in the space of the data: 2e-7.
NEARLY_NO_PRIOR = Tolerance(rtol=1e-5, atol=1e-5)

question = Question(id="mle.5", functions=["ridge_map"], title="Most probable weights of a linear model")


@question.oracle
def ridge_map(X: Tensor, y: Tensor, noise_var: float, prior_precision: float) -> Tensor:
    """Weights [*batch, features]; X is [*batch, n, features], y [*batch, n]."""
    # Scaled by the noise, so that the matrix is X'X + noise_var * prior_precision I.
    gram = X.mT @ X
    penalty = noise_var * prior_precision * torch.eye(X.shape[-1], dtype=X.dtype, device=X.device)
    w: Tensor = torch.linalg.solve(gram + penalty, X.mT @ y.unsqueeze(-1))
    return w.squeeze(-1)


WELL_POSED = ((3, 2), (5, 2), (11, 5), (7, 1))
"""Rows and features of problems with more data than unknowns."""

UNDERDETERMINED = ((2, 5), (3, 7), (1, 2))
"""Rows and features of problems that the prior alone makes solvable."""


def draw_problem(source: Numbers, batch: Shape, rows: int, features: int) -> Arguments:
    """Arguments (X, y, noise_var, prior_precision); neither number, nor their product, is near 1."""
    X, y = source.normal((*batch, rows, features)), source.normal((*batch, rows), scale=2.0)
    noise_var, prior_precision = (float(source.uniform((), low=low, high=low + 0.4)) for low in (0.2, 2.6))
    return arguments(X, y, noise_var, prior_precision)


@st.composite
def problems(
    draw: st.DrawFn,
    *,
    batch_shapes: Sequence[Shape] = BATCH_SHAPES,
    sizes: Sequence[tuple[int, int]] = (*WELL_POSED, *UNDERDETERMINED),
) -> Arguments:
    """Arguments (X, y, noise_var, prior_precision)."""
    batch, (rows, features) = draw(st.sampled_from(batch_shapes)), draw(st.sampled_from(sizes))
    return draw_problem(draw(numbers()), batch, rows, features)


check_values = question.check("value", points=5.5, description="Equals the posterior mode where data are plenty.")(
    matches_oracle(ridge_map, problems(batch_shapes=((),), sizes=WELL_POSED))
)
question.check(
    "value",
    points=1.5,
    requires=check_values,
    name="values_with_fewer_points_than_features",
    description="Equals the posterior mode where there are fewer points than features.",
)(matches_oracle(ridge_map, problems(batch_shapes=((),), sizes=UNDERDETERMINED)))
question.check(
    "value",
    points=1,
    requires=check_values,
    name="values_for_a_batch",
    description="Solves every problem of a batch, for any number of batch dimensions.",
)(matches_oracle(ridge_map, problems(batch_shapes=((1,), *SEVERAL_EXAMPLES), sizes=WELL_POSED)))

question.check("precision", points=1, requires=check_values)(
    keeps_precision(ridge_map, problems(batch_shapes=((),), sizes=WELL_POSED))
)


@question.check("gradient", points=1.5)
@given(inputs=problems(sizes=WELL_POSED), source=numbers())
def check_gradients_in_targets(student: Student, inputs: Arguments, source: Numbers) -> None:
    """Has the right gradient in y."""
    weights = cotangents_like(ridge_map(*inputs.args), source)
    assert_value(student.ridge_map.vjp(inputs.args, weights)[1], oracle_vjp(ridge_map, inputs, weights)[1])


@question.check("gradient", points=2.5)
@given(inputs=problems(sizes=WELL_POSED), source=numbers())
def check_gradients_in_inputs(student: Student, inputs: Arguments, source: Numbers) -> None:
    """Has the right gradient in X."""
    weights = cotangents_like(ridge_map(*inputs.args), source)
    assert_value(student.ridge_map.vjp(inputs.args, weights)[0], oracle_vjp(ridge_map, inputs, weights)[0])


@question.check("law", points=1)
@given(inputs=problems(sizes=WELL_POSED))
def check_is_stationary(student: Student, inputs: Arguments) -> None:
    """The gradient of the log-posterior is zero at the result."""
    X, y, noise_var, prior_precision = inputs.args
    w = student.ridge_map(*inputs.args)
    residual = y - torch.einsum("...nd,...d->...n", X, w)
    pull = torch.einsum("...nd,...n->...d", X, residual) / noise_var
    assert_value(pull, prior_precision * w)


@question.check("law", points=0.25)
@given(inputs=problems(sizes=((7, 2), (11, 5))))
def check_becomes_least_squares(student: Student, inputs: Arguments) -> None:
    """A prior that says nothing leaves least squares."""
    X, y, noise_var, _ = inputs.args
    least_squares = torch.linalg.lstsq(X, y.unsqueeze(-1)).solution.squeeze(-1)
    assert_value(student.ridge_map(X, y, noise_var, 1e-7), least_squares, tolerance=NEARLY_NO_PRIOR)


@question.check("law", points=0.25)
@given(inputs=problems())
def check_becomes_the_prior(student: Student, inputs: Arguments) -> None:
    """A prior that is certain leaves X'y / noise_var of the data, divided by its precision."""
    X, y, noise_var, _ = inputs.args
    pull = torch.einsum("...nd,...n->...d", X, y) / noise_var
    assert_value(1e12 * student.ridge_map(X, y, noise_var, 1e12), pull)


@question.check("law", points=0.5)
@given(inputs=problems())
def check_shrinks(student: Student, inputs: Arguments) -> None:
    """A more precise prior gives shorter weights."""
    X, y, noise_var, prior_precision = inputs.args
    lengths = [student.ridge_map(X, y, noise_var, f * prior_precision).square().sum(-1) for f in (0.4, 1.0, 3.0)]
    expect((lengths[0] > lengths[1]) & (lengths[1] > lengths[2]), "the weights are not shorter for a stronger prior.")


@question.check("law", points=0.5)
@given(inputs=problems())
def check_counts_the_data(student: Student, inputs: Arguments) -> None:
    """Seeing all data twice is like seeing them once with half the noise, and unlike seeing them once."""
    X, y, noise_var, prior_precision = inputs.args
    twice = student.ridge_map(torch.cat((X, X), dim=-2), torch.cat((y, y), dim=-1), noise_var, prior_precision)
    assert_value(twice, student.ridge_map(X, y, noise_var / 2, prior_precision))
    once = student.ridge_map(X, y, noise_var, prior_precision)
    expect(twice.square().sum(-1) > once.square().sum(-1), "seeing the data twice does not outweigh the prior more.")


@question.check("law", points=0.25)
@given(inputs=problems(), factor=st.sampled_from((-3.0, 0.2, 7.0)))
def check_follows_the_scale_of_the_targets(student: Student, inputs: Arguments, factor: float) -> None:
    """Multiplying y by a number multiplies the weights by it."""
    X, y, noise_var, prior_precision = inputs.args
    w = student.ridge_map(X, y, noise_var, prior_precision)
    assert_value(student.ridge_map(X, factor * y, noise_var, prior_precision), factor * w)
    expect(w.abs() > 0, "a weight is zero although data speak for another value.")


def change_all_but_first(inputs: Arguments, source: Numbers) -> Arguments:
    """Other data for every problem but the first."""
    X, y, noise_var, prior_precision = inputs.args
    others = source.normal(tuple(X[1:].shape)), source.normal(tuple(y[1:].shape))
    return arguments(torch.cat((X[:1], others[0])), torch.cat((y[:1], others[1])), noise_var, prior_precision)


question.check("law", points=0.25, requires=check_values)(
    ignores_other_examples(problems(batch_shapes=ONE_BATCH_DIMENSION, sizes=WELL_POSED), change_all_but_first)
)


@question.check("stress", points=0.75, requires=check_values)
@given(inputs=problems(batch_shapes=((),), sizes=((5, 2), (11, 5), (3, 7))))
def check_accepts_collinear_columns(student: Student, inputs: Arguments) -> None:
    """Stays exact where one column of X is a multiple of another."""
    X, y, noise_var, prior_precision = inputs.args
    X = torch.cat((X, X[:, :1], 2 * X[:, 1:2]), dim=-1)
    got = student.ridge_map(X, y, noise_var, prior_precision)
    assert_value(got, exact_ridge_map(X, y, noise_var, prior_precision))


@question.check("stress", points=0.75)
@given(inputs=problems(batch_shapes=((),), sizes=((5, 2), (11, 5), (3, 7))))
def check_accepts_large_inputs(student: Student, inputs: Arguments) -> None:
    """Stays accurate where X is of the order of 1e4."""
    X, y, noise_var, prior_precision = inputs.args
    got = student.ridge_map(1e4 * X, y, noise_var, prior_precision)
    exact = exact_ridge_map(1e4 * X, y, noise_var, prior_precision)
    assert_value(1e4 * got, 1e4 * exact, tolerance=LARGE_INPUTS)


question.check("stress", points=0.5)(
    accurate_in(torch.float32, ridge_map, problems(sizes=WELL_POSED), tolerance=SINGLE)
)

question.check("robustness", points=0.25, requires=check_values)(
    leaves_inputs_unchanged(problems(batch_shapes=THREE_EXAMPLES, sizes=WELL_POSED))
)
question.check("robustness", points=0.5, requires=check_values)(
    accepts_any_strides(ridge_map, problems(batch_shapes=THREE_EXAMPLES, sizes=WELL_POSED))
)
question.check("robustness", points=0.25, requires=check_values)(
    accepts_empty_batches(problems(batch_shapes=((0,), (0, 3)), sizes=WELL_POSED), ridge_map)
)
question.check("behaviour", points=0.25, requires=check_values)(
    runs_on_other_devices(problems(batch_shapes=THREE_EXAMPLES, sizes=WELL_POSED))
)
question.check("behaviour", points=0.25, requires=check_values)(
    keeps_generators(problems(batch_shapes=THREE_EXAMPLES, sizes=WELL_POSED))
)
question.check("behaviour", points=0.25, requires=check_values)(
    does_constant_work(
        problems(batch_shapes=((3,),), sizes=((7, 2),)), problems(batch_shapes=((300,),), sizes=((7, 2),))
    )
)
question.check(
    "behaviour",
    points=0.25,
    requires=check_values,
    name="does_not_loop_over_the_data",
    description="Handles the data with tensor operations, not with a Python loop.",
)(does_constant_work(problems(batch_shapes=((),), sizes=((7, 2),)), problems(batch_shapes=((),), sizes=((300, 2),))))

NO_PRIOR = "Set prior_precision near 0: do you recover least squares?"
STRONGER = "The prior gets narrower as prior_precision grows: what should that do to the length of w?"


@question.misconception("Halve the noise: should the prior matter more or less?")
def forgets_the_noise(X: Tensor, y: Tensor, noise_var: float, prior_precision: float) -> Tensor:
    eye = torch.eye(X.shape[-1], dtype=X.dtype, device=X.device)
    w: Tensor = torch.linalg.solve(X.mT @ X + prior_precision * eye, X.mT @ y[..., None])
    return w[..., 0]


@question.misconception("If residuals are typically 3 long, what is noise_var?")
def squares_the_noise_again(X: Tensor, y: Tensor, noise_var: float, prior_precision: float) -> Tensor:
    eye = torch.eye(X.shape[-1], dtype=X.dtype, device=X.device)
    w: Tensor = torch.linalg.solve(X.mT @ X + noise_var**2 * prior_precision * eye, X.mT @ y[..., None])
    return w[..., 0]


@question.misconception(STRONGER)
def takes_the_precision_for_a_variance(X: Tensor, y: Tensor, noise_var: float, prior_precision: float) -> Tensor:
    eye = torch.eye(X.shape[-1], dtype=X.dtype, device=X.device)
    w: Tensor = torch.linalg.solve(X.mT @ X + noise_var / prior_precision * eye, X.mT @ y[..., None])
    return w[..., 0]


@question.misconception(STRONGER)
def takes_the_precision_for_a_standard_deviation(
    X: Tensor, y: Tensor, noise_var: float, prior_precision: float
) -> Tensor:
    eye = torch.eye(X.shape[-1], dtype=X.dtype, device=X.device)
    w: Tensor = torch.linalg.solve(X.mT @ X + noise_var / prior_precision**2 * eye, X.mT @ y[..., None])
    return w[..., 0]


@question.misconception("The prior of every weight is independent of the others: which entries of X'X may it change?")
def adds_the_precision_to_every_entry(X: Tensor, y: Tensor, noise_var: float, prior_precision: float) -> Tensor:
    w: Tensor = torch.linalg.solve(X.mT @ X + noise_var * prior_precision, X.mT @ y[..., None])
    return w[..., 0]


@question.misconception("Doubling N changed the effective prior.")
def averages_over_the_data(X: Tensor, y: Tensor, noise_var: float, prior_precision: float) -> Tensor:
    eye, n = torch.eye(X.shape[-1], dtype=X.dtype, device=X.device), X.shape[-2]
    w: Tensor = torch.linalg.solve(X.mT @ X / n + noise_var * prior_precision * eye, X.mT @ y[..., None] / n)
    return w[..., 0]


@question.misconception(NO_PRIOR)
def forgets_the_noise_of_the_gram_matrix(X: Tensor, y: Tensor, noise_var: float, prior_precision: float) -> Tensor:
    eye = torch.eye(X.shape[-1], dtype=X.dtype, device=X.device)
    w: Tensor = torch.linalg.solve(X.mT @ X + prior_precision * eye, X.mT @ y[..., None] / noise_var)
    return w[..., 0]


@question.misconception(NO_PRIOR)
def forgets_the_noise_on_one_side(X: Tensor, y: Tensor, noise_var: float, prior_precision: float) -> Tensor:
    eye = torch.eye(X.shape[-1], dtype=X.dtype, device=X.device)
    w: Tensor = torch.linalg.solve(X.mT @ X / noise_var + prior_precision * eye, X.mT @ y[..., None])
    return w[..., 0]


@question.misconception("With fewer points than features X'X has no inverse; has the posterior still one maximum?")
def inverts_before_it_regularises(X: Tensor, y: Tensor, noise_var: float, prior_precision: float) -> Tensor:
    eye = torch.eye(X.shape[-1], dtype=X.dtype, device=X.device)
    inverse = torch.inverse(X.mT @ X)
    least_squares = inverse @ X.mT @ y[..., None]
    w: Tensor = torch.linalg.solve(eye + noise_var * prior_precision * inverse, least_squares)
    return w[..., 0]


@question.misconception("Make prior_precision 1e6: how far from zero may w still be?")
def ignores_the_prior(X: Tensor, y: Tensor, noise_var: float, prior_precision: float) -> Tensor:
    w: Tensor = torch.linalg.pinv(X) @ y[..., None]
    return w[..., 0]


@question.misconception("Let X'X have the eigenvalues 1 and 100: does the prior shrink both directions alike?")
def shrinks_all_directions_alike(X: Tensor, y: Tensor, noise_var: float, prior_precision: float) -> Tensor:
    w: Tensor = torch.linalg.pinv(X) @ y[..., None]
    return w[..., 0] / (1 + prior_precision)


@question.misconception("Three problems at once: X has the shape [3, N, D]. What shape has X.T?")
def transposes_all_dimensions(X: Tensor, y: Tensor, noise_var: float, prior_precision: float) -> Tensor:
    transposed = X.permute(*reversed(range(X.dim())))
    eye = torch.eye(X.shape[-1], dtype=X.dtype, device=X.device)
    w: Tensor = torch.linalg.solve(transposed @ X + noise_var * prior_precision * eye, transposed @ y)
    return w


@question.misconception("Change the data of the second problem: should the weights of the first one move?")
def pools_the_batch(X: Tensor, y: Tensor, noise_var: float, prior_precision: float) -> Tensor:
    rows = X.reshape(-1, X.shape[-1])
    eye = torch.eye(X.shape[-1], dtype=X.dtype, device=X.device)
    w: Tensor = torch.linalg.solve(rows.mT @ rows + noise_var * prior_precision * eye, rows.mT @ y.reshape(-1))
    return w.expand(*X.shape[:-2], -1)


@question.misconception("Your answers are right to seven digits and no further; where do the others get lost?")
def makes_float32_constants(X: Tensor, y: Tensor, noise_var: float, prior_precision: float) -> Tensor:
    ridge = (torch.tensor(noise_var * prior_precision) * torch.eye(X.shape[-1], device=X.device)).to(X.dtype)
    w: Tensor = torch.linalg.solve(X.mT @ X + ridge, X.mT @ y[..., None])
    return w[..., 0]


@question.misconception("Move one input a little: the fit changes. Does your gradient in X know of it?")
def treats_the_gram_matrix_as_a_constant(X: Tensor, y: Tensor, noise_var: float, prior_precision: float) -> Tensor:
    eye = torch.eye(X.shape[-1], dtype=X.dtype, device=X.device)
    gram = (X.mT @ X).detach()
    w: Tensor = torch.linalg.solve(gram + noise_var * prior_precision * eye, X.mT @ y[..., None])
    return w[..., 0]


@question.misconception(
    "Python visits the points one after another; which single operation adds up x x' over all of them?"
)
def loops_over_the_data(X: Tensor, y: Tensor, noise_var: float, prior_precision: float) -> Tensor:
    gram = noise_var * prior_precision * torch.eye(X.shape[-1], dtype=X.dtype, device=X.device)
    moment = torch.zeros_like(X[..., 0, :])
    for n in range(X.shape[-2]):
        row = X[..., n, :]
        gram = gram + row[..., :, None] * row[..., None, :]
        moment = moment + row * y[..., n : n + 1]
    w: Tensor = torch.linalg.solve(gram, moment[..., None])
    return w[..., 0]


@question.alternative
def factorises_with_cholesky(X: Tensor, y: Tensor, noise_var: float, prior_precision: float) -> Tensor:
    precision = torch.einsum("...nd,...ne->...de", X, X) / noise_var
    precision = precision + prior_precision * torch.eye(X.shape[-1], dtype=X.dtype, device=X.device)
    moment = torch.einsum("...nd,...n->...d", X, y) / noise_var
    return torch.cholesky_solve(moment.unsqueeze(-1), torch.linalg.cholesky(precision)).squeeze(-1)


@question.alternative
def inverts_the_posterior_precision(X: Tensor, y: Tensor, noise_var: float, prior_precision: float) -> Tensor:
    transposed = X.transpose(-2, -1)
    precision = transposed @ X / noise_var + torch.diag_embed(torch.full_like(X[..., 0, :], prior_precision))
    w: Tensor = torch.inverse(precision) @ (transposed @ y[..., None]) / noise_var
    return w.squeeze(-1)


@question.alternative
def solves_least_squares_with_prior_rows(X: Tensor, y: Tensor, noise_var: float, prior_precision: float) -> Tensor:
    features = X.shape[-1]
    prior_rows = math.sqrt(noise_var * prior_precision) * torch.eye(features, dtype=X.dtype, device=X.device)
    rows = torch.cat((X, prior_rows.expand(*X.shape[:-2], features, features)), dim=-2)
    targets = torch.cat((y, torch.zeros_like(X[..., 0, :])), dim=-1)
    w: Tensor = torch.linalg.lstsq(rows, targets.unsqueeze(-1)).solution
    return w.squeeze(-1)


@question.alternative
def solves_in_the_space_of_the_data(X: Tensor, y: Tensor, noise_var: float, prior_precision: float) -> Tensor:
    kernel = X @ X.mT + noise_var * prior_precision * torch.eye(X.shape[-2], dtype=X.dtype, device=X.device)
    w: Tensor = X.mT @ torch.linalg.solve(kernel, y.unsqueeze(-1))
    return w.squeeze(-1)


@question.alternative
def filters_singular_values(X: Tensor, y: Tensor, noise_var: float, prior_precision: float) -> Tensor:
    U, S, Vh = torch.linalg.svd(X, full_matrices=False)
    projected = (U.mT @ y[..., None])[..., 0]
    w: Tensor = Vh.mT @ (S / (S**2 + noise_var * prior_precision) * projected)[..., None]
    return w[..., 0]
