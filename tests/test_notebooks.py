"""Which cells of a notebook count, what is said of the others, and where written answers are found."""

from __future__ import annotations

import ast
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.errors import SubmissionError
from grader.notebooks import MAX_NOTEBOOK_BYTES, Module, percent_answers, read_notebook


def notebook(*cells: str, markdown: dict[str, str] | None = None) -> bytes:
    code = [{"cell_type": "code", "metadata": {}, "outputs": [], "source": cell} for cell in cells]
    text = [
        {"cell_type": "markdown", "metadata": {"answer": name} if name else {}, "source": body}
        for name, body in (markdown or {}).items()
    ]
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": code + text}).encode()


def read(*cells: str) -> Module:
    return read_notebook(notebook(*cells))


def names_after(module: Module) -> set[str]:
    names: dict[str, object] = {}
    exec(module.source, names)
    return set(names) - {"__builtins__"}


def test_definitions_of_every_cell_make_one_module() -> None:
    module = read("import math", "def f(x):\n    # why\n    return x", "@property\ndef g(x):\n    return f(x)")
    assert module.source == (
        "# cell 1\nimport math\n\n\n# cell 2\ndef f(x):\n    # why\n    return x\n\n\n"
        "# cell 3\n@property\ndef g(x):\n    return f(x)\n"
    )
    assert module.notes == ()


def test_statements_that_define_nothing_are_left_out_and_said() -> None:
    module = read("def f(x): return x", "print(f(1))\nassert f(2) == 3\nfor i in range(10**9): f(i)")
    assert names_after(module) == {"f"}
    assert module.notes == ("Cell 2: only what it defines counts; its other statements were left out.",)


def test_constants_are_kept_and_experiments_are_not() -> None:
    module = read("EPS = 1e-6\nPAIR = (1, -2)\nx = print(EPS)", "def f(): return EPS")
    assert names_after(module) == {"EPS", "PAIR", "f"}


def test_what_a_definition_uses_is_kept_with_all_that_it_uses() -> None:
    module = read(
        "import math\nTWO_PI = math.tau\nunused = math.sqrt(-1)",
        "LOG_2PI = math.log(TWO_PI)",
        "def f(unused): return LOG_2PI + unused",
        "class C:\n    scale: float = LOG_2PI",
    )
    assert names_after(module) == {"math", "TWO_PI", "LOG_2PI", "f", "C"}


def test_branches_that_only_define_are_kept() -> None:
    attempt = "try:\n    import torch_not_there as t\nexcept ImportError:\n    t = None"
    choice = "if t:\n    def f(): ...\nelse:\n    f = 3"
    assert names_after(read(attempt, choice)) == {"t", "f"}
    assert names_after(read("if __name__ == '__main__':\n    print(1)\n    y = 2")) == set()


def test_notebook_commands_are_left_out_and_said() -> None:
    module = read(
        "%matplotlib inline\n!pip install torch\nimport math\nfiles = !ls\nmath.pi?",
        "%%bash\nrm -rf everything",
        "%%time\ndef f():\n    return math.pi",
    )
    assert names_after(module) == {"math", "f"}
    assert module.notes == (
        "Cell 1: 4 lines of notebook commands left out.",
        "Cell 2 starts with %%bash and was left out.",
        "Cell 3: the line %%time was left out.",
    )


def test_a_docstring_that_looks_like_a_command_is_left_alone() -> None:
    module = read('def f():\n    """\n%d percent\n!important\n"""\n    return 1')
    assert "%d percent" in module.source
    assert module.notes == ()


def test_one_broken_cell_costs_only_itself() -> None:
    module = read("def f(): return 1", "def g(:", "def h(): return f()")
    assert names_after(module) == {"f", "h"}
    assert module.notes == ("Cell 2 is not Python (line 1: invalid syntax) and was left out.",)


def test_future_imports_come_first() -> None:
    module = read("'''A module.'''\nimport math", "from __future__ import annotations\ndef f(x: NotThere): ...")
    assert module.source.startswith("from __future__ import annotations\n")
    assert {"math", "f"} < names_after(module)
    assert module.notes == ()


def test_statements_that_share_a_line_are_told_apart() -> None:
    assert names_after(read("import math; print(1 / 0); A = 3")) == {"math", "A"}


def test_outputs_are_ignored_and_sources_may_be_lists() -> None:
    cells = [{"cell_type": "code", "source": ["import math\r\n", "A = 1"], "outputs": [{"text": "x" * 1000}]}]
    assert read_notebook(json.dumps({"cells": cells}).encode()).source == "# cell 1\nimport math\nA = 1\n"


def test_answers_carry_their_question_in_metadata_or_in_a_first_line() -> None:
    data = notebook(
        markdown={
            "C2": "Because $\\sigma = 1$.",
            "": "<!-- answer: C4 -->\nForward covers.\n\nReverse seeks.",
            "C5": "*YOUR ANSWER HERE*",
            "not an id": "ignored",
        }
    )
    assert read_notebook(data).answers == {"C2": "Because $\\sigma = 1$.", "C4": "Forward covers.\n\nReverse seeks."}


def test_an_answer_may_be_a_heading() -> None:
    assert read_notebook(notebook(markdown={"C2": "### KL weighs by q"})).answers == {"C2": "### KL weighs by q"}
    assert percent_answers('# %% [markdown] answer="C2"\n# ### KL weighs by q\n') == {"C2": "### KL weighs by q"}


@pytest.mark.parametrize("kind", ["markdown", "raw", "code"])
@pytest.mark.parametrize(
    "metadata",
    [
        {"answer": "kl.7"},
        {"nbgrader": {"grade": True, "solution": True, "grade_id": "kl-7"}},
        {"answer": ["?"], "nbgrader": {"grade": True, "solution": True, "grade_id": "kl-7"}},
    ],
)
def test_an_answer_is_found_whatever_became_of_its_cell(kind: str, metadata: dict[str, object]) -> None:
    cell = {"cell_type": kind, "metadata": metadata, "source": "q weighs the logarithm."}
    module = read_notebook(json.dumps({"cells": [cell]}).encode())
    assert module.answers == {"kl.7": "q weighs the logarithm."}
    assert module.notes == ()


def test_no_other_cell_of_nbgraders_is_an_answer() -> None:
    names = [{"grade": True, "grade_id": "kl-7"}, {"solution": True, "grade_id": "kl-7"}, "kl-7", {"grade_id": 7}]
    cells = [{"cell_type": "markdown", "metadata": {"nbgrader": one}, "source": "Text."} for one in names]
    assert read_notebook(json.dumps({"cells": cells}).encode()).answers == {}


def test_answers_of_a_percent_module() -> None:
    source = (
        '# %% [markdown] answer="C2"\n# It is *zero*.\n#\n# Twice.\n\n# %%\nx = 1\n'
        "# %% [markdown]\n# Just a heading.\n"
        "# %% [markdown]\n# <!-- answer: C4 -->\n# Here.\n"
        '# %% [markdown] answer="C5"\n# YOUR ANSWER HERE\n'
    )
    assert percent_answers(source) == {"C2": "It is *zero*.\n\nTwice.", "C4": "Here."}
    assert percent_answers("x = 1\n") == {}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"{", "not valid JSON"),
        (b"\xff\xfe\x00", "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b"[]", "no notebook of format 4"),
        (b'{"worksheets": []}', "no notebook of format 4"),
        (b'{"cells": [3]}', "no notebook of format 4"),
        (b" " * (MAX_NOTEBOOK_BYTES + 1), "larger than 10 MiB"),
    ],
)
def test_what_is_no_notebook_is_refused_with_a_sentence(data: bytes, message: str) -> None:
    with pytest.raises(SubmissionError, match=message):
        read_notebook(data)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(["code", "markdown"]),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.sampled_from(["cell_type", "source", "metadata", "answer", "cells"]) | st.text(), inner)
    ),
)
SOURCES = st.text(alphabet="def f():\n\treturn%!?x=1;'\"#@\\\r\0") | st.sampled_from(
    ["nonlocal x", "return 1", "def f(a, a): ...", "-" * 9000 + "1", "(" * 9000, "x" + ".a" * 9000, "await f()"]
)


@given(st.lists(JSON))
def test_any_json_is_read_or_refused(cells: list[object]) -> None:
    try:
        module = read_notebook(json.dumps({"cells": cells}).encode())
    except SubmissionError:
        return
    assert isinstance(module.source, str)


@given(st.lists(SOURCES, max_size=4))
def test_any_code_is_read_into_something_that_parses(cells: list[str]) -> None:
    ast.parse(read(*cells).source)
