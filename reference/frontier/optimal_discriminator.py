"""fr.4: the best discriminator, and what the game is worth with it (Goodfellow et al. 2014, proposition 1, theorem 1).

D* = p / (p + q),  V(D) = E_p log D + E_q log(1 - D),  V(D*) = 2 JSD(p, q) - 2 log 2
"""

from __future__ import annotations

import math
from collections.abc import Callable

import hypothesis.strategies as st
import torch
from hypothesis import given
from torch import Tensor

from grader.compare import FORMULA, Tolerance, assert_value, expect
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
    asked,
    cotangents_like,
    does_constant_work,
    keeps_generators,
    keeps_precision,
    leaves_inputs_unchanged,
    matches_oracle,
    oracle_vjp,
    runs_on_other_devices,
)
from grader.strategies import BATCH_SHAPES, Numbers, Shape, numbers
from reference.frontier._discriminator_mistakes import DIVERGENCE, OPTIMUM, VALUE

question = Question(
    id="fr.4",
    functions=["optimal_discriminator", "gan_value", "jsd"],
    title="The best discriminator and the Jensen-Shannon divergence",
)


@question.oracle
def optimal_discriminator(p: Tensor, q: Tensor) -> Tensor:
    """All [*batch, outcomes]."""
    total = p + q
    possible = total > 0
    return torch.where(possible, p / torch.where(possible, total, torch.ones_like(total)), torch.full_like(total, 0.5))


@question.oracle
def gan_value(p: Tensor, q: Tensor, d: Tensor) -> Tensor:
    """p, q and d are [*batch, outcomes], the result [*batch]."""
    terms: Tensor = torch.special.xlogy(p, d) + torch.special.xlog1py(q, -d)
    return terms.sum(-1)


@question.oracle
def jsd(p: Tensor, q: Tensor) -> Tensor:
    """[*batch], in nats."""
    m = 0.5 * (p + q)
    # p log p - p log m keeps its digits here: both logarithms are of numbers far from 1.
    return 0.5 * (_relative_entropy(p, m) + _relative_entropy(q, m))


def _relative_entropy(p: Tensor, m: Tensor) -> Tensor:
    possible = p > 0
    ratio = torch.where(possible, p, torch.ones_like(p)) / torch.where(possible, m, torch.ones_like(m))
    return (p * ratio.log()).sum(-1)


SIZES = (2, 3, 5, 7)


@st.composite
def laws(
    draw: st.DrawFn,
    *,
    batch_shapes: tuple[Shape, ...] = BATCH_SHAPES,
    sizes: tuple[int, ...] = SIZES,
    zeros: bool = False,
    with_d: bool = False,
) -> Arguments:
    """Arguments (p, q), or (p, q, d); with zeros, some outcomes are impossible under p, under q, or under both."""
    source, size = draw(numbers()), draw(st.sampled_from(sizes))
    shape = (*draw(st.sampled_from(batch_shapes)), size)
    p, q = source.simplex(shape), source.simplex(shape)
    if zeros:
        order = source.permutation(size)
        p[..., order[:2]] = 0.0
        q[..., order[1:3]] = 0.0
        p, q = (law / law.sum(-1, keepdim=True) for law in (p, q))
    d = (source.uniform(shape, low=0.05, high=0.95),) if with_d else ()
    return arguments(p, q, *d)


CASES: dict[str, tuple[Callable[..., Tensor], bool, float, float]] = {
    "optimal_discriminator": (optimal_discriminator, False, 1.0, 0.5),
    "gan_value": (gan_value, True, 1.25, 0.5),
    "jsd": (jsd, False, 1.75, 0.75),
}
"""By function: its oracle, whether it takes d, and what its values and its gradients are worth."""

values = {
    function: question.check(
        "value", points=points, name=f"values_of_{function}", description=f"{function} returns the right values."
    )(about(function, matches_oracle(oracle, laws(with_d=with_d))))
    for function, (oracle, with_d, points, _) in CASES.items()
}
every_value = tuple(values.values())

for function in ("gan_value", "jsd"):
    question.check(
        "precision",
        points=0.25,
        requires=values[function],
        description=f"{function} keeps the accuracy of float64.",
    )(about(function, keeps_precision(CASES[function][0], laws(with_d=CASES[function][1]))))


def along_the_simplex(inputs: Arguments, gradients: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Gradients in the logits of p and of q, which leave the simplex in no direction; that in d as it is."""
    through = [
        law * (slope - (law * slope).sum(-1, keepdim=True))
        for law, slope in zip(inputs.args, gradients[:2], strict=False)
    ]
    return (*through, *gradients[2:])


def slopes_match(oracle: Callable[..., Tensor], with_d: bool) -> Callable[..., None]:
    """Gradients along the simplex, inside of it."""

    @given(inputs=laws(with_d=with_d), source=numbers())
    def check(student: Student, inputs: Arguments, source: Numbers) -> None:
        weights = cotangents_like(answer(oracle, inputs), source)
        got = tuple(asked(student, inputs).vjp(inputs.args, weights))
        right = oracle_vjp(oracle, inputs, weights)
        assert_value(along_the_simplex(inputs, got), along_the_simplex(inputs, right))

    return check


for function, (oracle, with_d, _, points) in CASES.items():
    question.check(
        "gradient",
        points=points,
        name=f"gradients_of_{function}",
        description=f"{function} has the right gradients along the simplex.",
    )(about(function, slopes_match(oracle, with_d)))


@question.check("law", points=0.25)
@given(inputs=laws(with_d=True))
def check_optimum_is_the_best(student: Student, inputs: Arguments) -> None:
    """No other d has a value as high as the optimal discriminator has."""
    p, q, d = inputs.args
    best = student.gan_value(p, q, student.optimal_discriminator(p, q))
    expect(student.gan_value(p, q, d) < best, "another discriminator has a higher value.")


@question.check("law", points=0.25)
@given(inputs=laws())
def check_value_of_the_optimum(student: Student, inputs: Arguments) -> None:
    """The value of the optimal discriminator is 2 JSD - 2 log 2."""
    best = student.gan_value(*inputs.args, student.optimal_discriminator(*inputs.args))
    assert_value(best, 2 * student.jsd(*inputs.args) - 2 * math.log(2))


@question.check("law", points=0.25)
@given(inputs=laws())
def check_jsd_is_symmetric(student: Student, inputs: Arguments) -> None:
    """The divergence is positive, and the same if p and q are swapped."""
    p, q = inputs.args
    there = student.jsd(p, q)
    apart = 0.5 * (p - q).abs().sum(-1)
    # Pinsker's inequality, and Lin 1991, theorem 3: with the total variation t, t^2 / 2 <= JSD <= t log 2.
    expect(there > apart.square() / 2 - 1e-9, "the divergence is too small for such different laws.")
    expect(there < apart * math.log(2) + 1e-9, "the divergence is too large for such similar laws.")
    assert_value(student.jsd(q, p), there)


@question.check("law", points=0.25)
@given(inputs=laws(batch_shapes=((3,), (2, 3))), size=st.sampled_from((1, 4)))
def check_extremes_of_jsd(student: Student, inputs: Arguments, size: int) -> None:
    """It is 0 for equal laws and log 2 for laws without a common outcome; whatever is between is between."""
    p, q = inputs.args
    none, apart = torch.zeros_like(p), torch.full(p.shape[:-1], math.log(2), dtype=torch.float64)
    assert_value(student.jsd(p, p), torch.zeros_like(apart))
    assert_value(student.jsd(torch.cat((p, none), -1), torch.cat((none, q), -1)), apart)
    # With a share w of outcomes in common, and alike there, it is (1 - w) log 2.
    w = size / 5
    mine = torch.cat((w * p, (1 - w) * q, none), -1)
    assert_value(student.jsd(mine, torch.cat((w * p, none, (1 - w) * q), -1)), (1 - w) * apart)


@question.check("law", points=0.25)
@given(inputs=laws())
def check_optimum_is_even_for_equal_laws(student: Student, inputs: Arguments) -> None:
    """D* is 1/2 where p = q, above where p > q and below where p < q, and D*(p, q) + D*(q, p) = 1."""
    p, q = inputs.args
    there = student.optimal_discriminator(p, q)
    assert_value(student.optimal_discriminator(p, p), torch.full_like(p, 0.5))
    assert_value(there + student.optimal_discriminator(q, p), torch.ones_like(p))
    expect((there > 0.5) == (p > q), "the optimal discriminator is on the wrong side of 1/2.")


@question.check("law", points=0.25)
@given(inputs=laws(batch_shapes=((2,), (3,))), source=numbers())
def check_treats_examples_independently(student: Student, inputs: Arguments, source: Numbers) -> None:
    """The divergence of one pair of laws does not depend on the other pairs of a batch, and theirs does."""
    changed = inputs.map(lambda law: torch.cat((law[:1], source.simplex(tuple(law[1:].shape)))))
    before, after = student.jsd(*inputs.args), student.jsd(*changed.args)
    expect((after[1:] - before[1:]).abs() > 1e-7, "other laws have the same divergence.")
    assert_value(after[0], before[0])


@question.check("stress", points=0.5)
@given(inputs=laws(zeros=True, sizes=(4, 5, 7)))
def check_impossible_outcomes(student: Student, inputs: Arguments) -> None:
    """Outcomes of probability 0 are right: D* is 0, 1 or 1/2 there, and 0 log 0 is 0."""
    best = answer(optimal_discriminator, inputs)
    assert_value(student.optimal_discriminator(*inputs.args), best)
    assert_value(student.gan_value(*inputs.args, best), answer(gan_value, arguments(*inputs.args, best)))
    assert_value(student.jsd(*inputs.args), answer(jsd, inputs))
    # What p can draw and D excludes costs everything, and so does what only q draws and D takes for surely real.
    for sure in (0.0, 1.0):
        wrong = torch.where(best == 1 - sure, sure, best)
        expect(
            student.gan_value(*inputs.args, wrong) == -math.inf,
            "a discriminator that is surely wrong has a finite value.",
        )


question.check("stress", points=0.25, requires=every_value)(
    about("jsd", accurate_in(torch.float32, jsd, laws(), tolerance=Tolerance(rtol=2e-5, atol=2e-6)))
)

question.check("robustness", points=0.25, requires=every_value)(about("jsd", leaves_inputs_unchanged(laws())))
question.check("robustness", points=0.25, requires=every_value)(
    about("jsd", accepts_any_strides(jsd, laws(batch_shapes=((3,), (2, 3))), tolerance=FORMULA))
)
question.check("robustness", points=0.25, requires=every_value)(
    about("jsd", accepts_empty_batches(laws(batch_shapes=((0,), (0, 3))), jsd))
)
question.check("behaviour", points=0.25, requires=every_value)(runs_on_other_devices(laws(zeros=True, sizes=(5,))))
question.check("behaviour", points=0.25, requires=every_value)(keeps_generators(laws()))
question.check("behaviour", points=0.25, requires=every_value)(
    about("jsd", does_constant_work(*(laws(batch_shapes=((size,),), sizes=(5,)) for size in (3, 300))))
)

for mistakes, replaced in ((OPTIMUM, "optimal_discriminator"), (VALUE, "gan_value"), (DIVERGENCE, "jsd")):
    for mistake, sentence in mistakes.items():
        question.misconception(sentence, replaces=replaced)(mistake)


@question.alternative
def replaces_nan(p: Tensor, q: Tensor) -> Tensor:
    return torch.nan_to_num(p / (p + q), nan=0.5)


@question.alternative
def takes_one_minus_the_other_share(p: Tensor, q: Tensor) -> Tensor:
    impossible = (p == 0) & (q == 0)
    share = torch.div(q, (p + q).masked_fill(impossible, 1.0))
    return (1 - share).masked_fill(impossible, 0.5)


@question.alternative
def adds_where_nothing_is(p: Tensor, q: Tensor) -> Tensor:
    nothing = ((p + q) == 0).to(p.dtype)
    return (p + nothing) / (p + q + 2 * nothing)


@question.alternative_of("gan_value")
def masks_the_terms(p: Tensor, q: Tensor, d: Tensor) -> Tensor:
    real = torch.where(p > 0, p * torch.log(torch.where(p > 0, d, torch.ones_like(d))), torch.zeros_like(p))
    fake = torch.where(q > 0, q * torch.log(torch.where(q > 0, 1 - d, torch.ones_like(d))), torch.zeros_like(q))
    return torch.sum(real, dim=-1) + torch.sum(fake, dim=-1)


@question.alternative_of("gan_value")
def multiplies_and_sums(p: Tensor, q: Tensor, d: Tensor) -> Tensor:
    log_d = torch.log(d).masked_fill(p == 0, 0.0)
    log_rest = torch.log1p(-d).masked_fill(q == 0, 0.0)
    return torch.einsum("...v,...v->...", p, log_d) + torch.einsum("...v,...v->...", q, log_rest)


@question.alternative_of("jsd")
def subtracts_entropies(p: Tensor, q: Tensor) -> Tensor:
    def entropy(law: Tensor) -> Tensor:
        return -torch.xlogy(law, law).sum(dim=-1)

    return entropy((p + q) / 2) - (entropy(p) + entropy(q)) / 2


@question.alternative_of("jsd")
def asks_the_optimal_discriminator(p: Tensor, q: Tensor) -> Tensor:
    return 0.5 * gan_value(p, q, optimal_discriminator(p, q)) + torch.log(torch.full_like(p[..., 0], 2.0))


@question.alternative_of("jsd")
def uses_the_library(p: Tensor, q: Tensor) -> Tensor:
    log_m = torch.log((p + q) / 2)
    zero = (p + q) == 0
    log_m = torch.where(zero, torch.zeros_like(log_m), log_m)
    kl_div = torch.nn.functional.kl_div
    return 0.5 * (kl_div(log_m, p, reduction="none") + kl_div(log_m, q, reduction="none")).sum(-1)
