"""Wrong answers to lvm.1, with what each of them deserves to hear."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def sums_without_averaging(x: Tensor, dim: int, keepdim: bool = False) -> Tensor:
    m = x.amax(dim, keepdim=True).nan_to_num(neginf=0.0, posinf=0.0)
    total = (x - m).exp().sum(dim, keepdim=True)
    value = torch.where(total > 0, total.log(), -math.inf) + m
    return value if keepdim else value.squeeze(dim)


def exponentiates_first(x: Tensor, dim: int, keepdim: bool = False) -> Tensor:
    return x.exp().mean(dim, keepdim=keepdim).log()


def exponentiates_and_sums(x: Tensor, dim: int, keepdim: bool = False) -> Tensor:
    return torch.log(torch.exp(x).sum(dim, keepdim=keepdim)) - math.log(x.shape[dim])


def subtracts_the_maximum_whatever_it_is(x: Tensor, dim: int, keepdim: bool = False) -> Tensor:
    m = x.amax(dim, keepdim=True)
    value = m + (x - m).exp().mean(dim, keepdim=True).log()
    return value if keepdim else value.squeeze(dim)


def averages_the_logarithms(x: Tensor, dim: int, keepdim: bool = False) -> Tensor:
    return x.mean(dim, keepdim=keepdim)


def takes_the_maximum(x: Tensor, dim: int, keepdim: bool = False) -> Tensor:
    return x.amax(dim, keepdim=keepdim)


def subtracts_the_maximum_of_the_whole_tensor(x: Tensor, dim: int, keepdim: bool = False) -> Tensor:
    m = x.max().clamp(-1e30, 1e30) if x.numel() else 0.0
    return (x - m).exp().mean(dim, keepdim=keepdim).log() + m


def subtracts_maxima_along_the_wrong_dimension(x: Tensor, dim: int, keepdim: bool = False) -> Tensor:
    m = x.amax(dim)
    value = (x - m).exp().mean(dim).log() + m
    return value.unsqueeze(dim) if keepdim else value


def ignores_keepdim(x: Tensor, dim: int, keepdim: bool = False) -> Tensor:
    m = x.amax(dim, keepdim=True).nan_to_num(neginf=0.0, posinf=0.0)
    total = (x - m).exp().mean(dim, keepdim=True)
    return (torch.where(total > 0, total.log(), -math.inf) + m).squeeze(dim)


def always_keeps_the_dimension(x: Tensor, dim: int, keepdim: bool = False) -> Tensor:
    m = x.amax(dim, keepdim=True).nan_to_num(neginf=0.0, posinf=0.0)
    total = (x - m).exp().mean(dim, keepdim=True)
    return torch.where(total > 0, total.log(), -math.inf) + m


def squeezes_every_dimension(x: Tensor, dim: int, keepdim: bool = False) -> Tensor:
    m = x.amax(dim, keepdim=True).nan_to_num(neginf=0.0, posinf=0.0)
    total = (x - m).exp().mean(dim, keepdim=True)
    value = torch.where(total > 0, total.log(), -math.inf) + m
    return value if keepdim else value.squeeze()


def always_averages_the_last_dimension(x: Tensor, dim: int, keepdim: bool = False) -> Tensor:
    m = x.amax(-1, keepdim=True).nan_to_num(neginf=0.0, posinf=0.0)
    total = (x - m).exp().mean(-1, keepdim=True)
    value = torch.where(total > 0, total.log(), -math.inf) + m
    return value if keepdim else value.squeeze(-1)


def divides_by_all_entries(x: Tensor, dim: int, keepdim: bool = False) -> Tensor:
    m = x.amax(dim, keepdim=True).nan_to_num(neginf=0.0, posinf=0.0)
    total = (x - m).exp().sum(dim, keepdim=True)
    value = torch.where(total > 0, total.log(), -math.inf) + m - math.log(max(x.numel(), 1))
    return value if keepdim else value.squeeze(dim)


def forgets_to_add_the_maximum(x: Tensor, dim: int, keepdim: bool = False) -> Tensor:
    m = x.amax(dim, keepdim=True).nan_to_num(neginf=0.0, posinf=0.0)
    total = (x - m).exp().mean(dim, keepdim=keepdim)
    return torch.where(total > 0, total.log(), -math.inf)


def adds_a_small_constant_inside_the_log(x: Tensor, dim: int, keepdim: bool = False) -> Tensor:
    m = x.amax(dim, keepdim=True).nan_to_num(neginf=0.0, posinf=0.0)
    value = ((x - m).exp().mean(dim, keepdim=True) + 1e-6).log() + m
    return value if keepdim else value.squeeze(dim)


def takes_the_log_of_zero(x: Tensor, dim: int, keepdim: bool = False) -> Tensor:
    m = x.amax(dim, keepdim=True)
    m = torch.where(m.isfinite(), m, 0.0)
    value = (x - m).exp().mean(dim, keepdim=True).log() + m
    return value if keepdim else value.squeeze(dim)


def replaces_minus_infinity(x: Tensor, dim: int, keepdim: bool = False) -> Tensor:
    x = x.clamp(min=-1e4)
    m = x.amax(dim, keepdim=True).nan_to_num(posinf=0.0)
    value = (x - m).exp().mean(dim, keepdim=True).log() + m
    return value if keepdim else value.squeeze(dim)


def cuts_the_gradient_of_the_maximum_only(x: Tensor, dim: int, keepdim: bool = False) -> Tensor:
    m = x.amax(dim, keepdim=True).nan_to_num(neginf=0.0, posinf=0.0)
    total = (x - m).exp().mean(dim, keepdim=True)
    safe = torch.where(total > 0, total, 1.0).log()
    value = torch.where(total > 0, safe, -math.inf) + m.detach()
    return value if keepdim else value.squeeze(dim)


KEEP = "Ask for keepdim=True, then for keepdim=False: which shapes do you get for an input of shape [3, 7]?"
OVERFLOW = "Entries of 1e4 are finite, and so is the answer; is exp(1e4)?"
NOTHING = "What is x - max when everything is -inf?"

SENTENCES = {
    sums_without_averaging: "Five equal entries: should the answer be larger than each of them?",
    exponentiates_first: OVERFLOW,
    exponentiates_and_sums: OVERFLOW,
    subtracts_the_maximum_whatever_it_is: NOTHING,
    averages_the_logarithms: "Compare [0, -100]: which term should dominate?",
    takes_the_maximum: "Compare [0, 0, 0] with [0, -50, -50]: are two entries that vanish as good as two that do not?",
    subtracts_the_maximum_of_the_whole_tensor: (
        "Put entries near 1e4 in one row and near -1e4 in another: why does one spoil the other?"
    ),
    subtracts_maxima_along_the_wrong_dimension: (
        "x has the shape [3, 7] and its maxima [3]: along which dimension do you subtract them?"
    ),
    ignores_keepdim: KEEP,
    always_keeps_the_dimension: KEEP,
    squeezes_every_dimension: (
        "Give it the shape [1, 5] and average along the last dimension: how many dimensions are left?"
    ),
    always_averages_the_last_dimension: (
        "Average [2, 7, 3] along dimension 1, then along -1: do you get the same shape twice?"
    ),
    divides_by_all_entries: "How many entries were averaged: those of the whole tensor, or those along dim?",
    forgets_to_add_the_maximum: "The exponents were lowered by the maximum; who raises the result again?",
    adds_a_small_constant_inside_the_log: (
        "You add a small number inside the logarithm. What does your function say of entries near -50, or of -inf?"
    ),
    takes_the_log_of_zero: (
        "For a row of nothing but -inf your value is right and your gradient is nan. How steep is a logarithm at zero?"
    ),
    replaces_minus_infinity: (
        "A row of -inf has the answer -inf, not a large negative number; what do you replace, and why?"
    ),
    cuts_the_gradient_of_the_maximum_only: (
        "Raise every entry by a little and the result rises as much. What does your gradient sum to?"
    ),
}
"""What each of them deserves to hear."""
