"""Wrong answers to dsm.7 in the weights of x0 and x_t, and the sentence that each deserves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from reference.dsm._posterior_answers import Pair


def shrinks_x0_to_the_later_time(x0: Tensor, x_t: Tensor, abar_t: Tensor, abar_s: Tensor) -> Pair:
    def wide(level: Tensor) -> Tensor:
        return level.reshape(*level.shape, *[1] * (x0.dim() - level.dim()))

    ratio = abar_t / abar_s
    w0 = abar_t.sqrt() * (1 - ratio) / (1 - abar_t)
    wt = ratio.sqrt() * (1 - abar_s) / (1 - abar_t)
    mean = wide(w0) * x0 + wide(wt) * x_t
    return mean, (1 - ratio) * (1 - abar_s) / (1 - abar_t)


def forgets_both_roots(x0: Tensor, x_t: Tensor, abar_t: Tensor, abar_s: Tensor) -> Pair:
    def wide(level: Tensor) -> Tensor:
        return level.reshape(*level.shape, *[1] * (x0.dim() - level.dim()))

    ratio = abar_t / abar_s
    w0 = abar_s * (1 - ratio) / (1 - abar_t)
    wt = ratio * (1 - abar_s) / (1 - abar_t)
    mean = wide(w0) * x0 + wide(wt) * x_t
    return mean, (1 - ratio) * (1 - abar_s) / (1 - abar_t)


def forgets_how_x_s_shrinks(x0: Tensor, x_t: Tensor, abar_t: Tensor, abar_s: Tensor) -> Pair:
    def wide(level: Tensor) -> Tensor:
        return level.reshape(*level.shape, *[1] * (x0.dim() - level.dim()))

    ratio = abar_t / abar_s
    w0 = abar_s.sqrt() * (1 - ratio) / (1 - abar_t)
    wt = (1 - abar_s) / (1 - abar_t)
    mean = wide(w0) * x0 + wide(wt) * x_t
    return mean, (1 - ratio) * (1 - abar_s) / (1 - abar_t)


def takes_roots_of_the_variances(x0: Tensor, x_t: Tensor, abar_t: Tensor, abar_s: Tensor) -> Pair:
    def wide(level: Tensor) -> Tensor:
        return level.reshape(*level.shape, *[1] * (x0.dim() - level.dim()))

    ratio = abar_t / abar_s
    w0 = abar_s.sqrt() * ((1 - ratio) / (1 - abar_t)).sqrt()
    wt = ratio.sqrt() * ((1 - abar_s) / (1 - abar_t)).sqrt()
    mean = wide(w0) * x0 + wide(wt) * x_t
    return mean, (1 - ratio) * (1 - abar_s) / (1 - abar_t)


def exchanges_the_two_noises(x0: Tensor, x_t: Tensor, abar_t: Tensor, abar_s: Tensor) -> Pair:
    def wide(level: Tensor) -> Tensor:
        return level.reshape(*level.shape, *[1] * (x0.dim() - level.dim()))

    ratio = abar_t / abar_s
    w0 = abar_s.sqrt() * (1 - abar_s) / (1 - abar_t)
    wt = ratio.sqrt() * (1 - ratio) / (1 - abar_t)
    mean = wide(w0) * x0 + wide(wt) * x_t
    return mean, (1 - ratio) * (1 - abar_s) / (1 - abar_t)


def forgets_what_x_t_says(x0: Tensor, x_t: Tensor, abar_t: Tensor, abar_s: Tensor) -> Pair:
    def wide(level: Tensor) -> Tensor:
        return level.reshape(*level.shape, *[1] * (x0.dim() - level.dim()))

    ratio = abar_t / abar_s
    mean = wide(abar_s.sqrt()) * x0 + 0 * x_t
    return mean, 1 - abar_s + 0 * ratio


def forgets_a_root_of_the_noise(x0: Tensor, x_t: Tensor, abar_t: Tensor, abar_s: Tensor) -> Pair:
    def wide(level: Tensor) -> Tensor:
        return level.reshape(*level.shape, *[1] * (x0.dim() - level.dim()))

    ratio = abar_t / abar_s
    noise = (x_t - wide(abar_t.sqrt()) * x0) / wide((1 - abar_t).sqrt())
    mean = (x_t - wide((1 - ratio) / (1 - abar_t)) * noise) / wide(ratio.sqrt())
    return mean, (1 - ratio) * (1 - abar_s) / (1 - abar_t)


def removes_all_the_noise_of_the_step(x0: Tensor, x_t: Tensor, abar_t: Tensor, abar_s: Tensor) -> Pair:
    def wide(level: Tensor) -> Tensor:
        return level.reshape(*level.shape, *[1] * (x0.dim() - level.dim()))

    ratio = abar_t / abar_s
    noise = (x_t - wide(abar_t.sqrt()) * x0) / wide((1 - abar_t).sqrt())
    mean = (x_t - wide((1 - ratio).sqrt()) * noise) / wide(ratio.sqrt())
    return mean, (1 - ratio) * (1 - abar_s) / (1 - abar_t)


def turns_the_ratio_of_noises_over(x0: Tensor, x_t: Tensor, abar_t: Tensor, abar_s: Tensor) -> Pair:
    def wide(level: Tensor) -> Tensor:
        return level.reshape(*level.shape, *[1] * (x0.dim() - level.dim()))

    ratio = abar_t / abar_s
    w0 = abar_s.sqrt() * (1 - ratio) / (1 - abar_s)
    wt = ratio.sqrt() * (1 - abar_t) / (1 - abar_s)
    mean = wide(w0) * x0 + wide(wt) * x_t
    return mean, (1 - ratio) * (1 - abar_t) / (1 - abar_s)


def turns_the_ratio_of_the_variance_over(x0: Tensor, x_t: Tensor, abar_t: Tensor, abar_s: Tensor) -> Pair:
    def wide(level: Tensor) -> Tensor:
        return level.reshape(*level.shape, *[1] * (x0.dim() - level.dim()))

    ratio = abar_t / abar_s
    w0 = abar_s.sqrt() * (1 - ratio) / (1 - abar_t)
    wt = ratio.sqrt() * (1 - abar_s) / (1 - abar_t)
    mean = wide(w0) * x0 + wide(wt) * x_t
    return mean, (1 - ratio) * (1 - abar_t) / (1 - abar_s)


def keeps_the_variance_beside_the_event(x0: Tensor, x_t: Tensor, abar_t: Tensor, abar_s: Tensor) -> Pair:
    def wide(level: Tensor) -> Tensor:
        return level.reshape(*level.shape, *[1] * (x0.dim() - level.dim()))

    ratio = abar_t / abar_s
    w0 = abar_s.sqrt() * (1 - ratio) / (1 - abar_t)
    wt = ratio.sqrt() * (1 - abar_s) / (1 - abar_t)
    mean = wide(w0) * x0 + wide(wt) * x_t
    return mean, wide((1 - ratio) * (1 - abar_s) / (1 - abar_t))


_MEAN = "Put x_t = sqrt(abar_t) x0 in: is the mean sqrt(abar_s) x0?"
_BETWEEN = "At abar_s = 1 the mean is x0. Which of your weights is 1 there?"
_OVER = "At time 0 abar_s is 1 and nothing is uncertain any more. What is your variance there?"
_NOISE = "Write your mean as a weight times x0 and a weight times x_t: at abar_s = 1, is the one 1 and the other 0?"

SENTENCES: dict[Callable[..., Any], str] = {
    shrinks_x0_to_the_later_time: _MEAN,
    forgets_both_roots: _MEAN,
    forgets_how_x_s_shrinks: _MEAN,
    takes_roots_of_the_variances: _MEAN,
    exchanges_the_two_noises: _BETWEEN,
    forgets_what_x_t_says: "You know x_t: does your mean?",
    forgets_a_root_of_the_noise: _NOISE,
    removes_all_the_noise_of_the_step: (
        "The noise in x_t is what came before s and what came after it: do their sizes add up, or their variances?"
    ),
    turns_the_ratio_of_noises_over: _OVER,
    turns_the_ratio_of_the_variance_over: _OVER,
    keeps_the_variance_beside_the_event: (
        "All entries of an example share one variance. How many variances are there for three examples?"
    ),
}
