"""Modules, functions and generators as arguments, in a real worker: what a check sees of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from grader.errors import CheckFailed, GraderError
from grader.families import described, generator, record
from grader.link import Link, Relay
from grader.marking import Marker
from grader.model import Cause
from grader.remote import Asked, RemoteModule, Student
from grader.transports import LocalTransport, OnceTransport

START = "import torch\nfrom torch import nn\n"
CODER = """
class Coder(nn.Module):
    def __init__(self, d, *, bias=True):
        super().__init__()
        self.lin = nn.Linear(d, 2, bias=bias)
        self.register_buffer("scale", torch.tensor(2.0))

    def forward(self, x):
        return self.scale.to(x.dtype) * self.lin(x)

    def inverse(self, z):
        return z @ self.lin.weight
"""


class Coder(nn.Module):
    """The oracle."""

    scale: Tensor

    def __init__(self, d: int, *, bias: bool = True) -> None:
        super().__init__()
        self.lin = nn.Linear(d, 2, bias=bias)
        self.register_buffer("scale", torch.tensor(2.0))

    def forward(self, x: Tensor) -> Tensor:
        value: Tensor = self.scale.to(x.dtype) * self.lin(x)
        return value

    def inverse(self, z: Tensor) -> Tensor:
        return z @ self.lin.weight


class Forgetful(nn.Module):
    """The oracle for a module that has no buffer."""

    def __init__(self, d: int) -> None:
        super().__init__()
        self.lin = nn.Linear(d, 2)

    def forward(self, x: Tensor) -> Tensor:
        value: Tensor = self.lin(x)
        return value


STATE = {
    "lin.weight": torch.tensor([[1.0, -2.0, 0.5], [0.25, 3.0, -1.0]], dtype=torch.float64),
    "lin.bias": torch.tensor([0.5, -0.75], dtype=torch.float64),
    "scale": torch.tensor(2.0, dtype=torch.float64),
}
X = torch.tensor([[0.3, -1.1, 2.0], [1.5, 0.2, -0.4]], dtype=torch.float64)

StudentOf = Callable[..., Student]


@pytest.fixture
def student(marker: Marker) -> Iterator[StudentOf]:
    """Makes a student of a source and of the oracles that its replies are held against."""
    links: list[Link] = []

    def make(source: str, **oracles: Any) -> Student:
        spawn = marker.zygotes.of("cpu").spawn
        links.append(
            Link(spawn, module="work", source=START + source, device="cpu", seed=5, relay=Relay(), wall_s=20.0)
        )
        return Student(list(oracles), OnceTransport(links[-1]), LocalTransport(oracles))

    yield make
    for link in links:
        link.close()


def failure(call: Callable[[], Any]) -> CheckFailed:
    with pytest.raises(CheckFailed) as caught:
        call()
    return caught.value


def test_a_module_computes_with_the_state_that_it_is_given(student: StudentOf) -> None:
    module = student(CODER, Coder=Coder).Coder.build(3)
    loaded = module.load(STATE)
    right = 2 * (X @ STATE["lin.weight"].T + STATE["lin.bias"])
    torch.testing.assert_close(loaded(X), right)
    torch.testing.assert_close(loaded.method("inverse")(right), right @ STATE["lin.weight"])


def test_a_module_is_built_the_same_each_time_and_says_what_it_holds(student: StudentOf) -> None:
    module = student(CODER, Coder=Coder).Coder.build(3, bias=True)
    state = module.state()
    assert state.keys() == STATE.keys()
    assert module.parameters().keys() == {"lin.weight", "lin.bias"}
    x = X.float()
    torch.testing.assert_close(module(x), module.load(state)(x))
    assert (module.eval()(x) == module(x)).all()


def test_gradients_come_for_the_state_and_then_for_the_arguments(student: StudentOf) -> None:
    module = student(CODER, Coder=Coder).Coder.build(3).load(STATE)
    weights = torch.tensor([[1.0, 0.0], [0.0, 2.0]], dtype=torch.float64)
    in_weight, in_bias, in_scale, in_x = module.vjp((X,), weights)
    torch.testing.assert_close(in_weight, 2 * weights.T @ X)
    torch.testing.assert_close(in_bias, 2 * weights.sum(0))
    torch.testing.assert_close(in_scale, (weights * (X @ STATE["lin.weight"].T + STATE["lin.bias"])).sum())
    torch.testing.assert_close(in_x, 2 * weights @ STATE["lin.weight"])


def test_what_a_module_does_not_register_stays_behind(student: StudentOf) -> None:
    fine = student(CODER, Coder=Coder).Coder.build(3).load(STATE)
    fine.on_meta(X)
    forgetful = CODER.replace('self.register_buffer("scale", torch.tensor(2.0))', "self.scale = torch.ones(2)")
    unregistered = student(forgetful, Coder=Forgetful).Coder.build(3)
    state = unregistered.state()
    assert state.keys() == {"lin.weight", "lin.bias"}
    assert failure(lambda: unregistered.load(state).on_meta(X.float())).cause is Cause.DEVICE


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("def Coder(d): return lambda x: x", "nn.Module"),
        (CODER.replace("self.lin", "self.line"), "other names or shapes"),
        (CODER.replace("def inverse", "def invert"), "lacks a method"),
        ("", "Your file does not define Coder."),
        (CODER.replace("super().__init__()", "return"), "begin its __init__ with super().__init__()."),
        (CODER.replace("super().__init__()", "pass"), "Coder raised AttributeError at line 7 of your file: self.lin"),
        (CODER.replace("z @ self.lin", "z @ self.line"), "Coder raised AttributeError at line 14 of your file: return"),
        (CODER.replace("z @ self", "z.foo() @ self"), "Coder raised AttributeError at line 14 of your file: return"),
        ("class Coder(nn.Module):\n    def __init__(self, d): raise NotImplementedError", "not implemented"),
    ],
)
def test_a_module_that_is_not_what_was_asked_for(student: StudentOf, source: str, said: str) -> None:
    module = student(source, Coder=Coder).Coder.build(3).load(STATE)
    assert said in failure(lambda: module.method("inverse")(X[:, :2])).message


def test_a_module_that_torch_has_traced_is_one(student: StudentOf) -> None:
    source = CODER + "\ndef Traced(d): return torch.jit.trace(Coder(d), torch.ones(2, d))"
    traced = student(source, Traced=Coder).Traced.build(3)
    assert traced(X.float()).shape == (2, 2)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("def f(x): return x.foo()", "f raised AttributeError at line 3 of your file: def f(x): return x.foo()."),
        ("def f(x): return nn.Linear(3, 2).foo(x)", "f raised AttributeError at line 3 of your file: def"),
        # No line of the file is among those that the error passes.
        ("f = nn.Flatten()", "f raised AttributeError."),
        ("f = {}.__getitem__", "f raised"),
        ("class Other: f = 1", "Your file does not define f."),
        ("f = 1\ndel f", "Your file does not define f."),
    ],
)
def test_only_a_name_that_is_not_there_is_said_not_to_be_defined(student: StudentOf, source: str, said: str) -> None:
    work = student(source, f=lambda x: x)
    assert failure(lambda: work.f(2.5)).message.startswith(said)


def test_a_function_that_is_given_is_built_there_and_its_calls_are_seen(student: StudentOf) -> None:
    def twice(f: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
        return f(x) + f(-x)

    f = described("quadratic", center=X[0], curvature=torch.ones(3, dtype=torch.float64))
    work = student("def twice(f, x):\n    return f(x) + f(-x)", twice=twice)
    right = (X - X[0]).square().sum(-1) + (X + X[0]).square().sum(-1)
    torch.testing.assert_close(work.twice(f, X), right)
    seen = work.twice.observe(f, X)
    assert [log.count for log in seen.asked] == [2]
    first, second = seen.asked[0].args
    assert torch.equal(first[0], X)
    assert torch.equal(second[0], -X)
    work.twice.on_meta(f, X)


def test_a_network_that_is_given_is_seen_too(student: StudentOf) -> None:
    def applied(net: nn.Module, x: Tensor) -> Tensor:
        value: Tensor = net(x)
        return value

    net = described("mlp", weights=[STATE["lin.weight"]], biases=[STATE["lin.bias"]])
    work = student("def applied(net, x):\n    return net(x)", applied=applied)
    torch.testing.assert_close(work.applied(net, X), X @ STATE["lin.weight"].T + STATE["lin.bias"])
    assert work.applied.observe(net, X).asked[0].count == 1


def test_what_a_network_was_asked_is_seen_however_it_is_called(student: StudentOf) -> None:
    def applied(net: nn.Module, x: Tensor) -> Tensor:
        value: Tensor = net(input=x)
        return value

    net = described("mlp", weights=[STATE["lin.weight"]], biases=[STATE["lin.bias"]])
    (asked,) = student("def applied(net, x):\n    return net(input=x)", applied=applied).applied.observe(net, X).asked
    assert torch.equal(asked.tensors(0)[0], X)
    assert asked.count == 1


@pytest.mark.parametrize("args", [((),), (("x",),), ((X,), (1.5,))])
def test_calls_without_the_tensor_that_a_function_takes_are_a_mismatch(args: tuple[tuple[Any, ...], ...]) -> None:
    with pytest.raises(CheckFailed) as caught:
        Asked(count=len(args), args=args).tensors(0)
    assert caught.value.cause is Cause.MISMATCH


def test_a_generator_decides_what_is_drawn(student: StudentOf) -> None:
    def draw(n: int, *, generator: torch.Generator) -> Tensor:
        return torch.randn(n, generator=generator)

    work = student("def draw(n, *, generator):\n    return torch.randn(n, generator=generator)", draw=draw)
    seen = work.draw.observe(3, generator=generator(7))
    assert torch.equal(seen.value, torch.randn(3, generator=torch.Generator().manual_seed(7)))
    assert not seen.generators
    assert not torch.equal(work.draw(3, generator=generator(8)), seen.value)


@dataclass(frozen=True)
class Pair:
    """What the oracle might know the record as."""

    low: float
    high: Tensor


NAMED = """
from dataclasses import dataclass

@dataclass(frozen=True)
class Pair:
    low: float
    high: torch.Tensor

def width(pair, *, other):
    match pair:
        case Pair(low=low, high=high):
            return high - low + other.high
"""


def test_a_record_is_of_the_class_that_the_file_defines(student: StudentOf) -> None:
    def width(pair: Pair, *, other: Pair) -> Tensor:
        return pair.high - pair.low + other.high

    pair, other = record("Pair", low=1.0, high=X), record("Pair", low=0.0, high=X)
    work = student(NAMED, width=width)
    torch.testing.assert_close(work.width(pair, other=other), 2 * X - 1)
    work.width.on_meta(pair, other=other)
    torch.testing.assert_close(work.width.vjp((pair,), X, {"other": other}), (X,))
    assert work.shown[0][0].text().startswith("width(Pair(low=1.0, high=torch.tensor([[")


def test_a_record_without_a_class_still_has_its_parts(student: StudentOf) -> None:
    def width(pair: Pair) -> Tensor:
        return pair.high - pair.low

    work = student("def width(pair):\n    return pair.high - pair.low", width=width)
    torch.testing.assert_close(work.width(record("Pair", low=1.0, high=X)), X - 1)


def _refuse(n: int) -> Tensor:
    if n % 2 == 0:
        raise ValueError("even")
    return torch.zeros(n)


@pytest.mark.parametrize(
    ("body", "cause"),
    [
        ("if n % 2 == 0:\n        raise ValueError\n    return torch.zeros(n)", None),
        ("return torch.zeros(n)", Cause.MISMATCH),
        ("raise TypeError", Cause.EXCEPTION),
        ("raise NotImplementedError", Cause.NOT_IMPLEMENTED),
    ],
)
def test_arguments_that_should_be_refused(student: StudentOf, body: str, cause: Cause | None) -> None:
    work = student(f"def refuse(n):\n    {body}", refuse=_refuse)
    if cause is None:
        work.refuse.raises("ValueError", 4)
    else:
        assert failure(lambda: work.refuse.raises("ValueError", 4)).cause is cause


def test_an_oracle_that_refuses_nothing_is_a_fault_of_ours(student: StudentOf) -> None:
    work = student("def refuse(n):\n    raise ValueError", refuse=_refuse)
    with pytest.raises(GraderError, match="does not raise ValueError"):
        work.refuse.raises("ValueError", 3)


TRAIN = """
from pathlib import Path

def train(x, *, generator):
    with open("trained", "a") as file:
        file.write("once")
    model = nn.Linear(3, 1, bias=False).double()
    with torch.no_grad():
        model.weight.fill_(float(x.mean()))
    return model, nn.Identity()

def times():
    return len(Path("trained").read_text()) // 4
"""


def _train(x: Tensor, *, generator: torch.Generator) -> tuple[nn.Module, nn.Module]:
    model = nn.Linear(3, 1, bias=False).double()
    with torch.no_grad():
        model.weight.fill_(float(x.mean()))
    return model, nn.Identity()


def test_what_is_trained_is_called_where_it_lives(student: StudentOf) -> None:
    work = student(TRAIN, train=_train, times=lambda: 1)
    for _ in range(2):
        model, same = work.train(X, generator=generator(3))
        assert isinstance(model, RemoteModule)
        torch.testing.assert_close(model(X), X.sum(-1, keepdim=True) * X.mean())
        assert torch.equal(same(X), X)
        torch.testing.assert_close(model.state()["weight"], X.mean().expand(1, 3))
    assert work.times() == 1


def test_what_training_does_besides_is_seen(student: StudentOf) -> None:
    work = student(TRAIN, train=_train)
    seen = work.train.train(X, generator=generator(3))
    model, _ = seen.value
    torch.testing.assert_close(model(X), X.sum(-1, keepdim=True) * X.mean())
    assert seen.generators == ("torch",)
    assert not seen.changed


def test_something_else_than_a_module_is_told(student: StudentOf) -> None:
    work = student("def train(x, *, generator):\n    return x, x", train=_train)
    assert failure(lambda: work.train(X, generator=generator(3))).cause is Cause.SHAPE


@pytest.mark.parametrize(
    ("family", "parameters"), [("no_such", {}), ("sine", {}), ("sine", {"frequency": X, "seed": 1})]
)
def test_an_author_is_told_which_families_there_are(family: str, parameters: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=family):
        described(family, **parameters)


ROTATION = torch.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=torch.float64)


def _applied(f: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    return f(x)


def test_gradients_reach_what_a_description_holds(student: StudentOf) -> None:
    work = student("def applied(f, x):\n    return f(x)", applied=_applied)
    matrix, offset, x = ROTATION + 0.5, ROTATION[0], X[:, :2]
    field = described(
        "sum_of_fields",
        first=described("affine_field", matrix=matrix, offset=offset),
        second=described("affine_field", matrix=ROTATION, offset=offset),
    )
    weights = torch.tensor([[1.0, -2.0], [0.5, 3.0]], dtype=torch.float64)
    in_matrix, in_offset, _, _, in_x = work.applied.vjp((field, x), weights)
    torch.testing.assert_close(in_matrix, weights.T @ x)
    torch.testing.assert_close(in_offset, weights.sum(0))
    torch.testing.assert_close(in_x, weights @ (matrix + ROTATION))
    directions = [torch.ones_like(tensor) for tensor in (matrix, offset, ROTATION, offset, x)]
    second = work.applied.vjp2((field, x), weights, directions)
    # <ones, dL/dmatrix + dL/dx + ...> is bilinear in the matrix and x.
    torch.testing.assert_close(second[0], torch.stack([weights.sum(0)] * 2, dim=1))
    torch.testing.assert_close(second[4], weights.sum(1, keepdim=True).expand(2, 2) + weights.sum(1, keepdim=True))


def test_a_caller_without_autograd(student: StudentOf) -> None:
    source = "def applied(f, x):\n    return f(x) + torch.is_grad_enabled()"
    work = student(source, applied=_applied)
    field = described("affine_field", matrix=ROTATION, offset=ROTATION[0])
    torch.testing.assert_close(work.applied.without_grad(field, X[:, :2]), X[:, :2] @ ROTATION.T + ROTATION[0])
    torch.testing.assert_close(work.applied(field, X[:, :2]), X[:, :2] @ ROTATION.T + ROTATION[0] + 1)


@pytest.mark.parametrize(
    ("body", "marked"),
    [
        ("return net(x)", ()),
        ("z = x.clone().requires_grad_()\n    torch.autograd.grad(net(z).sum(), z)\n    return net(x)", ()),
        ("x.requires_grad_()\n    return net(x)", (0,)),
        ("net(x.clone().requires_grad_()).sum().backward()\n    return net(x)", (1, 2)),
    ],
)
def test_marks_that_autograd_leaves_are_seen(student: StudentOf, body: str, marked: tuple[int, ...]) -> None:
    net = described("mlp", weights=[STATE["lin.weight"]], biases=[STATE["lin.bias"]])
    work = student(f"def applied(net, x):\n    {body}", applied=_applied)
    assert work.applied.observe(net, X).marked == marked


def test_a_function_may_be_called_inside_vmap(student: StudentOf) -> None:
    work = student("def applied(f, x):\n    return torch.vmap(f)(x)", applied=_applied)
    field = described("affine_field", matrix=ROTATION, offset=ROTATION[0])
    seen = work.applied.observe(field, X[:, :2])
    assert (seen.asked[0].count, seen.asked[0].args) == (1, ())
    torch.testing.assert_close(seen.value, X[:, :2] @ ROTATION.T + ROTATION[0])
