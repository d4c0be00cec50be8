"""elbo.3: the importance-weighted bound (Burda, Grosse & Salakhutdinov 2016, eqs. 8 and 14).

L_K = E log (1/K) sum_k w_k,  w_k = p(x | z_k) p(z_k) / q(z_k | x),  z_1, ..., z_K ~ q(z | x)
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import hypothesis.strategies as st
import torch
import torch.nn.functional as F
from hypothesis import given
from torch import Tensor

from grader.compare import ROUNDED, Tolerance, assert_value, expect
from grader.question import Question
from grader.remote import Student
from grader.standard import (
    Arguments,
    about,
    accepts_any_strides,
    accepts_empty_batches,
    accurate_in,
    arguments,
    cotangents_like,
    does_constant_work,
    gradients_match,
    ignores_other_examples,
    keeps_generators,
    keeps_precision,
    leaves_inputs_unchanged,
    matches_oracle,
    oracle_vjp,
    runs_on_other_devices,
)
from grader.strategies import BATCH_SHAPES, Numbers, Shape, numbers
from reference.elbo import _built_on_iwae_bound, _iwae_mistakes, _weights
from reference.elbo._parts import CANCELLING, ONE_BATCH_DIMENSION, ONE_EXAMPLE, SEVERAL_EXAMPLES, THREE_EXAMPLES
from reference.elbo._weights import far_apart, log_weights

question = Question(
    id="elbo.3",
    functions=["iwae_bound", "vae_iwae"],
    title="The importance-weighted bound",
    builds_on=["elbo.3"],
)


@question.oracle
def iwae_bound(log_w: Tensor, dim: int = 0) -> Tensor:
    """Nats; the shape of log_w without `dim`."""
    return torch.logsumexp(log_w, dim=dim) - math.log(log_w.shape[dim])


@question.oracle
def vae_iwae(x: Tensor, logits: Tensor, z: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """Nats, [*batch]; x [*batch, pixels], logits and z [samples, *batch, .], mu and logvar [*batch, latent]."""
    return _built_on_iwae_bound.vae_iwae(x, logits, z, mu, logvar, iwae_bound=iwae_bound)


question.composed(_built_on_iwae_bound.vae_iwae)


Sizes = tuple[int, int, int]


def draw_samples(source: Numbers, batch: Shape, sizes: Sizes) -> Arguments:
    """Arguments (x, logits, z, mu, logvar) for (samples, pixels, latent), with z drawn from a q far from the prior."""
    samples, pixels, latent = sizes
    x = (source.uniform((*batch, pixels)) > 0.6).double()
    logits = source.normal((samples, *batch, pixels), loc=0.4, scale=1.5)
    mu, logvar = source.normal((*batch, latent), loc=0.7), source.uniform((*batch, latent), low=-1.5, high=1.0)
    z = mu + torch.exp(0.5 * logvar) * source.normal((samples, *batch, latent))
    return arguments(x, logits, z, mu, logvar)


@st.composite
def sampled(
    draw: st.DrawFn,
    *,
    batch_shapes: Sequence[Shape] = BATCH_SHAPES,
    sizes: Sequence[Sizes] = ((5, 7, 2), (7, 5, 1), (2, 5, 4), (4, 1, 5)),
) -> Arguments:
    """Arguments (x, logits, z, mu, logvar)."""
    batch, chosen = draw(st.sampled_from(batch_shapes)), draw(st.sampled_from(sizes))
    return draw_samples(draw(numbers()), batch, chosen)


check_bound = question.check(
    "value", points=2.5, description="iwae_bound is the logarithm of the mean of the weights."
)(matches_oracle(iwae_bound, log_weights(layouts=_weights.ONE_EXAMPLE), tolerance=CANCELLING))
question.check(
    "value",
    points=1,
    requires=check_bound,
    name="values_along_any_dimension",
    description="iwae_bound averages along the dimension that it is told, and keeps all others.",
)(matches_oracle(iwae_bound, log_weights(layouts=_weights.ANY_DIMENSION), tolerance=CANCELLING))
check_vae = question.check(
    "value",
    points=3.5,
    description="vae_iwae weighs each sample by p(x | z) p(z) / q(z | x) and bounds log p(x) with all of them.",
)(about("vae_iwae", matches_oracle(vae_iwae, sampled(batch_shapes=ONE_EXAMPLE), tolerance=CANCELLING)))
question.check(
    "value",
    points=1,
    requires=check_vae,
    name="values_for_a_batch_of_vae_iwae",
    description="vae_iwae gives one value per example, for any number of batch dimensions.",
)(about("vae_iwae", matches_oracle(vae_iwae, sampled(batch_shapes=SEVERAL_EXAMPLES), tolerance=CANCELLING)))

question.check("precision", points=0.5, requires=check_bound)(
    keeps_precision(iwae_bound, log_weights(layouts=_weights.ONE_EXAMPLE))
)
question.check("precision", points=0.5, requires=check_vae)(
    about("vae_iwae", keeps_precision(vae_iwae, sampled(batch_shapes=ONE_EXAMPLE)))
)

question.check("gradient", points=2, description="The gradient of iwae_bound is the normalised weights.")(
    gradients_match(iwae_bound, log_weights())
)


@question.check("gradient", points=2)
@given(inputs=sampled(), source=numbers())
def check_gradients_of_vae_iwae(student: Student, inputs: Arguments, source: Numbers) -> None:
    """vae_iwae has the right gradients in logits, z, mu and logvar."""
    weights = cotangents_like(vae_iwae(*inputs.args), source)
    # Nothing is promised for data.
    got, right = student.vae_iwae.vjp(inputs.args, weights), oracle_vjp(vae_iwae, inputs, weights)
    assert_value(got[1:], right[1:], tolerance=CANCELLING)


@question.check("law", points=0.5)
@given(constant=st.sampled_from((-7.3, -0.4, 2.9)), count=st.sampled_from((1, 2, 5, 64)))
def check_identical_samples_tell_nothing_new(student: Student, constant: float, count: int) -> None:
    """Samples of one and the same weight give that weight, however many there are."""
    log_w = torch.full((count, 3), constant, dtype=torch.float64)
    assert_value(student.iwae_bound(log_w), log_w[0])


@question.check("law", points=0.75)
@given(source=numbers())
def check_more_samples_tighten_the_bound(student: Student, source: Numbers) -> None:
    """Over all tuples of K draws of a 3-state latent, the mean bound is the ELBO for K = 1, and rises to log p(x)."""
    q, log_joint = source.simplex((3,)), source.normal((3,), loc=-1.0)
    bounds = []
    for count in (1, 2, 3):
        draws = torch.tensor(list(itertools.product(range(3), repeat=count))).T.contiguous()
        bounds.append((q[draws].prod(0) * student.iwae_bound((log_joint - q.log())[draws])).sum())
    elbo, log_px = (q * (log_joint - q.log())).sum(), torch.logsumexp(log_joint, 0)
    assert_value(bounds[0], elbo)
    expect(bounds[0] < bounds[1] < bounds[2], "the mean bound does not rise with the number of samples.")
    expect(bounds[2] < log_px, "the mean bound exceeds log p(x).")


@question.check("law", points=0.25)
@given(inputs=log_weights(layouts=(((7, 3), 0), ((5, 2), 0))), source=numbers())
def check_ignores_the_order_of_samples(student: Student, inputs: Arguments, source: Numbers) -> None:
    """The order of an example's samples is nothing, and seeing each of them twice is nothing; a better one is."""
    (log_w,) = inputs.args
    bound = student.iwae_bound(log_w)
    assert_value(student.iwae_bound(log_w[source.permutation(len(log_w))].repeat(2, 1)), bound)
    better = student.iwae_bound(torch.cat((log_w[:-1], log_w[-1:] + 1)))
    expect(better > bound + 1e-9, "a larger weight does not raise the bound.")


question.check("law", points=0.25, requires=check_bound)(
    ignores_other_examples(log_weights(layouts=_weights.ROWS), _weights.change_others)
)


@question.check("law", points=0.75)
@given(source=numbers())
def check_a_single_weight_has_mean_px(student: Student, source: Numbers) -> None:
    """With one sample, the mean under q of exp(vae_iwae) is p(x), whatever q is."""
    x, _, _, mu, logvar = draw_samples(source, (), (1, 3, 1)).args
    slope, offset = source.normal((3,)), source.normal((3,))
    z = torch.linspace(-10, 10, 161, dtype=torch.float64).unsqueeze(-1)
    logits, step = slope * z + offset, 0.125
    log_px_given_z = (x * F.logsigmoid(logits) + (1 - x) * F.logsigmoid(-logits)).sum(-1)
    log_prior = -0.5 * (math.log(2 * math.pi) + z.square()).sum(-1)
    log_q = -0.5 * (math.log(2 * math.pi) + logvar + (z - mu).square() * torch.exp(-logvar)).sum(-1)
    rows = [part.expand(len(z), -1).clone() for part in (x, mu, logvar)]
    bound = student.vae_iwae(rows[0], logits[None], z[None], rows[1], rows[2])
    exact = torch.exp(log_px_given_z + log_prior).sum() * step
    assert_value(torch.exp(bound + log_q).sum() * step, exact)


@question.check("law", points=0.25)
@given(inputs=sampled(sizes=((5, 7, 2), (7, 5, 1))), source=numbers())
def check_keeps_each_z_with_its_logits(student: Student, inputs: Arguments, source: Numbers) -> None:
    """The order of the samples is nothing to vae_iwae, as long as each z stays with the logits that it gave."""
    x, logits, z, mu, logvar = inputs.args
    order = source.permutation(len(z))
    bound = student.vae_iwae(*inputs.args)
    assert_value(student.vae_iwae(x, logits[order], z[order], mu, logvar), bound)
    apart = student.vae_iwae(x, logits, z.roll(1, 0), mu, logvar)
    expect((apart - bound).abs() > 1e-9, "the bound is the same when each z gets the logits of another one.")


def change_other_examples(inputs: Arguments, source: Numbers) -> Arguments:
    """Another image, and other samples of another q, for every example but the first."""
    x, _, z, *_ = inputs.args
    others = draw_samples(source, (len(x) - 1,), (len(z), x.shape[-1], z.shape[-1])).args
    # Examples are rows of x, mu and logvar, and columns of logits and z.
    places = zip(inputs.args, others, (0, 1, 1, 0, 0), strict=True)
    return arguments(*(torch.cat((mine.narrow(dim, 0, 1), new), dim) for mine, new, dim in places))


question.check("law", points=0.25, requires=check_vae)(
    about("vae_iwae", ignores_other_examples(sampled(batch_shapes=ONE_BATCH_DIMENSION), change_other_examples))
)


@question.check("stress", points=0.75, requires=check_bound)
@given(source=numbers(), dtype=st.sampled_from((torch.float64, torch.float32)))
def check_survives_weights_far_apart(student: Student, source: Numbers, dtype: torch.dtype) -> None:
    """Stays exact for log-weights that differ by a thousand and more, among samples and among examples."""
    log_w = far_apart(source, dtype)
    right = iwae_bound(log_w.double()).to(dtype)
    assert_value(student.iwae_bound(log_w), right, tolerance=ROUNDED[torch.float32])


@question.check("stress", points=0.5, requires=check_bound)
@given(inputs=log_weights(layouts=(((5, 3), 0), ((7, 2), 0))))
def check_accepts_weights_of_zero(student: Student, inputs: Arguments) -> None:
    """Samples of weight 0, so -inf, count as samples: twice as many of them lower the bound by log 2."""
    (log_w,) = inputs.args
    padded = torch.cat((torch.full_like(log_w, -math.inf), log_w))
    assert_value(student.iwae_bound(padded), student.iwae_bound(log_w) - math.log(2))


@question.check("stress", points=0.25)
@given(source=numbers())
def check_accepts_a_single_sample(student: Student, source: Numbers) -> None:
    """With one sample the bound is its log-weight."""
    log_w = source.normal((1, 3))
    assert_value(student.iwae_bound(log_w), log_w[0])


question.check("stress", points=0.25, requires=check_bound)(accurate_in(torch.float32, iwae_bound, log_weights()))
# Log-weights of size 10 that nearly cancel where there is one pixel: their rounding.
question.check("stress", points=0.25, requires=check_vae)(
    about("vae_iwae", accurate_in(torch.float32, vae_iwae, sampled(), tolerance=Tolerance(rtol=2e-5, atol=1e-5)))
)

rows = sampled(batch_shapes=THREE_EXAMPLES, sizes=((5, 7, 2),))
question.check("robustness", points=0.25, requires=check_bound)(
    accepts_any_strides(iwae_bound, log_weights(layouts=_weights.ROWS))
)
question.check("robustness", points=0.25, requires=check_bound)(
    accepts_empty_batches(log_weights(layouts=(((7, 0), 0), ((0, 7), 1))), iwae_bound)
)
question.check("robustness", points=0.25, requires=check_vae)(about("vae_iwae", leaves_inputs_unchanged(rows)))
question.check("robustness", points=0.25, requires=check_vae)(about("vae_iwae", accepts_any_strides(vae_iwae, rows)))
question.check("behaviour", points=0.25, requires=check_bound)(
    runs_on_other_devices(log_weights(layouts=_weights.ROWS))
)
question.check("behaviour", points=0.25, requires=check_vae)(about("vae_iwae", runs_on_other_devices(rows)))
question.check("behaviour", points=0.25, requires=check_vae)(about("vae_iwae", keeps_generators(rows)))
question.check("behaviour", points=0.25, requires=check_vae)(
    about("vae_iwae", does_constant_work(rows, sampled(batch_shapes=((300,),), sizes=((5, 7, 2),))))
)

for wrong, sentence in _iwae_mistakes.OF_THE_BOUND.items():
    question.misconception(sentence)(wrong)
for wrong_vae, sentence in _iwae_mistakes.OF_THE_WEIGHTS.items():
    question.misconception(sentence, replaces="vae_iwae")(wrong_vae)


@question.alternative
def subtracts_the_largest(log_w: Tensor, dim: int = 0) -> Tensor:
    largest = log_w.amax(dim=dim, keepdim=True)
    mean = torch.exp(log_w - largest).mean(dim=dim, keepdim=True)
    return (mean.log() + largest).squeeze(dim)


@question.alternative
def reads_it_off_a_log_softmax(log_w: Tensor, dim: int = 0) -> Tensor:
    moved = log_w.movedim(dim, -1)
    best = moved.argmax(-1, keepdim=True)
    total = moved.gather(-1, best) - torch.log_softmax(moved, dim=-1).gather(-1, best)
    count = torch.tensor(moved.shape[-1], dtype=log_w.dtype, device=log_w.device)
    return total.squeeze(-1) - torch.log(count)


@question.alternative
def adds_pairwise(log_w: Tensor, dim: int = 0) -> Tensor:
    samples = log_w.unbind(dim)
    total = samples[0]
    for sample in samples[1:]:
        total = torch.logaddexp(total, sample)
    return total - math.log(len(samples))


@question.alternative_of("vae_iwae")
def writes_both_densities_out(x: Tensor, logits: Tensor, z: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    log_two_pi = math.log(2 * math.pi)
    log_lik = (x * logits - F.softplus(logits)).sum(-1)
    log_prior = (-0.5 * (log_two_pi + z**2)).sum(-1)
    log_q = (-0.5 * (log_two_pi + logvar + (z - mu) ** 2 / logvar.exp())).sum(-1)
    log_w = log_lik + log_prior - log_q
    return torch.logsumexp(log_w, 0) - math.log(log_w.shape[0])


@question.alternative_of("vae_iwae")
def asks_the_library(x: Tensor, logits: Tensor, z: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    pixels = torch.distributions.Bernoulli(logits=logits, validate_args=False)
    q = torch.distributions.Normal(mu, (0.5 * logvar).exp(), validate_args=False)
    prior = torch.distributions.Normal(torch.zeros_like(mu), torch.ones_like(mu), validate_args=False)
    log_lik = pixels.log_prob(x).sum(-1)  # type: ignore[no-untyped-call]  # torch does not type it
    log_ratio = prior.log_prob(z) - q.log_prob(z)  # type: ignore[no-untyped-call]  # nor this
    log_w = log_lik + log_ratio.sum(-1)
    weights = torch.softmax(log_w.detach(), dim=0)
    surrogate = (weights * log_w).sum(0)
    bound: Tensor = surrogate + (iwae_bound(log_w) - surrogate).detach()
    return bound


@question.alternative_of("vae_iwae")
def loops_over_the_samples(x: Tensor, logits: Tensor, z: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    log_w = []
    for one_logits, one_z in zip(logits, z, strict=True):
        recon = -F.binary_cross_entropy_with_logits(one_logits, x, reduction="none").sum(-1)
        eps = (one_z - mu) / torch.exp(0.5 * logvar)
        log_w.append(recon + 0.5 * (eps.square() + logvar - one_z.square()).sum(-1))
    bound: Tensor = iwae_bound(torch.stack(log_w))
    return bound
