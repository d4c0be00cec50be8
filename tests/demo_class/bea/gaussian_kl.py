# %%
from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor


# %%
def kl_standard(mu: Tensor, logvar: Tensor) -> Tensor:
    """KL(q || p) in nats for q = N(mu, diag(exp(logvar))) and p = N(0, I)."""
    # YOUR CODE HERE
    raise NotImplementedError


# %%
def kl_diag(mu_q: Tensor, logvar_q: Tensor, mu_p: Tensor, logvar_p: Tensor) -> Tensor:
    # YOUR CODE HERE
    raise NotImplementedError


# %%
def kl_full(mu_q: Tensor, scale_tril_q: Tensor, mu_p: Tensor, scale_tril_p: Tensor) -> Tensor:
    # YOUR CODE HERE
    raise NotImplementedError


# %%
def kl_mc(log_q: Tensor, log_p: Tensor, dim: int = 0, kind: Literal["k1", "k3"] = "k1") -> tuple[Tensor, Tensor]:
    # YOUR CODE HERE
    raise NotImplementedError


# %%
def moment_match(log_weights: Tensor, mu: Tensor, var: Tensor) -> tuple[Tensor, Tensor]:
    # YOUR CODE HERE
    raise NotImplementedError


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
    # YOUR CODE HERE
    raise NotImplementedError


# %% [markdown]
# <!-- answer: C2 -->
# *YOUR ANSWER HERE*
