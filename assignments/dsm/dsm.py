# %% [markdown]
# # Denoising score matching: noise, Tweedie's formula, and Langevin sampling
#
# Read README.md beside this file first: it derives what you implement here and fixes the conventions.
# Everywhere: a score is the gradient of a log-density with respect to the *data point*, so it has the shape of the
# data. x~ = x + sigma eps, with sigma a standard deviation and eps standard normal noise that the caller gives you.
# Results have the inputs' dtype and device; inputs are never modified; the batch is handled by tensor operations, not
# by a Python loop; no function draws random numbers but `train_score`, and that from its generator alone.

# %%
from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

# %% [markdown]
# ## dsm.1 Denoising score matching


# %%
def dsm_loss(score_fn: Callable[[Tensor], Tensor], x: Tensor, sigma: float | Tensor, eps: Tensor) -> Tensor:
    """The denoising objective: the mean over the batch of 1/2 ||s(x + sigma eps) + eps / sigma||^2.

    The last dimension is the data point's, summed over; the mean is over all others.

    Args:
        score_fn: The model, [*batch, dim] to [*batch, dim], each row on its own.
        x: Clean data, shape [*batch, dim].
        sigma: Standard deviation of the noise, a positive number or a 0-dim tensor; perhaps 1e-4.
        eps: Standard normal noise, same shape as x. Used as given: nothing is drawn.

    Returns:
        One number, 0-dim; differentiable in what `score_fn` depends on. For s(x) = -x, x = 2, sigma = 0.5 and
        eps = 1 the noisy point is 2.5, the score there -2.5, the target -2, and the loss 0.125.
    """
    # YOUR CODE HERE
    raise NotImplementedError


# %% [markdown]
# ## dsm.2 Many noise levels


# %%
def multi_sigma_dsm_loss(
    score_fn: Callable[[Tensor, Tensor], Tensor],
    x: Tensor,
    sigmas: Tensor,
    idx: Tensor,
    eps: Tensor,
    *,
    weighting: Literal["none", "sigma2"],
) -> Tensor:
    """The objective of `dsm_loss` where each example has a noise level of its own, sigma_b = sigmas[idx_b].

    The dimensions of idx are the batch; all further dimensions of x are the event (a vector, or an image), which is
    summed over. The mean is over the batch.

    Args:
        score_fn: The model, called as score_fn(x~, sigma), with x~ shaped like x and sigma = sigmas[idx] shaped like
            idx: one noise level for each example. Gives back the shape of x~.
        x: Clean data, shape [*batch, *event]; the batch may be a single example.
        sigmas: All noise levels, standard deviations, shape [levels]; from 1e-3 to 1e2, say.
        idx: Which of them each example has, integers, shape [*batch].
        eps: Standard normal noise, same shape as x.
        weighting: "none", or "sigma2": each example's term is multiplied by its own sigma_b^2, which makes it
            1/2 ||sigma_b s + eps||^2.

    Returns:
        One number, 0-dim; differentiable in what `score_fn` depends on. For s(x, sigma) = -x, x = [[2], [2]],
        sigmas = [1, 0.5], idx = [0, 1] and eps = [[1], [1]] the two terms are 2 and 0.125. Their mean is 1.0625; with
        "sigma2" it is 1.015625.
    """
    # YOUR CODE HERE
    raise NotImplementedError


# %% [markdown]
# ## dsm.3 The score of a noisy mixture


# %%
def noisy_gmm_score(x: Tensor, logits: Tensor, mu: Tensor, var: Tensor, sigma: float | Tensor) -> Tensor:
    """The score at x of a mixture of diagonal Gaussians to which noise N(0, sigma^2 I) was added.

    Args:
        x: Noisy points, shape [*batch, dim]; perhaps 1000 away from every component, where the density underflows.
        logits: Mixing weights before softmax, shape [components].
        mu: Means, shape [components, dim].
        var: Variances (neither their logarithms nor standard deviations), shape [components, dim]; all 0 for data
            points, if sigma is not.
        sigma: Standard deviation of the noise, a number or a 0-dim tensor; at 0 it is the score of the clean mixture.

    Returns:
        One vector per point, shape [*batch, dim]. For one component of mean 0 and variance 3, sigma = 1 and x = 2
        it is -0.5. Differentiable in all tensors given.
    """
    # YOUR CODE HERE
    raise NotImplementedError


# %% [markdown]
# ## dsm.4 Noise predictions, scores, and clean data


# %%
# YOUR CODE HERE


# %%
def vp_perturb(x0: Tensor, alpha_bar: Tensor, eps: Tensor) -> Tensor:
    """The variance-preserving forward process: x_t = sqrt(abar) x0 + sqrt(1 - abar) eps.

    Args:
        x0: Clean data, shape [*batch, *event] (vectors, images).
        alpha_bar: abar in (0, 1), one value for each example, shape [*batch]: the product of all alphas up to t.
        eps: Standard normal noise, same shape as x0.

    Returns:
        Shape of x0. For x0 = 1, abar = 0.64 and eps = 2 it is 0.8 + 1.2 = 2.
    """
    # YOUR CODE HERE
    raise NotImplementedError


# %%
def eps_to_score(eps_hat: Tensor, alpha_bar: Tensor) -> Tensor:
    """The score of x_t that a noise prediction stands for.

    Args:
        eps_hat: Predicted noise, shape [*batch, *event].
        alpha_bar: abar in (0, 1), shape [*batch].

    Returns:
        Shape of eps_hat. For eps_hat = 3 and abar = 0.64 it is -5.
    """
    # YOUR CODE HERE
    raise NotImplementedError


# %%
def score_to_eps(score: Tensor, alpha_bar: Tensor) -> Tensor:
    """The inverse of `eps_to_score`: the noise prediction that a score of x_t stands for.

    Args:
        score: Shape [*batch, *event].
        alpha_bar: abar in (0, 1), shape [*batch].

    Returns:
        Shape of score. For a score of -5 and abar = 0.64 it is 3.
    """
    # YOUR CODE HERE
    raise NotImplementedError


# %%
def tweedie_x0(x_t: Tensor, score: Tensor, alpha_bar: Tensor) -> Tensor:
    """Tweedie's formula: the posterior mean of x0 given x_t, from the score of x_t.

    Args:
        x_t: Noisy data, shape [*batch, *event].
        score: The score of the density of x_t, at x_t, same shape.
        alpha_bar: abar in (0, 1), shape [*batch].

    Returns:
        Shape of x_t. For x_t = 2, a score of -5 and abar = 0.64 it is (2 - 1.8) / 0.8 = 0.25.
    """
    # YOUR CODE HERE
    raise NotImplementedError


# %% [markdown]
# ## dsm.5 Langevin sampling


# %%
def langevin(
    score_fn: Callable[[Tensor], Tensor], x: Tensor, step: float, noise: Tensor, *, return_path: bool = False
) -> Tensor:
    """Unadjusted Langevin dynamics: x <- x + step s(x) + sqrt(2 step) z_k, once for each z_k in noise.

    Args:
        score_fn: [*batch, dim] to [*batch, dim]. Called once a step, with the whole batch.
        x: Where the chains start, shape [*batch, dim].
        step: h, a positive number: it multiplies the score as it is, not its half.
        noise: Standard normal z_1, ..., z_K, shape [steps, *batch, dim]. Nothing is drawn.
        return_path: Whether to return all states instead of the last one.

    Returns:
        The last state, shape of x; or the path, shape [steps + 1, *batch, dim], which starts with x itself. No graph
        is kept: the result does not require a gradient. For s(x) = -x, x = 1, step = 0.5 and noise 1 it is
        1 - 0.5 + 1 = 1.5.
    """
    # YOUR CODE HERE
    raise NotImplementedError


# %%
def annealed_langevin(
    score_fn: Callable[[Tensor, Tensor], Tensor], x: Tensor, sigmas: Tensor, eps0: float, noise: Tensor
) -> Tensor:
    """Annealed Langevin dynamics: K steps of `langevin` at each noise level, one level after the other.

    At level i the step is h_i = eps0 sigma_i^2 / sigma_L^2, where sigma_L = sigmas[-1] is the last one.

    Args:
        score_fn: Called as score_fn(x, sigma), with x of shape [*batch, dim] and sigma = sigmas[i] a 0-dim tensor;
            once a step. Gives back the shape of x.
        x: Where the chains start, shape [*batch, dim].
        sigmas: Noise levels, shape [levels]. They are taken in the order given; to anneal, the caller gives the
            largest one first.
        eps0: The step at the last level, a positive number.
        noise: Standard normal, shape [levels, steps, *batch, dim].

    Returns:
        The last state, shape of x, without a graph. For s(x, sigma) = -x / sigma^2, x = 8, sigmas = [2, 1],
        eps0 = 0.5 and no noise, one step a level, the steps are 2 and 0.5, and the states 4 and 2.
    """
    # YOUR CODE HERE
    raise NotImplementedError


# %% [markdown]
# ## dsm.6 A score network


# %%
# YOUR CODE HERE


# %%
def train_score(x_train: Tensor, sigma: float, *, generator: torch.Generator, budget_s: float = 30) -> nn.Module:
    """Trains a network to be the score of the data with noise of size sigma.

    The data come from a mixture of three Gaussians in two dimensions, so that the grader knows the right score s*
    (it is that of `noisy_gmm_score`). It measures your network s on noisy points of its own, with its own code, by the
    relative Fisher divergence E||s - s*||^2 / E||s*||^2. Full points take at most 0.02; 0.06 earns half. A field that
    is zero everywhere has 1.

    Args:
        x_train: Clean data, shape [20000, 2], float32.
        sigma: Standard deviation of the noise, 0.5.
        generator: Decides every random number, the initial weights, the noise and the order of the data included.
        budget_s: Processor time that you may take, in seconds on one core; a few are enough.

    Returns:
        A module that maps x~, shape [*batch, 2], to the score there, same shape and dtype. It is used in evaluation
        mode.

    torch initialises layers from its global generator. Build them inside `torch.random.fork_rng()`, after a
    `torch.manual_seed` with a number drawn from `generator`: then the global state is afterwards what it was before.
    """

    # YOUR CODE HERE
    raise NotImplementedError


# %% [markdown]
# ## dsm.7 A step back in time (extra credit)


# %%
def ddpm_posterior(x0: Tensor, x_t: Tensor, abar_t: Tensor, abar_s: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance of x_s given x_t and x0, for an earlier time s < t: N(mean, var I).

    s need not be t - 1. From 0 to s and from s to t the process is Gaussian: x_s is `vp_perturb` of x0 with abar_s,
    and x_t is `vp_perturb` of x_s with abar_t / abar_s.

    Args:
        x0: Clean data, shape [*batch, *event].
        x_t: Noisy data at time t, same shape.
        abar_t: In (0, 1), shape [*batch].
        abar_s: Same shape, abar_t < abar_s <= 1; it is 1 at time 0.

    Returns:
        `(mean, var)`, of the shapes [*batch, *event] and [*batch]. For x0 = 1, x_t = 2, abar_t = 0.25 and
        abar_s = 0.64 they are 0.65 + 0.3 * 2 = 1.25 and 0.2925.
    """
    # YOUR CODE HERE
    raise NotImplementedError
