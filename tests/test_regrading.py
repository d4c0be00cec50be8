"""Regrading: who gains and who loses is told before anything is written, and nothing that was is lost."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
import torch
from typer.testing import CliRunner

from grader import cli, exits, grading, originals, regrading, results
from grader.errors import GraderError, UsageError
from grader.regrading import Regrade
from grader.session import QuestionSession
from grader.settings import Settings
from grader.task import Task
from tests.tiny_course import SOLUTION, TINY, energy, graded, submission

STRICT = "assert_value(student.energy(-x, scale), here)", "assert_value(here, energy(x, scale))"
MILD = "assert_value(student.energy(2 * x, scale), 4 * here)", 'expect(student.energy(2 * x, scale) > 0, "it is not.")'
"""Two lines of the checks, each with a mistake: one takes a point for nothing, one gives it for nothing."""
CLASS = [
    submission(SOLUTION, student="ada"),
    submission(energy("scale * x.square().sum(-1)"), student="bob"),
    submission(energy("x.sum(-1).exp()"), student="cyd"),
]


@pytest.fixture
def course(tmp_path: Path, shared_zygotes: None, other_course: None) -> Path:
    """A copy of the tiny course whose energy has a check too strict and one too mild."""
    for part in ("reference", "solutions"):
        shutil.copytree(TINY / part, tmp_path / "course" / part, ignore=shutil.ignore_patterns("__pycache__"))
    path = tmp_path / "course" / "reference" / "tiny" / "energy.py"
    text = path.read_text()
    for sound, broken in (STRICT, MILD):
        assert text.count(sound) == 1
        text = text.replace(sound, broken)
    path.write_text(text)
    return tmp_path / "course"


@pytest.fixture
def settings(tmp_path: Path, sandbox: str) -> Settings:
    return Settings(course=TINY, out=tmp_path / "out", jobs=1, sandbox=sandbox)


def grade(settings: Settings) -> None:
    grading.grade(settings, CLASS, lambda done, of: None)


def regrade(settings: Settings) -> Regrade:
    return regrading.regrade(settings, lambda done, of: None)


def fail(*arguments: object) -> None:
    raise GraderError("it broke here")


def files(folder: Path) -> dict[Path, bytes]:
    """Everything below a folder, but for the lock, which says who holds it."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != results.LOCK}


def test_a_mended_check_gives_and_takes(settings: Settings, course: Path) -> None:
    grade(replace(settings, course=course))
    before = files(settings.out)
    found = regrade(settings)
    assert files(settings.out) == before
    assert {change.after.submission.id: change.gain for change in found.changes} == {"bob": 1.0, "cyd": -1.0}
    assert [change.after.submission.id for change in found.changes] == ["bob", "cyd"]
    bob, cyd = (change.reasons[0] for change in found.changes)
    assert bob.startswith("tiny.1 1.5 -> 2.5 of 10: is_even failed -> passed")
    assert "grows_fourfold passed -> failed" in cyd
    assert (len(found.regraded), found.current, found.missing) == (3, 0, ())


def test_what_is_written_can_be_read_again_and_what_was_is_kept(settings: Settings, course: Path) -> None:
    grade(replace(settings, course=course))
    earlier = results.load_all(settings.out).by_key
    found = regrade(settings)
    regrading.write(settings, found)
    assert set(results.load_all(settings.out).by_key) == {result.key for result in found.regraded}
    kept = {json.loads(path.read_bytes())["key"] for path in (settings.out / results.HISTORY).rglob("*.json")}
    assert kept == set(earlier)
    again = regrade(settings)
    assert (again.regraded, again.changes, again.current) == ((), (), 3)


def test_a_result_whose_submission_was_not_kept_is_named(
    settings: Settings, course: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grade(replace(settings, course=course))
    (settings.out / originals.SUBMISSIONS / "tiny" / "bob.json").unlink()
    found = regrade(settings)
    assert len(found.regraded) == 2
    assert found.missing[0].startswith("bob, tiny: ")
    assert "run `grader grade` on the folder of submissions once more" in found.missing[0]


def test_a_score_of_a_device_that_is_not_here_is_kept_and_named(
    settings: Settings, course: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    grade(replace(settings, course=course))
    stored = results.load_all(settings.out).results
    for one in stored:
        results.store(settings.out, msgspec.structs.replace(one, device="cuda", key=f"{one.key}-cuda"))
    found = regrade(settings)
    assert {result.device for result in found.regraded} == {"cpu"}
    assert found.missing[0].startswith("ada, tiny: this machine has no device 'cuda', and the result is as it was")
    assert len(found.missing) == 3
    regrading.write(settings, found)
    kept = [one for one in results.load_all(settings.out).results if one.device == "cuda"]
    assert [one.score for one in kept] == [one.score for one in stored]


def test_a_score_on_which_the_grader_fails_is_kept_and_named(
    settings: Settings, course: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grade(replace(settings, course=course))
    before = files(settings.out / results.RESULTS)
    monkeypatch.setattr(QuestionSession, "run", fail)
    flags = ["--course", str(TINY), "--sandbox", settings.sandbox, "--jobs", "1"]
    ended = CliRunner().invoke(cli.app, ["regrade", str(settings.out), *flags])
    assert ended.exit_code == exits.OURS, ended.output
    assert "0 gain, 0 lose; 0 graded again, 0 current" in ended.stdout
    assert "ada, tiny: could not be graded again: tiny.1: " in ended.stderr
    assert "it broke here" in ended.stderr
    assert files(settings.out / results.RESULTS) == before
    assert not (settings.out / results.HISTORY).exists()


def test_the_command_tells_and_then_writes(settings: Settings, course: Path) -> None:
    grade(replace(settings, course=course))
    before = files(settings.out)
    flags = ["--course", str(TINY), "--sandbox", settings.sandbox, "--jobs", "1"]
    dry = CliRunner().invoke(cli.app, ["regrade", str(settings.out), "--dry-run", *flags])
    assert dry.exit_code == exits.DONE, dry.output
    assert "1 gain, 1 lose; 3 graded again, 0 current" in dry.stdout
    assert "cyd: tiny.1" in dry.stdout
    assert "Nothing was written." in dry.stderr
    assert files(settings.out) == before
    real = CliRunner().invoke(cli.app, ["regrade", str(settings.out), "--json", *flags])
    told = json.loads(real.stdout)
    assert [(change["id"], change["gain"]) for change in told["changes"]] == [("bob", 1.0), ("cyd", -1.0)]
    assert (settings.out / "gradebook.csv").is_file()


def test_a_folder_without_results_is_a_usage_error(settings: Settings) -> None:
    with pytest.raises(UsageError, match="holds no results"):
        regrade(settings)


def test_a_submission_comes_back_as_it_was(tmp_path: Path) -> None:
    handed_in = submission("x = 'é'\n", answers={"tiny.3": "A square."}, submitted_at="2026-03-01T12:00:00Z")
    originals.store(tmp_path, handed_in)
    result = graded(Task(submission=handed_in, device="cpu", key="k"))
    result = msgspec.structs.replace(
        result, submission=msgspec.structs.replace(result.submission, submitted_at=handed_in.submitted_at)
    )
    assert originals.find(tmp_path, result) == handed_in
    other = msgspec.structs.replace(result, submission=msgspec.structs.replace(result.submission, sha256="0"))
    assert originals.find(tmp_path, other) is None
