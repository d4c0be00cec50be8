"""The command line: its exit codes, what goes to which stream, and that nothing ends in a traceback of ours."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from rich.console import Console
from typer.testing import CliRunner, Result

from grader import catalog, cli, exits, grading, results, tables, validation
from grader.errors import GraderError, SandboxError, UsageError
from grader.model import (
    Environment,
    Outcome,
    QuestionResult,
    SandboxInfo,
    Submission,
    SubmissionInfo,
    SubmissionResult,
)
from grader.settings import Settings

COMMANDS = ["grade", "regrade", "check", "validate", "report", "release", "package", "doctor", "demo", "frontier"]


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


def graded(submission: Submission, score: float | None = 3.0, outcome: Outcome = Outcome.PASSED) -> SubmissionResult:
    question = QuestionResult(id="q.1", title="A question", score=score, max_score=4.0, outcome=outcome)
    return SubmissionResult(
        key=submission.sha256,
        assignment=submission.assignment,
        submission=SubmissionInfo(id=submission.id, sha256=submission.sha256),
        device="cpu",
        score=score,
        max_score=4.0,
        needs_review=False,
        duration_s=0.1,
        environment=Environment(grader="0", torch="2", python="3", cpu_capability="x"),
        sandbox=SandboxInfo(mode="strict", layers=()),
        seed_fingerprint="f",
        questions=(question,),
    )


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A course of one assignment, with a class of two whose grading takes no time."""
    (tmp_path / "reference" / "disc").mkdir(parents=True)
    (tmp_path / "reference" / "disc" / "__init__.py").touch()
    (tmp_path / "class").mkdir()
    for name in ("alice", "bob"):
        (tmp_path / "class" / f"{name}.py").write_text("def area(): ...\n")
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("GRADER_"):
            monkeypatch.delenv(name)

    class Loaded:
        functions = ("area",)

    monkeypatch.setattr(catalog, "load", lambda course, name: Loaded())
    return tmp_path


@pytest.fixture
def engine(course: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[..., Any]], None]:
    """Puts a function in the place of `grading.grade`."""

    def put(grade: Callable[..., Any]) -> None:
        monkeypatch.setattr(grading, "grade", grade)

    put(lambda settings, submissions, progress, keep: [graded(one) for one in submissions])
    return put


@pytest.mark.usefixtures("engine")
def test_grading_prints_a_table_and_says_where_the_reports_are(course: Path) -> None:
    ended = run("grade", "class")
    assert ended.exit_code == 0
    assert "alice" in ended.stdout
    assert "3 / 4" in ended.stdout
    assert f"html: open {course / 'results' / 'report' / 'index.html'} in a browser" in ended.stderr
    assert (course / "results" / "gradebook.csv").is_file()


@pytest.mark.usefixtures("engine")
def test_json_is_all_that_standard_output_holds(course: Path) -> None:
    (course / "class" / "carol.docx").touch()
    document = json.loads(run("grade", "class", "--json", "--report", "json=all.json").stdout)
    assert [one["submission"]["id"] for one in document["results"]] == ["alice", "bob", "carol"]
    assert document["summary"]["results"] == 3
    assert document["not_graded"] == []
    assert (course / "all.json").is_file()


@pytest.mark.usefixtures("engine")
def test_who_cannot_be_graded_is_named(course: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (course / "reference" / "ring").mkdir()
    (course / "reference" / "ring" / "__init__.py").touch()
    (course / "class" / "carol.py").write_text("x = 1\n")
    (course / "class" / "disc.zip").write_bytes(b"PK")
    monkeypatch.setattr(catalog, "load", lambda course, name: type("Loaded", (), {"functions": (name, "area" * 2)}))
    ended = run("grade", "class", "--json")
    assert ended.exit_code == 0
    assert [one["id"] for one in json.loads(ended.stdout)["not_graded"]] == ["alice", "bob", "carol"]
    assert "not graded: carol: No file is named after an assignment" in ended.stderr


@pytest.mark.parametrize(
    ("score", "outcome", "flags", "code"),
    [
        (0.0, Outcome.FAILED, [], exits.DONE),
        (3.0, Outcome.PASSED, ["--fail-under", "75"], exits.DONE),
        (3.0, Outcome.PASSED, ["--fail-under", "76"], exits.NO),
        (None, Outcome.ERROR, [], exits.OURS),
        (None, Outcome.ERROR, ["--fail-under", "76"], exits.OURS),
    ],
)
@pytest.mark.usefixtures("course")
def test_the_exit_code_tells_whose_turn_it_is(
    engine: Callable[[Callable[..., Any]], None], score: float | None, outcome: Outcome, flags: list[str], code: int
) -> None:
    engine(lambda settings, submissions, progress, keep: [graded(one, score, outcome) for one in submissions])
    assert run("grade", "class", *flags).exit_code == code


@pytest.mark.usefixtures("engine")
def test_what_cannot_be_read_is_no_success(course: Path) -> None:
    (course / "list.csv").write_text("id,repository\nalice,clones/alice\n")
    ended = run("grade", "list.csv")
    assert ended.exit_code == exits.OURS
    assert "could not be read, by no fault of the student's: alice: alice: there is no clone of it here" in ended.stderr


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (UsageError("say it otherwise"), exits.USAGE, "Error: say it otherwise\n"),
        (SandboxError("seccomp", "no."), exits.UNSAFE, "Cannot run submissions safely here (seccomp): no.\n"),
        (
            GraderError("a broken question"),
            exits.OURS,
            "A fault of the grader or of a question file: a broken question\n",
        ),
        (KeyboardInterrupt(), exits.INTERRUPTED, "Interrupted. What is finished is kept: the same command goes on"),
    ],
)
@pytest.mark.usefixtures("course")
def test_every_failure_is_one_sentence(
    engine: Callable[[Callable[..., Any]], None], error: BaseException, code: int, sentence: str
) -> None:
    def fail(*arguments: object) -> None:
        raise error

    engine(fail)
    ended = run("grade", "class")
    assert ended.exit_code == code
    assert ended.stderr.startswith(sentence)
    assert len(ended.stderr.splitlines()) == 1
    assert ended.stdout == ""


@pytest.mark.usefixtures("course")
def test_a_bug_of_ours_says_that_it_is_one(engine: Callable[[Callable[..., Any]], None]) -> None:
    engine(lambda *arguments: 1 / 0)
    ended = run("grade", "class")
    assert ended.exit_code == exits.OURS
    assert "ZeroDivisionError" in ended.stderr
    assert ended.stderr.endswith("A fault of the grader, not of a submission; the lines above say where.\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["grade", "nowhere"], "there is no file or folder"),
        (["grade", "class", "--assignment", "disk"], "there is no assignment 'disk'; this course has disc"),
        (["grade", "class", "--report", "docx"], "there is no report format 'docx'; the formats are"),
        (["grade", "class", "--jobs", "0"], "--jobs: expected a whole number of at least 1, got 0"),
        (["grade", "class", "--course", "class"], "expected a folder reference/ in"),
        (["report", "class"], "holds no results"),
        (["release", "disc"], "there is no assignment 'disc' in solutions/"),
        (["check"], "no public tests in"),
        (["doctor", "--sandbox", "cardboard"], "there is no sandbox 'cardboard'"),
    ],
)
@pytest.mark.usefixtures("engine")
def test_what_cannot_be_done_is_a_usage_error(arguments: Sequence[str], message: str) -> None:
    ended = run(*arguments)
    assert ended.exit_code == exits.USAGE
    assert ended.stderr.startswith("Error: ")
    assert message in ended.stderr


def test_an_unknown_format_is_found_before_anything_is_graded(
    engine: Callable[[Callable[..., Any]], None],
) -> None:
    engine(lambda *arguments: pytest.fail("graded"))
    assert run("grade", "class", "--report", "docx").exit_code == exits.USAGE


@pytest.mark.usefixtures("engine")
def test_flags_reach_the_engine(engine: Callable[[Callable[..., Any]], None], course: Path) -> None:
    seen: list[Settings] = []

    def grade(
        settings: Settings, submissions: Sequence[Submission], progress: object, keep: object
    ) -> list[SubmissionResult]:
        seen.append(settings)
        return [graded(one) for one in submissions]

    engine(grade)
    flags = ["--jobs", "3", "--device", "cpu,cuda", "--sandbox", "unsafe", "--fresh", "--wall-s", "2"]
    run("grade", "class/alice.py", *flags, "--memory-mib", "99", "--out", "there")
    assert seen == [
        Settings(
            course=course,
            out=course / "there",
            jobs=3,
            devices=("cpu", "cuda"),
            sandbox="unsafe",
            fresh=True,
            wall_s=2.0,
            memory_mib=99,
        )
    ]


def test_reports_are_written_again_from_stored_results(course: Path) -> None:
    submission = Submission(id="alice", assignment="disc", source="", sha256="00", filename="alice.py")
    results.store(course / "kept", graded(submission))
    ended = run("report", "kept", "--report", "csv", "--json")
    assert ended.exit_code == 0
    assert json.loads(ended.stdout)["summary"]["results"] == 1
    assert (course / "kept" / "gradebook.csv").is_file()


def test_a_penalty_is_in_reports_and_not_in_what_is_stored(course: Path) -> None:
    late = Submission(id="alice", assignment="disc", source="", sha256="00", filename="alice.py")
    at = "2026-03-08T12:00:00Z"
    result = graded(late)
    results.store(course / "kept", replace(result, submission=replace(result.submission, submitted_at=at)))
    results.store(course / "kept", replace(result, assignment="ring"))
    (course / "late.csv").write_text("assignment,due,per_day\ndisc,2026-03-08T11:00Z,1\n")
    ended = run("report", "kept", "--report", "csv", "--json", "--deadlines", "late.csv", "--assignment", "disc")
    (shown,) = json.loads(ended.stdout)["results"]
    assert (shown["score"], shown["late"]["late_s"], shown["late"]["deducted"]) == (3.0, 3600, 1.0)
    assert '"alice","disc","cpu",3.0,4.0,1.0,2.0' in (course / "kept" / "gradebook.csv").read_text()
    assert [one.late for one in results.load_all(course / "kept").results] == [None, None]


def test_a_deadline_of_no_assignment_is_refused_with_a_course_and_said_without_one(
    course: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    submission = Submission(id="alice", assignment="ring", source="", sha256="00", filename="alice.py")
    results.store(course / "kept", graded(submission))
    for name, row in {"good.csv": "disc", "bad.csv": "dics"}.items():
        (course / name).write_text(f"assignment,due\nring,2026-03-08T11:00Z\n{row},2026-03-08T11:00Z\n")
    assert run("report", "kept", "--report", "csv", "--deadlines", "good.csv").exit_code == exits.DONE
    refused = run("report", "kept", "--report", "csv", "--deadlines", "bad.csv")
    assert refused.exit_code == exits.USAGE
    assert "line 3 of bad.csv: there is no assignment 'dics'; this course has disc" in refused.stderr
    (course / "elsewhere").mkdir()
    monkeypatch.chdir(course / "elsewhere")
    (course / "reference").rename(course / "gone")
    told = run("report", "../kept", "--report", "csv", "--deadlines", "../bad.csv")
    assert told.exit_code == exits.DONE
    assert "there is a deadline for dics, and no result of it here" in told.stderr


def test_a_late_score_can_be_under_the_limit(engine: Callable[[Callable[..., Any]], None], course: Path) -> None:
    def grade(
        settings: Settings, submissions: Sequence[Submission], progress: object, keep: object
    ) -> list[SubmissionResult]:
        made = map(graded, submissions)
        return [replace(one, submission=replace(one.submission, submitted_at="2026-03-08T12:00:00Z")) for one in made]

    engine(grade)
    (course / "late.csv").write_text("assignment,due,per_day\ndisc,2026-03-08T11:00Z,1\n")
    assert run("grade", "class", "--fail-under", "75").exit_code == exits.DONE
    assert run("grade", "class", "--fail-under", "75", "--deadlines", "late.csv").exit_code == exits.NO
    assert run("grade", "class", "--fail-under", "50", "--deadlines", "late.csv").exit_code == exits.DONE


@pytest.mark.usefixtures("engine")
def test_a_mistake_in_the_deadlines_is_found_before_anything_is_graded(course: Path) -> None:
    (course / "late.csv").write_text("assignment,due\ndisc,soon\n")
    ended = run("grade", "class", "--deadlines", "late.csv")
    assert ended.exit_code == exits.USAGE
    assert "line 2 of late.csv: expected a time" in ended.stderr
    assert not (course / "results").exists()


def kill_matrix(*, ok: bool) -> validation.Report:
    wrong = validation.MisconceptionReport(
        name="forgets_half", kind="listed", score=0.0, caught=ok, diagnosed=ok, diagnosed_as=()
    )
    question = validation.QuestionReport(
        id="q.1",
        kind="auto",
        max_score=4.0,
        solution_score=4.0,
        stub_score=0.0,
        trivial_score=0.0,
        alternatives=(validation.AlternativeReport(name="other", score=4.0),),
        misconceptions=(wrong,),
        checks=(),
        problems=() if ok else ("forgets_half loses no points",),
    )
    written = validation.QuestionReport(id="C1", kind="written", max_score=5.0)
    return validation.Report(
        ok=ok, assignments=(validation.AssignmentReport(name="disc", questions=(question, written)),)
    )


@pytest.mark.parametrize("ok", [True, False])
@pytest.mark.usefixtures("course")
def test_validate_says_what_survives(monkeypatch: pytest.MonkeyPatch, ok: bool) -> None:
    asked: list[Sequence[str]] = []

    def validate(settings: Settings, names: Sequence[str], progress: object, *, ids: Sequence[str]) -> Any:
        asked.append(ids)
        return kill_matrix(ok=ok)

    monkeypatch.setattr(validation, "validate", validate)
    ended = run("validate", "disc", "--question", "q.1")
    assert asked == [["q.1"]]
    assert ended.exit_code == (exits.DONE if ok else exits.NO)
    assert ("q.1: forgets_half loses no points" in ended.stdout) is not ok
    assert json.loads(run("validate", "--json").stdout)["ok"] is ok


def test_release_prints_what_it_wrote(course: Path) -> None:
    for name, text in {
        "solutions/disc/disc.py": "# %%\ndef area():\n    ### BEGIN SOLUTION\n    return 1\n    ### END SOLUTION\n",
        "assignments/disc/test_disc.py": "",
        "assignments/disc/README.md": "",
    }.items():
        (course / name).parent.mkdir(parents=True, exist_ok=True)
        (course / name).write_text(text)
    ended = run("release", "--out", "handout")
    assert ended.exit_code == 0
    assert [Path(line).name for line in ended.stdout.split()] == [
        "disc.py",
        "disc.ipynb",
        "test_disc.py",
        "conftest.py",
        "README.md",
    ]
    assert "raise NotImplementedError" in (course / "handout" / "disc" / "disc.py").read_text()


def test_check_prints_a_row_a_question_and_ends_with_one_where_one_fails(course: Path) -> None:
    (course / "disc.py").write_text("def area():\n    return 3\n")
    (course / "test_disc.py").write_text(
        "import pytest\nfrom disc import area\n@pytest.mark.question('q.1')\ndef test_area():\n    assert area() == 4\n"
    )
    ended = run("check")
    assert ended.exit_code == exits.NO
    assert "q.1" in ended.stdout
    assert "0 of 1" in ended.stdout
    assert "assert 3 == 4" in ended.stdout


def test_tables_fit_80_columns() -> None:
    console = Console(width=80, record=True, file=io.StringIO())
    report = kill_matrix(ok=True)
    wide = replace(report.assignments[0].questions[0], id="gaussian.12", max_score=12.5, solution_score=12.5)
    console.print(
        tables.validation_table(replace(report, assignments=(replace(report.assignments[0], questions=(wide, wide)),)))
    )
    text = console.export_text()
    assert "known" in text
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    ended = run(command, "--help")
    assert ended.exit_code == 0
    assert "--help" in ended.stdout
    assert command in run("--help").stdout


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys\nfrom grader.cli import main\nsys.argv = ['grader', 'grade', '--help']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "heavy = {'torch', 'numpy', 'pandas', 'hypothesis', 'pytest', 'jinja2', 'rich', 'jupytext', 'scipy'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stderr == "[]\n"


def test_a_reader_that_stops_reading_is_no_error(course: Path) -> None:
    program = (
        "import sys\nfrom grader.exits import ending\nfrom grader.printing import print_lines\n"
        "sys.exit(ending(lambda: print_lines('all of it') or 7))\n"
    )
    read, write = os.pipe()
    os.close(read)
    ended = subprocess.run(
        [sys.executable, "-c", program], stdout=write, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(write)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_another_pipe_that_breaks_is_a_fault(capsys: pytest.CaptureFixture[str]) -> None:
    def end() -> int:
        raise BrokenPipeError

    assert exits.ending(end) == exits.OURS
    assert "BrokenPipeError" in capsys.readouterr().err
