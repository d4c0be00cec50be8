"""Wrong answers to fr.4, and their sentences."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


def swaps_p_and_q(p: Tensor, q: Tensor) -> Tensor:
    total = p + q
    return torch.where(total > 0, q / total.clamp(min=1e-300), torch.full_like(total, 0.5))


def divides_by_q_alone(p: Tensor, q: Tensor) -> Tensor:
    return p / q


def divides_zero_by_zero(p: Tensor, q: Tensor) -> Tensor:
    return p / (p + q)


def adds_a_little_below(p: Tensor, q: Tensor) -> Tensor:
    return p / (p + q + 1e-8)


def adds_a_little_above_and_below(p: Tensor, q: Tensor) -> Tensor:
    return (p + 1e-8) / (p + q + 2e-8)


def calls_the_impossible_fake(p: Tensor, q: Tensor) -> Tensor:
    return torch.nan_to_num(p / (p + q), nan=0.0)


def calls_the_impossible_real(p: Tensor, q: Tensor) -> Tensor:
    return torch.nan_to_num(p / (p + q), nan=1.0)


def returns_the_logit(p: Tensor, q: Tensor) -> Tensor:
    return torch.log(p) - torch.log(q)


def decides_hard(p: Tensor, q: Tensor) -> Tensor:
    return (p > q).to(p.dtype)


def divides_by_the_sum_over_outcomes(p: Tensor, q: Tensor) -> Tensor:
    return p / (p + q).sum(-1, keepdim=True)


def squashes_the_difference(p: Tensor, q: Tensor) -> Tensor:
    return torch.sigmoid(p - q)


def forgets_one_minus(p: Tensor, q: Tensor, d: Tensor) -> Tensor:
    return (torch.xlogy(p, d) + torch.xlogy(q, d)).sum(-1)


def swaps_the_laws(p: Tensor, q: Tensor, d: Tensor) -> Tensor:
    return (torch.xlogy(q, d) + torch.xlogy(p, 1 - d)).sum(-1)


def returns_the_loss(p: Tensor, q: Tensor, d: Tensor) -> Tensor:
    return -(torch.xlogy(p, d) + torch.xlogy(q, 1 - d)).sum(-1)


def halves_the_value(p: Tensor, q: Tensor, d: Tensor) -> Tensor:
    return 0.5 * (torch.xlogy(p, d) + torch.xlogy(q, 1 - d)).sum(-1)


def takes_bits_of_value(p: Tensor, q: Tensor, d: Tensor) -> Tensor:
    return (torch.xlogy(p, d) + torch.xlogy(q, 1 - d)).sum(-1) / 0.6931471805599453


def weighs_all_outcomes_alike(p: Tensor, q: Tensor, d: Tensor) -> Tensor:
    return (torch.log(d) + torch.log(1 - d)).mean(-1)


def averages_over_outcomes(p: Tensor, q: Tensor, d: Tensor) -> Tensor:
    return (torch.xlogy(p, d) + torch.xlogy(q, 1 - d)).mean(-1)


def adds_up_the_batch(p: Tensor, q: Tensor, d: Tensor) -> Tensor:
    return (torch.xlogy(p, d) + torch.xlogy(q, 1 - d)).sum()


def meets_zero_times_infinity(p: Tensor, q: Tensor, d: Tensor) -> Tensor:
    return (p * torch.log(d) + q * torch.log(1 - d)).sum(-1)


def clamps_d(p: Tensor, q: Tensor, d: Tensor) -> Tensor:
    d = d.clamp(1e-7, 1 - 1e-7)
    return (p * torch.log(d) + q * torch.log(1 - d)).sum(-1)


def takes_the_log_outside(p: Tensor, q: Tensor, d: Tensor) -> Tensor:
    return torch.log((p * d).sum(-1)) + torch.log((q * (1 - d)).sum(-1))


def forgets_the_half_of_jsd(p: Tensor, q: Tensor) -> Tensor:
    m = (p + q) / 2
    return (torch.xlogy(p, p) - torch.xlogy(p, m) + torch.xlogy(q, q) - torch.xlogy(q, m)).sum(-1)


def mixes_without_the_half(p: Tensor, q: Tensor) -> Tensor:
    m = p + q
    return 0.5 * (torch.xlogy(p, p) - torch.xlogy(p, m) + torch.xlogy(q, q) - torch.xlogy(q, m)).sum(-1)


def adds_both_kls(p: Tensor, q: Tensor) -> Tensor:
    return ((p - q) * (torch.log(p) - torch.log(q))).sum(-1)


def averages_both_kls(p: Tensor, q: Tensor) -> Tensor:
    return 0.5 * ((p - q) * (torch.log(p) - torch.log(q))).sum(-1)


def takes_the_kl_to_the_mixture(p: Tensor, q: Tensor) -> Tensor:
    return (torch.xlogy(p, p) - torch.xlogy(p, (p + q) / 2)).sum(-1)


def takes_the_kl_from_the_mixture(p: Tensor, q: Tensor) -> Tensor:
    m = (p + q) / 2
    return (torch.xlogy(m, m) - 0.5 * m * (torch.log(p) + torch.log(q))).sum(-1)


def takes_the_root(p: Tensor, q: Tensor) -> Tensor:
    m = (p + q) / 2
    terms = torch.xlogy(p, p) - torch.xlogy(p, m) + torch.xlogy(q, q) - torch.xlogy(q, m)
    return torch.sqrt(0.5 * terms.sum(-1))


def takes_bits(p: Tensor, q: Tensor) -> Tensor:
    m = (p + q) / 2
    terms = torch.xlogy(p, p) - torch.xlogy(p, m) + torch.xlogy(q, q) - torch.xlogy(q, m)
    return 0.5 * terms.sum(-1) / 0.6931471805599453


def turns_the_sign(p: Tensor, q: Tensor) -> Tensor:
    m = (p + q) / 2
    return 0.5 * (torch.xlogy(p, m) - torch.xlogy(p, p) + torch.xlogy(q, m) - torch.xlogy(q, q)).sum(-1)


def divides_by_the_number_of_outcomes(p: Tensor, q: Tensor) -> Tensor:
    m = (p + q) / 2
    return 0.5 * (torch.xlogy(p, p) - torch.xlogy(p, m) + torch.xlogy(q, q) - torch.xlogy(q, m)).mean(-1)


def sums_over_all_examples(p: Tensor, q: Tensor) -> Tensor:
    m = (p + q) / 2
    return 0.5 * (torch.xlogy(p, p) - torch.xlogy(p, m) + torch.xlogy(q, q) - torch.xlogy(q, m)).sum()


def mixes_the_whole_batch(p: Tensor, q: Tensor) -> Tensor:
    m = (p + q) / 2
    m = m.reshape(-1, m.shape[-1]).mean(0)
    return 0.5 * (torch.xlogy(p, p) - torch.xlogy(p, m) + torch.xlogy(q, q) - torch.xlogy(q, m)).sum(-1)


def takes_the_log_of_zero(p: Tensor, q: Tensor) -> Tensor:
    m = (p + q) / 2
    return 0.5 * (p * torch.log(p / m) + q * torch.log(q / m)).sum(-1)


def adds_a_little_inside_the_logs(p: Tensor, q: Tensor) -> Tensor:
    m = (p + q) / 2
    eps = 1e-8
    return 0.5 * (p * torch.log(p / m + eps) + q * torch.log(q / m + eps)).sum(-1)


def returns_doubles(p: Tensor, q: Tensor) -> Tensor:
    p, q = p.double(), q.double()
    m = (p + q) / 2
    return 0.5 * (torch.xlogy(p, p) - torch.xlogy(p, m) + torch.xlogy(q, q) - torch.xlogy(q, m)).sum(-1)


def keeps_the_mixture_fixed(p: Tensor, q: Tensor) -> Tensor:
    m = ((p + q) / 2).detach()
    first = torch.xlogy(p, p.detach()) - torch.xlogy(p, m)
    second = torch.xlogy(q, q.detach()) - torch.xlogy(q, m)
    return 0.5 * (first + 2 * second - second.detach()).sum(-1)


def normalises_over_outcomes(p: Tensor, q: Tensor) -> Tensor:
    total = p + q
    optimum = torch.where(total > 0, p / total.clamp(min=1e-300), torch.full_like(total, 0.5))
    return optimum / optimum.sum(-1, keepdim=True)


def subtracts_what_fakes_say(p: Tensor, q: Tensor, d: Tensor) -> Tensor:
    return (torch.xlogy(p, d) - torch.xlogy(q, 1 - d)).sum(-1)


def subtracts_a_logarithm_from_one(p: Tensor, q: Tensor, d: Tensor) -> Tensor:
    return (torch.xlogy(p, d) + q - torch.xlogy(q, d)).sum(-1)


def judges_by_the_optimum(p: Tensor, q: Tensor, d: Tensor) -> Tensor:
    total = p + q
    best = torch.where(total > 0, p / total.clamp(min=1e-300), torch.full_like(total, 0.5))
    return (torch.xlogy(p, best) + torch.xlogy(q, 1 - best)).sum(-1) + 0 * d.sum(-1)


def takes_the_log_of_one_expectation(p: Tensor, q: Tensor, d: Tensor) -> Tensor:
    return torch.log((p * d + q * (1 - d)).sum(-1))


def replaces_infinity_too(p: Tensor, q: Tensor, d: Tensor) -> Tensor:
    return (torch.nan_to_num(p * torch.log(d)) + torch.nan_to_num(q * torch.log(1 - d))).sum(-1)


def draws_both_from_p(p: Tensor, q: Tensor, d: Tensor) -> Tensor:
    return (torch.xlogy(p, d) + torch.xlogy(p, 1 - d)).sum(-1) + 0 * q.sum(-1)


def halves_the_first_kl_alone(p: Tensor, q: Tensor) -> Tensor:
    m = (p + q) / 2
    first, second = torch.xlogy(p, p) - torch.xlogy(p, m), torch.xlogy(q, q) - torch.xlogy(q, m)
    return (0.5 * first + second).sum(-1)


def halves_the_second_kl_alone(p: Tensor, q: Tensor) -> Tensor:
    m = (p + q) / 2
    first, second = torch.xlogy(p, p) - torch.xlogy(p, m), torch.xlogy(q, q) - torch.xlogy(q, m)
    return (first + 0.5 * second).sum(-1)


def adds_log_four_to_half_the_value(p: Tensor, q: Tensor) -> Tensor:
    m = (p + q) / 2
    terms = torch.xlogy(p, p) - torch.xlogy(p, m) + torch.xlogy(q, q) - torch.xlogy(q, m)
    return 0.5 * terms.sum(-1) + math.log(2)


def averages_over_the_first_dimension(p: Tensor, q: Tensor) -> Tensor:
    m = (p + q) / 2
    terms = torch.xlogy(p, p) - torch.xlogy(p, m) + torch.xlogy(q, q) - torch.xlogy(q, m)
    return 0.5 * terms.sum() / p.shape[0]


_IMPOSSIBLE = "An outcome that neither law ever draws: what is 0/0, and which guess is fair there?"
_EPSILON = "You add or clamp a small number. Which probabilities of this problem are smaller than it, or exactly 0?"
_BITS = "Two laws without a common outcome are log 2 nats apart. In which unit do you count?"
_ZERO = "0 log 0 is 0 here. What does your code make of an outcome of probability 0?"
_COUNT = "Split one outcome into two equal halves in both laws. Should the result change, and does yours?"
_EACH = "Three pairs of laws need three numbers. Which dimension do you sum over?"
_HALF = "Take two laws without a common outcome: the divergence is log 2. What is yours, and by which factor is it off?"
_JEFFREYS = (
    "Take two laws without a common outcome: the divergence is log 2 and not infinite. Whom is each compared with?"
)
_GUESS = "An outcome that is three times as likely under p as under q: with what probability is it real?"
_SIDE = "Which outcomes should D like, those that p draws or those that q draws?"
_MORE = "Swap p and q: the divergence should be the same. Which of your two terms counts more?"
_SYMMETRIC = "Swap p and q: the divergence should be the same. Which of your terms has no counterpart?"

OPTIMUM: dict[Callable[..., Any], str] = {
    swaps_p_and_q: _SIDE,
    divides_by_q_alone: _GUESS,
    divides_zero_by_zero: _IMPOSSIBLE,
    adds_a_little_below: _EPSILON,
    adds_a_little_above_and_below: _EPSILON,
    calls_the_impossible_fake: _IMPOSSIBLE,
    calls_the_impossible_real: _IMPOSSIBLE,
    returns_the_logit: "D is a probability. Between which numbers is yours?",
    decides_hard: _GUESS,
    divides_by_the_sum_over_outcomes: "Each outcome is judged alone. What does your denominator add up?",
    squashes_the_difference: _GUESS,
    normalises_over_outcomes: "Each outcome is judged alone. What does your denominator add up?",
}

VALUE: dict[Callable[..., Any], str] = {
    forgets_one_minus: "A discriminator that says 1 of everything: how well does it do on fakes, in your value?",
    swaps_the_laws: _SIDE,
    returns_the_loss: "The discriminator maximises this value, and logarithms of probabilities have a sign. Which?",
    halves_the_value: "At d = 1/2 everywhere the value is -2 log 2; what is yours?",
    takes_bits_of_value: "At d = 1/2 everywhere the value is -2 log 2, in nats; what is yours?",
    weighs_all_outcomes_alike: "An outcome that is never drawn cannot matter. Does it, in your value?",
    averages_over_outcomes: _COUNT,
    adds_up_the_batch: _EACH,
    meets_zero_times_infinity: _ZERO,
    clamps_d: _EPSILON,
    takes_the_log_outside: "Is it the expectation of a logarithm, or the logarithm of an expectation?",
    subtracts_what_fakes_say: "Raise d where only q draws: should the value rise or fall, and does yours?",
    subtracts_a_logarithm_from_one: "Is it the logarithm of 1 - d that fakes count with, or 1 minus a logarithm?",
    judges_by_the_optimum: "Give it two different d: does your value change?",
    takes_the_log_of_one_expectation: "Is it the expectation of a logarithm, or the logarithm of an expectation?",
    replaces_infinity_too: "To call an outcome impossible that the data can draw: does it cost much, or everything?",
    draws_both_from_p: "Exchange the generator's law for another one: does your value change?",
}

DIVERGENCE: dict[Callable[..., Any], str] = {
    forgets_the_half_of_jsd: _HALF,
    mixes_without_the_half: "For p = q the divergence is 0; what is yours? Do your mixture's probabilities sum to one?",
    adds_both_kls: _JEFFREYS,
    averages_both_kls: _JEFFREYS,
    takes_the_kl_to_the_mixture: _SYMMETRIC,
    takes_the_kl_from_the_mixture: _JEFFREYS,
    takes_the_root: "The divergence of two laws is not a distance; its root is one. Which did you return?",
    takes_bits: _BITS,
    turns_the_sign: "Can a divergence be negative?",
    divides_by_the_number_of_outcomes: _COUNT,
    sums_over_all_examples: _EACH,
    mixes_the_whole_batch: "Put one pair of laws in a batch with another one. Why does its divergence change?",
    takes_the_log_of_zero: _ZERO,
    adds_a_little_inside_the_logs: _EPSILON,
    returns_doubles: "Which dtype went in, and which came out? A model in float32 cannot use the two together.",
    keeps_the_mixture_fixed: (
        "Your values are right. Move p a little by hand: does the divergence change by what your gradient says?"
    ),
    halves_the_first_kl_alone: _MORE,
    halves_the_second_kl_alone: _MORE,
    adds_log_four_to_half_the_value: (
        "For p = q the best discriminator's value is -2 log 2 and the divergence 0. What is yours? What do you halve?"
    ),
    averages_over_the_first_dimension: _EACH,
}
