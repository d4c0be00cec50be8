"""Sources of randomness."""

from __future__ import annotations

import torch


def generator(seed: int, device: str) -> torch.Generator:
    """A generator on the inputs' device; torch draws for `meta` with one of the CPU."""
    return torch.Generator("cpu" if device == "meta" else device).manual_seed(seed)
