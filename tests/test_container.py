"""The image recipes, as far as they can be held without a daemon: what they copy is there, and their steps parse."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from grader.settings import Settings, variable_of

ROOT = Path(__file__).parents[1]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
APPTAINER = (ROOT / "container" / "grader.def").read_text(encoding="utf-8")


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions with their arguments, comments left out and continued lines joined."""
    lines = [line for line in DOCKERFILE.splitlines() if not line.startswith("#")]
    text = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [(line.partition(" ")[0], line.partition(" ")[2]) for line in text.splitlines() if line.strip()]


def section(name: str) -> list[str]:
    """The lines of one section of the Apptainer recipe."""
    body = APPTAINER.partition(f"%{name}\n")[2].partition("\n%")[0]
    return [line.strip() for line in body.splitlines() if line.strip()]


def test_the_dockerfile_copies_what_there_is_and_all_that_grading_needs() -> None:
    copied = [source for name, rest in instructions() if name == "COPY" for source in shlex.split(rest)[:-1]]
    assert all((ROOT / source).exists() for source in copied)
    assert {"grader", "reference", "solutions", "pyproject.toml", "constraints.txt"} <= set(copied)


def test_nothing_but_what_is_copied_is_sent_to_a_build() -> None:
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    copied = [source for name, rest in instructions() if name == "COPY" for source in shlex.split(rest)[:-1]]
    assert rules[0] == "*"
    assert {rule[1:] for rule in rules if rule.startswith("!")} == set(copied)
    assert "**/course.secret" in rules


def test_every_step_parses_and_what_it_runs_is_executable() -> None:
    steps = [rest for name, rest in instructions() if name == "RUN"]
    steps += ["\n".join(section(name)) for name in ("post", "environment", "runscript", "test")]
    for step in steps:
        subprocess.run(["sh", "-n", "-c", step], check=True)
    assert (ROOT / "container" / "install.sh").stat().st_mode & 0o111
    subprocess.run(["sh", "-n", str(ROOT / "container" / "install.sh")], check=True)
    assert any("container/install.sh" in step for step in steps)


def test_both_recipes_copy_the_same_and_set_the_same() -> None:
    copied = {source for name, rest in instructions() if name == "COPY" for source in shlex.split(rest)[:-1]}
    files = [line.split() for line in section("files")]
    assert {source for source, _ in files} == copied
    assert all(target == f"/course/{source}" for source, target in files)
    exported = dict(line.removeprefix("export ").split("=", 1) for line in section("environment"))
    (env,) = [rest for name, rest in instructions() if name == "ENV"]
    in_docker = dict(each.split("=", 1) for each in shlex.split(env))
    assert exported.items() <= in_docker.items()


@pytest.mark.parametrize("name", ["course", "sandbox"])
def test_what_the_images_set_is_read(name: str) -> None:
    assert f"{variable_of(name)}=" in DOCKERFILE
    assert hasattr(Settings, name)


def test_an_image_says_how_it_is_built_and_its_pin_is_the_tested_one() -> None:
    (pin,) = re.findall(r"^torch==\S+", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE)
    assert f"--build-arg TORCH={pin} " in DOCKERFILE
    assert f"--build-arg torch={pin} " in APPTAINER


def test_references_are_roots_alone_where_root_grades() -> None:
    assert ("RUN", "chmod -R go-rwx reference solutions") in instructions()
