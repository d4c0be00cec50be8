"""What runs inside other systems' jobs: each one's layout, limits and rules; one class has the same scores in all."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from grader.hosts import classroom50, gradescope, prairielearn
from grader.marking import Marker
from grader.model import Outcome, SubmissionResult
from grader.reports.classroom50 import rounded
from tests.tiny_course import SECRET, SOLUTION, TINY, energy, grade

pytestmark = pytest.mark.usefixtures("shared_zygotes")

CLASS = {
    "solution": SOLUTION,
    "no_half": energy("scale * x.square().sum(-1)"),
    "averages": energy("0.5 * scale * x.square().mean(-1)"),
    "float32": energy("(0.5 * scale * x.float().square().sum(-1)).double()"),
    "broken": SOLUTION + "\nraise RuntimeError('never imported')\n",
    "nothing": "",
}
METADATA = {
    "id": 123456,
    "created_at": "2026-03-02T10:00:00.000000-08:00",
    "assignment": {"due_date": "2026-03-03T00:00:00.000000-08:00", "title": "HW", "total_points": "10.0"},
    "submission_method": "upload",
    "users": [{"email": "ada@uni.example", "id": 9, "name": "Ada"}],
    "previous_submissions": [],
}


def on_gradescope(root: Path, source: str, **changes: Any) -> dict[str, Any]:
    (root / "submission" / "tiny.py").write_text(source)
    (root / "submission_metadata.json").write_text(json.dumps({**METADATA, **changes}))
    assert gradescope.main(root) == 0
    document: dict[str, Any] = json.loads((root / "results" / "results.json").read_bytes())
    return document


def on_prairielearn(root: Path, source: str) -> dict[str, Any]:
    (root / "student" / "tiny.py").write_text(source)
    assert prairielearn.main(root) == 0
    document: dict[str, Any] = json.loads((root / "results" / "results.json").read_bytes())
    return document


def packed(files: dict[str, str]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text.encode())
            archive.addfile(info, io.BytesIO(text.encode()))
    return out.getvalue()


@pytest.fixture
def course(grade_root: Path) -> Path:
    """A course of the instructor's own, with the secret that all packages have."""
    return grade_root / "tests"


def on_classroom50(course: Path, source: str, capfdbinary: pytest.CaptureFixture[bytes]) -> dict[str, Any]:
    capfdbinary.readouterr()
    assert classroom50.main(course, "tiny", packed({"tiny.py": source, "README.md": "mine"})) == 0
    answer: dict[str, Any] = json.loads(capfdbinary.readouterr().out)
    assert answer["body"].startswith("\n## student, tiny")
    result: dict[str, Any] = answer["result"]
    return result


@pytest.mark.parametrize("name", CLASS)
def test_the_same_class_has_the_same_scores_everywhere(
    name: str,
    marker: Marker,
    autograder: Path,
    grade_root: Path,
    course: Path,
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    source = CLASS[name]
    ours = grade(marker, source) if name != "nothing" else None
    score, maximum = (ours.score, ours.max_score) if ours else (0.0, 13.0)
    assert score is not None
    there = on_gradescope(autograder, source)
    assert there["score"] == score
    assert [test["score"] for test in there["tests"]] == (
        [question.score for question in ours.questions if not question.manual] if ours else [0.0, 0.0]
    )
    fraction = on_prairielearn(grade_root, source)
    assert fraction["score"] == score / maximum
    assert [test["points"] for test in fraction["tests"]] == [test["score"] for test in there["tests"]]
    whole = on_classroom50(course, source, capfdbinary)
    assert (whole["score"], whole["max-score"]) == (rounded(score), rounded(maximum))
    assert [test["exact-score"] for test in whole["tests"]] == [test["score"] for test in there["tests"]]


def test_gradescope_shows_what_was_chosen(autograder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = on_gradescope(autograder, energy("scale * x.square().sum(-1)"))
    assert found["visibility"] == "after_due_date"
    assert [test.get("visibility") for test in found["tests"]] == [None, "visible"]
    assert [entry["name"] for entry in found["leaderboard"]] == ["Half the squared length"]
    assert found["extra_data"]["submission"] == "ada@uni.example"
    assert "tiny.3, 3 points in all" in found["output"]
    printed = capsys.readouterr().out
    assert "ada@uni.example: " in printed
    assert "tiny.1: forgets_the_half" in printed
    assert "forgets_the_half" not in json.dumps(found)


def test_gradescope_has_partial_results_as_it_goes(autograder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[dict[str, Any]] = []
    write = gradescope.write_atomically

    def note(path: Path, data: bytes) -> None:
        written.append(json.loads(data))
        write(path, data)

    monkeypatch.setattr(gradescope, "write_atomically", note)
    on_gradescope(autograder, SOLUTION)
    assert [len(each["tests"]) for each in written] == [1, 2, 2]
    assert ["INCOMPLETE" in each["output"] for each in written] == [True, True, False]
    assert [each["score"] for each in written] == [10.0, 13.0, 13.0]


def test_a_fault_of_the_grader_leaves_no_results(autograder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def faulty(*arguments: Any) -> SubmissionResult:
        raise RuntimeError("a fault")

    monkeypatch.setattr(Marker, "session", faulty)
    (autograder / "results" / "results.json").write_text("{}")
    (autograder / "submission" / "tiny.py").write_text(SOLUTION)
    (autograder / "submission_metadata.json").write_text(json.dumps(METADATA))
    assert gradescope.main(autograder) == gradescope.OURS
    assert not (autograder / "results" / "results.json").exists()


def test_a_fault_of_the_grader_costs_no_attempt_on_prairielearn(
    grade_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Marker, "session", lambda *arguments: 1 / 0)
    found = on_prairielearn(grade_root, SOLUTION)
    assert found["gradable"] is False
    assert "score" not in found
    assert Outcome.ERROR.value not in found["output"]


class TestTheLimit:
    """Two submissions a day: refused ones do not count, and show the earlier results."""

    @pytest.fixture
    def submit(self, autograder: Path) -> Callable[..., dict[str, Any]]:
        """Hands in at a time, with everything before as Gradescope tells it."""
        previous: list[dict[str, Any]] = []

        def at(time: str, source: str = SOLUTION) -> dict[str, Any]:
            found = on_gradescope(autograder, source, created_at=time, previous_submissions=previous)
            for earlier in previous:
                earlier.pop("results", None)
            previous.append({"submission_time": time, "score": found["score"], "results": found})
            return found

        return at

    def test_it_counts_back_from_the_submission_and_not_from_now(self, submit: Callable[..., dict[str, Any]]) -> None:
        half = energy("scale * x.square().sum(-1)")
        assert submit("2026-03-02T08:00:00-08:00", half)["score"] < 13
        assert submit("2026-03-02T20:00:00Z")["score"] == 13
        refused = submit("2026-03-03T15:59:00Z", half)
        assert refused["score"] == 13
        assert refused["output"].startswith("NOT GRADED: 2 submissions in 24 hours were graded")
        assert "is graded after 2026-03-03 08:00 UTC-08:00" in refused["output"]
        again = submit("2026-03-03T15:59:30Z", half)
        assert again["output"].count("NOT GRADED") == 1
        assert submit("2026-03-03T16:00:00Z", half)["score"] < 13

    def test_without_earlier_results_every_submission_counts_that_was_graded(self, autograder: Path) -> None:
        earlier = [
            {"submission_time": "2026-03-02T09:00:00-08:00", "score": 1.0},
            {"submission_time": "2026-03-02T09:30:00-08:00", "score": 0.0, "autograder_error": True},
            {"submission_time": "2026-03-02T09:40:00-08:00", "score": 0.0, "autograder_error": True},
        ]
        found = on_gradescope(autograder, SOLUTION, previous_submissions=earlier)
        assert found["score"] == 13
        assert len(found["extra_data"][gradescope.STATE]) == 2

    def test_a_refused_submission_does_not_count_because_the_autograder_failed_after_it(self) -> None:
        graded, refused, failed = (f"2026-03-02T0{hour}:00:00-08:00" for hour in (7, 8, 9))
        results = {"extra_data": {gradescope.STATE: [graded]}}
        previous = [
            {"submission_time": graded, "results": results},
            {"submission_time": refused, "results": results},
            {"submission_time": failed, "autograder_error": True},
        ]
        assert counted(previous) == [graded]

    def test_later_submissions_do_not_count_where_one_is_graded_anew(self) -> None:
        before, itself, later = (f"2026-03-02T{hour}:00:00-08:00" for hour in ("09", "10", "11"))
        results = {"extra_data": {gradescope.STATE: [before, itself, later]}}
        assert counted([{"submission_time": before}, {"submission_time": later, "results": results}]) == [before]
        assert counted([{"submission_time": before, "results": results}]) == [before]


def counted(previous: list[dict[str, Any]]) -> list[str]:
    """What counts against a limit of two a day for the submission of `METADATA`."""
    metadata = msgspec.convert({**METADATA, "previous_submissions": previous}, gradescope.Metadata)
    return gradescope.counted_times(metadata, gradescope.Limit(submissions=2, hours=24))


def test_classroom50_opens_no_path_and_reads_no_link(course: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        link = tarfile.TarInfo("tiny.py")
        link.type = tarfile.SYMTYPE
        link.linkname = str(TINY / "solutions" / "tiny" / "tiny.py")
        archive.addfile(link)
    assert classroom50.main(course, "tiny", out.getvalue()) == 0
    result = json.loads(capfdbinary.readouterr().out)["result"]
    assert result["score"] == 0


def test_packages_have_the_course_secret_and_so_the_same_inputs(autograder: Path) -> None:
    assert (autograder / "source" / "results" / "course.secret").read_text().strip() == SECRET.hex()
