"""Which mistake a submission's numbers show: found however it is written, and silent wherever that is not certain."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from grader import catalog, variants
from grader.catalog import LoadedAssignment
from grader.diagnosis import Diagnosis, Fingerprint, diagnose, same_answer
from grader.examples import Recording, record_question
from grader.link import Batch
from grader.model import Outcome
from grader.question import Question
from grader.scan import forbidden_uses
from grader.session import QuestionSession, Verdict
from grader.transports import LocalTransport
from grader.worker.messages import Raised, Returned
from grader.worker.wire import Opaque
from tests.conftest import own_reference
from tests.in_process import FakeLink
from tests.tiny_course import SECRET, SOLUTION, TINY, energy, with_function

HALF = "What is the energy of one coordinate of size 1?"
SCALE = "Does the energy grow with the scale?"


@pytest.fixture(scope="module")
def assignment() -> Iterator[LoadedAssignment]:
    with own_reference():
        yield catalog.load(TINY, "tiny")


@pytest.fixture(scope="module")
def question(assignment: LoadedAssignment) -> Question:
    return assignment.questions[0]


@pytest.fixture(scope="module")
def recordings(question: Question) -> list[Recording]:
    return record_question(question, SECRET)


@pytest.fixture(scope="module")
def known(assignment: LoadedAssignment, question: Question, recordings: list[Recording]) -> list[Fingerprint]:
    stand_ins = variants.misconceptions(assignment, question)
    return [Fingerprint(question, stand_in, recordings) for stand_in in stand_ins]


def diagnosed(
    source: str, question: Question, recordings: Sequence[Recording], known: Sequence[Fingerprint]
) -> Diagnosis | None:
    module: dict[str, object] = {}
    exec(compile(source, "student", "exec"), module)
    grading = QuestionSession(
        question=question,
        recordings=recordings,
        everything=Batch([call for recording in recordings for call in recording.calls]),
        link=FakeLink(module),  # type: ignore[arg-type]
        personal={check.name: [] for check in question.checks},
        forbidden_uses=forbidden_uses(source, question.function, question.forbidden),
    )
    verdicts = [grading.run(recording) for recording in recordings]
    return diagnose(verdicts, grading.answers, known)


@pytest.mark.parametrize(
    ("expression", "sentence", "names"),
    [
        ("scale * (x * x).sum(dim=-1)", HALF, {"forgets_the_half"}),
        ("torch.einsum('...i,...i->...', scale * x, x)", HALF, {"forgets_the_half"}),
        ("(x / 2**0.5).pow(2).sum(-1)", SCALE, {"forgets_the_scale", "divides_the_scale_away"}),
        (
            "scale * x.norm(dim=-1) ** 2 / (2 * x.shape[-1])",
            "Adding a coordinate of size 0 should change nothing.",
            {"averages"},
        ),
        (
            "scale / 2 * torch.where(x > 0, x, -x).sum(-1)",
            "Is a length squared, or absolute?",
            {"takes_absolute_values"},
        ),
    ],
)
def test_the_same_mistake_is_known_in_other_words(
    expression: str,
    sentence: str,
    names: set[str],
    question: Question,
    recordings: list[Recording],
    known: list[Fingerprint],
) -> None:
    found = diagnosed(energy(expression), question, recordings, known)
    assert found is not None
    assert found.sentence == sentence
    assert set(found.names) == names


@pytest.mark.parametrize(
    "source",
    [
        SOLUTION,
        energy("scale / 2 * (x * x).sum(-1)"),
        energy("1.3 * scale * x.square().sum(-1)"),
        energy("scale * x.square().sum(-1) * (1 + 1e-4)"),
        energy("0.5 * scale * x.square().sum(-1) + 1"),
        energy("torch.zeros(x.shape[:-1], dtype=x.dtype)"),
        energy("x"),
        energy("None"),
        energy("1 / 0"),
        with_function("def energy(x, scale):\n    raise NotImplementedError"),
    ],
)
def test_right_answers_and_unknown_mistakes_draw_no_sentence(
    source: str, question: Question, recordings: list[Recording], known: list[Fingerprint]
) -> None:
    assert diagnosed(source, question, recordings, known) is None


@pytest.mark.parametrize(
    ("source", "name"),
    [
        (
            with_function("def energy(x, scale):\n    x.mul_(1.0)\n    return 0.5 * scale * x.square().sum(-1)"),
            "mutates_its_input",
        ),
        (energy("0.5 * scale * x.square().sum(-1) + 0 * torch.randn(())"), "uses_global_rng"),
        (energy("0.5 * scale * torch.linalg.norm(x, dim=-1) ** 2"), "uses_forbidden_name"),
    ],
)
def test_bad_manners_are_known_where_the_values_are_right(
    source: str, name: str, question: Question, recordings: list[Recording], known: list[Fingerprint]
) -> None:
    found = diagnosed(source, question, recordings, known)
    assert found is not None
    assert found.names == (name,)


def test_every_wrong_answer_is_known_as_its_own_class(
    assignment: LoadedAssignment, question: Question, recordings: list[Recording], known: list[Fingerprint]
) -> None:
    for stand_in in variants.misconceptions(assignment, question):
        found = diagnosed(stand_in.source, question, recordings, known)
        assert found is not None, stand_in.name
        assert stand_in.name in found.names
        assert found.sentence == stand_in.sentence


def test_equal_wrong_answers_with_two_sentences_say_nothing(
    question: Question, recordings: list[Recording], known: list[Fingerprint]
) -> None:
    source = energy("scale * x.square().sum(-1)")

    def twin(sentence: str) -> Fingerprint:
        stand_in = variants.StandIn(name="twin", kind="listed", source=source, sentence=sentence)
        return Fingerprint(question, stand_in, recordings)

    assert diagnosed(source, question, recordings, [*known, twin("Another sentence.")]) is None
    found = diagnosed(source, question, recordings, [*known, twin(HALF)])
    assert found == Diagnosis(names=("forgets_the_half", "twin"), sentence=HALF)


def test_a_wrong_answer_may_stand_beside_a_dataclass(
    assignment: LoadedAssignment, question: Question, recordings: list[Recording]
) -> None:
    (first, *_) = variants.misconceptions(assignment, question)
    beside = "from dataclasses import dataclass\n\n@dataclass\nclass Pair:\n    a: int\n"
    stand_in = replace(first, source=f"{first.source}\n{beside}")
    check = question.checks[0].name
    pairs = zip(
        Fingerprint(question, stand_in, recordings).answers(check),
        Fingerprint(question, first, recordings).answers(check),
        strict=True,
    )
    assert all(same_answer(mine, theirs) for (_, mine), (_, theirs) in pairs)


@pytest.mark.parametrize(
    ("plain", "worse"),
    [
        ("scale * x.square().sum(-1)", "scale * x.detach().square().sum(-1)"),
        ("0.5 * scale * x.detach().square().sum(-1)", "0.5 * scale * (x.detach() * torch.ones(1)).square().sum(-1)"),
    ],
    ids=["in their gradients", "on the meta device alone"],
)
def test_of_two_that_explain_a_failure_the_one_that_fails_alike_is_meant(
    plain: str, worse: str, question: Question, recordings: list[Recording]
) -> None:
    both = [
        variants.StandIn(name=name, kind="listed", source=energy(expression), sentence=name)
        for name, expression in (("plain", plain), ("worse", worse))
    ]
    known = [Fingerprint(question, stand_in, recordings) for stand_in in both]
    for stand_in in both:
        found = diagnosed(stand_in.source, question, recordings, known)
        assert found is not None
        assert found.names == (stand_in.name,)


def test_what_fails_on_own_inputs_alone_leaves_the_word_to_what_fails_elsewhere(
    question: Question, known: list[Fingerprint]
) -> None:
    checks = {check.name: check for check in question.checks}
    (half,) = (one for one in known if one.name == "forgets_the_half")
    answers = {"gradients": list(half.answers("gradients"))}
    failure = half.failure("gradients")
    on_gradients = Verdict(check=checks["gradients"], outcome=Outcome.FAILED, failure=failure)
    for on_own_inputs in (False, True):
        on_values = Verdict(
            check=checks["values"], outcome=Outcome.FAILED, failure=failure, on_own_inputs=on_own_inputs
        )
        found = diagnose([on_values, on_gradients], answers, known)
        assert (found.names if found else ()) == (("forgets_the_half",) if on_own_inputs else ())


@pytest.mark.parametrize(
    ("expression", "is_known"), [("x.reshape(77)", True), ("x.reshape(88)", True), ("x @ x.new_zeros(91)", False)]
)
def test_two_that_always_raise_are_alike_only_in_what_they_say(
    expression: str, is_known: bool, question: Question, recordings: list[Recording]
) -> None:
    flattens = variants.StandIn(name="flattens", kind="listed", source=energy("x.reshape(77)"), sentence="Which shape?")
    found = diagnosed(energy(expression), question, recordings, [Fingerprint(question, flattens, recordings)])
    assert (found.names if found else ()) == (("flattens",) if is_known else ())


def test_a_fingerprint_fails_what_it_breaks_and_nothing_else(question: Question, known: list[Fingerprint]) -> None:
    failures = {one.name: {check.name for check in question.checks if one.failure(check.name)} for one in known}
    assert failures["forgets_the_half"] == {"values", "gradients", "handles_large_points"}
    assert failures["mutates_its_input"] == {"leaves_inputs_unchanged", "gradients"}
    assert failures["uses_global_rng"] == {"leaves_global_generators_alone"}
    assert failures["uses_forbidden_name"] == {"avoids_forbidden_names"}
    assert failures["cpu_constant"] == {"runs_on_other_devices"}


ANSWERS = [
    Returned(torch.tensor([1.0, 2.0], dtype=torch.float64)),
    Returned(torch.tensor([1.0, 2.0])),
    Returned(torch.tensor([[1.0, 2.0]], dtype=torch.float64)),
    Returned(torch.tensor([1.0, float("nan")], dtype=torch.float64)),
    Returned((torch.tensor(1.0),)),
    Returned((torch.tensor(1.0), torch.tensor(1.0))),
    Returned({"a": torch.tensor(1.0)}),
    Returned({"b": torch.tensor(1.0)}),
    Returned([torch.tensor([1.0, 2.0]), 3]),
    Returned(1),
    Returned(1.0),
    Returned(True),
    Returned(None),
    Returned("1"),
    Raised("ValueError", "here", 3),
    Raised("KeyError", "here", 3),
]


@pytest.mark.parametrize("theirs", range(len(ANSWERS)))
@pytest.mark.parametrize("mine", range(len(ANSWERS)))
def test_two_answers_are_alike_where_they_are_the_same(mine: int, theirs: int) -> None:
    assert same_answer(ANSWERS[mine], ANSWERS[theirs]) is (mine == theirs)


def test_nothing_is_like_a_value_that_did_not_travel() -> None:
    assert not same_answer(Returned(Opaque("T")), Returned(Opaque("T")))
    assert same_answer(Raised("E", "one", 1), Raised("E", "two", 2))


@given(value=st.floats(1e-3, 1e6), error=st.floats(-0.99e-6, 0.99e-6))
def test_answers_may_differ_by_rounding_and_by_no_more(value: float, error: float) -> None:
    def of(number: float) -> Returned:
        return Returned(torch.tensor(number, dtype=torch.float64))

    assert same_answer(of(value * (1 + error)), of(value))
    assert not same_answer(of(value * (1 + 1e-4)), of(value))


def test_a_made_up_observation_is_nobodys_mistake(
    question: Question, recordings: list[Recording], known: list[Fingerprint]
) -> None:
    class MadeUp(LocalTransport):
        def perform(self, call: object) -> Raised | Returned:
            answer = super().perform(call)  # type: ignore[arg-type]
            if isinstance(answer, Returned) and isinstance(answer.value, dict):
                made_up = [0] if MadeUp.first else [torch.ones(2)]
                MadeUp.first = False
                return Returned({**answer.value, "changed": made_up, "generators": made_up})
            return answer

        first = True

    link = FakeLink({})
    module: dict[str, object] = {}
    exec(SOLUTION, module)
    link.transport = MadeUp(module, quiet=False)
    grading = QuestionSession(
        question=question,
        recordings=recordings,
        everything=Batch([call for recording in recordings for call in recording.calls]),
        link=link,  # type: ignore[arg-type]
        personal={check.name: [] for check in question.checks},
    )
    verdicts = [grading.run(recording) for recording in recordings]
    assert {one.check.name for one in verdicts if one.outcome is Outcome.FAILED} >= {"leaves_inputs_unchanged"}
    assert diagnose(verdicts, grading.answers, known) is None
