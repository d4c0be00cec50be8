"""elbo.1: bound, evidence and gap where z has K states, so that all three are sums (Bishop 2006, eqs. 9.70 to 9.72).

ELBO = sum_k q_k (log p(x, k) - log q_k),  log p(x) = log sum_k p(x, k),  log p(x) - ELBO = KL(q || p(z | x))
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import hypothesis.strategies as st
import torch
from hypothesis import given
from torch import Tensor

from grader.compare import Tolerance, assert_value, expect
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
    runs_on_other_devices,
)
from grader.strategies import BATCH_SHAPES, Numbers, Shape, numbers
from reference.elbo import _discrete_mistakes
from reference.elbo._parts import (
    CANCELLING,
    NO_EXAMPLE,
    ONE_BATCH_DIMENSION,
    ONE_EXAMPLE,
    SEVERAL_EXAMPLES,
    THREE_EXAMPLES,
    part_gradients_match,
    part_matches,
)

question = Question(id="elbo.1", functions=["discrete_elbo"], title="Bound, evidence and gap for a discrete latent")

Triple = tuple[Tensor, Tensor, Tensor]


@question.oracle
def discrete_elbo(log_joint: Tensor, log_q: Tensor) -> Triple:
    """(elbo, log_px, gap), each [*batch]; the inputs are [*batch, states]."""
    log_px = torch.logsumexp(log_joint, dim=-1)
    log_ratio = (log_joint - log_q).masked_fill(log_q == -math.inf, 0.0)
    elbo = (log_q.exp() * log_ratio).sum(-1)
    return elbo, log_px, log_px - elbo


def draw_model(source: Numbers, batch: Shape, states: int) -> Arguments:
    """Arguments (log_joint, log_q), all finite; where there is more than one state, q is not near the posterior."""
    while True:
        log_joint = source.normal((*batch, states), loc=-0.7)
        log_q = torch.log_softmax(source.normal((*batch, states)), dim=-1)
        # Rounded draws of two states often agree.
        if states == 1 or ((log_q - torch.log_softmax(log_joint, dim=-1)).abs().amax(-1) > 0.1).all():
            return arguments(log_joint, log_q)


@st.composite
def models(
    draw: st.DrawFn, *, batch_shapes: Sequence[Shape] = BATCH_SHAPES, states: Sequence[int] = (2, 5, 7)
) -> Arguments:
    """Arguments (log_joint, log_q)."""
    batch, count = draw(st.sampled_from(batch_shapes)), draw(st.sampled_from(states))
    return draw_model(draw(numbers()), batch, count)


single = models(batch_shapes=ONE_EXAMPLE, states=(1, 2, 5, 7))

check_elbo = question.check("value", points=2.5, name="elbo", description="The ELBO is E_q[log p(x, z) - log q(z)].")(
    part_matches(discrete_elbo, single, 0)
)
check_evidence = question.check(
    "value", points=1, name="log_evidence", description="log p(x) is the logarithm of the joint summed over all states."
)(part_matches(discrete_elbo, single, 1))
check_gap = question.check(
    "value", points=1.75, name="gap", description="The gap is the KL divergence from q to the posterior."
)(part_matches(discrete_elbo, single, 2, tolerance=CANCELLING))
ALL_VALUES = (check_elbo, check_evidence, check_gap)

question.check(
    "value",
    points=0.75,
    requires=ALL_VALUES,
    name="values_for_a_batch",
    description="Gives three values per example, with the states in the last dimension of any batch.",
)(matches_oracle(discrete_elbo, models(batch_shapes=SEVERAL_EXAMPLES), tolerance=CANCELLING))

question.check("precision", points=0.75, requires=ALL_VALUES)(keeps_precision(discrete_elbo, single))


def along_the_simplex(inputs: Arguments, gradients: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """The gradient in log_joint, and that in unconstrained logits of which log_q is the log_softmax."""
    q, (in_joint, in_q) = inputs.args[1].exp(), gradients
    return in_joint, in_q - q * in_q.sum(-1, keepdim=True)


question.check(
    "gradient", points=1.75, name="gradients_of_the_elbo", description="The ELBO has the right gradient in both inputs."
)(part_gradients_match(discrete_elbo, models(), [0], along=along_the_simplex))
question.check(
    "gradient",
    points=1.25,
    name="gradients_of_evidence_and_gap",
    description="log p(x) and the gap have the right gradients in both inputs.",
)(part_gradients_match(discrete_elbo, models(), [1, 2], along=along_the_simplex, tolerance=CANCELLING))


@question.check("law", points=0.75)
@given(inputs=models())
def check_is_a_lower_bound(student: Student, inputs: Arguments) -> None:
    """The ELBO is below log p(x), by exactly the gap, which is positive."""
    elbo, log_px, gap = student.discrete_elbo(*inputs.args)
    expect(gap > 0, "the gap is not positive although q is not the posterior.")
    expect(elbo < log_px, "the bound is not below log p(x).")
    assert_value(log_px - elbo, gap)


@question.check("law", points=0.5)
@given(inputs=models())
def check_touches_at_the_posterior(student: Student, inputs: Arguments) -> None:
    """With q the posterior, and only there, the bound reaches log p(x) and the gap is zero."""
    log_joint, log_q = inputs.args
    elbo, log_px, gap = student.discrete_elbo(log_joint, torch.log_softmax(log_joint, dim=-1))
    assert_value((elbo, gap), (log_px, torch.zeros_like(gap)), tolerance=CANCELLING)
    expect(student.discrete_elbo(log_joint, log_q)[2] > 1e-5, "the gap is zero although q is not the posterior.")


@question.check("law", points=0.5)
@given(inputs=models(), source=numbers())
def check_is_linear_in_the_log_joint(student: Student, inputs: Arguments, source: Numbers) -> None:
    """Adding c_k to log p(x, k) raises the ELBO by the mean of c under q; one c for all raises log p(x) by it too."""
    log_joint, log_q = inputs.args
    elbo, log_px, gap = student.discrete_elbo(log_joint, log_q)
    steps = source.normal(tuple(log_joint.shape))
    assert_value(student.discrete_elbo(log_joint + steps, log_q)[0], elbo + (log_q.exp() * steps).sum(-1))
    assert_value(student.discrete_elbo(log_joint + 2.3, log_q), (elbo + 2.3, log_px + 2.3, gap))


@question.check("law", points=0.25)
@given(inputs=models(batch_shapes=ONE_EXAMPLE), source=numbers())
def check_does_not_know_the_names_of_states(student: Student, inputs: Arguments, source: Numbers) -> None:
    """Numbering the states in another order changes nothing, and each state keeps its own q."""
    log_joint, log_q = inputs.args
    order = source.permutation(log_joint.shape[-1])
    before = student.discrete_elbo(log_joint, log_q)
    assert_value(student.discrete_elbo(log_joint[..., order], log_q[..., order]), before)
    raised = log_joint.clone()
    raised[..., 0] += math.log(2)
    after = student.discrete_elbo(raised[..., order], log_q[..., order])
    assert_value(after[0] - before[0], math.log(2) * log_q[..., 0].exp())


def change_others(inputs: Arguments, source: Numbers) -> Arguments:
    """Another joint, and another distribution, for every example but the first."""
    log_joint, log_q = inputs.args
    others = draw_model(source, (len(log_joint) - 1,), log_joint.shape[-1])
    return arguments(*(torch.cat((mine[:1], new)) for mine, new in zip((log_joint, log_q), others.args, strict=True)))


question.check("law", points=0.25, requires=check_elbo)(
    ignores_other_examples(models(batch_shapes=ONE_BATCH_DIMENSION), change_others)
)


@question.check("stress", points=0.5, requires=check_elbo)
@given(inputs=models(), state=st.integers(0, 1))
def check_accepts_a_certain_q(student: Student, inputs: Arguments, state: int) -> None:
    """A q that is certain of one state, so -inf elsewhere, gives that state's log-joint as the ELBO."""
    log_joint, _ = inputs.args
    log_q = torch.full_like(log_joint, -math.inf)
    log_q[..., state] = 0.0
    elbo, log_px, gap = student.discrete_elbo(log_joint, log_q)
    assert_value((elbo, gap), (log_joint[..., state], log_px - log_joint[..., state]))


@question.check("stress", points=0.5, requires=ALL_VALUES)
@given(inputs=models(), source=numbers())
def check_skips_states_that_nobody_uses(student: Student, inputs: Arguments, source: Numbers) -> None:
    """States to which joint and q both give probability 0 change nothing."""
    nothing = torch.full((*inputs.args[0].shape[:-1], 2), -math.inf, dtype=torch.float64)
    padded = inputs.map(lambda t: torch.cat((nothing[..., :1], t, nothing[..., 1:]), dim=-1))
    assert_value(student.discrete_elbo(*padded.args), discrete_elbo(*inputs.args), tolerance=CANCELLING)


@question.check("stress", points=0.25, requires=ALL_VALUES)
@given(inputs=models(), state=st.integers(0, 1))
def check_forbids_impossible_states(student: Student, inputs: Arguments, state: int) -> None:
    """A q that uses a state of joint probability 0 has an ELBO of -inf and a gap of inf; log p(x) stays finite."""
    log_joint, log_q = (t.clone() for t in inputs.args)
    log_joint[..., state] = -math.inf
    assert_value(student.discrete_elbo(log_joint, log_q), discrete_elbo(log_joint, log_q))


question.check("stress", points=0.25, requires=ALL_VALUES)(
    accurate_in(torch.float32, discrete_elbo, models(), tolerance=Tolerance(rtol=2e-5, atol=1e-5))
)

rows = models(batch_shapes=THREE_EXAMPLES)
question.check("robustness", points=0.25, requires=ALL_VALUES)(leaves_inputs_unchanged(rows))
question.check("robustness", points=0.25, requires=ALL_VALUES)(
    accepts_any_strides(discrete_elbo, rows, tolerance=CANCELLING)
)
question.check("robustness", points=0.25, requires=ALL_VALUES)(
    accepts_empty_batches(models(batch_shapes=NO_EXAMPLE), discrete_elbo)
)
question.check("behaviour", points=0.25, requires=ALL_VALUES)(runs_on_other_devices(rows))
question.check("behaviour", points=0.25, requires=ALL_VALUES)(keeps_generators(rows))
question.check("behaviour", points=0.25, requires=ALL_VALUES)(
    does_constant_work(models(batch_shapes=((3,),), states=(5,)), models(batch_shapes=((300,),), states=(5,)))
)

for wrong, sentence in _discrete_mistakes.SENTENCES.items():
    question.misconception(sentence)(wrong)


@question.alternative
def sums_what_is_not_nan(log_joint: Tensor, log_q: Tensor) -> Triple:
    log_px = torch.logaddexp(torch.logsumexp(log_joint, -1), log_joint[..., 0] - math.inf)
    log_posterior = log_joint - log_px.unsqueeze(-1)
    q = torch.exp(log_q)
    gap = torch.nansum(q * (log_q - log_posterior), dim=-1)
    return torch.nansum(q * (log_joint - log_q), dim=-1), log_px, gap


@question.alternative
def derives_the_elbo_from_the_gap(log_joint: Tensor, log_q: Tensor) -> Triple:
    largest = log_joint.amax(-1, keepdim=True)
    log_px = (largest + torch.log(torch.sum(torch.exp(log_joint - largest), -1, keepdim=True))).squeeze(-1)
    log_posterior = log_joint.log_softmax(-1)
    q = log_q.exp()
    terms = torch.where(q > 0, q * (log_q - log_posterior), torch.zeros_like(q))
    gap = terms.sum(dim=-1)
    return log_px - gap, log_px, gap


@question.alternative
def adds_entropy_and_energy(log_joint: Tensor, log_q: Tensor) -> Triple:
    q = log_q.exp()
    energy = torch.where(q == 0, torch.zeros_like(q), q * log_joint).sum(-1)
    entropy = torch.special.entr(q).sum(-1)
    log_px = log_joint.exp().sum(-1).log()
    return energy + entropy, log_px, log_px - energy - entropy


@question.alternative
def normalises_q_again(log_joint: Tensor, log_q: Tensor) -> Triple:
    log_q = torch.log_softmax(log_q, dim=-1)
    ratio = log_joint - log_q
    ratio[log_q.isneginf()] = 0
    elbo = torch.einsum("...k,...k->...", log_q.exp(), ratio)
    log_px = torch.logsumexp(log_joint, -1)
    return elbo, log_px, log_px - elbo
