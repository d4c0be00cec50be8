# %% [markdown]
# # Latent variables
# Read README.md beside this file first: it derives what you implement here.

# %%
from __future__ import annotations

import math

import torch
from torch import Tensor

# %% [markdown]
# ## lvm.1 Logarithm of a mean of exponentials


# %%
def log_mean_exp(x: Tensor, dim: int, keepdim: bool = False) -> Tensor:
    """log(1/n sum_i exp(x_i)) over the n entries along one dimension.

    An entry of -inf is a term of zero: it adds nothing to the sum and one to n. Where all entries are -inf the
    result is -inf and its gradient 0; where one is +inf the result is +inf.

    Args:
        x: Any shape; entries as large as +-1e4, or infinite. Its size along `dim` is at least 1.
        dim: The dimension to average over, counted from the end where it is negative.
        keepdim: Whether the result keeps that dimension, with size 1.

    Returns:
        The shape of x without `dim`. The vector [0, log 3] gives 0.693, [0, log 3, -inf] gives 0.288.
    """
    # YOUR CODE HERE
    raise NotImplementedError


# %% [markdown]
# ## lvm.2 Log-density of a mixture of Gaussians


# %%
def gmm_log_prob(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """Log-density of a mixture of diagonal Gaussians, in nats, every constant included.

    p(x) = sum_k softmax(logits)_k N(x; mu_k, diag(exp(logvar_k))). You may call log_mean_exp.

    Args:
        x: Points, shape [*batch, dimensions].
        logits: Unnormalised log-weights, shape [components]; -inf is a weight of zero, at most all but one are.
        mu: Means of the components, shape [components, dimensions].
        logvar: Log-variances, log sigma^2 (not log standard deviations), shape [components, dimensions]; as low as -60.

    Returns:
        One value per point, shape [*batch]. x = [0] with logits = [0, log 3], mu = [[0], [2]] and logvar = [[0],
        [log 4]] gives log(1/4 N(0; 0, 1) + 3/4 N(0; 2, 4)) = -1.658.
    """
    # YOUR CODE HERE
    raise NotImplementedError


# %% [markdown]
# ## lvm.3 One step of expectation maximisation


# %%
def em_step(
    x: Tensor, logits: Tensor, mu: Tensor, var: Tensor, *, min_var: float = 0.0
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """One step of EM for a mixture of diagonal Gaussians.

    A component is empty where no point has any responsibility for it, N_k = 0. It keeps its mean and its variance as
    they are, and its new logit is -inf. Without data (n = 0) all components are empty. Need not be differentiable.

    Args:
        x: Data, shape [n, dimensions].
        logits: Unnormalised log-weights, shape [components]; -inf is a weight of zero.
        mu: Means, shape [components, dimensions].
        var: Variances sigma^2 (neither logarithms nor standard deviations), shape [components, dimensions].
        min_var: Smallest variance that the step may give; a smaller one is replaced by it. What an empty component
            keeps is not touched.

    Returns:
        `(logits, mu, var, log_lik)`. The new logits are log(N_k / n), with N_k the responsibilities of component k
        summed over the data; exp of them sums to one. The new variances are the maximum-likelihood ones, around the
        new means. log_lik is the log-likelihood of the parameters that were given, summed over the data, a 0-dim
        tensor in nats. x = [[0], [3]] with logits = [0, 0], mu = [[0], [3]] and var = [[1], [1]] gives logits of
        -0.693, mu = [[0.033], [2.967]], var = [[0.098], [0.098]] and log_lik = -3.202.
    """
    # YOUR CODE HERE
    raise NotImplementedError


# %% [markdown]
# ## lvm.4 Marginal likelihood by sampling, and samples of the model


# %%
def prior_mc_log_marginal(log_px_given_z: Tensor) -> Tensor:
    """log of the Monte Carlo estimate of p(x) = E_z[p(x | z)], from samples z_1, ..., z_K of the prior.

    You may call log_mean_exp.

    Args:
        log_px_given_z: log p(x | z_k) in nats, shape [K, *batch]: samples come first. As small as -1e4; -inf is a
            sample under which x is impossible.

    Returns:
        One estimate of log p(x) per example, shape [*batch]. log_px_given_z = [0, log 3] gives 0.693.
    """
    # YOUR CODE HERE
    raise NotImplementedError


def ancestral_sample(
    logits: Tensor, mu: Tensor, logvar: Tensor, n: int, *, generator: torch.Generator | None
) -> tuple[Tensor, Tensor]:
    """n independent draws from a mixture of diagonal Gaussians: z ~ softmax(logits), then x ~ N(mu_z, exp(logvar_z)).

    Args:
        logits: Unnormalised log-weights, shape [components].
        mu: Means, shape [components, dimensions].
        logvar: Log-variances, log sigma^2 (not log standard deviations), shape [components, dimensions].
        n: Number of draws, at least 1.
        generator: Where all random numbers come from; None stands for torch's global generator. No other generator
            is drawn from or seeded. One generator state always gives the same draws.

    Returns:
        `(x, z)`: x of shape [n, dimensions] with the dtype of mu, and z of shape [n], int64: the component of each
        row. With logits = [0, log 3] three rows of four have z = 1, in expectation.
    """
    # YOUR CODE HERE
    raise NotImplementedError


# %% [markdown]
# ## lvm.5 Marginal likelihood of probabilistic PCA


# %%
def ppca_log_marginal(x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor) -> Tensor:
    """log p(x) in nats, for x = W z + b + noise with z ~ N(0, I) and noise ~ N(0, noise_var I).

    Takes of the order of D L^2 + L^3 operations, and no D x D matrix: D can be 20,000.

    Args:
        x: Points, shape [*batch, D].
        W: Loadings, shape [D, L]. L may be larger than D, or 0.
        b: Mean of x, shape [D].
        noise_var: Variance of the noise (not its standard deviation), a 0-dim tensor > 0; as small as 1e-8.

    Returns:
        One value per point, shape [*batch], differentiable in all four arguments. x = [3, 1], W = [[2], [1]],
        b = [1, 0] and noise_var = 0.5 give log N(x; b, [[4.5, 2], [2, 1.5]]) = -2.798.
    """
    # YOUR CODE HERE
    raise NotImplementedError


# %% [markdown]
# ## lvm.6 Posterior of probabilistic PCA


# %%
def ppca_posterior(x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and covariance of z given x, for x = W z + b + noise with z ~ N(0, I) and noise ~ N(0, noise_var I).

    Args:
        x: Points, shape [*batch, D].
        W: Loadings, shape [D, L]; L may be larger than D.
        b: Mean of x, shape [D].
        noise_var: Variance of the noise (not its standard deviation), a 0-dim tensor > 0.

    Returns:
        `(mean, cov)`: one mean per point, shape [*batch, L], and one covariance matrix for all of them, shape [L, L],
        both differentiable in the arguments. x = [3, 1], W = [[2], [1]], b = [1, 0] and noise_var = 0.5 give the mean
        [0.909] and the covariance [[0.091]].
    """
    # YOUR CODE HERE
    raise NotImplementedError
