"""mle.6: the MAP objective for one data point, estimated from a minibatch (Bishop 2006, eq. 3.55).

loss = -1/M sum_i log p(x_i | theta) + lambda / (2 N) |theta|^2,  theta ~ N(0, lambda^-1 I)
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import hypothesis.strategies as st
import torch
from hypothesis import given
from torch import Tensor

from grader.compare import assert_value, expect
from grader.question import Question
from grader.remote import Student
from grader.standard import (
    Arguments,
    accepts_any_strides,
    accurate_in,
    arguments,
    does_constant_work,
    gradients_match,
    keeps_generators,
    keeps_precision,
    leaves_inputs_unchanged,
    matches_oracle,
    oracle_vjp,
    runs_on_other_devices,
)
from grader.strategies import Numbers, Shape, numbers

question = Question(
    id="mle.6",
    functions=["map_objective"],
    title="MAP objective of a minibatch",
    exempt={"fails_on_empty": "the average of no log-likelihoods is not defined"},
)


@question.oracle
def map_objective(log_lik: Tensor, params: Sequence[Tensor], prior_precision: float, dataset_size: int) -> Tensor:
    """Loss per data point, 0-dim; log_lik is [minibatch], the tensors of params have any shapes."""
    squares = sum((tensor.square().sum() for tensor in params), start=log_lik.new_zeros(()))
    return -log_lik.mean() + prior_precision / (2 * dataset_size) * squares


PARAMETERS: tuple[tuple[Shape, ...], ...] = (((2, 5),), ((2, 5), (5,)), ((3, 2, 2), (), (7,), (1, 3)))
"""Shapes of parameters: one tensor, a layer, and many; a 0-dim tensor among them."""


def draw_step(source: Numbers, minibatch: int, shapes: Sequence[Shape]) -> Arguments:
    """Arguments (log_lik, params, prior_precision, dataset_size)."""
    log_lik = source.normal((minibatch,), loc=-2.0)
    params = [source.normal(shape, scale=1.5) for shape in shapes]
    prior_precision = float(source.uniform((), low=2.5, high=9.0))
    return arguments(log_lik, params, prior_precision, minibatch + int(source.integers((), low=8, high=50)))


@st.composite
def steps(
    draw: st.DrawFn,
    *,
    minibatches: Sequence[int] = (1, 2, 3, 11),
    parameters: Sequence[tuple[Shape, ...]] = PARAMETERS,
) -> Arguments:
    """Arguments (log_lik, params, prior_precision, dataset_size), with a data set larger than the minibatch."""
    return draw_step(draw(numbers()), draw(st.sampled_from(minibatches)), draw(st.sampled_from(parameters)))


ONE_TENSOR, SEVERAL_TENSORS = PARAMETERS[:1], PARAMETERS[1:]

check_values = question.check("value", points=4.5, description="Equals the loss per data point.")(
    matches_oracle(map_objective, steps(parameters=ONE_TENSOR))
)
question.check(
    "value",
    points=1.5,
    requires=check_values,
    name="values_for_several_parameters",
    description="Adds up the penalty over parameter tensors of any shapes.",
)(matches_oracle(map_objective, steps(parameters=SEVERAL_TENSORS)))

question.check("precision", points=0.75, requires=check_values)(
    keeps_precision(map_objective, steps(parameters=ONE_TENSOR))
)

question.check("gradient", points=2, description="Has the right gradient in log_lik and in every parameter.")(
    gradients_match(map_objective, steps())
)


@question.check("gradient", points=1)
@given(inputs=steps(parameters=SEVERAL_TENSORS))
def check_gradient_of_the_penalty(student: Student, inputs: Arguments) -> None:
    """Where the data say nothing, the gradient in each parameter theta is prior_precision / dataset_size theta."""
    _, params, prior_precision, dataset_size = inputs.args
    _, *gradients = student.map_objective.vjp(inputs.args, torch.ones((), dtype=torch.float64))
    assert_value(tuple(gradients), tuple(prior_precision / dataset_size * tensor for tensor in params))


@question.check("law", points=0.75)
@given(source=numbers())
def check_is_unbiased(student: Student, source: Numbers) -> None:
    """The average over all minibatches of a data set is the loss of the whole data set."""
    log_lik, params = source.normal((4,), loc=-2.0), [source.normal((2, 5))]
    prior_precision = float(source.uniform((), low=2.5, high=9.0))
    pairs = torch.tensor(list(itertools.combinations(range(4), 2)))
    losses = torch.stack([student.map_objective(log_lik[pair], params, prior_precision, 4) for pair in pairs])
    assert_value(losses.mean(), student.map_objective(log_lik, params, prior_precision, 4))
    expect(losses.max() - losses.min() > 1e-9, "all minibatches have the same loss.")


@question.check("law", points=0.5)
@given(inputs=steps(parameters=ONE_TENSOR))
def check_does_not_mind_how_parameters_are_split(student: Student, inputs: Arguments) -> None:
    """Cutting a parameter tensor in two changes nothing; leaving one piece out does."""
    log_lik, (weight,), prior_precision, dataset_size = inputs.args
    pieces = [weight[:, :3].contiguous(), weight[:, 3:].reshape(-1)]
    whole = student.map_objective(log_lik, [weight], prior_precision, dataset_size)
    assert_value(student.map_objective(log_lik, pieces, prior_precision, dataset_size), whole)
    for piece in pieces:
        part = student.map_objective(log_lik, [piece], prior_precision, dataset_size)
        expect(part < whole, "leaving out parameters does not lower the penalty.")


@question.check("law", points=0.5)
@given(inputs=steps(), shift=st.sampled_from((-5.0, 0.7, 3.0)))
def check_follows_the_log_likelihood(student: Student, inputs: Arguments, shift: float) -> None:
    """Data that are one nat more likely have a loss that is one lower."""
    log_lik, *others = inputs.args
    assert_value(student.map_objective(log_lik + shift, *others), student.map_objective(*inputs.args) - shift)


@question.check("law", points=0.5)
@given(inputs=steps(), factor=st.sampled_from((0.3, 2.0, 5.0)))
def check_penalty_is_quadratic(student: Student, inputs: Arguments, factor: float) -> None:
    """Parameters a times as large, and a prior a^2 times as precise, both multiply the penalty by a^2."""
    log_lik, params, prior_precision, dataset_size = inputs.args
    without = student.map_objective(log_lik, [0 * tensor for tensor in params], prior_precision, dataset_size)
    penalty = student.map_objective(*inputs.args) - without
    expect(penalty > 0, "parameters that are not zero cost nothing.")
    larger = [factor * tensor for tensor in params]
    assert_value(student.map_objective(log_lik, larger, prior_precision, dataset_size) - without, factor**2 * penalty)
    stronger = student.map_objective(log_lik, params, factor**2 * prior_precision, dataset_size)
    assert_value(stronger - without, factor**2 * penalty)


question.check("stress", points=0.5)(accurate_in(torch.float32, map_objective, steps()))


@question.check("stress", points=0.5, requires=check_values)
@given(inputs=steps(parameters=(((2, 5),),)))
def check_differentiates_at_zero(student: Student, inputs: Arguments) -> None:
    """Has the right gradient where a parameter is all zeros, as biases are at first."""
    log_lik, params, *others = inputs.args
    at_start = arguments(log_lik, [*params, torch.zeros(5, dtype=torch.float64)], *others)
    weight = torch.tensor(0.7, dtype=torch.float64)
    assert_value(student.map_objective.vjp(at_start.args, weight), oracle_vjp(map_objective, at_start, weight))


@question.check("stress", points=0.5)
@given(inputs=steps(minibatches=(7,), parameters=(((2000,), (2, 5)),)), dataset_size=st.sampled_from((10**6, 10**9)))
def check_survives_large_data_sets(student: Student, inputs: Arguments, dataset_size: int) -> None:
    """Stays exact for thousands of parameters and a billion data points."""
    log_lik, params, prior_precision, _ = inputs.args
    # Without data, what is left is the penalty: small next to any loss, and still not zero.
    silent = arguments(0 * log_lik, params, prior_precision, dataset_size)
    got = dataset_size * student.map_objective(*silent.args)
    assert_value(got, dataset_size * map_objective(*silent.args))


question.check("robustness", points=0.25, requires=check_values)(leaves_inputs_unchanged(steps()))
question.check("robustness", points=0.5, requires=check_values)(accepts_any_strides(map_objective, steps()))
question.check("behaviour", points=0.25, requires=check_values)(runs_on_other_devices(steps()))
question.check("behaviour", points=0.25, requires=check_values)(keeps_generators(steps()))
question.check("behaviour", points=0.25, requires=check_values)(
    does_constant_work(steps(minibatches=(3,), parameters=ONE_TENSOR), steps(minibatches=(300,), parameters=ONE_TENSOR))
)

EVERY_MINIBATCH = "Average your loss over all minibatches of one data set: do you get the loss of the whole set?"
MORE_WEIGHTS = "Add a thousand weights to the model: how many more squares does the prior count?"
WHOSE_N = "Your penalty grows relative to the data as the mean replaces the sum; who supplies the missing N?"
WHOLE = "Take twice as much of the same data: should the loss of one data point double?"


@question.misconception("Make the data more likely: should a loss rise?")
def returns_the_log_posterior(
    log_lik: Tensor, params: Sequence[Tensor], prior_precision: float, dataset_size: int
) -> Tensor:
    return log_lik.mean() - prior_precision / (2 * dataset_size) * sum(p.square().sum() for p in params)


@question.misconception(WHOSE_N)
def forgets_the_size_of_the_data_set(
    log_lik: Tensor, params: Sequence[Tensor], prior_precision: float, dataset_size: int
) -> Tensor:
    return -log_lik.mean() + prior_precision / 2 * sum(p.square().sum() for p in params)


@question.misconception(EVERY_MINIBATCH)
def divides_all_by_the_size_of_the_data_set(
    log_lik: Tensor, params: Sequence[Tensor], prior_precision: float, dataset_size: int
) -> Tensor:
    return (-log_lik.sum() + prior_precision / 2 * sum(p.square().sum() for p in params)) / dataset_size


@question.misconception(EVERY_MINIBATCH)
def divides_by_the_size_of_the_minibatch(
    log_lik: Tensor, params: Sequence[Tensor], prior_precision: float, dataset_size: int
) -> Tensor:
    return -log_lik.mean() + prior_precision / (2 * len(log_lik)) * sum(p.square().sum() for p in params)


@question.misconception("Write down log N(theta; 0, 1 / lambda): which factor stands in front of theta^2?")
def forgets_the_half(log_lik: Tensor, params: Sequence[Tensor], prior_precision: float, dataset_size: int) -> Tensor:
    return -log_lik.mean() + prior_precision / dataset_size * sum(p.square().sum() for p in params)


@question.misconception("Double all parameters: by what factor should the log of a Gaussian prior change?")
def forgets_the_square(log_lik: Tensor, params: Sequence[Tensor], prior_precision: float, dataset_size: int) -> Tensor:
    return -log_lik.mean() + prior_precision / (2 * dataset_size) * sum(p.square().sum().sqrt() for p in params)


@question.misconception("Make one weight negative and large: can a penalty be negative?")
def penalises_the_sum_of_parameters(
    log_lik: Tensor, params: Sequence[Tensor], prior_precision: float, dataset_size: int
) -> Tensor:
    return -log_lik.mean() + prior_precision / (2 * dataset_size) * sum(p.abs().sum() for p in params)


@question.misconception("Cut a parameter tensor in two: should the penalty change?")
def penalises_the_first_parameter_alone(
    log_lik: Tensor, params: Sequence[Tensor], prior_precision: float, dataset_size: int
) -> Tensor:
    return -log_lik.mean() + prior_precision / (2 * dataset_size) * params[0].square().sum()


@question.misconception(MORE_WEIGHTS)
def averages_over_all_parameters(
    log_lik: Tensor, params: Sequence[Tensor], prior_precision: float, dataset_size: int
) -> Tensor:
    theta = torch.cat([p.reshape(-1) for p in params])
    return -log_lik.mean() + prior_precision / (2 * dataset_size) * theta.square().mean()


@question.misconception(MORE_WEIGHTS)
def averages_over_parameters(
    log_lik: Tensor, params: Sequence[Tensor], prior_precision: float, dataset_size: int
) -> Tensor:
    return -log_lik.mean() + prior_precision / (2 * dataset_size) * sum(p.square().mean() for p in params)


@question.misconception("Your gradient has the prior in it and your value has not: which loss would you print?")
def adds_the_penalty_to_the_gradient_alone(
    log_lik: Tensor, params: Sequence[Tensor], prior_precision: float, dataset_size: int
) -> Tensor:
    squares = torch.stack([p.square().sum() for p in params]).sum()
    penalty = prior_precision / (2 * dataset_size) * squares
    return -log_lik.mean() + penalty - penalty.detach()


@question.misconception("The penalty never reaches the gradient.")
def detaches_the_parameters(
    log_lik: Tensor, params: Sequence[Tensor], prior_precision: float, dataset_size: int
) -> Tensor:
    return -log_lik.mean() + prior_precision / (2 * dataset_size) * sum(p.data.square().sum() for p in params)


@question.misconception(WHOLE)
def sums_over_the_minibatch(
    log_lik: Tensor, params: Sequence[Tensor], prior_precision: float, dataset_size: int
) -> Tensor:
    return -log_lik.sum() + prior_precision / (2 * dataset_size) * sum(p.square().sum() for p in params)


@question.misconception(WHOLE)
def estimates_the_loss_of_the_whole_data_set(
    log_lik: Tensor, params: Sequence[Tensor], prior_precision: float, dataset_size: int
) -> Tensor:
    return -dataset_size * log_lik.mean() + prior_precision / 2 * sum(p.square().sum() for p in params)


@question.misconception("Make the data more likely: should a loss go up?")
def forgets_the_minus(log_lik: Tensor, params: Sequence[Tensor], prior_precision: float, dataset_size: int) -> Tensor:
    return log_lik.mean() + prior_precision / (2 * dataset_size) * sum(p.square().sum() for p in params)


@question.misconception("Move all parameters far away from zero: should the prior like that?")
def rewards_large_parameters(
    log_lik: Tensor, params: Sequence[Tensor], prior_precision: float, dataset_size: int
) -> Tensor:
    return -log_lik.mean() - prior_precision / (2 * dataset_size) * sum(p.square().sum() for p in params)


@question.misconception("A prior with a larger prior_precision is narrower: should it punish the same weights less?")
def divides_by_the_precision(
    log_lik: Tensor, params: Sequence[Tensor], prior_precision: float, dataset_size: int
) -> Tensor:
    return -log_lik.mean() + sum(p.square().sum() for p in params) / (2 * dataset_size * prior_precision)


@question.misconception("Biases often start at zero: what is the slope of a square root there?")
def squares_a_square_root(
    log_lik: Tensor, params: Sequence[Tensor], prior_precision: float, dataset_size: int
) -> Tensor:
    norms = [torch.sqrt((p**2).sum()) for p in params]
    return -log_lik.mean() + prior_precision / (2 * dataset_size) * sum(norm**2 for norm in norms)


@question.misconception("Your answers are right to seven digits and no further; where do the others get lost?")
def makes_float32_constants(
    log_lik: Tensor, params: Sequence[Tensor], prior_precision: float, dataset_size: int
) -> Tensor:
    weight = torch.tensor(prior_precision / (2 * dataset_size))
    return -log_lik.mean() + weight * sum(p.square().sum() for p in params)


@question.alternative
def multiplies_one_long_vector(
    log_lik: Tensor, params: Sequence[Tensor], prior_precision: float, dataset_size: int
) -> Tensor:
    theta = torch.cat([tensor.reshape(-1) for tensor in params])
    return 0.5 * prior_precision * torch.dot(theta, theta) / dataset_size - log_lik.sum() / log_lik.numel()


@question.alternative
def asks_autograd_friendly_norms(
    log_lik: Tensor, params: Sequence[Tensor], prior_precision: float, dataset_size: int
) -> Tensor:
    norms = torch.stack([torch.linalg.vector_norm(tensor) for tensor in params])
    return -(log_lik - prior_precision * norms.square().sum() / (2 * dataset_size)).mean()


@question.alternative
def evaluates_the_prior_density(
    log_lik: Tensor, params: Sequence[Tensor], prior_precision: float, dataset_size: int
) -> Tensor:
    theta = torch.nn.utils.parameters_to_vector([p.contiguous() for p in params])
    prior = torch.distributions.Normal(torch.zeros_like(theta), prior_precision**-0.5, validate_args=False)
    points = torch.stack((theta, torch.zeros_like(theta)))
    log_prior: Tensor = prior.log_prob(points)  # type: ignore[no-untyped-call]  # torch gives it no type
    return -log_lik.mean() - (log_prior[0] - log_prior[1]).sum() / dataset_size


@question.alternative
def adds_term_by_term(log_lik: Tensor, params: Sequence[Tensor], prior_precision: float, dataset_size: int) -> Tensor:
    loss = torch.mean(-log_lik)
    for tensor in params:
        loss = loss + (prior_precision / dataset_size / 2) * (tensor * tensor).sum()
    return loss
