# %% [markdown]
# # The evidence lower bound: exact, amortised, and tightened by samples
#
# Read README.md beside this file first: it derives what you implement here and fixes the conventions.
# Everywhere: `*batch` stands for any leading shape, `()` and empty ones included; results are in nats, one per
# example, in the inputs' dtype and on their device; inputs are never modified; the batch is handled by tensor
# operations, not by a Python loop. Nothing here draws random numbers: samples are given.

# %%
from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

# %% [markdown]
# ## elbo.1 Bound, evidence and gap for a discrete latent


# %%
def discrete_elbo(log_joint: Tensor, log_q: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The ELBO, the evidence and the gap between them, for a latent z with K states.

    Args:
        log_joint: log p(x, z = k), shape [*batch, K]. Entries may be -inf (that state cannot have produced x), but
            not all of them.
        log_q: log q(z = k), same shape, normalised over the last dimension. Entries may be -inf (q is 0 there).

    Returns:
        (elbo, log_px, gap), each of shape [*batch]: E_q[log p(x, z) - log q(z)], log p(x), and KL(q || p(z | x)).
        A state with q = 0 adds nothing to the ELBO, whatever its joint; one with q > 0 and a joint of 0 makes the
        ELBO -inf and the gap inf. For p(x, z) = [0.3, 0.1] and q = [0.5, 0.5] they are -1.060, -0.916 and 0.144.
    """
    # YOUR CODE HERE
    raise NotImplementedError


# %% [markdown]
# ## elbo.2 The ELBO of a variational autoencoder


# %%
def vae_elbo(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The ELBO with a Bernoulli decoder, q(z | x) = N(mu, diag(exp(logvar))) and the prior N(0, I).

    Args:
        x: Pixels, shape [*batch, pixels], floating point, each 0, 1 or anything between.
        logits: The decoder's log p / (1 - p) for each pixel, at a sample z ~ q, shape [*batch, pixels]. Values of
            -200 and 200 occur.
        mu: Means of q, shape [*batch, latent].
        logvar: Log-variances of q (not log standard deviations), shape [*batch, latent].

    Returns:
        (elbo, recon, kl), each of shape [*batch]: elbo = recon - kl, where recon is the sum over pixels of
        x log p + (1 - x) log(1 - p), and kl = KL(q || N(0, I)), summed over latents. For x = [1, 0],
        logits = [log 3, log 3], mu = [1] and logvar = [0] they are -2.174, -1.674 and 0.5.
    """
    # YOUR CODE HERE
    raise NotImplementedError


# %% [markdown]
# ## elbo.3 The importance-weighted bound


# %%
def iwae_bound(log_w: Tensor, dim: int = 0) -> Tensor:
    """log (1/K sum_k w_k), the importance-weighted bound from K log-weights.

    Args:
        log_w: log w_k = log p(x, z_k) - log q(z_k | x), any shape with the K samples along `dim`. Entries of one
            example may differ by 1000 and more, and may be -inf, but not all of them.
        dim: The dimension that the samples are along.

    Returns:
        The bound, of the inputs' shape without `dim`. For log_w = [0, log 3] it is log 2 = 0.693.
    """
    # YOUR CODE HERE
    raise NotImplementedError


def vae_iwae(x: Tensor, logits: Tensor, z: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """The importance-weighted bound of a variational autoencoder, from K samples of q.

    The decoder is Bernoulli, q(z | x) = N(mu, diag(exp(logvar))), the prior is N(0, I), and the weight of a sample is
    w_k = p(x | z_k) p(z_k) / q(z_k | x).

    Args:
        x: Pixels, shape [*batch, pixels], floating point, each from 0 to 1.
        logits: The decoder's logits at each sample, shape [K, *batch, pixels].
        z: The samples of q, shape [K, *batch, latent].
        mu: Means of q, shape [*batch, latent].
        logvar: Log-variances of q, shape [*batch, latent].

    Returns:
        One value per example, shape [*batch]. For one pixel x = 1 with logits log 3 at both of two samples, z = 0 and
        z = 2, mu = 1 and logvar = 0 it is -0.354.
    """
    # YOUR CODE HERE
    raise NotImplementedError


# %% [markdown]
# ## elbo.4 Normalised weights, and how many samples they are worth


# %%
def importance_weights(log_w: Tensor, dim: int = 0) -> tuple[Tensor, Tensor]:
    """Self-normalised importance weights and their effective sample size.

    Args:
        log_w: log w_k, any shape with the K samples along `dim`. Entries of one example may differ by 1000 and more,
            and may be -inf, but not all of them; adding any constant to them changes nothing.
        dim: The dimension that the samples are along.

    Returns:
        The weights, w_k / sum_j w_j, of the inputs' shape, and the effective sample size (sum_k w_k)^2 / sum_k w_k^2,
        of that shape without `dim`. Both are differentiable in log_w. For log_w = [0, log 3] they are [0.25, 0.75] and
        1.6.
    """
    # YOUR CODE HERE
    raise NotImplementedError


# %% [markdown]
# ## elbo.5 The gap of a linear model, in closed form


# %%
def elbo_gap_ppca(
    x: Tensor, W: Tensor, b: Tensor, noise_var: Tensor, q_mean: Tensor, q_cov: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Evidence, ELBO and gap of probabilistic PCA: z ~ N(0, I), x | z ~ N(W z + b, s2 I), and any Gaussian q(z | x).

    Args:
        x: Data, shape [*batch, dim].
        W: Loadings, shape [dim, latent]; there may be more latents than dimensions.
        b: Offset, shape [dim].
        noise_var: s2, the variance of the noise (not its standard deviation), a 0-dim tensor.
        q_mean: Means of q, shape [*batch, latent].
        q_cov: Covariances of q, symmetric and positive definite, shape [*batch, latent, latent].

    Returns:
        (log_px, elbo, kl), each of shape [*batch]: log p(x), E_q[log p(x, z) - log q(z)], and KL(q || p(z | x)), with
        log_px - elbo = kl. For x = 1, W = [[2]], b = 0, s2 = 1 and q = N(0, 1) they are -1.824, -3.419 and 1.595.
    """
    # YOUR CODE HERE
    raise NotImplementedError


# %% [markdown]
# ## C1 Where the bound comes from
#
# Show that log p(x) = ELBO + KL(q(z | x) || p(z | x)) for any q that is positive where the posterior is, starting from
# log p(x) itself. Then say what follows from it: (a) what maximising the ELBO over q does, and why; (b) what
# maximising it over the parameters of the model trades against what; (c) when the two sides touch; (d) what else can
# keep them apart when q comes from one network for all x. Answer in the cell below, in a page or less.

# %% [markdown]
# <!-- answer: C1 -->
# *YOUR ANSWER HERE*
