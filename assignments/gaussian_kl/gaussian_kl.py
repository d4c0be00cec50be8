# %% [markdown]
# # Gaussian KL: closed forms, estimates, and two ways to fit
#
# Read README.md beside this file first: it derives what you implement here and fixes the conventions.
# Everywhere: `*batch` stands for any leading shape, `()` and empty ones included; results are in nats, one per
# example, in the inputs' dtype and on their device; inputs are never modified; the batch is handled by tensor
# operations, not by a Python loop. The library's own `torch.distributions` and `F.kl_div` are what you write here,
# so do not use them.

# %%
from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

# %% [markdown]
# ## kl.1 KL from a diagonal Gaussian to N(0, I)


# %%
def kl_standard(mu: Tensor, logvar: Tensor) -> Tensor:
    """KL(q || p) in nats for q = N(mu, diag(exp(logvar))) and p = N(0, I).

    Args:
        mu: Means of q, shape [*batch, latent].
        logvar: Log-variances of q (not log standard deviations), same shape. Values from -200 to 80 occur, in
            float32 too.

    Returns:
        One value per example, shape [*batch]. At mu = 0, logvar = log 4 each latent gives 0.807.
    """
    # YOUR CODE HERE
    raise NotImplementedError


# %% [markdown]
# ## kl.2 KL between two diagonal Gaussians


# %%
def kl_diag(mu_q: Tensor, logvar_q: Tensor, mu_p: Tensor, logvar_p: Tensor) -> Tensor:
    """KL(q || p) in nats for q = N(mu_q, diag(exp(logvar_q))) and p = N(mu_p, diag(exp(logvar_p))).

    Args:
        mu_q: Means of q, shape [*batch, latent].
        logvar_q: Log-variances of q, shape [*batch, latent].
        mu_p: Means of p, shape [*batch, latent].
        logvar_p: Log-variances of p, shape [*batch, latent].
            All four have the same latent size; their batch shapes broadcast. Both log-variances may be near -95
            or near 95 in float32, where exp(logvar) cannot be held but the KL can.

    Returns:
        One value per example, of the broadcast batch shape. For q = N(1, 1) and p = N(0, 4), so logvar_p = log 4,
        it is 0.443.
    """
    # YOUR CODE HERE
    raise NotImplementedError


# %% [markdown]
# ## kl.3 KL between two Gaussians with full covariance


# %%
def kl_full(mu_q: Tensor, scale_tril_q: Tensor, mu_p: Tensor, scale_tril_p: Tensor) -> Tensor:
    """KL(q || p) in nats for q = N(mu_q, Lq Lq^T) and p = N(mu_p, Lp Lp^T), through triangular solves.

    Args:
        mu_q: Means of q, shape [*batch, dim].
        scale_tril_q: Lq, shape [*batch, dim, dim]: lower triangular with a positive diagonal, so that the
            covariance is Lq Lq^T.
        mu_p: Means of p, shape [*batch, dim].
        scale_tril_p: Lp, shape [*batch, dim, dim].
            Batch shapes broadcast. The covariance of p may have a condition number of 1e8.

    Returns:
        One value per example, of the broadcast batch shape. For Lq = I, Lp = [[1, 0], [1, 1]] and
        mu_q - mu_p = [1, 0] it is 1.5.
    """
    # YOUR CODE HERE
    raise NotImplementedError


# %% [markdown]
# ## kl.4 KL from samples


# %%
def kl_mc(log_q: Tensor, log_p: Tensor, dim: int = 0, kind: Literal["k1", "k3"] = "k1") -> tuple[Tensor, Tensor]:
    """Monte Carlo estimate of KL(q || p) in nats, with its standard error, from samples z ~ q.

    With r = log p(z) - log q(z), each sample contributes -r (kind "k1") or exp(r) - 1 - r (kind "k3").

    Args:
        log_q: log q(z) of the samples, any shape with the samples along `dim`.
        log_p: log p(z) of the same samples, same shape. Log-densities may be as low as -1e4.
        dim: The dimension that the samples are along.
        kind: Which of the two estimators.

    Returns:
        The estimate and its standard error, both of the inputs' shape without `dim`. The standard error is
        s / sqrt(n) with s^2 the unbiased (n - 1) variance of the n contributions, so nan for n = 1. The estimate is
        differentiable in both inputs. For log_q = [-1, -2], log_p = [-2, -2]: (0.5, 0.5) with k1, (0.184, 0.184)
        with k3.
    """
    # YOUR CODE HERE
    raise NotImplementedError


# %% [markdown]
# ## kl.5 The forward-KL fit of a Gaussian to a mixture


# %%
def moment_match(log_weights: Tensor, mu: Tensor, var: Tensor) -> tuple[Tensor, Tensor]:
    """The diagonal Gaussian g that minimises KL(gmm || g), gmm = sum_k pi_k N(mu_k, diag(var_k)).

    Args:
        log_weights: Shape [components]; log pi_k up to one constant that all components share, so pi is their softmax.
        mu: Means of the components, shape [components, dim].
        var: Variances of the components (not logarithms, not standard deviations), shape [components, dim].
            There can be many components: no Python loop over them.

    Returns:
        Mean and variance of g, each of shape [dim]. For log_weights = [0, log 3], mu = [[0], [4]], var = [[1], [2]]
        they are [3] and [4.75].
    """
    # YOUR CODE HERE
    raise NotImplementedError


# %% [markdown]
# ## kl.6 The reverse-KL fit of a Gaussian to a mixture


# %%
def reverse_kl_fit(
    logits: Tensor,
    mu: Tensor,
    logvar: Tensor,
    init_mu: Tensor,
    init_logvar: Tensor,
    *,
    steps: int,
    lr: float,
    eps: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """Plain gradient descent on the reverse KL from q = N(m, diag(exp(v))) to a Gaussian mixture.

    The loss is the mean over samples of log q(z_s) - log gmm(z_s), z_s = m + exp(v / 2) eps_s, with the same eps in
    every step. One step subtracts lr times its gradient in (m, v) from (m, v): no momentum, no schedule.

    Args:
        logits: Mixing weights before softmax, shape [components].
        mu: Means of the components, shape [components, dim].
        logvar: Log-variances of the components, shape [components, dim].
        init_mu: Where m starts, shape [dim]; perhaps 80 away from every component, where their densities underflow.
        init_logvar: Where v starts, shape [dim].
            Inputs may require gradients; results carry none.
        steps: How many steps to take, at least 1.
        lr: Step size, for m and for v alike.
        eps: Shape [samples, dim], used as given. The caller has standardised each column to mean 0 and mean square 1.
            Loop over the steps only, not over samples or components.

    Returns:
        Final m and v, each [dim], and the trace of the loss, [steps], whose entry i was taken before step i. With one
        component N(2, 1), start m = 0, v = 0, eps = [[-1], [1]], lr = 0.5 and one step: [1], [0] and [2].
    """
    # YOUR CODE HERE
    raise NotImplementedError


# %% [markdown]
# ## C2 Where the closed form comes from
#
# Derive the formula of kl.1 from the definition KL(q || p) = E_q[log q(z) - log p(z)], for one latent and then for
# several. Show where each term comes from. Then prove that the KL is zero if and only if mu = 0 and sigma = 1.
# Answer in the cell below, in a page or less.

# %% [markdown]
# <!-- answer: C2 -->
# *YOUR ANSWER HERE*

# %% [markdown]
# ## C4 Two directions, two fits
#
# kl.5 minimises KL(p || q) and kl.6 minimises KL(q || p), for the same kind of target p. (a) For each direction: in
# which regions is a mismatch punished without bound, and what does the fitted Gaussian therefore do with a target of
# two modes? (b) Which of the two directions is maximum likelihood, and why can the other one not be used when p is
# known only through data? (c) You want samples that look right. Which direction would you choose, and what do you give
# up? Answer in the cell below, in a page or less.

# %% [markdown]
# <!-- answer: C4 -->
# *YOUR ANSWER HERE*
