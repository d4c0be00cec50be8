"""One Gaussian fitted to one mixture in both directions of the KL, by the student's kl.5 and kl.6."""

from __future__ import annotations

import torch
from torch import Tensor

from grader.frontier.models._base import Pieces

PIECES = ("gaussian_kl.moment_match", "gaussian_kl.reverse_kl_fit")

LOG_WEIGHTS = torch.tensor([0.6, 0.4]).log()
MEANS = torch.tensor([[-2.0, -0.6], [2.0, 0.9]])
VARIANCES = torch.tensor([[0.5, 0.35], [0.3, 0.6]])
"""The target: two modes, a diagonal Gaussian each."""

STARTS = torch.tensor([[-2.0, 1.0], [2.0, -1.0]])
"""Of the reverse fit: nearer to the one mode, and to the other."""

STEPS, RATE, NOISES = 400, 0.1, 256


def fits(pieces: Pieces) -> dict[str, Tensor]:
    """Mean and variance of each fit, [fits, 2]: the forward one first, then the reverse ones from each start."""
    mean, var = pieces["gaussian_kl.moment_match"](LOG_WEIGHTS, MEANS, VARIANCES)
    eps = torch.randn((NOISES, 2), generator=torch.Generator().manual_seed(0))
    eps = eps - eps.mean(0)
    eps = eps / eps.square().mean(0).sqrt()
    means, variances = [mean], [var]
    for start in STARTS:
        m, v, _ = pieces["gaussian_kl.reverse_kl_fit"](
            LOG_WEIGHTS, MEANS, VARIANCES.log(), start, torch.zeros(2), steps=STEPS, lr=RATE, eps=eps
        )
        means.append(m)
        variances.append(v.exp())
    return {"means": torch.stack(means).detach(), "variances": torch.stack(variances).detach()}
