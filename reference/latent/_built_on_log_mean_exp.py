"""What lvm.2 and lvm.4 give where lvm.1 is the student's own: the oracles once more, with that function left open."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

LogMeanExp = Callable[[Tensor, int], Tensor]


def gmm_log_prob(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor, *, log_mean_exp: LogMeanExp) -> Tensor:
    """log p(x) as the mean over components that, times their number, is the sum."""
    z = (x.unsqueeze(-2) - mu) * torch.exp(-0.5 * logvar)
    log_density = -0.5 * (math.log(2 * math.pi) + logvar + z.square()).sum(-1)
    return log_mean_exp(logits.log_softmax(-1) + log_density, -1) + math.log(len(logits))


def prior_mc_log_marginal(log_px_given_z: Tensor, *, log_mean_exp: LogMeanExp) -> Tensor:
    """The mean over the samples, which come first."""
    return log_mean_exp(log_px_given_z, 0)
