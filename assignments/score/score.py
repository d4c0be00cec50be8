# %% [markdown]
# # Scores: gradients of log-densities, divergences, and score matching
#
# Read README.md beside this file first: it derives what you implement here and fixes the conventions.
# Everywhere: the score is the gradient of a log-density with respect to the *data point* x, so it has the shape of x.
# A `score_fn` takes a batch [batch, dim] to [batch, dim], a `log_prob_fn` or `energy_fn` takes it to [batch]; each row
# is treated on its own. Results have the inputs' dtype and device; inputs are never modified; the batch is handled
# by tensor operations, not by a Python loop.

# %%
from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

# %% [markdown]
# ## score.1 The score of a Gaussian


# %%
def gaussian_score(x: Tensor, mu: Tensor, scale_tril: Tensor) -> Tensor:
    """The gradient of log N(x; mu, L L^T) with respect to x: -Sigma^{-1} (x - mu), through triangular solves.

    Batch shapes broadcast. Do without a matrix inverse; the condition number of Sigma may be 1e8.

    Args:
        x: Points, shape [*batch, dim].
        mu: Means, shape [*batch, dim].
        scale_tril: L, shape [*batch, dim, dim]: lower triangular with a positive diagonal, and Sigma = L L^T.

    Returns:
        One vector per point, of the broadcast shape [*batch, dim]. It points towards the mean: for x - mu = 1 and
        Sigma = 4, so L = 2, it is -1/4. Differentiable in all three arguments.
    """
    # YOUR CODE HERE
    raise NotImplementedError


# %% [markdown]
# ## score.2 The score of a mixture of Gaussians


# %%
def gmm_score(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """The gradient in x of log sum_k pi_k N(x; mu_k, diag exp(logvar_k)), with pi = softmax(logits).

    Args:
        x: Points, shape [*batch, dim]; perhaps 1000 away from every component, where the density underflows.
        logits: Mixing weights before softmax, shape [components]; -inf is a component of weight zero.
        mu: Means, shape [components, dim].
        logvar: Log-variances (not log standard deviations), shape [components, dim].

    Returns:
        One vector per point, shape [*batch, dim]. For equal weights, means 0 and 2, variances 1 and x = 0.5 it is
        0.0379. Differentiable in all arguments, twice in x.
    """
    # YOUR CODE HERE
    raise NotImplementedError


# %% [markdown]
# ## score.3 The score of any density, by autograd


# %%
def log_prob_score(log_prob_fn: Callable[[Tensor], Tensor], x: Tensor, *, create_graph: bool = False) -> Tensor:
    """The score of the density whose logarithm `log_prob_fn` computes, for each row of x.

    It works whether or not x requires a gradient, and where the caller runs under `torch.no_grad()`. Afterwards
    `x.requires_grad` is what it was, and no `.grad`, of x or of a parameter of `log_prob_fn`, has been written to.

    Args:
        log_prob_fn: Maps [batch, dim] to [batch]; a function or a module.
        x: Points, shape [batch, dim].
        create_graph: Whether the result can be differentiated again, in x and in what `log_prob_fn` depends on.

    Returns:
        Shape [batch, dim]. For log_prob_fn(x) = -x^2 at x = 3 it is -6, however many rows x has.
    """
    # YOUR CODE HERE
    raise NotImplementedError


def energy_score(energy_fn: Callable[[Tensor], Tensor], x: Tensor, *, create_graph: bool = False) -> Tensor:
    """The score of the density exp(-energy_fn(x)) / Z, with the same promises as `log_prob_score`.

    Args:
        energy_fn: Maps [batch, dim] to [batch]; low energy is high density. Z need not be known.
        x: Points, shape [batch, dim].
        create_graph: As for `log_prob_score`.

    Returns:
        Shape [batch, dim]. For energy_fn(x) = x^2 at x = 3 it is -6.
    """
    # YOUR CODE HERE
    raise NotImplementedError


# %% [markdown]
# ## score.4 The exact divergence


# %%
def divergence(score_fn: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """The trace of the Jacobian of `score_fn` at each row of x, exactly.

    A Python loop over the dimensions is fine; one over the batch is not.

    Args:
        score_fn: Maps [batch, dim] to [batch, dim], each row on its own.
        x: Points, shape [batch, dim].

    Returns:
        Shape [batch]; differentiable in x and in what `score_fn` depends on. For the linear field s(x) = A x with
        A = [[1, 2], [3, 4]] it is 5 everywhere.
    """
    # YOUR CODE HERE
    raise NotImplementedError


# %% [markdown]
# ## score.5 The divergence from random directions


# %%
def hutchinson_divergence(score_fn: Callable[[Tensor], Tensor], x: Tensor, v: Tensor) -> Tensor:
    """Hutchinson's estimate of the divergence: the mean over directions of v^T J v, with J the Jacobian at x.

    Each direction costs one vector-Jacobian product. A Python loop over the directions is fine, over the batch not.

    Args:
        score_fn: Maps [batch, dim] to [batch, dim], each row on its own.
        x: Points, shape [batch, dim].
        v: Directions, shape [samples, batch, dim]: each point has its own. They are used as given, at their length.

    Returns:
        Shape [batch]; differentiable in x and in what `score_fn` depends on. For s(x) = A x with A = [[1, 2], [3, 4]]
        and the single direction [1, 1] it is 10; with [1, -1] it is 0, and their mean is the trace.
    """
    # YOUR CODE HERE
    raise NotImplementedError


def rademacher(shape: Sequence[int], *, generator: torch.Generator) -> Tensor:
    """Independent random signs: +1 and -1 with probability 1/2 each.

    Args:
        shape: Of the result.
        generator: The only source of randomness; the global one is left alone.

    Returns:
        A tensor of that shape, on the generator's device, in torch's default floating-point dtype.
    """
    # YOUR CODE HERE
    raise NotImplementedError


# %% [markdown]
# ## score.6 Implicit score matching


# %%
def ism_loss(score_fn: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Hyvarinen's objective: the mean over the batch of tr(ds/dx) + 1/2 ||s(x)||^2.

    Args:
        score_fn: The model, [batch, dim] to [batch, dim], each row on its own.
        x: Data, shape [batch, dim].

    Returns:
        One number, 0-dim; differentiable, twice, in what `score_fn` depends on. For s(x) = -x / 4 and the data
        -2 and 2 it is -1/8.
    """
    # YOUR CODE HERE
    raise NotImplementedError


# %% [markdown]
# ## score.7 Sliced score matching


# %%
def ssm_loss(score_fn: Callable[[Tensor], Tensor], x: Tensor, v: Tensor, *, variance_reduced: bool) -> Tensor:
    """Sliced score matching: the mean over directions and batch of v^T J v + 1/2 (v^T s)^2.

    Args:
        score_fn: The model, [batch, dim] to [batch, dim], each row on its own.
        x: Data, shape [batch, dim].
        v: Directions, shape [samples, batch, dim]; [batch, dim] counts as one sample. Used as given, at their length.
        variance_reduced: Whether 1/2 ||s||^2 stands in place of 1/2 (v^T s)^2.

    Returns:
        One number, 0-dim; differentiable in what `score_fn` depends on. For s(x) = A x with A = [[1, 2], [3, 4]],
        x = [1, 0] and v = [1, 1] it is 18 plain and 15 with reduced variance.
    """
    # YOUR CODE HERE
    raise NotImplementedError


# %% [markdown]
# ## score.8 A Gaussian fitted by score matching (extra credit)


# %%
def fit_gaussian_ism(x: Tensor) -> tuple[Tensor, Tensor]:
    """The m and v for which s(x) = -(x - m) / v, dimension by dimension, minimises the `ism_loss` of the data.

    Args:
        x: Data, shape [n, dim], with n at least 1.

    Returns:
        `(m, v)`, both of shape [dim], in closed form and differentiable; v is a variance. The data 0, 0, 3 give
        m = 1 and v = 2.
    """
    # YOUR CODE HERE
    raise NotImplementedError
