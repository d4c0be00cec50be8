"""mle.4: expected negative log-likelihood as entropy plus KL divergence (Cover & Thomas 2006, theorem 5.4.3).

-sum_v p_v log q_v = -sum_v p_v log p_v + sum_v p_v log(p_v / q_v),  q = softmax(logits),  0 log 0 = 0
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import hypothesis.strategies as st
import torch
from hypothesis import given
from torch import Tensor

from grader.compare import FORMULA, ROUNDED, Tolerance, assert_value, expect
from grader.question import Question
from grader.remote import Student
from grader.standard import (
    Arguments,
    accepts_any_strides,
    accepts_empty_batches,
    accurate_in,
    arguments,
    cotangents_like,
    does_constant_work,
    ignores_other_examples,
    keeps_generators,
    keeps_precision,
    leaves_inputs_unchanged,
    oracle_vjp,
    runs_on_other_devices,
)
from grader.strategies import BATCH_SHAPES, Numbers, Shape, numbers
from reference.mle._batches import ONE_BATCH_DIMENSION, ONE_EXAMPLE, SEVERAL_EXAMPLES, THREE_EXAMPLES
from reference.mle.categorical_nll import categorical_nll

question = Question(
    id="mle.4",
    functions=["nll_kl_decomposition"],
    title="Cross-entropy as entropy plus KL divergence",
)


DIFFERENCE = Tolerance(rtol=1e-6, atol=1e-6)
"""For KL and gradients, differences of terms around 1: a relative error of 1e-6 in the terms stays one of 1e-6 in them,
however small the difference. Otherwise it is luck which of them a float32 intermediate breaks."""


@question.oracle
def nll_kl_decomposition(p: Tensor, logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(cross-entropy, entropy, KL) in nats, each [*batch]; p and logits are [*batch, classes]."""
    log_q = logits.log_softmax(-1)
    surprise = p * log_q
    # xlogy is 0 at p = 0, where p * log(p) is nan.
    information = torch.xlogy(p, p)
    return -surprise.sum(-1), -information.sum(-1), (information - surprise).sum(-1)


def draw_pair(source: Numbers, shape: Shape) -> Arguments:
    """Arguments (p, logits) with p inside the simplex."""
    return arguments(source.simplex(shape), source.normal(shape, scale=1.5))


def draw_counts(source: Numbers, batch: Shape, classes: int, draws: int) -> tuple[Tensor, Tensor]:
    """Class indices [*batch, draws], never of the first class, and their frequencies [*batch, classes]."""
    targets = source.integers((*batch, draws), low=1, high=classes)
    hits = targets.unsqueeze(-1) == torch.arange(classes)
    return targets, hits.double().mean(-2)


@st.composite
def pairs(
    draw: st.DrawFn, *, batch_shapes: Sequence[Shape] = BATCH_SHAPES, classes: Sequence[int] = (2, 5, 7)
) -> Arguments:
    """Arguments (p, logits) with p inside the simplex."""
    shape = (*draw(st.sampled_from(batch_shapes)), draw(st.sampled_from(classes)))
    return draw_pair(draw(numbers()), shape)


@st.composite
def frequencies(draw: st.DrawFn, *, batch_shapes: Sequence[Shape] = BATCH_SHAPES) -> Arguments:
    """Arguments (p, logits) with zeros in p: p holds the frequencies of three draws from five or seven classes."""
    batch, classes, source = draw(st.sampled_from(batch_shapes)), draw(st.sampled_from((5, 7))), draw(numbers())
    _, p = draw_counts(source, batch, classes, 3)
    return arguments(p, source.normal((*batch, classes), scale=1.5))


@question.check("value", points=2)
@given(inputs=pairs(batch_shapes=ONE_EXAMPLE))
def check_cross_entropy(student: Student, inputs: Arguments) -> None:
    """The first result is the expected negative log-likelihood under p."""
    assert_value(student.nll_kl_decomposition(*inputs.args)[0], nll_kl_decomposition(*inputs.args)[0])


@question.check("value", points=1.5)
@given(inputs=pairs(batch_shapes=ONE_EXAMPLE))
def check_entropy(student: Student, inputs: Arguments) -> None:
    """The second result is the entropy of p."""
    assert_value(student.nll_kl_decomposition(*inputs.args)[1], nll_kl_decomposition(*inputs.args)[1])


@question.check("value", points=2)
@given(inputs=pairs(batch_shapes=ONE_EXAMPLE))
def check_kl(student: Student, inputs: Arguments) -> None:
    """The third result is KL(p || q)."""
    got = student.nll_kl_decomposition(*inputs.args)[2]
    assert_value(got, nll_kl_decomposition(*inputs.args)[2], tolerance=DIFFERENCE)


VALUES = (check_cross_entropy, check_entropy, check_kl)


@question.check("value", points=1.5, requires=VALUES)
@given(inputs=frequencies(batch_shapes=ONE_EXAMPLE))
def check_impossible_classes(student: Student, inputs: Arguments) -> None:
    """A class of probability zero adds nothing: 0 log 0 is 0."""
    got = student.nll_kl_decomposition(*inputs.args)
    assert_value(got, nll_kl_decomposition(*inputs.args), tolerance=DIFFERENCE)


@question.check("value", points=1, requires=VALUES, name="values_for_a_batch")
@given(inputs=pairs(batch_shapes=SEVERAL_EXAMPLES))
def check_batch(student: Student, inputs: Arguments) -> None:
    """Gives three values per example, for any number of batch dimensions."""
    got = student.nll_kl_decomposition(*inputs.args)
    assert_value(got, nll_kl_decomposition(*inputs.args), tolerance=DIFFERENCE)


question.check("precision", points=1, requires=VALUES)(
    keeps_precision(nll_kl_decomposition, pairs(batch_shapes=ONE_EXAMPLE))
)


@question.check("gradient", points=2.25)
@given(inputs=pairs(), source=numbers())
def check_gradients_in_logits(student: Student, inputs: Arguments, source: Numbers) -> None:
    """Cross-entropy and KL have the same gradient in the logits, q - p; entropy has none."""
    weights = cotangents_like(nll_kl_decomposition(*inputs.args), source)
    got = student.nll_kl_decomposition.vjp(inputs.args, weights)[1]
    assert_value(got, oracle_vjp(nll_kl_decomposition, inputs, weights)[1], tolerance=DIFFERENCE)


def along_the_simplex(gradient: Tensor, p: Tensor) -> Tensor:
    """The gradient in a of a function of p = softmax(a): what of the gradient in p is defined on the simplex."""
    return p * (gradient - (p * gradient).sum(-1, keepdim=True))


@question.check("gradient", points=1.75)
@given(inputs=pairs(), source=numbers())
def check_gradients_in_p(student: Student, inputs: Arguments, source: Numbers) -> None:
    """Has the right gradient in p, for changes of p that keep its sum at one."""
    p = inputs.args[0]
    weights = cotangents_like(nll_kl_decomposition(*inputs.args), source)
    got = student.nll_kl_decomposition.vjp(inputs.args, weights)[0]
    right = oracle_vjp(nll_kl_decomposition, inputs, weights)[0]
    assert_value(along_the_simplex(got, p), along_the_simplex(right, p), tolerance=DIFFERENCE)


@question.check("law", points=0.5)
@given(inputs=pairs())
def check_adds_up(student: Student, inputs: Arguments) -> None:
    """Cross-entropy is entropy plus KL, whatever the model."""
    p, logits = inputs.args
    first = student.nll_kl_decomposition(p, logits)
    # Relative, because three sums are rounded: 1e-12 of numbers that may be hundreds.
    error = (first[0] - first[1] - first[2]).abs()
    expect(error <= 1e-12 * (first[0].abs() + first[1].abs() + first[2].abs()), "the three numbers do not add up.")
    second = student.nll_kl_decomposition(p, logits.flip(-1) + p)
    expect((first[0] - second[0]).abs() > 1e-9, "the cross-entropy is the same for two different models.")


@question.check("law", points=0.5)
@given(inputs=pairs())
def check_kl_is_zero_for_the_right_model_alone(student: Student, inputs: Arguments) -> None:
    """KL is positive, and zero where the model's probabilities are p."""
    p, _ = inputs.args
    _, _, exact = student.nll_kl_decomposition(p, p.log() + 3.0)
    assert_value(exact, torch.zeros_like(exact))
    _, _, wrong = student.nll_kl_decomposition(p, 0.5 * p.log())
    _, _, worse = student.nll_kl_decomposition(p, -p.log())
    away = (p.amax(-1) - p.amin(-1)) > 1e-2
    expect((wrong > 0) | ~away, "KL is not positive for a model that is wrong.")
    expect((worse > wrong) | ~away, "KL is not larger for a model that is more wrong.")


@question.check("law", points=0.5)
@given(inputs=pairs(), source=numbers())
def check_entropy_belongs_to_the_data(student: Student, inputs: Arguments, source: Numbers) -> None:
    """The entropy is the same for every model, and larger where p is spread more evenly."""
    p, logits = inputs.args
    _, entropy, _ = student.nll_kl_decomposition(p, logits)
    _, with_other_model, _ = student.nll_kl_decomposition(p, source.normal(tuple(p.shape), scale=3.0))
    assert_value(with_other_model, entropy)
    even = 0.5 * p + 0.5 / p.shape[-1]
    away = (p.amax(-1) - p.amin(-1)) > 1e-2
    expect((student.nll_kl_decomposition(even, logits)[1] > entropy) | ~away, "a more even p has no larger entropy.")


@question.check("law", points=0.5)
@given(source=numbers(), classes=st.sampled_from((5, 7)), batch=st.sampled_from(((), (3,))))
def check_is_the_average_loss_of_a_sample(student: Student, source: Numbers, classes: int, batch: Shape) -> None:
    """With p the frequencies of a sample, the cross-entropy is the sample's average negative log-likelihood."""
    targets, p = draw_counts(source, batch, classes, 11)
    logits = source.normal((*batch, classes), scale=1.5)
    losses = categorical_nll(logits.unsqueeze(-2).expand(*batch, 11, classes), targets)
    assert_value(student.nll_kl_decomposition(p, logits)[0], losses.mean(-1))


@question.check("law", points=0.5)
@given(inputs=pairs(classes=(3, 5, 7)))
def check_kl_falls_when_classes_merge(student: Student, inputs: Arguments) -> None:
    """Telling two classes apart no longer can only lower KL."""
    p, logits = inputs.args
    q = logits.softmax(-1)
    merged = [torch.cat((each[..., :-2], each[..., -2:].sum(-1, keepdim=True)), dim=-1) for each in (p, q)]
    _, _, kl = student.nll_kl_decomposition(p, logits)
    _, _, coarse = student.nll_kl_decomposition(merged[0], merged[1].log())
    lost = (p[..., -2] / p[..., -1]).log() - (logits[..., -2] - logits[..., -1])
    expect((coarse < kl) | (lost.abs() < 1e-2), "KL does not fall when two classes are merged.")


def change_all_but_first(inputs: Arguments, source: Numbers) -> Arguments:
    """Another p and other logits for every example but the first."""
    others = draw_pair(source, tuple(inputs.args[0].shape)).args
    return arguments(*(torch.cat((kept[:1], new[1:])) for kept, new in zip(inputs.args, others, strict=True)))


question.check("law", points=0.5, requires=VALUES)(
    ignores_other_examples(pairs(batch_shapes=ONE_BATCH_DIMENSION), change_all_but_first)
)


# At one-hot p a harmless log(p + 1e-12) is off by 1e-12, which float64's own tolerance would not forgive.
STRESS = {torch.float64: FORMULA, torch.float32: ROUNDED[torch.float32]}


@question.check("stress", points=1, requires=VALUES)
@given(place=st.sampled_from((0, 1, 2)), dtype=st.sampled_from((torch.float64, torch.float32)))
def check_survives_one_hot_data_and_large_logits(student: Student, place: int, dtype: torch.dtype) -> None:
    """Stays exact for one-hot p and logits from -1000 to 1000."""
    p = torch.eye(3, dtype=dtype)[[place, place]]
    logits = torch.tensor([[1000.0, -1000.0, -999.0], [0.3, 1.1, -0.7]], dtype=dtype)
    got = student.nll_kl_decomposition(p, logits)
    exact = nll_kl_decomposition(p.double(), logits.double())
    assert_value(tuple(part.double() for part in got), exact, tolerance=STRESS[dtype])


@question.check("stress", points=0.5)
@given(inputs=frequencies(), source=numbers())
def check_gradients_with_impossible_classes(student: Student, inputs: Arguments, source: Numbers) -> None:
    """The gradient in the logits is right where p has zeros."""
    weights = cotangents_like(nll_kl_decomposition(*inputs.args), source)
    got = student.nll_kl_decomposition.vjp(inputs.args, weights)[1]
    assert_value(got, oracle_vjp(nll_kl_decomposition, inputs, weights)[1])


question.check("stress", points=0.5)(accurate_in(torch.float32, nll_kl_decomposition, pairs()))

question.check("robustness", points=0.25, requires=VALUES)(leaves_inputs_unchanged(pairs(batch_shapes=THREE_EXAMPLES)))
question.check("robustness", points=0.5, requires=VALUES)(
    accepts_any_strides(nll_kl_decomposition, pairs(batch_shapes=THREE_EXAMPLES))
)
question.check("robustness", points=0.25, requires=VALUES)(
    accepts_empty_batches(pairs(batch_shapes=((0,), (0, 3))), nll_kl_decomposition)
)
question.check("behaviour", points=0.5, requires=VALUES)(runs_on_other_devices(pairs(batch_shapes=THREE_EXAMPLES)))
question.check("behaviour", points=0.25, requires=VALUES)(keeps_generators(pairs(batch_shapes=THREE_EXAMPLES)))
question.check("behaviour", points=0.25, requires=VALUES)(
    does_constant_work(pairs(batch_shapes=((3,),), classes=(5,)), pairs(batch_shapes=((300,),), classes=(5,)))
)

ZERO_LOG_ZERO = "A class that never occurs costs nothing. What does your code make of 0 times log 0?"
BIAS = "Give p one-hot: the entropy is 0 exactly. Where do your last digits come from?"


@question.misconception("With p one-hot and q uniform your KL is infinite; which argument is the expectation under?")
def reverses_the_divergence(p: Tensor, logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    log_q = logits.log_softmax(-1)
    kl = (log_q.exp() * (log_q - p.log())).sum(-1)
    return -(p * log_q).sum(-1), -torch.xlogy(p, p).sum(-1), kl


@question.misconception(ZERO_LOG_ZERO)
def multiplies_zero_by_log_zero(p: Tensor, logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    log_q = logits.log_softmax(-1)
    return -(p * log_q).sum(-1), -(p * p.log()).sum(-1), (p * (p.log() - log_q)).sum(-1)


@question.misconception("Change the logits and keep p: how much should the entropy of the data change?")
def takes_the_entropy_of_the_model(p: Tensor, logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    log_q = logits.log_softmax(-1)
    cross_entropy, entropy = -(p * log_q).sum(-1), -(log_q.exp() * log_q).sum(-1)
    return cross_entropy, entropy, cross_entropy - entropy


@question.misconception(BIAS)
def clamps_the_data_probabilities(p: Tensor, logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    p = p.clamp(min=1e-8)
    log_q = logits.log_softmax(-1)
    return -(p * log_q).sum(-1), -(p * p.log()).sum(-1), (p * (p.log() - log_q)).sum(-1)


@question.misconception(BIAS)
def adds_a_small_constant_to_the_data_probabilities(p: Tensor, logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    log_q, log_p = logits.log_softmax(-1), (p + 1e-8).log()
    return -(p * log_q).sum(-1), -(p * log_p).sum(-1), (p * (log_p - log_q)).sum(-1)


@question.misconception(
    "The model gives a class that occurs a probability of exp(-1000). What does your clamp make of its loss?"
)
def clamps_the_model_probabilities(p: Tensor, logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    log_q = logits.softmax(-1).clamp(min=1e-8).log()
    information = torch.xlogy(p, p)
    return -(p * log_q).sum(-1), -information.sum(-1), (information - p * log_q).sum(-1)


@question.misconception("Logits of +-1000 give inf or nan; can the log and the exp of your softmax cancel first?")
def takes_the_log_of_a_softmax(p: Tensor, logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    log_q = logits.softmax(-1).log()
    information = torch.xlogy(p, p)
    return -(p * log_q).sum(-1), -information.sum(-1), (information - p * log_q).sum(-1)


@question.misconception("A fair coin has an entropy of 0.693 nats. Which unit has yours?")
def measures_in_bits(p: Tensor, logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    log_q = logits.log_softmax(-1) / math.log(2)
    information = torch.xlogy(p, p) / math.log(2)
    return -(p * log_q).sum(-1), -information.sum(-1), (information - p * log_q).sum(-1)


@question.misconception("Add a class that has probability 0 under data and model: should any of the three change?")
def averages_over_classes(p: Tensor, logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    log_q = logits.log_softmax(-1)
    information = torch.xlogy(p, p)
    return -(p * log_q).mean(-1), -information.mean(-1), (information - p * log_q).mean(-1)


@question.misconception(
    "Which of your three results does not change when the logits do, and where does the stub want it?"
)
def returns_another_order(p: Tensor, logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    log_q = logits.log_softmax(-1)
    information = torch.xlogy(p, p)
    return -(p * log_q).sum(-1), (information - p * log_q).sum(-1), -information.sum(-1)


@question.misconception("Can the entropy of a fair coin be negative?")
def forgets_the_minus_of_the_entropy(p: Tensor, logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    log_q = logits.log_softmax(-1)
    cross_entropy, entropy = -(p * log_q).sum(-1), torch.xlogy(p, p).sum(-1)
    return cross_entropy, entropy, cross_entropy - entropy


@question.misconception("Do the model's probabilities sum to one over the classes, or over the batch?")
def normalises_the_model_over_the_batch(p: Tensor, logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    log_q = logits.log_softmax(0 if len(logits) > 1 and logits.dim() > 1 else -1)
    information = torch.xlogy(p, p)
    return -(p * log_q).sum(-1), -information.sum(-1), (information - p * log_q).sum(-1)


@question.misconception("The entropy of the data does not depend on the logits; does it depend on p?")
def treats_the_entropy_as_a_constant(p: Tensor, logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    log_q = logits.log_softmax(-1)
    cross_entropy, entropy = -(p * log_q).sum(-1), -torch.xlogy(p, p).sum(-1).detach()
    return cross_entropy, entropy, cross_entropy - entropy


@question.misconception("Nudge one logit: the cross-entropy changes. Does your KL know?")
def cuts_the_model_out_of_the_divergence(p: Tensor, logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    log_q = logits.log_softmax(-1)
    information = torch.xlogy(p, p)
    return -(p * log_q).sum(-1), -information.sum(-1), (information - p * log_q.detach()).sum(-1)


@question.alternative
def subtracts_the_entropy(p: Tensor, logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    largest = logits.amax(dim=-1, keepdim=True)
    log_normaliser = largest + (logits - largest).exp().sum(dim=-1, keepdim=True).log()
    cross_entropy = torch.einsum("...v,...v->...", p, log_normaliser - logits)
    entropy = torch.special.entr(p).sum(dim=-1)
    return cross_entropy, entropy, cross_entropy - entropy


@question.alternative
def replaces_the_zeros_before_the_log(p: Tensor, logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    occurs = p > 0
    log_p = torch.where(occurs, p, torch.ones_like(p)).log()
    log_q = logits - torch.logsumexp(logits, dim=-1, keepdim=True)
    entropy = -(p * log_p).sum(-1)
    kl = torch.where(occurs, p * (log_p - log_q), torch.zeros_like(p)).sum(-1)
    return entropy + kl, entropy, kl


@question.alternative
def clamps_only_inside_the_log(p: Tensor, logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    log_p = p.clamp(min=torch.finfo(p.dtype).tiny).log()
    log_q = torch.nn.functional.log_softmax(logits, dim=-1)
    return -(p * log_q).sum(-1), -(p * log_p).sum(-1), (p * (log_p - log_q)).sum(-1)


@question.alternative
def asks_the_library_for_the_divergence(p: Tensor, logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    log_q = torch.log_softmax(logits, dim=-1)
    kl = torch.nn.functional.kl_div(log_q, p, reduction="none").sum(-1)
    entropy = -torch.where(p == 0, p, torch.xlogy(p, p)).sum(-1)
    return torch.linalg.vecdot(p, -log_q), entropy, kl
