"""The benchmarks run, whatever they measure."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec

from tests.benchmarks.figures import Figure, quantile
from tests.benchmarks.running import Report

ROOT = Path(__file__).parents[2]


def figures_of(report: Path, *options: str) -> list[Figure]:
    command = [sys.executable, "-m", "tests.benchmarks", "--quick", "--json", str(report), *options]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return msgspec.json.decode(report.read_bytes(), type=Report).figures


def test_every_benchmark_measures_something(tmp_path: Path) -> None:
    figures = figures_of(tmp_path / "figures.json", "--together")
    assert all(figure.measured > 0 for figure in figures)
    # One for each number that was promised.
    assert sum(figure.must is not None for figure in figures) == 8


def test_a_benchmark_runs_in_a_process_of_its_own(tmp_path: Path) -> None:
    (figure,) = figures_of(tmp_path / "figures.json", "--only", "help_answers")
    assert figure.what.startswith("grader --help")


def test_quantiles_are_values_that_were_measured() -> None:
    values = [5.0, 1.0, 4.0, 2.0, 3.0]
    assert [quantile(values, share) for share in (0.01, 0.5, 0.99, 1.0)] == [1.0, 3.0, 5.0, 5.0]


def test_a_target_may_be_a_floor_or_a_ceiling() -> None:
    ceiling = Figure(what="", measured=2, unit="s", must=1)
    floor = Figure(what="", measured=2, unit="/s", must=1, at_least=True)
    assert (ceiling.reached, floor.reached) == (False, True)
