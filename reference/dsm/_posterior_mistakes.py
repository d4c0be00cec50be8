"""Wrong answers to dsm.7, and the sentence that each deserves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from reference.dsm._posterior_answers import Pair


def takes_abar_t_for_one_step(x0: Tensor, x_t: Tensor, abar_t: Tensor, abar_s: Tensor) -> Pair:
    def wide(level: Tensor) -> Tensor:
        return level.reshape(*level.shape, *[1] * (x0.dim() - level.dim()))

    ratio = abar_t
    w0 = abar_s.sqrt() * (1 - ratio) / (1 - abar_t)
    wt = ratio.sqrt() * (1 - abar_s) / (1 - abar_t)
    mean = wide(w0) * x0 + wide(wt) * x_t
    var = (1 - ratio) * (1 - abar_s) / (1 - abar_t)
    return mean, var


def takes_the_difference_for_the_variance_added(x0: Tensor, x_t: Tensor, abar_t: Tensor, abar_s: Tensor) -> Pair:
    def wide(level: Tensor) -> Tensor:
        return level.reshape(*level.shape, *[1] * (x0.dim() - level.dim()))

    ratio = 1 - (abar_s - abar_t)
    w0 = abar_s.sqrt() * (1 - ratio) / (1 - abar_t)
    wt = ratio.sqrt() * (1 - abar_s) / (1 - abar_t)
    mean = wide(w0) * x0 + wide(wt) * x_t
    var = (1 - ratio) * (1 - abar_s) / (1 - abar_t)
    return mean, var


def assumes_a_short_step(x0: Tensor, x_t: Tensor, abar_t: Tensor, abar_s: Tensor) -> Pair:
    def wide(level: Tensor) -> Tensor:
        return level.reshape(*level.shape, *[1] * (x0.dim() - level.dim()))

    ratio = abar_t / abar_s
    w0 = abar_s.sqrt() * (1 - ratio) / (1 - abar_s)
    wt = ratio.sqrt()
    mean = wide(w0) * x0 + wide(wt) * x_t
    var = (1 - ratio) * (1 - abar_s) / (1 - abar_t)
    return mean, var


def multiplies_the_times(x0: Tensor, x_t: Tensor, abar_t: Tensor, abar_s: Tensor) -> Pair:
    def wide(level: Tensor) -> Tensor:
        return level.reshape(*level.shape, *[1] * (x0.dim() - level.dim()))

    ratio = abar_t * abar_s
    w0 = abar_s.sqrt() * (1 - ratio) / (1 - abar_t)
    wt = ratio.sqrt() * (1 - abar_s) / (1 - abar_t)
    mean = wide(w0) * x0 + wide(wt) * x_t
    var = (1 - ratio) * (1 - abar_s) / (1 - abar_t)
    return mean, var


def returns_the_forward_variance(x0: Tensor, x_t: Tensor, abar_t: Tensor, abar_s: Tensor) -> Pair:
    def wide(level: Tensor) -> Tensor:
        return level.reshape(*level.shape, *[1] * (x0.dim() - level.dim()))

    ratio = abar_t / abar_s
    w0 = abar_s.sqrt() * (1 - ratio) / (1 - abar_t)
    wt = ratio.sqrt() * (1 - abar_s) / (1 - abar_t)
    mean = wide(w0) * x0 + wide(wt) * x_t
    var = 1 - ratio
    return mean, var


def returns_the_variance_without_x_t(x0: Tensor, x_t: Tensor, abar_t: Tensor, abar_s: Tensor) -> Pair:
    def wide(level: Tensor) -> Tensor:
        return level.reshape(*level.shape, *[1] * (x0.dim() - level.dim()))

    ratio = abar_t / abar_s
    w0 = abar_s.sqrt() * (1 - ratio) / (1 - abar_t)
    wt = ratio.sqrt() * (1 - abar_s) / (1 - abar_t)
    mean = wide(w0) * x0 + wide(wt) * x_t
    var = 1 - abar_s
    return mean, var


def returns_the_standard_deviation(x0: Tensor, x_t: Tensor, abar_t: Tensor, abar_s: Tensor) -> Pair:
    def wide(level: Tensor) -> Tensor:
        return level.reshape(*level.shape, *[1] * (x0.dim() - level.dim()))

    ratio = abar_t / abar_s
    w0 = abar_s.sqrt() * (1 - ratio) / (1 - abar_t)
    wt = ratio.sqrt() * (1 - abar_s) / (1 - abar_t)
    mean = wide(w0) * x0 + wide(wt) * x_t
    var = ((1 - ratio) * (1 - abar_s) / (1 - abar_t)).sqrt()
    return mean, var


def returns_the_log_variance(x0: Tensor, x_t: Tensor, abar_t: Tensor, abar_s: Tensor) -> Pair:
    def wide(level: Tensor) -> Tensor:
        return level.reshape(*level.shape, *[1] * (x0.dim() - level.dim()))

    ratio = abar_t / abar_s
    w0 = abar_s.sqrt() * (1 - ratio) / (1 - abar_t)
    wt = ratio.sqrt() * (1 - abar_s) / (1 - abar_t)
    mean = wide(w0) * x0 + wide(wt) * x_t
    var = ((1 - ratio) * (1 - abar_s) / (1 - abar_t)).log()
    return mean, var


def takes_the_deterministic_step(x0: Tensor, x_t: Tensor, abar_t: Tensor, abar_s: Tensor) -> Pair:
    def wide(level: Tensor) -> Tensor:
        return level.reshape(*level.shape, *[1] * (x0.dim() - level.dim()))

    ratio = abar_t / abar_s
    w0 = abar_s.sqrt() * (1 - ratio) / (1 - abar_t)
    wt = ratio.sqrt() * (1 - abar_s) / (1 - abar_t)
    mean = (
        wide(abar_s.sqrt()) * x0
        + wide(((1 - abar_s) / (1 - abar_t)).sqrt()) * (x_t - wide(abar_t.sqrt()) * x0)
        + 0 * wide(w0 + wt)
    )
    var = 0 * ratio
    return mean, var


def keeps_the_mean_of_the_deterministic_step(x0: Tensor, x_t: Tensor, abar_t: Tensor, abar_s: Tensor) -> Pair:
    def wide(level: Tensor) -> Tensor:
        return level.reshape(*level.shape, *[1] * (x0.dim() - level.dim()))

    ratio = abar_t / abar_s
    w0 = abar_s.sqrt() * (1 - ratio) / (1 - abar_t)
    wt = ratio.sqrt() * (1 - abar_s) / (1 - abar_t)
    mean = (
        wide(abar_s.sqrt()) * x0
        + wide(((1 - abar_s) / (1 - abar_t)).sqrt()) * (x_t - wide(abar_t.sqrt()) * x0)
        + 0 * wide(w0 + wt)
    )
    var = (1 - ratio) * (1 - abar_s) / (1 - abar_t)
    return mean, var


def swaps_the_weights(x0: Tensor, x_t: Tensor, abar_t: Tensor, abar_s: Tensor) -> Pair:
    def wide(level: Tensor) -> Tensor:
        return level.reshape(*level.shape, *[1] * (x0.dim() - level.dim()))

    ratio = abar_t / abar_s
    w0 = abar_s.sqrt() * (1 - ratio) / (1 - abar_t)
    wt = ratio.sqrt() * (1 - abar_s) / (1 - abar_t)
    mean = wide(wt) * x0 + wide(w0) * x_t
    var = (1 - ratio) * (1 - abar_s) / (1 - abar_t)
    return mean, var


def swaps_the_times(x0: Tensor, x_t: Tensor, abar_t: Tensor, abar_s: Tensor) -> Pair:
    abar_t, abar_s = abar_s, abar_t

    def wide(level: Tensor) -> Tensor:
        return level.reshape(*level.shape, *[1] * (x0.dim() - level.dim()))

    ratio = abar_t / abar_s
    w0 = abar_s.sqrt() * (1 - ratio) / (1 - abar_t)
    wt = ratio.sqrt() * (1 - abar_s) / (1 - abar_t)
    mean = wide(w0) * x0 + wide(wt) * x_t
    var = (1 - ratio) * (1 - abar_s) / (1 - abar_t)
    return mean, var


def forgets_the_root_of_abar_s(x0: Tensor, x_t: Tensor, abar_t: Tensor, abar_s: Tensor) -> Pair:
    def wide(level: Tensor) -> Tensor:
        return level.reshape(*level.shape, *[1] * (x0.dim() - level.dim()))

    ratio = abar_t / abar_s
    w0 = abar_s * (1 - ratio) / (1 - abar_t)
    wt = ratio.sqrt() * (1 - abar_s) / (1 - abar_t)
    mean = wide(w0) * x0 + wide(wt) * x_t
    var = (1 - ratio) * (1 - abar_s) / (1 - abar_t)
    return mean, var


def forgets_the_root_of_the_ratio(x0: Tensor, x_t: Tensor, abar_t: Tensor, abar_s: Tensor) -> Pair:
    def wide(level: Tensor) -> Tensor:
        return level.reshape(*level.shape, *[1] * (x0.dim() - level.dim()))

    ratio = abar_t / abar_s
    w0 = abar_s.sqrt() * (1 - ratio) / (1 - abar_t)
    wt = ratio * (1 - abar_s) / (1 - abar_t)
    mean = wide(w0) * x0 + wide(wt) * x_t
    var = (1 - ratio) * (1 - abar_s) / (1 - abar_t)
    return mean, var


def forgets_the_signal(x0: Tensor, x_t: Tensor, abar_t: Tensor, abar_s: Tensor) -> Pair:
    def wide(level: Tensor) -> Tensor:
        return level.reshape(*level.shape, *[1] * (x0.dim() - level.dim()))

    ratio = abar_t / abar_s
    w0 = (1 - ratio) / (1 - abar_t)
    wt = ratio.sqrt() * (1 - abar_s) / (1 - abar_t)
    mean = wide(w0) * x0 + wide(wt) * x_t
    var = (1 - ratio) * (1 - abar_s) / (1 - abar_t)
    return mean, var


def uses_abar_t_in_the_root(x0: Tensor, x_t: Tensor, abar_t: Tensor, abar_s: Tensor) -> Pair:
    def wide(level: Tensor) -> Tensor:
        return level.reshape(*level.shape, *[1] * (x0.dim() - level.dim()))

    ratio = abar_t / abar_s
    w0 = abar_s.sqrt() * (1 - ratio) / (1 - abar_t)
    wt = abar_t.sqrt() * (1 - abar_s) / (1 - abar_t)
    mean = wide(w0) * x0 + wide(wt) * x_t
    var = (1 - ratio) * (1 - abar_s) / (1 - abar_t)
    return mean, var


def normalises_the_weights(x0: Tensor, x_t: Tensor, abar_t: Tensor, abar_s: Tensor) -> Pair:
    def wide(level: Tensor) -> Tensor:
        return level.reshape(*level.shape, *[1] * (x0.dim() - level.dim()))

    ratio = abar_t / abar_s
    w0 = abar_s.sqrt() * (1 - ratio) / (1 - abar_t)
    wt = ratio.sqrt() * (1 - abar_s) / (1 - abar_t)
    mean = (wide(w0) * x0 + wide(wt) * x_t) / wide(w0 + wt)
    var = (1 - ratio) * (1 - abar_s) / (1 - abar_t)
    return mean, var


def forgets_what_x0_says(x0: Tensor, x_t: Tensor, abar_t: Tensor, abar_s: Tensor) -> Pair:
    def wide(level: Tensor) -> Tensor:
        return level.reshape(*level.shape, *[1] * (x0.dim() - level.dim()))

    ratio = abar_t / abar_s
    w0 = abar_s.sqrt() * (1 - ratio) / (1 - abar_t)
    wt = ratio.sqrt() * (1 - abar_s) / (1 - abar_t)
    mean = wide(1 / ratio.sqrt()) * x_t + 0 * wide(w0 + wt) * x0
    var = (1 - ratio) * (1 - abar_s) / (1 - abar_t)
    return mean, var


def forgets_to_reshape(x0: Tensor, x_t: Tensor, abar_t: Tensor, abar_s: Tensor) -> Pair:
    def wide(level: Tensor) -> Tensor:
        return level

    ratio = abar_t / abar_s
    w0 = abar_s.sqrt() * (1 - ratio) / (1 - abar_t)
    wt = ratio.sqrt() * (1 - abar_s) / (1 - abar_t)
    mean = wide(w0) * x0 + wide(wt) * x_t
    var = (1 - ratio) * (1 - abar_s) / (1 - abar_t)
    return mean, var


def expects_vectors(x0: Tensor, x_t: Tensor, abar_t: Tensor, abar_s: Tensor) -> Pair:
    def wide(level: Tensor) -> Tensor:
        return level[..., None]

    ratio = abar_t / abar_s
    w0 = abar_s.sqrt() * (1 - ratio) / (1 - abar_t)
    wt = ratio.sqrt() * (1 - abar_s) / (1 - abar_t)
    mean = wide(w0) * x0 + wide(wt) * x_t
    var = (1 - ratio) * (1 - abar_s) / (1 - abar_t)
    return mean, var


def adds_a_dimension_after_the_first(x0: Tensor, x_t: Tensor, abar_t: Tensor, abar_s: Tensor) -> Pair:
    def wide(level: Tensor) -> Tensor:
        return level[:, None]

    ratio = abar_t / abar_s
    w0 = abar_s.sqrt() * (1 - ratio) / (1 - abar_t)
    wt = ratio.sqrt() * (1 - abar_s) / (1 - abar_t)
    mean = wide(w0) * x0 + wide(wt) * x_t
    var = (1 - ratio) * (1 - abar_s) / (1 - abar_t)
    return mean, var


def gives_every_entry_its_variance(x0: Tensor, x_t: Tensor, abar_t: Tensor, abar_s: Tensor) -> Pair:
    def wide(level: Tensor) -> Tensor:
        return level.reshape(*level.shape, *[1] * (x0.dim() - level.dim()))

    ratio = abar_t / abar_s
    w0 = abar_s.sqrt() * (1 - ratio) / (1 - abar_t)
    wt = ratio.sqrt() * (1 - abar_s) / (1 - abar_t)
    mean = wide(w0) * x0 + wide(wt) * x_t
    var = (1 - ratio) * (1 - abar_s) / (1 - abar_t)
    return mean, wide(var).expand(mean.shape)


def divides_zero_by_zero(x0: Tensor, x_t: Tensor, abar_t: Tensor, abar_s: Tensor) -> Pair:
    var = 1 / (abar_t / abar_s / (1 - abar_t / abar_s) + 1 / (1 - abar_s))

    def wide(level: Tensor) -> Tensor:
        return level.reshape(*level.shape, *[1] * (x0.dim() - level.dim()))

    ratio = abar_t / abar_s
    w0 = abar_s.sqrt() / (1 - abar_s) * var
    wt = ratio.sqrt() / (1 - ratio) * var
    mean = wide(w0) * x0 + wide(wt) * x_t
    var = var
    return mean, var


def bounds_the_variance_from_below(x0: Tensor, x_t: Tensor, abar_t: Tensor, abar_s: Tensor) -> Pair:
    def wide(level: Tensor) -> Tensor:
        return level.reshape(*level.shape, *[1] * (x0.dim() - level.dim()))

    ratio = abar_t / abar_s
    w0 = abar_s.sqrt() * (1 - ratio) / (1 - abar_t)
    wt = ratio.sqrt() * (1 - abar_s) / (1 - abar_t)
    mean = wide(w0) * x0 + wide(wt) * x_t
    var = ((1 - ratio) * (1 - abar_s) / (1 - abar_t)).clamp(min=1e-4)
    return mean, var


def detaches_the_levels(x0: Tensor, x_t: Tensor, abar_t: Tensor, abar_s: Tensor) -> Pair:
    abar_t, abar_s = abar_t.detach(), abar_s.detach()

    def wide(level: Tensor) -> Tensor:
        return level.reshape(*level.shape, *[1] * (x0.dim() - level.dim()))

    ratio = abar_t / abar_s
    w0 = abar_s.sqrt() * (1 - ratio) / (1 - abar_t)
    wt = ratio.sqrt() * (1 - abar_s) / (1 - abar_t)
    mean = wide(w0) * x0 + wide(wt) * x_t
    var = (1 - ratio) * (1 - abar_s) / (1 - abar_t)
    return mean, var


def rounds_the_ratio(x0: Tensor, x_t: Tensor, abar_t: Tensor, abar_s: Tensor) -> Pair:
    def wide(level: Tensor) -> Tensor:
        return level.reshape(*level.shape, *[1] * (x0.dim() - level.dim()))

    ratio = (abar_t / abar_s).float().to(x0.dtype)
    w0 = abar_s.sqrt() * (1 - ratio) / (1 - abar_t)
    wt = ratio.sqrt() * (1 - abar_s) / (1 - abar_t)
    mean = wide(w0) * x0 + wide(wt) * x_t
    var = (1 - ratio) * (1 - abar_s) / (1 - abar_t)
    return mean, var


def returns_double(x0: Tensor, x_t: Tensor, abar_t: Tensor, abar_s: Tensor) -> Pair:
    def wide(level: Tensor) -> Tensor:
        return level.reshape(*level.shape, *[1] * (x0.dim() - level.dim()))

    ratio = abar_t / abar_s
    w0 = abar_s.sqrt() * (1 - ratio) / (1 - abar_t)
    wt = ratio.sqrt() * (1 - abar_s) / (1 - abar_t)
    mean = wide(w0) * x0 + wide(wt) * x_t
    var = (1 - ratio) * (1 - abar_s) / (1 - abar_t)
    return mean.double(), var.double()


def loops_over_examples(x0: Tensor, x_t: Tensor, abar_t: Tensor, abar_s: Tensor) -> Pair:
    ratio = abar_t / abar_s
    w0 = (abar_s.sqrt() * (1 - ratio) / (1 - abar_t)).flatten()
    wt = (ratio.sqrt() * (1 - abar_s) / (1 - abar_t)).flatten()
    clean, noisy = (each.reshape(len(w0), *x0.shape[abar_t.dim() :]) for each in (x0, x_t))
    rows = [w0[b] * clean[b] + wt[b] * noisy[b] for b in range(len(w0))]
    mean = torch.stack(rows).reshape(x0.shape) if rows else x0 * 1.0
    return mean, (1 - ratio) * (1 - abar_s) / (1 - abar_t)


SENTENCES: dict[Callable[..., Any], str] = {
    takes_abar_t_for_one_step: (
        "abar_t is the product of all alphas up to t. Which of them belong to the steps between s and t?"
    ),
    takes_the_difference_for_the_variance_added: (
        "Take abar_s = 0.5 and abar_t = 0.25: by what is x_s multiplied on the way to x_t, and how much noise comes"
        " to it?"
    ),
    assumes_a_short_step: "A long step: is 1 - abar_s still nearly the same as 1 - abar_t?",
    multiplies_the_times: (
        "abar_t is the product of all alphas up to t. Which of them belong to the steps between s and t?"
    ),
    returns_the_forward_variance: "You know x0: can x_s be as uncertain as if you knew x_t alone?",
    returns_the_variance_without_x_t: "You know x_t: can x_s be as uncertain as if you knew x0 alone?",
    returns_the_standard_deviation: "In the worked number the second result is 0.2925. Is yours its root?",
    returns_the_log_variance: "In the worked number the second result is 0.2925. Is yours its logarithm?",
    takes_the_deterministic_step: "Two x_s may lead to the same x_t. How sure of x_s can you be?",
    keeps_the_mean_of_the_deterministic_step: "If all of x_t's noise were in x_s, what would be left for the variance?",
    swaps_the_weights: "At abar_s = 1 the mean is x0. Which of your weights is 1 there?",
    swaps_the_times: "Which of the two times is later, and which of abar_t and abar_s is larger?",
    forgets_the_root_of_abar_s: "Put x_t = sqrt(abar_t) x0 in: is the mean sqrt(abar_s) x0?",
    forgets_the_root_of_the_ratio: "Put x_t = sqrt(abar_t) x0 in: is the mean sqrt(abar_s) x0?",
    forgets_the_signal: "Put x_t = sqrt(abar_t) x0 in: is the mean sqrt(abar_s) x0?",
    uses_abar_t_in_the_root: "Put x_t = sqrt(abar_t) x0 in: is the mean sqrt(abar_s) x0?",
    normalises_the_weights: "Put x_t = sqrt(abar_t) x0 in: is the mean sqrt(abar_s) x0?",
    forgets_what_x0_says: "You know x0: does your mean?",
    forgets_to_reshape: (
        "Which dimension of the data does your abar line up with? Print both shapes, with sizes that all differ."
    ),
    expects_vectors: (
        "Give it images of shape [3, 2, 3, 4]: how many values has abar_t then, and how must they be shaped?"
    ),
    adds_a_dimension_after_the_first: (
        "Give it images of shape [3, 2, 3, 4]: how many values has abar_t then, and how must they be shaped?"
    ),
    gives_every_entry_its_variance: (
        "All entries of an example share one variance. How many variances are there for three examples?"
    ),
    divides_zero_by_zero: "At time 0 abar_s is 1: what do you divide by there?",
    bounds_the_variance_from_below: "At time 0 nothing is uncertain any more. Which variance do you return?",
    detaches_the_levels: "Move abar_t a little: does your result know that it depends on it?",
    rounds_the_ratio: "Your answers are right to seven digits and no further; where do the others get lost?",
    returns_double: "Which dtype went in, and which came out? A model in float32 cannot use it.",
    loops_over_examples: "Your function handles one example after another; can one tensor operation handle them all?",
}
