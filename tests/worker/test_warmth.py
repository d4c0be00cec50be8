"""What a zygote does before it forks: all that a student would otherwise wait for, and nothing that a fork loses."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from grader.worker.control import ENVIRONMENT

CHECKOUT = Path(__file__).parents[2]

# There need not be a GPU: what would open its driver is known by name. The first backward pass counts the GPUs.
WARM = """
import sys
import torch

def refusing(name):
    def refuse(*args, **kwargs):
        raise AssertionError(f"{name} would open the driver")
    return refuse

gpu = sys.argv[1] == "gpu"
if gpu:
    for name in ("is_available", "device_count", "current_device", "get_rng_state", "init", "_lazy_init"):
        setattr(torch.cuda, name, refusing(name))
    torch.autograd.backward, torch.autograd.grad = refusing("backward"), refusing("grad")
state = torch.get_rng_state()
from grader.worker import zygote
from grader.worker.warmth import warm_up
warm_up(gpu=gpu)
assert torch.equal(torch.get_rng_state(), state)
assert zygote._threads() == 1
"""


@pytest.mark.parametrize("device", ["cpu", "gpu"])
def test_warming_up_opens_no_driver_and_leaves_the_generator_and_one_thread(device: str) -> None:
    command = [sys.executable, "-c", WARM, device]
    done = subprocess.run(command, cwd=CHECKOUT, env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
