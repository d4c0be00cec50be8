"""From submissions to stored results: nothing graded twice, nothing lost, whatever kills the grader and when."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from grader import backends, grading, results
from grader.errors import GraderError, SandboxError, UsageError
from grader.model import Submission, SubmissionResult
from grader.settings import Settings
from grader.task import Plan, Task
from tests.tiny_course import SOLUTION, TINY, energy, graded, submission, with_function, without_durations

Sink = Callable[[Task, SubmissionResult], None]


@dataclass
class FakeBackend:
    """Grades at once, and remembers what it was asked."""

    scores: dict[str, float | None] = field(default_factory=dict)
    dies_after: int | None = None
    runs: list[tuple[str, list[str]]] = field(default_factory=list)
    plans: list[Plan] = field(default_factory=list)

    def run(self, plan: Plan, tasks: Sequence[Task], sink: Sink, jobs: int) -> None:
        self.plans.append(plan)
        self.runs.append((f"{jobs}", [f"{task.submission.id}@{task.device}" for task in tasks]))
        for number, task in enumerate(tasks):
            if number == self.dies_after:
                raise SandboxError("landlock", "gone")
            sink(task, graded(task, self.scores.get(task.submission.id, 1.0)))

    @property
    def asked(self) -> list[str]:
        """What the last run was to grade."""
        return self.runs[-1][1]


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> FakeBackend:
    fake = FakeBackend()
    monkeypatch.setattr(backends, "load", lambda name: fake)
    return fake


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(course=TINY, out=tmp_path / "out", jobs=1)


CLASS = [submission("a = 1\n", student="ada"), submission("b = 1\n", student="bob")]


def grade(settings: Settings, submissions: Sequence[Submission] = CLASS) -> list[SubmissionResult]:
    return grading.grade(settings, submissions, lambda done, of: None)


def test_a_second_run_grades_nothing_and_gives_the_same_results(backend: FakeBackend, settings: Settings) -> None:
    first = grade(settings)
    assert backend.asked == ["ada@cpu", "bob@cpu"]
    assert grade(settings) == first
    assert len(backend.runs) == 1


def test_only_what_changed_is_graded_again_and_what_it_was_is_kept(backend: FakeBackend, settings: Settings) -> None:
    grade(settings)
    changed = submission("b = 2\n", student="bob")
    again = grade(settings, [CLASS[0], changed])
    assert backend.asked == ["bob@cpu"]
    assert [one.submission.sha256 for one in again] == [CLASS[0].sha256, changed.sha256]
    assert len(results.load_all(settings.out).results) == 2
    (kept,) = (settings.out / results.HISTORY).rglob("*.json")
    assert CLASS[1].sha256 in kept.read_text()


@pytest.mark.parametrize(
    "changes",
    [{"fresh": True}, {"wall_s": 3.0}, {"memory_mib": 100}, {"sandbox": "unsafe"}, {"devices": ("cuda",)}],
    ids=str,
)
def test_what_a_score_depends_on_asks_for_another_run(
    changes: dict[str, Any], backend: FakeBackend, settings: Settings
) -> None:
    grade(settings)
    grade(replace(settings, **changes))
    assert len(backend.runs) == 2
    assert len(backend.asked) == 2


def test_another_course_secret_or_reference_asks_for_another_run(
    backend: FakeBackend, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grade(settings)
    secret = settings.out / "course.secret"
    before = secret.read_text()
    secret.write_text("ab" * 32)
    grade(settings)
    assert len(backend.runs) == 2
    secret.write_text(before)
    monkeypatch.setattr("grader.catalog.fingerprint", lambda course, name: "other questions")
    grade(settings)
    assert len(backend.runs) == 3


def test_what_has_no_score_is_graded_again(backend: FakeBackend, settings: Settings) -> None:
    backend.scores = {"bob": None}
    assert [one.score for one in grade(settings)] == [1.0, None]
    backend.scores = {}
    assert [one.score for one in grade(settings)] == [1.0, 1.0]
    assert backend.asked == ["bob@cpu"]
    grade(settings)
    assert len(backend.runs) == 2


def test_what_was_graded_before_a_run_ended_is_kept(backend: FakeBackend, settings: Settings) -> None:
    backend.dies_after = 1
    with pytest.raises(SandboxError):
        grade(settings)
    backend.dies_after = None
    assert len(grade(settings)) == 2
    assert backend.asked == ["bob@cpu"]


def test_progress_counts_what_was_there_before(backend: FakeBackend, settings: Settings) -> None:
    grade(settings, CLASS[:1])
    told: list[tuple[int, int]] = []
    grading.grade(settings, CLASS, lambda done, of: told.append((done, of)))
    assert told == [(1, 2), (2, 2)]


def test_results_come_in_one_order_whatever_order_they_were_graded_in(backend: FakeBackend, settings: Settings) -> None:
    both = replace(settings, devices=("cuda", "cpu"))
    found = [(one.device, one.submission.id) for one in grade(both, CLASS[::-1])]
    assert found == [("cpu", "ada"), ("cpu", "bob"), ("cuda", "ada"), ("cuda", "bob")]


def test_two_graders_do_not_write_to_one_folder(backend: FakeBackend, settings: Settings) -> None:
    with results.writing(settings.out), pytest.raises(UsageError, match=f"process {os.getpid()}"):
        grade(settings)
    assert not backend.runs
    assert len(grade(settings)) == 2


def test_a_sandbox_that_there_is_not_is_said_before_anything_starts(backend: FakeBackend, settings: Settings) -> None:
    with pytest.raises(UsageError, match="strict"):
        grade(replace(settings, sandbox="velvet"))
    assert not backend.runs


def test_workers_may_read_neither_the_course_nor_its_results(backend: FakeBackend, settings: Settings) -> None:
    grade(settings)
    (plan,) = backend.plans
    assert {TINY / "reference", TINY / "solutions", settings.out.resolve()} <= set(plan.protected)


@pytest.mark.parametrize(("jobs", "count", "name"), [(1, 2, "serial"), (2, 1, "serial"), (2, 2, "processes")])
def test_the_backend_suits_the_number(
    jobs: int, count: int, name: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[str] = []
    fake = FakeBackend()
    monkeypatch.setattr(backends, "load", lambda name: loaded.append(name) or fake)
    grade(replace(settings, jobs=jobs), CLASS[:count])
    assert loaded == [name]


# What follows kills real graders, with real workers.

WORK = [
    SOLUTION,
    energy("scale * x.square().sum(-1)"),
    energy("1 / 0"),
    with_function("def centre(x): return x"),
    with_function("import os\n\ndef spread(x): os._exit(1)"),
    energy("0.5 * scale * x.square().mean(-1)"),
    "this is not Python",
    SOLUTION + "\n# once more\n",
]
NAMES = ["ada", "bob", "cem", "dia", "eve", "fay", "gus", "hal"]
KILLS = 20


class Server:
    """A process that grades in forked groups."""

    def __init__(self, sandbox: str, temporary: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.grading_server", sandbox],
            cwd=Path(__file__).parents[1],
            env={**os.environ, "TMPDIR": str(temporary)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self, out: Path, submissions: dict[str, str], *, jobs: int = 1, with_workers: bool = False) -> int:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps([str(out), submissions, jobs, with_workers]) + "\n")
        self.process.stdin.flush()
        return int(self._line())

    def wait(self) -> int:
        """How the group's leader ended."""
        return int(self._line())

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def close(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


@pytest.fixture
def server(sandbox: str, tmp_path: Path) -> Iterator[Server]:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    server = Server(sandbox, temporary)
    yield server
    server.close()


def descendants(pid: int) -> set[tuple[int, str]]:
    """The processes below one, each with the time that it was started at."""
    parents: dict[int, list[tuple[int, str]]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        parents.setdefault(int(fields[1]), []).append((int(entry.parent.name), fields[19]))
    found: set[tuple[int, str]] = set()
    waiting = [pid]
    while waiting:
        children = parents.get(waiting.pop(), [])
        found |= set(children)
        waiting += [child for child, _ in children]
    return found


def is_running(process: tuple[int, str]) -> bool:
    try:
        fields = Path(f"/proc/{process[0]}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return fields[19] == process[1] and fields[0] != "Z"


def wait_until(condition: Callable[[], bool], seconds: float = 60.0, interval_s: float = 0.01) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(interval_s)
    return True


def stored(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((out / results.RESULTS).rglob("*.json"))}


def documents(out: Path) -> dict[str, bytes]:
    """The stored documents, byte by byte, but for how long anything took."""
    assert not results.load_all(out).problems
    return {name: re.sub(rb'"duration_s": [\d.]+', b"", data) for name, data in stored(out).items()}


def test_a_run_killed_at_any_point_loses_and_doubles_nothing(server: Server, tmp_path: Path) -> None:
    out, undisturbed = tmp_path / "out", tmp_path / "undisturbed"
    everybody = {f"student{number}": f"x = {number}\n" for number in range(20 * KILLS)}
    server.start(undisturbed, everybody)
    assert server.wait() == 0
    out.mkdir()
    (out / "course.secret").write_bytes((undisturbed / "course.secret").read_bytes())
    luck = random.Random(0)
    killed = 0
    for _ in range(KILLS):
        before = stored(out)
        leader = server.start(out, everybody)
        wait_until(partial(_has_more, out, len(before) + luck.randint(-2, 6), leader), interval_s=0.001)
        time.sleep(luck.uniform(0, 0.005))
        if is_group(leader):
            os.killpg(leader, signal.SIGKILL)
        killed += server.wait() == -signal.SIGKILL
        after = stored(out)
        assert all(after[name] == data for name, data in before.items())
    assert killed > KILLS / 2
    server.start(out, everybody)
    assert server.wait() == 0
    assert documents(out) == documents(undisturbed)
    assert set(documents(out)) == {f"{name}.json" for name in everybody}
    assert left_over(out) == [".lock"]


def test_a_grader_that_is_killed_leaves_nothing_behind(
    server: Server, sandbox: str, tmp_path: Path, shared_zygotes: None, other_course: None
) -> None:
    undisturbed = Settings(course=TINY, out=tmp_path / "undisturbed", jobs=1, sandbox=sandbox)
    grade(undisturbed, [submission(source, student=name) for name, source in zip(NAMES, WORK, strict=True)])
    out = with_the_secret_of(undisturbed, tmp_path / "out")
    submissions = dict(zip(NAMES, WORK, strict=True))
    mounts = Path("/proc/self/mounts").read_text()
    leader = server.start(out, submissions, with_workers=True)
    assert wait_until(partial(_has_more, out, 0, leader))
    below = descendants(leader)
    assert below
    os.killpg(leader, signal.SIGKILL)
    assert server.wait() == -signal.SIGKILL
    assert wait_until(partial(_are_gone, below))
    before = stored(out)
    assert 0 < len(before) < len(NAMES)
    server.start(out, submissions, with_workers=True)
    assert server.wait() == 0
    assert all(stored(out)[name] == data for name, data in before.items())
    assert documents(out) == documents(undisturbed.out)
    assert left_over(out) == [".lock"]
    # Torch keeps a cache for all processes of a user.
    assert not [path for path in (tmp_path / "temporary").iterdir() if not path.name.startswith("torchinductor_")]
    assert Path("/proc/self/mounts").read_text() == mounts


def with_the_secret_of(settings: Settings, out: Path) -> Path:
    """Another folder for results, of the same course."""
    out.mkdir()
    (out / "course.secret").write_bytes((settings.out / "course.secret").read_bytes())
    return out


def left_over(out: Path) -> list[str]:
    """Files that are neither results nor the course secret."""
    return [path.name for path in out.rglob("*") if path.is_file() and path.suffix not in (".json", ".secret")]


def _has_more(out: Path, count: int, leader: int) -> bool:
    return len(stored(out)) > count or not is_group(leader)


def _are_gone(processes: set[tuple[int, str]]) -> bool:
    return not any(map(is_running, processes))


def is_group(leader: int) -> bool:
    try:
        os.killpg(leader, 0)
    except ProcessLookupError:
        return False
    return True


def test_several_processes_give_what_one_gives_and_survive_the_loss_of_all(
    sandbox: str, tmp_path: Path, shared_zygotes: None, other_course: None
) -> None:
    submissions = [submission(source, student=name) for name, source in zip(NAMES, WORK, strict=True)]
    alone = Settings(course=TINY, out=tmp_path / "alone", jobs=1, sandbox=sandbox)
    expected = grade(alone, submissions)
    together = replace(alone, out=with_the_secret_of(alone, tmp_path / "together"), jobs=2)
    killed: list[int] = []

    def kill_all_at_first(done: int, of: int) -> None:
        if done == 1:
            (pool,) = multiprocessing.active_children()
            assert pool.pid is not None
            killed.extend(forks_of(pool.pid))
            for pid in killed:
                os.kill(pid, signal.SIGKILL)

    found = grading.grade(together, submissions, kill_all_at_first)
    assert len(killed) == 2
    assert documents(together.out) == documents(alone.out)
    assert list(map(without_durations, found)) == list(map(without_durations, expected))


def test_where_the_pool_itself_is_lost_what_is_graded_stays(
    sandbox: str, tmp_path: Path, shared_zygotes: None, other_course: None
) -> None:
    # So many that not all can be graded, and on their way, when the first result arrives.
    submissions = [submission(f"{SOLUTION}\n# {number}\n", student=f"student{number}") for number in range(60)]
    settings = Settings(course=TINY, out=tmp_path / "out", jobs=2, sandbox=sandbox)
    below: set[tuple[int, str]] = set()

    def kill_the_pool(done: int, of: int) -> None:
        if done == 1:
            (pool,) = multiprocessing.active_children()
            assert pool.pid is not None
            below.update(descendants(pool.pid))
            pool.kill()

    with pytest.raises(GraderError, match=r"status -9; what is graded is stored, .* goes on from there"):
        grading.grade(settings, submissions, kill_the_pool)
    before = stored(settings.out)
    assert 0 < len(before) < len(submissions)
    assert wait_until(partial(_are_gone, below))
    assert len(grade(settings, submissions)) == len(submissions)
    assert all(stored(settings.out)[name] == data for name, data in before.items())


def forks_of(pid: int) -> list[int]:
    """The children of a process that execute what it does."""
    children = map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
    command = Path(f"/proc/{pid}/cmdline").read_bytes()
    return [child for child in children if Path(f"/proc/{child}/cmdline").read_bytes() == command]
