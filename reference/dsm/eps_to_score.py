"""dsm.4: what a network that predicts noise knows (Ho et al. 2020, eq. 4 and 12; Efron 2011 for Tweedie's formula).

x_t = sqrt(abar) x0 + sqrt(1 - abar) eps;  s = -eps_hat / sqrt(1 - abar)
E[x0 | x_t] = (x_t + (1 - abar) s) / sqrt(abar)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import hypothesis.strategies as st
import torch
from hypothesis import given
from hypothesis.strategies import SearchStrategy
from torch import Tensor

from grader.compare import Tolerance, assert_value, expect
from grader.question import Question
from grader.remote import Student
from grader.standard import (
    Arguments,
    about,
    accepts_any_strides,
    accepts_empty_batches,
    accurate_in,
    arguments,
    does_constant_work,
    gradients_match,
    ignores_other_examples,
    keeps_generators,
    keeps_precision,
    leaves_inputs_unchanged,
    matches_oracle,
    runs_on_other_devices,
)
from grader.strategies import Numbers, Shape, numbers
from reference.dsm._vp_answers import ALTERNATIVES
from reference.dsm._vp_mistakes import SENTENCES
from reference.dsm.dsm_loss import SLOPES, dsm_loss

question = Question(
    id="dsm.4",
    functions=["eps_to_score", "score_to_eps", "tweedie_x0", "vp_perturb"],
    title="Noise predictions, scores, and clean data",
)


def beside(alpha_bar: Tensor, x: Tensor) -> Tensor:
    """One value for each example, shaped to broadcast against x."""
    return alpha_bar.reshape(*alpha_bar.shape, *[1] * (x.dim() - alpha_bar.dim()))


@question.oracle
def eps_to_score(eps_hat: Tensor, alpha_bar: Tensor) -> Tensor:
    """Shape of eps_hat, [*batch, *event]; alpha_bar is [*batch]."""
    return -eps_hat / (1 - beside(alpha_bar, eps_hat)).sqrt()


@question.oracle
def score_to_eps(score: Tensor, alpha_bar: Tensor) -> Tensor:
    """Shape of score, [*batch, *event]; alpha_bar is [*batch]."""
    return -score * (1 - beside(alpha_bar, score)).sqrt()


@question.oracle
def tweedie_x0(x_t: Tensor, score: Tensor, alpha_bar: Tensor) -> Tensor:
    """Shape of x_t, [*batch, *event]; alpha_bar is [*batch]."""
    abar = beside(alpha_bar, x_t)
    return (x_t + (1 - abar) * score) / abar.sqrt()


@question.oracle
def vp_perturb(x0: Tensor, alpha_bar: Tensor, eps: Tensor) -> Tensor:
    """Shape of x0, [*batch, *event]; alpha_bar is [*batch]."""
    abar = beside(alpha_bar, x0)
    return abar.sqrt() * x0 + (1 - abar).sqrt() * eps


VECTORS: tuple[Shape, ...] = ((2,), (5,), (1,))
IMAGES: tuple[Shape, ...] = ((2, 3, 4), (1, 2, 5))
Calls = dict[str, Arguments]
"""A call of each of the four functions, by name."""


def calls_with(x: Tensor, other: Tensor, alpha_bar: Tensor) -> Calls:
    """The four functions' calls with two tensors of one shape."""
    return {
        "eps_to_score": arguments(x, alpha_bar),
        "score_to_eps": arguments(x, alpha_bar),
        "tweedie_x0": arguments(x, other, alpha_bar),
        "vp_perturb": arguments(x, alpha_bar, other),
    }


@st.composite
def four_calls(
    draw: st.DrawFn,
    *,
    batches: Sequence[Shape] = ((1,), (3,)),
    events: Sequence[Shape] = VECTORS,
    levels: tuple[float, float] = (0.1, 0.4),
) -> Calls:
    """Calls on one or the other side of abar = 1/2, where the two square roots are the same."""
    batch, event, source = draw(st.sampled_from(batches)), draw(st.sampled_from(events)), draw(numbers())
    low, high = levels
    alpha_bar = low + (high - low) * source.uniform(batch, low=0.05, high=0.95)
    if levels == (0.1, 0.4) and draw(st.booleans()):
        alpha_bar = 1 - alpha_bar
    return calls_with(source.normal((*batch, *event)), source.normal((*batch, *event)), alpha_bar)


def calls_of(function: str, **choices: Any) -> SearchStrategy[Arguments]:
    """Calls of one function."""
    return four_calls(**choices).map(lambda calls: calls[function])


def of_all(make: Callable[..., Callable[..., None]], *, by_oracle: bool = False, **drawn: Any) -> Callable[..., None]:
    """A standard check of all four functions.

    Args:
        make: A factory of `grader.standard` whose `@given` names are those of `drawn`.
        by_oracle: Whether it is made with the function's oracle.
        drawn: Strategies of calls of all four.
    """
    nothing: SearchStrategy[Any] = st.nothing()
    bodies = {}
    for name, oracle in question.oracles.items():
        strategies = [nothing] * len(drawn)
        check: Any = make(oracle, *strategies) if by_oracle else make(*strategies)
        bodies[name] = check.hypothesis.inner_test

    @given(**drawn)
    def check_all(student: Student, **calls: Mapping[str, Arguments]) -> None:
        for name, body in bodies.items():
            body(student.about(name), **{part: each[name] for part, each in calls.items()})

    check_all.__doc__ = check.__doc__
    check_all.__name__ = check.__name__
    return check_all


def value_check(function: str, points: float, description: str) -> Callable[..., None]:
    """The check of one function's values."""
    check = about(function, matches_oracle(question.oracles[function], calls_of(function, batches=((1,), (3,)))))
    return question.check("value", points=points, description=description, examples=6)(check)


check_scores = value_check("eps_to_score", 1.25, "eps_to_score gives the score that a noise prediction stands for.")
check_noise = value_check("score_to_eps", 1, "score_to_eps gives the noise prediction that a score stands for.")
check_tweedie = value_check("tweedie_x0", 1.25, "tweedie_x0 gives the mean of clean data, from a score.")
check_perturbed = value_check("vp_perturb", 1, "vp_perturb mixes data and noise in the proportions of abar.")
ALL = (check_scores, check_noise, check_tweedie, check_perturbed)
for name, worth in zip(question.functions, (0.5, 0.25, 0.5, 0.25), strict=True):
    question.check(
        "value",
        points=worth,
        requires=ALL,
        name=f"values_of_{name}_for_images",
        description="Each image has its own alpha_bar, whatever the batch's and the image's dimensions are.",
    )(
        about(
            name,
            matches_oracle(
                question.oracles[name], calls_of(name, batches=((3,), (2, 3), (), (3, 2)), events=(*IMAGES, (5,)))
            ),
        )
    )
question.check("precision", points=0.75, requires=ALL)(of_all(keeps_precision, by_oracle=True, inputs=four_calls()))

for name in question.functions:
    question.check("gradient", points=0.75, description=f"{name} has the right gradient in every argument.")(
        about(name, gradients_match(question.oracles[name], calls_of(name), tolerance=SLOPES))
    )


@question.check("law", points=0.75)
@given(source=numbers(), event=st.sampled_from(VECTORS), levels=st.sampled_from(((0.1, 0.4), (0.6, 0.9))))
def check_tweedie_is_the_posterior_mean(
    student: Student, source: Numbers, event: Shape, levels: tuple[float, float]
) -> None:
    """For Gaussian data, where both the score and the posterior of x0 are known, tweedie_x0 is the posterior's mean."""
    mean, variance = source.normal(event), source.uniform(event, low=0.5, high=2.0)
    x_t, alpha_bar = source.normal((3, *event)), source.uniform((3,), low=levels[0], high=levels[1])
    abar = beside(alpha_bar, x_t)
    away, spread = x_t - abar.sqrt() * mean, abar * variance + 1 - abar
    got = student.tweedie_x0(x_t, -away / spread, alpha_bar)
    assert_value(got, mean + abar.sqrt() * variance / spread * away)


@question.check("law", points=0.5)
@given(source=numbers(), dim=st.sampled_from((1, 2, 5)), levels=st.sampled_from(((0.1, 0.4), (0.6, 0.9))))
def check_noise_prediction_is_score_matching(
    student: Student, source: Numbers, dim: int, levels: tuple[float, float]
) -> None:
    """||eps_hat - eps||^2 is 2 (1 - abar) times dsm_loss at that noise level, with the score of eps_hat."""
    eps_hat, eps, x0 = (source.normal((1, dim)) for _ in range(3))
    alpha_bar = source.uniform((1,), low=levels[0], high=levels[1])
    score = student.eps_to_score(eps_hat, alpha_bar)
    loss = dsm_loss(lambda x: score, alpha_bar.sqrt() * x0, (1 - alpha_bar).sqrt()[0], eps)
    assert_value(2 * (1 - alpha_bar[0]) * loss, (eps_hat - eps).square().sum())


@question.check("law", points=0.5)
@given(calls=four_calls(batches=((), (3,)), events=VECTORS), other=st.sampled_from((0.3, 0.85)))
def check_round_trips(student: Student, calls: Calls, other: float) -> None:
    """The score of a noise at one level is that of a rescaled noise at another; the true noise leads back to x0."""
    x0, alpha_bar, eps = calls["vp_perturb"].args
    score = student.eps_to_score(eps, alpha_bar)
    elsewhere = torch.full_like(alpha_bar, other)
    ratio = beside(((1 - elsewhere) / (1 - alpha_bar)).sqrt(), eps)
    assert_value(student.score_to_eps(score, elsewhere), ratio * eps, tolerance=SLOPES)
    clean = student.tweedie_x0(student.vp_perturb(x0, alpha_bar, eps), score, alpha_bar)
    assert_value(clean, x0, tolerance=SLOPES)


@question.check("law", points=0.25)
@given(source=numbers(), event=st.sampled_from(VECTORS))
def check_mixes_the_variances(student: Student, source: Numbers, event: Shape) -> None:
    """The variance of x_t is abar times the data's plus 1 - abar, and the same arguments give the same x_t."""
    x0, eps = torch.ones((4, *event), dtype=torch.float64), torch.ones((4, *event), dtype=torch.float64)
    std = source.uniform(event, low=1.2, high=2.0)
    x0[2:], eps[1::2] = -1, -1
    alpha_bar = source.uniform((), low=0.1, high=0.4)
    first, again = (student.vp_perturb(std * x0, alpha_bar.expand(4), eps) for _ in range(2))
    expect(
        (first == again) | first.isnan(),
        "the same arguments give two different results.",
        misconception="draws_noise_of_its_own",
    )
    assert_value(first.square().mean(0), alpha_bar * std.square() + 1 - alpha_bar)


def change_other_examples(inputs: Arguments, source: Numbers) -> Arguments:
    """Other values everywhere but in the first example; alpha_bar stays in (0, 1)."""

    def changed(part: Tensor) -> Tensor:
        fresh = source.uniform(tuple(part[1:].shape), low=0.1, high=0.9)
        return torch.cat((part[:1], fresh))

    return arguments(*map(changed, inputs.args))


def treats_examples_independently() -> Callable[..., None]:
    """The first example's result stays where the others change, for each function."""
    parts = {
        name: ignores_other_examples(calls_of(name, batches=((3,),)), change_other_examples)
        for name in question.functions
    }

    @given(calls=four_calls(batches=((3,),)), source=numbers())
    def check(student: Student, calls: Calls, source: Numbers) -> None:
        """Treats each example of a batch on its own."""
        for name, part in parts.items():
            handle: Any = part
            handle.hypothesis.inner_test(student.about(name), calls[name], source)

    return check


question.check("law", points=0.25, requires=(check_scores, check_tweedie), name="treats_examples_independently")(
    treats_examples_independently()
)

NEARLY_CLEAN, NEARLY_NOISE = (1 - 2e-7, 1 - 1e-7), (1e-5, 2e-5)
extreme = st.one_of(four_calls(levels=NEARLY_CLEAN), four_calls(levels=NEARLY_NOISE))
question.check(
    "stress",
    points=1,
    requires=ALL,
    name="extreme_noise_levels",
    description="Is right for an alpha_bar of 1 - 1e-7, nearly clean, and of 1e-5, nearly noise.",
)(of_all(matches_oracle, by_oracle=True, inputs=extreme))


def accurate_in_float32(oracle: Callable[..., Any], inputs: SearchStrategy[Arguments]) -> Callable[..., None]:
    """The standard check, for one dtype."""
    return accurate_in(torch.float32, oracle, inputs, tolerance=Tolerance(rtol=2e-5, atol=5e-6))


question.check("stress", points=0.5, requires=ALL, examples=4)(
    of_all(accurate_in_float32, by_oracle=True, inputs=st.one_of(four_calls(), four_calls(levels=NEARLY_CLEAN)))
)
question.check("robustness", points=0.25, requires=ALL)(of_all(leaves_inputs_unchanged, inputs=four_calls()))
question.check("robustness", points=0.25, requires=ALL)(
    of_all(accepts_any_strides, by_oracle=True, inputs=four_calls(batches=((3,),), events=((2,), (2, 3, 4))))
)


def accepts_no_examples(oracle: Callable[..., Any], inputs: SearchStrategy[Arguments]) -> Callable[..., None]:
    """The standard check, with the oracle first."""
    return accepts_empty_batches(inputs, oracle)


question.check("robustness", points=0.25, requires=ALL)(
    of_all(accepts_no_examples, by_oracle=True, inputs=four_calls(batches=((0,), (0, 3))))
)
question.check("behaviour", points=0.25, requires=ALL)(of_all(runs_on_other_devices, inputs=four_calls()))
question.check("behaviour", points=0.25, requires=ALL)(of_all(keeps_generators, inputs=four_calls()))
few, many = (four_calls(batches=((count,),), events=((5,),)) for count in (3, 300))
question.check("behaviour", points=0.25, requires=ALL)(of_all(does_constant_work, small=few, large=many))

for (mistake, function), sentence in SENTENCES.items():
    question.misconception(sentence, replaces=function)(mistake)
for alternative, function in ALTERNATIVES:
    question.alternative_of(function)(alternative)
