"""Wrong answers to ar.1, each with its sentence."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def sums_over_the_first_variables(p: Tensor) -> list[Tensor]:
    conds = []
    for i in range(p.dim()):
        prefix = p.sum(tuple(range(p.dim() - i - 1))) if i + 1 < p.dim() else p
        conds.append(prefix / prefix.sum(-1, keepdim=True))
    return conds


def normalises_over_the_first_variable(p: Tensor) -> list[Tensor]:
    conds = []
    for i in range(p.dim()):
        prefix = p.reshape(*p.shape[: i + 1], -1).sum(-1)
        conds.append(prefix / prefix.sum(0, keepdim=True))
    return conds


def returns_joints_of_prefixes(p: Tensor) -> list[Tensor]:
    return [p.reshape(*p.shape[: i + 1], -1).sum(-1) / p.sum() for i in range(p.dim())]


def returns_marginals(p: Tensor) -> list[Tensor]:
    conds = []
    for i in range(p.dim()):
        marginal = p.sum([j for j in range(p.dim()) if j != i]) if p.dim() > 1 else p
        conds.append((marginal / marginal.sum()).expand(p.shape[: i + 1]).clone())
    return conds


def divides_zero_by_zero(p: Tensor) -> list[Tensor]:
    prefixes = [p.reshape(*p.shape[: i + 1], -1).sum(-1) for i in range(p.dim())]
    return [prefix / prefix.sum(-1, keepdim=True) for prefix in prefixes]


def leaves_zeros_after_impossible_prefixes(p: Tensor) -> list[Tensor]:
    prefixes = [p.reshape(*p.shape[: i + 1], -1).sum(-1) for i in range(p.dim())]
    return [prefix / prefix.sum(-1, keepdim=True).clamp(min=torch.finfo(p.dtype).tiny) for prefix in prefixes]


def adds_a_small_constant(p: Tensor) -> list[Tensor]:
    conds = []
    for i in range(p.dim()):
        prefix = p.reshape(*p.shape[: i + 1], -1).sum(-1) + 1e-8
        conds.append(prefix / prefix.sum(-1, keepdim=True))
    return conds


def forgets_the_first_factor(conds: Sequence[Tensor], x: Tensor) -> Tensor:
    values = x.unbind(-1)
    terms = [cond[values[: i + 1]].log() for i, cond in enumerate(conds)]
    return torch.stack(terms).sum(0) - terms[0]


def forgets_the_last_factor(conds: Sequence[Tensor], x: Tensor) -> Tensor:
    values = x.unbind(-1)
    terms = [cond[values[: i + 1]].log() for i, cond in enumerate(conds[:-1])]
    return torch.stack(terms).sum(0) if terms else torch.zeros_like(values[0], dtype=conds[0].dtype)


def returns_the_probability(conds: Sequence[Tensor], x: Tensor) -> Tensor:
    values = x.unbind(-1)
    return torch.stack([cond[values[: i + 1]] for i, cond in enumerate(conds)]).prod(0)


def averages_over_variables(conds: Sequence[Tensor], x: Tensor) -> Tensor:
    values = x.unbind(-1)
    return torch.stack([cond[values[: i + 1]].log() for i, cond in enumerate(conds)]).mean(0)


def sums_over_the_batch(conds: Sequence[Tensor], x: Tensor) -> Tensor:
    values = x.unbind(-1)
    return torch.stack([cond[values[: i + 1]].log() for i, cond in enumerate(conds)]).sum()


def measures_in_bits(conds: Sequence[Tensor], x: Tensor) -> Tensor:
    values = x.unbind(-1)
    return torch.stack([cond[values[: i + 1]].log2() for i, cond in enumerate(conds)]).sum(0)


def returns_the_negative(conds: Sequence[Tensor], x: Tensor) -> Tensor:
    values = x.unbind(-1)
    return -torch.stack([cond[values[: i + 1]].log() for i, cond in enumerate(conds)]).sum(0)


def looks_prefixes_up_backwards(conds: Sequence[Tensor], x: Tensor) -> Tensor:
    values = x.unbind(-1)
    return torch.stack([cond[values[: i + 1][::-1]].log() for i, cond in enumerate(conds)]).sum(0)


def adds_eps_inside_the_log(conds: Sequence[Tensor], x: Tensor) -> Tensor:
    values = x.unbind(-1)
    return torch.stack([(cond[values[: i + 1]] + 1e-12).log() for i, cond in enumerate(conds)]).sum(0)


def reads_numbers_out(conds: Sequence[Tensor], x: Tensor) -> Tensor:
    values = x.unbind(-1)
    return torch.stack([cond.detach()[values[: i + 1]].log() for i, cond in enumerate(conds)]).sum(0)


def loops_over_examples(conds: Sequence[Tensor], x: Tensor) -> Tensor:
    total = torch.zeros(x.shape[:-1].numel(), dtype=conds[0].dtype, device=x.device)
    for n, row in enumerate(x.reshape(-1, x.shape[-1])):
        for i, cond in enumerate(conds):
            total[n] = total[n] + cond[tuple(row[: i + 1])].log()
    return total.reshape(x.shape[:-1])


def returns_double_conditionals(p: Tensor) -> list[Tensor]:
    conds, p = [], p.double()
    for i in range(p.dim()):
        prefix = p.reshape(*p.shape[: i + 1], -1).sum(-1)
        total = prefix.sum(-1, keepdim=True).expand_as(prefix)
        occurs = total > 0
        conds.append(torch.where(occurs, prefix / torch.where(occurs, total, 1.0), 1.0 / p.shape[i]))
    return conds


def returns_double(conds: Sequence[Tensor], x: Tensor) -> Tensor:
    values = x.unbind(-1)
    return torch.stack([cond[values[: i + 1]].double().log() for i, cond in enumerate(conds)]).sum(0)


SENTENCES = {
    sums_over_the_first_variables: (
        "Your first factor is the law of the last variable. Which dimensions are summed over for that of x_1?"
    ),
    normalises_over_the_first_variable: "Fix x_1 and add your conditional of x_2 up over the values of x_2: is it one?",
    returns_joints_of_prefixes: (
        "Each of your tables sums to one as a whole. For a given prefix, what should a conditional sum to?"
    ),
    returns_marginals: (
        "For x_2 = XOR(x_1, coin) the table knows more than your model: what does yours say of x_2 given x_1?"
    ),
    divides_zero_by_zero: "What is 0 divided by 0? Look at a prefix that never occurs.",
    leaves_zeros_after_impossible_prefixes: "After a prefix that never occurs, do your probabilities sum to one?",
    adds_a_small_constant: (
        "You add a small number to every probability. Which prefixes is it for, and what does it cost the others?"
    ),
    returns_double_conditionals: "Which dtype went in, and which came out? A model in float32 cannot use it.",
}
"""What each of them deserves to hear."""

CHAIN_LOG_PROB_SENTENCES = {
    forgets_the_first_factor: "The logarithm of a product is a sum of logarithms, over how many factors? Count yours.",
    forgets_the_last_factor: "The logarithm of a product is a sum of logarithms, over how many factors? Count yours.",
    returns_the_probability: "Add your result's exp over all states, then the result itself: which of the two is one?",
    averages_over_variables: (
        "Two independent fair coins: is a pair of outcomes as likely as a single one? Yours says so."
    ),
    sums_over_the_batch: "Four outcomes need four log-probabilities; which dimension do you add up?",
    measures_in_bits: "A fair coin's outcome has the log-probability -0.693. Which unit has yours?",
    returns_the_negative: "Is a log-probability ever positive?",
    looks_prefixes_up_backwards: "Which dimension of the i-th table belongs to x_1, the first or the last?",
    adds_eps_inside_the_log: (
        "An outcome that cannot happen gets a finite log-probability. What is the logarithm of zero?"
    ),
    reads_numbers_out: "Your values are right, but nothing can be learnt from them: what cuts the graph?",
    loops_over_examples: "Your function handles one example after another; can indexing handle them all?",
    returns_double: "Which dtype went in, and which came out? A model in float32 cannot use it.",
}
"""What each wrong chain_log_prob deserves to hear."""
