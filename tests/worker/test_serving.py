"""A real worker behind a link: how it imports, calls, and answers for code that misbehaves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

from grader.errors import CheckFailed, WorkerFailure
from grader.link import Batch, Link, Relay
from grader.marking import Marker
from grader.model import Cause
from grader.transports import Call
from grader.worker.messages import Mode, Raised, Returned
from grader.worker.wire import Opaque

Start = Callable[..., Link]


@pytest.fixture
def start(marker: Marker) -> Iterator[Start]:
    """Makes a link for a source, to a fresh worker or to one that a relay has."""
    links: list[Link] = []

    def make(source: str, relay: Relay | None = None) -> Link:
        zygote = marker.zygotes.of("cpu")
        links.append(Link(zygote.spawn, module="work", source=source, device="cpu", seed=5, relay=relay or Relay()))
        return links[-1]

    yield make
    for link in links:
        link.close()


def ask(link: Link, function: str, *args: Any, mode: Mode = Mode.CALL, **more: Any) -> Returned | Raised:
    return link.perform(Call(function=function, mode=mode, args=args, kwargs=more.pop("kwargs", {}), **more))


def value(link: Link, function: str, *args: Any) -> Any:
    answer = ask(link, function, *args)
    assert isinstance(answer, Returned), answer
    return answer.value


def test_values_of_every_kind_go_there_and_back(start: Start) -> None:
    link = start("def same(*args, **kwargs): return args, kwargs")
    x = torch.arange(6.0).reshape(2, 3).T
    args = (x, [1, 2.5, None, "text", True], {"k": (x[0],)}, 1 << 62)
    answer = ask(link, "same", *args, kwargs={"y": x})
    assert isinstance(answer, Returned)
    back, keywords = answer.value
    assert torch.equal(back[0], x)
    assert back[1:2] == args[1:2]
    assert torch.equal(back[2]["k"][0], x[0])
    assert back[3] == 1 << 62
    assert torch.equal(keywords["y"], x)


def test_inputs_arrive_with_their_layout_and_without_a_graph(start: Start) -> None:
    link = start("def look(x): return list(x.stride()), x.requires_grad, x.is_contiguous()")
    x = torch.arange(3.0).expand(4, 3).requires_grad_()
    assert value(link, "look", x) == ([0, 1], False, False)


@pytest.mark.parametrize("mode", [Mode.CALL, Mode.VJP, Mode.VJP2, Mode.OBSERVE, Mode.COUNT, Mode.META])
def test_every_mode_is_answered(mode: Mode, start: Start) -> None:
    link = start("def f(x): return (x ** 3).sum()")
    x = torch.tensor([1.0, 2.0], dtype=torch.float64)
    answer = ask(link, "f", x, mode=mode, cotangents=torch.ones(()).double(), directions=[torch.ones(2).double()])
    assert isinstance(answer, Returned)
    match mode:
        case Mode.CALL:
            assert answer.value == 9
        case Mode.VJP:
            assert [one.tolist() for one in answer.value[1]] == [[3, 12]]
        case Mode.VJP2:
            assert [one.tolist() for one in answer.value[2]] == [[6, 12]]
        case Mode.OBSERVE:
            assert (answer.value["value"], answer.value["changed"]) == (9, [])
        case Mode.COUNT:
            assert answer.value == {"value": 9, "operators": 2}
        case Mode.META:
            assert answer.value == ["float64", []]


@pytest.mark.parametrize(
    ("body", "type_name", "line"),
    [
        ("raise ValueError('SECRET')", "ValueError", 3),
        ("raise SystemExit(0)", "SystemExit", 3),
        ("raise KeyboardInterrupt", "KeyboardInterrupt", 3),
        ("torch.ones(2) + torch.ones(3)", "RuntimeError", 3),
        ("return f()", "RecursionError", 3),
        ("raise ValueError('half a character: \\ud800')", "ValueError", 3),
        ("raise type('E' * 500, (Exception,), {})", "E" * 64, 3),
        ("raise type('E', (Exception,), {'__str__': lambda self: 1 / 0})", "E", 3),
        ("exec('1 / 0')", "ZeroDivisionError", 3),
    ],
)
def test_an_exception_is_an_answer_and_not_an_end(body: str, type_name: str, line: int, start: Start) -> None:
    link = start(f"import torch\ndef f():\n    {body}\ndef g(): return 1")
    answer = ask(link, "f")
    assert isinstance(answer, Raised)
    assert (answer.type_name, answer.line, answer.text) == (type_name, line, body)
    assert value(link, "g") == 1
    assert not link.deaths


def test_the_line_is_the_submissions_own_even_where_torch_raises(start: Start) -> None:
    link = start("import torch\n\ndef f(x):\n    y = x + 1\n    return torch.nn.functional.softplus(y, beta='b')")
    answer = ask(link, "f", torch.ones(2))
    assert isinstance(answer, Raised)
    assert answer.line == 5


def test_lines_are_those_of_python_whatever_else_a_text_may_break_at(start: Start) -> None:
    answer = ask(start("x = '\x0c \u2028'\r\n\x0cdef f():\r\n    raise ValueError  # here\r\n"), "f")
    assert isinstance(answer, Raised)
    assert (answer.line, answer.text) == (3, "raise ValueError  # here")


def test_what_is_not_there_and_what_does_not_fit_have_no_line(start: Start) -> None:
    link = start("def f(x): return x")
    for answer in (ask(link, "g"), ask(link, "f", 1, 2)):
        assert isinstance(answer, Raised)
        assert answer.line is None


@pytest.mark.parametrize(
    ("expression", "type_name"),
    [
        ("object()", "object"),
        ("torch.eye(2).to_sparse()", "Tensor, torch.sparse_coo"),
        ("'\\ud800'", "str that is not text"),
        ("{(1, 2): 3}", "dict"),
        ("1 << 70", "int too large to travel"),
    ],
)
def test_a_value_that_does_not_travel_is_named(expression: str, type_name: str, start: Start) -> None:
    found = value(start(f"import torch\ndef f(): return {expression}"), "f")
    assert isinstance(found, Opaque)
    assert found.type_name == type_name


def test_a_result_on_another_device_is_said(start: Start) -> None:
    answer = ask(start("import torch\ndef f(): return torch.ones(2, device='meta')"), "f")
    assert isinstance(answer, Raised)
    assert answer.type_name == "DeviceMismatch"


@pytest.mark.parametrize(
    "body",
    ["return torch.ones(1).expand(1 << 40)", "return [0] * 200_000", "return 'x' * (2 << 20)"],
)
def test_an_answer_too_large_to_travel_is_an_error_of_its_own(body: str, start: Start) -> None:
    link = start(f"import torch\ndef f():\n    {body}\ndef g(): return 1")
    answer = ask(link, "f")
    assert isinstance(answer, Raised)
    assert answer.type_name == "WireError"
    assert value(link, "g") == 1


def test_an_endless_list_fails_its_own_call(start: Start) -> None:
    link = start("def f():\n    endless = []\n    endless.append(endless)\n    return endless\ndef g(): return 1")
    assert isinstance(ask(link, "f"), Raised)
    assert value(link, "g") == 1


def test_a_module_shadows_nothing_and_has_its_name(start: Start) -> None:
    link = start("import json, torch\ndef f(): return __name__, json.__name__, torch.ones(1).tolist()")
    assert value(link, "f") == ("work", "json", [1.0])


def test_generators_are_seeded_before_the_import(start: Start) -> None:
    drawn = "torch.rand(()), random.random(), float(numpy.random.rand())"
    source = f"import random, numpy, torch\nX = {drawn}\ndef f(): return X"
    first, second = value(start(source), "f"), value(start(source), "f")
    assert first == second
    assert len({float(one) for one in first}) == 3


def test_state_lasts_as_long_as_the_worker(start: Start) -> None:
    source = "seen = []\ndef f():\n    seen.append(1)\n    return len(seen)"
    link = start(source)
    asked = Call(function="f", mode=Mode.CALL, args=(), kwargs={})
    assert [one.value for one in link.perform_all(Batch([asked] * 3))] == [1, 2, 3]  # type: ignore[union-attr]
    assert value(link, "f") == 4
    assert value(start(source), "f") == 1


CHANGES = {
    "torch.set_default_dtype(torch.float64)": "torch.get_default_dtype()",
    "torch.set_default_device('meta')": "torch.ones(()).device",
    "torch.set_grad_enabled(False)": "torch.is_grad_enabled()",
    "torch.autocast('cpu', dtype=torch.bfloat16).__enter__()": "(torch.ones(1, 1) @ torch.ones(1, 1)).dtype",
    "torch.autograd.set_detect_anomaly(True)": "torch.is_anomaly_enabled()",
    "Distribution.set_default_validate_args(False)": "Distribution._validate_args",
    "torch.use_deterministic_algorithms(True)": "torch.are_deterministic_algorithms_enabled()",
    "torch.set_float32_matmul_precision('medium')": "torch.get_float32_matmul_precision()",
    "torch.set_flush_denormal(True)": "float(torch.tensor(1e-320, dtype=torch.float64) * 1.0)",
    "torch.set_num_threads(2)": "torch.get_num_threads()",
    "torch.manual_seed(9), random.seed(9), numpy.random.seed(9)": "torch.rand(1), random.random(), numpy.random.rand()",
    "sys.setrecursionlimit(9000)": "sys.getrecursionlimit()",
    "os.environ.update(LEFT='behind')": "dict(os.environ)",
    "os.chdir('/')": "os.getcwd()",
    "os.makedirs('left/behind'), open('left/here', 'w').close(), open('there', 'w').close()": "os.listdir()",
    "seen.append(1)": "seen",
    "setattr(torch, 'earlier', weakref.ref(energy))": "getattr(torch, 'earlier', lambda: None)() is None",
}
"""What code may leave behind, and how that is seen."""


@pytest.mark.parametrize(("change", "look"), CHANGES.items(), ids=CHANGES)
def test_a_file_that_is_imported_again_finds_everything_as_at_first(start: Start, change: str, look: str) -> None:
    source = (
        "import os, random, sys, weakref\nimport numpy, torch\nfrom torch.distributions import Distribution\n"
        "seen = []\ndef energy(): pass\n"
        f"found = str([{look}])\n"
        f"def before(): return found\ndef now(): return str([{look}])\ndef change(): {change}\n"
    )
    relay = Relay()
    first = start(source, relay)
    before = value(first, "before")
    value(first, "change")
    assert value(first, "now") != before
    first.hand_on()
    again = start(source, relay)
    assert again.is_inherited
    assert value(again, "before") == before


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("def f(:", "Your file is not valid Python: SyntaxError at line 1: def f(:"),
        ("x = 1\nimport no_such_module\n", "Your file imports something that is not there for grading at line 2"),
        ("\n\nraise ValueError('SECRET')", "Your file cannot be imported: ValueError at line 3"),
        ("x = " + "(" * 500 + ")" * 500, "Your file is not valid Python: SyntaxError"),
        ("x = 'a\0b'", "Your file"),
    ],
)
def test_an_import_that_fails_says_where(source: str, sentence: str, start: Start) -> None:
    with pytest.raises(CheckFailed) as caught:
        ask(start(source), "f")
    assert not isinstance(caught.value, WorkerFailure)
    assert caught.value.message.startswith(sentence)


@pytest.mark.parametrize(
    "body", ["import os; os._exit(0)", "import os; os.close(3)", "import os; os.write(3, b'x' * 64)"]
)
def test_code_that_ends_or_abuses_its_process_is_gone(body: str, start: Start) -> None:
    link = start(f"def f():\n    {body}\ndef g(): return 1")
    with pytest.raises(WorkerFailure) as caught:
        ask(link, "f")
    assert caught.value.cause in (Cause.CRASH, Cause.PROTOCOL)
    assert value(link, "g") == 1
