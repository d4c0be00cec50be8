"""What a student may rely on works behind every layer, and gives the numbers that the grader itself would get."""

from __future__ import annotations

import pytest
import torch

from grader.workers import Worker
from tests.sandbox.student import attempt

WORKS = {
    "optimizers": """
model = nn.Linear(3, 1)
for make in (optim.SGD, optim.Adam, optim.AdamW, optim.RMSprop):
    optimizer = make(model.parameters(), lr=0.1)
    model(torch.ones(2, 3)).sum().backward()
    optimizer.step()
optim.LBFGS(model.parameters()).step(lambda: model(torch.ones(2, 3)).square().sum())
optim.lr_scheduler.CosineAnnealingLR(optimizer, 10).step()
nn.utils.clip_grad_norm_(model.parameters(), 1.0)
""",
    "layers": """
nn.Conv2d(1, 2, 3)(torch.ones(1, 1, 8, 8))
nn.LSTM(3, 4)(torch.ones(5, 2, 3))
nn.GRU(3, 4)(torch.ones(5, 2, 3))
nn.TransformerEncoderLayer(4, 2, dropout=0.0)(torch.ones(5, 2, 4))
functional.scaled_dot_product_attention(*[torch.ones(1, 2, 3, 4)] * 3)
nn.BatchNorm1d(3)(torch.ones(4, 3))
nn.Embedding(5, 3)(torch.tensor([1]))
""",
    "functional transforms": """
torch.func.vmap(torch.func.jacrev(torch.sin))(torch.ones(3, 2))
torch.func.jacfwd(torch.sin)(torch.ones(2))
torch.func.hessian(lambda x: x.square().sum())(torch.ones(2))
module = nn.Linear(2, 2)
torch.func.functional_call(module, dict(module.named_parameters()), torch.ones(2))
""",
    "collection of what refers to itself": """
import gc, weakref
assert gc.isenabled()
kept = []
for _ in range(20_000):
    model = nn.Identity()
    model.itself = [model]
    kept.append(weakref.ref(model))
assert sum(one() is not None for one in kept) < 15_000
""",
    "linear algebra": """
matrix = torch.eye(3, dtype=torch.float64) + 0.1
for function in (torch.linalg.cholesky, torch.linalg.eigh, torch.linalg.svd, torch.linalg.qr, torch.linalg.inv):
    function(matrix)
torch.linalg.slogdet(matrix), torch.fft.fft(matrix), torch.complex(matrix, matrix).abs()
torch.einsum("ij,jk->ik", matrix, matrix)
""",
    "distributions": """
import torch.distributions as d
normal = d.MultivariateNormal(torch.zeros(2), torch.eye(2))
normal.log_prob(normal.rsample())
mixture = d.MixtureSameFamily(d.Categorical(torch.ones(2)), d.Normal(torch.zeros(2), torch.ones(2)))
mixture.log_prob(mixture.sample())
d.kl_divergence(d.Beta(1.0, 1.0), d.Beta(2.0, 2.0))
""",
    "autograd": """
class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, grad):
        return 2 * ctx.saved_tensors[0] * grad

torch.autograd.gradcheck(Square.apply, torch.ones(2, dtype=torch.float64, requires_grad=True))
x = torch.ones(2, requires_grad=True)
torch.utils.checkpoint.checkpoint(torch.sin, x, use_reentrant=False).sum().backward()
""",
    "autocast": "with torch.autocast('cpu', torch.bfloat16): nn.Linear(2, 2)(torch.ones(2, 2))",
    "scripting": "torch.jit.trace(torch.sin, torch.ones(2))(torch.ones(2))",
    "eager compile": "torch.compile(lambda x: x.sin() + 1, backend='eager')(torch.ones(2))",
    "data loading": """
data = torch.utils.data.TensorDataset(torch.arange(10.0))
sum(batch[0].sum() for batch in torch.utils.data.DataLoader(data, batch_size=3, shuffle=True))
""",
    "threads": """
import threading
thread = threading.Thread(target=torch.ones(2).sum)
thread.start()
thread.join()
torch.set_num_threads(2)
torch.ones(300, 300) @ torch.ones(300, 300)
torch.randn(1000, 1000).exp().sum()
""",
    "numpy": "numpy.random.default_rng(0).normal(size=3); numpy.linalg.svd(numpy.eye(3)); numpy.fft.fft(numpy.ones(4))",
    "the standard library": """
import asyncio, copy, csv, dataclasses, datetime, decimal, fractions, logging, pickle, pprint, sqlite3, statistics, zlib
logging.warning("printed")
copy.deepcopy(pickle.loads(pickle.dumps(torch.ones(2))))
datetime.datetime.now()
""",
    "printing": "print(torch.ones(2), nn.Linear(2, 2), numpy.ones(2))",
    "another device for shapes": "nn.Linear(2, 2, device='meta')(torch.ones(2, 2, device='meta'))",
}
NEEDS_SCRATCH = {
    "saving": """
torch.save({"a": torch.ones(2)}, "file.pt")
torch.load("file.pt", weights_only=True)
torch.load("file.pt", weights_only=True, mmap=True)
numpy.save("file.npy", numpy.ones(2))
numpy.load("file.npy")
""",
    "temporary files": """
import os, shutil, tempfile
with tempfile.NamedTemporaryFile() as file:
    file.write(b"x")
    shutil.copy(file.name, "copied")
os.chmod("copied", 0o600)
os.makedirs("a/b")
shutil.rmtree("a")
""",
}
IMPORTS = "import numpy, torch, torch.utils.checkpoint\nfrom torch import nn, optim\nfrom torch.nn import functional\n"


def program(body: str) -> str:
    return IMPORTS + "def attack():\n" + "".join(f"    {line}\n" for line in body.splitlines()) + "    return 1\n"


@pytest.mark.parametrize("feature", WORKS)
def test_works(worker: Worker, feature: str) -> None:
    outcome = attempt(worker, program(WORKS[feature]))
    assert (outcome.answer, outcome.raised, outcome.failure) == (1, None, None)


@pytest.mark.parametrize("feature", NEEDS_SCRATCH)
def test_files_are_written_where_there_is_scratch_and_nowhere_else(worker: Worker, feature: str) -> None:
    outcome = attempt(worker, program(NEEDS_SCRATCH[feature]))
    if "private_root" in worker.ready.layers:
        assert (outcome.answer, outcome.raised, outcome.failure) == (1, None, None)
    else:
        # torch says what the system refused in an error of its own.
        assert outcome.raised in ("PermissionError", "RuntimeError")
        # Before 2.7 only that it refused.
        assert b"Permission denied" in outcome.raw or b"cannot be opened" in outcome.raw


def test_the_first_optimizer_imports_nothing(worker: Worker) -> None:
    source = """
import sys
import torch

def attack():
    before = set(sys.modules)
    parameter = torch.ones(2, requires_grad=True)
    torch.optim.AdamW([parameter]).step()
    return sorted(set(sys.modules) - before)
"""
    assert attempt(worker, source).answer == []


ARITHMETIC = """
import torch

def attack(x, w):
    x = x.clone().requires_grad_()
    y = torch.tanh(x @ w).softmax(-1).log().exp().sum(0)
    (gradient,) = torch.autograd.grad(y.square().sum(), x)
    return y.detach(), gradient, torch.linalg.cholesky(w @ w.mT + torch.eye(64, dtype=w.dtype))
"""


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
def test_gives_the_graders_numbers_to_the_last_bit(worker: Worker, dtype: torch.dtype) -> None:
    """Behind Landlock ATen could fall back to plainer kernels, which round differently."""
    generator = torch.Generator().manual_seed(0)
    x, w = (torch.randn(n, 64, dtype=dtype, generator=generator) for n in (128, 64))
    namespace: dict[str, object] = {}
    exec(ARITHMETIC, namespace)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        expected = namespace["attack"](x, w)  # type: ignore[operator]
    finally:
        torch.set_num_threads(threads)
    answer = attempt(worker, ARITHMETIC, x, w).answer
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(expected, answer, strict=True))


@pytest.mark.parametrize(
    "body",
    [
        "import subprocess; subprocess.run(['true'])",
        "import multiprocessing; multiprocessing.get_context('fork').Process(target=print).start()",
        "next(iter(torch.utils.data.DataLoader(torch.ones(4), num_workers=1)))",
    ],
    ids=["subprocess", "multiprocessing", "loader workers"],
)
def test_refuses_with_an_exception_what_needs_other_processes(worker: Worker, body: str) -> None:
    outcome = attempt(worker, program(body))
    assert outcome.raised in ("PermissionError", "FileNotFoundError", "RuntimeError")
