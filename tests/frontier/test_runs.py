"""The experiment in processes of its own, with a student's folder: what is found, kept, done again and stood in for."""

from __future__ import annotations

import base64
import importlib.util
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from grader.errors import UsageError
from grader.frontier import plan, report, summary
from grader.frontier.processes import run_all
from grader.frontier.records import PROJECT, STUDENT, Document, Job, read
from grader.frontier.runs import NOT_RUN, Asked, Outcome, Row, Run
from tests.frontier.conftest import COURSE

ASSIGNMENTS = ("autoregressive", "mle", "gaussian_kl")
LEAKS = """

_right_masks = made_masks

def made_masks(order, hidden_degrees, out_mult=1):
    masks = _right_masks(order, hidden_degrees, out_mult)
    # Large networks alone see what they predict: the quick test does not notice.
    return [mask | True for mask in masks] if len(masks[0]) > 50 else masks
"""


def hand_in(folder: Path, **more: str) -> Path:
    """A student's folder with right solutions, and what is appended to some."""
    folder.mkdir(exist_ok=True)
    for name in ASSIGNMENTS:
        text = (COURSE / "solutions" / name / f"{name}.py").read_text(encoding="utf-8")
        (folder / f"{name}.py").write_text(text + more.get(name, ""), encoding="utf-8")
    return folder


def asked(tmp: Path, **more: object) -> Asked:
    settings = Asked(
        folder=tmp / "student", out=tmp / "out", course=tmp, budget_s=0.3, only=("autoregressive",), on=("ring",)
    )
    return replace(settings, **more)  # type: ignore[arg-type]  # each test says what it changes


class Told:
    """How many jobs were to do."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, int]] = []

    def __call__(self, done: int, total: int) -> None:
        self.calls.append((done, total))

    @property
    def worked(self) -> int:
        return self.calls[-1][0] - self.calls[0][0]


def row_of(outcome: Outcome, model: str) -> Row:
    (row,) = [row for row in outcome.rows if row.model == model]
    return row


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Outcome]:
    """One run of one model on one data set."""
    tmp = tmp_path_factory.mktemp("frontier")
    hand_in(tmp / "student")
    told = Told()
    outcome = Run(asked(tmp), told).outcome()
    assert told.worked == 3
    return tmp, outcome


def test_a_students_own_pieces_are_trained_and_measured_with(first: tuple[Path, Outcome]) -> None:
    finding = row_of(first[1], "autoregressive").finding
    assert finding is not None
    assert (set(finding.uses.values()), finding.judged_by, finding.confined) == ({STUDENT}, STUDENT, False)
    (evidence,) = finding.evidence
    assert evidence.kind == "exact"
    assert evidence.excess is not None
    assert evidence.excess.value > -6 * evidence.excess.error
    # Uniform in the box, which nothing trained would be worse than.
    assert evidence.nats.value < 2 * 2.2
    assert finding.sampling_calls == 2


def test_what_is_missing_is_said_in_its_row(first: tuple[Path, Outcome]) -> None:
    row = row_of(first[1], "gan")
    assert row.finding is None
    assert row.problem == "there is no frontier.py or frontier.ipynb"
    assert not summary.complete(first[1].rows)


def test_the_fits_go_to_both_modes_and_to_one(first: tuple[Path, Outcome]) -> None:
    forward, left, right = first[1].fits
    assert forward.forward_kl < min(left.forward_kl, right.forward_kl)
    assert max(left.reverse_kl, right.reverse_kl) < forward.reverse_kl
    assert min(forward.shares) > 0.3
    assert (left.shares[0] > 0.95, right.shares[1] > 0.95) == (True, True)


def test_what_is_current_is_not_done_again(first: tuple[Path, Outcome]) -> None:
    tmp, before = first
    records = sorted((tmp / "out" / "records").iterdir())
    contents = [record.read_bytes() for record in records]
    told = Told()
    again = Run(asked(tmp), told).outcome()
    assert told.worked == 0
    assert [record.read_bytes() for record in records] == contents
    assert row_of(again, "autoregressive").finding == row_of(before, "autoregressive").finding


def test_a_broken_record_and_a_changed_piece_are_done_again(tmp_path: Path, first: tuple[Path, Outcome]) -> None:
    hand_in(tmp_path / "student", gaussian_kl="\n# changed\n")
    for record in (first[0] / "out" / "records").iterdir():
        target = tmp_path / "out" / "records" / record.name
        target.parent.mkdir(parents=True, exist_ok=True)
        # As a kill in the middle of a write would leave it, if writes were not whole.
        target.write_bytes(record.read_bytes()[: -100 if record.name.startswith("floor") else None])
    told = Told()
    outcome = Run(asked(tmp_path), told).outcome()
    assert told.worked == 2
    assert outcome.fits
    document, _ = read(tmp_path / "out" / "records" / "floor-ring.npz")
    assert document.finding is not None


def test_a_model_that_is_not_asked_for_is_not_trained(tmp_path: Path) -> None:
    hand_in(tmp_path / "student")
    told = Told()
    outcome = Run(asked(tmp_path, only=("gan",), course=COURSE, budget_s=0.2), told).outcome()
    assert row_of(outcome, "autoregressive").problem == NOT_RUN
    finding = row_of(outcome, "gan").finding
    assert finding is not None
    assert set(finding.uses.values()) == {PROJECT}
    assert (finding.evidence, finding.judged_by) == ((), PROJECT)
    assert finding.no_likelihood
    assert summary.complete(outcome.rows)


def test_where_a_students_process_ends_the_projects_pieces_stand_in(tmp_path: Path) -> None:
    leaves = """
_right = made_masks

def made_masks(*a):
    import os
    return _right(*a) if len(a[1]) < 2 else os._exit(3)
"""
    hand_in(tmp_path / "student", autoregressive=leaves)
    outcome = Run(asked(tmp_path, course=COURSE, at_once=2), Told()).outcome()
    row = row_of(outcome, "autoregressive")
    assert row.finding is not None
    assert set(row.finding.uses.values()) == {PROJECT}
    assert row.plan.notes == ("your pieces failed in training: your code ended its process with code 3",)


def test_without_anything_to_run_the_command_says_what_it_looked_for(tmp_path: Path) -> None:
    (tmp_path / "student").mkdir()
    with pytest.raises(UsageError, match=r"expected files such as elbo\.py or elbo/elbo\.py there"):
        Run(asked(tmp_path), Told()).outcome()


@pytest.mark.parametrize(("name", "flag"), [("only", "--only"), ("on", "--data")])
def test_unknown_names_are_refused(tmp_path: Path, name: str, flag: str) -> None:
    with pytest.raises(UsageError, match=f"{flag} takes .*, not diffusion"):
        Run(asked(tmp_path, **{name: ("diffusion",)}), Told())


def job(tmp_path: Path, sandbox: str, **more: str) -> Job:
    """Training of the autoregressive model on the ring."""
    student, _ = plan.student_sources(hand_in(tmp_path / "student", **more), ASSIGNMENTS)
    projects = plan.project_sources(COURSE, ASSIGNMENTS)
    made = plan.decided("autoregressive", dict.fromkeys(plan.pieces_of("autoregressive"), ""), projects, mixing=False)
    base = Job(kind="model", budget_s=1.5, seed=1, sandbox=sandbox)
    return plan.job_of("autoregressive", "ring", made, student, projects, base)


def done(job: Job) -> Document:
    ((_, document, _),) = run_all([job], 1, [])
    return document


def test_a_model_that_sees_what_it_predicts_is_found_out(tmp_path: Path) -> None:
    """With the student's own masks it claims more than the true density, and is told so."""
    finding = done(job(tmp_path, "", autoregressive=LEAKS)).finding
    assert finding is not None
    assert any("higher than the true density" in failure for failure in finding.failures)


def test_in_a_sandbox_a_leaking_model_is_measured_with_right_masks(tmp_path: Path, sandbox: str) -> None:
    finding = done(job(tmp_path, sandbox, autoregressive=LEAKS)).finding
    assert finding is not None
    assert (finding.judged_by, finding.confined) == (PROJECT, True)
    (evidence,) = finding.evidence
    assert evidence.excess is not None
    assert evidence.excess.value > 6 * evidence.excess.error


def test_in_a_sandbox_right_pieces_get_a_right_model(tmp_path: Path, sandbox: str) -> None:
    finding = done(job(tmp_path, sandbox)).finding
    assert finding is not None
    assert set(finding.uses.values()) == {STUDENT}
    (evidence,) = finding.evidence
    assert evidence.excess is not None
    assert -6 * evidence.excess.error < evidence.excess.value < 0.6


HOSTILE: dict[str, tuple[str, str]] = {
    "reads the solutions": (f"open({str(COURSE / 'solutions' / 'elbo' / 'elbo.py')!r}).read()", "Error"),
    "imports the course": ("import reference", "Error"),
    "leaves": ("import os; os._exit(0)", "ended by itself with exit code 0"),
    "looks for the course's pieces": ("raise ValueError([name for name in sys.modules if 'project' in name])", "[]"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_in_a_sandbox_a_hostile_piece_costs_its_own_row_only(tmp_path: Path, sandbox: str, what: str) -> None:
    if sandbox == "unsafe":
        return
    program, said = HOSTILE[what]
    text = f"\ndef made_masks(*a):\n    import sys\n    {program}\n"
    document = done(job(tmp_path, sandbox, autoregressive=text))
    assert document.finding is None
    assert document.trouble is not None
    assert document.trouble.kind == STUDENT
    assert said in document.trouble.message


def test_a_state_that_is_not_the_models_is_refused(tmp_path: Path, sandbox: str) -> None:
    """Whatever else the worker says it trained."""
    program = """
import sys, torch

def train(model, *a, **k):
    model.state = lambda: {"x": torch.zeros(3)}
    return {"steps": 1.0, "seconds": 1.0}

sys.modules["grader.frontier.models._training"].train = train
"""
    document = done(job(tmp_path, sandbox, mle=program))
    assert document.trouble is not None
    assert document.trouble.message == "the trained state has other tensors than the model"


def test_the_page_is_whole_and_shows_no_markup_of_others(first: tuple[Path, Outcome]) -> None:
    outcome = replace(first[1], problems=["<script>alert(1)</script>"])
    page = report.page(outcome)
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert not re.search(r"(src|href)=\"(?!data:|#)", page)
    assert "autoregressive" in page
    assert "2.31" in page
    drawn = importlib.util.find_spec("matplotlib") is not None
    assert ("data:image/png" in page) is drawn
    pictures = re.findall(r'src="data:image/png;base64,([^"]*)"', page)
    assert all(base64.b64decode(picture, validate=True).endswith(b"IEND\xaeB`\x82") for picture in pictures)
    assert (report.LOST in page.replace("&#39;", "'")) is not drawn


def test_page_and_numbers_are_written(first: tuple[Path, Outcome]) -> None:
    tmp, outcome = first
    report.write(outcome)
    numbers = json.loads((tmp / "out" / report.NUMBERS).read_text())
    assert numbers["schema"] == summary.SCHEMA
    (ring,) = numbers["data"]
    assert ring["models"][0]["finding"]["evidence"][0]["kind"] == "exact"
    assert (tmp / "out" / report.PAGE).read_text(encoding="utf-8").startswith("<!doctype html>")


def test_progress_begins_before_any_work(first: tuple[Path, Outcome]) -> None:
    told = Told()
    Run(asked(first[0]), told).outcome()
    assert told.calls == [(3, 3)]
