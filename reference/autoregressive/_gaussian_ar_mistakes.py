"""Wrong answers to ar.2, each with its sentence."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def predicts_each_from_itself(x: Tensor, W: Tensor, b: Tensor, log_sigma: Tensor | float) -> Tensor:
    residual = x - b - x @ W.tril().mT
    squares = (residual * torch.exp(-torch.as_tensor(log_sigma, dtype=x.dtype, device=x.device))).square()
    return (0.5 * math.log(2 * math.pi) + log_sigma + 0.5 * squares).sum(-1)


def predicts_from_what_follows(x: Tensor, W: Tensor, b: Tensor, log_sigma: Tensor | float) -> Tensor:
    residual = x - b - x @ W.triu(1).mT
    squares = (residual * torch.exp(-torch.as_tensor(log_sigma, dtype=x.dtype, device=x.device))).square()
    return (0.5 * math.log(2 * math.pi) + log_sigma + 0.5 * squares).sum(-1)


def uses_all_weights(x: Tensor, W: Tensor, b: Tensor, log_sigma: Tensor | float) -> Tensor:
    residual = x - b - x @ W.mT
    squares = (residual * torch.exp(-torch.as_tensor(log_sigma, dtype=x.dtype, device=x.device))).square()
    return (0.5 * math.log(2 * math.pi) + log_sigma + 0.5 * squares).sum(-1)


def transposes_the_weights(x: Tensor, W: Tensor, b: Tensor, log_sigma: Tensor | float) -> Tensor:
    residual = x - b - x @ W.tril(-1)
    squares = (residual * torch.exp(-torch.as_tensor(log_sigma, dtype=x.dtype, device=x.device))).square()
    return (0.5 * math.log(2 * math.pi) + log_sigma + 0.5 * squares).sum(-1)


def averages_over_dimensions(x: Tensor, W: Tensor, b: Tensor, log_sigma: Tensor | float) -> Tensor:
    residual = x - b - x @ W.tril(-1).mT
    squares = (residual * torch.exp(-torch.as_tensor(log_sigma, dtype=x.dtype, device=x.device))).square()
    return (0.5 * math.log(2 * math.pi) + log_sigma + 0.5 * squares).mean(-1)


def forgets_log_sigma(x: Tensor, W: Tensor, b: Tensor, log_sigma: Tensor | float) -> Tensor:
    residual = x - b - x @ W.tril(-1).mT
    squares = (residual * torch.exp(-torch.as_tensor(log_sigma, dtype=x.dtype, device=x.device))).square()
    return (0.5 * math.log(2 * math.pi) + 0.5 * squares).sum(-1)


def forgets_the_constant(x: Tensor, W: Tensor, b: Tensor, log_sigma: Tensor | float) -> Tensor:
    residual = x - b - x @ W.tril(-1).mT
    squares = (residual * torch.exp(-torch.as_tensor(log_sigma, dtype=x.dtype, device=x.device))).square()
    return (torch.as_tensor(log_sigma, dtype=x.dtype, device=x.device) + 0.5 * squares).sum(-1)


def counts_the_constant_once(x: Tensor, W: Tensor, b: Tensor, log_sigma: Tensor | float) -> Tensor:
    residual = x - b - x @ W.tril(-1).mT
    squares = (residual * torch.exp(-torch.as_tensor(log_sigma, dtype=x.dtype, device=x.device))).square()
    return 0.5 * math.log(2 * math.pi) + (log_sigma + 0.5 * squares).sum(-1)


def counts_a_shared_log_sigma_once(x: Tensor, W: Tensor, b: Tensor, log_sigma: Tensor | float) -> Tensor:
    residual = x - b - x @ W.tril(-1).mT
    squares = (residual * torch.exp(-torch.as_tensor(log_sigma, dtype=x.dtype, device=x.device))).square()
    return (
        0.5 * math.log(2 * math.pi) * x.shape[-1]
        + torch.as_tensor(log_sigma, dtype=x.dtype, device=x.device).sum()
        + (0.5 * squares).sum(-1)
    )


def forgets_the_half_of_the_square(x: Tensor, W: Tensor, b: Tensor, log_sigma: Tensor | float) -> Tensor:
    residual = x - b - x @ W.tril(-1).mT
    squares = (residual * torch.exp(-torch.as_tensor(log_sigma, dtype=x.dtype, device=x.device))).square()
    return (0.5 * math.log(2 * math.pi) + log_sigma + squares).sum(-1)


def returns_the_log_likelihood(x: Tensor, W: Tensor, b: Tensor, log_sigma: Tensor | float) -> Tensor:
    residual = x - b - x @ W.tril(-1).mT
    squares = (residual * torch.exp(-torch.as_tensor(log_sigma, dtype=x.dtype, device=x.device))).square()
    return -(0.5 * math.log(2 * math.pi) + log_sigma + 0.5 * squares).sum(-1)


def sums_over_the_batch(x: Tensor, W: Tensor, b: Tensor, log_sigma: Tensor | float) -> Tensor:
    residual = x - b - x @ W.tril(-1).mT
    squares = (residual * torch.exp(-torch.as_tensor(log_sigma, dtype=x.dtype, device=x.device))).square()
    return (0.5 * math.log(2 * math.pi) + log_sigma + 0.5 * squares).sum()


def takes_log_sigma_for_a_log_variance(x: Tensor, W: Tensor, b: Tensor, log_sigma: Tensor | float) -> Tensor:
    logvar = torch.as_tensor(log_sigma, dtype=x.dtype, device=x.device)
    residual = x - b - x @ W.tril(-1).mT
    return 0.5 * (math.log(2 * math.pi) + logvar + residual.square() / logvar.exp()).sum(-1)


def divides_by_sigma_once(x: Tensor, W: Tensor, b: Tensor, log_sigma: Tensor | float) -> Tensor:
    log_sigma = torch.as_tensor(log_sigma, dtype=x.dtype, device=x.device)
    residual = x - b - x @ W.tril(-1).mT
    return (0.5 * math.log(2 * math.pi) + log_sigma + 0.5 * residual.square() / log_sigma.exp()).sum(-1)


def adds_the_intercept_to_the_residual(x: Tensor, W: Tensor, b: Tensor, log_sigma: Tensor | float) -> Tensor:
    log_sigma = torch.as_tensor(log_sigma, dtype=x.dtype, device=x.device)
    residual = x + b - x @ W.tril(-1).mT
    return (0.5 * math.log(2 * math.pi) + log_sigma + 0.5 * (residual / log_sigma.exp()).square()).sum(-1)


def predicts_from_predictions(x: Tensor, W: Tensor, b: Tensor, log_sigma: Tensor | float) -> Tensor:
    log_sigma = torch.as_tensor(log_sigma, dtype=x.dtype, device=x.device)
    means: list[Tensor] = []
    for i in range(x.shape[-1]):
        means.append(b[i] + sum(W[i, j] * means[j] for j in range(i)) + 0 * x[..., i])
    residual = x - torch.stack(means, -1)
    return (0.5 * math.log(2 * math.pi) + log_sigma + 0.5 * (residual / log_sigma.exp()).square()).sum(-1)


def wants_a_tensor(x: Tensor, W: Tensor, b: Tensor, log_sigma: Tensor) -> Tensor:
    residual = x - b - x @ W.tril(-1).mT
    return (0.5 * math.log(2 * math.pi) + log_sigma + 0.5 * (residual / log_sigma.exp()).square()).sum(-1)


def cuts_the_weights_in_place(x: Tensor, W: Tensor, b: Tensor, log_sigma: Tensor | float) -> Tensor:
    log_sigma = torch.as_tensor(log_sigma, dtype=x.dtype, device=x.device)
    with torch.no_grad():
        W.tril_(-1)
    residual = x - b - x @ W.tril(-1).mT
    return (0.5 * math.log(2 * math.pi) + log_sigma + 0.5 * (residual / log_sigma.exp()).square()).sum(-1)


def copies_the_weights(x: Tensor, W: Tensor, b: Tensor, log_sigma: Tensor | float) -> Tensor:
    log_sigma = torch.as_tensor(log_sigma, dtype=x.dtype, device=x.device)
    lower = W.detach().clone().tril(-1)
    residual = x - b - x @ lower.mT
    return (0.5 * math.log(2 * math.pi) + log_sigma + 0.5 * (residual / log_sigma.exp()).square()).sum(-1)


def returns_double(x: Tensor, W: Tensor, b: Tensor, log_sigma: Tensor | float) -> Tensor:
    log_sigma = torch.as_tensor(log_sigma, dtype=torch.float64, device=x.device)
    residual = x.double() - b.double() - x.double() @ W.double().tril(-1).mT
    return (0.5 * math.log(2 * math.pi) + log_sigma + 0.5 * (residual / log_sigma.exp()).square()).sum(-1)


def fits_each_to_itself(x: Tensor) -> tuple[Tensor, Tensor]:
    n, d = x.shape
    W, b = x.new_zeros(d, d), x.new_zeros(d)
    for i in range(d):
        solution = torch.linalg.pinv(torch.cat((x.new_ones(n, 1), x[:, : i + 1]), dim=1)) @ x[:, i]
        b[i], W[i, : i + 1] = solution[0], solution[1:]
    return W, b


def regresses_on_all_others(x: Tensor) -> tuple[Tensor, Tensor]:
    n, d = x.shape
    W, b = x.new_zeros(d, d), x.new_zeros(d)
    for i in range(d):
        others = [j for j in range(d) if j != i]
        solution = torch.linalg.pinv(torch.cat((x.new_ones(n, 1), x[:, others]), dim=1)) @ x[:, i]
        b[i], W[i, others] = solution[0], solution[1:]
    return W, b


def regresses_on_what_follows(x: Tensor) -> tuple[Tensor, Tensor]:
    n, d = x.shape
    W, b = x.new_zeros(d, d), x.new_zeros(d)
    for i in range(d):
        solution = torch.linalg.pinv(torch.cat((x.new_ones(n, 1), x[:, i + 1 :]), dim=1)) @ x[:, i]
        b[i], W[i, i + 1 :] = solution[0], solution[1:]
    return W, b


def fits_without_an_intercept(x: Tensor) -> tuple[Tensor, Tensor]:
    d = x.shape[1]
    W = x.new_zeros(d, d)
    for i in range(1, d):
        W[i, :i] = torch.linalg.pinv(x[:, :i]) @ x[:, i]
    return W, x.new_zeros(d)


def takes_the_mean_for_the_intercept(x: Tensor) -> tuple[Tensor, Tensor]:
    d = x.shape[1]
    W, mean = x.new_zeros(d, d), x.mean(0)
    for i in range(1, d):
        W[i, :i] = torch.linalg.pinv(x[:, :i] - mean[:i]) @ (x[:, i] - mean[i])
    return W, mean


def regresses_on_the_previous_one(x: Tensor) -> tuple[Tensor, Tensor]:
    n, d = x.shape
    W, b = x.new_zeros(d, d), x.mean(0)
    for i in range(1, d):
        solution = torch.linalg.pinv(torch.stack((x.new_ones(n), x[:, i - 1]), dim=1)) @ x[:, i]
        b[i], W[i, i - 1] = solution[0], solution[1]
    return W, b


def solves_the_normal_equations(x: Tensor) -> tuple[Tensor, Tensor]:
    n, d = x.shape
    W, b = x.new_zeros(d, d), x.new_zeros(d)
    for i in range(d):
        design = torch.cat((x.new_ones(n, 1), x[:, :i]), dim=1)
        solution = torch.linalg.solve(design.mT @ design, design.mT @ x[:, i])
        b[i], W[i, :i] = solution[0], solution[1:]
    return W, b


def keeps_only_the_weights_short(x: Tensor) -> tuple[Tensor, Tensor]:
    d = x.shape[1]
    W, mean = x.new_zeros(d, d), x.mean(0)
    for i in range(1, d):
        W[i, :i] = torch.linalg.pinv(x[:, :i] - mean[:i]) @ (x[:, i] - mean[i])
    return W, mean - W @ mean


def adds_a_ridge(x: Tensor) -> tuple[Tensor, Tensor]:
    n, d = x.shape
    W, b = x.new_zeros(d, d), x.new_zeros(d)
    for i in range(d):
        design = torch.cat((x.new_ones(n, 1), x[:, :i]), dim=1)
        ridge = 1e-4 * torch.eye(i + 1, dtype=x.dtype, device=x.device)
        solution = torch.linalg.solve(design.mT @ design + ridge, design.mT @ x[:, i])
        b[i], W[i, :i] = solution[0], solution[1:]
    return W, b


def centres_in_place(x: Tensor) -> tuple[Tensor, Tensor]:
    n, d = x.shape
    W, b, mean = x.new_zeros(d, d), x.new_zeros(d), x.mean(0)
    for i in range(d):
        solution = torch.linalg.pinv(torch.cat((x.new_ones(n, 1), x[:, :i]), dim=1)) @ x[:, i]
        b[i], W[i, :i] = solution[0], solution[1:]
    x -= mean
    return W, b


def fits_in_double(x: Tensor) -> tuple[Tensor, Tensor]:
    n, d = x.shape
    x = x.double()
    W, b = x.new_zeros(d, d), x.new_zeros(d)
    for i in range(d):
        solution = torch.linalg.pinv(torch.cat((x.new_ones(n, 1), x[:, :i]), dim=1)) @ x[:, i]
        b[i], W[i, :i] = solution[0], solution[1:]
    return W, b


SENTENCES = {
    predicts_each_from_itself: "Change the diagonal of W: your result changes. May x_i be used to predict x_i?",
    predicts_from_what_follows: "Your mean of x_1 depends on x_2. Which half of W belongs to earlier variables?",
    uses_all_weights: "Your mean of x_1 depends on every variable. Which weights does the model have?",
    transposes_the_weights: (
        "W_21 is the weight of x_1 in the mean of x_2. Which of the two does your product weigh with it?"
    ),
    averages_over_dimensions: "Add a dimension that is independent of the others: should the result grow, or shrink?",
    forgets_log_sigma: "Make sigma huge: your squared errors vanish. What should it cost to be that vague?",
    forgets_the_constant: "A density integrates to one. Which of your factors sees to it?",
    counts_the_constant_once: "Your density integrates to one for D = 1 only; how does the normaliser grow with D?",
    counts_a_shared_log_sigma_once: "One sigma for all D dimensions: in how many of the factors does it stand?",
    forgets_the_half_of_the_square: "Move x_1 by one sigma from its mean: by how many nats should that be less likely?",
    returns_the_log_likelihood: "Far from every mean a loss should be high. Is yours?",
    sums_over_the_batch: "Three examples need three values; which dimensions does your sum run over?",
    takes_log_sigma_for_a_log_variance: (
        "At a residual of 2 and log sigma = log 2 the square is 1 before it is halved; yours belongs to another spread."
    ),
    divides_by_sigma_once: (
        "At a residual of 2 and log sigma = log 2 the square is 1 before it is halved; yours belongs to another spread."
    ),
    adds_the_intercept_to_the_residual: (
        "What does the model say of x when x is b? Where does the intercept enter your mean?"
    ),
    predicts_from_predictions: (
        "Should a prediction be made from data, or from other predictions? Follow x_1 into your mean of x_3."
    ),
    wants_a_tensor: "log sigma = 0.5 may come as a number. What can a number not do that a tensor can?",
    cuts_the_weights_in_place: "Print W before and after the call: what does the underscore in tril_() do?",
    copies_the_weights: "Your values are right, but W cannot be trained with them: where does its gradient end?",
    returns_double: "Which dtype went in, and which came out? A model in float32 cannot use it.",
}
"""What each of them deserves to hear."""

GAUSSIAN_AR_FIT_SENTENCES = {
    fits_each_to_itself: "Your x_i is predicted without any error. From which columns?",
    regresses_on_all_others: "When x_2 is sampled, which variables are known? Your fit uses others.",
    regresses_on_what_follows: "When x_2 is sampled, which variables are known? Your fit uses others.",
    fits_without_an_intercept: "Add 100 to all data: which of your parameters takes that up?",
    takes_the_mean_for_the_intercept: (
        "At the mean of all data, what does your fit predict? b is not the mean, once W is there."
    ),
    regresses_on_the_previous_one: "Does x_3 know x_1, or x_2 alone? How many weights has its row?",
    solves_the_normal_equations: (
        "Fit the single point of the stub by hand: among all lines through it, which one is asked for?"
    ),
    keeps_only_the_weights_short: (
        "Fit the single point of the stub by hand: among all lines through it, which one is asked for?"
    ),
    adds_a_ridge: "You add a little to the diagonal. What does that do to a fit that needs no help?",
    centres_in_place: "Print the data before and after the call: what does -= do to them?",
    fits_in_double: "Which dtype went in, and which came out? A model in float32 cannot use it.",
}
"""What each wrong gaussian_ar_fit deserves to hear."""
