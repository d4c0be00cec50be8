"""What is done once, in the zygote, so that no student's first call pays for it or meets a sandbox where it fails."""

from __future__ import annotations

import torch

# Two seconds of imports, which the first optimizer that is made would otherwise ask for.
import torch._dynamo
from torch import Tensor, nn


def warm_up() -> None:
    """Import, and compute once, what students use; leaves the process with one thread and its generators untouched."""
    torch.set_num_threads(1)
    # Asked for later, behind Landlock, it could not read /proc/cpuinfo and would fall back to the plainest kernels.
    torch.backends.cpu.get_cpu_capability()
    with torch.random.fork_rng():
        for dtype in (torch.float32, torch.float64):
            _train_a_little(dtype)
            _do_linear_algebra(torch.eye(3, dtype=dtype))
        _differentiate_functionally()
        _print_and_move(torch.ones(2))


def _train_a_little(dtype: torch.dtype) -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4), nn.GELU(), nn.Linear(4, 1)).to(dtype)
    for make in (torch.optim.SGD, torch.optim.Adam):
        optimizer = make(model.parameters(), lr=0.1)
        loss = nn.functional.mse_loss(model(torch.randn(5, 4, dtype=dtype)), torch.zeros(5, 1, dtype=dtype))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    nn.functional.conv2d(torch.zeros(1, 1, 5, 5, dtype=dtype), torch.zeros(1, 1, 3, 3, dtype=dtype))


def _do_linear_algebra(matrix: Tensor) -> None:
    torch.linalg.cholesky(matrix) @ torch.linalg.solve(matrix, matrix)
    torch.linalg.eigh(matrix)
    torch.fft.fft(matrix).abs().softmax(-1).logsumexp(-1).sum()
    normal = torch.distributions.Normal(matrix, 1 + matrix)
    torch.distributions.kl_divergence(normal, normal).sum()
    normal.log_prob(normal.rsample())  # type: ignore[no-untyped-call]


def _differentiate_functionally() -> None:
    point = torch.ones(3, dtype=torch.float64)
    torch.func.vmap(torch.func.grad(lambda x: x.sin().sum()))(point[:, None])
    torch.func.hessian(lambda x: x.square().sum())(point)
    torch.autograd.functional.jacobian(torch.exp, point)  # type: ignore[no-untyped-call]


def _print_and_move(tensor: Tensor) -> None:
    repr(tensor)
    tensor.to("meta") * 2
