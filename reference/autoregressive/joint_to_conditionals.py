"""ar.1: a joint distribution as a product of conditionals, and back (the chain rule of probability).

p(x_1, ..., x_D) = prod_i p(x_i | x_1, ..., x_{i-1})
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import hypothesis.strategies as st
import torch
from hypothesis import given
from torch import Tensor

from grader.compare import assert_value
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
    keeps_generators,
    keeps_precision,
    leaves_inputs_unchanged,
    matches_oracle,
    oracle_vjp,
    runs_on_other_devices,
)
from grader.strategies import Numbers, Shape, numbers
from reference.autoregressive._chain_rule_mistakes import CHAIN_LOG_PROB_SENTENCES, SENTENCES

question = Question(
    id="ar.1",
    functions=["joint_to_conditionals", "chain_log_prob"],
    title="The chain rule: from a joint table to conditionals and back",
    exempt={"loops_over_batch": "the first argument is no batch; a listed misconception loops over the second one"},
)

TABLES: tuple[Shape, ...] = ((5,), (3, 2), (2, 3, 5), (1, 3), (3, 1, 2), (1,))
WIDE: tuple[Shape, ...] = ((5,), (3, 5), (3, 5, 4))
"""Without variables of one or two values, which some constants are right for."""
BATCHES: tuple[Shape, ...] = ((), (1,), (4,), (2, 7))


@question.oracle
def joint_to_conditionals(p: Tensor) -> list[Tensor]:
    """p(x_i | x_<i) for i = 1 .. D, the i-th of shape p.shape[:i]; uniform where x_<i never occurs."""
    conds = []
    for i in range(p.dim()):
        prefix = p.reshape(*p.shape[: i + 1], -1).sum(-1)
        total = prefix.sum(-1, keepdim=True).expand_as(prefix)
        occurs = total > 0
        # 0/0 has no gradient even where its value is not used.
        conds.append(torch.where(occurs, prefix / torch.where(occurs, total, 1.0), 1.0 / p.shape[i]))
    return conds


@question.oracle
def chain_log_prob(conds: Sequence[Tensor], x: Tensor) -> Tensor:
    """sum_i log p(x_i | x_<i), [*batch], for integer x [*batch, D]."""
    total = torch.zeros(x.shape[:-1], dtype=conds[0].dtype, device=x.device)
    place = torch.zeros_like(x[..., 0])
    for cond, value in zip(conds, x.unbind(-1), strict=True):
        place = place * cond.shape[-1] + value
        total = total + cond.reshape(-1)[place].log()
    return total


def draw_table(source: Numbers, shape: Shape) -> Tensor:
    """Positive probabilities that sum to one over all states."""
    return source.simplex((math.prod(shape),)).reshape(shape)


@st.composite
def tables(draw: st.DrawFn, *, shapes: Sequence[Shape] = TABLES) -> Arguments:
    """Arguments (p,) without zeros."""
    return arguments(draw_table(draw(numbers()), draw(st.sampled_from(shapes))))


@st.composite
def tables_with_zeros(draw: st.DrawFn, *, shapes: Sequence[Shape] = ((3, 5), (3, 2, 5), (3, 5, 1))) -> Arguments:
    """Arguments (p,) in which the second value of the first variable never occurs, and another prefix neither."""
    p = draw_table(draw(numbers()), draw(st.sampled_from(shapes)))
    p[1] = 0
    p[2, 0] = 0
    p[0, 1, ...] = 0 if p.dim() == 2 else p[0, 1, ...]
    return arguments(p / p.sum())


@st.composite
def outcomes(
    draw: st.DrawFn, *, shapes: Sequence[Shape] = TABLES, batches: Sequence[Shape] = BATCHES, zeros: bool = False
) -> Arguments:
    """Arguments (conds, x); with zeros, every conditional gives its first value the probability zero."""
    shape, batch, source = draw(st.sampled_from(shapes)), draw(st.sampled_from(batches)), draw(numbers())
    conds = [source.simplex(shape[: i + 1]) for i in range(len(shape))]
    if zeros:
        for cond in conds:
            cond[..., 0] = 0
            cond /= cond.sum(-1, keepdim=True)
    columns = [source.integers(batch, low=0, high=size) for size in shape]
    return arguments(conds, torch.stack(columns, dim=-1))


def all_states(shape: Shape) -> Tensor:
    """Every outcome of a table, [states, D]."""
    return torch.stack(torch.meshgrid([torch.arange(size) for size in shape], indexing="ij"), -1).flatten(0, -2)


check_conditionals = question.check(
    "value", points=1.75, description="Each conditional is the distribution of one variable given those before it."
)(matches_oracle(joint_to_conditionals, tables()))

check_chain = question.check(
    "value", points=1.25, description="The log-probability is that of the product of the conditionals."
)(about("chain_log_prob", matches_oracle(chain_log_prob, outcomes())))

question.check(
    "value",
    points=0.75,
    requires=check_conditionals,
    name="prefixes_that_never_occur",
    description="What follows a prefix that never occurs is uniform; zeros elsewhere stay zeros.",
)(matches_oracle(joint_to_conditionals, tables_with_zeros()))

question.check("precision", points=0.25, requires=check_conditionals)(keeps_precision(joint_to_conditionals, tables()))
question.check("precision", points=0.25, requires=check_chain)(
    about("chain_log_prob", keeps_precision(chain_log_prob, outcomes()))
)


def along_the_simplex(gradient: Tensor, p: Tensor) -> Tensor:
    """The gradient in a of a function of p = softmax(a), along the last dimension."""
    return p * (gradient - (p * gradient).sum(-1, keepdim=True))


@question.check("gradient", points=1)
@given(inputs=tables(shapes=((5,), (3, 2), (2, 3, 5))), source=numbers())
def check_gradients_in_the_table(student: Student, inputs: Arguments, source: Numbers) -> None:
    """Conditionals have the right gradient in the table, for changes that keep its sum at one."""
    (p,) = inputs.args
    weights = cotangents_like(joint_to_conditionals(p), source)
    (got,) = student.joint_to_conditionals.vjp((p,), weights)
    (right,) = oracle_vjp(joint_to_conditionals, inputs, weights)
    assert_value(along_the_simplex(got.flatten(), p.flatten()), along_the_simplex(right.flatten(), p.flatten()))


@question.check("gradient", points=0.75)
@given(inputs=outcomes(shapes=((5,), (3, 2), (2, 3, 5))), source=numbers())
def check_gradients_in_the_conditionals(student: Student, inputs: Arguments, source: Numbers) -> None:
    """The log-probability has the right gradient in every conditional, for changes that keep its sums at one."""
    conds, x = inputs.args
    weights = cotangents_like(chain_log_prob(conds, x), source)
    got = student.chain_log_prob.vjp((conds, x), weights)
    right = oracle_vjp(chain_log_prob, inputs, weights)
    for mine, theirs, cond in zip(got, right, conds, strict=True):
        assert_value(along_the_simplex(mine, cond), along_the_simplex(theirs, cond))


@question.check("law", points=0.75)
@given(inputs=tables(shapes=((3, 2), (3, 2, 5))), source=numbers())
def check_product_is_the_joint_in_every_order(student: Student, inputs: Arguments, source: Numbers) -> None:
    """The product of the conditionals is the table again, whichever order the variables are taken in."""
    (p,) = inputs.args
    for order in (torch.arange(p.dim()), source.permutation(p.dim())):
        turned = p.permute(order.tolist()).contiguous()
        states = all_states(tuple(turned.shape))
        log_p = student.chain_log_prob(student.joint_to_conditionals(turned), states)
        assert_value(log_p.exp(), turned.flatten())


@question.check("law", points=0.25)
@given(inputs=tables_with_zeros(shapes=((3, 5), (3, 4, 5))))
def check_conditionals_sum_to_one(student: Student, inputs: Arguments) -> None:
    """Each conditional sums to one over its own variable, for every prefix, possible or not."""
    for cond in student.joint_to_conditionals(*inputs.args):
        assert_value(cond.sum(-1), torch.ones(cond.shape[:-1], dtype=cond.dtype))


@question.check("law", points=0.5)
@given(inputs=outcomes(shapes=WIDE))
def check_probabilities_of_all_states_sum_to_one(student: Student, inputs: Arguments) -> None:
    """Whatever the conditionals, the probabilities of all states sum to one."""
    conds, _ = inputs.args
    log_p = student.chain_log_prob(conds, all_states(tuple(conds[-1].shape)))
    assert_value(log_p.exp().sum(), torch.ones((), dtype=log_p.dtype))


@question.check("stress", points=0.25, requires=check_chain)
@given(inputs=outcomes(shapes=((3, 2), (2, 3, 5)), batches=((4,), (2, 7)), zeros=True))
def check_impossible_outcomes(student: Student, inputs: Arguments) -> None:
    """An outcome of probability zero has the log-probability -inf."""
    conds, x = inputs.args
    x[0] = 0
    assert_value(student.chain_log_prob(conds, x), chain_log_prob(conds, x))


question.check("stress", points=0.25, requires=check_conditionals)(
    accurate_in(torch.float32, joint_to_conditionals, tables())
)
question.check("stress", points=0.25, requires=check_chain)(
    about("chain_log_prob", accurate_in(torch.float32, chain_log_prob, outcomes()))
)

question.check("robustness", points=0.25, requires=check_conditionals)(leaves_inputs_unchanged(tables()))
question.check("robustness", points=0.25, requires=check_chain)(
    about("chain_log_prob", accepts_any_strides(chain_log_prob, outcomes(shapes=((3, 2), (2, 3, 5)), batches=((4,),))))
)
question.check("robustness", points=0.25, requires=check_chain)(
    about("chain_log_prob", accepts_empty_batches(outcomes(batches=((0,), (0, 7))), chain_log_prob))
)
question.check("behaviour", points=0.25, requires=check_conditionals)(runs_on_other_devices(tables()))
question.check("behaviour", points=0.25, requires=check_chain)(
    about("chain_log_prob", runs_on_other_devices(outcomes(batches=((4,),))))
)
question.check("behaviour", points=0.25, requires=check_chain)(about("chain_log_prob", keeps_generators(outcomes())))
question.check("behaviour", points=0.25, requires=check_chain)(
    about(
        "chain_log_prob",
        does_constant_work(
            outcomes(shapes=((2, 3, 5),), batches=((3,),)), outcomes(shapes=((2, 3, 5),), batches=((300,),))
        ),
    )
)


for mistake, sentence in SENTENCES.items():
    question.misconception(sentence)(mistake)
for of_the_chain, sentence in CHAIN_LOG_PROB_SENTENCES.items():
    question.misconception(sentence, replaces="chain_log_prob")(of_the_chain)


@question.alternative
def divides_by_the_shorter_prefix(p: Tensor) -> list[Tensor]:
    prefixes = [p]
    for _ in range(p.dim() - 1):
        prefixes.insert(0, prefixes[0].sum(dim=-1))
    conds = [prefixes[0] / p.sum()]
    for i in range(1, p.dim()):
        shorter, prefix = prefixes[i - 1].unsqueeze(-1), prefixes[i]
        conds.append(torch.where(shorter == 0, torch.ones_like(prefix) / prefix.shape[-1], prefix / shorter))
    return conds


@question.alternative
def replaces_nan_by_uniform(p: Tensor) -> list[Tensor]:
    conds = []
    for i in range(p.dim()):
        later = list(range(i + 1, p.dim()))
        prefix = torch.sum(p, dim=later) if later else p
        conds.append(torch.nan_to_num(prefix / prefix.sum(dim=i, keepdim=True), nan=1.0 / p.size(i)))
    return conds


@question.alternative_of("chain_log_prob")
def multiplies_the_table_out(conds: Sequence[Tensor], x: Tensor) -> Tensor:
    joint = torch.ones((), dtype=conds[0].dtype, device=conds[0].device)
    for cond in conds:
        joint = joint.unsqueeze(-1) * cond
    return torch.log(joint[tuple(x[..., i] for i in range(x.size(-1)))])


@question.alternative_of("chain_log_prob")
def takes_slices_one_by_one(conds: Sequence[Tensor], x: Tensor) -> Tensor:
    total = torch.zeros(x.shape[:-1], dtype=conds[0].dtype, device=x.device)
    for i, cond in enumerate(conds):
        rows = cond.expand(*x.shape[:-1], *cond.shape)
        for j in range(i + 1):
            index = (
                x[..., j].reshape(*x.shape[:-1], *[1] * (i + 1 - j)).expand(*x.shape[:-1], 1, *rows.shape[x.dim() :])
            )
            rows = torch.gather(rows, x.dim() - 1, index).squeeze(x.dim() - 1)
        total = total + torch.log(rows)
    return total
