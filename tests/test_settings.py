"""Where a setting comes from, and what is said when it cannot be."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from grader.errors import UsageError
from grader.settings import Settings, flag_of, help_of, load, variable_of


@pytest.fixture
def course(tmp_path: Path) -> Path:
    (tmp_path / "reference").mkdir()
    return tmp_path


def read(course: Path, *, file: str = "", environ: dict[str, str] | None = None, **flags: object) -> Settings:
    (course / "grader.toml").write_text(file)
    return load(flags, cwd=course, environ=environ or {})


def test_each_source_outranks_the_one_before(course: Path) -> None:
    assert read(course).wall_s == 10
    assert read(course, file="wall_s = 2").wall_s == 2
    assert read(course, file="wall_s = 2", environ={"GRADER_WALL_S": "3"}).wall_s == 3
    assert read(course, file="wall_s = 2", environ={"GRADER_WALL_S": "3"}, wall_s=4.0).wall_s == 4


def test_a_flag_that_was_not_given_changes_nothing(course: Path) -> None:
    assert read(course, file="jobs = 7", jobs=None).jobs == 7


def test_every_setting_can_come_from_the_environment(course: Path) -> None:
    words = {
        "course": str(course),
        "assignment": "mle",
        "out": "there",
        "jobs": "3",
        "devices": "cpu,cuda",
        "reports": "html=a.html, csv",
        "sandbox": "unsafe",
        "fresh": "yes",
        "wall_s": "1.5",
        "memory_mib": "256",
        "carry": "yes",
        "gradebook": "grades.db",
        "fail_under": "50",
        "json": "1",
        "layout": "canvas",
        "roster": "roster.csv",
        "deadlines": "late.csv",
    }
    assert read(course, environ={variable_of(name): text for name, text in words.items()}) == Settings(
        course=course,
        assignment="mle",
        out=course / "there",
        jobs=3,
        devices=("cpu", "cuda"),
        reports=("html=a.html", "csv"),
        sandbox="unsafe",
        fresh=True,
        wall_s=1.5,
        memory_mib=256,
        carry=True,
        gradebook="grades.db",
        fail_under=50.0,
        json=True,
        layout="canvas",
        roster=course / "roster.csv",
        deadlines=course / "late.csv",
    )
    assert set(words) == {item.name for item in fields(Settings)}


def test_a_list_may_be_given_in_one_or_several_flags(course: Path) -> None:
    assert read(course, reports=["html,csv", "json=a.json"]).reports == ("html", "csv", "json=a.json")
    assert read(course, file='devices = ["cpu", "cuda", "cpu"]').devices == ("cpu", "cuda")


def test_the_course_is_found_upwards(course: Path) -> None:
    below = course / "a" / "b"
    below.mkdir(parents=True)
    assert load({}, cwd=below, environ={}).course == course
    assert load({}, cwd=below, environ={}).out == below / "results"


def test_paths_in_a_file_are_relative_to_it(course: Path) -> None:
    (course / "pyproject.toml").write_text('[tool.grader]\nout = "kept"\n')
    (course / "below").mkdir()
    assert load({}, cwd=course / "below", environ={}).out == course / "kept"


def test_a_pyproject_without_the_table_is_passed_over(course: Path) -> None:
    (course / "grader.toml").write_text("jobs = 5")
    (course / "below").mkdir()
    (course / "below" / "pyproject.toml").write_text("[tool.ruff]\n")
    assert load({}, cwd=course / "below", environ={}).jobs == 5


def test_no_course_is_a_usage_error_only_where_one_is_needed(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"expected a folder reference/ in .* or above it; name the course"):
        load({}, cwd=tmp_path, environ={})
    assert load({}, cwd=tmp_path, environ={}, need_course=False).course == tmp_path


def test_an_unknown_key_names_the_nearest_one(course: Path) -> None:
    with pytest.raises(UsageError, match=r"memory_mb in .*grader\.toml: .*did you mean memory_mib\?"):
        read(course, file="memory_mb = 3")
    with pytest.raises(UsageError, match="there are assignment, carry, course"):
        read(course, file="zzz = 3")


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"GRADER_JOBS": "0"}, "GRADER_JOBS: expected a whole number of at least 1, got '0'"),
        ({"GRADER_JOBS": "2.5"}, "expected a whole number"),
        ({"GRADER_FAIL_UNDER": "120"}, "expected a number from 0 to 100"),
        ({"GRADER_WALL_S": "nan"}, "expected a number of at least 0.1"),
        ({"GRADER_DEVICES": "cpu,tpu"}, "GRADER_DEVICES: expected one of cpu, cuda, got 'cpu,tpu'"),
        ({"GRADER_FRESH": "maybe"}, "expected true or false"),
    ],
)
def test_a_value_that_cannot_be_says_what_was_expected(course: Path, environ: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError) as error:
        read(course, environ=environ)
    assert message in str(error.value)


@pytest.mark.parametrize("text", ["jobs = ", "jobs = true", "reports = 3", 'jobs = "many"', "[out]\n", "wall_s = [1]"])
def test_a_bad_file_is_a_usage_error_that_names_it(course: Path, text: str) -> None:
    with pytest.raises(UsageError, match=r"grader\.toml"):
        read(course, file=text)


def test_names_follow_one_rule() -> None:
    assert flag_of("memory_mib") == "--memory-mib"
    assert flag_of("reports") == "--report"
    assert help_of("memory_mib").endswith("[env: GRADER_MEMORY_MIB]")
