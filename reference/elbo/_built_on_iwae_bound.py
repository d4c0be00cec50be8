"""What the second half of elbo.3 gives for any first half: its oracle with that function left open."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor


def vae_iwae(
    x: Tensor, logits: Tensor, z: Tensor, mu: Tensor, logvar: Tensor, *, iwae_bound: Callable[[Tensor], Tensor]
) -> Tensor:
    """The bound of the log-weights of the samples, which come first."""
    log_px_given_z = (x * F.logsigmoid(logits) + (1 - x) * F.logsigmoid(-logits)).sum(-1)
    squares = z.square() - ((z - mu) * torch.exp(-0.5 * logvar)).square()
    return iwae_bound(log_px_given_z - 0.5 * (squares - logvar).sum(-1))
