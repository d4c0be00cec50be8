"""elbo.4: self-normalised importance weights and their effective sample size (Kong 1992; Owen 2013, eq. 9.13).

w~_k = w_k / sum_j w_j,  ESS = (sum_k w_k)^2 / sum_k w_k^2 = 1 / sum_k w~_k^2, between 1 and K
"""

from __future__ import annotations

import math

import hypothesis.strategies as st
import torch
import torch.nn.functional as F
from hypothesis import given
from torch import Tensor

from grader.compare import FORMULA, Tolerance, assert_value, expect
from grader.question import Question
from grader.remote import Student
from grader.standard import (
    Arguments,
    accepts_any_strides,
    accepts_empty_batches,
    accurate_in,
    does_constant_work,
    ignores_other_examples,
    keeps_generators,
    keeps_precision,
    leaves_inputs_unchanged,
    matches_oracle,
    runs_on_other_devices,
)
from grader.strategies import Numbers, numbers
from reference.elbo._parts import CANCELLING, part_gradients_match, part_matches
from reference.elbo._weights import (
    ANY_DIMENSION,
    ONE_EXAMPLE,
    ROWS,
    change_others,
    far_apart,
    log_weights,
)

question = Question(
    id="elbo.4", functions=["importance_weights"], title="Normalised weights and their effective sample size"
)

# In float32 a log-weight of 3000 is known to 2e-4, which is what a weight computed from two of them is known to.
FAR_APART = {torch.float64: FORMULA, torch.float32: Tolerance(rtol=1e-2, atol=1e-2)}

Pair = tuple[Tensor, Tensor]


@question.oracle
def importance_weights(log_w: Tensor, dim: int = 0) -> Pair:
    """Weights of log_w's shape, and the effective sample size, of that shape without `dim`."""
    weights = torch.softmax(log_w, dim=dim)
    return weights, 1 / weights.square().sum(dim)


single = log_weights(layouts=ONE_EXAMPLE)

check_weights = question.check(
    "value", points=1.25, name="weights", description="The weights are in proportion to exp(log_w) and sum to one."
)(part_matches(importance_weights, single, 0))
check_size = question.check(
    "value",
    points=1.75,
    name="effective_sample_size",
    description="The effective sample size is (sum w)^2 / sum w^2.",
)(part_matches(importance_weights, single, 1))
question.check(
    "value",
    points=0.75,
    requires=(check_weights, check_size),
    name="values_along_any_dimension",
    description="Normalises along the dimension that it is told, for each example alone.",
)(matches_oracle(importance_weights, log_weights(layouts=ANY_DIMENSION)))

question.check("precision", points=0.5, requires=(check_weights, check_size))(
    keeps_precision(importance_weights, single)
)

question.check(
    "gradient", points=0.75, name="gradients_of_the_weights", description="The weights can be differentiated in log_w."
)(part_gradients_match(importance_weights, log_weights(), [0], tolerance=CANCELLING))
question.check(
    "gradient",
    points=1.25,
    name="gradients_of_the_effective_sample_size",
    description="The effective sample size can be differentiated in log_w.",
)(part_gradients_match(importance_weights, log_weights(), [1], tolerance=CANCELLING))


@question.check("law", points=0.5)
@given(inputs=log_weights(layouts=(((7, 3), 0), ((5, 2), 0), ((5,), 0))))
def check_weights_sum_to_one(student: Student, inputs: Arguments) -> None:
    """The weights of an example sum to one, and a sample whose w is e times as large has e times the weight."""
    (log_w,) = inputs.args
    weights, _ = student.importance_weights(log_w)
    assert_value(weights.sum(0), torch.ones_like(log_w[0]))
    assert_value(weights[1:] / weights[:1], torch.exp(log_w[1:] - log_w[:1]))


@question.check("law", points=0.25)
@given(inputs=log_weights(layouts=(((7, 3), 0), ((5, 2), 0))), shift=st.sampled_from((-3.1, 0.8, 5.0)))
def check_ignores_a_common_factor(student: Student, inputs: Arguments, shift: float) -> None:
    """Multiplying all w of an example by one number changes nothing; multiplying one of them does."""
    (log_w,) = inputs.args
    before = student.importance_weights(log_w)
    assert_value(student.importance_weights(log_w + shift), before)
    raised = student.importance_weights(torch.cat((log_w[:1] + 1, log_w[1:])))
    expect(raised[0][0] > before[0][0] + 1e-9, "a larger w does not get a larger weight.")


@question.check("law", points=0.5)
@given(inputs=log_weights(layouts=(((7, 3), 0), ((5, 2), 0), ((2, 7), 0))))
def check_counts_equal_samples_in_full(student: Student, inputs: Arguments) -> None:
    """The effective sample size is K where all weights are equal, near 1 where one is all, and between elsewhere."""
    count = len(inputs.args[0])
    # No two samples of one example alike, however the draws were rounded.
    log_w = inputs.args[0].sort(0).values + 0.3 * torch.arange(count).unsqueeze(-1)
    size = student.importance_weights(log_w)[1]
    expect((size > 1) & (size < count), "the effective sample size of unequal weights is not between 1 and K.")
    equal = log_w[:1].expand(count, -1).contiguous()
    assert_value(student.importance_weights(equal)[1], torch.full_like(log_w[0], count))
    alone = torch.cat((log_w[:1] + 40, log_w[1:]))
    assert_value(student.importance_weights(alone)[1], torch.ones_like(log_w[0]))


question.check("law", points=0.25, requires=(check_weights, check_size))(
    ignores_other_examples(log_weights(layouts=ROWS), change_others)
)


@question.check("stress", points=0.5, requires=(check_weights, check_size))
@given(source=numbers(), dtype=st.sampled_from((torch.float64, torch.float32)))
def check_survives_weights_far_apart(student: Student, source: Numbers, dtype: torch.dtype) -> None:
    """Stays exact for log-weights that differ by a thousand and more, or are -inf, which is a weight of 0."""
    log_w = far_apart(source, dtype)
    log_w[2, 0] = -math.inf
    right = tuple(part.to(dtype) for part in importance_weights(log_w.double()))
    assert_value(student.importance_weights(log_w), right, tolerance=FAR_APART[dtype])


question.check("stress", points=0.25, requires=(check_weights, check_size))(
    accurate_in(torch.float32, importance_weights, log_weights())
)

rows = log_weights(layouts=ROWS)
question.check("robustness", points=0.25, requires=(check_weights, check_size))(
    accepts_any_strides(importance_weights, rows)
)
question.check("robustness", points=0.25, requires=(check_weights, check_size))(
    accepts_empty_batches(log_weights(layouts=(((7, 0), 0), ((0, 7), 1))), importance_weights)
)
question.check("robustness", points=0.25, requires=(check_weights, check_size))(leaves_inputs_unchanged(rows))
question.check("behaviour", points=0.25, requires=(check_weights, check_size))(runs_on_other_devices(rows))
question.check("behaviour", points=0.25, requires=(check_weights, check_size))(keeps_generators(rows))
question.check("behaviour", points=0.25, requires=(check_weights, check_size))(
    does_constant_work(log_weights(layouts=(((3, 7), 1),)), log_weights(layouts=(((300, 70), 1),)))
)

DEFINITION = "Weights 1/2, 1/4 and 1/4: put them into (sum w)^2 / sum w^2 by hand. Is that what you return?"
NO_GRADIENT = "Your values are right; does log_w get a gradient from both of your results?"


@question.misconception("Samples along dim: the weights of which numbers should sum to one?")
def normalises_over_the_last_dimension(log_w: Tensor, dim: int = 0) -> Pair:
    weights = torch.softmax(log_w, -1)
    return weights, 1 / weights.square().sum(dim)


@question.misconception("Samples along dim = 1: which dimension should be gone from the second result?")
def ignores_dim(log_w: Tensor, dim: int = 0) -> Pair:
    weights = torch.softmax(log_w, 0)
    return weights, 1 / weights.square().sum(0)


@question.misconception("Put one example in a batch alone, then among others: why do its weights change?")
def normalises_over_everything(log_w: Tensor, dim: int = 0) -> Pair:
    weights = torch.softmax(log_w.flatten(), 0).reshape(log_w.shape)
    return weights, weights.sum(dim).square() / weights.square().sum(dim)


@question.misconception("Log-weights of 2000 are ordinary numbers, and so are the weights. What is exp(2000)?")
def exponentiates_first(log_w: Tensor, dim: int = 0) -> Pair:
    w = torch.exp(log_w)
    return w / w.sum(dim, keepdim=True), w.sum(dim).square() / w.square().sum(dim)


@question.misconception("Log-weights of 2000 are ordinary numbers, and so is the sample size. What is exp(2000)?")
def counts_with_unnormalised_weights(log_w: Tensor, dim: int = 0) -> Pair:
    w = torch.exp(log_w)
    return torch.softmax(log_w, dim), w.sum(dim).square() / w.square().sum(dim)


@question.misconception(
    "Put log-weights near 0 in one example and near -3000 in another: why does one spoil the other?"
)
def subtracts_the_largest_of_all(log_w: Tensor, dim: int = 0) -> Pair:
    w = torch.exp(log_w - log_w.max()) if log_w.numel() else log_w
    weights = w / w.sum(dim, keepdim=True)
    return weights, 1 / weights.square().sum(dim)


@question.misconception(DEFINITION)
def looks_at_the_largest_weight(log_w: Tensor, dim: int = 0) -> Pair:
    weights = torch.softmax(log_w, dim)
    return weights, 1 / weights.amax(dim)


@question.misconception(DEFINITION)
def takes_the_perplexity(log_w: Tensor, dim: int = 0) -> Pair:
    weights = torch.softmax(log_w, dim)
    return weights, torch.special.entr(weights).sum(dim).exp()


@question.misconception("Ten equal weights are worth ten samples. What do you return for them?")
def forgets_to_turn_it_over(log_w: Tensor, dim: int = 0) -> Pair:
    weights = torch.softmax(log_w, dim)
    return weights, weights.square().sum(dim)


@question.misconception("Ten equal weights are worth ten samples. What do you return for them?")
def divides_by_the_count(log_w: Tensor, dim: int = 0) -> Pair:
    weights = torch.softmax(log_w, dim)
    return weights, 1 / weights.square().sum(dim) / log_w.shape[dim]


@question.misconception("Three equal weights: is the sample size 3, or its square root, for you?")
def takes_a_root(log_w: Tensor, dim: int = 0) -> Pair:
    weights = torch.softmax(log_w, dim)
    return weights, 1 / weights.square().sum(dim).sqrt()


@question.misconception("Ten equal weights are worth ten samples. What do you return for them?")
def squares_the_sum_below(log_w: Tensor, dim: int = 0) -> Pair:
    weights = torch.softmax(log_w, dim)
    return weights, weights.square().sum(dim) / weights.sum(dim).square()


@question.misconception("Do your weights sum to one, or to K?")
def normalises_to_a_mean_of_one(log_w: Tensor, dim: int = 0) -> Pair:
    weights = torch.softmax(log_w, dim) * log_w.shape[dim]
    return weights, weights.sum(dim).square() / weights.square().sum(dim)


@question.misconception("Weights are asked for. Can yours be negative?")
def returns_log_weights(log_w: Tensor, dim: int = 0) -> Pair:
    log_weights = torch.log_softmax(log_w, dim)
    return log_weights, torch.exp(-torch.logsumexp(2 * log_weights, dim))


@question.misconception("Ten times the log-weight, ten times the weight? Try log-weights 0 and log 3.")
def normalises_the_log_weights(log_w: Tensor, dim: int = 0) -> Pair:
    weights = log_w / log_w.sum(dim, keepdim=True)
    return weights, 1 / weights.square().sum(dim)


@question.misconception("Your best sample gets the smallest weight.")
def turns_the_weights_over(log_w: Tensor, dim: int = 0) -> Pair:
    weights = torch.softmax(-log_w, dim)
    return weights, 1 / weights.square().sum(dim)


@question.misconception("How many sample sizes do you expect for a batch of three examples?")
def averages_the_sample_sizes(log_w: Tensor, dim: int = 0) -> Pair:
    weights = torch.softmax(log_w, dim)
    size = 1 / weights.square().sum(dim)
    return weights, size.mean().expand(size.shape)


@question.misconception("The second result has one number per example; which dimension of yours is left over?")
def keeps_the_dimension(log_w: Tensor, dim: int = 0) -> Pair:
    weights = torch.softmax(log_w, dim)
    return weights, 1 / weights.square().sum(dim, keepdim=True)


@question.misconception(NO_GRADIENT)
def detaches_the_weights(log_w: Tensor, dim: int = 0) -> Pair:
    weights = torch.softmax(log_w, dim).detach()
    return weights, 1 / weights.square().sum(dim)


@question.misconception(NO_GRADIENT)
def detaches_the_sample_size(log_w: Tensor, dim: int = 0) -> Pair:
    weights = torch.softmax(log_w, dim)
    return weights, 1 / weights.detach().square().sum(dim)


@question.misconception("Which dtype went in, and which came out? A model in float32 cannot add the two.")
def returns_double(log_w: Tensor, dim: int = 0) -> Pair:
    weights = torch.softmax(log_w.double(), dim)
    return weights, 1 / weights.square().sum(dim)


@question.alternative
def subtracts_the_largest(log_w: Tensor, dim: int = 0) -> Pair:
    w = torch.exp(log_w - log_w.max(dim=dim, keepdim=True).values)
    total = w.sum(dim=dim, keepdim=True)
    return w / total, (total.squeeze(dim) ** 2) / (w**2).sum(dim=dim)


@question.alternative
def stays_in_logarithms(log_w: Tensor, dim: int = 0) -> Pair:
    log_total = torch.logsumexp(log_w, dim=dim, keepdim=True)
    weights = torch.exp(log_w - log_total)
    size = torch.exp(2 * log_total.squeeze(dim) - torch.logsumexp(2 * log_w, dim=dim))
    return weights, size


@question.alternative
def moves_the_samples_last(log_w: Tensor, dim: int = 0) -> Pair:
    moved = torch.movedim(log_w, dim, -1)
    weights = torch.log_softmax(moved, dim=-1).exp()
    size = torch.einsum("...k,...k->...", weights, weights).reciprocal()
    return weights.movedim(-1, dim), size


@question.alternative
def squares_a_norm(log_w: Tensor, dim: int = 0) -> Pair:
    weights = F.softmax(log_w, dim=dim)
    return weights, torch.linalg.vector_norm(weights, dim=dim) ** -2
