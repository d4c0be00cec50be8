"""The static scan finds what honest code spells out, in every spelling, and never raises."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.scan import MAX_SENTENCES, forbidden_uses, suspicious
from grader.syntax import defined_names, parse

FORBIDDEN = ["torch.distributions", "torch.logsumexp", "F.cross_entropy"]

SPELLINGS = {
    "the module": "import torch\ndef f(x):\n    return torch.logsumexp(x, -1)",
    "an alias of the module": "import torch as t\ndef f(x):\n    return t.logsumexp(x, -1)",
    "the function imported": "from torch import logsumexp as lse\ndef f(x):\n    return lse(x, -1)",
    "a method": "def f(x):\n    return (x + 1).logsumexp(-1)",
    "the method of the class": "import torch\ndef f(x):\n    return torch.Tensor.logsumexp(x, -1)",
    "another home": "import torch\ndef f(x):\n    return torch.special.logsumexp(x, -1)",
    "a sub-module under an alias": "import torch.distributions as D\ndef f(x):\n    return D.Normal(0, 1).log_prob(x)",
    "a sub-module imported": "from torch import distributions\ndef f(x):\n    return distributions.Normal(0, 1)",
    "a class imported": "from torch.distributions.normal import Normal\ndef f(x):\n    return Normal(0, 1)",
    "everything imported": "from torch.distributions import *\ndef f(x):\n    return Normal(0, 1)",
    "an import inside": "def f(x):\n    from torch.nn import functional as F\n    return F.cross_entropy(x, x)",
    "a helper": "import torch\ndef g(x):\n    return torch.logsumexp(x, -1)\ndef f(x):\n    return g(x)",
    "a helper class": "class G:\n    def h(s, x):\n        return x.logsumexp(-1)\ndef f(x):\n    return G().h(x)",
    "a constant": "import torch\nLSE = torch.logsumexp\ndef f(x):\n    return LSE(x, -1)",
    "another name for f": "import torch\ndef g(x):\n    return torch.logsumexp(x, -1)\nf = g",
    "a lambda": "import torch\nf = lambda x: torch.logsumexp(x, -1)",
    "getattr": "import torch\ndef f(x):\n    return getattr(torch, 'logsumexp')(x, -1)",
    "import_module": "import importlib\ndef f(x):\n    return importlib.import_module('torch.distributions')",
    "a decorator": "import torch\ndef d(g): return torch.logsumexp\n@d\ndef f(x): ...",
}


@pytest.mark.parametrize("source", SPELLINGS.values(), ids=SPELLINGS)
def test_every_spelling_of_a_forbidden_name_is_found(source: str) -> None:
    assert forbidden_uses(source, "f", FORBIDDEN)


@pytest.mark.parametrize(
    "source",
    [
        "import torch\ndef f(x):\n    m = x.amax(-1)\n    return m + torch.log(torch.exp(x - m).sum(-1))",
        "import torch\ndef other(x):\n    return torch.logsumexp(x, -1)\ndef f(x):\n    return x",
        "from torch.distributions import Normal\ndef f(x):\n    return x",
        "def f(x):\n    '''Do not use torch.logsumexp.'''\n    # torch.logsumexp\n    return x",
        "class f:\n    def logsumexp(self, x): return x\n    def forward(self, x): return self.logsumexp(x)",
        "import numpy as np\ndef f(x):\n    return np.logaddexp.reduce(x)",
        "def g(: torch.logsumexp",
        "",
    ],
)
def test_what_is_not_used_is_not_found(source: str) -> None:
    assert forbidden_uses(source, "f", FORBIDDEN) == []


def test_a_use_is_named_with_its_line() -> None:
    assert forbidden_uses(SPELLINGS["a method"], "f", FORBIDDEN) == ["torch.logsumexp on line 2"]
    assert forbidden_uses(SPELLINGS["a constant"], "f", FORBIDDEN)
    assert forbidden_uses(SPELLINGS["a constant"], "g", FORBIDDEN) == []


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("import ctypes", "Line 1 imports ctypes."),
        ("x = 1\nfrom os.path import join", "Line 2 imports from os.path."),
        ("import torch\ntorch.allclose = lambda *a: True", "Line 2 replaces torch.allclose, which everybody shares."),
        ("import torch as t\nt.Tensor.__eq__ = None", "Line 2 replaces torch.Tensor.__eq__, which everybody shares."),
        ("import torch\nsetattr(torch, 'a', 1)", "Line 2 changes torch, which everybody shares."),
        (
            "import torch\ntorch.__dict__['a'] = 1",
            "Line 2 replaces an entry of torch.__dict__, which everybody shares.",
        ),
        ("import builtins as b\nb.len = 3", "Line 2 replaces builtins.len, which everybody shares."),
        ("open('/etc/passwd')", "Line 1 calls open, which opens a file."),
        ("import builtins\nbuiltins.open('x')", "Line 2 calls open, which opens a file."),
        ("eval('1')", "Line 1 calls eval, which runs text as code."),
        ("__import__('os')", "Line 1 calls __import__, which imports a module by its name as text."),
        ("import sys\nsys._getframe()", "Line 2 calls sys._getframe, which reads its callers' frames."),
        ("from os import environ\nenviron['A'] = 'b'", "Line 2 changes the environment."),
        ("f.__globals__['x']", "Line 1 reads __globals__."),
    ],
)
def test_what_a_person_should_look_at_is_named_with_its_line(source: str, sentence: str) -> None:
    assert sentence in suspicious(source)


@pytest.mark.parametrize(
    "source",
    [
        "import math\nimport torch\nfrom torch import nn\nimport numpy as np\n",
        "model.eval()\nimport re\nre.compile('x')\nimport torch\ntorch.compile(f)\n",
        "import torch\ntorch.backends.cudnn.deterministic = True\n",
        "class C:\n    def __init__(self):\n        self.torch = 1\n",
        "def f(: import os",
    ],
)
def test_honest_code_is_not_remarked_on(source: str) -> None:
    assert suspicious(source) == []


def test_a_flood_of_remarks_is_cut_and_says_so() -> None:
    sentences = suspicious("import os\n" * 100)
    assert len(sentences) == MAX_SENTENCES
    assert sentences[-1] == "81 more lines like these."


def test_names_are_known_even_where_the_text_is_not_python() -> None:
    assert defined_names("def a(): ...\nclass B: ...\nc = d = 1\ne: int = 2\nif 1:\n    f = 3") == {*"aBcde"}
    assert defined_names("def a(:\nclass B\n  def inner(): ...\nasync def c()") == {*"aBc"}


HOSTILE = ["-" * 200_000 + "1", "x" + ".a" * 200_000, "(" * 200_000, "a\0b", "\ud800", "1" * 5000, "\\", "'" * 3, "\f"]


@pytest.mark.parametrize("source", HOSTILE, ids=lambda source: repr(source[:4]))
def test_hostile_text_is_a_syntax_error_or_a_tree_and_no_scan_raises(source: str) -> None:
    with suppress(SyntaxError):
        parse(source)
    assert forbidden_uses(source, "f", FORBIDDEN) == []
    assert suspicious(source) == []
    assert defined_names(source) == set()


def test_a_docstring_with_a_backslash_makes_no_warning() -> None:
    assert defined_names('def f():\n    "\\sigma \\d"\n') == {"f"}


WORDS = ["import os", "from torch import *", "def f(x):", "    return x.a", "torch.a = b", "lambda:", "f(*a)", "[", "'"]


@given(st.lists(st.sampled_from(WORDS) | st.text(max_size=8), max_size=8).map("\n".join))
def test_no_text_makes_a_scan_raise(source: str) -> None:
    assert isinstance(forbidden_uses(source, "f", FORBIDDEN), list)
    assert isinstance(suspicious(source), list)
    assert isinstance(defined_names(source), set)
