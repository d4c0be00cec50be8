"""What is done once, in the zygote, so that no student's first call pays for it or meets a sandbox where it fails."""

from __future__ import annotations

import torch

# Two seconds of imports, which the first optimizer that is made would otherwise ask for.
import torch._dynamo
from torch import Tensor, nn

from grader.worker import calls


def warm_up(*, gpu: bool = False) -> None:
    """Import, and compute once, what students use; leaves the process with one thread and its generators untouched.

    Args:
        gpu: Whether workers use one. Then nothing is computed here: the first backward pass counts the GPUs, which
            opens their driver, and starts a thread for each; a fork could use neither.
    """
    torch.set_num_threads(1)
    # Asked for later, behind Landlock, it could not read /proc/cpuinfo and would fall back to the plainest kernels.
    torch.backends.cpu.get_cpu_capability()
    if gpu:
        return
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for dtype in (torch.float32, torch.float64):
            _train_a_little(dtype)
            _do_linear_algebra(torch.eye(3, dtype=dtype))
            _call_in_every_way(torch.ones(3, 2, dtype=dtype))
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


def _call_in_every_way(x: Tensor) -> None:
    """As checks do. On the meta device torch sets up each operator at its first use."""
    calls.on_meta(_common_operators, (x, 2 * x), {})
    calls.count(_common_operators, (x, 2 * x), {})
    calls.observe(_common_operators, (x, 2 * x), {})
    calls.vjp2(lambda a, b: (a * b).exp().sum(), (x, 2 * x), {}, x.sum(), (x, x))


def _common_operators(x: Tensor, y: Tensor) -> tuple[Tensor, ...]:
    elementwise = (x + y - x * y) / (1 + y.exp()) + (1 + x.square()).log() - x.sqrt().pow(3) + x.tanh() + x.sigmoid()
    elementwise = elementwise + nn.functional.softplus(x) + x.abs().clamp(min=0.1).log1p() + x.expm1() + x.sin().neg()
    chosen = torch.where(x > y, x, elementwise).masked_fill(y < 0, 0.0)
    reduced = chosen.sum(-1) + chosen.mean(-1) + chosen.logsumexp(-1) + chosen.amax(-1) + chosen.var(-1)
    shaped = torch.cat([x.unsqueeze(0).expand(2, 3, 2).reshape(6, 2), torch.stack([x, y]).flatten(0, 1)])
    products = (x @ y.mT).tril() + torch.einsum("ij,kj->ik", x, y) + torch.eye(3, dtype=x.dtype, device=x.device)
    normalised = x.log_softmax(-1) + y.softmax(-1).cumsum(-1) + torch.zeros_like(x) + torch.full_like(x, 0.5)
    taken = torch.gather(x, -1, torch.zeros_like(x, dtype=torch.long))[..., 0] + x[:, 0] + x[..., -1:].squeeze(-1)
    return reduced, shaped, products.diagonal(dim1=-2, dim2=-1), normalised, taken


def _differentiate_functionally() -> None:
    point = torch.ones(3, dtype=torch.float64)
    torch.func.vmap(torch.func.grad(lambda x: x.sin().sum()))(point[:, None])
    torch.func.hessian(lambda x: x.square().sum())(point)
    torch.autograd.functional.jacobian(torch.exp, point)  # type: ignore[no-untyped-call]


def _print_and_move(tensor: Tensor) -> None:
    repr(tensor)
    tensor.to("meta") * 2
