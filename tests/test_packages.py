"""What each package holds, what it may never hold, and that its scripts and programs work."""

from __future__ import annotations

import io
import json
import os
import re
import runpy
import subprocess
import sys
import threading
import tomllib
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import yaml
from msgspec.structs import replace

from grader import packages
from grader.errors import UsageError
from grader.model import SubmissionInfo
from grader.packages import gradescope
from grader.packages.bundle import Bundle
from grader.packages.public_tests import public_tests
from grader.reports import github as github_report
from grader.submissions import collect
from tests.test_layouts import commit
from tests.tiny_course import SECRET, SOLUTION, TINY, graded, task

ROOT = Path(__file__).parents[1]
NAMES = ["classroom50", "github", "gitlab", "gradescope", "prairielearn"]
SCAFFOLDS = Path(packages.__file__).parent / "scaffolds"
PUBLIC = {"classroom50": "", "github": "student/", "gitlab": "student/"}
"""By package, the part that students can read."""


@pytest.fixture
def bundle(other_course: None) -> Bundle:
    return Bundle(course=ROOT, assignment="mle", secret=SECRET, policy={"wall_s": 5.0, "carry": True})


def content(name: str, bundle: Bundle) -> dict[str, bytes]:
    """A package's files, and those inside its zips."""
    files = dict(packages.targets()[name].files(bundle, {}))
    for path, data in list(files.items()):
        if path.endswith(".zip"):
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                files |= {f"{path}/{inner}": archive.read(inner) for inner in archive.namelist()}
    return files


@pytest.mark.parametrize("name", PUBLIC)
def test_what_students_can_read_holds_nothing_hidden(name: str, bundle: Bundle) -> None:
    files = {path: data for path, data in content(name, bundle).items() if path.startswith(PUBLIC[name])}
    assert files
    hidden = [*(ROOT / "reference" / "mle").glob("*.py"), ROOT / "solutions" / "mle" / "mle.py"]
    for path, data in files.items():
        assert "reference" not in Path(path).parts
        assert "solutions" not in Path(path).parts
        assert SECRET.hex().encode() not in data
        assert all(source.read_bytes() not in data for source in hidden)


@pytest.mark.parametrize("name", NAMES)
class TestEveryPackage:
    def test_it_says_what_to_do_and_who_is_protected(self, name: str, bundle: Bundle) -> None:
        readme = content(name, bundle)["README.md"].decode()
        assert "@@" not in readme
        assert "protected from what" in readme or name == "classroom50"

    def test_two_are_the_same_bytes(self, name: str, bundle: Bundle) -> None:
        target = packages.targets()[name]
        assert target.files(bundle, {}) == target.files(bundle, {})

    def test_its_scripts_are_executable_and_parse(self, name: str, bundle: Bundle, tmp_path: Path) -> None:
        for path in packages.write(name, bundle, {}, tmp_path):
            data = path.read_bytes()
            assert path.stat().st_mode & 0o777 == (0o700 if data.startswith(b"#!") else 0o600)
            if data.startswith(b"#!/usr/bin/env bash"):
                subprocess.run(["bash", "-n", str(path)], check=True)
            elif path.suffix == ".yml":
                yaml.safe_load(data)
            elif path.suffix == ".py":
                compile(data, str(path), "exec")

    def test_an_unknown_option_names_the_known_ones(self, name: str, bundle: Bundle, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=f"a package for {name} has no option 'colour'; its options are: "):
            packages.write(name, bundle, {"colour": "red"}, tmp_path)


@pytest.mark.parametrize(("name", "folder"), [("gradescope", "gradescope-mle.zip/"), ("prairielearn", "mle/tests/")])
def test_what_grades_elsewhere_has_all_that_grading_needs(name: str, folder: str, bundle: Bundle) -> None:
    files = content(name, bundle)
    own = {f"{folder}grader/{path.relative_to(ROOT / 'grader')}" for path in (ROOT / "grader").rglob("*.py")}
    assert own <= set(files)
    assert files[f"{folder}results/course.secret"] == SECRET.hex().encode() + b"\n"
    assert tomllib.loads(files[f"{folder}grader.toml"].decode()) == {
        "sandbox": "container",
        "out": "results",
        "wall_s": 5.0,
        "carry": True,
    }
    assert {f"{folder}reference/mle/{path.name}" for path in (ROOT / "reference" / "mle").glob("*.py")} <= set(files)
    assert f"{folder}solutions/mle/mle.py" in files
    assert not [path for path in files if "gaussian_kl" in path and "/grader/" not in path]
    assert b"msgspec>=" in files[f"{folder}requirements.txt"]
    assert b"torch==" in files[f"{folder}constraints.txt"]


@pytest.mark.parametrize("name", sorted(path.parent.name for path in (ROOT / "reference").glob("*/__init__.py")))
def test_an_assignment_imports_no_other_so_that_it_can_be_packed_alone(name: str) -> None:
    imported = {
        module.split(".")[1]
        for path in (ROOT / "reference" / name).rglob("*.py")
        for module in re.findall(r"^(?:from|import) (reference\.\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert imported <= {name}


def test_gradescope_starts_with_two_scripts_at_the_root_of_the_zip(bundle: Bundle) -> None:
    data = packages.targets()["gradescope"].files(bundle, {})["gradescope-mle.zip"]
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        modes = {info.filename: info.external_attr >> 16 & 0o777 for info in archive.infolist()}
    assert (modes["setup.sh"], modes["run_autograder"], modes["gradescope.json"]) == (0o755, 0o755, 0o644)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"visibility": "never"}, "expected one of visible, after_due_date, after_published, hidden, got 'never'"),
        ({"limit": "5"}, "expected submissions/hours, such as 5/24, got '5'"),
        ({"limit": "0/24"}, "got '0/24'"),
        ({"limit": "5/nan"}, "got '5/nan'"),
        ({"visibility": "visible,mel.2:hidden"}, r"visibility: expected the id of one of mle\.1, mle\.2, got 'mel\.2'"),
        ({"visibility": ":hidden"}, "visibility: expected the id of one of mle"),
        ({"visibility": "hidden,visible"}, "visibility: of all questions is said twice, in 'hidden,visible'"),
        ({"visibility": "mle.1:hidden,mle.1:visible"}, r"visibility: mle\.1 is said twice"),
        ({"leaderboard": "mle.1,mle.7"}, r"leaderboard: expected the id of one of mle\.1, mle\.2, got 'mle\.7'"),
        ({"leaderboard": "mle.1", "visibility": "mle.1:hidden"}, r"leaderboard: mle\.1 is hidden"),
        ({"leaderboard": "mle.2", "visibility": "hidden,mle.1:visible"}, r"leaderboard: mle\.2 is hidden"),
    ],
)
def test_an_option_that_cannot_be_is_said(options: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        gradescope.config("mle", options, ["mle.1", "mle.2"])


def test_the_questions_that_an_option_may_name_are_the_assignments(bundle: Bundle) -> None:
    with pytest.raises(UsageError, match=r"expected the id of one of mle\.1, .*, got 'kl\.1'"):
        packages.targets()["gradescope"].files(bundle, {"leaderboard": "kl.1"})


@pytest.mark.parametrize("timeout", ["abc", "0", "-5", "1.5", "601", "", "²"])
def test_a_timeout_that_cannot_be_is_said(timeout: str, bundle: Bundle) -> None:
    with pytest.raises(UsageError, match=f"timeout: expected whole seconds from 1 to 600, got '{timeout}'"):
        packages.targets()["prairielearn"].files(bundle, {"timeout": timeout})


def test_options_reach_the_zip() -> None:
    options = {"visibility": "hidden, mle.2:visible", "limit": "5/24", "leaderboard": "mle.2"}
    config = gradescope.config("mle", options, ["mle.1", "mle.2"])
    assert (config.visibility, config.visibilities, config.leaderboard) == ("hidden", {"mle.2": "visible"}, ["mle.2"])
    assert config.limit is not None
    assert (config.limit.submissions, config.limit.hours) == (5, 24.0)


def test_a_package_for_one_assignment_needs_its_name(tmp_path: Path) -> None:
    bundle = Bundle(course=TINY, assignment=None, secret=SECRET)
    with pytest.raises(UsageError, match="say --assignment with one of tiny"):
        packages.write("gradescope", bundle, {}, tmp_path)
    with pytest.raises(UsageError, match="no package for 'moodle'; there are classroom50, github"):
        packages.write("moodle", bundle, {}, tmp_path)


class TestWorkflows:
    """What GitHub and GitLab are told, read as they read it."""

    @pytest.fixture
    def grade(self, bundle: Bundle) -> dict[str, object]:
        files = packages.targets()["github"].files(bundle, {})
        found: dict[str, object] = yaml.safe_load(files["instructor/.github/workflows/grade.yml"])["jobs"]["grade"]
        return found

    def test_no_secret_is_in_the_environment_of_the_step_that_grades(self, grade: dict[str, object]) -> None:
        steps = grade["steps"]
        assert isinstance(steps, list)
        (step,) = [step for step in steps if "grader grade" in step.get("run", "")]
        assert "env" not in step
        assert "env" not in grade
        assert "${{" not in step["run"]
        assert [step for step in steps if "secrets." in str(step.get("run", ""))] == []

    def test_the_secret_is_not_in_the_artifact(self, grade: dict[str, object]) -> None:
        steps = grade["steps"]
        assert isinstance(steps, list)
        (upload,) = [step for step in steps if "upload-artifact" in step.get("uses", "")]
        assert "!results/course.secret" in upload["with"]["path"].split()
        gitlab = yaml.safe_load((SCAFFOLDS / "gitlab_grade.yml").read_text())
        assert "results/course.secret" in gitlab["grade"]["artifacts"]["exclude"]

    @pytest.mark.parametrize("name", ["github_grade.yml", "github_check.yml"])
    def test_jobs_may_read_and_nothing_else(self, name: str) -> None:
        assert yaml.safe_load((SCAFFOLDS / name).read_text())["permissions"] == {"contents": "read"}

    @pytest.mark.parametrize("name", ["github_grade.yml", "gitlab_grade.yml"])
    def test_reports_that_are_asked_for_exist(self, name: str) -> None:
        from grader import reports

        asked = (SCAFFOLDS / name).read_text().partition("--report ")[2].split()[0]
        assert set(asked.split(",")) <= set(reports.formats())

    def test_checks_are_published_whatever_grading_said(self, grade: dict[str, object]) -> None:
        steps = grade["steps"]
        assert isinstance(steps, list)
        conditions = [str(step.get("if")) for step in steps if "CHECKS_APP_ID" in str(step)]
        assert conditions == ["${{ !cancelled() && vars.CHECKS_APP_ID != '' }}"] * 2

    def test_what_grading_prints_is_no_command_and_its_exit_code_stays(
        self, grade: dict[str, object], tmp_path: Path
    ) -> None:
        steps = grade["steps"]
        assert isinstance(steps, list)
        (step,) = [step for step in steps if "grader grade" in step.get("run", "")]
        program = tmp_path / ".venv" / "bin" / "grader"
        program.parent.mkdir(parents=True)
        program.write_text("#!/bin/sh\necho '::warning::mine'\nexit 4\n")
        program.chmod(0o700)
        done = [subprocess.run(["bash", "-e", "-c", step["run"]], cwd=tmp_path, capture_output=True) for _ in "12"]
        stop, mine, resume = done[0].stdout.decode().splitlines()
        assert mine == "::warning::mine"
        assert stop == f"::stop-commands::{resume.strip(':')}"
        assert done[0].returncode == 4
        assert done[0].stdout != done[1].stdout

    def test_nothing_of_gitlabs_environment_reaches_what_grades(self) -> None:
        script = yaml.safe_load((SCAFFOLDS / "gitlab_grade.yml").read_text())["grade"]["script"]
        (line,) = [line for line in script if "grader grade" in line]
        command = line.replace(".venv/bin/grader", "env #")
        environ = {"PATH": os.environ["PATH"], "HOME": "/root", "CI_REGISTRY_PASSWORD": "x", "CI_REPOSITORY_URL": "y"}
        done = subprocess.run(["bash", "-c", command], env=environ, capture_output=True, text=True, check=True)
        assert {row.partition("=")[0] for row in done.stdout.splitlines()} == {"PATH", "HOME"}

    @pytest.mark.parametrize("name", ["github_check.yml", "gitlab_check.yml"])
    @pytest.mark.parametrize(
        ("module", "said"),
        [
            (None, "no assignment's module lies where the tests look for it"),
            ("import os\nos._exit(0)\n", "test&#95;work ended before it could say what it found"),
        ],
        ids=["none", "ended"],
    )
    def test_what_could_not_be_tested_is_said(
        self, name: str, module: str | None, said: str, bundle: Bundle, tmp_path: Path
    ) -> None:
        folder = tmp_path / (".github" if name.startswith("github") else "ci")
        (folder / "tests").mkdir(parents=True)
        (folder / "tests" / "test_work.py").write_text(PUBLIC_TESTS)
        for path, data in public_tests(bundle).items():
            if "/" not in path:
                (folder / path).write_bytes(data)
        if module is not None:
            (tmp_path / "work.py").write_text(module)
        job = yaml.safe_load((SCAFFOLDS / name).read_text())
        job = job.get("jobs", job)["check"]
        lines = job.get("script") or [step.get("run", "") for step in job["steps"]]
        script = "\n".join(line for line in lines if "pip install" not in line)
        (tmp_path / "python").symlink_to(sys.executable)
        environ = {
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "CI_PROJECT_DIR": str(tmp_path),
            "PYTHONPATH": f"{folder}:{tmp_path}",
        }
        done = subprocess.run(["bash", "-e", "-c", script], cwd=tmp_path, env=environ, capture_output=True, text=True)
        assert done.returncode == 1
        assert said in done.stdout

    def test_every_shell_step_parses(self) -> None:
        for name in ("github_grade.yml", "github_check.yml", "gitlab_grade.yml", "gitlab_check.yml"):
            jobs = yaml.safe_load((SCAFFOLDS / name).read_text())
            jobs = jobs.get("jobs", jobs)
            for job in jobs.values():
                steps = [step.get("run", "") for step in job.get("steps", [])] + job.get("script", [])
                for step in steps:
                    subprocess.run(["bash", "-n", "-c", step], check=True)


def python(*command: str | Path, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": os.environ["PATH"], **environ}
    return subprocess.run([sys.executable, *map(str, command)], cwd=cwd, env=env, capture_output=True, text=True)


@pytest.fixture
def students(tmp_path: Path) -> Path:
    """A list of students with repositories, one of which is missing."""
    for name in ("ann", "bob"):
        commit(tmp_path / "remote" / f"hw-{name}", {"tiny.py": SOLUTION}, "2026-03-01T10:00:00+00:00")
    rows = [f"{name},clones/{name},{(tmp_path / 'remote' / f'hw-{name}').as_posix()}" for name in ("ann", "bob", "eve")]
    listing = tmp_path / "students.csv"
    listing.write_text("\n".join(["id,repository,address", *rows]) + "\n")
    return listing


def test_clones_are_bare_follow_their_origin_and_say_who_is_missing(students: Path) -> None:
    server = {"GIT_TOKEN": "t0ken", "GIT_SERVER": "https://git.example"}
    first = python(SCAFFOLDS / "clone.py", students, cwd=students.parent, **server)
    assert first.returncode == 1
    assert first.stderr.endswith("no clone of: eve\n")
    clone = students.parent / "clones" / "ann"
    assert not (clone / "tiny.py").exists()
    assert "t0ken" not in (clone / "config").read_text()
    commit(students.parent / "remote" / "hw-ann", {"tiny.py": "x = 2\n"}, "2026-03-02T10:00:00+00:00")
    python(SCAFFOLDS / "clone.py", students, cwd=students.parent)
    shown = subprocess.run(
        ["git", "-C", str(clone), "show", "HEAD:tiny.py"], capture_output=True, text=True, check=True
    )
    assert shown.stdout == "x = 2\n"


def test_a_clone_of_another_address_is_made_anew(students: Path) -> None:
    python(SCAFFOLDS / "clone.py", students, cwd=students.parent)
    run_git(students.parent / "clones" / "ann", "tag", "submit/of-the-other")
    students.write_text(students.read_text().replace("hw-ann", "hw-bob"))
    commit(students.parent / "remote" / "hw-bob", {"tiny.py": "x = 3\n"}, "2026-03-02T10:00:00+00:00")
    done = python(SCAFFOLDS / "clone.py", students, cwd=students.parent)
    assert "hw-ann, and the list says" in done.stderr
    assert run_git(students.parent / "clones" / "ann", "show", "HEAD:tiny.py") == "x = 3"
    assert run_git(students.parent / "clones" / "ann", "tag") == ""


def test_a_clone_that_somebody_works_in_is_not_removed(students: Path) -> None:
    commit(students.parent / "clones" / "ann", {"mine.py": "x = 1\n"}, "2026-03-01T10:00:00+00:00")
    run_git(students.parent / "clones" / "ann", "remote", "add", "origin", "https://git.example/other")
    done = python(SCAFFOLDS / "clone.py", students, cwd=students.parent)
    assert "no clone of: ann, eve" in done.stderr
    assert (students.parent / "clones" / "ann" / "mine.py").exists()


def test_the_token_goes_to_one_server() -> None:
    clone = runpy.run_path(str(SCAFFOLDS / "clone.py"))
    with pytest.MonkeyPatch.context() as patch:
        for name in clone["SERVERS"]:
            patch.delenv(name, raising=False)
        patch.setenv("GIT_TOKEN", "t0ken")
        with pytest.raises(SystemExit, match="set GIT_SERVER to its address"):
            clone["environment"]()
        patch.setenv("GITHUB_SERVER_URL", "https://github.com")
        environ = clone["environment"]()
    assert "GIT_TOKEN" not in environ
    for address, sent in [("https://github.com/org/hw", True), ("https://github.com.evil.example/hw", False)]:
        command = ["git", "config", "--get-urlmatch", "http.extraHeader", address]
        done = subprocess.run(command, env={**environ, "GIT_CONFIG_GLOBAL": os.devnull}, capture_output=True, text=True)
        assert done.stdout.startswith("Authorization: Basic ") is sent


class Checks(BaseHTTPRequestHandler):
    """GitHub's end of the check-runs API, as far as it is used."""

    received: list[tuple[str, str, dict[str, object]]]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.received.append((self.path, self.headers["Authorization"], body))
        self.send_response(403 if "hw-bob" in self.path else 201)
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        """Quiet."""


@pytest.fixture
def github() -> Iterator[tuple[str, list[tuple[str, str, dict[str, object]]]]]:
    handler = type("Handler", (Checks,), {"received": []})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", handler.received
        server.shutdown()
        thread.join()


def run_git(clone: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(clone), *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def graded_as(listing: Path, checks: Path) -> None:
    """Writes the checks of a class that was read from its clones, with scores that are made up."""
    for one in collect(listing, assignments={"tiny": ["energy"]}):
        known = SubmissionInfo(id=one.id, sha256=one.sha256, commit=one.commit)
        result = replace(graded(task(one.source, student=one.id)), submission=known)
        checks.joinpath(f"{one.id}.json").write_text(json.dumps(github_report.check_run(result)))


def test_checks_are_published_on_the_commits_that_were_graded(
    students: Path, github: tuple[str, list[tuple[str, str, dict[str, object]]]]
) -> None:
    """ann tagged what she handed in and went on, a column tells zoe's commit, and eve has no clone."""
    address, received = github
    remote, checks = students.parent / "remote", students.parent / "checks"
    commits = {"ann": run_git(remote / "hw-ann", "rev-parse", "HEAD")}
    run_git(remote / "hw-ann", "tag", "submit/1")
    commit(remote / "hw-ann", {"tiny.py": "x = 2\n"}, "2026-03-02T10:00:00+00:00")
    commit(remote / "hw-zoe", {"tiny.py": SOLUTION}, "2026-03-01T10:00:00+00:00")
    commits["zoe"] = run_git(remote / "hw-zoe", "rev-parse", "HEAD")
    commit(remote / "hw-zoe", {"tiny.py": "x = 2\n"}, "2026-03-02T10:00:00+00:00")
    head, *rows = students.read_text().splitlines()
    rows = [*(f"{row}," for row in rows), f"zoe,clones/zoe,{(remote / 'hw-zoe').as_posix()},{commits['zoe']}"]
    students.write_text("\n".join([f"{head},revision", *rows]) + "\n")
    python(SCAFFOLDS / "clone.py", students, cwd=students.parent)
    checks.mkdir()
    graded_as(students, checks)
    (checks / "zed.json").write_text(json.dumps({"name": "grader: tiny on cpu", "external_id": "zed"}))
    done = python(
        SCAFFOLDS / "publish_checks.py",
        students,
        checks,
        cwd=students.parent,
        GITHUB_API_URL=address,
        CHECKS_TOKEN="t0ken",
    )
    assert done.returncode == 1
    assert "no check for bob in remote/hw-bob: HTTP Error 403" in done.stderr
    assert "eve has no commit that was graded" in done.stderr
    assert "zed is not in students.csv" in done.stderr
    assert {token for _, token, _ in received} == {"Bearer t0ken"}
    published = {path: body["head_sha"] for path, _, body in received}
    assert published["/repos/remote/hw-ann/check-runs"] == commits["ann"]
    assert published["/repos/remote/hw-zoe/check-runs"] == commits["zoe"]


PUBLIC_TESTS = """
import pytest
from work import area, side

@pytest.mark.question("w.1")
def test_area():
    '''The area of a square, 100%: a, b.'''
    assert area(2) == 4

@pytest.mark.question("w.1")
def test_again():
    assert area(3) == 9

@pytest.mark.question("w.2")
def test_side():
    assert side(4) == 2
"""


def test_public_tests_have_a_row_and_at_most_one_annotation_a_question(bundle: Bundle, tmp_path: Path) -> None:
    files = packages.targets()["github"].files(bundle, {})
    for path in ("selfcheck_plugin.py", "summarise.py"):
        (tmp_path / path).write_bytes(files[f"student/.github/{path}"])
    (tmp_path / "test_work.py").write_text(PUBLIC_TESTS)
    (tmp_path / "work.py").write_text("def area(a): return 4 if a < 0 else 5\ndef side(a): return a ** 0.5\n")
    tests = ["-m", "pytest", "-q", "-p", "selfcheck_plugin", "--selfcheck-json", "found.json", "test_work.py"]
    python(*tests, cwd=tmp_path, PYTHONPATH=str(tmp_path))
    done = python("summarise.py", "found.json", cwd=tmp_path, GITHUB_STEP_SUMMARY=str(tmp_path / "summary.md"))
    assert done.returncode == 1
    assert done.stdout == (
        "::warning title=w.1::2 of 2 tests do not pass; first%3A The area of a square%2C 100%25%3A a%2C b.\n"
    )
    assert "| w.1 | 0 | 2 |\n| w.2 | 1 | 1 |" in (tmp_path / "summary.md").read_text()
    (tmp_path / "work.py").write_text("def area(a): return a * a\ndef side(a): return a ** 0.5\n")
    python(*tests, cwd=tmp_path, PYTHONPATH=str(tmp_path))
    assert python("summarise.py", "found.json", cwd=tmp_path).returncode == 0
    (tmp_path / "work.py").write_text("1 / 0\n")
    python(*tests, cwd=tmp_path, PYTHONPATH=str(tmp_path))
    assert "could not be tested" in python("summarise.py", "found.json", cwd=tmp_path).stdout
