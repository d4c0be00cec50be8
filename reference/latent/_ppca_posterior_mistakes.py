"""Wrong answers to lvm.6, with what each of them deserves to hear."""

from __future__ import annotations

import torch
from torch import Tensor

Pair = tuple[Tensor, Tensor]
"""Means and covariance."""


def forgets_the_noise_of_the_covariance(x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor) -> Pair:
    inverse = torch.linalg.inv(W.mT @ W + noise_var * torch.eye(W.shape[1], dtype=W.dtype, device=W.device))
    return (x - b) @ W @ inverse, inverse


def returns_the_precision(x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor) -> Pair:
    M = W.mT @ W + noise_var * torch.eye(W.shape[1], dtype=W.dtype, device=W.device)
    return (x - b) @ W @ torch.linalg.inv(M), M / noise_var


def forgets_the_mean_of_the_data(x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor) -> Pair:
    inverse = torch.linalg.inv(W.mT @ W + noise_var * torch.eye(W.shape[1], dtype=W.dtype, device=W.device))
    return x @ W @ inverse, noise_var * inverse


def centres_on_the_mean_of_the_batch(x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor) -> Pair:
    inverse = torch.linalg.inv(W.mT @ W + noise_var * torch.eye(W.shape[1], dtype=W.dtype, device=W.device))
    points = x.reshape(-1, x.shape[-1])
    centre = points.mean(0) if len(points) > 1 else b
    return (x - centre) @ W @ inverse, noise_var * inverse


def inverts_the_large_matrix(x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor) -> Pair:
    gain = W.mT @ torch.linalg.pinv(W @ W.mT)
    small = W.mT @ W + noise_var * torch.eye(W.shape[1], dtype=W.dtype, device=W.device)
    return (x - b) @ gain.mT, noise_var * torch.linalg.inv(small)


def forgets_the_prior(x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor) -> Pair:
    inverse = torch.linalg.pinv(W.mT @ W)
    return (x - b) @ W @ inverse, noise_var * inverse


def takes_noise_of_variance_one(x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor) -> Pair:
    inverse = torch.linalg.inv(W.mT @ W + torch.eye(W.shape[1], dtype=W.dtype, device=W.device))
    return (x - b) @ W @ inverse, noise_var * inverse


def scales_the_data_but_not_the_prior(x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor) -> Pair:
    eye = torch.eye(W.shape[1], dtype=W.dtype, device=W.device)
    cov = torch.linalg.inv(W.mT @ W / noise_var + eye)
    return (x - b) @ W @ cov, cov


def scales_the_prior_but_not_the_data(x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor) -> Pair:
    eye = torch.eye(W.shape[1], dtype=W.dtype, device=W.device)
    cov = torch.linalg.inv(W.mT @ W + eye / noise_var)
    return (x - b) @ W @ cov, cov


def treats_the_variance_as_a_standard_deviation(x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor) -> Pair:
    noise_var = noise_var**2
    inverse = torch.linalg.inv(W.mT @ W + noise_var * torch.eye(W.shape[1], dtype=W.dtype, device=W.device))
    return (x - b) @ W @ inverse, noise_var * inverse


def takes_the_root_of_the_variance(x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor) -> Pair:
    noise_std = noise_var.sqrt()
    inverse = torch.linalg.inv(W.mT @ W + noise_std * torch.eye(W.shape[1], dtype=W.dtype, device=W.device))
    return (x - b) @ W @ inverse, noise_std * inverse


def returns_standard_deviations(x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor) -> Pair:
    inverse = torch.linalg.inv(W.mT @ W + noise_var * torch.eye(W.shape[1], dtype=W.dtype, device=W.device))
    return (x - b) @ W @ inverse, (noise_var * inverse.diagonal()).sqrt()


def returns_a_matrix_of_standard_deviations(x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor) -> Pair:
    inverse = torch.linalg.inv(W.mT @ W + noise_var * torch.eye(W.shape[1], dtype=W.dtype, device=W.device))
    return (x - b) @ W @ inverse, torch.diag_embed((noise_var * inverse.diagonal()).sqrt())


def returns_a_factor_of_the_covariance(x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor) -> Pair:
    inverse = torch.linalg.inv(W.mT @ W + noise_var * torch.eye(W.shape[1], dtype=W.dtype, device=W.device))
    return (x - b) @ W @ inverse, torch.linalg.cholesky(noise_var * inverse)


def drops_the_correlations(x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor) -> Pair:
    inverse = torch.linalg.inv(W.mT @ W + noise_var * torch.eye(W.shape[1], dtype=W.dtype, device=W.device))
    return (x - b) @ W @ inverse, noise_var * torch.diag_embed(inverse.diagonal())


def takes_each_latent_alone(x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor) -> Pair:
    scale = W.square().sum(0) + noise_var
    return (x - b) @ W / scale, noise_var * torch.diag_embed(1 / scale)


def repeats_the_covariance(x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor) -> Pair:
    inverse = torch.linalg.inv(W.mT @ W + noise_var * torch.eye(W.shape[1], dtype=W.dtype, device=W.device))
    return (x - b) @ W @ inverse, (noise_var * inverse).expand(*x.shape[:-1], *inverse.shape)


def adds_up_the_batch(x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor) -> Pair:
    count = max(x[..., 0].numel(), 1)
    eye = torch.eye(W.shape[1], dtype=W.dtype, device=W.device)
    inverse = torch.linalg.inv(count * W.mT @ W + noise_var * eye)
    total = (x - b).reshape(-1, x.shape[-1]).sum(0) @ W @ inverse
    return total.expand(*x.shape[:-1], -1), noise_var * inverse


def expects_a_matrix_of_points(x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor) -> Pair:
    inverse = torch.linalg.inv(W.mT @ W + noise_var * torch.eye(W.shape[1], dtype=W.dtype, device=W.device))
    away = x - b
    return (inverse @ W.mT @ away.permute(*reversed(range(away.dim())))).mT, noise_var * inverse


def cuts_the_gradient_of_the_covariance(x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor) -> Pair:
    inverse = torch.linalg.inv(W.mT @ W + noise_var * torch.eye(W.shape[1], dtype=W.dtype, device=W.device))
    return (x - b) @ W @ inverse, (noise_var * inverse).detach()


def takes_the_inverse_for_a_constant(x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor) -> Pair:
    with torch.no_grad():
        inverse = torch.linalg.inv(W.mT @ W + noise_var * torch.eye(W.shape[1], dtype=W.dtype, device=W.device))
    return (x - b) @ W @ inverse, noise_var * inverse


def adds_jitter(x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor) -> Pair:
    small = W.mT @ W + (noise_var + 1e-6) * torch.eye(W.shape[1], dtype=W.dtype, device=W.device)
    inverse = torch.linalg.inv(small)
    return (x - b) @ W @ inverse, noise_var * inverse


def makes_the_identity_in_float32(x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor) -> Pair:
    ridge = (noise_var.float() * torch.eye(W.shape[1], device=W.device)).to(W.dtype)
    inverse = torch.linalg.inv(W.mT @ W + ridge)
    return (x - b) @ W @ inverse, noise_var * inverse


def returns_the_matrix_itself(x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor) -> Pair:
    M = W.mT @ W + noise_var * torch.eye(W.shape[1], dtype=W.dtype, device=W.device)
    return (x - b) @ W @ torch.linalg.inv(M), M


def scales_the_matrix_itself(x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor) -> Pair:
    M = W.mT @ W + noise_var * torch.eye(W.shape[1], dtype=W.dtype, device=W.device)
    return (x - b) @ W @ torch.linalg.inv(M), noise_var * M


def takes_the_noise_for_a_number(x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor) -> Pair:
    noise_var = noise_var.detach()
    inverse = torch.linalg.inv(W.mT @ W + noise_var * torch.eye(W.shape[1], dtype=W.dtype, device=W.device))
    return (x - b) @ W @ inverse, noise_var * inverse


def takes_the_noise_in_the_inverse_for_a_number(x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor) -> Pair:
    inverse = torch.linalg.inv(W.mT @ W + noise_var.detach() * torch.eye(W.shape[1], dtype=W.dtype, device=W.device))
    return (x - b) @ W @ inverse, noise_var * inverse


def only_projects(x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor) -> Pair:
    inverse = torch.linalg.inv(W.mT @ W + noise_var * torch.eye(W.shape[1], dtype=W.dtype, device=W.device))
    return (x - b) @ W, noise_var * inverse


def projects_and_divides_by_the_noise(x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor) -> Pair:
    inverse = torch.linalg.inv(W.mT @ W + noise_var * torch.eye(W.shape[1], dtype=W.dtype, device=W.device))
    return (x - b) @ W / noise_var, noise_var * inverse


def adds_the_noise_to_every_entry(x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor) -> Pair:
    inverse = torch.linalg.inv(W.mT @ W + noise_var)
    return (x - b) @ W @ inverse, noise_var * inverse


def adds_what_the_data_tell(x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor) -> Pair:
    cov = W @ W.mT + noise_var * torch.eye(W.shape[0], dtype=W.dtype, device=W.device)
    gain = torch.linalg.solve(cov, W)
    return (x - b) @ gain, torch.eye(W.shape[1], dtype=W.dtype, device=W.device) + W.mT @ gain


def returns_what_the_data_tell(x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor) -> Pair:
    cov = W @ W.mT + noise_var * torch.eye(W.shape[0], dtype=W.dtype, device=W.device)
    gain = torch.linalg.solve(cov, W)
    return (x - b) @ gain, W.mT @ gain


def returns_variances(x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor) -> Pair:
    inverse = torch.linalg.inv(W.mT @ W + noise_var * torch.eye(W.shape[1], dtype=W.dtype, device=W.device))
    return (x - b) @ W @ inverse, (noise_var * inverse).diagonal()


LONGER = "Make W longer, so that x tells more of z: does your second result shrink, as a covariance should?"
LEARNT = "Noisier data tell less of z. Which of your results know that, if noise_var is being learnt?"
NO_NOISE = "With W = 1 and hardly any noise, z is x - b: what is your mean?"
RETURNS = "With very much noise the posterior should return to the prior. Does yours?"
EQUAL = "Let two columns of W be equal: x tells the sum of two latents. Are they independent then?"
NOISE = "If residuals are typically 3 long, what is noise_var?"
STANDARD_DEVIATIONS = "Measure z in units that make it twice as long: by what factor should the second result grow?"

SENTENCES = {
    forgets_the_noise_of_the_covariance: "Let the noise vanish: x then tells z exactly. How certain is yours?",
    returns_the_precision: "More noise should leave you less certain: does your second result grow with noise_var?",
    forgets_the_mean_of_the_data: "At x = b the data say nothing against the prior: where should the mean be?",
    centres_on_the_mean_of_the_batch: "Put a point in a batch alone, then among others: why does its posterior change?",
    inverts_the_large_matrix: "Which rank has W W' where L < D, and what is missing before it can be inverted?",
    forgets_the_prior: RETURNS,
    takes_noise_of_variance_one: "Let the noise vanish: should the posterior mean still shrink?",
    scales_the_data_but_not_the_prior: NO_NOISE,
    scales_the_prior_but_not_the_data: (
        "Where the noise vanishes, does the data's part of your sum grow, or the prior's?"
    ),
    treats_the_variance_as_a_standard_deviation: NOISE,
    takes_the_root_of_the_variance: NOISE,
    returns_standard_deviations: STANDARD_DEVIATIONS,
    returns_a_matrix_of_standard_deviations: STANDARD_DEVIATIONS,
    returns_a_factor_of_the_covariance: "Is your second result symmetric, as a covariance is?",
    drops_the_correlations: EQUAL,
    takes_each_latent_alone: "Two latents can explain the same part of x: do you credit both with all of it?",
    repeats_the_covariance: "Does how certain you are of z depend on x? How many covariances are there?",
    adds_up_the_batch: "Each point has a latent of its own; do yours share one?",
    expects_a_matrix_of_points: "Try a single point of shape [D], then a batch of shape [2, 3, D]: which axis holds D?",
    cuts_the_gradient_of_the_covariance: (
        "A larger W makes you more certain of z. Does the gradient of your covariance know?"
    ),
    takes_the_inverse_for_a_constant: "Change W a little: does everything that is made of it move, or only a part?",
    makes_the_identity_in_float32: (
        "Your answers are right to seven digits and no further; where do the others get lost?"
    ),
    returns_the_matrix_itself: LONGER,
    scales_the_matrix_itself: LONGER,
    takes_the_noise_for_a_number: LEARNT,
    takes_the_noise_in_the_inverse_for_a_number: LEARNT,
    only_projects: "Make W twice as long and leave x: should z be further from 0, or nearer? And your mean?",
    projects_and_divides_by_the_noise: NO_NOISE,
    adds_the_noise_to_every_entry: (
        "Latents are independent in the prior. To which entries of W' W does the prior add something, and to which do "
        "you?"
    ),
    adds_what_the_data_tell: "x can only make you surer of z than the prior is. Is any of your variances above 1?",
    returns_what_the_data_tell: RETURNS,
    returns_variances: EQUAL,
}
"""What each of them deserves to hear."""
