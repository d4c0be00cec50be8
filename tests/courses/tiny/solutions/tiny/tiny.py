# %% [markdown]
# # Tiny

# %%
from __future__ import annotations

import torch
from torch import Tensor


# %%
def energy(x: Tensor, scale: float) -> Tensor:
    """scale/2 times the squared length of x along its last dimension."""
    ### BEGIN SOLUTION
    return 0.5 * scale * x.square().sum(-1)
    ### END SOLUTION


# %%
def centre(x: Tensor) -> tuple[Tensor, Tensor]:
    """The mean of x, and how far each entry is from it."""
    ### BEGIN SOLUTION
    return x.mean(), x - x.mean()
    ### END SOLUTION


# %%
def spread(x: Tensor) -> Tensor:
    """The mean squared distance of x to its mean."""
    ### BEGIN SOLUTION
    return torch.mean(centre(x)[1] ** 2)
    ### END SOLUTION
