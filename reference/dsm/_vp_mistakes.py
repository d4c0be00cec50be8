"""Wrong answers to dsm.4, each with the function that it stands in for and the sentence that it deserves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


def keeps_the_sign_of_the_noise(eps_hat: Tensor, alpha_bar: Tensor) -> Tensor:
    abar = alpha_bar.reshape(*alpha_bar.shape, *[1] * (eps_hat.dim() - alpha_bar.dim()))
    return eps_hat / (1 - abar).sqrt()


def divides_by_the_noise_variance(eps_hat: Tensor, alpha_bar: Tensor) -> Tensor:
    abar = alpha_bar.reshape(*alpha_bar.shape, *[1] * (eps_hat.dim() - alpha_bar.dim()))
    return -eps_hat / (1 - abar)


def divides_by_the_signal(eps_hat: Tensor, alpha_bar: Tensor) -> Tensor:
    abar = alpha_bar.reshape(*alpha_bar.shape, *[1] * (eps_hat.dim() - alpha_bar.dim()))
    return -eps_hat / abar.sqrt()


def multiplies_by_the_noise_std(eps_hat: Tensor, alpha_bar: Tensor) -> Tensor:
    abar = alpha_bar.reshape(*alpha_bar.shape, *[1] * (eps_hat.dim() - alpha_bar.dim()))
    return -eps_hat * (1 - abar).sqrt()


def returns_minus_the_noise(eps_hat: Tensor, alpha_bar: Tensor) -> Tensor:
    abar = alpha_bar.reshape(*alpha_bar.shape, *[1] * (eps_hat.dim() - alpha_bar.dim()))
    return -eps_hat + 0 * abar


def takes_cumulative_products(eps_hat: Tensor, alpha_bar: Tensor) -> Tensor:
    alpha_bar = torch.cumprod(alpha_bar.flatten(), 0).reshape(alpha_bar.shape)
    abar = alpha_bar.reshape(*alpha_bar.shape, *[1] * (eps_hat.dim() - alpha_bar.dim()))
    return -eps_hat / (1 - abar).sqrt()


def ignores_the_root_of_the_level(eps_hat: Tensor, alpha_bar: Tensor) -> Tensor:
    abar = alpha_bar.reshape(*alpha_bar.shape, *[1] * (eps_hat.dim() - alpha_bar.dim()))
    return -eps_hat / (1 - abar.sqrt())


def clamps_the_noise_level(eps_hat: Tensor, alpha_bar: Tensor) -> Tensor:
    abar = alpha_bar.reshape(*alpha_bar.shape, *[1] * (eps_hat.dim() - alpha_bar.dim()))
    return -eps_hat / (1 - abar).clamp(min=1e-5).sqrt()


def guards_the_division(eps_hat: Tensor, alpha_bar: Tensor) -> Tensor:
    abar = alpha_bar.reshape(*alpha_bar.shape, *[1] * (eps_hat.dim() - alpha_bar.dim()))
    return -eps_hat / ((1 - abar).sqrt() + 1e-8)


def forgets_to_reshape(eps_hat: Tensor, alpha_bar: Tensor) -> Tensor:
    abar = alpha_bar
    return -eps_hat / (1 - abar).sqrt()


def expects_one_event_dimension(eps_hat: Tensor, alpha_bar: Tensor) -> Tensor:
    abar = alpha_bar[..., None]
    return -eps_hat / (1 - abar).sqrt()


def expects_images(eps_hat: Tensor, alpha_bar: Tensor) -> Tensor:
    abar = alpha_bar.view(-1, *[1] * (eps_hat.dim() - 1))
    return -eps_hat / (1 - abar).sqrt()


def adds_a_dimension_after_the_first(eps_hat: Tensor, alpha_bar: Tensor) -> Tensor:
    abar = alpha_bar[:, None]
    return -eps_hat / (1 - abar).sqrt()


def makes_a_column(eps_hat: Tensor, alpha_bar: Tensor) -> Tensor:
    abar = alpha_bar.reshape(-1, 1)
    return -eps_hat / (1 - abar).sqrt()


def expects_four_dimensions(eps_hat: Tensor, alpha_bar: Tensor) -> Tensor:
    abar = alpha_bar.reshape(-1, 1, 1, 1)
    return -eps_hat / (1 - abar).sqrt()


def detaches_the_level(eps_hat: Tensor, alpha_bar: Tensor) -> Tensor:
    abar = alpha_bar.reshape(*alpha_bar.shape, *[1] * (eps_hat.dim() - alpha_bar.dim()))
    return -eps_hat / (1 - abar.detach()).sqrt()


def rounds_the_level(eps_hat: Tensor, alpha_bar: Tensor) -> Tensor:
    abar = alpha_bar.reshape(*alpha_bar.shape, *[1] * (eps_hat.dim() - alpha_bar.dim()))
    return -eps_hat / (1 - abar).sqrt().float().to(eps_hat.dtype)


def loops_over_examples(eps_hat: Tensor, alpha_bar: Tensor) -> Tensor:
    levels, rows = alpha_bar.flatten(), eps_hat.reshape(alpha_bar.numel(), *eps_hat.shape[alpha_bar.dim() :])
    scores = [-row / (1 - level).sqrt() for row, level in zip(rows, levels, strict=True)]
    return torch.stack(scores).reshape(eps_hat.shape) if scores else eps_hat * 1.0


def keeps_the_sign_of_the_score(score: Tensor, alpha_bar: Tensor) -> Tensor:
    abar = alpha_bar.reshape(*alpha_bar.shape, *[1] * (score.dim() - alpha_bar.dim()))
    return score * (1 - abar).sqrt()


def multiplies_by_the_noise_variance(score: Tensor, alpha_bar: Tensor) -> Tensor:
    abar = alpha_bar.reshape(*alpha_bar.shape, *[1] * (score.dim() - alpha_bar.dim()))
    return -score * (1 - abar)


def divides_the_score(score: Tensor, alpha_bar: Tensor) -> Tensor:
    abar = alpha_bar.reshape(*alpha_bar.shape, *[1] * (score.dim() - alpha_bar.dim()))
    return -score / (1 - abar).sqrt()


def multiplies_by_the_signal(score: Tensor, alpha_bar: Tensor) -> Tensor:
    abar = alpha_bar.reshape(*alpha_bar.shape, *[1] * (score.dim() - alpha_bar.dim()))
    return -score * abar.sqrt()


def forgets_to_reshape_for_scores(score: Tensor, alpha_bar: Tensor) -> Tensor:
    abar = alpha_bar
    return -score * (1 - abar).sqrt()


def expects_vectors_of_scores(score: Tensor, alpha_bar: Tensor) -> Tensor:
    abar = alpha_bar[..., None]
    return -score * (1 - abar).sqrt()


def steps_away_from_the_data(x_t: Tensor, score: Tensor, alpha_bar: Tensor) -> Tensor:
    abar = alpha_bar.reshape(*alpha_bar.shape, *[1] * (x_t.dim() - alpha_bar.dim()))
    return (x_t - (1 - abar) * score) / abar.sqrt()


def steps_by_the_noise_std(x_t: Tensor, score: Tensor, alpha_bar: Tensor) -> Tensor:
    abar = alpha_bar.reshape(*alpha_bar.shape, *[1] * (x_t.dim() - alpha_bar.dim()))
    return (x_t + (1 - abar).sqrt() * score) / abar.sqrt()


def forgets_to_divide_by_the_signal(x_t: Tensor, score: Tensor, alpha_bar: Tensor) -> Tensor:
    abar = alpha_bar.reshape(*alpha_bar.shape, *[1] * (x_t.dim() - alpha_bar.dim()))
    return x_t + (1 - abar) * score


def divides_by_alpha_bar(x_t: Tensor, score: Tensor, alpha_bar: Tensor) -> Tensor:
    abar = alpha_bar.reshape(*alpha_bar.shape, *[1] * (x_t.dim() - alpha_bar.dim()))
    return (x_t + (1 - abar) * score) / abar


def divides_x_alone(x_t: Tensor, score: Tensor, alpha_bar: Tensor) -> Tensor:
    abar = alpha_bar.reshape(*alpha_bar.shape, *[1] * (x_t.dim() - alpha_bar.dim()))
    return x_t / abar.sqrt() + (1 - abar) * score


def takes_the_score_for_noise(x_t: Tensor, score: Tensor, alpha_bar: Tensor) -> Tensor:
    abar = alpha_bar.reshape(*alpha_bar.shape, *[1] * (x_t.dim() - alpha_bar.dim()))
    return (x_t - (1 - abar).sqrt() * score) / abar.sqrt()


def steps_by_the_signal(x_t: Tensor, score: Tensor, alpha_bar: Tensor) -> Tensor:
    abar = alpha_bar.reshape(*alpha_bar.shape, *[1] * (x_t.dim() - alpha_bar.dim()))
    return (x_t + abar * score) / (1 - abar).sqrt()


def removes_the_score_entirely(x_t: Tensor, score: Tensor, alpha_bar: Tensor) -> Tensor:
    abar = alpha_bar.reshape(*alpha_bar.shape, *[1] * (x_t.dim() - alpha_bar.dim()))
    return (x_t + score) / abar.sqrt()


def ignores_the_score(x_t: Tensor, score: Tensor, alpha_bar: Tensor) -> Tensor:
    abar = alpha_bar.reshape(*alpha_bar.shape, *[1] * (x_t.dim() - alpha_bar.dim()))
    return x_t / abar.sqrt() + 0 * score


def forgets_to_reshape_for_tweedie(x_t: Tensor, score: Tensor, alpha_bar: Tensor) -> Tensor:
    abar = alpha_bar
    return (x_t + (1 - abar) * score) / abar.sqrt()


def expects_vectors_for_tweedie(x_t: Tensor, score: Tensor, alpha_bar: Tensor) -> Tensor:
    abar = alpha_bar[..., None]
    return (x_t + (1 - abar) * score) / abar.sqrt()


def clips_to_the_unit_range(x_t: Tensor, score: Tensor, alpha_bar: Tensor) -> Tensor:
    abar = alpha_bar.reshape(*alpha_bar.shape, *[1] * (x_t.dim() - alpha_bar.dim()))
    return ((x_t + (1 - abar) * score) / abar.sqrt()).clamp(-1, 1)


def swaps_data_and_noise(x0: Tensor, alpha_bar: Tensor, eps: Tensor) -> Tensor:
    abar = alpha_bar.reshape(*alpha_bar.shape, *[1] * (x0.dim() - alpha_bar.dim()))
    return (1 - abar).sqrt() * x0 + abar.sqrt() * eps


def forgets_the_roots(x0: Tensor, alpha_bar: Tensor, eps: Tensor) -> Tensor:
    abar = alpha_bar.reshape(*alpha_bar.shape, *[1] * (x0.dim() - alpha_bar.dim()))
    return abar * x0 + (1 - abar) * eps


def forgets_the_root_of_the_noise(x0: Tensor, alpha_bar: Tensor, eps: Tensor) -> Tensor:
    abar = alpha_bar.reshape(*alpha_bar.shape, *[1] * (x0.dim() - alpha_bar.dim()))
    return abar.sqrt() * x0 + (1 - abar) * eps


def forgets_the_root_of_the_signal(x0: Tensor, alpha_bar: Tensor, eps: Tensor) -> Tensor:
    abar = alpha_bar.reshape(*alpha_bar.shape, *[1] * (x0.dim() - alpha_bar.dim()))
    return abar * x0 + (1 - abar).sqrt() * eps


def adds_noise_without_shrinking(x0: Tensor, alpha_bar: Tensor, eps: Tensor) -> Tensor:
    abar = alpha_bar.reshape(*alpha_bar.shape, *[1] * (x0.dim() - alpha_bar.dim()))
    return x0 + (1 - abar).sqrt() * eps


def subtracts_one_root_from_one(x0: Tensor, alpha_bar: Tensor, eps: Tensor) -> Tensor:
    abar = alpha_bar.reshape(*alpha_bar.shape, *[1] * (x0.dim() - alpha_bar.dim()))
    return abar.sqrt() * x0 + (1 - abar.sqrt()) * eps


def squares_the_level(x0: Tensor, alpha_bar: Tensor, eps: Tensor) -> Tensor:
    abar = alpha_bar.reshape(*alpha_bar.shape, *[1] * (x0.dim() - alpha_bar.dim()))
    return abar * x0 + (1 - abar**2).sqrt() * eps


def takes_products_over_the_batch(x0: Tensor, alpha_bar: Tensor, eps: Tensor) -> Tensor:
    alpha_bar = torch.cumprod(alpha_bar.flatten(), 0).reshape(alpha_bar.shape)
    abar = alpha_bar.reshape(*alpha_bar.shape, *[1] * (x0.dim() - alpha_bar.dim()))
    return abar.sqrt() * x0 + (1 - abar).sqrt() * eps


def draws_noise_of_its_own(x0: Tensor, alpha_bar: Tensor, eps: Tensor) -> Tensor:
    abar = alpha_bar.reshape(*alpha_bar.shape, *[1] * (x0.dim() - alpha_bar.dim()))
    return abar.sqrt() * x0 + (1 - abar).sqrt() * torch.randn_like(eps)


def forgets_to_reshape_for_mixtures(x0: Tensor, alpha_bar: Tensor, eps: Tensor) -> Tensor:
    abar = alpha_bar
    return abar.sqrt() * x0 + (1 - abar).sqrt() * eps


def expects_vectors_to_mix(x0: Tensor, alpha_bar: Tensor, eps: Tensor) -> Tensor:
    abar = alpha_bar[..., None]
    return abar.sqrt() * x0 + (1 - abar).sqrt() * eps


def adds_to_its_input(x0: Tensor, alpha_bar: Tensor, eps: Tensor) -> Tensor:
    abar = alpha_bar.reshape(*alpha_bar.shape, *[1] * (x0.dim() - alpha_bar.dim()))
    return x0.mul_(abar.sqrt()).add_((1 - abar).sqrt() * eps)


def returns_double(x0: Tensor, alpha_bar: Tensor, eps: Tensor) -> Tensor:
    abar = alpha_bar.reshape(*alpha_bar.shape, *[1] * (x0.dim() - alpha_bar.dim()))
    return (abar.sqrt() * x0 + (1 - abar).sqrt() * eps).double()


def divides_by_the_ratio_to_the_signal(eps_hat: Tensor, alpha_bar: Tensor) -> Tensor:
    abar = alpha_bar.reshape(*alpha_bar.shape, *[1] * (eps_hat.dim() - alpha_bar.dim()))
    return -eps_hat * (abar / (1 - abar)).sqrt()


def takes_the_first_dimension_for_the_batch(score: Tensor, alpha_bar: Tensor) -> Tensor:
    abar = alpha_bar.view(-1, *[1] * (score.dim() - 1))
    return -score * (1 - abar).sqrt()


def divides_the_step_alone(x_t: Tensor, score: Tensor, alpha_bar: Tensor) -> Tensor:
    abar = alpha_bar.reshape(*alpha_bar.shape, *[1] * (x_t.dim() - alpha_bar.dim()))
    return x_t + (1 - abar) * score / abar.sqrt()


def multiplies_by_the_signal_again(x_t: Tensor, score: Tensor, alpha_bar: Tensor) -> Tensor:
    abar = alpha_bar.reshape(*alpha_bar.shape, *[1] * (x_t.dim() - alpha_bar.dim()))
    return (x_t + (1 - abar) * score) * abar.sqrt()


def detaches_the_score_it_is_given(x_t: Tensor, score: Tensor, alpha_bar: Tensor) -> Tensor:
    abar = alpha_bar.reshape(*alpha_bar.shape, *[1] * (x_t.dim() - alpha_bar.dim()))
    return (x_t + (1 - abar) * score.detach()) / abar.sqrt()


def takes_the_first_dimension_for_a_batch_of_x_t(x_t: Tensor, score: Tensor, alpha_bar: Tensor) -> Tensor:
    abar = alpha_bar.view(-1, *[1] * (x_t.dim() - 1))
    return (x_t + (1 - abar) * score) / abar.sqrt()


def takes_the_first_dimension_for_a_batch_of_x0(x0: Tensor, alpha_bar: Tensor, eps: Tensor) -> Tensor:
    abar = alpha_bar.view(-1, *[1] * (x0.dim() - 1))
    return abar.sqrt() * x0 + (1 - abar).sqrt() * eps


_FROM_THE_FRONT = (
    "Give it a batch of shape [2, 3]: how many values has alpha_bar then, and where in your reshaped one are they?"
)

SENTENCES: dict[tuple[Callable[..., Any], str], str] = {
    (keeps_the_sign_of_the_noise, "eps_to_score"): (
        "The score leads back to the data, the noise leads away: how do their signs compare?"
    ),
    (divides_by_the_noise_variance, "eps_to_score"): (
        "In x_t, eps is multiplied by which number: a variance, or a standard deviation?"
    ),
    (divides_by_the_signal, "eps_to_score"): (
        "Nearly clean data, abar = 0.99: is the noisy density flat or steep? And your score?"
    ),
    (multiplies_by_the_noise_std, "eps_to_score"): (
        "Nearly clean data, abar = 0.99: is the noisy density flat or steep? And your score?"
    ),
    (returns_minus_the_noise, "eps_to_score"): "Does the slope of a density depend on how wide it is? Yours does not.",
    (takes_cumulative_products, "eps_to_score"): (
        "alpha_bar is the product of the alphas up to t already, and a batch is no sequence of times. What do you "
        "multiply?"
    ),
    (ignores_the_root_of_the_level, "eps_to_score"): (
        "For x0 = 0, what is the variance of x_t? And its standard deviation?"
    ),
    (clamps_the_noise_level, "eps_to_score"): (
        "Your noise level is bounded from below. How large is it at abar = 1 - 1e-7?"
    ),
    (guards_the_division, "eps_to_score"): (
        "Your division is protected against a noise of zero. What does that cost everywhere else?"
    ),
    (forgets_to_reshape, "eps_to_score"): (
        "Which dimension of the data does your alpha_bar line up with? Print both shapes, with sizes that all differ."
    ),
    (expects_one_event_dimension, "eps_to_score"): (
        "Give it images of shape [3, 2, 3, 4]: how many values has alpha_bar then, and how must they be shaped?"
    ),
    (expects_images, "eps_to_score"): _FROM_THE_FRONT,
    (adds_a_dimension_after_the_first, "eps_to_score"): (
        "Give it images of shape [3, 2, 3, 4]: how many values has alpha_bar then, and how must they be shaped?"
    ),
    (makes_a_column, "eps_to_score"): (
        "Give it images of shape [3, 2, 3, 4]: how many values has alpha_bar then, and how must they be shaped?"
    ),
    (expects_four_dimensions, "eps_to_score"): (
        "Give it vectors of shape [3, 5]: which shape comes back? How many dimensions does your alpha_bar expect?"
    ),
    (detaches_the_level, "eps_to_score"): "Move alpha_bar a little: does your result know that it depends on it?",
    (rounds_the_level, "eps_to_score"): (
        "Your answers are right to seven digits and no further; where do the others get lost?"
    ),
    (loops_over_examples, "eps_to_score"): (
        "Your function handles one example after another; can one tensor operation handle them all?"
    ),
    (keeps_the_sign_of_the_score, "score_to_eps"): (
        "The score leads back to the data, the noise leads away: how do their signs compare?"
    ),
    (multiplies_by_the_noise_variance, "score_to_eps"): (
        "Take eps_to_score of a noise, and then this: does the noise come back?"
    ),
    (divides_the_score, "score_to_eps"): "Take eps_to_score of a noise, and then this: does the noise come back?",
    (multiplies_by_the_signal, "score_to_eps"): (
        "Take eps_to_score of a noise, and then this: does the noise come back?"
    ),
    (forgets_to_reshape_for_scores, "score_to_eps"): (
        "Which dimension of the data does your alpha_bar line up with? Print both shapes, with sizes that all differ."
    ),
    (expects_vectors_of_scores, "score_to_eps"): (
        "Give it images of shape [3, 2, 3, 4]: how many values has alpha_bar then, and how must they be shaped?"
    ),
    (steps_away_from_the_data, "tweedie_x0"): "The score leads uphill. Is the mean of clean data up or down from x_t?",
    (steps_by_the_noise_std, "tweedie_x0"): "Put s = -eps / sqrt(1 - abar) in: does x_t turn into sqrt(abar) x0?",
    (forgets_to_divide_by_the_signal, "tweedie_x0"): (
        "With hardly any data left in x_t, abar = 0.01: how large is your estimate of x0, and how large is x0?"
    ),
    (divides_by_alpha_bar, "tweedie_x0"): "x0 is in x_t with which factor, abar or its root?",
    (divides_x_alone, "tweedie_x0"): (
        "Solve x_t = sqrt(abar) x0 + sqrt(1 - abar) eps for x0 on paper: what is divided by sqrt(abar)?"
    ),
    (takes_the_score_for_noise, "tweedie_x0"): (
        "This formula removes noise. Is what you are given the noise, or its score?"
    ),
    (steps_by_the_signal, "tweedie_x0"): "Which of abar and 1 - abar is the share of the data?",
    (removes_the_score_entirely, "tweedie_x0"): "With hardly any noise, abar = 0.9999: how far from x_t can x0 be?",
    (ignores_the_score, "tweedie_x0"): (
        "Tweedie's formula knows more than x_t: move the score. Does your estimate move?"
    ),
    (forgets_to_reshape_for_tweedie, "tweedie_x0"): (
        "Which dimension of the data does your alpha_bar line up with? Print both shapes, with sizes that all differ."
    ),
    (expects_vectors_for_tweedie, "tweedie_x0"): (
        "Give it images of shape [3, 2, 3, 4]: how many values has alpha_bar then, and how must they be shaped?"
    ),
    (clips_to_the_unit_range, "tweedie_x0"): "Is every x0 between -1 and 1? Who says so?",
    (swaps_data_and_noise, "vp_perturb"): "At time 0 abar is 1: is x_0 data or noise for you?",
    (forgets_the_roots, "vp_perturb"): (
        "Data and noise of variance one: what is the variance of your mixture at abar = 0.64?"
    ),
    (forgets_the_root_of_the_noise, "vp_perturb"): (
        "Data and noise of variance one: what is the variance of your mixture at abar = 0.64?"
    ),
    (forgets_the_root_of_the_signal, "vp_perturb"): (
        "Data and noise of variance one: what is the variance of your mixture at abar = 0.64?"
    ),
    (adds_noise_without_shrinking, "vp_perturb"): (
        "Data and noise of variance one: does your mixture keep the variance, or does it grow?"
    ),
    (subtracts_one_root_from_one, "vp_perturb"): (
        "Data and noise of variance one: what do the squares of your two factors add up to?"
    ),
    (squares_the_level, "vp_perturb"): "Is alpha_bar the factor of x0, or the square of that factor?",
    (takes_products_over_the_batch, "vp_perturb"): (
        "alpha_bar is the product of the alphas up to t already, and a batch is no sequence of times. What do you "
        "multiply?"
    ),
    (draws_noise_of_its_own, "vp_perturb"): (
        "Call vp_perturb twice with the same arguments: why do the two results differ?"
    ),
    (forgets_to_reshape_for_mixtures, "vp_perturb"): (
        "Which dimension of the data does your alpha_bar line up with? Print both shapes, with sizes that all differ."
    ),
    (expects_vectors_to_mix, "vp_perturb"): (
        "Give it images of shape [3, 2, 3, 4]: how many values has alpha_bar then, and how must they be shaped?"
    ),
    (adds_to_its_input, "vp_perturb"): "Use x0 again after the call: is it still clean?",
    (returns_double, "vp_perturb"): "Which dtype went in, and which came out? A model in float32 cannot use it.",
    (divides_by_the_ratio_to_the_signal, "eps_to_score"): (
        "For x0 = 0, what is the variance of x_t? And its standard deviation?"
    ),
    (takes_the_first_dimension_for_the_batch, "score_to_eps"): _FROM_THE_FRONT,
    (divides_the_step_alone, "tweedie_x0"): (
        "Solve x_t = sqrt(abar) x0 + sqrt(1 - abar) eps for x0 on paper: what is divided by sqrt(abar)?"
    ),
    (multiplies_by_the_signal_again, "tweedie_x0"): (
        "With hardly any data left in x_t, abar = 0.01: how large is your estimate of x0, and how large is x0?"
    ),
    (detaches_the_score_it_is_given, "tweedie_x0"): (
        "Your values are right. Train the network behind the score with them: does a gradient reach it?"
    ),
    (takes_the_first_dimension_for_a_batch_of_x_t, "tweedie_x0"): _FROM_THE_FRONT,
    (takes_the_first_dimension_for_a_batch_of_x0, "vp_perturb"): _FROM_THE_FRONT,
}
