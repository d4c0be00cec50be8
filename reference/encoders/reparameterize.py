"""enc.1: samples of a diagonal Gaussian that gradients pass through (Kingma & Welling 2014, section 2.4).

z = mu + exp(logvar / 2) eps,  eps ~ N(0, I);  dz/dmu = 1,  dz/dlogvar = (z - mu) / 2
"""

from __future__ import annotations

import math
from typing import Any

import hypothesis.strategies as st
import torch
from hypothesis import given
from hypothesis.strategies import SearchStrategy
from torch import Tensor

from grader.compare import ROUNDED, Tolerance, assert_value, expect
from grader.families import generator as seeded
from grader.question import Question
from grader.remote import Student
from grader.sampling import assert_law, standard_normal
from grader.standard import (
    Arguments,
    accepts_any_strides,
    accepts_empty_batches,
    accurate_in,
    arguments,
    cotangents_like,
    does_constant_work,
    gradients_match,
    keeps_generators,
    keeps_precision,
    leaves_inputs_unchanged,
    matches_oracle,
    oracle_vjp,
    runs_on_other_devices,
)
from grader.strategies import BATCH_SHAPES, EVENT_SIZES, Numbers, Shape, numbers
from reference.encoders._noise_mistakes import SENTENCES

question = Question(id="enc.1", functions=["reparameterize"], title="Reparameterised samples of a Gaussian")


@question.oracle
def reparameterize(
    mu: Tensor,
    logvar: Tensor,
    *,
    eps: Tensor | None = None,
    n_samples: int = 1,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Samples, [n_samples, *batch, latent], or of the shape of eps where it is given."""
    if eps is None:
        eps = torch.randn((n_samples, *mu.shape), generator=generator, dtype=mu.dtype, device=mu.device)
    return mu + torch.exp(0.5 * logvar) * eps


SAMPLES = (1, 4)
SEEDS = st.integers(0, 2**48)


@st.composite
def with_noise(
    draw: st.DrawFn,
    *,
    batch_shapes: tuple[Shape, ...] = BATCH_SHAPES,
    event_sizes: tuple[int, ...] = EVENT_SIZES,
    samples: tuple[int, ...] = SAMPLES,
    says_how_many: bool = True,
) -> Arguments:
    """Arguments (mu, logvar, eps=, n_samples=); n_samples is left out where the noise should say it."""
    source, count = draw(numbers()), draw(st.sampled_from(samples))
    shape = (*draw(st.sampled_from(batch_shapes)), draw(st.sampled_from(event_sizes)))
    told = {"n_samples": count} if says_how_many and count > 1 else {}
    mu, logvar = source.normal(shape, scale=1.5), source.uniform(shape, low=-2.0, high=2.0)
    return arguments(mu, logvar, eps=source.normal((count, *shape)), **told)


@st.composite
def with_generator(
    draw: st.DrawFn,
    *,
    batch_shapes: tuple[Shape, ...] = ((3,),),
    event_sizes: tuple[int, ...] = (5,),
    samples: tuple[int, ...] = (2,),
) -> Arguments:
    """Arguments (mu, logvar, n_samples=, generator=)."""
    inputs = draw(with_noise(batch_shapes=batch_shapes, event_sizes=event_sizes, samples=samples))
    return arguments(*inputs.args, n_samples=len(inputs.kwargs["eps"]), generator=seeded(draw(SEEDS)))


# mu and sigma eps may cancel, which leaves no digit of a float32 constant; wrong answers differ by 1e-2 and more.
CANCELLED = Tolerance(rtol=1e-6, atol=3e-6)

check_values = question.check("value", points=4, description="With the noise given, z = mu + sigma eps.")(
    matches_oracle(reparameterize, with_noise(), tolerance=CANCELLED)
)
question.check(
    "value",
    points=0.75,
    name="noise_says_how_many",
    description="Where noise is given, it says how many samples there are.",
    examples=4,
)(matches_oracle(reparameterize, with_noise(samples=(3, 4), says_how_many=False), tolerance=CANCELLED))

question.check("precision", points=0.75, requires=check_values)(keeps_precision(reparameterize, with_noise()))

question.check("gradient", points=2.75, description="dz/dmu = 1 and dz/dlogvar = sigma eps / 2.")(
    gradients_match(reparameterize, with_noise(event_sizes=(2, 5)), tolerance=CANCELLED)
)


@question.check("gradient", points=1.25, examples=3)
@given(inputs=with_generator(batch_shapes=((), (3,))), source=numbers())
def check_gradients_of_drawn_samples(student: Student, inputs: Arguments, source: Numbers) -> None:
    """Samples that you draw carry gradients to mu and logvar too."""
    mu, _ = inputs.args
    z = student.reparameterize(*inputs.args, **inputs.kwargs)
    weights = cotangents_like(z, source)
    got = student.reparameterize.vjp(inputs.args, weights, inputs.kwargs)
    assert_value(got, (weights.sum(0), (0.5 * weights * (z - mu)).sum(0)))


def standardised(student: Student, inputs: Arguments) -> Tensor:
    """The noise that drawn samples were made of, if they are mu + sigma noise."""
    mu, logvar = inputs.args
    drawn: Tensor = student.reparameterize(*inputs.args, **inputs.kwargs)
    noise: Tensor = (drawn - mu) * torch.exp(-0.5 * logvar)
    return noise


def repeats(noise: Tensor, dim: int) -> bool:
    """Whether two slices along a dimension are the same noise; which is no noise at all where nothing varies."""
    parts = noise.movedim(dim, 0).flatten(1)
    same = (parts[:, None] - parts).abs().amax(-1) < 1e-6
    return bool(same.sum() > len(parts)) and bool(noise.abs().max() > 1e-6)


@question.check("law", points=2.5, examples=1)
@given(inputs=with_generator(event_sizes=(2,), samples=(400,)))
def check_draws_the_right_law(student: Student, inputs: Arguments) -> None:
    """Samples that you draw are normal with mean mu and variance exp(logvar), all of them independent."""
    assert_law(standard_normal(standardised(student, inputs)))


# Float64 noise agrees by chance to 1e-6 once in 1e6 pairs of numbers; here 4 and more numbers must.
@question.check("law", points=1, requires=check_values, examples=2)
@given(inputs=with_generator(batch_shapes=((5,), (3,)), event_sizes=(2,), samples=(4,)))
def check_draws_noise_for_every_entry(student: Student, inputs: Arguments) -> None:
    """Every sample, every example and every latent has noise of its own."""
    noise = standardised(student, inputs)
    expect(noise.abs().amax() > 1e-6, "the samples are all at mu; nothing was drawn.")
    for dim, what, mistake in (
        (1, "rows of the batch", "shares_noise_between_examples"),
        (0, "samples", "shares_noise_between_samples"),
        (2, "latents", "shares_noise_between_latents"),
    ):
        expect(not repeats(noise, dim), f"different {what} received identical noise.", misconception=mistake)


@question.check("law", points=0.5, requires=check_draws_noise_for_every_entry)
@given(inputs=with_generator(batch_shapes=((), (3,))))
def check_same_without_gradients(student: Student, inputs: Arguments) -> None:
    """Draws the same samples where nothing records gradients."""
    with_gradients = student.reparameterize(*inputs.args, **inputs.kwargs)
    assert_value(student.reparameterize.without_grad(*inputs.args, **inputs.kwargs), with_gradients)


@question.check("law", points=0.5, requires=check_draws_noise_for_every_entry, examples=2)
@given(inputs=with_generator(batch_shapes=((), (3,), (2, 3))))
def check_draws_one_sample_unless_told(student: Student, inputs: Arguments) -> None:
    """Draws one sample for each example where nothing is said, still with a leading dimension."""
    mu, logvar = inputs.args
    one = student.reparameterize(mu, logvar, generator=inputs.kwargs["generator"])
    assert_value(student.reparameterize(mu, logvar, eps=(one - mu) * torch.exp(-0.5 * logvar)), one)


@question.check("law", points=0.5, requires=check_values)
@given(inputs=with_noise(batch_shapes=((2,), (3,)), event_sizes=(2, 5)), source=numbers())
def check_treats_examples_independently(student: Student, inputs: Arguments, source: Numbers) -> None:
    """The samples of an example depend on that example alone."""
    first, others = inputs.map(lambda t: t[..., :1, :]), inputs.map(lambda t: source.normal(tuple(t.shape), scale=3.0))
    joined = tuple(torch.cat((one, other[1:])) for one, other in zip(first.args, others.args, strict=True))
    eps = torch.cat((first.kwargs["eps"], others.kwargs["eps"][:, 1:]), dim=1)
    before = student.reparameterize(*inputs.args, eps=inputs.kwargs["eps"])
    assert_value(student.reparameterize(*joined, eps=eps)[:, 0], before[:, 0])


# exp(40) is more than float16 holds, and exp(-200) less than float32 does.
@question.check("stress", points=0.75, requires=check_values)
@given(logvar=st.sampled_from((-200.0, -110.0, 40.0)))
def check_handles_extreme_variances(student: Student, logvar: float) -> None:
    """Is right, values and gradients, for variances from exp(-200) to exp(40)."""
    for dtype in (torch.float64, torch.float32):
        eps = torch.tensor([[0.8, -0.3], [-1.4, 2.1]], dtype=dtype)
        inputs = arguments(torch.tensor([0.3, -0.7], dtype=dtype), torch.tensor([logvar, 0.5], dtype=dtype), eps=eps)
        exact, weights = inputs.to(torch.float64), torch.tensor([[1.0, 0.5], [-0.25, 2.0]], dtype=torch.float64)
        right = reparameterize(*exact.args, **exact.kwargs).to(dtype)
        tolerance = ROUNDED[torch.float32]
        assert_value(student.reparameterize(*inputs.args, **inputs.kwargs), right, tolerance=tolerance)
        gradients = tuple(gradient.to(dtype) for gradient in oracle_vjp(reparameterize, exact, weights))
        got = student.reparameterize.vjp(inputs.args, weights, inputs.kwargs)
        assert_value(got, gradients, tolerance=tolerance)


question.check("stress", points=0.5, requires=check_values)(accurate_in(torch.float32, reparameterize, with_noise()))
question.check("stress", points=0.25, requires=check_values)(accurate_in(torch.float16, reparameterize, with_noise()))
question.check("stress", points=0.25, requires=check_values)(accurate_in(torch.bfloat16, reparameterize, with_noise()))


@question.check("stress", points=0.25, requires=check_draws_noise_for_every_entry)
@given(inputs=with_generator())
def check_draws_in_the_dtype_of_mu(student: Student, inputs: Arguments) -> None:
    """Samples that you draw have the dtype of mu, in half precision too."""
    mu, logvar = inputs.to(torch.float16).args
    drawn = student.reparameterize(mu, logvar, **inputs.kwargs)
    expect(bool(torch.isfinite(drawn).all()), "a sample of a Gaussian of ordinary size is not finite.")


@st.composite
def expanded(draw: st.DrawFn) -> Arguments:
    """Arguments whose mu is one row, expanded to the batch."""
    inputs = draw(with_noise(batch_shapes=((3,),), event_sizes=(2, 5)))
    mu, logvar = inputs.args
    return arguments(mu[:1].expand(mu.shape), logvar, **inputs.kwargs)


question.check("robustness", points=0.5, requires=check_values)(leaves_inputs_unchanged(with_noise() | expanded()))
question.check("robustness", points=0.5, requires=check_values)(
    accepts_any_strides(
        reparameterize, with_noise(batch_shapes=((3,), (2, 3)), event_sizes=(2, 5)), tolerance=CANCELLED
    )
)
question.check("robustness", points=0.5, requires=check_values)(
    accepts_empty_batches(with_noise(batch_shapes=((0,), (0, 3))), reparameterize)
)

question.check("behaviour", points=0.5, requires=check_draws_noise_for_every_entry)(
    runs_on_other_devices(with_generator())
)
question.check("behaviour", points=0.5, requires=check_draws_noise_for_every_entry)(keeps_generators(with_generator()))


@question.check("behaviour", points=0.5, requires=check_draws_noise_for_every_entry)
@given(inputs=with_generator(), seeds=st.tuples(SEEDS, SEEDS).filter(lambda pair: pair[0] != pair[1]))
def check_draws_from_the_generator(student: Student, inputs: Arguments, seeds: tuple[int, int]) -> None:
    """The generator alone decides what is drawn: the same state gives the same samples, another state others."""
    one, again, other = (
        student.reparameterize(*inputs.args, n_samples=2, generator=seeded(seed)) for seed in (seeds[0], *seeds)
    )
    same = bool((one == again).all())
    expect(same, "the same state of the generator gave different samples.", misconception="ignores_the_generator")
    expect(bool((one != other).any()), "different states of the generator gave the same samples.")


def sizes(batch: int) -> SearchStrategy[Arguments]:
    """Arguments with a batch of this size."""
    return with_generator(batch_shapes=((batch,),))


question.check("behaviour", points=0.5, requires=check_draws_noise_for_every_entry)(
    does_constant_work(sizes(3), sizes(300))
)

for mistake, sentence in SENTENCES.items():
    question.misconception(sentence)(mistake)


@question.alternative
def multiplies_and_adds_in_one(mu: Tensor, logvar: Tensor, **how: Any) -> Tensor:
    noise = how.get("eps")
    if noise is None:
        noise = mu.new_empty((how.get("n_samples", 1), *mu.shape)).normal_(generator=how.get("generator"))
    return torch.addcmul(mu.unsqueeze(0), torch.exp(logvar / 2).unsqueeze(0), noise)


@question.alternative
def draws_samples_last(mu: Tensor, logvar: Tensor, **how: Any) -> Tensor:
    noise, std = how.get("eps"), logvar.mul(0.5).exp()
    if noise is None:
        size = (*mu.shape, how.get("n_samples", 1))
        last = torch.randn(size, generator=how.get("generator"), dtype=mu.dtype, device=mu.device)
        noise = last.movedim(-1, 0)
    return noise * std.expand(noise.shape) + mu.expand(noise.shape)


@question.alternative
def draws_one_sample_at_a_time(mu: Tensor, logvar: Tensor, **how: Any) -> Tensor:
    noises = how.get("eps")
    if noises is None:
        noises = [
            torch.normal(torch.zeros_like(mu), torch.ones_like(mu), generator=how.get("generator"))
            for _ in range(how.get("n_samples", 1))
        ]
    std = torch.pow(math.e, 0.5 * logvar)
    return torch.stack([mu + std * noise for noise in noises], dim=0)


@question.alternative
def draws_from_a_distribution_it_can_differentiate(mu: Tensor, logvar: Tensor, **how: Any) -> Tensor:
    noise = how.get("eps")
    if noise is None:
        size = (how.get("n_samples", 1), *mu.shape)
        # Where the generator says no to the device of mu, as it does on meta, torch draws on the device that is named.
        noise = torch.empty(size, dtype=mu.dtype, device=mu.device).normal_(0.0, 1.0, generator=how.get("generator"))
    q = torch.distributions.Normal(mu, torch.exp(0.5 * logvar), validate_args=False)
    return q.loc + q.scale * noise
