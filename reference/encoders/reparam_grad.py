"""enc.3: two estimators of the gradient of E_q[f(z)] (Mohamed et al. 2020, sections 4 and 5).

pathwise:        mean_s f'(z_s) dz_s/dphi          score function:  mean_s (f(z_s) - b) dlog q(z_s)/dphi
with z = mu + sigma eps, sigma = exp(logvar / 2):
dz/dmu = 1,  dz/dlogvar = sigma eps / 2,  dlog q/dmu = eps / sigma,  dlog q/dlogvar = (eps^2 - 1) / 2
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import torch
from hypothesis import given
from torch import Tensor

from grader.compare import Tolerance, assert_value, expect
from grader.families import described
from grader.question import Question
from grader.remote import Student
from grader.standard import (
    Arguments,
    about,
    accepts_any_strides,
    accepts_empty_batches,
    accurate_in,
    answer,
    arguments,
    does_constant_work,
    ignores_other_examples,
    keeps_generators,
    keeps_precision,
    leaves_inputs_unchanged,
    matches_oracle,
    runs_on_other_devices,
)
from grader.strategies import BATCH_SHAPES, EVENT_SIZES, Numbers, Shape, numbers
from grader.worker.described import Described
from reference.encoders._estimator_mistakes import PATHWISE, SCORE
from reference.encoders._noise import quantiles, standardised
from reference.encoders._score_mistakes import MORE_SCORE

Pair = tuple[Tensor, Tensor]
Function = Callable[[Tensor], Tensor]

question = Question(id="enc.3", functions=["reparam_grad", "score_function_grad"], title="Two estimators of a gradient")


@question.oracle
def reparam_grad(f: Function, mu: Tensor, logvar: Tensor, eps: Tensor) -> Pair:
    """Gradients in mu and logvar for each example, [*batch, latent]; f's own gradient by autograd, the rest by hand."""
    noise = torch.exp(0.5 * logvar) * eps
    z = (mu + noise).requires_grad_()
    value = f(z)
    (slope,) = torch.autograd.grad(value.sum(), z) if value.requires_grad else (torch.zeros_like(z),)
    return slope.mean(0), (0.5 * slope * noise).mean(0)


@question.oracle
def score_function_grad(
    f: Function, mu: Tensor, logvar: Tensor, eps: Tensor, baseline: float | Tensor | None = None
) -> Pair:
    """Gradients in mu and logvar for each example, [*batch, latent]."""
    value = f(mu + torch.exp(0.5 * logvar) * eps)
    signal = value if baseline is None else value - baseline
    if value.shape != eps.shape:
        signal = signal.unsqueeze(-1)
    return (signal * eps * torch.exp(-0.5 * logvar)).mean(0), (0.5 * signal * (eps.square() - 1)).mean(0)


Oracle = Callable[..., Pair]

ORACLES: dict[str, Oracle] = {"reparam_grad": reparam_grad, "score_function_grad": score_function_grad}

ONE_EXAMPLE: tuple[Shape, ...] = ((), (1,))
"""Batches in which nothing can be mixed, so that the formula earns its points."""


def function_of(source: Numbers, kind: str, dim: int) -> Described:
    """A function of z with the parameters that its family wants."""
    if kind == "quadratic":
        return described(kind, center=source.normal((dim,)), curvature=source.uniform((dim,), low=0.4, high=1.5))
    if kind == "step":
        return described(kind, threshold=source.normal((dim,)))
    if kind == "linear":
        return described(kind, slope=source.uniform((dim,), low=0.5, high=1.5), offset=source.normal(()).item())
    return described(kind, frequency=source.uniform((dim,), low=0.5, high=1.5))


@st.composite
def estimates(
    draw: st.DrawFn,
    *,
    batch_shapes: tuple[Shape, ...] = BATCH_SHAPES,
    event_sizes: tuple[int, ...] = EVENT_SIZES,
    samples: tuple[int, ...] = (1, 4),
    kinds: tuple[str, ...] = ("quadratic", "sine", "linear"),
    standard: bool = False,
) -> Arguments:
    """Arguments (f, mu, logvar, eps)."""
    source, dim, count = draw(numbers()), draw(st.sampled_from(event_sizes)), draw(st.sampled_from(samples))
    shape = (*draw(st.sampled_from(batch_shapes)), dim)
    f = function_of(source, draw(st.sampled_from(kinds)), dim)
    eps = standardised(source, count, shape) if standard else source.normal((count, *shape))
    return arguments(f, source.normal(shape), source.uniform(shape, low=-1.5, high=1.5), eps)


@st.composite
def with_baseline(draw: st.DrawFn, *, standard: bool = False) -> Arguments:
    """Arguments (f, mu, logvar, eps, baseline) with a number, or one number for each example."""
    inputs, source = draw(estimates(samples=(4,), standard=standard)), draw(numbers())
    value = source.normal(tuple(inputs.args[1].shape[:-1]), loc=2.0)
    number = draw(st.booleans())
    return arguments(*inputs.args, float(value.reshape(-1)[0]) if number else value)


# Terms of several samples and latents may cancel; wrong answers differ by 1e-2 and more.
CANCELLED = Tolerance(rtol=1e-6, atol=3e-6)


def gives_the_right(part: int, oracle: Oracle) -> Callable[..., None]:
    """One of the two gradients is right, whatever the other one is."""

    @given(inputs=estimates(batch_shapes=ONE_EXAMPLE))
    def check(student: Student, inputs: Arguments) -> None:
        got = student.function(*inputs.args)
        assert_value(got[part], answer(oracle, inputs)[part], tolerance=CANCELLED)

    return check


def change_all_but_first(inputs: Arguments, source: Numbers) -> Arguments:
    """Other parameters and noise for every example but the first of each sample."""
    f, mu, logvar, eps = inputs.args
    mu, logvar = (torch.cat((part[:1], source.normal(tuple(part[1:].shape)))) for part in (mu, logvar))
    return arguments(f, mu, logvar, torch.cat((eps[:, :1], source.normal(tuple(eps[:, 1:].shape))), dim=1))


ROUNDED_SUMS = Tolerance(rtol=2e-5, atol=2e-5)
FEW = estimates(samples=(4,), kinds=("sine",))
BATCHES = estimates(batch_shapes=((3,), (2, 3)))
values: dict[str, tuple[Callable[..., None], ...]] = {}

for function, oracle in ORACLES.items():
    values[function] = tuple(
        question.check(
            "value",
            points=1.75,
            name=f"{argument}_of_{function}",
            description=f"{function} gives the right estimate for {argument}.",
        )(about(function, gives_the_right(part, oracle)))
        for part, argument in enumerate(("mu", "logvar"))
    )
    for kind, points, name, says, test in (
        (
            "value",
            1,
            "batches",
            "gives one estimate for each example",
            matches_oracle(oracle, BATCHES, tolerance=CANCELLED),
        ),
        (
            "value",
            0.5,
            "entries",
            "takes a function that acts on each entry alone",
            matches_oracle(oracle, estimates(kinds=("sines",), event_sizes=(2, 5)), tolerance=CANCELLED),
        ),
        ("precision", 0.5, "precision", "keeps the accuracy of float64", keeps_precision(oracle, estimates())),
        (
            "law",
            0.5,
            "independence",
            "treats each example on its own",
            ignores_other_examples(estimates(batch_shapes=((2,), (3,))), change_all_but_first),
        ),
        (
            "stress",
            0.25,
            "float32",
            "stays accurate in float32",
            accurate_in(torch.float32, oracle, FEW, tolerance=ROUNDED_SUMS),
        ),
        ("robustness", 0.25, "inputs", "leaves its inputs as they were", leaves_inputs_unchanged(FEW)),
        (
            "robustness",
            0.25,
            "layout",
            "accepts tensors with any memory layout",
            accepts_any_strides(oracle, estimates(batch_shapes=((3,),), event_sizes=(2, 5)), tolerance=CANCELLED),
        ),
        (
            "robustness",
            0.25,
            "empty",
            "accepts a batch with no examples",
            accepts_empty_batches(estimates(batch_shapes=((0,), (0, 3))), oracle),
        ),
        ("behaviour", 0.25, "devices", "works on whatever device its inputs are on", runs_on_other_devices(FEW)),
        ("behaviour", 0.25, "generators", "leaves the global random generators alone", keeps_generators(FEW)),
        (
            "behaviour",
            0.25,
            "work",
            "handles the batch with tensor operations",
            does_constant_work(
                estimates(batch_shapes=((3,),), event_sizes=(5,), samples=(4,), kinds=("sine",)),
                estimates(batch_shapes=((300,),), event_sizes=(5,), samples=(4,), kinds=("sine",)),
            ),
        ),
    ):
        question.check(
            kind,
            points=points,
            requires=values[function],
            name=f"{name}_of_{function}",
            description=f"{function} {says}.",
        )(about(function, test))


@question.check("value", points=1.25, requires=values["score_function_grad"], examples=6)
@given(inputs=with_baseline())
def check_baseline_is_subtracted(student: Student, inputs: Arguments) -> None:
    """A baseline, a number or one for each example, is subtracted from f(z)."""
    assert_value(student.score_function_grad(*inputs.args), answer(score_function_grad, inputs), tolerance=CANCELLED)


# Noise of mean 0 and mean square 1 has no error left for these two.
@question.check("law", points=0.5)
@given(inputs=estimates(batch_shapes=((), (3,)), samples=(4,), kinds=("quadratic",), standard=True))
def check_exact_for_quadratics(student: Student, inputs: Arguments) -> None:
    """With noise of mean 0 and mean square 1, reparam_grad has the exact gradients of a quadratic's expectation."""
    f, mu, logvar, _ = inputs.args
    center, curvature = f.parameters["center"], f.parameters["curvature"]
    exact = (2 * curvature * (mu - center), curvature * torch.exp(logvar))
    assert_value(student.reparam_grad(*inputs.args), exact, tolerance=CANCELLED)


@st.composite
def fine_grids(draw: st.DrawFn, family: str, parameter: str) -> Arguments:
    """Arguments whose noise is 4001 quantiles of a standard normal, for one example with one latent."""
    source = draw(numbers())
    f = described(family, **{parameter: source.uniform((1,), low=0.6, high=1.4)})
    mu, logvar = source.uniform((1,), low=0.3, high=1.2), source.uniform((1,), low=-0.5, high=0.5)
    return arguments(f, mu, logvar, quantiles(4001).unsqueeze(-1))


# A sum over 4001 quantiles errs by less than a thousandth here.
ON_A_GRID = Tolerance(rtol=5e-3, atol=5e-3)


@question.check("law", points=0.75, examples=2)
@given(inputs=fine_grids("sine", "frequency"))
def check_both_have_the_same_mean(student: Student, inputs: Arguments) -> None:
    """Averaged over all noise, both estimators give the gradient of E[sin(w z)] = exp(-w^2 sigma^2 / 2) sin(w mu)."""
    f, mu, logvar, _ = inputs.args
    frequency = f.parameters["frequency"]
    damped, power = torch.exp(-0.5 * frequency.square() * torch.exp(logvar)), frequency.square() * torch.exp(logvar)
    exact = (frequency * damped * torch.cos(frequency * mu), -0.5 * power * damped * torch.sin(frequency * mu))
    assert_value(student.reparam_grad(*inputs.args), exact, tolerance=ON_A_GRID)
    assert_value(student.score_function_grad(*inputs.args), exact, tolerance=ON_A_GRID)


@question.check("law", points=0.5, examples=2)
@given(inputs=fine_grids("step", "threshold"))
def check_score_function_sees_a_step(student: Student, inputs: Arguments) -> None:
    """score_function_grad needs no derivative of f: for a step it gives the gradient of P(z > threshold)."""
    f, mu, logvar, _ = inputs.args
    scaled = (mu - f.parameters["threshold"]) * torch.exp(-0.5 * logvar)
    density = torch.exp(-0.5 * scaled.square()) / math.sqrt(2 * math.pi)
    exact = (density * torch.exp(-0.5 * logvar), -0.5 * density * scaled)
    assert_value(student.score_function_grad(*inputs.args), exact, tolerance=ON_A_GRID)


@question.check("law", points=0.5, requires=values["reparam_grad"], examples=2)
@given(inputs=estimates(batch_shapes=((3,),), kinds=("step",)))
def check_pathwise_sees_no_step(student: Student, inputs: Arguments) -> None:
    """reparam_grad is zero for a step, which is flat wherever it has a slope, and has no path for autograd."""
    _, mu, logvar, _ = inputs.args
    assert_value(student.reparam_grad(*inputs.args), (torch.zeros_like(mu), torch.zeros_like(logvar)))


@question.check("law", points=0.5, requires=values["score_function_grad"], examples=3)
@given(inputs=with_baseline(standard=True))
def check_baseline_leaves_the_mean_alone(student: Student, inputs: Arguments) -> None:
    """With noise of mean 0 and mean square 1, a baseline changes the estimate for no example."""
    without = student.score_function_grad(*inputs.args[:4])
    assert_value(student.score_function_grad(*inputs.args), without, tolerance=CANCELLED)


# Not a law for every f: for sin(z) at sigma = 3 it is the other way round.
@question.check("law", points=0.5, examples=1)
@given(mu=st.floats(0.5, 1.5))
def check_pathwise_spreads_less(student: Student, mu: float) -> None:
    """For f(z) = z^2 at sigma = 1 and mu near 1, single draws of reparam_grad spread less: their variance is 4."""
    one = torch.ones(1, dtype=torch.float64)
    f = described("quadratic", center=0 * one, curvature=one)
    means = torch.full((4001, 1), mu, dtype=torch.float64)
    inputs = (f, means, torch.zeros_like(means), quantiles(4001)[None, :, None])
    pathwise, score = (estimator(*inputs)[0].var() for estimator in (student.reparam_grad, student.score_function_grad))
    expect((pathwise - 4).abs() < 0.1, "single draws of reparam_grad have another spread than 2 eps has.")
    expect(score > pathwise, "single draws of score_function_grad spread less.")


for mistakes, replaced in ((PATHWISE, "reparam_grad"), (SCORE | MORE_SCORE, "score_function_grad")):
    for mistake, sentence in mistakes.items():
        question.misconception(sentence, replaces=replaced)(mistake)


@question.alternative
def differentiates_z_and_applies_the_chain_rule(f: Function, mu: Tensor, logvar: Tensor, eps: Tensor) -> Pair:
    std = torch.exp(logvar / 2)
    with torch.enable_grad():
        z = (mu + std * eps).detach().requires_grad_(True)
        value = f(z)
    if value.grad_fn is None:
        return torch.zeros_like(mu), torch.zeros_like(mu)
    slope = torch.autograd.grad(value, z, grad_outputs=torch.ones_like(value))[0]
    return torch.mean(slope, dim=0), 0.5 * std * torch.mean(slope * eps, dim=0)


@question.alternative
def asks_for_one_sample_at_a_time(f: Function, mu: Tensor, logvar: Tensor, eps: Tensor) -> Pair:
    grads = []
    for noise in eps:
        m, v = mu.clone().detach().requires_grad_(True), logvar.clone().detach().requires_grad_(True)
        value = f((m + (0.5 * v).exp() * noise).unsqueeze(0))
        total = value.sum() + 0.0 * m.sum() + 0.0 * v.sum()
        grads.append(torch.autograd.grad(total, (m, v)))
    in_mu, in_logvar = zip(*grads, strict=True)
    return sum(in_mu) / len(eps), sum(in_logvar) / len(eps)


@question.alternative
def takes_a_jacobian_product(f: Function, mu: Tensor, logvar: Tensor, eps: Tensor) -> Pair:
    def mean(m: Tensor, v: Tensor) -> Tensor:
        return f(m + torch.exp(0.5 * v) * eps).mean(0).sum()

    functional: Any = torch.autograd.functional
    _, (in_mu, in_logvar) = functional.vjp(mean, (mu, logvar))
    return in_mu, in_logvar


@question.alternative_of("score_function_grad")
def differentiates_a_surrogate(
    f: Function, mu: Tensor, logvar: Tensor, eps: Tensor, baseline: float | Tensor | None = None
) -> Pair:
    m, v = mu.detach().clone().requires_grad_(), logvar.detach().clone().requires_grad_()
    with torch.enable_grad():
        z = (m + (v / 2).exp() * eps).detach()
        reward = f(z).detach()
        if baseline is not None:
            reward = reward - baseline
        log_q = -0.5 * (math.log(2 * math.pi) + v + (z - m) ** 2 * (-v).exp())
        if reward.dim() == log_q.dim() - 1:
            log_q = log_q.sum(-1)
        surrogate = (reward * log_q).mean(0)
    in_mu, in_logvar = torch.autograd.grad(surrogate.sum(), [m, v])
    return in_mu, in_logvar


@question.alternative_of("score_function_grad")
def divides_by_the_variance(
    f: Function, mu: Tensor, logvar: Tensor, eps: Tensor, baseline: float | Tensor | None = None
) -> Pair:
    var = logvar.exp()
    away = var.sqrt() * eps
    weight = f(mu + away) - (0.0 if baseline is None else baseline)
    weight = weight.reshape(weight.shape + (1,) * (eps.dim() - weight.dim()))
    count = eps.shape[0]
    in_mu = torch.sum(weight * away / var, dim=0) / count
    return in_mu, torch.sum(weight * (away * away / var - 1.0), dim=0) / (2 * count)


@question.alternative_of("score_function_grad")
def uses_the_distribution(
    f: Function, mu: Tensor, logvar: Tensor, eps: Tensor, baseline: float | Tensor | None = None
) -> Pair:
    leaves = [mu.clone().detach().requires_grad_(), logvar.clone().detach().requires_grad_()]
    q: Any = torch.distributions.Normal(leaves[0], torch.exp(0.5 * leaves[1]), validate_args=False)
    z = (q.loc + q.scale * eps).detach()
    value = f(z) if baseline is None else f(z) - baseline
    weight = value if value.shape == z.shape else value[..., None].expand(z.shape)
    in_mu, in_logvar = torch.autograd.grad(q.log_prob(z), leaves, weight / len(eps))
    return in_mu, in_logvar
