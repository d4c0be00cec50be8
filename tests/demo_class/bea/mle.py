# %% [markdown]
# # Maximum likelihood and MAP
# Read README.md beside this file first: it derives what you implement here.

# %%
from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor


# %%
def gaussian_log_prob(x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """Log-density of N(mu, diag(exp(logvar))) at x, in nats, every constant included."""
    # YOUR CODE HERE
    raise NotImplementedError


# %%
def gaussian_mle(x: Tensor, weights: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Mean and variance of the independent Gaussians under which weighted data are most likely."""
    # YOUR CODE HERE
    raise NotImplementedError


# %%
def categorical_nll(logits: Tensor, targets: Tensor) -> Tensor:
    """Negative log-probability of each target under softmax(logits), in nats."""
    # YOUR CODE HERE
    raise NotImplementedError


# %%
def nll_kl_decomposition(p: Tensor, logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Cross-entropy, entropy and KL."""
    # YOUR CODE HERE
    raise NotImplementedError


# %%
def ridge_map(X: Tensor, y: Tensor, noise_var: float, prior_precision: float) -> Tensor:
    """Most probable weights of a linear model."""
    # YOUR CODE HERE
    raise NotImplementedError


# %%
def map_objective(
    log_lik: Tensor, params: Sequence[Tensor], prior_precision: float, dataset_size: int
) -> Tensor:
    """MAP loss per data point."""
    # YOUR CODE HERE
    raise NotImplementedError
