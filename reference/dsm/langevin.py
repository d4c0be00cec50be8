"""dsm.5: Langevin dynamics at one noise level, and annealed over many (Song & Ermon 2019, algorithm 1).

x <- x + h s(x) + sqrt(2 h) z, without a Metropolis step: for N(m, v) the stationary variance is v / (1 - h / (2 v)).
Their alpha_i is 2 h_i here.
"""

from __future__ import annotations

from collections.abc import Sequence

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
    keeps_generators,
    keeps_precision,
    leaves_inputs_unchanged,
    matches_oracle,
    runs_on_other_devices,
)
from grader.strategies import Numbers, Shape, numbers
from reference.dsm import _annealing_mistakes, _langevin_mistakes
from reference.dsm._fields import CONDITIONAL, FIELDS, wave
from reference.dsm._langevin_answers import ALTERNATIVES, Conditional, Field

question = Question(
    id="dsm.5", functions=["langevin", "annealed_langevin"], title="Langevin sampling, and annealed Langevin sampling"
)


@question.oracle
def langevin(score_fn: Field, x: Tensor, step: float, noise: Tensor, *, return_path: bool = False) -> Tensor:
    """The last state, [*batch, dim], or all states, [steps + 1, *batch, dim]; noise is [steps, *batch, dim]."""
    with torch.no_grad():
        states = [x.detach()]
        for z in noise:
            states.append(states[-1] + step * score_fn(states[-1]) + (2 * step) ** 0.5 * z)
        return torch.stack(states) if return_path else states[-1]


@question.oracle
def annealed_langevin(score_fn: Conditional, x: Tensor, sigmas: Tensor, eps0: float, noise: Tensor) -> Tensor:
    """The last state, [*batch, dim]; noise is [levels, steps, *batch, dim]."""
    with torch.no_grad():
        state = x.detach()
        for sigma, draws in zip(sigmas, noise, strict=True):
            step = eps0 * (sigma / sigmas[-1]).square()
            for z in draws:
                state = state + step * score_fn(state, sigma) + (2 * step).sqrt() * z
        return state


BATCHES: tuple[Shape, ...] = ((1,), (3,), (2, 3))
MANY = BATCHES[1:]
DIMENSIONS = (1, 2, 5)


@st.composite
def chains(
    draw: st.DrawFn,
    *,
    batches: Sequence[Shape] = BATCHES,
    dims: Sequence[int] = DIMENSIONS,
    steps: Sequence[int] = (2, 4),
    return_path: bool = False,
) -> Arguments:
    """Arguments (score_fn, x, step, noise) of `langevin`."""
    maker, batch, dim = draw(st.sampled_from(FIELDS)), draw(st.sampled_from(batches)), draw(st.sampled_from(dims))
    count, source = draw(st.sampled_from(steps)), draw(numbers())
    step = source.uniform((), low=0.05, high=0.3).item()
    noise = source.normal((count, *batch, dim))
    args = (maker(source, dim), source.normal((*batch, dim), scale=1.5), step, noise)
    return Arguments(args, {"return_path": True} if return_path else {})


@st.composite
def annealings(
    draw: st.DrawFn,
    *,
    batches: Sequence[Shape] = BATCHES,
    dims: Sequence[int] = DIMENSIONS,
    levels: Sequence[int] = (2, 3),
    steps: Sequence[int] = (1, 2),
) -> Arguments:
    """Arguments of `annealed_langevin` with the coarsest noise first, none of it near 1."""
    maker, batch, dim = draw(st.sampled_from(CONDITIONAL)), draw(st.sampled_from(batches)), draw(st.sampled_from(dims))
    count, each, source = draw(st.sampled_from(levels)), draw(st.sampled_from(steps)), draw(numbers())
    sigmas = torch.tensor([1.4, 0.8, 0.5], dtype=torch.float64)[-count:] * source.uniform((), low=0.9, high=1.1)
    eps0 = source.uniform((), low=0.03, high=0.1).item()
    noise = source.normal((count, each, *batch, dim))
    return arguments(maker(source, (dim,)), source.normal((*batch, dim), scale=1.5), sigmas, eps0, noise)


# Each step may amplify the rounding of the one before; wrong answers differ by 1e-3 and more.
AFTER_STEPS = Tolerance(rtol=1e-5, atol=1e-5)

check_step = question.check("value", points=1.75, name="one_step", description="One step of langevin is right.")(
    matches_oracle(langevin, chains(batches=((1,), (3,)), steps=(1,)), tolerance=AFTER_STEPS)
)
check_steps = question.check(
    "value", points=1.25, requires=check_step, name="several_steps", description="Several steps of langevin are right."
)(matches_oracle(langevin, chains(), tolerance=AFTER_STEPS))
check_path = question.check(
    "value",
    points=0.75,
    requires=check_step,
    name="path",
    description="With return_path, all states are returned, the start first.",
)(matches_oracle(langevin, chains(return_path=True), tolerance=AFTER_STEPS))
check_level = question.check(
    "value",
    points=1,
    name="one_noise_level",
    description="annealed_langevin with one noise level takes steps of size eps0 there.",
)(about("annealed_langevin", matches_oracle(annealed_langevin, annealings(levels=(1,)), tolerance=AFTER_STEPS)))
check_annealing = question.check(
    "value",
    points=1.5,
    requires=check_level,
    name="several_noise_levels",
    description="annealed_langevin goes on from level to level, with the step that belongs to each.",
)(about("annealed_langevin", matches_oracle(annealed_langevin, annealings(), tolerance=AFTER_STEPS)))
BOTH = (check_step, check_level)
question.check("precision", points=0.5, requires=check_steps)(keeps_precision(langevin, chains()))
question.check("precision", points=0.25, requires=check_annealing)(
    about("annealed_langevin", keeps_precision(annealed_langevin, annealings()))
)


@question.check("value", points=0.5, requires=check_annealing)
@given(inputs=annealings(levels=(3,)), source=numbers())
def check_takes_levels_in_the_order_given(student: Student, inputs: Arguments, source: Numbers) -> None:
    """Noise levels are taken in the order given, whatever it is, and sigma_L is the last of them."""
    field, x, sigmas, eps0, noise = inputs.args
    moved = arguments(field, x, sigmas[source.permutation(len(sigmas))], eps0, noise)
    assert_value(student.annealed_langevin(*moved.args), answer(annealed_langevin, moved), tolerance=AFTER_STEPS)


@question.check("law", points=0.5)
@given(source=numbers(), dim=st.sampled_from(DIMENSIONS), steps=st.sampled_from((1, 3)))
def check_climbs_without_noise(student: Student, source: Numbers, dim: int, steps: int) -> None:
    """Without noise it climbs: towards the mean of N(m, v), by the factor 1 - h / v a step."""
    mean, variance = source.normal((dim,)), source.uniform((dim,), low=0.6, high=2.0)
    x, step = source.normal((3, dim)), source.uniform((), low=0.1, high=0.4).item()
    still = torch.zeros((steps, 3, dim), dtype=torch.float64)
    field = described("affine_field", matrix=torch.diag(-1 / variance), offset=mean / variance)
    assert_value(
        student.langevin(field, x, step, still),
        mean + (1 - step / variance) ** steps * (x - mean),
        tolerance=AFTER_STEPS,
    )


def unit_noise(steps: int, dim: int) -> Tensor:
    """One chain for each step, in which that step alone has noise, and one without any; [steps, steps + 1, dim]."""
    return torch.eye(steps, steps + 1, dtype=torch.float64).unsqueeze(-1).repeat(1, 1, dim)


def spread(final: Tensor, mean: Tensor, before: Tensor) -> Tensor:
    """Variance of the last state of a linear chain, from chains of unit noise and one that started at mean + 1.

    The noises are independent, so that the squares of what each of them adds are added.
    """
    reach = (final - mean).square()
    return reach[:-1].sum(0) + reach[-1] * before


def starts(mean: Tensor, steps: int) -> Tensor:
    """Chains of unit noise start at the mean, the last one a unit beside it."""
    beside = torch.zeros((steps + 1, len(mean)), dtype=torch.float64)
    beside[-1] = 1
    return mean + beside


@question.check("law", points=1.5)
@given(source=numbers(), dim=st.sampled_from(DIMENSIONS), steps=st.sampled_from((2, 3)))
def check_goes_to_its_stationary_law(student: Student, source: Numbers, dim: int, steps: int) -> None:
    """For N(m, v) the variance goes to v / (1 - h / (2 v)): what is missing shrinks by (1 - h / v)^2 a step."""
    mean, variance = source.normal((dim,)), source.uniform((dim,), low=0.6, high=2.0)
    step = source.uniform((), low=0.1, high=0.4).item()
    field = described("affine_field", matrix=torch.diag(-1 / variance), offset=mean / variance)
    stationary = variance / (1 - step / (2 * variance))
    final = student.langevin(field, starts(mean, steps), step, unit_noise(steps, dim))
    # Half too wide at the start; a chain that never moves would keep the stationary law itself.
    law = stationary + (1 - step / variance) ** (2 * steps) * 0.5 * stationary
    assert_value(spread(final, mean, 1.5 * stationary), law, tolerance=AFTER_STEPS)


@question.check("law", points=1.25)
@given(source=numbers(), dim=st.sampled_from(DIMENSIONS), steps=st.sampled_from((1, 2)))
def check_follows_the_law_of_each_level(student: Student, source: Numbers, dim: int, steps: int) -> None:
    """For Gaussian data the variance after annealing is what the levels, one after the other, make of it."""
    mean, variance = source.normal((dim,)), source.uniform((dim,), low=0.4, high=1.5)
    sigmas = torch.tensor([2.1, 1.3, 0.6], dtype=torch.float64) * source.uniform((), low=0.9, high=1.1)
    eps0 = source.uniform((), low=0.05, high=0.2).item()
    field = described("noisy_gaussian_score", mean=mean, variance=variance)
    before = source.uniform((dim,), low=2.0, high=5.0)
    count = len(sigmas) * steps
    noise = unit_noise(count, dim).reshape(len(sigmas), steps, count + 1, dim)
    final = student.annealed_langevin(field, starts(mean, count), sigmas, eps0, noise)
    law = before
    for sigma in sigmas:
        step = eps0 * (sigma / sigmas[-1]).square()
        for _ in range(steps):
            law = (1 - step / (variance + sigma.square())).square() * law + 2 * step
    assert_value(spread(final, mean, before), law, tolerance=AFTER_STEPS)


@question.check("law", points=0.25)
@given(inputs=chains())
def check_uses_the_noise_that_it_is_given(student: Student, inputs: Arguments) -> None:
    """The same noise gives the same state: the oracle's states, where there is none."""
    field, x, step, noise = inputs.args
    still = arguments(field, x, step, torch.zeros_like(noise))
    first, again = (student.langevin(*still.args) for _ in range(2))
    expect(
        (first == again) | first.isnan(),
        "the same arguments give two different states.",
        misconception="draws_noise_of_its_own",
    )
    assert_value(first, answer(langevin, still), tolerance=AFTER_STEPS)


def assert_count(count: int, steps: int, said: str, too_many: str) -> None:
    """As many scores as steps; too many are a mistake of their own, too few are the values' affair."""
    expect(count == steps, said, misconception=too_many if count > steps else None)


@question.check("behaviour", points=0.75, requires=BOTH)
@given(chain=chains(batches=MANY, steps=(1, 4)), annealing=annealings(batches=MANY))
def check_calls_the_field_once_a_step(student: Student, chain: Arguments, annealing: Arguments) -> None:
    """The field is called once a step, with all chains at a time; when annealing, with the level as a 0-dim tensor."""
    seen = student.langevin.observe(*chain.args).asked[0]
    said = "the field is not called once a step with all chains at a time."
    together = all(x.shape == chain.args[1].shape for (x,) in seen.args)
    expect(together, said, misconception="asks_for_one_chain_at_a_time")
    assert_count(seen.count, len(chain.args[3]), said, "asks_twice_a_step")
    seen = student.annealed_langevin.observe(*annealing.args).asked[0]
    together = all(x.shape == annealing.args[1].shape for x, _ in seen.args)
    expect(together, said, misconception="loops_over_chains")
    assert_count(seen.count, annealing.args[4].shape[:2].numel(), said, "asks_twice_a_level_and_step")
    tensors = all(isinstance(sigma, Tensor) for _, sigma in seen.args)
    expect(tensors, "the field is called with a Python number.", misconception="gives_the_field_a_number")
    single = all(sigma.dim() == 0 for _, sigma in seen.args)
    expect(
        single,
        "the field is called with something else than one noise level.",
        misconception="gives_every_chain_a_level",
    )


def assert_no_graph(student: Student, function: str, inputs: Arguments, source: Numbers) -> None:
    """All gradients through the last state are zero."""
    gradients = getattr(student, function).vjp(inputs.args, source.normal(tuple(inputs.args[1].shape)))
    assert_value(gradients, tuple(map(torch.zeros_like, gradients)))


# One check for each function: who keeps both graphs makes one mistake twice.
@question.check("gradient", points=0.25, requires=BOTH)
@given(inputs=chains(), source=numbers())
def check_keeps_no_graph(student: Student, inputs: Arguments, source: Numbers) -> None:
    """The last state of langevin does not remember how it was made: nothing can be differentiated through it."""
    assert_no_graph(student, "langevin", inputs, source)


@question.check("gradient", points=0.25, requires=BOTH)
@given(inputs=annealings(), source=numbers())
def check_keeps_no_graph_of_the_levels(student: Student, inputs: Arguments, source: Numbers) -> None:
    """That of annealed_langevin does not remember it either."""
    assert_no_graph(student, "annealed_langevin", inputs, source)


@question.check("gradient", points=0.25, requires=check_path)
@given(chain=chains(return_path=True), source=numbers())
def check_keeps_no_graph_in_the_path(student: Student, chain: Arguments, source: Numbers) -> None:
    """The path does not remember how it was made either."""
    weights = source.normal(tuple(answer(langevin, chain).shape))
    gradients = student.langevin.vjp(chain.args, weights, chain.kwargs)
    assert_value(gradients, tuple(map(torch.zeros_like, gradients)))


question.check("stress", points=0.25, requires=check_steps, examples=4)(accurate_in(torch.float32, langevin, chains()))
question.check("stress", points=0.25, requires=check_annealing, examples=4)(
    about("annealed_langevin", accurate_in(torch.float32, annealed_langevin, annealings()))
)
question.check(
    "stress",
    points=0.25,
    requires=check_step,
    name="single_chains_and_no_steps",
    description="A single chain, of no batch dimension, and no step at all are nothing special.",
)(matches_oracle(langevin, chains(batches=((), (1, 1)), steps=(0, 2), return_path=True), tolerance=AFTER_STEPS))
question.check("robustness", points=0.25, requires=check_steps)(leaves_inputs_unchanged(chains()))
question.check("robustness", points=0.25, requires=check_annealing)(
    about("annealed_langevin", leaves_inputs_unchanged(annealings()))
)
question.check("robustness", points=0.25, requires=check_steps)(
    accepts_any_strides(langevin, chains(batches=((3,), (2, 3))), tolerance=AFTER_STEPS)
)
question.check("robustness", points=0.25, requires=check_steps)(
    accepts_empty_batches(chains(batches=((0,), (0, 3))), langevin)
)
question.check("behaviour", points=0.25, requires=check_steps)(keeps_generators(chains()))
question.check("behaviour", points=0.25, requires=check_steps)(runs_on_other_devices(chains()))


@st.composite
def rows(draw: st.DrawFn, count: int) -> Arguments:
    """Two levels of two steps, of this many chains in five dimensions."""
    source = draw(numbers())
    sigmas = torch.tensor([1.3, 0.6], dtype=torch.float64)
    return arguments(wave(source, (5,)), source.normal((count, 5)), sigmas, 0.1, source.normal((2, 2, count, 5)))


question.check("behaviour", points=0.25, requires=check_annealing)(
    about("annealed_langevin", does_constant_work(rows(3), rows(300)))
)

for mistakes, function in ((_langevin_mistakes, "langevin"), (_annealing_mistakes, "annealed_langevin")):
    for mistake, sentence in mistakes.SENTENCES.items():
        question.misconception(sentence, replaces=function)(mistake)
for alternative, function in ALTERNATIVES:
    question.alternative_of(function)(alternative)
