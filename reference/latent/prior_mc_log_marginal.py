"""lvm.4: the marginal likelihood as a mean over samples of the prior, and samples of the model (Bishop 2006, 8.1.2).

p(x) = E_{z ~ p(z)}[p(x | z)] is estimated by 1/K sum_k p(x | z_k): without bias, and with its logarithm below log p(x)
on average (Jensen). To sample x, sample z first: z ~ softmax(logits), x | z ~ N(mu_z, diag exp(logvar_z)).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import hypothesis.strategies as st
import torch
from hypothesis import given
from torch import Tensor

from grader.compare import ROUNDED, assert_value, expect
from grader.families import generator
from grader.question import Question
from grader.remote import Student
from grader.sampling import Finding, assert_law, frequencies, independent_of, standard_normal
from grader.standard import (
    Arguments,
    about,
    accepts_empty_batches,
    does_constant_work,
    gradients_match,
    keeps_generators,
    keeps_precision,
    leaves_inputs_unchanged,
    matches_oracle,
    runs_on_other_devices,
)
from grader.strategies import Numbers, Shape, numbers
from reference.latent import _built_on_log_mean_exp
from reference.latent._sampling_mistakes import SENTENCES, Draws
from reference.latent.log_mean_exp import log_mean_exp

question = Question(
    id="lvm.4",
    functions=["prior_mc_log_marginal", "ancestral_sample"],
    title="Marginal likelihood by sampling, and samples of the model",
    builds_on=["lvm.1"],
    exempt={"loops_over_batch": "the first dimension holds samples or components, and its mutant loops over that"},
)


@question.oracle
def prior_mc_log_marginal(log_px_given_z: Tensor) -> Tensor:
    """Estimates of log p(x), [*batch], from log-likelihoods [samples, *batch]."""
    return log_mean_exp(log_px_given_z, 0)


@question.oracle
def ancestral_sample(logits: Tensor, mu: Tensor, logvar: Tensor, n: int, *, generator: torch.Generator | None) -> Draws:
    """(x, z), [n, dimensions] and [n]."""
    # Another order of draws than most would choose: a check that needs one order would fail its own oracle.
    eps = torch.randn((n, mu.shape[-1]), generator=generator, dtype=mu.dtype, device=mu.device)
    z = torch.multinomial(logits.softmax(-1), n, replacement=True, generator=generator)
    return mu[z] + torch.exp(0.5 * logvar[z]) * eps, z


question.composed(_built_on_log_mean_exp.prior_mc_log_marginal)

BATCHES: tuple[Shape, ...] = ((), (1,), (3,), (2, 3))


@st.composite
def log_likelihoods(
    draw: st.DrawFn, *, samples: Sequence[int] = (2, 5, 7), batch_shapes: Sequence[Shape] = BATCHES, level: float = -3.0
) -> Arguments:
    """Arguments (log_px_given_z,), [samples, *batch], with samples that differ much in weight."""
    shape = (draw(st.sampled_from(samples)), *draw(st.sampled_from(batch_shapes)))
    return Arguments((draw(numbers()).normal(shape, loc=level, scale=1.5),))


check_values = question.check("value", points=2, description="Equals the log of the mean likelihood over samples.")(
    matches_oracle(prior_mc_log_marginal, log_likelihoods())
)
question.check("precision", points=0.25)(keeps_precision(prior_mc_log_marginal, log_likelihoods()))
question.check("gradient", points=0.75, description="Has the gradient softmax over the samples.")(
    gradients_match(prior_mc_log_marginal, log_likelihoods())
)


def three_states(source: Numbers) -> tuple[Tensor, Tensor]:
    """A prior over three states, and log p(x | z) of one x for each."""
    return source.simplex((3,)), source.normal((3,), loc=-2.0, scale=1.5)


def averaged_over_all_draws(
    estimate: Callable[[Tensor], Tensor], prior: Tensor, log_lik: Tensor, samples: int
) -> Tensor:
    """The exact expectation of a function of the samples' log-likelihoods [samples, sequences], over every sequence."""
    sequences = torch.cartesian_prod(*[torch.arange(3)] * samples).reshape(-1, samples).T
    return prior[sequences].prod(0) @ estimate(log_lik[sequences])


@question.check("law", points=0.5)
@given(source=numbers(), samples=st.sampled_from((1, 2, 3)))
def check_estimates_the_likelihood_without_bias(student: Student, source: Numbers, samples: int) -> None:
    """exp of the estimate is p(x) on average, exactly so over all draws from a prior with three states."""
    prior, log_lik = three_states(source)
    mean = averaged_over_all_draws(lambda each: student.prior_mc_log_marginal(each).exp(), prior, log_lik, samples)
    assert_value(mean, prior @ log_lik.exp())


@question.check("law", points=0.5)
@given(source=numbers())
def check_is_a_bound_that_tightens(student: Student, source: Numbers) -> None:
    """The estimate is below log p(x) on average, and nearer to it the more samples there are (Jensen)."""
    prior, log_lik = three_states(source)
    means = [averaged_over_all_draws(student.prior_mc_log_marginal, prior, log_lik, samples) for samples in (1, 2, 3)]
    expect((means[0] < means[1]) & (means[1] < means[2]), "more samples do not raise the average of the estimate.")
    expect(means[2] < torch.log(prior @ log_lik.exp()), "the average of the estimate is not below log p(x).")


@question.check("stress", points=0.25, requires=check_values)
@given(inputs=log_likelihoods(level=-1e4), source=numbers())
def check_survives_tiny_likelihoods(student: Student, inputs: Arguments, source: Numbers) -> None:
    """Stays exact where every likelihood is smaller than any float, and where some are zero."""
    (log_lik,) = inputs.args
    for each in (log_lik, torch.cat((log_lik, torch.full_like(log_lik[:1], -math.inf)))):
        assert_value(student.prior_mc_log_marginal(each), prior_mc_log_marginal(each))
        single = each.float()
        got, exact = student.prior_mc_log_marginal(single), prior_mc_log_marginal(single.double())
        assert_value(got.double(), exact, tolerance=ROUNDED[torch.float32])


question.check("robustness", points=0.25, requires=check_values)(leaves_inputs_unchanged(log_likelihoods()))
question.check("robustness", points=0.25, requires=check_values)(
    accepts_empty_batches(log_likelihoods(batch_shapes=((0,), (0, 3))), prior_mc_log_marginal)
)
question.check("behaviour", points=0.25, requires=check_values)(runs_on_other_devices(log_likelihoods()))

SEEDS = st.integers(0, 2**31 - 1)
DRAWS = 2000


def draw_model(source: Numbers) -> tuple[Tensor, Tensor, Tensor]:
    """(logits, mu, logvar): weights far from equal and from the logits, standard deviations far from their squares."""
    weights = torch.tensor([0.55, 0.3, 0.15], dtype=torch.float64)[source.permutation(3)]
    logits = weights.log() + source.uniform((), low=5.0, high=8.0)
    sides = source.normal((3, 4)).sign()
    return logits, source.normal((3, 4), scale=2.0), sides * source.uniform((3, 4), low=0.8, high=1.6)


def drawn(student: Student, source: Numbers, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """The weights, the components drawn, and the noise that their rows must have been made with."""
    logits, mu, logvar = draw_model(source)
    x, z = student.ancestral_sample(logits, mu, logvar, DRAWS, generator=generator(seed))
    expect((z >= 0) & (z < len(logits)), "z holds something else than the numbers of components.")
    return logits.softmax(-1), z, (x - mu[z]) * torch.exp(-0.5 * logvar[z])


def only(findings: list[Finding], *kinds: str) -> list[Finding]:
    """Findings of some kinds; the others belong to other checks."""
    return [finding for finding in findings if finding.what in kinds]


@question.check("law", points=1.25, examples=1)
@given(source=numbers(), seed=SEEDS)
def check_draws_components_with_their_weights(student: Student, source: Numbers, seed: int) -> None:
    """Components come with the frequencies softmax(logits)."""
    weights, z, _ = drawn(student, source, seed)
    assert_law(only(frequencies(z, weights), "frequencies"))


@question.check("law", points=1.25, examples=1)
@given(source=numbers(), seed=SEEDS)
def check_draws_points_of_their_component(student: Student, source: Numbers, seed: int) -> None:
    """Rows of component z have the mean mu_z, the variance exp(logvar_z) and the shape of a Gaussian."""
    _, z, noise = drawn(student, source, seed)
    assert_law(only(standard_normal(noise), "mean", "spread", "shape") + independent_of(noise, z))


@question.check("law", points=0.75, examples=1)
@given(source=numbers(), seed=SEEDS)
def check_draws_rows_independently(student: Student, source: Numbers, seed: int) -> None:
    """Rows are independent: in their components and in their noise."""
    weights, z, noise = drawn(student, source, seed)
    assert_law(only(frequencies(z, weights) + standard_normal(noise), "rows"))


@question.check("law", points=0.5, requires=check_draws_components_with_their_weights, examples=1)
@given(source=numbers(), seed=SEEDS)
def check_draws_dimensions_independently(student: Student, source: Numbers, seed: int) -> None:
    """Given the component, the dimensions of a row are independent."""
    _, _, noise = drawn(student, source, seed)
    assert_law(only(standard_normal(noise), "dimensions"))


@question.check("behaviour", points=0.5)
@given(source=numbers(), seed=SEEDS)
def check_draws_from_the_generator(student: Student, source: Numbers, seed: int) -> None:
    """One state of the generator always gives the same draws, and another state gives others."""
    first, again, other = (
        student.ancestral_sample(*draw_model(source.restarted()), 5, generator=generator(each))
        for each in (seed, seed, seed + 1)
    )
    components_agree, points_agree = (torch.equal(*pair) for pair in ((again[1], first[1]), (again[0], first[0])))
    expect(
        points_agree or not components_agree,
        "one state of the generator gives the same components, but other points.",
        misconception="forgets_the_generator_of_the_noise",
    )
    assert_value(again, first)
    expect((other[0] != first[0]).any(), "two generators in different states give the same draws.")


@st.composite
def sampler_arguments(draw: st.DrawFn, *, counts: Sequence[int] = (3, 11)) -> Arguments:
    """Arguments (logits, mu, logvar, n), and generator."""
    model = draw_model(draw(numbers()))
    return Arguments((*model, draw(st.sampled_from(counts))), {"generator": generator(draw(SEEDS))})


question.check("behaviour", points=0.25, requires=check_draws_components_with_their_weights)(
    about("ancestral_sample", keeps_generators(sampler_arguments()))
)
question.check(
    "behaviour",
    points=0.25,
    requires=check_draws_components_with_their_weights,
    name="does_not_loop_over_the_draws",
    description="Draws all rows with tensor operations, not with a Python loop.",
)(about("ancestral_sample", does_constant_work(sampler_arguments(counts=(3,)), sampler_arguments(counts=(300,)))))


@question.check("robustness", points=0.25, requires=check_draws_components_with_their_weights)
@given(inputs=sampler_arguments())
def check_keeps_the_dtype(student: Student, inputs: Arguments) -> None:
    """x has the dtype of the means, and z holds int64, for any number of draws."""
    single = inputs.to(torch.float32)
    for n in (1, 4):
        x, z = student.ancestral_sample(*single.args[:3], n, **single.kwargs)
        expect((x.dtype, z.dtype) == (torch.float32, torch.int64), "x has not the dtype of mu, or z is not int64.")


for mistake, (replaces, sentence) in SENTENCES.items():
    question.misconception(sentence, replaces=replaces)(mistake)


@question.alternative
def subtracts_the_largest(log_px_given_z: Tensor) -> Tensor:
    largest = log_px_given_z.detach().max(dim=0).values
    finite = torch.where(torch.isinf(largest), torch.zeros_like(largest), largest)
    return finite + torch.log(torch.exp(log_px_given_z - finite).mean(dim=0))


@question.alternative
def subtracts_the_log_of_the_count(log_px_given_z: Tensor) -> Tensor:
    return log_px_given_z.logsumexp(dim=0) - math.log(log_px_given_z.shape[0])


@question.alternative_of("ancestral_sample")
def compares_with_the_cumulative_weights(
    logits: Tensor, mu: Tensor, logvar: Tensor, n: int, *, generator: torch.Generator | None
) -> Draws:
    edges = torch.softmax(logits, dim=0).cumsum(0)[:-1]
    u = torch.rand(n, generator=generator, dtype=logits.dtype, device=logits.device)
    z = (u[:, None] >= edges).sum(-1)
    return torch.normal(mu[z], logvar[z].div(2).exp(), generator=generator), z


@question.alternative_of("ancestral_sample")
def adds_gumbel_noise(
    logits: Tensor, mu: Tensor, logvar: Tensor, n: int, *, generator: torch.Generator | None
) -> Draws:
    u = torch.empty((n, *logits.shape), dtype=logits.dtype, device=logits.device).exponential_(generator=generator)
    z = (logits - u.log()).argmax(dim=-1)
    noise = torch.empty((n, mu.shape[1]), dtype=mu.dtype, device=mu.device).normal_(generator=generator)
    one_hot = torch.nn.functional.one_hot(z, logits.shape[0]).to(mu.dtype)
    return one_hot @ mu + (one_hot @ logvar).exp().sqrt() * noise, z


@question.alternative_of("ancestral_sample")
def draws_every_component_and_selects(
    logits: Tensor, mu: Tensor, logvar: Tensor, n: int, *, generator: torch.Generator | None
) -> Draws:
    z = torch.multinomial(torch.exp(logits - logits.max()), n, True, generator=generator)
    every = torch.randn((n, *mu.shape), generator=generator, dtype=mu.dtype, device=mu.device)
    points = mu + torch.exp(logvar) ** 0.5 * every
    return points[torch.arange(n, device=mu.device), z], z
