"""mle.1: the log-density of a Gaussian with diagonal covariance (Bishop 2006, eq. 2.43).

log N(x; mu, diag sigma^2) = -1/2 sum_d [log 2 pi + log sigma_d^2 + ((x_d - mu_d) / sigma_d)^2]
"""

from __future__ import annotations

import math

import hypothesis.strategies as st
import torch
from hypothesis import given
from torch import Tensor

from grader.compare import ROUNDED, Tolerance, assert_value, expect
from grader.question import Question
from grader.remote import Student
from grader.standard import (
    Arguments,
    accepts_any_strides,
    accepts_empty_batches,
    accurate_in,
    arguments,
    avoids_forbidden_names,
    does_constant_work,
    gradients_match,
    ignores_other_examples,
    keeps_generators,
    keeps_precision,
    leaves_inputs_unchanged,
    matches_oracle,
    oracle_vjp,
    runs_on_other_devices,
    second_gradients_match,
)
from grader.strategies import BATCH_SHAPES, EVENT_SIZES, Numbers, Shape, numbers
from reference.mle._batches import (
    ONE_BATCH_DIMENSION,
    ONE_EXAMPLE,
    SEVERAL_EXAMPLES,
    THREE_EXAMPLES,
    change_all_but_first,
)

LOG_2PI = math.log(2 * math.pi)

question = Question(
    id="mle.1",
    functions=["gaussian_log_prob"],
    title="Log-density of a diagonal Gaussian",
    forbidden=["torch.distributions"],
)


@question.oracle
def gaussian_log_prob(x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """Nats; x, mu and logvar broadcast to [*batch, event], the result is [*batch]."""
    # Squaring after scaling: (x - mu)^2 exp(-logvar) is 0 * inf at x = mu once exp(-logvar) overflows.
    z = (x - mu) * torch.exp(-0.5 * logvar)
    return -0.5 * (LOG_2PI + logvar + z.square()).sum(-1)


def draw_points(source: Numbers, shape: Shape) -> Arguments:
    """Arguments (x, mu, logvar) of one shape.

    Log-variances above -1.5 keep the log-density away from zero, where its relative error has no bound.
    """
    x, mu = source.normal(shape, scale=1.5), source.normal(shape, scale=1.5)
    return arguments(x, mu, source.uniform(shape, low=-1.5, high=2.0))


@st.composite
def points(
    draw: st.DrawFn, *, batch_shapes: tuple[Shape, ...] = BATCH_SHAPES, event_sizes: tuple[int, ...] = EVENT_SIZES
) -> Arguments:
    """Arguments (x, mu, logvar) of one shape."""
    shape = (*draw(st.sampled_from(batch_shapes)), draw(st.sampled_from(event_sizes)))
    return draw_points(draw(numbers()), shape)


check_values = question.check("value", points=4.5, description="Equals the log-density, constant included.")(
    matches_oracle(gaussian_log_prob, points(batch_shapes=ONE_EXAMPLE))
)

question.check(
    "value",
    points=1,
    requires=check_values,
    name="values_for_a_batch",
    description="Gives one value per example, for any number of batch dimensions.",
)(matches_oracle(gaussian_log_prob, points(batch_shapes=SEVERAL_EXAMPLES)))

BROADCASTS: tuple[tuple[Shape, Shape, Shape], ...] = (
    ((3, 5), (1,), (5,)),
    ((5,), (3, 5), (1,)),
    ((2, 1, 5), (3, 5), (3, 1)),
    ((3, 1), (5,), (3, 1)),
)


@question.check("value", points=0.5, requires=check_values)
@given(shapes=st.sampled_from(BROADCASTS), source=numbers())
def check_broadcasts(student: Student, shapes: tuple[Shape, Shape, Shape], source: Numbers) -> None:
    """Broadcasts x, mu and logvar against each other before it sums over the event."""
    x, mu, logvar = (source.normal(shape) for shape in shapes)
    assert_value(student.gaussian_log_prob(x, mu, logvar), gaussian_log_prob(x, mu, logvar))


question.check("precision", points=0.5, requires=check_values)(
    keeps_precision(gaussian_log_prob, points(batch_shapes=ONE_EXAMPLE))
)

question.check("gradient", points=2, description="Has the right gradient in x, in mu and in logvar.")(
    gradients_match(gaussian_log_prob, points())
)
question.check("gradient", points=1)(second_gradients_match(gaussian_log_prob, points()))


@question.check("law", points=0.75)
@given(event=st.sampled_from((1, 2)), source=numbers())
def check_integrates_to_one(student: Student, event: int, source: Numbers) -> None:
    """Is a density: exp of it integrates to one, in one dimension and in two."""
    mu, logvar = source.normal((event,)), source.uniform((event,), low=-1.5, high=2.0)
    # At a spacing of 0.4 sigma out to 8 sigma the trapezoidal rule is exact to rounding for a Gaussian.
    steps = torch.arange(-20.0, 21.0, dtype=torch.float64) * 0.4
    grid = torch.cartesian_prod(*[steps] * event).reshape(-1, event)
    sigma = torch.exp(0.5 * logvar)
    log_density = student.gaussian_log_prob(mu + sigma * grid, mu + 0 * grid, logvar + 0 * grid)
    mass = log_density.exp().sum() * (0.4 * sigma).prod()
    assert_value(mass, torch.ones_like(mass))


@question.check("law", points=0.25)
@given(inputs=points(), source=numbers())
def check_depends_on_the_distance_to_the_mean(student: Student, inputs: Arguments, source: Numbers) -> None:
    """Moving x and mu together changes nothing; moving x alone does."""
    x, mu, logvar = inputs.args
    shift = source.uniform(tuple(x.shape), low=1.0, high=3.0)
    value = student.gaussian_log_prob(x, mu, logvar)
    assert_value(student.gaussian_log_prob(x + shift, mu + shift, logvar), value)
    moved = student.gaussian_log_prob(mu - shift, mu, logvar) - student.gaussian_log_prob(mu + 2 * shift, mu, logvar)
    expect(moved.abs() > 0.01, "the result does not depend on how far x is from mu.")


@question.check("law", points=0.5)
@given(inputs=points(), scale=st.sampled_from((0.2, 0.7, 3.0, 10.0)))
def check_is_a_density_in_every_unit(student: Student, inputs: Arguments, scale: float) -> None:
    """Measuring in units that make all numbers a times larger lowers the log-density by D log a."""
    x, mu, logvar = inputs.args
    scaled = student.gaussian_log_prob(scale * x, scale * mu, logvar + 2 * math.log(scale))
    assert_value(scaled, student.gaussian_log_prob(x, mu, logvar) - x.shape[-1] * math.log(scale))


@question.check("law", points=0.25)
@given(inputs=points(), source=numbers())
def check_adds_over_dimensions(student: Student, inputs: Arguments, source: Numbers) -> None:
    """One more dimension adds its own log-density, whatever the other dimensions hold."""
    one = draw_points(source, (*inputs.args[0].shape[:-1], 1)).args
    x, mu, logvar = (torch.cat(pair, dim=-1) for pair in zip(inputs.args, (one[1], one[1], one[2]), strict=True))
    added = student.gaussian_log_prob(x, mu, logvar) - student.gaussian_log_prob(*inputs.args)
    assert_value(added, -0.5 * (LOG_2PI + one[2][..., 0]))


@question.check("law", points=0.25)
@given(inputs=points(batch_shapes=((3,), (2, 3))), source=numbers())
def check_is_largest_at_the_mean(student: Student, inputs: Arguments, source: Numbers) -> None:
    """Is largest at x = mu."""
    _, mu, logvar = inputs.args
    away = source.normal(tuple(mu.shape))
    peak = student.gaussian_log_prob(mu, mu, logvar)
    expect(peak > student.gaussian_log_prob(mu + away, mu, logvar), "the result is not largest at x = mu.")


question.check("law", points=0.25, requires=check_values)(
    ignores_other_examples(points(batch_shapes=ONE_BATCH_DIMENSION), change_all_but_first)
)


@question.check("stress", points=0.5, requires=check_values)
@given(logvar=st.sampled_from((-100.0, 100.0)), dtype=st.sampled_from((torch.float32, torch.float64)))
def check_survives_extreme_variances(student: Student, logvar: float, dtype: torch.dtype) -> None:
    """Stays exact, values and gradients, where exp(logvar) or exp(-logvar) leaves the range of float32."""
    rows = ([0.3, 0.4, 1.4], [0.3, -0.7, 0.2], [logvar, 0.5, 100.0])
    inputs = arguments(*(torch.tensor(row, dtype=dtype) for row in rows))
    exact, weight = inputs.to(torch.float64), torch.tensor(0.7, dtype=torch.float64)
    got = student.gaussian_log_prob(*inputs.args).double()
    assert_value(got, gaussian_log_prob(*exact.args), tolerance=ROUNDED[dtype])
    gradients = tuple(gradient.double() for gradient in student.gaussian_log_prob.vjp(inputs.args, weight.to(dtype)))
    assert_value(gradients, oracle_vjp(gaussian_log_prob, exact, weight), tolerance=ROUNDED[dtype])


question.check("stress", points=0.25)(accurate_in(torch.float32, gaussian_log_prob, points()))


@question.check("stress", points=0.25)
@given(source=numbers())
def check_accurate_in_ten_thousand_dimensions(student: Student, source: Numbers) -> None:
    """Stays accurate in float32 for ten thousand dimensions that share one mean and one variance."""
    x, mu, logvar = (source.normal(shape).float() for shape in ((10_000,), (1,), (1,)))
    got = student.gaussian_log_prob(x, mu.expand(10_000), logvar.expand(10_000)).double()
    exact = gaussian_log_prob(x.double(), mu.double(), logvar.double().expand(10_000))
    assert_value(got, exact, tolerance=ROUNDED[torch.float32])


# Three times the worst errors of six correct variants on 21,000 draws, 2.6e-3 and 2.1e-2.
question.check("stress", points=0.25)(
    accurate_in(torch.float16, gaussian_log_prob, points(), tolerance=Tolerance(rtol=8e-3, atol=8e-3))
)
question.check("stress", points=0.25)(
    accurate_in(torch.bfloat16, gaussian_log_prob, points(), tolerance=Tolerance(rtol=6e-2, atol=6e-2))
)

question.check("robustness", points=0.25, requires=check_values)(
    leaves_inputs_unchanged(points(batch_shapes=THREE_EXAMPLES))
)
question.check("robustness", points=0.25, requires=check_values)(
    accepts_any_strides(gaussian_log_prob, points(batch_shapes=THREE_EXAMPLES))
)
question.check("robustness", points=0.25, requires=check_values)(
    accepts_empty_batches(points(batch_shapes=((0,), (0, 3))), gaussian_log_prob)
)
question.check("behaviour", points=0.25, requires=check_values)(
    runs_on_other_devices(points(batch_shapes=THREE_EXAMPLES))
)
question.check("behaviour", points=0.25, requires=check_values)(keeps_generators(points(batch_shapes=THREE_EXAMPLES)))
question.check("behaviour", points=0.25, requires=check_values)(
    does_constant_work(points(batch_shapes=((3,),), event_sizes=(5,)), points(batch_shapes=((300,),), event_sizes=(5,)))
)
question.check("behaviour", points=0.25, requires=check_values)(
    avoids_forbidden_names(points(batch_shapes=THREE_EXAMPLES))
)

SPREAD = "Evaluate yours at x - mu = 1, logvar = log 4: which quantity should divide the square?"
NORMALISER = "Your density integrates to 1 only for D = 1; how does the normaliser grow with D?"
WIDER = "Wider Gaussians should be lower at their mode."
ONE_NUMBER = "The result should have one number per example."


@question.misconception(SPREAD)
def treats_logvar_as_log_std(x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    std = logvar.exp()
    return (-0.5 * ((x - mu) / std) ** 2 - std.log() - 0.5 * math.log(2 * math.pi)).sum(-1)


@question.misconception(SPREAD)
def divides_by_the_variance_before_squaring(x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    z = (x - mu) / logvar.exp()
    return -0.5 * (math.log(2 * math.pi) + logvar + z**2).sum(-1)


@question.misconception(NORMALISER)
def counts_the_constant_once(x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    z = (x - mu) * torch.exp(-0.5 * logvar)
    return -0.5 * (math.log(2 * math.pi) + (logvar + z**2).sum(-1))


@question.misconception(NORMALISER)
def counts_the_constant_for_every_pair_of_dimensions(x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    z = (x - mu) * torch.exp(-0.5 * logvar)
    return -0.5 * (z.shape[-1] * math.log(2 * math.pi) + logvar + z**2).sum(-1)


@question.misconception("Sum exp of your values over a fine grid in one dimension: is the area under the curve 1?")
def drops_the_constant(x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    z = (x - mu) * torch.exp(-0.5 * logvar)
    return -0.5 * (logvar + z**2).sum(-1)


@question.misconception(
    "Differentiate in x at x - mu = 1 and logvar = 0: how steep is a standard normal's log-density there?"
)
def forgets_the_half_of_the_square(x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    z = (x - mu) * torch.exp(-0.5 * logvar)
    return (-(z**2) - 0.5 * logvar - 0.5 * math.log(2 * math.pi)).sum(-1)


@question.misconception("Differentiate in logvar at x = mu; what slope per dimension do you expect?")
def forgets_half_of_the_log_variance(x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    z = (x - mu) * torch.exp(-0.5 * logvar)
    return (-0.5 * z**2 - logvar - 0.5 * math.log(2 * math.pi)).sum(-1)


@question.misconception("Doubling the dimension with independent copies should double the log-density.")
def averages_over_dimensions(x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    z = (x - mu) * torch.exp(-0.5 * logvar)
    return -0.5 * (math.log(2 * math.pi) + logvar + z**2).mean(-1)


@question.misconception(WIDER)
def adds_the_normaliser(x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    z = (x - mu) * torch.exp(-0.5 * logvar)
    return 0.5 * (math.log(2 * math.pi) + logvar - z**2).sum(-1)


@question.misconception(WIDER)
def adds_the_log_variance(x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    z = (x - mu) * torch.exp(-0.5 * logvar)
    return -0.5 * (math.log(2 * math.pi) - logvar + z**2).sum(-1)


@question.misconception("Finite inputs give inf; can you avoid ever forming the variance?")
def forms_the_variance(x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    var = logvar.exp()
    return -0.5 * (torch.log(2 * math.pi * var) + (x - mu) ** 2 / var).sum(-1)


@question.misconception("At x = mu and logvar = -100 in float32 one of your factors is 0; what is the other?")
def multiplies_the_square_by_the_precision(x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    return -0.5 * (math.log(2 * math.pi) + logvar + (x - mu) ** 2 * torch.exp(-logvar)).sum(-1)


@question.misconception(ONE_NUMBER)
def returns_one_value_per_dimension(x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    z = (x - mu) * torch.exp(-0.5 * logvar)
    return -0.5 * (math.log(2 * math.pi) + logvar + z**2)


@question.misconception(ONE_NUMBER)
def sums_over_the_batch(x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    z = (x - mu) * torch.exp(-0.5 * logvar)
    value = -0.5 * (math.log(2 * math.pi) + logvar + z**2).sum(-1)
    return value.sum().expand(value.shape)


@question.misconception("Where x has shape [2, 3, 5], which dimension holds the event?")
def sums_over_dimension_one(x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    z = (x - mu) * torch.exp(-0.5 * logvar)
    terms = math.log(2 * math.pi) + logvar + z**2
    return -0.5 * (terms.sum(1) if terms.dim() > 1 else terms.sum())


@question.misconception("Give x the shape [3, 5] and logvar the shape [1]: how many log-variances enter the sum?")
def sums_before_broadcasting(x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    z = (x - mu) * torch.exp(-0.5 * logvar)
    return -0.5 * (x.shape[-1] * math.log(2 * math.pi) + logvar.sum(-1) + z.square().sum(-1))


@question.misconception("Is logvar here a number that you were given, or one that is being learnt?")
def cuts_the_gradient_of_the_spread(x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    with torch.no_grad():
        std = torch.exp(0.5 * logvar)
    return -0.5 * (math.log(2 * math.pi) + logvar + ((x - mu) / std) ** 2).sum(-1)


@question.alternative
def divides_by_sigma_after_broadcasting(x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    shape = (x + mu + logvar).shape
    x, mu, logvar = x.expand(shape), mu.expand(shape), logvar.expand(shape)
    sigma = torch.exp(logvar / 2)
    log_normaliser = 0.5 * x.shape[-1] * math.log(2 * math.pi) + logvar.sum(-1) / 2
    return -(((x - mu) / sigma).pow(2).sum(dim=-1) / 2) - log_normaliser


@question.alternative
def contracts_with_einsum(x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    z = (x - mu).mul(logvar.mul(-0.5).exp())
    log_factors = torch.full_like(z, math.log(2 * math.pi)) + logvar
    return torch.einsum("...d,...d->...", z, z).add(log_factors.sum(-1)).neg() / 2


@question.alternative
def sums_log_densities_of_each_dimension(x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    log_std = 0.5 * logvar
    root = torch.tensor(2 * math.pi, dtype=log_std.dtype, device=log_std.device).sqrt()
    return torch.sum(-root.log() - log_std - 0.5 * torch.square((x - mu) / log_std.exp()), dim=-1)
