"""elbo.2: the loss of a variational autoencoder, with its sign turned (Kingma & Welling 2014, eq. 10).

ELBO = sum_d [x_d log p_d + (1 - x_d) log(1 - p_d)] - KL(N(mu, diag sigma^2) || N(0, I)),  p = sigmoid(logits)
"""

from __future__ import annotations

from collections.abc import Sequence

import hypothesis.strategies as st
import torch
import torch.nn.functional as F
from hypothesis import given
from torch import Tensor

from grader.compare import ROUNDED, assert_value, expect
from grader.question import Question
from grader.remote import Student
from grader.standard import (
    Arguments,
    accepts_any_strides,
    accepts_empty_batches,
    accurate_in,
    arguments,
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
from reference.elbo import _vae_mistakes
from reference.elbo._parts import (
    NO_EXAMPLE,
    ONE_BATCH_DIMENSION,
    ONE_EXAMPLE,
    SEVERAL_EXAMPLES,
    THREE_EXAMPLES,
    part_gradients_match,
    part_matches,
)

question = Question(id="elbo.2", functions=["vae_elbo"], title="The ELBO of a variational autoencoder")

Triple = tuple[Tensor, Tensor, Tensor]


@question.oracle
def vae_elbo(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Triple:
    """(elbo, recon, kl), each [*batch]; x and logits are [*batch, pixels], mu and logvar [*batch, latent]."""
    log_p, log_not_p = F.logsigmoid(logits), F.logsigmoid(-logits)
    recon = (x * log_p + (1 - x) * log_not_p).sum(-1)
    kl = 0.5 * (mu.square() + torch.expm1(logvar) - logvar).sum(-1)
    return recon - kl, recon, kl


def draw_autoencoder(source: Numbers, batch: Shape, pixels: int, latent: int, *, soft: bool = False) -> Arguments:
    """Arguments (x, logits, mu, logvar); pixels are 0 or 1, or between them where `soft`."""
    x = source.uniform((*batch, pixels), low=0.05, high=0.95)
    logits = source.normal((*batch, pixels), loc=0.4, scale=1.5)
    mu, logvar = source.normal((*batch, latent), scale=1.5), source.uniform((*batch, latent), low=-2.0, high=1.5)
    return arguments(x if soft else (x > 0.6).double(), logits, mu, logvar)


@st.composite
def autoencoders(
    draw: st.DrawFn,
    *,
    batch_shapes: Sequence[Shape] = BATCH_SHAPES,
    sizes: Sequence[tuple[int, int]] = ((5, 2), (1, 1), (7, 1), (2, 5), (7, 3)),
    soft: bool = False,
) -> Arguments:
    """Arguments (x, logits, mu, logvar), of sizes (pixels, latent)."""
    batch, (pixels, latent) = draw(st.sampled_from(batch_shapes)), draw(st.sampled_from(sizes))
    return draw_autoencoder(draw(numbers()), batch, pixels, latent, soft=soft)


single = autoencoders(batch_shapes=ONE_EXAMPLE)

check_recon = question.check(
    "value", points=2.5, name="recon", description="recon is the log-likelihood of all pixels together."
)(part_matches(vae_elbo, single, 1))
check_kl = question.check(
    "value", points=2.5, name="kl", description="kl is the divergence of q from N(0, I), of all latents together."
)(part_matches(vae_elbo, single, 2))
check_elbo = question.check("value", points=2, name="elbo", description="The ELBO puts the two together.")(
    part_matches(vae_elbo, single, 0)
)
ALL_VALUES = (check_recon, check_kl, check_elbo)

question.check(
    "value",
    points=1,
    requires=ALL_VALUES,
    name="values_for_a_batch",
    description="Gives three values per example, for any number of batch dimensions.",
)(matches_oracle(vae_elbo, autoencoders(batch_shapes=SEVERAL_EXAMPLES)))

question.check("precision", points=1, requires=ALL_VALUES)(keeps_precision(vae_elbo, single))


def all_but_the_pixels(inputs: Arguments, gradients: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """The gradients in logits, mu and logvar: nothing is promised for data."""
    return tuple(gradients[1:])


question.check(
    "gradient",
    points=1.5,
    name="gradients_of_recon",
    description="recon has the right gradient in the logits, and none in q.",
)(part_gradients_match(vae_elbo, autoencoders(), [1], along=all_but_the_pixels))
question.check(
    "gradient", points=1, name="gradients_of_kl", description="kl has the right gradients in q, and none in the logits."
)(part_gradients_match(vae_elbo, autoencoders(), [2], along=all_but_the_pixels))
question.check(
    "gradient",
    points=1.5,
    name="gradients_of_the_elbo",
    description="The ELBO has the right gradients in logits, mu and logvar.",
)(part_gradients_match(vae_elbo, autoencoders(), [0], along=all_but_the_pixels))


@question.check("law", points=0.5)
@given(inputs=autoencoders())
def check_is_a_bound_on_a_log_probability(student: Student, inputs: Arguments) -> None:
    """For 0 and 1 pixels recon is negative, kl is positive, and the ELBO is below recon by kl."""
    elbo, recon, kl = student.vae_elbo(*inputs.args)
    expect(recon < 0, "the log-probability of an image is not negative.")
    expect(kl > 0, "the KL of a q that is not the prior is not positive.")
    assert_value(recon - elbo, kl)


@question.check("law", points=0.75)
@given(first=autoencoders(), source=numbers())
def check_adds_over_pixels(student: Student, first: Arguments, source: Numbers) -> None:
    """More pixels add their log-probability to recon and to the ELBO, and leave kl."""
    x, logits, mu, logvar = first.args
    new = draw_autoencoder(source, tuple(x.shape[:-1]), 2, 1).args
    elbo, recon, kl = student.vae_elbo(*first.args)
    _, more, _ = student.vae_elbo(new[0], new[1], mu, logvar)
    both = student.vae_elbo(torch.cat((x, new[0]), -1), torch.cat((logits, new[1]), -1), mu, logvar)
    assert_value(both, (elbo + more, recon + more, kl))
    expect(more < 0, "the log-probability of two pixels is not negative.")


@question.check("law", points=0.75)
@given(first=autoencoders(), source=numbers())
def check_adds_over_latents(student: Student, first: Arguments, source: Numbers) -> None:
    """More latents add their KL to kl and take it from the ELBO; latents at the prior change nothing."""
    x, logits, mu, logvar = first.args
    new = draw_autoencoder(source, tuple(x.shape[:-1]), 1, 2).args[2:]
    elbo, recon, kl = student.vae_elbo(*first.args)
    _, _, more = student.vae_elbo(x, logits, *new)
    both = student.vae_elbo(x, logits, torch.cat((mu, new[0]), -1), torch.cat((logvar, new[1]), -1))
    assert_value(both, (elbo - more, recon, kl + more))
    unused = torch.zeros_like(new[0])
    padded = student.vae_elbo(x, logits, torch.cat((mu, unused), -1), torch.cat((logvar, unused), -1))
    assert_value(padded, (elbo, recon, kl))
    expect(more > 0, "the KL of two latents is not positive.")


@question.check("law", points=0.5)
@given(inputs=autoencoders(), factor=st.sampled_from((0.5, 2.0)))
def check_knows_what_belongs_to_what(student: Student, inputs: Arguments, factor: float) -> None:
    """Other logits change recon and not kl; another q changes kl and not recon. Flipping pixels and logits is free."""
    x, logits, mu, logvar = inputs.args
    elbo, recon, kl = student.vae_elbo(x, logits, mu, logvar)
    assert_value(student.vae_elbo(1 - x, -logits, mu, logvar), (elbo, recon, kl))
    other_recon = student.vae_elbo(x, factor * logits, mu, logvar)
    assert_value(other_recon[2], kl)
    expect((other_recon[1] - recon).abs() > 1e-9, "other logits give the same recon.")
    other_kl = student.vae_elbo(x, logits, factor * mu, logvar)
    assert_value(other_kl[1], recon)
    expect(other_kl[2] > kl if factor > 1 else other_kl[2] < kl, "a mean further from zero does not cost more.")


def change_others(inputs: Arguments, source: Numbers) -> Arguments:
    """Another image, and another q, for every example but the first."""
    x, _, mu, _ = inputs.args
    others = draw_autoencoder(source, (len(x) - 1,), x.shape[-1], mu.shape[-1])
    return arguments(*(torch.cat((mine[:1], new)) for mine, new in zip(inputs.args, others.args, strict=True)))


question.check("law", points=0.5, requires=ALL_VALUES)(
    ignores_other_examples(autoencoders(batch_shapes=ONE_BATCH_DIMENSION), change_others)
)


@question.check("stress", points=1, requires=check_recon)
@given(logit=st.sampled_from((200.0, -200.0)), dtype=st.sampled_from((torch.float64, torch.float32)))
def check_survives_confident_logits(student: Student, logit: float, dtype: torch.dtype) -> None:
    """A logit of 200 costs nothing on a 1 and 200 nats on a 0, and gradients are finite."""
    x = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], dtype=dtype)
    logits = torch.tensor([logit, 0.7], dtype=dtype).expand(3, 2).contiguous()
    inputs = arguments(x, logits, torch.full((3, 1), 0.4, dtype=dtype), torch.full((3, 1), -0.6, dtype=dtype))
    exact, tolerance = inputs.to(torch.float64), ROUNDED[torch.float32]
    assert_value(student.vae_elbo(*inputs.args)[1], vae_elbo(*exact.args)[1].to(dtype), tolerance=tolerance)
    weights = tuple(torch.full((3,), weight, dtype=torch.float64) for weight in (0.0, 1.0, 0.0))
    gradient = oracle_vjp(vae_elbo, exact, weights)[1].to(dtype)
    assert_value(student.vae_elbo.vjp(inputs.args, weights)[1], gradient, tolerance=tolerance)


question.check(
    "stress",
    points=0.5,
    requires=check_recon,
    name="accepts_soft_pixels",
    description="Pixels between 0 and 1 count for both outcomes, each to its share.",
)(part_matches(vae_elbo, autoencoders(soft=True), 1))
question.check("stress", points=0.5, requires=ALL_VALUES)(accurate_in(torch.float32, vae_elbo, autoencoders()))

rows = autoencoders(batch_shapes=THREE_EXAMPLES, sizes=((5, 2),))
question.check("robustness", points=0.25, requires=ALL_VALUES)(leaves_inputs_unchanged(rows))
question.check("robustness", points=0.5, requires=ALL_VALUES)(accepts_any_strides(vae_elbo, rows))
question.check("robustness", points=0.25, requires=ALL_VALUES)(
    accepts_empty_batches(autoencoders(batch_shapes=NO_EXAMPLE), vae_elbo)
)
question.check("behaviour", points=0.5, requires=ALL_VALUES)(runs_on_other_devices(rows))
question.check("behaviour", points=0.25, requires=ALL_VALUES)(keeps_generators(rows))
question.check("behaviour", points=0.25, requires=ALL_VALUES)(
    does_constant_work(rows, autoencoders(batch_shapes=((300,),), sizes=((5, 2),)))
)

for wrong, sentence in _vae_mistakes.SENTENCES.items():
    question.misconception(sentence)(wrong)


@question.alternative
def multiplies_and_takes_softplus(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Triple:
    recon = torch.sum(x * logits - F.softplus(logits), dim=-1)
    kl = -0.5 * torch.sum(1 + logvar - mu**2 - torch.exp(logvar), dim=-1)
    elbo = recon - kl
    return elbo, recon, kl


@question.alternative
def weighs_two_log_sigmoids(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Triple:
    recon = (x * F.logsigmoid(logits) + (1.0 - x) * F.logsigmoid(-logits)).sum(dim=-1)
    std = torch.exp(logvar / 2)
    kl = ((std.pow(2) + mu.pow(2) - 1) / 2 - std.log()).sum(dim=-1)
    return recon - kl, recon, kl


@question.alternative
def asks_the_library_for_both(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Triple:
    pixels = torch.distributions.Bernoulli(logits=logits, validate_args=False)
    q = torch.distributions.Normal(mu, torch.exp(0.5 * logvar), validate_args=False)
    prior = torch.distributions.Normal(torch.zeros_like(mu), torch.ones_like(mu), validate_args=False)
    recon = pixels.log_prob(x).sum(-1)  # type: ignore[no-untyped-call]  # torch does not type it
    kl = torch.distributions.kl_divergence(q, prior).sum(-1)
    return recon - kl, recon, kl


@question.alternative
def separates_the_absolute_value(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Triple:
    log_likelihood = x * logits - torch.clamp(logits, min=0) - torch.log1p(torch.exp(-torch.abs(logits)))
    recon = torch.einsum("...d->...", log_likelihood)
    kl = (torch.einsum("...l,...l->...", mu, mu) + (logvar.exp() - logvar).sum(-1) - mu.size(-1)) / 2
    return recon - kl, recon, kl
