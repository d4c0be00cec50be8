"""Answers that checks have accepted are told by their bytes, are not looked at again, and change no verdict."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from grader import catalog, session
from grader.accepted import Accepted
from grader.examples import Recording, record_question, run_body
from grader.model import Outcome
from grader.question import Check, Question
from grader.standard import arguments
from tests.conftest import own_reference
from tests.energies import WRONG, right
from tests.in_process import FakeLink, session_of, verdicts
from tests.tiny_course import SECRET, TINY


@pytest.fixture(scope="module")
def question() -> Iterator[Question]:
    with own_reference():
        yield catalog.load(TINY, "tiny").questions[0]


@pytest.fixture(scope="module")
def recordings(question: Question) -> list[Recording]:
    return record_question(question, SECRET)


def test_a_body_does_not_look_again_at_answers_that_it_accepted(
    question: Question, recordings: list[Recording], monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []

    def counted(check: Check, *args: Any) -> None:
        looked.append(check.name)
        run_body(check, *args)

    monkeypatch.setattr(session, "run_body", counted)
    accepted = Accepted()
    first = verdicts(question, recordings, FakeLink({"energy": right}), accepted=accepted)
    assert set(looked) == {check.name for check in question.checks}
    looked.clear()
    assert verdicts(question, recordings, FakeLink({"energy": right}), accepted=accepted).keys() == first.keys()
    assert looked == []

    def off_by_a_bit(x: Tensor, scale: float) -> Tensor:
        return torch.nextafter(right(x, scale), torch.zeros_like(x[..., 0]))

    assert verdicts(question, recordings, FakeLink({"energy": off_by_a_bit}), accepted=accepted)["values"].outcome is (
        Outcome.PASSED
    )
    assert "values" in looked


def test_the_reply_of_a_submission_that_computes_alike_is_not_read(
    question: Question, recordings: list[Recording]
) -> None:
    accepted = Accepted()
    for known, uses in enumerate(((), (), (), ("torch.norm",))):
        link = FakeLink({"energy": right})
        verdicts(question, recordings, link, accepted=accepted, forbidden_uses=uses)
        assert link.known == (known in (1, 2))


def test_what_passed_unread_is_read_for_the_diagnosis_of_what_failed(
    question: Question, recordings: list[Recording]
) -> None:
    accepted = Accepted()
    verdicts(question, recordings, FakeLink({"energy": right}), accepted=accepted)
    own = {"inputs": arguments(torch.tensor([1.25, 2.5], dtype=torch.float64), 2.0)}

    def wrong_later(x: Tensor, scale: float) -> Tensor:
        return right(x, scale) if link.exchanges == 1 else right(x, scale) + 1

    link = FakeLink({"energy": wrong_later})
    grading = session_of(question, recordings, link, personal={"values": [own]}, accepted=accepted)
    outcomes = {recording.check.name: grading.run(recording).outcome for recording in recordings}
    assert link.known == 1
    assert outcomes.pop("values") is Outcome.FAILED
    assert set(outcomes.values()) <= {Outcome.PASSED, Outcome.SKIPPED}
    assert {name: len(answers) for name, answers in grading.answers.items()} == {
        recording.check.name: len(recording.calls) for recording in recordings
    }


@pytest.mark.parametrize("name", WRONG)
def test_what_others_answered_changes_no_verdict(question: Question, recordings: list[Recording], name: str) -> None:
    accepted = Accepted()
    verdicts(question, recordings, FakeLink({"energy": right}), accepted=accepted)
    for _ in range(2):
        shared = verdicts(question, recordings, FakeLink({"energy": WRONG[name]}), accepted=accepted)
        alone = verdicts(question, recordings, FakeLink({"energy": WRONG[name]}))
        assert {check: one.outcome for check, one in shared.items()} == {
            check: one.outcome for check, one in alone.items()
        }
