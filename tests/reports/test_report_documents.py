"""What Gradescope, PrairieLearn and Classroom 50 are told, by the rules of each."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from msgspec.structs import replace

from grader import reports
from grader.model import CallShown, CheckResult, Counterexample, Late, SubmissionResult
from grader.reports import classroom50, github, gradescope, plots, prairielearn

Class = list[SubmissionResult]


def _late(result: SubmissionResult, deducted: float) -> SubmissionResult:
    late = Late(due_at="2026-03-01T00:00:00Z", late_s=43_200, extended=False, deducted=deducted)
    return replace(result, late=late)


def _example(call: str, returned: str) -> Counterexample:
    return Counterexample(calls=(CallShown(call=call, returned=returned),))


def test_gradescope_adds_up_and_says_who_may_see_it(small_class: Class) -> None:
    for result in small_class:
        found = gradescope.document(result, visibility="after_due_date", visibilities={"kl.2": "hidden"})
        assert found["score"] == pytest.approx(sum(test["score"] for test in found["tests"]))
        assert found["visibility"] == "after_due_date"
        assert found["stdout_visibility"] == "hidden"
        assert [test.get("visibility") for test in found["tests"]][1] == (
            "hidden" if result.assignment == "gaussian_kl" else None
        )
        assert {test["status"] for test in found["tests"]} <= {"passed", "failed"}


def test_a_grader_error_is_no_score_anywhere(awkward_class: Class, tmp_path: Path) -> None:
    (fault,) = awkward_class[:1]
    assert "score" not in gradescope.document(fault)
    assert "score" not in gradescope.document(fault)["tests"][0]
    assert prairielearn.document(fault)["gradable"] is False
    assert "score" not in prairielearn.document(fault)
    assert classroom50.document(fault) is None
    said = reports.write("classroom50", [fault], tmp_path)
    assert "1 without a score have no file" in said[1]
    assert not list(tmp_path.rglob("*.json"))
    check = github.check_run(fault)
    assert (check["conclusion"], check["output"]["title"]) == ("neutral", "No score: the grader failed, not you")


def test_a_penalty_is_taken_off_the_total_and_off_no_question(small_class: Class) -> None:
    result = next(one for one in small_class if one.score)
    assert result.score is not None
    late = _late(result, 0.5)
    assert gradescope.document(late)["score"] == pytest.approx(result.score - 0.5)
    assert gradescope.document(late)["tests"] == gradescope.document(result)["tests"]
    assert prairielearn.document(late)["score"] == pytest.approx((result.score - 0.5) / result.max_score)


def test_the_leaderboard_shows_shares_of_the_questions_asked_for(small_class: Class) -> None:
    board = gradescope.document(small_class[0], leaderboard=["mle.1"])["leaderboard"]
    question = small_class[0].questions[0]
    assert question.score is not None
    assert board == [{"name": question.title, "value": round(100 * question.score / question.max_score, 1)}]


@pytest.mark.parametrize(("points", "whole"), [(0.0, 0), (0.49, 0), (0.5, 1), (2.5, 3), (26.25, 26), (3.0, 3)])
def test_classroom50_rounds_halves_up(points: float, whole: int) -> None:
    assert classroom50.rounded(points) == whole


def test_classroom50_keeps_what_it_rounded(small_class: Class) -> None:
    for result in small_class:
        found = classroom50.document(result)
        assert found is not None
        assert isinstance(found["score"], int)
        assert sum(test["exact-score"] for test in found["tests"]) == pytest.approx(result.score)


def test_prairielearn_has_points_on_every_test_and_a_picture_of_a_counterexample(small_class: Class) -> None:
    documents = [prairielearn.document(result) for result in small_class]
    tests = [test for document in documents for test in document["tests"]]
    assert all({"points", "max_points"} <= set(test) for test in tests)
    images = [image for test in tests for image in test.get("images", [])]
    assert images
    header, _, body = images[0]["url"].partition(",")
    assert header == "data:image/svg+xml;base64"
    assert ElementTree.fromstring(base64.b64decode(body)).tag == "{http://www.w3.org/2000/svg}svg"


def test_prairielearn_drops_pictures_and_then_texts_to_stay_within_1_mb(small_class: Class) -> None:
    def with_message(result: SubmissionResult, text: str) -> SubmissionResult:
        def longer(check: CheckResult) -> CheckResult:
            return replace(check, message=text)

        questions = [replace(each, checks=tuple(map(longer, each.checks))) for each in result.questions]
        return replace(result, questions=tuple(questions * 40))

    result = next(one for one in small_class if "images" in str(prairielearn.document(one)))
    small = prairielearn.document(result)
    large = prairielearn.document(with_message(result, "x" * 7_900))
    assert "images" in str(small)
    assert not [test for test in large["tests"] if "images" in test or "output" in test]
    assert len(json.dumps(large)) < prairielearn.MAX_BYTES
    assert large["score"] == small["score"]


def test_a_picture_has_a_row_for_each_tensor() -> None:
    example = _example(
        "kl(torch.tensor([[0.5, -1.]]), torch.tensor([-200., float('nan')]), 3)", "torch.tensor(float('-inf'))"
    )
    drawing = plots.svg(example)
    assert drawing is not None
    texts = [element.text for element in ElementTree.fromstring(drawing).iter() if element.tag.endswith("text")]
    assert [text for text in texts if text and text[:3] in ("arg", "res", "nan", "-in")] == [
        "argument 1",
        "argument 2",
        "nan",
        "result",
        "-inf",
    ]


@pytest.mark.parametrize(
    ("call", "returned"),
    [
        ("f(3)", "None"),
        ("f(torch.tensor([1., 2… [40 more characters]", "raised ValueError"),
        ("f(" * 5_000, "(" * 5_000),
    ],
)
def test_what_cannot_be_drawn_has_no_picture(call: str, returned: str) -> None:
    assert plots.data_url(_example(call, returned)) is None


def test_numbers_too_large_to_add_are_drawn() -> None:
    drawing = plots.svg(_example("f(torch.tensor([1e308, -1e308, 0.]))", "torch.tensor(1.7e308)"))
    assert drawing is not None
    assert b"nan" not in drawing
    assert b"inf" not in drawing


def test_annotations_are_at_most_one_a_question_and_ten_in_all(small_class: Class, tmp_path: Path) -> None:
    said = reports.write("github", small_class, tmp_path)
    lines = (tmp_path / "annotations.txt").read_text(encoding="utf-8").splitlines()
    questions = {question.id for result in small_class for question in result.questions if not question.manual}
    failed = len(github.annotation_lines(small_class))
    assert len(lines) == min(10, failed)
    assert failed <= len(questions)
    assert ("GitHub shows ten a step" in said[-1]) is (failed > 10)


def test_an_annotation_cannot_be_made_to_end_early(awkward_class: Class) -> None:
    hostile = awkward_class[1]
    question = replace(hostile.questions[0], title="a,b: c%0A\n::error::x", hint="50 %\n::error::y")
    (line,) = github.annotation_lines([replace(hostile, questions=(question,))])
    assert line == ("::warning title=mle.1 a%2Cb%3A c%250A\\n%3A%3Aerror%3A%3Ax%3A 0 / 3::50 %25\\n::error::y")
