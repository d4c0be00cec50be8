"""The store: nothing lost, nothing duplicated, nothing foreign counted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import jsonschema
import msgspec
import pytest

from grader import results
from grader.errors import GraderError, UsageError
from grader.model import (
    Environment,
    Outcome,
    QuestionResult,
    SandboxInfo,
    SubmissionInfo,
    SubmissionResult,
    to_builtins,
    to_json,
)

SCHEMA_FILE = Path(__file__).parents[1] / "docs" / "result-v1.schema.json"


def result_of(
    student: str = "alice", *, key: str = "k1", assignment: str = "mle", device: str = "cpu", score: float | None = 2.0
) -> SubmissionResult:
    question = QuestionResult(id="mle.1", title="Mean", score=score, max_score=3.0, outcome=Outcome.FAILED)
    return SubmissionResult(
        key=key,
        assignment=assignment,
        submission=SubmissionInfo(id=student, sha256="0" * 64),
        device=device,
        score=score,
        max_score=3.0,
        needs_review=False,
        duration_s=0.1,
        environment=Environment(grader="1", torch="2.13.0", python="3.11.7", cpu_capability="AVX2"),
        sandbox=SandboxInfo(mode="strict", layers=("seccomp",)),
        seed_fingerprint="ab12",
        questions=(question,),
    )


def test_what_is_stored_is_loaded(tmp_path: Path) -> None:
    stored = [
        result_of("alice", key="a"),
        result_of("alice", key="b", device="cuda"),
        result_of("bob", key="c", score=None),
        result_of("alice", key="d", assignment="gaussian_kl"),
    ]
    for result in stored:
        results.store(tmp_path, result)
    loaded = results.load_all(tmp_path)
    assert loaded.problems == ()
    assert {result.key: result for result in stored} == loaded.by_key
    assert [result.key for result in loaded.results] == ["d", "a", "c", "b"]
    assert (tmp_path / "results" / "mle" / "cuda" / "alice.json").is_file()


def test_an_empty_folder_holds_nothing(tmp_path: Path) -> None:
    assert results.load_all(tmp_path / "new").results == ()


def test_a_result_is_found_by_its_key(tmp_path: Path) -> None:
    results.store(tmp_path, result_of(key="k1"))
    assert results.current(tmp_path, "k1") == result_of(key="k1")
    assert results.current(tmp_path, "k2") is None


def test_awkward_ids_do_not_meet(tmp_path: Path) -> None:
    ids = [".", "..", "CON", "con", "Bob", "bob", "-rf", "a" * 64]
    for number, student in enumerate(ids):
        results.store(tmp_path, result_of(student, key=str(number)))
    assert {result.submission.id for result in results.load_all(tmp_path).results} == set(ids)
    assert {path.parent for path in tmp_path.rglob("*.json")} == {tmp_path / "results" / "mle" / "cpu"}


def test_a_replaced_result_goes_to_the_history(tmp_path: Path) -> None:
    for key in ("k1", "k2"):
        results.store(tmp_path, result_of(key=key))
    assert [result.key for result in results.load_all(tmp_path).results] == ["k2"]
    kept = tmp_path / "history" / "mle" / "cpu" / "alice" / "k1.json"
    assert kept.read_bytes() == to_json(result_of(key="k1"))


def test_an_equal_key_needs_no_history(tmp_path: Path) -> None:
    for _ in range(2):
        results.store(tmp_path, result_of())
    assert not (tmp_path / "history").exists()


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def _flip(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b'"questions"', b'"qvestions"'))


def _other_schema(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"grader/result/v1", b"grader/result/v9"))


def _other_student(path: Path) -> None:
    path.write_bytes(to_json(result_of("mallory", score=3.0)))


def _other_tool(path: Path) -> None:
    path.write_text('{"score": 3}', encoding="utf-8")


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _link(path: Path) -> None:
    path.rename(path.parents[3] / "elsewhere.json")
    path.symlink_to(path.parents[3] / "elsewhere.json")


@pytest.mark.parametrize("spoil", [_truncate, _flip, _other_schema, _other_student, _other_tool, _empty, _link])
def test_a_spoilt_file_is_reported_and_not_counted(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    results.store(tmp_path, result_of("bob", key="b"))
    path = results.store(tmp_path, result_of("alice", key="a"))
    spoil(path)
    loaded = results.load_all(tmp_path)
    assert [result.submission.id for result in loaded.results] == ["bob"]
    assert len(loaded.problems) == 1
    assert str(path) in loaded.problems[0]
    assert "graded again" in loaded.problems[0]


@pytest.mark.parametrize("spoil", [_truncate, _other_tool, _empty])
def test_a_spoilt_file_is_replaced_by_the_next_grade(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    spoil(results.store(tmp_path, result_of()))
    results.store(tmp_path, result_of(key="k2"))
    assert [result.key for result in results.load_all(tmp_path).results] == ["k2"]


def test_a_score_that_json_cannot_hold_is_ours(tmp_path: Path) -> None:
    with pytest.raises(GraderError, match="alice for mle cannot be stored"):
        results.store(tmp_path, result_of(score=float("nan")))
    assert list(tmp_path.iterdir()) == []


def test_other_content_of_the_folder_is_left_alone(tmp_path: Path) -> None:
    mine = [tmp_path / "notes.txt", tmp_path / "results" / "old.tmp"]
    for path in mine:
        path.parent.mkdir(exist_ok=True)
        path.write_text("mine", encoding="utf-8")
    with results.writing(tmp_path):
        results.store(tmp_path, result_of())
    assert [path.read_text(encoding="utf-8") for path in mine] == ["mine", "mine"]


def test_what_a_killed_run_left_is_cleared(tmp_path: Path) -> None:
    path = results.store(tmp_path, result_of())
    stale = path.with_name(".grader-1-abc.tmp")
    stale.write_text("half", encoding="utf-8")
    with results.writing(tmp_path):
        assert not stale.exists()
        assert results.load_all(tmp_path).problems == ()


def test_an_out_that_is_a_file_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    with pytest.raises(UsageError, match="a file stands where a folder should be"), results.writing(tmp_path / "out"):
        pytest.fail("must not be entered")


HOLD = """
import sys, time
from pathlib import Path
from grader.results import writing
with writing(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_grader_gets_a_sentence_and_a_killed_one_does_not_block(tmp_path: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    with holder.stdout:
        assert holder.stdout.readline() == "held\n"
        sentence = rf"another grader \(process {holder.pid}\) is writing to .*--out"
        with pytest.raises(UsageError, match=sentence), results.writing(tmp_path):
            pytest.fail("must not be entered")
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
    with results.writing(tmp_path):
        results.store(tmp_path, result_of())
    assert len(results.load_all(tmp_path).results) == 1


STORE_FOREVER = """
import sys
from pathlib import Path
import msgspec
from grader import results
from grader.model import from_json
first = from_json(Path(sys.argv[2]).read_bytes())
for number in range(10**6):
    results.store(Path(sys.argv[1]), msgspec.structs.replace(first, key=f"k{number}"))
    print(number, flush=True)
"""


def test_a_kill_in_the_middle_of_a_write_loses_nothing(tmp_path: Path) -> None:
    document = tmp_path / "first.json"
    document.write_bytes(to_json(result_of()))
    out = tmp_path / "out"
    command = [sys.executable, "-c", STORE_FOREVER, str(out), str(document)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        for _ in range(20):
            last = int(writer.stdout.readline())
        writer.kill()
        last = max([last, *map(int, writer.stdout.read().split("\n")[:-1])])
    loaded = results.load_all(out)
    assert loaded.problems == ()
    assert {int(result.key[1:]) for result in loaded.results} <= {last, last + 1}
    assert len(loaded.results) == 1
    kept = {path.stem for path in (out / "history").rglob("*.json")}
    assert {f"k{number}" for number in range(last)} <= kept


def test_the_published_schema_is_the_models() -> None:
    generated = json.dumps(results.json_schema(), indent=2) + "\n"
    if os.environ.get("UPDATE_GOLDEN"):
        SCHEMA_FILE.write_text(generated, encoding="utf-8")
    assert SCHEMA_FILE.read_text(encoding="utf-8") == generated


def test_the_published_schema_accepts_a_result_and_no_other_document() -> None:
    validator = jsonschema.Draft202012Validator(json.loads(SCHEMA_FILE.read_text(encoding="utf-8")))
    document = to_builtins(result_of())
    validator.validate(json.loads(msgspec.json.encode(document)))
    with pytest.raises(jsonschema.ValidationError):
        validator.validate({**document, "score": "full marks"})
