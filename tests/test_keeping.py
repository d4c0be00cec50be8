"""No score is lost because the grader failed, a device is absent or a file cannot be read any more."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
import torch
from typer.testing import CliRunner, Result

from grader import cli, exits, grading, originals, results
from grader.errors import GraderError
from grader.keeping import Kept
from grader.model import Submission, SubmissionResult
from grader.nbcourse.desk import Desk
from grader.session import QuestionSession
from grader.settings import Settings
from tests.tiny_course import SOLUTION, TINY, energy, submission

WRONG = energy("scale * x.square().sum(-1)")


@pytest.fixture
def settings(tmp_path: Path, sandbox: str, shared_zygotes: None, other_course: None) -> Settings:
    return Settings(course=TINY, out=tmp_path / "out", jobs=1, sandbox=sandbox)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "class").mkdir()
    (tmp_path / "class" / "ada.py").write_text(SOLUTION)
    (tmp_path / "class" / "bob.py").write_text(WRONG)
    return tmp_path / "class"


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Its changes can be undone before the test ends."""
    with monkeypatch.context() as patch:
        yield patch


def fail(*arguments: object) -> None:
    raise GraderError("it broke here")


def command(settings: Settings, folder: Path, *more: str) -> Result:
    given = ["--course", str(settings.course), "--out", str(settings.out), "--sandbox", settings.sandbox, "--jobs", "1"]
    return CliRunner().invoke(cli.app, ["grade", str(folder), "--report", "csv", *given, *more])


def rows(settings: Settings) -> dict[str, dict[str, str]]:
    with (settings.out / "gradebook.csv").open(encoding="utf-8") as file:
        return {row["id"]: row for row in csv.DictReader(file)}


def stored(settings: Settings) -> dict[str, SubmissionResult]:
    return {f"{one.submission.id}@{one.device}": one for one in results.load_all(settings.out).results}


def grade(settings: Settings, *submissions: Submission) -> tuple[list[SubmissionResult], list[Kept]]:
    kept: list[Kept] = []
    return grading.grade(settings, submissions, lambda done, of: None, kept.append), kept


def test_a_fault_takes_no_score_out_of_the_gradebook(
    settings: Settings, folder: Path, broken: pytest.MonkeyPatch
) -> None:
    assert command(settings, folder).exit_code == exits.DONE
    before, first = stored(settings), rows(settings)
    broken.setattr(QuestionSession, "run", fail)
    ended = command(settings, folder, "--fresh")
    assert ended.exit_code == exits.OURS
    assert "2 could not be graded again and keep the score that they had" in ended.stderr
    assert "to review: ada (tiny): could not be graded again: tiny.1: " in ended.stdout
    assert stored(settings) == before
    day = results.day_of(settings.out, before["ada@cpu"])
    for student, row in rows(settings).items():
        assert row["score"] == first[student]["score"]
        assert "it broke here" in row["flags"]
        assert row["flags"].endswith(f"The score is kept from {day}.")
    broken.undo()
    assert command(settings, folder, "--fresh").exit_code == exits.DONE
    assert rows(settings) == first


def test_another_submission_has_no_score_of_the_one_before(settings: Settings, broken: pytest.MonkeyPatch) -> None:
    grade(settings, submission(WRONG))
    broken.setattr(QuestionSession, "run", fail)
    (found,), kept = grade(settings, submission(SOLUTION))
    assert (found.score, kept) == (None, [])
    assert stored(settings)["ada@cpu"].score is None
    assert len(list((settings.out / results.HISTORY).rglob("*.json"))) == 1


def test_an_absent_device_takes_no_score(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    (first,), _ = grade(settings, submission(SOLUTION))
    results.store(settings.out, msgspec.structs.replace(first, device="cuda", key="of another machine"))
    found, (kept,) = grade(replace(settings, devices=("cpu", "cuda")), submission(SOLUTION))
    assert [(one.device, one.score) for one in found] == [("cpu", 13.0), ("cuda", 13.0)]
    assert kept.sentence.startswith(
        "could not be graded again: tiny.1: Not run: this machine has no device 'cuda'. The score is kept from "
    )
    assert stored(settings)["ada@cuda"].flags == ()


def test_what_cannot_be_read_any_more_keeps_its_score_and_can_be_regraded(settings: Settings) -> None:
    (first,), _ = grade(settings, submission(SOLUTION))
    lost = submission("", fault="ada: there is no clone of it here.")
    (found,), (kept,) = grade(settings, lost)
    assert (found.score, found.submission) == (13.0, first.submission)
    assert "there is no clone of it here. The score is kept" in kept.sentence
    assert originals.find(settings.out, first) == submission(SOLUTION)


def test_nbgraders_autograde_loses_no_score_either(settings: Settings, broken: pytest.MonkeyPatch) -> None:
    Desk(settings).result(submission(SOLUTION))
    broken.setattr(QuestionSession, "run", fail)
    assert Desk(replace(settings, wall_s=9.0)).result(submission(SOLUTION)).score is None
    assert stored(settings)["ada@cpu"].score == 13.0
