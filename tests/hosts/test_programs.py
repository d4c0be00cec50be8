"""The scripts that other systems start, run as they would run them: as root, in the profile for containers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from grader import packages
from grader.packages.bundle import Bundle
from tests.hosts.test_hosts import METADATA
from tests.tiny_course import SOLUTION

UNSAFE = 3
AS_IN_DOCKER = (sys.executable, "-I", "-B", str(Path(__file__).parents[1] / "sandbox" / "launch.py"), "--docker")
"""Docker's system calls and capabilities, and an interpreter that every user can read."""

SNOOP = """
import os, sys
def energy(x, scale):
    found = []
    for path in {paths!r}:
        try:
            open(path).close()
            found.append(path)
        except OSError:
            pass
    raise ValueError(" ".join(found) or "nothing")
"""


def run(command: list[str], **environ: str | Path) -> subprocess.CompletedProcess[str]:
    """Runs as in a container with a fresh environment; skips where that, or the sandbox in it, is not to be had."""
    tried = subprocess.run([*AS_IN_DOCKER, "/bin/true"], capture_output=True, text=True)
    if tried.returncode:
        pytest.skip(f"this machine cannot emulate a container: {tried.stderr}")
    base = {"PATH": os.environ["PATH"], "GRADER_PYTHON": sys.executable, "HOME": "/root"}
    env = {**base, **{key: str(value) for key, value in environ.items()}}
    done = subprocess.run([*AS_IN_DOCKER, *command], env=env, capture_output=True, text=True)
    if done.returncode == UNSAFE:
        pytest.skip(f"this machine cannot confine submissions: {done.stderr}")
    return done


def test_gradescope_runs_the_zip_as_it_is(autograder: Path) -> None:
    secret = autograder / "source" / "results" / "course.secret"
    reference = autograder / "source" / "reference" / "tiny" / "energy.py"
    (autograder / "submission" / "tiny.py").write_text(
        SOLUTION + SNOOP.format(paths=[str(secret), str(reference), str(autograder / "submission" / "tiny.py")])
    )
    (autograder / "submission_metadata.json").write_text(json.dumps(METADATA))
    done = run([str(autograder / "run_autograder")], AUTOGRADER_ROOT=autograder)
    assert done.returncode == 0, done.stderr
    found = json.loads((autograder / "results" / "results.json").read_bytes())
    assert [test["score"] for test in found["tests"]] == [0.0, 3.0]
    assert "(container)" in done.stdout
    assert "nothing" in done.stdout
    assert "course.secret" not in done.stdout


def test_gradescope_keeps_no_results_of_a_run_that_failed(autograder: Path) -> None:
    (autograder / "submission_metadata.json").write_text("{")
    (autograder / "results" / "results.json").write_text("{}")
    done = run([str(autograder / "run_autograder")], AUTOGRADER_ROOT=autograder)
    assert done.returncode == 4
    assert "by no fault of the student" in done.stdout
    assert not (autograder / "results" / "results.json").exists()


def test_prairielearn_runs_its_entry_point(grade_root: Path) -> None:
    (grade_root / "student" / "tiny.py").write_text(SOLUTION)
    done = run([str(grade_root / "tests" / "run.sh")], PRAIRIELEARN_ROOT=grade_root)
    assert done.returncode == 0, done.stderr
    found = json.loads((grade_root / "results" / "results.json").read_bytes())
    assert (found["gradable"], found["score"]) == (True, 1.0)


def test_classroom50_hands_over_code_and_stamps_the_result(grade_root: Path, bundle: Bundle, tmp_path: Path) -> None:
    packages.write("classroom50", bundle, {}, tmp_path / "package")
    checkout = tmp_path / "checkout"
    (checkout / ".github").mkdir(parents=True)
    (checkout / "tiny.py").write_text(SOLUTION)
    (checkout / ".github" / "x.py").write_text("1 / 0")
    (checkout / "link.py").symlink_to("/etc/passwd")
    job = {"CLASSROOM": "gen", "ASSIGNMENT": "hw1", "OWNER": "ada", "SUBMISSION_TAG": "submit/2026-03-01T00-00-00Z-a"}
    course, output = grade_root / "tests", tmp_path / "output"
    command = f"env PYTHONPATH={course} {sys.executable} -m grader.hosts.classroom50 {course}"
    autograder = str(tmp_path / "package" / "autograder.py")
    done = run(
        ["/bin/sh", "-c", f"cd {checkout} && exec {sys.executable} {autograder}"],
        GRADER_COMMAND=command,
        GITHUB_OUTPUT=output,
        **job,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads((checkout / "result.json").read_bytes())
    assert (result["schema"], result["score"], result["max-score"]) == ("classroom50/result/v1", 13, 13)
    assert [result[key] for key in ("classroom", "assignment", "owner")] == ["gen", "hw1", "ada"]
    assert result["submission"] == job["SUBMISSION_TAG"]
    assert output.read_text() == "status=graded\nsummary=13/13\n"
    assert "tiny.1" in (checkout / "release-body.md").read_text()


def test_classroom50_is_an_error_of_the_set_up_without_a_grader(bundle: Bundle, tmp_path: Path) -> None:
    packages.write("classroom50", bundle, {}, tmp_path)
    autograder = str(tmp_path / "autograder.py")
    assert run([sys.executable, autograder]).returncode == 2
    done = run(
        ["/bin/sh", "-c", f"cd {tmp_path} && exec {sys.executable} {autograder}"], GRADER_COMMAND="sh -c 'exit 4'"
    )
    assert done.returncode == 4
    assert "by no fault of the student" in done.stderr
    assert not (tmp_path / "result.json").exists()
