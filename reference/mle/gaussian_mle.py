"""mle.2: maximum likelihood for a Gaussian with weighted data (Bishop 2006, eqs. 2.121 and 2.122).

mu = sum_n w_n x_n / sum_n w_n,  var = sum_n w_n (x_n - mu)^2 / sum_n w_n
"""

from __future__ import annotations

from collections.abc import Sequence

import hypothesis.strategies as st
import torch
from hypothesis import given
from torch import Tensor

from grader.compare import PRECISION, Tolerance, assert_value, expect
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
    runs_on_other_devices,
)
from grader.strategies import Numbers, Shape, numbers

# Ten times the worst error of five correct variants on 12,000 draws; E[x^2] - mu^2 errs by 0.1 and more.
LARGE_MEAN = Tolerance(rtol=2e-5, atol=2e-5)

question = Question(
    id="mle.2", functions=["gaussian_mle"], title="Maximum-likelihood mean and variance of weighted data"
)


@question.oracle
def gaussian_mle(x: Tensor, weights: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Mean and biased variance, both [*event]; x is [n, *event], weights [n], None for equal ones."""
    w = x.new_ones(len(x)) if weights is None else weights
    w = w.reshape(-1, *[1] * (x.dim() - 1))
    mu = (w * x).sum(0) / w.sum()
    # Two passes: E[x^2] - mu^2 loses everything to cancellation where the mean is large.
    return mu, (w * (x - mu).square()).sum(0) / w.sum()


@st.composite
def data(
    draw: st.DrawFn,
    *,
    counts: Sequence[int] = (2, 3, 5, 11),
    events: Sequence[Shape] = ((), (1,), (7,)),
    weighted: bool = True,
) -> Arguments:
    """Arguments (x, weights) or (x,) with x [count, *event]; counts are coprime to the sizes of the event."""
    count, event, source = draw(st.sampled_from(counts)), draw(st.sampled_from(events)), draw(numbers())
    x = source.normal((count, *event), loc=3.0)
    return arguments(x, source.uniform((count,), low=0.3, high=4.0)) if weighted else arguments(x)


@st.composite
def ascending_data(draw: st.DrawFn, *, counts: Sequence[int] = (2, 3, 5, 11)) -> Arguments:
    """Arguments (x, weights), both strictly ascending: any other pairing of them has a smaller mean."""
    count, event, source = draw(st.sampled_from(counts)), draw(st.sampled_from(((), (1,), (7,)))), draw(numbers())
    steps = torch.arange(1.0, count + 1, dtype=torch.float64)
    x = source.uniform((count, *event), high=0.8) + steps.reshape(-1, *[1] * len(event))
    return arguments(x, source.uniform((count,), high=0.8) + steps)


check_values = question.check("value", points=2.5, description="Equals the estimates for plain data.")(
    matches_oracle(gaussian_mle, data(weighted=False))
)
check_weighted_values = question.check(
    "value", points=3, name="weighted_values", description="Equals the estimates for weighted data."
)(matches_oracle(gaussian_mle, data()))
question.check(
    "value", points=0.5, name="values_for_any_event", description="Estimates every entry of an event of any shape."
)(matches_oracle(gaussian_mle, data(events=((7, 4), (4, 1, 7)), counts=(3, 5))))

question.check("precision", points=0.75, requires=check_weighted_values)(keeps_precision(gaussian_mle, data()))

question.check("gradient", points=1.25, name="gradients_in_x", description="Has the right gradient in plain data.")(
    gradients_match(gaussian_mle, data(weighted=False))
)
question.check("gradient", points=1.75, description="Has the right gradient in weighted data and in the weights.")(
    gradients_match(gaussian_mle, data())
)


@question.check("law", points=0.5)
@given(inputs=ascending_data(), scale=st.sampled_from((-2.0, 0.3, 3.0)), shift=st.sampled_from((-40.0, 0.7, 25.0)))
def check_follows_a_change_of_units(student: Student, inputs: Arguments, scale: float, shift: float) -> None:
    """Data scaled by a and shifted by b have the mean scaled and shifted too, and the variance times a^2."""
    x, weights = inputs.args
    mu, var = student.gaussian_mle(x, weights)
    assert_value(student.gaussian_mle(scale * x + shift, weights), (scale * mu + shift, scale**2 * var))


def expect_smaller_mean(first: tuple[Tensor, Tensor], second: tuple[Tensor, Tensor], message: str) -> None:
    """The first data set has the smaller mean, so that no constant passes for an estimate."""
    expect(second[0] - first[0] > 1e-9, message)


@question.check("law", points=0.5)
@given(inputs=ascending_data())
def check_counts_integer_weights_as_copies(student: Student, inputs: Arguments) -> None:
    """A point of weight 3 counts as three copies of it."""
    x, weights = inputs.args
    copies = weights.long()
    weighted = student.gaussian_mle(x, copies.double())
    assert_value(student.gaussian_mle(x.repeat_interleave(copies, dim=0)), weighted)
    expect_smaller_mean(student.gaussian_mle(x), weighted, "more copies of large points do not raise the mean.")


@question.check("law", points=0.5)
@given(inputs=ascending_data(), factor=st.sampled_from((0.01, 0.4, 10.0, 300.0)))
def check_uses_ratios_of_weights(student: Student, inputs: Arguments, factor: float) -> None:
    """Multiplying all weights by one number changes nothing; raising the weight of the smallest point does."""
    x, weights = inputs.args
    estimate = student.gaussian_mle(x, weights)
    assert_value(student.gaussian_mle(x, factor * weights), estimate)
    heavier = torch.cat((2 * weights[:1], weights[1:]))
    expect_smaller_mean(student.gaussian_mle(x, heavier), estimate, "the weight of a point makes no difference.")


@question.check("law", points=0.25)
@given(inputs=ascending_data(), source=numbers())
def check_ignores_the_order_of_the_data(student: Student, inputs: Arguments, source: Numbers) -> None:
    """Reordering points and weights together changes nothing; reordering the points alone does."""
    x, weights = inputs.args
    order = source.permutation(len(x))
    estimate = student.gaussian_mle(x, weights)
    assert_value(student.gaussian_mle(x[order], weights[order]), estimate)
    unpaired = student.gaussian_mle(x[order], weights)
    expect_smaller_mean(unpaired, estimate, "it makes no difference which point has which weight.")


@question.check("law", points=0.5)
@given(inputs=ascending_data(counts=(3, 5)))
def check_maximises_the_likelihood(student: Student, inputs: Arguments) -> None:
    """No mean or variance near the estimate makes the data more likely."""
    x, weights = inputs.args
    mu, var = student.gaussian_mle(x, weights)
    expect(var > 0, "the variance of points that differ is not positive.")

    def negative_log_likelihood(mu: Tensor, var: Tensor) -> Tensor:
        return torch.einsum("n,n...->...", weights, torch.log(var) + (x - mu).square() / var)

    least = negative_log_likelihood(mu, var)
    for step in (-0.02, 0.02):
        expect(negative_log_likelihood(mu + step * var.sqrt(), var) > least, "another mean makes the data more likely.")
        expect(negative_log_likelihood(mu, (1 + step) * var) > least, "another variance makes the data more likely.")


@question.check("stress", points=0.5, requires=(check_values, check_weighted_values))
@given(inputs=st.one_of(data(weighted=False), data()), mean=st.sampled_from((1000.0, -3000.0)))
def check_survives_a_large_mean(student: Student, inputs: Arguments, mean: float) -> None:
    """Keeps the variance of float32 data whose mean is a thousand times their spread."""
    shifted = arguments(inputs.args[0] + mean, *inputs.args[1:]).to(torch.float32)
    got = student.gaussian_mle(*shifted.args)
    exact = gaussian_mle(*shifted.to(torch.float64).args)
    assert_value(tuple(part.double() for part in got), exact, tolerance=LARGE_MEAN)


@question.check("stress", points=0.5)
@given(inputs=data(counts=(5,), events=((7,),)), source=numbers())
def check_leaves_out_points_of_weight_zero(student: Student, inputs: Arguments, source: Numbers) -> None:
    """A point of weight zero counts as one that is not there, wherever it lies."""
    x, weights = inputs.args
    far = torch.cat((x, 1e6 * source.normal((2, 7))))
    got = student.gaussian_mle(far, torch.cat((weights, torch.zeros(2, dtype=torch.float64))))
    assert_value(got, gaussian_mle(x, weights))


@question.check("stress", points=0.25)
@given(inputs=st.one_of(data(counts=(1,), weighted=False), data(counts=(1,))))
def check_gives_one_point_no_variance(student: Student, inputs: Arguments) -> None:
    """One point is its own mean, with variance zero."""
    assert_value(student.gaussian_mle(*inputs.args), gaussian_mle(*inputs.args), tolerance=PRECISION)


# Less than elsewhere: in a variance nothing cancels, unless the squared mean is subtracted.
NOTHING_CANCELS = Tolerance(rtol=2e-5, atol=1e-6)

question.check("stress", points=0.25)(accurate_in(torch.float32, gaussian_mle, data(), tolerance=NOTHING_CANCELS))

question.check("robustness", points=0.25, requires=check_weighted_values)(leaves_inputs_unchanged(data()))
question.check("robustness", points=0.25, requires=check_weighted_values)(accepts_any_strides(gaussian_mle, data()))


@question.check("robustness", points=0.25, requires=check_weighted_values)
@given(inputs=st.one_of(data(counts=(0,)), data(counts=(0,), weighted=False)))
def check_accepts_no_data(student: Student, inputs: Arguments) -> None:
    """Does not raise where there are no data, or all weights are zero; nan and 0 are both fine."""
    without_weight = arguments(torch.ones(3, 7, dtype=torch.float64), torch.zeros(3, dtype=torch.float64))
    for given_inputs in (inputs, without_weight):
        for part in student.gaussian_mle(*given_inputs.args):
            expect(torch.isnan(part) | (part == 0), "with nothing to estimate from, the result is neither nan nor 0.")


question.check("behaviour", points=0.25, requires=check_weighted_values, examples=4)(
    runs_on_other_devices(st.one_of(data(), data(weighted=False)))
)
question.check("behaviour", points=0.25, requires=check_weighted_values)(keeps_generators(data()))
question.check("behaviour", points=0.25, requires=check_weighted_values)(
    does_constant_work(data(counts=(3,), events=((7,),)), data(counts=(300,), events=((7,),)))
)

RATIOS = "Multiply all weights by 10: nothing should change."


@question.misconception("Plug your variance into dNLL/dvar: is it zero for N = 3?")
def divides_by_n_minus_one(x: Tensor, weights: Tensor | None = None) -> tuple[Tensor, Tensor]:
    if weights is None:
        return x.mean(0), x.var(0)
    w = weights.reshape(-1, *[1] * (x.dim() - 1))
    mu = (w * x).sum(0) / w.sum()
    n = x.shape[0]
    return mu, (w * (x - mu) ** 2).sum(0) / w.sum() * n / (n - 1)


@question.misconception("Add 1e3 to all data: the variance should not change.")
def subtracts_the_squared_mean(x: Tensor, weights: Tensor | None = None) -> tuple[Tensor, Tensor]:
    w = torch.ones_like(x) if weights is None else weights.reshape(-1, *[1] * (x.dim() - 1)).expand_as(x)
    mu = (w * x).sum(0) / w.sum(0)
    return mu, (w * x**2).sum(0) / w.sum(0) - mu**2


@question.misconception(RATIOS)
def divides_weighted_sums_by_n(x: Tensor, weights: Tensor | None = None) -> tuple[Tensor, Tensor]:
    w = torch.ones_like(x) if weights is None else weights.reshape(-1, *[1] * (x.dim() - 1)).expand_as(x)
    mu = (w * x).mean(0)
    return mu, (w * (x - mu) ** 2).mean(0)


@question.misconception(RATIOS)
def divides_only_the_mean_by_the_total_weight(x: Tensor, weights: Tensor | None = None) -> tuple[Tensor, Tensor]:
    w = torch.ones_like(x) if weights is None else weights.reshape(-1, *[1] * (x.dim() - 1)).expand_as(x)
    mu = (w * x).sum(0) / w.sum(0)
    return mu, (w * (x - mu) ** 2).mean(0)


@question.misconception("Give one point weight 1 and all others weight 0: where should the mean be?")
def ignores_the_weights(x: Tensor, weights: Tensor | None = None) -> tuple[Tensor, Tensor]:
    return x.mean(0), x.var(0, correction=0)


@question.misconception("Around which point do you measure the spread of weighted data?")
def centres_on_the_plain_mean(x: Tensor, weights: Tensor | None = None) -> tuple[Tensor, Tensor]:
    w = torch.ones_like(x) if weights is None else weights.reshape(-1, *[1] * (x.dim() - 1)).expand_as(x)
    mu = (w * x).sum(0) / w.sum(0)
    return mu, (w * (x - x.mean(0)) ** 2).sum(0) / w.sum(0)


@question.misconception(
    "Change units so that all data are 3 times larger: by what factor should the second result grow?"
)
def returns_the_standard_deviation(x: Tensor, weights: Tensor | None = None) -> tuple[Tensor, Tensor]:
    w = torch.ones_like(x) if weights is None else weights.reshape(-1, *[1] * (x.dim() - 1)).expand_as(x)
    mu = (w * x).sum(0) / w.sum(0)
    return mu, ((w * (x - mu) ** 2).sum(0) / w.sum(0)).sqrt()


@question.misconception("Columns are independent: each needs its own mean.")
def averages_over_all_columns(x: Tensor, weights: Tensor | None = None) -> tuple[Tensor, Tensor]:
    w = torch.ones_like(x) if weights is None else weights.reshape(-1, *[1] * (x.dim() - 1)).expand_as(x)
    mu = (w * x).sum() / w.sum()
    var = (w * (x - mu) ** 2).sum() / w.sum()
    return mu.expand(x.shape[1:]), var.expand(x.shape[1:])


@question.misconception("For N points of D features each, how many means should come back?")
def averages_over_the_last_dimension(x: Tensor, weights: Tensor | None = None) -> tuple[Tensor, Tensor]:
    w = torch.ones_like(x) if weights is None else weights.reshape(-1, *[1] * (x.dim() - 1)).expand_as(x)
    mu = (w * x).sum(-1, keepdim=True) / w.sum(-1, keepdim=True)
    return mu.squeeze(-1), (w * (x - mu) ** 2).sum(-1) / w.sum(-1)


@question.misconception("Give it x of shape [5], then of shape [5, 7, 4]: which dimension do your weights follow?")
def expects_two_dimensions(x: Tensor, weights: Tensor | None = None) -> tuple[Tensor, Tensor]:
    w = x.new_ones(x.shape[0], 1) if weights is None else weights[:, None]
    mu = (w * x).sum(0) / w.sum(0)
    return mu, (w * (x - mu) ** 2).sum(0) / w.sum(0)


@question.misconception("Take one data point: how far does it lie from itself?")
def adds_a_small_constant(x: Tensor, weights: Tensor | None = None) -> tuple[Tensor, Tensor]:
    w = torch.ones_like(x) if weights is None else weights.reshape(-1, *[1] * (x.dim() - 1)).expand_as(x)
    mu = (w * x).sum(0) / w.sum(0)
    return mu, (w * (x - mu) ** 2).sum(0) / w.sum(0) + 1e-6


@question.misconception("Raise one weight a little: the mean moves towards that point. What does your gradient say?")
def cuts_the_gradient_of_the_weights(x: Tensor, weights: Tensor | None = None) -> tuple[Tensor, Tensor]:
    w = torch.ones_like(x) if weights is None else weights.detach().reshape(-1, *[1] * (x.dim() - 1)).expand_as(x)
    mu = (w * x).sum(0) / w.sum(0)
    return mu, (w * (x - mu) ** 2).sum(0) / w.sum(0)


@question.misconception("Move one data point a little: do your estimates know that they depend on it?")
def cuts_the_gradient_of_the_data(x: Tensor, weights: Tensor | None = None) -> tuple[Tensor, Tensor]:
    x = x.detach()
    w = torch.ones_like(x) if weights is None else weights.reshape(-1, *[1] * (x.dim() - 1)).expand_as(x)
    mu = (w * x).sum(0) / w.sum(0)
    return mu, (w * (x - mu) ** 2).sum(0) / w.sum(0)


@question.misconception("Your answers are right to seven digits and no further; where do the others get lost?")
def rounds_the_weights(x: Tensor, weights: Tensor | None = None) -> tuple[Tensor, Tensor]:
    w = torch.ones_like(x) if weights is None else weights.float().reshape(-1, *[1] * (x.dim() - 1)).to(x.dtype)
    w = w.expand_as(x)
    mu = (w * x).sum(0) / w.sum(0)
    return mu, (w * (x - mu) ** 2).sum(0) / w.sum(0)


@question.alternative
def uses_library_moments_for_plain_data(x: Tensor, weights: Tensor | None = None) -> tuple[Tensor, Tensor]:
    if weights is None:
        var, mu = torch.var_mean(x, dim=0, correction=0)
        return mu, var
    share = weights / weights.sum()
    mu = torch.tensordot(share, x, dims=1)
    return mu, torch.tensordot(share, (x - mu).square(), dims=1)


@question.alternative
def contracts_with_einsum(x: Tensor, weights: Tensor | None = None) -> tuple[Tensor, Tensor]:
    if weights is None:
        weights = torch.ones(x.shape[0], dtype=x.dtype, device=x.device)
    total = weights.sum()
    mu = torch.einsum("n,n...->...", weights, x) / total
    centred = x - mu
    return mu, torch.einsum("n,n...,n...->...", weights, centred, centred) / total


@question.alternative
def moves_the_data_to_the_last_dimension(x: Tensor, weights: Tensor | None = None) -> tuple[Tensor, Tensor]:
    points = x.movedim(0, -1)
    w = torch.ones_like(points) if weights is None else weights.expand_as(points)
    p = w / w.sum(dim=-1, keepdim=True)
    mu = (p * points).sum(dim=-1)
    return mu, (p * (points - mu.unsqueeze(-1)) ** 2).sum(dim=-1)


@question.alternative
def multiplies_flattened_rows(x: Tensor, weights: Tensor | None = None) -> tuple[Tensor, Tensor]:
    flat = x.flatten(1) if x.dim() > 1 else x[:, None]
    w = x.new_ones(flat.shape[0]) if weights is None else weights
    mu = w @ flat / w.sum()
    var = w @ (flat - mu).pow(2) / w.sum()
    return mu.reshape(x.shape[1:]), var.reshape(x.shape[1:])
