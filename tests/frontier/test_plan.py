"""Whose pieces a model gets, and that each piece has a quick test which the right ones pass and stubs do not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from grader.frontier import models, plan
from grader.frontier.models import _probes, _work
from grader.frontier.records import PROJECT, STUDENT, Job
from grader.release import stub_of
from tests.frontier.conftest import COURSE

EVERYTHING = [*models.names(), plan.FITS]
PIECES = sorted({piece for model in EVERYTHING for piece in plan.pieces_of(model)})
PROJECTS = plan.project_sources(COURSE, plan.assignments(EVERYTHING))
GOOD = dict.fromkeys(PIECES, "")


def test_every_piece_has_a_quick_test_and_no_other_has() -> None:
    assert sorted(_probes.PROBES) == PIECES


def test_the_projects_pieces_pass() -> None:
    sources = {f"{PROJECT} {name}": text for name, text in PROJECTS.items()}
    assert _work.probed(sources, dict.fromkeys(PIECES, PROJECT)) == GOOD


def test_stubs_are_not_written_yet() -> None:
    sources = {f"{STUDENT} {name}": stub_of(text, filename=name) for name, text in PROJECTS.items()}
    found = _work.probed(sources, dict.fromkeys(PIECES, STUDENT))
    assert set(found.values()) == {"not written yet"}


@pytest.mark.parametrize(
    ("piece", "source", "problem"),
    [
        ("elbo.vae_elbo", "def vae_elbo(x, logits, mu, logvar): return 1 / 0", "raises ZeroDivisionError"),
        ("elbo.vae_elbo", "", "not there or not as its docstring says"),
        ("elbo.vae_elbo", "def vae_elbo(:", "raises SyntaxError"),
        ("elbo.vae_elbo", "def vae_elbo(*a): return 3 * (a[0].sum(),)", "gives 1 where its docstring says -2.174"),
        (
            "encoders.reparameterize",
            "def reparameterize(mu, logvar, *, eps): return mu.detach() + eps * (logvar.detach() / 2).exp()",
            "has no gradient in what it should train",
        ),
        ("frontier.AffineCoupling", "def AffineCoupling(mask, net): return None", "raises TypeError"),
        ("score.energy_score", "def energy_score(f, x): return f(x).sum() * x * 0 + 6", "gives 6 where"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_raised(piece: str, source: str, problem: str) -> None:
    assignment = piece.partition(".")[0]
    assert problem in _work.probed({f"{STUDENT} {assignment}": source}, {piece: STUDENT})[piece]


def test_a_students_pieces_are_used_where_they_pass() -> None:
    made = plan.decided("vae", GOOD, PROJECTS, mixing=True)
    assert set(made.uses.values()) == {STUDENT}
    assert made.notes == ()


def test_on_the_students_machine_a_bad_piece_is_replaced_alone() -> None:
    made = plan.decided("vae", GOOD | {"elbo.vae_elbo": "not written yet"}, PROJECTS, mixing=True)
    assert made.uses["elbo.vae_elbo"] == PROJECT
    assert made.uses["elbo.vae_iwae"] == STUDENT
    assert made.notes == ("elbo.vae_elbo: not written yet",)


def test_without_the_projects_a_model_is_left_out_and_says_what_is_missing() -> None:
    problems = {piece: "" for piece in PIECES if not piece.startswith("encoders.")}
    made = plan.decided("vae", problems | {"elbo.vae_elbo": "not written yet"}, {}, mixing=True)
    assert made.uses == {}
    assert made.notes == ("there is no encoders.py or encoders.ipynb", "elbo.vae_elbo: not written yet")


def test_in_a_sandbox_pieces_of_both_never_meet() -> None:
    made = plan.decided("vae", GOOD | {"elbo.vae_elbo": "not written yet"}, PROJECTS, mixing=False)
    assert set(made.uses.values()) == {PROJECT}
    assert plan.decided("vae", GOOD, {}, mixing=False).uses == {}


def test_a_job_holds_the_sources_that_it_uses_and_the_judges_in_a_sandbox() -> None:
    made = plan.decided("gan", GOOD, PROJECTS, mixing=False)
    student = dict.fromkeys(PROJECTS, "mine")
    open_job = plan.job_of("gan", "ring", made, student, PROJECTS, Job(kind="model"))
    assert list(open_job.sources) == ["student frontier"]
    confined = plan.job_of("gan", "ring", made, student, PROJECTS, Job(kind="model", sandbox="strict"))
    assert list(confined.sources) == ["project frontier", "student frontier"]
    alone = plan.decided("gan", {}, PROJECTS, mixing=False)
    assert plan.job_of("gan", "ring", alone, student, PROJECTS, Job(kind="model", sandbox="strict")).sandbox == ""


def test_a_jobs_key_is_that_of_its_work() -> None:
    job = Job(kind="model", model="gan", data="ring", budget_s=1.0, sources={"student frontier": "a"})
    same = Job(kind="model", model="gan", data="ring", budget_s=1.0, sources={"student frontier": "a"})
    assert job.key == same.key
    others = [
        Job(kind="model", model="gan", data="ring", budget_s=2.0, sources={"student frontier": "a"}),
        Job(kind="model", model="gan", data="ring", budget_s=1.0, sources={"student frontier": "b"}),
        Job(kind="model", model="gan", data="digits", budget_s=1.0, sources={"student frontier": "a"}),
    ]
    assert len({job.key, *(other.key for other in others)}) == 4


def test_modules_and_notebooks_are_found_and_the_finished_one_is_taken(tmp_path: Path) -> None:
    (tmp_path / "elbo").mkdir()
    (tmp_path / "elbo" / "elbo.py").write_text("def f():\n    raise NotImplementedError\n")
    cell = {"cell_type": "code", "source": "def f():\n    return 1\n"}
    (tmp_path / "elbo" / "elbo.ipynb").write_text(json.dumps({"cells": [cell], "nbformat": 4}))
    (tmp_path / "mle.py").write_text("x = 1\n")
    (tmp_path / "score.py").write_bytes(b"\0")
    sources, problems = plan.student_sources(tmp_path, ["elbo", "mle", "score", "dsm"])
    assert "return 1" in sources["elbo"]
    assert sources["mle"] == "x = 1\n"
    assert set(sources) == {"elbo", "mle"}
    assert problems == ["score.py: the file is binary, not Python text; hand in the .py or .ipynb file itself"]


def test_nothing_that_is_installed_holds_a_solution() -> None:
    """Where there is no checkout there are no project's pieces."""
    assert plan.project_sources(Path(models.__file__).parents[2], plan.assignments(EVERYTHING)) == {}
