"""What students get holds the questions and not the answers, and is always the same bytes."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import pytest

from grader import release
from grader.errors import GraderError, UsageError
from grader.notebooks import percent_answers, read_notebook
from grader.release import generate, notebook_of, stub_of
from grader.syntax import defined_names

COURSE = Path(__file__).parents[1]

SOLUTION = '''\
# %% [markdown]
# # A title

# %%
from __future__ import annotations

import torch

# %%
### BEGIN SOLUTION
def helper(x):
    return x.square().sum(-1).mul(0.5).add(1.0)
### END SOLUTION


# %%
def area(x: torch.Tensor) -> torch.Tensor:
    """The area."""
    ### BEGIN SOLUTION
    return helper(x).exp().sum(-1) / torch.pi
    ### END SOLUTION


# %% [markdown]
# ## C2 Why?

# %% [markdown] answer="C2"
# ### BEGIN SOLUTION
# Because of the strict convexity.
# ### END SOLUTION
'''

STUB = '''\
# %% [markdown]
# # A title

# %%
from __future__ import annotations

import torch

# %%
# YOUR CODE HERE


# %%
def area(x: torch.Tensor) -> torch.Tensor:
    """The area."""
    # YOUR CODE HERE
    raise NotImplementedError


# %% [markdown]
# ## C2 Why?

# %% [markdown] answer="C2"
# *YOUR ANSWER HERE*
'''

TEST = "import pytest\nimport torch\nfrom disc import area\n\ndef test_area():\n    assert area(torch.ones(1)) > 0\n"


@pytest.fixture
def course(tmp_path: Path) -> Path:
    files = {
        "solutions/disc/disc.py": SOLUTION,
        "assignments/disc/test_disc.py": TEST,
        "assignments/disc/README.md": "# Discs\n",
        "assignments/disc/notes.txt": "not for release",
        "reference/disc/__init__.py": "",
        "reference/disc/area.py": "def oracle(x):\n    return torch.special.gammaln(x + 1).exp() * torch.pi\n",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


@pytest.mark.parametrize("name", release.names(COURSE))
def test_assignments_are_what_their_solutions_generate(name: str) -> None:
    folder = COURSE / "assignments" / name
    generated = generate(COURSE, name)
    assert {filename: (folder / filename).read_bytes() for filename in generated} == generated
    assert defined_names(generated[f"{name}.py"].decode()) <= defined_names(
        (COURSE / "solutions" / name / f"{name}.py").read_text()
    )


@pytest.mark.parametrize("name", release.names(COURSE))
def test_the_notebook_of_an_assignment_is_the_stub_again(name: str) -> None:
    generated = generate(COURSE, name)
    module = read_notebook(generated[f"{name}.ipynb"])
    assert defined_names(module.source) == defined_names(generated[f"{name}.py"].decode())
    assert module.notes == ()
    assert module.answers == {}


def test_the_course_has_assignments_to_hold_equal() -> None:
    assert release.names(COURSE)


def test_solutions_become_places_to_write() -> None:
    assert stub_of(SOLUTION, filename="disc.py") == STUB


def test_an_untouched_answer_is_no_answer_and_the_model_answer_is_one() -> None:
    assert percent_answers(STUB) == {}
    assert "convexity" in percent_answers(SOLUTION)["C2"]


def test_the_notebook_is_valid_and_keeps_the_ids_of_written_questions() -> None:
    notebook = nbformat.reads(notebook_of(STUB, "disc"), as_version=4)
    nbformat.validate(notebook)
    assert [cell.cell_type for cell in notebook.cells] == ["markdown", "code", "code", "code", "markdown", "markdown"]
    assert [cell.id for cell in notebook.cells][:2] == ["disc-01", "disc-02"]
    assert notebook.cells[-1].metadata == {"answer": "C2"}
    assert notebook.cells[0].source == "# A title"


def test_a_release_is_five_files_and_the_same_bytes_every_time(course: Path) -> None:
    first = release.release(course, "disc", course / "out")
    assert {path.name for path in (course / "out" / "disc").iterdir()} == {path.name for path in first}
    assert {path.name for path in first} == {"disc.py", "disc.ipynb", "test_disc.py", "conftest.py", "README.md"}
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in first}
    release.release(course, "disc", course / "out")
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in first} == before
    assert (course / "out" / "disc" / "disc.py").read_text() == STUB


def test_an_unknown_assignment_is_a_usage_error(course: Path) -> None:
    with pytest.raises(UsageError, match=r"no assignment 'ring' in solutions/; there are disc"):
        release.release(course, "ring", course / "out")


def test_a_missing_handout_is_a_usage_error(course: Path) -> None:
    (course / "assignments" / "disc" / "README.md").unlink()
    with pytest.raises(UsageError, match=r"README\.md: No such file"):
        generate(course, "disc")


@pytest.mark.parametrize(
    ("solution", "message"),
    [
        ("### BEGIN SOLUTION\n", "line 1: ### BEGIN SOLUTION without its partner"),
        ("x = 1\n### END SOLUTION\n", "line 2: ### END SOLUTION without its partner"),
        ("### BEGIN SOLUTION\n### BEGIN SOLUTION\n", "line 2: ### BEGIN SOLUTION without its partner"),
        ("class C:\n    ### BEGIN SOLUTION\n    x = 1\n    ### END SOLUTION\n", "a solution outside of a function"),
        (
            "def f():\n### BEGIN SOLUTION\n    pass\n### END SOLUTION\n",
            "line 2 is not Python: expected",
        ),
        ('# %% [markdown] answer="C2"\n# Why?\n', "the answer to C2 holds more than 'YOUR ANSWER HERE'"),
        ('# %% [markdown] answer="C2"\n# # Why?\n# *YOUR ANSWER HERE*\n', "ask the question in a cell of its own"),
    ],
)
def test_marks_that_make_no_stub_are_named(solution: str, message: str) -> None:
    with pytest.raises(GraderError, match=message):
        stub_of(solution, filename="disc.py")


LEAKS = {
    "a solution's formula in the handout": ("README.md", "Hint: `helper(x).exp().sum(-1)  /  torch.pi`."),
    "a helper's formula in the tests": (
        "test_disc.py",
        TEST + "\nX = 1\n\ndef g(x):\n    return (x.square().sum(-1)\n        .mul(0.5).add(1.0))\n",
    ),
    "an oracle in the tests": ("test_disc.py", TEST + "E = torch.special.gammaln(x + 1).exp() * (torch.pi)\n"),
    "a mark in the handout": ("README.md", "### BEGIN SOLUTION"),
}


@pytest.mark.parametrize(("filename", "text"), LEAKS.values(), ids=LEAKS)
def test_nothing_hidden_is_released(course: Path, filename: str, text: str) -> None:
    (course / "assignments" / "disc" / filename).write_text(text)
    with pytest.raises(GraderError, match=rf"{filename} of disc holds"):
        release.release(course, "disc", course / "out")
    assert not (course / "out").exists()


@pytest.mark.parametrize("line", ["import reference.disc", "from reference import disc", "from grader import compare"])
def test_public_tests_import_what_students_have(course: Path, line: str) -> None:
    (course / "assignments" / "disc" / "test_disc.py").write_text(f"{line}\n{TEST}")
    with pytest.raises(GraderError, match=r"test_disc.py imports (reference|grader)"):
        generate(course, "disc")


def test_the_notebook_names_no_tool_version() -> None:
    metadata = json.loads(notebook_of(STUB, "disc"))["metadata"]
    assert set(metadata) == {"kernelspec", "language_info"}
