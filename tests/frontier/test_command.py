"""`grader frontier` as a command: what it refuses, whom it confines, what it prints."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from grader import cli
from grader.frontier import runs
from grader.frontier.plan import Plan
from grader.frontier.runs import Asked, Outcome
from tests.frontier.test_runs import hand_in

DONE, NO, USAGE = 0, 1, 2


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli.app, ["frontier", *map(str, arguments)])


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Asked]:
    """What the command asks for, of an experiment that finds nothing."""
    seen: list[Asked] = []

    class Nothing:
        def __init__(self, asked: Asked, told: object) -> None:
            seen.append(asked)
            self._asked = asked

        def outcome(self) -> Outcome:
            nothing: dict[str, Any] = {"rows": [], "floors": {}, "floor_arrays": {}, "fits": (), "problems": []}
            plan = Plan(uses={}, notes=())
            return Outcome(asked=self._asked, fits_plan=plan, fits_problem="there is no gaussian_kl.py", **nothing)

    monkeypatch.setattr(runs, "Run", Nothing)
    return seen


def test_where_there_are_references_a_students_code_is_confined(asked: list[Asked], tmp_path: Path) -> None:
    """This is a checkout with references, wherever the folder is."""
    assert run(tmp_path, "--out", tmp_path / "out").exit_code == DONE
    assert asked[0].sandbox == "strict"
    assert run(tmp_path, "--out", tmp_path / "out", "--sandbox", "container").exit_code == DONE
    assert asked[1].sandbox == "container"


def test_on_a_students_machine_there_is_neither_a_sandbox_nor_a_solution(tmp_path: Path) -> None:
    """The installed package alone: as a wheel has it."""
    package = tmp_path / "site" / "grader"
    package.parent.mkdir()
    package.symlink_to(Path(cli.__file__).parent, target_is_directory=True)
    program = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[1])\n"
        "from grader import settings; from grader.commands import frontier as f\n"
        "found = settings.load({}, cwd=Path.cwd(), environ={}, need_course=False)\n"
        "asked = f._asked(found, Path('.'), Path('out'), 'cpu')\n"
        "print([asked.sandbox], (asked.course / 'solutions').exists())\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, str(package.parent)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (ended.stdout.strip(), ended.stderr) == ("[''] False", "")


def test_what_is_asked_for_arrives(asked: list[Asked], tmp_path: Path) -> None:
    flags = ["--budget", "2", "--only", "vae,gan", "--only", "flow", "--data", "ring", "--jobs", "3"]
    assert run(tmp_path, "--out", tmp_path / "out", *flags).exit_code == DONE
    right = replace(asked[0], budget_s=2.0, only=("vae", "gan", "flow"), on=("ring",), at_once=3)
    assert asked == [right]
    assert asked[0].out == tmp_path / "out"


def test_json_is_all_that_is_on_standard_output(asked: list[Asked], tmp_path: Path) -> None:
    found = run(tmp_path, "--out", tmp_path / "out", "--json")
    assert json.loads(found.stdout)["schema"] == "grader/frontier/v1"
    assert "frontier.html in a browser" in found.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "there is no folder nowhere"),
        ([".", "--device", "tpu"], "--device takes cpu or cuda, not tpu"),
        ([".", "--sandbox", "velvet"], "there is no sandbox 'velvet'"),
        ([".", "--only", "diffusion"], "--only takes autoregressive, flow, vae"),
        ([".", "--data", "faces"], "--data takes ring, digits, not faces"),
    ],
)
def test_what_cannot_be_done_is_said_and_ends_with_2(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = run(*arguments)
    assert found.exit_code == USAGE
    assert said in found.stderr


ELSEWHERE = """
import os

for name in ("O_CLOEXEC", "O_NOFOLLOW", "O_NONBLOCK", "memfd_create", "fork", "sched_getaffinity"):
    if hasattr(os, name):
        delattr(os, name)
"""


def test_it_needs_neither_linux_nor_a_checkout(tmp_path: Path) -> None:
    """The installed package alone, where the system has less to offer: one model, trained and drawn from."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "grader").symlink_to(Path(cli.__file__).parent, target_is_directory=True)
    (tmp_path / "site" / "sitecustomize.py").write_text(ELSEWHERE)
    hand_in(tmp_path / "student")
    flags = ["--only", "autoregressive", "--data", "ring", "--budget", "0.2", "--json"]
    ended = subprocess.run(
        [sys.executable, "-P", "-m", "grader", "frontier", "student", *flags],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
        check=False,
    )
    # Six models have no pieces here, so the answer is no.
    assert ended.returncode == NO, ended.stderr
    (ring,) = json.loads(ended.stdout)["data"]
    findings = {model["model"]: model["finding"] for model in ring["models"]}
    assert findings.pop("autoregressive")["uses"]["mle.categorical_nll"] == "student"
    assert set(findings.values()) == {None}
    assert (tmp_path / "frontier-report" / "frontier.html").is_file()
