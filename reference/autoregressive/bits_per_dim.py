"""ar.8: likelihoods in bits per dimension, in the unit of the data's own levels (Theis et al. 2016, section 3.1).

bits = -log p / (D log 2), plus log2(levels) where a density was taken of data that had been divided by their levels
"""

from __future__ import annotations

import math
from collections.abc import Sequence

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
    accepts_empty_batches,
    accurate_in,
    does_constant_work,
    gradients_match,
    keeps_generators,
    keeps_precision,
    leaves_inputs_unchanged,
    matches_oracle,
    runs_on_other_devices,
)
from grader.strategies import BATCH_SHAPES, Shape, numbers

question = Question(id="ar.8", functions=["bits_per_dim"], title="Bits per dimension")


@question.oracle
def bits_per_dim(log_prob: Tensor, n_dims: int, *, scale_levels: int | None = None) -> Tensor:
    """Bits per dimension, one for each log-probability in nats."""
    offset = 0.0 if scale_levels is None else math.log(scale_levels)
    return (offset - log_prob / n_dims) / math.log(2)


@st.composite
def likelihoods(
    draw: st.DrawFn, *, shapes: Sequence[Shape] = BATCH_SHAPES, levels: Sequence[int | None] = (None,)
) -> Arguments:
    """Arguments (log_prob, n_dims, scale_levels=...), of a few nats per dimension of either sign."""
    n_dims, scale_levels = draw(st.sampled_from((3, 1, 784))), draw(st.sampled_from(levels))
    log_prob = draw(numbers()).normal(draw(st.sampled_from(shapes)), loc=-2.0, scale=3.0) * n_dims
    return Arguments((log_prob, n_dims), {} if scale_levels is None else {"scale_levels": scale_levels})


LEVELS = (256, 2, 32)

check_values = question.check(
    "value", points=1.25, description="Log-probabilities of the data themselves become bits per dimension."
)(matches_oracle(bits_per_dim, likelihoods()))
check_scaled_values = question.check(
    "value",
    points=0.75,
    name="values_of_scaled_data",
    description="Log-densities of data that were divided by their levels become bits per dimension of the data.",
)(matches_oracle(bits_per_dim, likelihoods(levels=LEVELS)))

question.check("precision", points=0.25, requires=check_values)(keeps_precision(bits_per_dim, likelihoods()))
question.check("gradient", points=0.5)(gradients_match(bits_per_dim, likelihoods(levels=(None, *LEVELS))))


@question.check("law", points=0.25)
@given(n_dims=st.sampled_from((3, 784)), batch=st.sampled_from(((), (3,), (2, 3))), bits=st.sampled_from((8, 3, 5)))
def check_uniform_levels_cost_their_bits(student: Student, n_dims: int, batch: Shape, bits: int) -> None:
    """Dimensions that are uniform over 2^n levels cost n bits each."""
    log_prob = torch.full(batch, -n_dims * bits * math.log(2), dtype=torch.float64)
    assert_value(student.bits_per_dim(log_prob, n_dims), torch.full_like(log_prob, bits))


@question.check("law", points=0.25)
@given(n_dims=st.sampled_from((3, 784)), batch=st.sampled_from(((), (3,), (2, 3))), bits=st.sampled_from((8, 3, 5)))
def check_unit_of_the_data_does_not_matter(student: Student, n_dims: int, batch: Shape, bits: int) -> None:
    """A density of 1 on data from 0 to 1 costs n bits per dimension, if these were 2^n levels."""
    log_prob = torch.zeros(batch, dtype=torch.float64)
    got = student.bits_per_dim(log_prob, n_dims, scale_levels=2**bits)
    assert_value(got, torch.full_like(log_prob, bits))


question.check("stress", points=0.25, requires=check_values)(
    accurate_in(torch.float32, bits_per_dim, likelihoods(levels=(None, *LEVELS)))
)

SEVERAL: tuple[Shape, ...] = ((3, 2), (2, 3))
question.check("robustness", points=0.25, requires=check_values)(leaves_inputs_unchanged(likelihoods()))
question.check("robustness", points=0.25, requires=check_values)(
    accepts_any_strides(bits_per_dim, likelihoods(shapes=SEVERAL))
)
question.check("robustness", points=0.25, requires=check_values)(
    accepts_empty_batches(likelihoods(shapes=((0,), (0, 3)), levels=(None, 256)), bits_per_dim)
)
question.check("behaviour", points=0.25, requires=check_values)(
    runs_on_other_devices(likelihoods(levels=(None, *LEVELS)))
)
question.check("behaviour", points=0.25, requires=check_values)(keeps_generators(likelihoods()))
question.check("behaviour", points=0.25, requires=check_values)(
    does_constant_work(likelihoods(shapes=((3, 7),)), likelihoods(shapes=((300, 7),)))
)

PER_EXAMPLE = "Six images need six numbers. What does your function do with their log-probabilities together?"


@question.misconception("Put one image in a batch alone, then with two others: why does its cost shrink?")
def divides_by_the_batch_too(log_prob: Tensor, n_dims: int, *, scale_levels: int | None = None) -> Tensor:
    bits = -log_prob / (n_dims * math.log(2) * (log_prob.shape[0] if log_prob.dim() else 1))
    return bits if scale_levels is None else bits + math.log2(scale_levels)


@question.misconception("Is a bit more than a nat, or less? One fair coin has 0.693 nats.")
def multiplies_by_log_two(log_prob: Tensor, n_dims: int, *, scale_levels: int | None = None) -> Tensor:
    bits = -log_prob * math.log(2) / n_dims
    return bits if scale_levels is None else bits + math.log2(scale_levels)


@question.misconception("One fair coin has 0.693 nats. In which unit is your answer?")
def stays_in_nats(log_prob: Tensor, n_dims: int, *, scale_levels: int | None = None) -> Tensor:
    nats = -log_prob / n_dims
    return nats if scale_levels is None else nats + math.log(scale_levels)


@question.misconception("Eight bits per dimension: is the image of twice the size twice as expensive, per dimension?")
def forgets_the_dimensions(log_prob: Tensor, n_dims: int, *, scale_levels: int | None = None) -> Tensor:
    bits = -log_prob / math.log(2)
    return bits if scale_levels is None else bits + math.log2(scale_levels)


@question.misconception(PER_EXAMPLE)
def averages_the_batch(log_prob: Tensor, n_dims: int, *, scale_levels: int | None = None) -> Tensor:
    bits = -log_prob.mean() / (n_dims * math.log(2))
    return bits if scale_levels is None else bits + math.log2(scale_levels)


@question.misconception(PER_EXAMPLE)
def sums_the_batch(log_prob: Tensor, n_dims: int, *, scale_levels: int | None = None) -> Tensor:
    bits = -log_prob.sum() / (n_dims * math.log(2))
    return bits if scale_levels is None else bits + math.log2(scale_levels)


@question.misconception("A less likely image should cost more bits. Does it, in your code?")
def forgets_the_minus(log_prob: Tensor, n_dims: int, *, scale_levels: int | None = None) -> Tensor:
    bits = log_prob / (n_dims * math.log(2))
    return bits if scale_levels is None else bits + math.log2(scale_levels)


@question.misconception("Divide pixels by 256: by what factor does the density grow, and what becomes of your bits?")
def forgets_the_levels(log_prob: Tensor, n_dims: int, *, scale_levels: int | None = None) -> Tensor:
    return -log_prob / (n_dims * math.log(2))


@question.misconception("A density of 1 on [0, 1], for pixels that had 256 levels: can that cost less than nothing?")
def subtracts_the_levels(log_prob: Tensor, n_dims: int, *, scale_levels: int | None = None) -> Tensor:
    bits = -log_prob / (n_dims * math.log(2))
    return bits if scale_levels is None else bits - math.log2(scale_levels)


@question.misconception("In which unit are the bits that you start from, and in which is your offset?")
def adds_the_levels_in_nats(log_prob: Tensor, n_dims: int, *, scale_levels: int | None = None) -> Tensor:
    bits = -log_prob / (n_dims * math.log(2))
    return bits if scale_levels is None else bits + math.log(scale_levels)


@question.misconception("Is your result per dimension or for all of them? And your offset?")
def adds_the_levels_of_all_dimensions(log_prob: Tensor, n_dims: int, *, scale_levels: int | None = None) -> Tensor:
    bits = -log_prob / (n_dims * math.log(2))
    return bits if scale_levels is None else bits + n_dims * math.log2(scale_levels)


@question.misconception("Is your result per dimension or for all of them? And your offset?")
def adds_the_levels_before_dividing(log_prob: Tensor, n_dims: int, *, scale_levels: int | None = None) -> Tensor:
    log_prob = log_prob if scale_levels is None else log_prob - math.log(scale_levels)
    return -log_prob / (n_dims * math.log(2))


@question.misconception("256 levels are 8 bits. What do you add to them?")
def adds_the_number_of_levels(log_prob: Tensor, n_dims: int, *, scale_levels: int | None = None) -> Tensor:
    bits = -log_prob / (n_dims * math.log(2))
    return bits if scale_levels is None else bits + scale_levels


@question.misconception("Which dtype went in, and which came out? A model in float32 cannot use it.")
def returns_double(log_prob: Tensor, n_dims: int, *, scale_levels: int | None = None) -> Tensor:
    bits = -log_prob.double() / (n_dims * math.log(2))
    return bits if scale_levels is None else bits + math.log2(scale_levels)


@question.misconception("Your result has no gradient. What do .item() and torch.tensor() do to the graph?")
def makes_a_new_tensor(log_prob: Tensor, n_dims: int, *, scale_levels: int | None = None) -> Tensor:
    bits = -log_prob.detach() / (n_dims * math.log(2))
    return bits if scale_levels is None else bits + math.log2(scale_levels)


@question.alternative
def adds_the_log_levels_to_the_nats(log_prob: Tensor, n_dims: int, *, scale_levels: int | None = None) -> Tensor:
    nats = -log_prob
    if scale_levels is not None:
        nats = nats + n_dims * math.log(scale_levels)
    return nats / n_dims / math.log(2)


@question.alternative
def multiplies_by_log2_of_e(log_prob: Tensor, n_dims: int, *, scale_levels: int | None = None) -> Tensor:
    bits = torch.mul(log_prob, -math.log2(math.e)).div(n_dims)
    return bits + (math.log(scale_levels, 2) if scale_levels else 0.0)


@question.alternative
def takes_logarithms_with_torch(log_prob: Tensor, n_dims: int, *, scale_levels: int | None = None) -> Tensor:
    log_two = torch.log(torch.full_like(log_prob, 2.0))
    levels = torch.full_like(log_prob, 1.0 if scale_levels is None else scale_levels)
    return torch.log2(levels) - log_prob / (n_dims * log_two)
