"""What a submission finds around it when it is imported: the same each time, whatever was imported here before.

This mends what code leaves behind by accident. Code that means to can reach everything in its process; what that may
earn or cost is for the grader to see to.
"""

from __future__ import annotations

import os
import random
import shutil
import sys

import numpy as np
import torch

from grader.worker import namespaces


class Surroundings:
    """The process as it is now, before it has run any student's code."""

    def __init__(self) -> None:
        self._folder = os.getcwd()
        self._environment = dict(os.environ)
        self._recursion_limit = sys.getrecursionlimit()

    def restore(self, seed: int) -> None:
        """Make everything as it was, and seed the global generators."""
        os.chdir(self._folder)
        if self._folder == namespaces.SCRATCH:
            _empty(self._folder)
        if dict(os.environ) != self._environment:
            os.environ.clear()
            os.environ.update(self._environment)
        sys.setrecursionlimit(self._recursion_limit)
        _set_up_torch()
        _seed(seed)


def _empty(folder: str) -> None:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry)
            else:
                os.unlink(entry)


def _set_up_torch() -> None:
    """As it is in a fresh process, whatever switches earlier code has set."""
    torch.set_default_dtype(torch.float32)
    torch.set_default_device(None)
    torch.set_grad_enabled(True)
    for device in ("cpu", "cuda"):
        torch.set_autocast_enabled(device, False)
    torch.autograd.set_detect_anomaly(False)
    torch.distributions.Distribution.set_default_validate_args(True)
    torch.use_deterministic_algorithms(False)
    torch.set_float32_matmul_precision("highest")
    torch.set_flush_denormal(False)
    torch.set_num_threads(1)


def _seed(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed & 0xFFFFFFFF)
    if torch.version.cuda is None:
        # All that torch.manual_seed would seed here; it takes milliseconds to note where it was called from, for CUDA.
        torch.default_generator.manual_seed(seed)
    else:
        torch.manual_seed(seed)
