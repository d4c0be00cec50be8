"""The kill matrix catches a question that cannot tell right from wrong, and passes one that can."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from grader import validation
from grader.errors import GraderError, UsageError
from grader.model import Outcome, QuestionResult
from grader.question import Question
from grader.settings import Settings
from grader.validation import QuestionReport
from grader.variants import StandIn
from tests.conftest import own_reference
from tests.tiny_course import TINY

SOLUTION = """# %%
import torch


# %%
def f(x):
    ### BEGIN SOLUTION
    return x.exp().sum(-1)
    ### END SOLUTION
"""

QUESTION = '''
import torch
import hypothesis.strategies as st
from hypothesis import given
from grader.compare import Tolerance, assert_value, expect
from grader.question import Question
from grader.standard import arguments, matches_oracle
from grader.strategies import numbers

NO_MANNERS = {name: "Only values are checked." for name in (
    "mutates_its_input", "uses_global_rng", "loops_over_batch", "cpu_constant", "float32_inside", "wrong_dtype",
    "fails_on_empty", "fails_on_noncontiguous")}
question = Question(id="o.1", functions=["f"], title="T", exempt=NO_MANNERS)

@question.oracle
def f(x):
    return x.exp().sum(-1)

def rows():
    return numbers().map(lambda source: arguments(source.normal((3, 2))))

check_values = question.check("value", points=0.1)(matches_oracle(f, rows()))

@question.check("law", points=0.2)
@given(inputs=rows())
def check_shift(student, inputs):
    """Adding one multiplies by e."""
    (x,) = inputs.args
    expect(student.f(x) > 0, "a sum of exponentials is positive.")
    assert_value(student.f(x + 1), torch.e * student.f(x))

@question.misconception("Which dimension do you sum over?")
def averages(x):
    return x.exp().mean(-1)

@question.misconception("Is it exp(x), or exp(x) - 1?")
def subtracts_one(x):
    return torch.expm1(x).sum(-1)

@question.alternative
def takes_powers(x):
    return torch.pow(torch.e, x).sum(-1)

@question.alternative
def adds_logarithms(x):
    return torch.logsumexp(x, -1).exp()
'''

LAW = '''
@question.check("law", points=0.3)
@given(inputs=rows())
def check_law(student, inputs):
    """A law."""
    got = student.f(*inputs.args)
'''

Validate = Callable[..., QuestionReport]


@pytest.fixture
def settings(sandbox: str, tmp_path: Path) -> Settings:
    return Settings(course=tmp_path, out=tmp_path / "out", jobs=1, sandbox=sandbox)


@pytest.fixture
def validate(settings: Settings, shared_zygotes: None, other_course: None) -> Validate:
    """Validates a course of one question: the sound one, with text added or replaced."""

    def run(more: str = "", *, replace: dict[str, str] | None = None) -> QuestionReport:
        text = QUESTION + more
        for old, new in (replace or {}).items():
            assert old in text
            text = text.replace(old, new)
        folder, solutions = settings.course / "reference" / "one", settings.course / "solutions" / "one"
        for path in (folder, solutions):
            path.mkdir(parents=True)
        (folder / "__init__.py").write_text(
            'from grader.question import Assignment\nassignment = Assignment(name="one", title="T")\n'
        )
        (folder / "f.py").write_text(text)
        (solutions / "one.py").write_text(SOLUTION)
        report = validation.validate(settings, [], lambda done, of: None)
        ((question,),) = (assignment.questions for assignment in report.assignments)
        assert report.ok is not bool(question.problems)
        return question

    return run


def test_a_sound_question_has_no_problem(validate: Validate) -> None:
    report = validate()
    assert report.problems == ()
    assert (report.solution_score, report.max_score, report.stub_score, report.trivial_score) == (0.3, 0.3, 0, 0)
    assert [one.score for one in report.alternatives] == [0.3, 0.3]
    assert all(one.caught and one.diagnosed for one in report.misconceptions)
    assert {check.name: check.caught_by_count > 0 for check in report.checks} == {"values": True, "shift": True}


def test_a_misconception_that_survives_is_caught(validate: Validate) -> None:
    report = validate('@question.misconception("Why?")\ndef survives(x):\n    return x.exp().sum(dim=-1)\n')
    assert "the misconception survives keeps full marks." in report.problems
    (survivor,) = (one for one in report.misconceptions if one.name == "survives")
    assert (survivor.caught, survivor.score) == (False, 0.3)


def test_a_misconception_that_cannot_run_is_told_from_one_that_is_caught(validate: Validate) -> None:
    report = validate('@question.misconception("Why?")\ndef broken(x):\n    return rows(x)\n')
    assert report.problems == ("broken uses rows, which the model solution's module does not define.",)


def test_a_generic_mistake_that_survives_names_the_check_that_finds_it(validate: Validate) -> None:
    report = validate(replace={'"uses_global_rng", ': ""})
    assert report.problems == (
        "the generic mistake uses_global_rng keeps full marks; keeps_generators makes a check that finds it, and "
        "exempt= says why a question needs none.",
    )


def test_a_question_without_oracle_or_solution_says_so(validate: Validate) -> None:
    with pytest.raises(GraderError, match=r"^o\.1 has no oracle of f; declare it with @question\.oracle$"):
        validate(replace={"@question.oracle\n": ""})


@pytest.mark.parametrize("solution", [None, "def g(x):\n    return x\n"])
def test_a_function_without_a_solution_says_so(tmp_path: Path, settings: Settings, solution: str | None) -> None:
    folder, file = tmp_path / "reference" / "one", tmp_path / "solutions" / "one" / "one.py"
    for path in (folder, file.parent):
        path.mkdir(parents=True)
    (folder / "__init__.py").write_text(
        'from grader.question import Assignment\nassignment = Assignment(name="one", title="T")\n'
    )
    (folder / "f.py").write_text(QUESTION)
    if solution:
        file.write_text(solution)
    message = (
        "o.1 asks for f, which .*one.py does not define" if solution else "the model solution is missing: .*one.py"
    )
    with own_reference(), pytest.raises(GraderError, match=message):
        validation.validate(settings, [], lambda done, of: None)


def test_a_trivial_answer_that_earns_is_caught(validate: Validate) -> None:
    more = LAW + '    expect(got == 0, "no") if (got == 0).all() else expect(got > 0, "no")\n'
    report = validate(more)
    assert "the trivial answer zeros gets 0.3." in report.problems
    assert report.trivial_score == 0.3


def test_a_question_without_a_trivial_answer_is_told_of() -> None:
    question = Question(id="o.1", functions=["f"], title="T", budget_s=1.0)
    result = QuestionResult(id="o.1", title="T", score=0.0, max_score=0.0, outcome=Outcome.PASSED)
    graded = [(StandIn(name=kind, kind=kind, source=""), result) for kind in ("solution", "stub")]
    report = validation._question_report(question, graded)
    assert any("@question.trivial_answer" in problem for problem in report.problems)


def test_a_trivial_answer_may_earn_for_a_reason(validate: Validate) -> None:
    more = (
        LAW
        + '    expect(got >= 0, "no")\n'
        + "question.exempt |= dict.fromkeys(('zeros', 'ones', 'half', 'random'), 'Law.')\n"
    )
    report = validate(more)
    assert not [problem for problem in report.problems if "trivial" in problem]
    assert "Law." in str(report.trivial_reason)


def test_a_check_that_cannot_fail_is_caught(validate: Validate) -> None:
    report = validate(LAW.replace("got = student.f(*inputs.args)", "del student"))
    assert "the check law cannot fail: no misconception and no trivial answer fails it." in report.problems
    assert "the bare stub gets 0.3." in report.problems


def test_a_check_that_looks_at_nothing_is_caught(validate: Validate) -> None:
    assert "the trivial answer nan gets 0.3." in validate(LAW).problems


def test_a_right_answer_that_fails_is_caught(validate: Validate) -> None:
    report = validate(replace={"torch.pow(torch.e, x).sum(-1)": "torch.pow(2.718, x).sum(-1)"})
    assert "the correct alternative takes_powers gets 0.0 of 0.3." in report.problems


def test_too_few_alternatives_are_said(validate: Validate) -> None:
    report = validate(replace={"@question.alternative\ndef adds_logarithms": "def adds_logarithms"})
    assert report.problems == ("there are 1 alternative solutions; at least 2 are wanted.",)


def test_a_wrong_diagnosis_is_caught(validate: Validate) -> None:
    # Off by less than any two programs are told apart by, and caught by a check that is sharper.
    more = (
        '@question.check("precision", points=0.5)\n@given(inputs=rows())\ndef check_sharp(student, inputs):\n'
        '    """To the last digit."""\n'
        "    assert_value(student.f(*inputs.args), f(*inputs.args), tolerance=Tolerance(rtol=1e-12, atol=0.0))\n"
        '@question.misconception("One.")\ndef is_off(x):\n    return x.exp().sum(-1) * (1 + 1e-8)\n'
        '@question.misconception("Two.")\ndef is_off_the_other_way(x):\n    return x.exp().sum(-1) * (1 - 1e-8)\n'
    )
    report = validate(more)
    by_name = {one.name: one for one in report.misconceptions}
    assert by_name["is_off"].diagnosed_as == ()
    assert by_name["is_off_the_other_way"].diagnosed_as == ()
    assert not by_name["is_off"].diagnosed


def test_a_question_whose_oracle_fails_is_a_fault_of_ours(validate: Validate) -> None:
    with pytest.raises(GraderError, match=r"o\.1 cannot grade solution.*oracle itself fails check shift"):
        validate(replace={"torch.e * student.f(x)": "2 * student.f(x)"})


def test_an_input_that_the_oracle_fails_is_told_of(validate: Validate) -> None:
    more = (
        '@question.check("stress", points=0.3)\n@given(number=st.integers(0, 50))\n'
        'def check_rises(student, number):\n    """A large input."""\n'
        '    expect(student.f(number * torch.ones(1, 2)) > 2.5, "it does not rise")\n'
    )
    (problem,) = [one for one in validate(more).problems if "left out" in one]
    assert "inputs are left out; the first one because o.1: the oracle itself fails check rises: it does not" in problem


def test_only_what_there_is_can_be_validated(tiny: Path, settings: Settings) -> None:
    with pytest.raises(UsageError, match="this course has tiny"):
        validation.validate(Settings(course=TINY, out=settings.out), ["large"], lambda done, of: None)


def test_one_question_can_be_validated_alone(settings: Settings, shared_zygotes: None, other_course: None) -> None:
    tiny = Settings(course=TINY, out=settings.out, jobs=1, sandbox=settings.sandbox)
    report = validation.validate(tiny, [], lambda done, of: None, ids=["tiny.2"])
    assert [question.id for assignment in report.assignments for question in assignment.questions] == ["tiny.2"]
    assert len(report.assignments[0].questions[0].misconceptions) == 2
    for absent in ("tiny.3", "tiny.9"):
        with pytest.raises(UsageError, match=rf"no automatic question {absent} in tiny"):
            validation.validate(tiny, [], lambda done, of: None, ids=[absent])
