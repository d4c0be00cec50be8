"""Finding a course's assignments: in order, from its own folder, and with a sentence where one is broken."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from grader import catalog
from grader.errors import GraderError, UsageError
from tests.tiny_course import SOLUTION

QUESTION = "from grader.question import Question\nquestion = Question(id={id!r}, functions=['f'], title='T')\n"
INIT = "from grader.question import Assignment\nassignment = Assignment(name={name!r}, title='T')\n"


def make_course(root: Path, name: str = "one", **files: str) -> Path:
    folder = root / "reference" / name
    folder.mkdir(parents=True)
    (root / "solutions" / name).mkdir(parents=True)
    (root / "solutions" / name / f"{name}.py").write_text("def f(x):\n    return x\n")
    (folder / "__init__.py").write_text(INIT.format(name=name))
    for stem, text in files.items():
        (folder / f"{stem}.py").write_text(text)
    return root


def test_an_assignment_is_its_questions_in_the_order_of_their_ids(tiny: Path) -> None:
    loaded = catalog.load(tiny, "tiny")
    assert (loaded.name, loaded.assignment.title) == ("tiny", "Tiny: two questions and an essay")
    assert [question.id for question in loaded.questions] == ["tiny.1", "tiny.2"]
    assert [question.id for question in loaded.written] == ["tiny.3"]
    assert loaded.functions == ("energy", "centre", "spread")
    assert loaded.solution_source == SOLUTION


def test_ten_comes_after_two(tmp_path: Path, other_course: None) -> None:
    files = {f"q{number}": QUESTION.format(id=f"o.{number}") for number in (10, 9, 1, 2)}
    loaded = catalog.load(make_course(tmp_path, **files), "one")
    assert [question.id for question in loaded.questions] == ["o.1", "o.2", "o.9", "o.10"]


def test_each_course_has_its_own_reference(tmp_path: Path, other_course: None) -> None:
    first = make_course(tmp_path / "a", q=QUESTION.format(id="a.1"), _shared="VALUE = 1\n")
    second = make_course(
        tmp_path / "b",
        q="from reference.one._shared import VALUE\n" + QUESTION.format(id="b.1"),
        _shared="VALUE = 2\n",
    )
    for course, identity in ((first, "a.1"), (second, "b.1"), (first, "a.1")):
        assert [question.id for question in catalog.load(course, "one").questions] == [identity]
    # Nor does anything of a course become importable by another name.
    assert not {str(first), str(second)} & set(sys.path)


def test_an_assignment_is_loaded_once_for_one_course(tiny: Path) -> None:
    assert catalog.load(tiny, "tiny").questions[0] is catalog.load(tiny, "tiny").questions[0]


@pytest.mark.parametrize(
    "broken",
    [
        {"q": "1 / 0\n"},
        {"q": "def f(:\n"},
        {"q": "x = 1\n"},
        {"q": "question = 3\n"},
        {"q": "raise SystemExit\n"},
        {"__init__": "assignment = None\n"},
        {"__init__": "x = 1\n"},
        {"__init__": INIT.format(name="two")},
        {"q": QUESTION.format(id="o.1"), "r": QUESTION.format(id="o.1")},
    ],
    ids=str,
)
def test_a_broken_question_file_is_a_fault_of_ours(broken: dict[str, str], tmp_path: Path, other_course: None) -> None:
    with pytest.raises(GraderError, match="one"):
        catalog.load(make_course(tmp_path, **broken), "one")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\n", r"q\.py binds no question to the name `question`; the name of a helper starts with _"),
        ("x = 1\ny = z\n", r"q\.py, line 2, cannot be loaded: NameError: name 'z' is not defined"),
    ],
)
def test_a_broken_question_file_is_named(text: str, message: str, tmp_path: Path, other_course: None) -> None:
    with pytest.raises(GraderError, match=message):
        catalog.load(make_course(tmp_path, q=text), "one")


def test_an_assignment_that_there_is_not_is_named_with_those_that_there_are(tiny: Path) -> None:
    with pytest.raises(UsageError, match="'large'; this course has tiny"):
        catalog.load(tiny, "large")
    with pytest.raises(UsageError, match="--course"):
        catalog.names(tiny / "solutions")


def test_an_assignment_is_loaded_only_where_its_functions_are_asked_for(tmp_path: Path, other_course: None) -> None:
    make_course(tmp_path, "one", f=QUESTION.format(id="o.1"))
    make_course(tmp_path, "two", f="raise RuntimeError('half written')")
    functions = catalog.Functions(tmp_path)
    assert list(functions) == ["one", "two"]
    assert ("two" in functions, "three" in functions, functions.get("three")) == (True, False, None)
    assert functions["one"] == ("f",)
    assert functions["one"] is functions["one"]
    with pytest.raises(GraderError, match="half written"):
        functions["two"]


def test_the_fingerprint_changes_with_every_file_that_can_change_a_score(tmp_path: Path) -> None:
    course = make_course(tmp_path, q=QUESTION.format(id="o.1"), _shared="x = 1\n")
    seen = {catalog.fingerprint(course, "one")}
    for changed in (
        "reference/one/q.py",
        "reference/one/_shared.py",
        "reference/one/__init__.py",
        "solutions/one/one.py",
    ):
        with (course / changed).open("a") as file:
            file.write("# more\n")
        seen.add(catalog.fingerprint(course, "one"))
    assert len(seen) == 5
    (course / "reference" / "one" / "q.py").rename(course / "reference" / "one" / "r.py")
    assert catalog.fingerprint(course, "one") not in seen
