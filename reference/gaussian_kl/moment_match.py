"""kl.5: the Gaussian nearest to a mixture in forward KL (Bishop 2006, section 10.7).

KL(p || g) is least where g has the moments of p:  m = sum_k pi_k mu_k,  v = sum_k pi_k (var_k + mu_k^2) - m^2
"""

from __future__ import annotations

import math

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
    accurate_in,
    arguments,
    does_constant_work,
    keeps_generators,
    keeps_precision,
    leaves_inputs_unchanged,
    matches_oracle,
    oracle_vjp,
    runs_on_other_devices,
)
from grader.strategies import Numbers, numbers

question = Question(
    id="kl.5",
    functions=["moment_match"],
    title="The forward-KL fit of a Gaussian to a mixture",
    exempt={"fails_on_empty": "there is no batch, and a mixture has at least one component"},
)


@question.oracle
def moment_match(log_weights: Tensor, mu: Tensor, var: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance, each [dim]; log_weights is [components], mu and var are [components, dim]."""
    weights = torch.softmax(log_weights, dim=0).unsqueeze(-1)
    mean = (weights * mu).sum(0)
    # The law of total variance; it does not subtract two large numbers, as E[x^2] - m^2 does.
    return mean, (weights * var).sum(0) + (weights * (mu - mean).square()).sum(0)


SIZES = ((1, 1), (2, 1), (3, 2), (2, 5), (7, 3), (1, 5), (5, 2))
"""Numbers of components and dimensions."""


@st.composite
def mixtures(draw: st.DrawFn, *, sizes: tuple[tuple[int, int], ...] = SIZES, level: float = 0.0) -> Arguments:
    """Arguments (log_weights, mu, var); log-weights scatter around `level` and are not normalised."""
    (components, dim), source = draw(st.sampled_from(sizes)), draw(numbers())
    return arguments(
        level + source.normal((components,)),
        source.normal((components, dim), scale=1.5),
        source.uniform((components, dim), low=0.4, high=2.5),
    )


SEVERAL = ((2, 1), (3, 2), (2, 5), (7, 3), (5, 2))
"""Sizes with more than one component."""


@question.check("value", points=1.5)
@given(inputs=mixtures())
def check_mean(student: Student, inputs: Arguments) -> None:
    """Returns the right mean."""
    assert_value(student.moment_match(*inputs.args)[0], moment_match(*inputs.args)[0])


@question.check("value", points=2.5)
@given(inputs=mixtures())
def check_variance(student: Student, inputs: Arguments) -> None:
    """Returns the right variance."""
    assert_value(student.moment_match(*inputs.args)[1], moment_match(*inputs.args)[1])


BOTH = (check_mean, check_variance)

question.check("precision", points=0.5, requires=BOTH)(keeps_precision(moment_match, mixtures()))


def assert_gradients(student: Student, inputs: Arguments, weights: tuple[Tensor, Tensor]) -> None:
    """The gradients of <weights, results> are right."""
    assert_value(student.moment_match.vjp(inputs.args, weights), oracle_vjp(moment_match, inputs, weights))


@question.check("gradient", points=0.75)
@given(inputs=mixtures(sizes=SEVERAL), source=numbers())
def check_mean_gradients(student: Student, inputs: Arguments, source: Numbers) -> None:
    """The mean can be differentiated in the log-weights and in the means."""
    weights = source.normal(tuple(inputs.args[1].shape[1:]))
    assert_gradients(student, inputs, (weights, torch.zeros_like(weights)))


@question.check("gradient", points=1.25)
@given(inputs=mixtures(sizes=SEVERAL), source=numbers())
def check_variance_gradients(student: Student, inputs: Arguments, source: Numbers) -> None:
    """The variance can be differentiated in all three arguments."""
    weights = source.normal(tuple(inputs.args[1].shape[1:]))
    assert_gradients(student, inputs, (torch.zeros_like(weights), weights))


@question.check("law", points=0.5)
@given(inputs=mixtures(sizes=((1, 1), (2, 1), (3, 2))))
def check_leaves_no_gradient_of_the_forward_kl(student: Student, inputs: Arguments) -> None:
    """KL(gmm || g), integrated on a grid, is flat at your g: no small change of mean or variance lowers it."""
    mean, variance = student.moment_match(*inputs.args)
    expect(variance > 0, "a variance is not positive.")
    log_weights, mu, var = inputs.args
    # 13 standard deviations either side: what is left out is below rounding.
    x = torch.linspace(-30.0, 30.0, 6001, dtype=torch.float64)[:, None, None]
    normal = torch.exp(-0.5 * (x - mu).square() / var) / (2 * torch.pi * var).sqrt()
    mass = (torch.softmax(log_weights, 0)[:, None] * normal).sum(1) * 0.01
    distance = x[:, 0] - mean
    in_mean = -(mass * distance).sum(0) / variance
    in_variance = 0.5 * (1 / variance - (mass * distance.square()).sum(0) / variance.square())
    flat, tolerance = torch.zeros_like(mean), Tolerance(rtol=0.0, atol=1e-6)
    assert_value(in_mean, flat, tolerance=tolerance)
    assert_value(in_variance, flat, tolerance=tolerance)


@question.check("law", points=0.25)
@given(inputs=mixtures(), source=numbers())
def check_follows_units_and_origin(student: Student, inputs: Arguments, source: Numbers) -> None:
    """Stretching and moving the mixture, x -> a x + c, moves the mean along and scales the variance by a^2."""
    logits, mu, var = inputs.args
    log_weights, dim = torch.log_softmax(logits, 0), tuple(mu.shape[1:])
    stretch, move = source.uniform(dim, low=1.2, high=2.7), source.normal(dim)
    mean, variance = student.moment_match(log_weights, mu, var)
    moved = student.moment_match(log_weights, stretch * mu + move, stretch.square() * var)
    assert_value(moved, (stretch * mean + move, stretch.square() * variance))


@question.check("law", points=0.25, requires=check_follows_units_and_origin)
@given(inputs=mixtures(), constant=st.sampled_from((0.7, -1.3)))
def check_ignores_a_constant_in_the_log_weights(student: Student, inputs: Arguments, constant: float) -> None:
    """Adding one constant to all log-weights changes nothing."""
    log_weights, mu, var = inputs.args
    assert_value(student.moment_match(log_weights + constant, mu, var), student.moment_match(*inputs.args))


@question.check("law", points=0.5, requires=check_follows_units_and_origin)
@given(inputs=mixtures(sizes=SEVERAL))
def check_ignores_how_a_component_is_split(student: Student, inputs: Arguments) -> None:
    """Replacing a component by two copies of half its weight changes nothing."""
    logits, mu, var = inputs.args
    log_weights = torch.log_softmax(logits, 0)
    half = log_weights[:1] - math.log(2)
    split = student.moment_match(
        torch.cat((half, half, log_weights[1:])), torch.cat((mu[:1], mu)), torch.cat((var[:1], var))
    )
    assert_value(split, student.moment_match(log_weights, mu, var))


question.check("stress", points=0.5, requires=BOTH)(accurate_in(torch.float32, moment_match, mixtures()))
question.check(
    "stress",
    points=0.25,
    requires=BOTH,
    name="handles_tiny_weights",
    description="Is right where all weights are tiny.",
)(matches_oracle(moment_match, mixtures(level=-30.0)))

question.check("robustness", points=0.25, requires=BOTH)(leaves_inputs_unchanged(mixtures()))
question.check("robustness", points=0.25, requires=BOTH)(accepts_any_strides(moment_match, mixtures(sizes=SEVERAL[1:])))
question.check("behaviour", points=0.25, requires=BOTH)(runs_on_other_devices(mixtures()))
question.check("behaviour", points=0.25, requires=BOTH)(keeps_generators(mixtures()))
question.check(
    "behaviour",
    points=0.25,
    requires=BOTH,
    description="Handles the components with tensor operations, not with a loop.",
)(does_constant_work(mixtures(sizes=((3, 2),)), mixtures(sizes=((300, 2),))))

Pair = tuple[Tensor, Tensor]


WEIGHTS = "What do your weights sum to? Try log_weights = [1, 1] with two equal components."


@question.misconception("Your Gaussian sits between the modes but is too narrow to cover them.")
def ignores_the_spread_of_the_means(log_weights: Tensor, mu: Tensor, var: Tensor) -> Pair:
    weights = torch.softmax(log_weights, dim=0).unsqueeze(-1)
    return (weights * mu).sum(0), (weights * var).sum(0)


@question.misconception("Standard deviations do not average, even at equal means. Which moments of a mixture do?")
def averages_standard_deviations(log_weights: Tensor, mu: Tensor, var: Tensor) -> Pair:
    weights = torch.softmax(log_weights, dim=0).unsqueeze(-1)
    return (weights * mu).sum(0), (weights * var.sqrt()).sum(0).square()


@question.misconception(WEIGHTS)
def forgets_to_normalise_the_weights_of_deviations(log_weights: Tensor, mu: Tensor, var: Tensor) -> Pair:
    weights = torch.exp(log_weights).unsqueeze(-1)
    mean = (weights * mu).sum(0)
    return mean, (weights * (var + (mu - mean).square())).sum(0)


@question.misconception(WEIGHTS)
def forgets_to_normalise_the_weights(log_weights: Tensor, mu: Tensor, var: Tensor) -> Pair:
    weights = torch.exp(log_weights).unsqueeze(-1)
    mean = (weights * mu).sum(0)
    return mean, (weights * (var + mu.square())).sum(0) - mean.square()


@question.misconception("A log-weight of 0 is not a weight of 0; what is it?")
def takes_log_weights_for_weights(log_weights: Tensor, mu: Tensor, var: Tensor) -> Pair:
    weights = (log_weights / log_weights.sum()).unsqueeze(-1)
    mean = (weights * mu).sum(0)
    return mean, (weights * (var + mu.square())).sum(0) - mean.square()


@question.misconception("Give one component nearly all the weight: does your Gaussian move there?")
def ignores_the_weights(log_weights: Tensor, mu: Tensor, var: Tensor) -> Pair:
    mean = mu.mean(0)
    return mean, (var + mu.square()).mean(0) - mean.square()


@question.misconception("Move the whole mixture by 10: should its variance change?")
def returns_the_second_moment(log_weights: Tensor, mu: Tensor, var: Tensor) -> Pair:
    weights = torch.softmax(log_weights, dim=0).unsqueeze(-1)
    return (weights * mu).sum(0), (weights * (var + mu.square())).sum(0)


@question.misconception(
    "The distance of the components' means from their own average: is each as likely as the others?"
)
def spreads_the_means_evenly(log_weights: Tensor, mu: Tensor, var: Tensor) -> Pair:
    weights = torch.softmax(log_weights, dim=0).unsqueeze(-1)
    mean = (weights * mu).sum(0)
    return mean, (weights * var).sum(0) + (mu - mean).square().mean(0)


@question.misconception(
    "Your Gaussian is one of the components. Which direction of the KL picks one mode, and which one covers all?"
)
def picks_the_heaviest_component(log_weights: Tensor, mu: Tensor, var: Tensor) -> Pair:
    heaviest = log_weights.argmax()
    return mu[heaviest], var[heaviest]


@question.misconception(
    "Two components far apart: multiplying their densities gives a narrow bump between them. Is that a mixture?"
)
def multiplies_the_components(log_weights: Tensor, mu: Tensor, var: Tensor) -> Pair:
    precision = torch.softmax(log_weights, dim=0).unsqueeze(-1) / var
    return (precision * mu).sum(0) / precision.sum(0), 1 / precision.sum(0)


@question.misconception("One component with var = 4 should give variance 4 back; what do you return?")
def returns_the_standard_deviation(log_weights: Tensor, mu: Tensor, var: Tensor) -> Pair:
    weights = torch.softmax(log_weights, dim=0).unsqueeze(-1)
    mean = (weights * mu).sum(0)
    return mean, ((weights * var).sum(0) + (weights * (mu - mean).square()).sum(0)).sqrt()


@question.misconception("One component with var = 4 should give variance 4 back; what do you return?")
def treats_var_as_std(log_weights: Tensor, mu: Tensor, var: Tensor) -> Pair:
    weights = torch.softmax(log_weights, dim=0).unsqueeze(-1)
    mean = (weights * mu).sum(0)
    return mean, (weights * var.square()).sum(0) + (weights * (mu - mean).square()).sum(0)


@question.misconception("One component with var = 4 should give variance 4 back; what do you return?")
def treats_var_as_logvar(log_weights: Tensor, mu: Tensor, var: Tensor) -> Pair:
    weights = torch.softmax(log_weights, dim=0).unsqueeze(-1)
    mean = (weights * mu).sum(0)
    return mean, (weights * var.exp()).sum(0) + (weights * (mu - mean).square()).sum(0)


@question.misconception("A small constant guards your division. Subtract 30 from every log-weight: is it still small?")
def guards_the_division(log_weights: Tensor, mu: Tensor, var: Tensor) -> Pair:
    weights = torch.exp(log_weights).unsqueeze(-1)
    weights = weights / (weights.sum(0) + 1e-8)
    mean = (weights * mu).sum(0)
    return mean, (weights * var).sum(0) + (weights * (mu - mean).square()).sum(0)


@question.misconception(
    "Your values are right, but the weights of a mixture could not be learned with them: which gradient is missing?"
)
def detaches_the_weights(log_weights: Tensor, mu: Tensor, var: Tensor) -> Pair:
    weights = torch.softmax(log_weights.detach(), dim=0).unsqueeze(-1)
    mean = (weights * mu).sum(0)
    return mean, (weights * var).sum(0) + (weights * (mu - mean).square()).sum(0)


@question.misconception("Which dtype went in, and which came out? A model in float32 cannot add the two.")
def returns_double(log_weights: Tensor, mu: Tensor, var: Tensor) -> Pair:
    weights = torch.softmax(log_weights.double(), dim=0).unsqueeze(-1)
    mean = (weights * mu.double()).sum(0)
    return mean, (weights * var.double()).sum(0) + (weights * (mu - mean).square()).sum(0)


@question.alternative
def subtracts_the_squared_mean(log_weights: Tensor, mu: Tensor, var: Tensor) -> Pair:
    weights = torch.exp(log_weights - torch.logsumexp(log_weights, dim=0))
    mean = torch.einsum("k,kd->d", weights, mu)
    return mean, torch.einsum("k,kd->d", weights, var + mu**2) - mean**2


@question.alternative
def divides_by_the_sum(log_weights: Tensor, mu: Tensor, var: Tensor) -> Pair:
    weights = log_weights.exp() / log_weights.exp().sum()
    mean = weights @ mu
    return mean, weights @ var + weights @ (mu - mean) ** 2


@question.alternative
def compares_all_pairs(log_weights: Tensor, mu: Tensor, var: Tensor) -> Pair:
    weights = log_weights.log_softmax(0).exp()
    pairs = weights[:, None] * weights[None, :]
    between = 0.5 * (pairs[..., None] * (mu[:, None] - mu[None, :]) ** 2).sum((0, 1))
    return (weights.unsqueeze(1) * mu).sum(dim=0), (weights.unsqueeze(1) * var).sum(dim=0) + between
