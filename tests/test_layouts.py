"""The same class, as Canvas, Moodle, nbgrader, git and a folder hold it: the same students with the same work."""

from __future__ import annotations

import io
import os
import subprocess
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from grader import git, layouts
from grader.class_zip import is_class
from grader.errors import UnreadableError, UsageError
from grader.layouts import nbgrader
from grader.model import Submission
from grader.roster import read_roster
from grader.submissions import collect

ASSIGNMENTS = {"mle": ("gaussian_log_prob", "gaussian_mle"), "gaussian_kl": ("kl_standard", "kl_diag")}
NAMES = frozenset(ASSIGNMENTS)
MLE = "def gaussian_log_prob(x, mu, logvar):\n    return x\n"
KL = "def kl_standard(mu, logvar):\n    return mu\n"

CANVAS = {
    "doejane_7001_90001_mle.py": MLE,
    "doejane_7001_90002_gaussian_kl.py": KL,
    "roerichard_LATE_7002_90003_mle-2.py": MLE + "# late",
    "anon_LATE_Xy9Zk_90004_mle.py": MLE,
}
MOODLE = {
    "Jane Doe_7001_assignsubmission_file_/mle.py": MLE,
    "Jane Doe_7001_assignsubmission_file_/gaussian_kl.py": KL,
    "Richard_ Roe_7002_assignsubmission_file_mle.py": MLE + "# late",
    "Zoë Ångström_7003_assignsubmission_file/mle.py": MLE,
    "Zoë Ångström_7003_assignsubmission_onlinetext/onlinetext.html": "<p>see file</p>",
}
NBGRADER = {
    "submitted/jane/mle/mle.py": MLE,
    "submitted/jane/mle/timestamp.txt": "2026-03-01 12:00:00.948203 UTC",
    "submitted/jane/kl/gaussian_kl.py": KL,
    "submitted/jane/kl/timestamp.txt": "2026-03-02 12:00:00 Europe/Berlin",
    "submitted/richard/mle/mle.py": MLE + "# late",
    "gradebook.db": "",
}


def put(root: Path, files: Mapping[str, str]) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content, encoding="utf-8")
    return root


def zipped(path: Path, files: Mapping[str, str | bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def read(
    path: Path, layout: str = "auto", roster: Path | None = None
) -> tuple[dict[tuple[str, str], Submission], list[str]]:
    said: list[str] = []
    known = read_roster(roster) if roster else None
    found = collect(path, assignments=ASSIGNMENTS, layout=layout, roster=known, say=said.append)
    assert len({(one.id, one.assignment) for one in found}) == len(found)
    return {(one.id, one.assignment): one for one in found}, said


def sources(found: Mapping[tuple[str, str], Submission]) -> dict[tuple[str, str], str]:
    return {key: one.problem or one.source for key, one in found.items()}


LATE = MLE + "# late"
EXPECTED = {
    "canvas": {
        ("7001", "gaussian_kl"): KL,
        ("7001", "mle"): MLE,
        ("7002", "mle"): MLE + "# late",
        ("Xy9Zk", "mle"): MLE,
    },
    "moodle": {
        ("7001", "gaussian_kl"): KL,
        ("7001", "mle"): MLE,
        ("7002", "mle"): MLE + "# late",
        ("7003", "mle"): MLE,
    },
    "nbgrader": {("jane", "gaussian_kl"): KL, ("jane", "mle"): MLE, ("richard", "mle"): MLE + "# late"},
}
FILES = {"canvas": CANVAS, "moodle": MOODLE, "nbgrader": NBGRADER}


@pytest.mark.parametrize("name", EXPECTED)
class TestEveryDownload:
    def test_it_is_recognised_as_a_folder(self, name: str, tmp_path: Path) -> None:
        put(tmp_path / "class", FILES[name])
        assert name == layouts.find("auto", tmp_path / "class", NAMES).NAME
        assert sources(read(tmp_path / "class")[0]) == EXPECTED[name]

    def test_it_is_recognised_as_a_zip_and_said_to_be_a_class(self, name: str, tmp_path: Path) -> None:
        path = zipped(tmp_path / "submissions.zip", {f"all of it/{each}": text for each, text in FILES[name].items()})
        found, said = read(path)
        assert sources(found) == EXPECTED[name]
        assert "submissions.zip is read as a whole class's; --layout student if it is one student's" in said
        assert not list(Path(os.environ.get("TMPDIR", "/tmp")).glob("grader-class-*/submissions"))

    def test_it_can_be_asked_for_by_name(self, name: str, tmp_path: Path) -> None:
        put(tmp_path / "class", {**FILES[name], "stray.txt": ""})
        found, said = read(tmp_path / "class", layout=name)
        assert sources(found) == EXPECTED[name]
        assert name == "nbgrader" or any("stray.txt is not named as" in sentence for sentence in said)


def test_canvas_marks_and_numbers_are_understood(tmp_path: Path) -> None:
    found, _ = read(put(tmp_path, CANVAS))
    assert found["7002", "mle"].notes == ("Canvas marks it as late.",)
    assert found["7002", "mle"].filename == "mle.py"
    assert found["7001", "mle"].notes == ()


def test_a_moodle_file_cannot_be_handed_in_for_somebody_else(tmp_path: Path) -> None:
    forged = "Aaron Evil_123_assignsubmission_file_x_999_assignsubmission_file_mle.py"
    found, said = read(put(tmp_path, {forged: MLE, "Zoe Victim_999_assignsubmission_file_mle.py": MLE + "# hers"}))
    assert sources(found) == {("123", "mle"): MLE, ("999", "mle"): MLE + "# hers"}
    assert said == [f"{forged} holds several numbers; it counts for 123, the first"]


def test_moodle_texts_are_said_to_be_left_out(tmp_path: Path) -> None:
    found, _ = read(put(tmp_path, MOODLE))
    assert found["7003", "mle"].notes == ("onlinetext.html was left out: it is no .py or .ipynb file.",)


def test_nbgrader_timestamps_are_times(tmp_path: Path) -> None:
    found, _ = read(put(tmp_path, NBGRADER))
    assert found["jane", "mle"].submitted_at == "2026-03-01T12:00:00Z"
    assert found["jane", "gaussian_kl"].submitted_at == "2026-03-02T11:00:00Z"
    assert found["richard", "mle"].submitted_at is None
    assert found["jane", "mle"].notes == ()
    assert found["richard", "mle"].notes == ("timestamp.txt: it cannot be read: No such file or directory.",)


@pytest.mark.parametrize(
    ("text", "time", "note"),
    [
        ("2026-03-01 12:00:00 +0100", "2026-03-01T11:00:00Z", None),
        ("2026-03-01T12:00:00", "2026-03-01T12:00:00Z", None),
        ("2026-03-01 12:00:00 PST9PDT/..", "2026-03-01T12:00:00Z", "has the zone PST9PDT/.., which is not known"),
        ("2026-03-01 12:00:00 ../../etc/passwd", "2026-03-01T12:00:00Z", "which is not known; taken as UTC"),
        ("2026-13-01 12:00:00 UTC", None, "timestamp.txt holds no time."),
        ("0001-01-01 00:00:00 UTC", None, "timestamp.txt holds no time."),
        ("9999-12-31 23:00:00 -0500", None, "timestamp.txt holds no time."),
        ("yesterday", None, "timestamp.txt holds no time."),
    ],
)
def test_any_timestamp_is_a_time_or_said_to_be_none(text: str, time: str | None, note: str | None) -> None:
    found, said = nbgrader.time_of(text)
    assert found == time
    assert (said is None) if note is None else (said is not None and note in said)


def test_a_class_zip_holds_folders_or_archives(tmp_path: Path) -> None:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("mle.py", MLE)
    found, _ = read(zipped(tmp_path / "a.zip", {"hw/ann.zip": inner.getvalue(), "hw/bob.zip": inner.getvalue()}))
    assert sources(found) == {("ann", "mle"): MLE, ("bob", "mle"): MLE}
    found, _ = read(zipped(tmp_path / "b.zip", {"ann/mle.py": MLE, "bob/mle.py": MLE, "__MACOSX/x": ""}))
    assert sources(found) == {("ann", "mle"): MLE, ("bob", "mle"): MLE}


@pytest.mark.parametrize(
    "files",
    [
        {"mle.py": MLE, "gaussian_kl.py": KL},
        {"hw/mle.py": MLE, "hw/old/mle.py": MLE, "hw/older/mle.py": MLE},
        {"work/deep/mle.py": MLE},
        {"mle/mle.py": MLE, "gaussian_kl/gaussian_kl.py": KL},
        {"mine.py": MLE, "utils.py": "def helper(): ...\n"},
        {"mine.py": MLE, "data/x.csv": "", "plots/x.csv": ""},
    ],
)
def test_a_students_zip_is_a_students(tmp_path: Path, files: dict[str, str]) -> None:
    path = zipped(tmp_path / "ann.zip", files)
    assert not is_class(path, NAMES)
    assert {student for student, _ in read(path)[0]} == {"ann"}


def test_a_zip_is_one_students_or_a_class_where_that_is_said(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", {"new/mle.py": MLE, "old/mle.py": MLE})
    assert {student for student, _ in read(path)[0]} == {"new", "old"}
    assert {student for student, _ in read(path, layout="student")[0]} == {"x"}
    path = zipped(tmp_path / "y.zip", {"ann.py": MLE, "bob.py": MLE})
    assert {student for student, _ in read(path, layout="folder")[0]} == {"ann", "bob"}


def test_a_hostile_class_zip_leaves_its_folder_alone(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", {"ann/mle.py": MLE, "bob/mle.py": MLE, "../../evil.py": MLE})
    with pytest.raises(UsageError, match="a path that leads out of it"):
        read(path, layout="folder")
    link = zipfile.ZipInfo("carl/mle.py")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "y.zip", "w") as archive:
        archive.writestr("ann/mle.py", MLE)
        archive.writestr("bob/mle.py", MLE)
        archive.writestr("bob/mle.py/x.py", MLE)
        archive.writestr(f"{'n' * 300}/mle.py", MLE)
        archive.writestr(link, "/etc/passwd")
    found, said = read(tmp_path / "y.zip")
    assert sources(found) == {("ann", "mle"): MLE, ("bob", "mle"): MLE}
    assert [sentence.rpartition(" in the zip ")[2] for sentence in said[:3]] == [
        "was left out: it cannot be a file's name here",
        "was left out: it cannot be a file's name here",
        "is no regular file, or encrypted, and was left out",
    ]


def test_a_damaged_class_zip_is_a_usage_error(tmp_path: Path) -> None:
    text = "".join(f"x{number} = {number * number}\n" for number in range(5000))
    path = tmp_path / "class.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("ann", "bob"):
            archive.writestr(f"{name}/mle.py", text)
    data = bytearray(path.read_bytes())
    data[200:260] = b"\xff" * 60
    path.write_bytes(data)
    with pytest.raises(UsageError, match=r"class.zip cannot be unpacked: .* download it again"):
        read(path)


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_a_class_zip_packed_in_another_way_is_refused(tmp_path: Path, method: int) -> None:
    with zipfile.ZipFile(tmp_path / "class.zip", "w", method) as archive:
        for name in ("ann", "bob"):
            archive.writestr(f"{name}/mle.py", MLE)
    with pytest.raises(UsageError, match=r"ann/mle.py in the zip is compressed in a way that is not read; unpack it"):
        read(tmp_path / "class.zip")


def commit(clone: Path, files: dict[str, str], at: str, tag: str | None = None) -> None:
    put(clone, files)
    who = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a"}
    environ = {**os.environ, **who, "GIT_AUTHOR_DATE": at, "GIT_COMMITTER_DATE": at, "GIT_CONFIG_GLOBAL": os.devnull}
    commands = [["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "work", "--no-gpg-sign"]]
    for command in [*commands, *([["tag", tag]] if tag else [])]:
        subprocess.run(["git", "-C", str(clone), *command], env=environ, check=True)


@pytest.fixture
def clones(tmp_path: Path) -> Path:
    ann, bob = tmp_path / "clones" / "ann-hw", tmp_path / "clones" / "bob-hw"
    commit(ann, {"mle.py": MLE + "# 1", ".github/x.py": "", "README.md": ""}, "2026-03-01T10:00:00+00:00", "submit/1")
    commit(ann, {"mle.py": MLE + "# 2"}, "2026-03-02T10:00:00+02:00", "submit/2")
    commit(ann, {"mle.py": MLE + "# not handed in"}, "2026-03-03T10:00:00+00:00")
    commit(bob, {"hw/gaussian_kl.py": KL}, "2026-03-01T10:00:00+00:00")
    os.symlink("/etc/passwd", bob / "mle.py")
    commit(bob, {}, "2026-03-04T10:00:00+00:00")
    (tmp_path / "students.csv").write_text(
        "id,repository,submitted_at\nann,clones/ann-hw,\nbob,clones/bob-hw,2026-03-05T00:00:00Z\ncarl,clones/no,\n"
    )
    return tmp_path / "students.csv"


def test_clones_are_read_at_their_last_submission(clones: Path) -> None:
    found, _ = read(clones)
    assert sources(found) == {("ann", "mle"): MLE + "# 2", ("bob", "gaussian_kl"): KL, ("carl", ""): ""}
    assert found["ann", "mle"].submitted_at == "2026-03-02T08:00:00Z"
    assert found["bob", "gaussian_kl"].submitted_at == "2026-03-05T00:00:00Z"
    head = git.commit_of(clones.parent / "clones" / "ann-hw", "submit/2")
    assert found["ann", "mle"].notes == (
        "Attempt 2 of 2 counts, submit/2.",
        f"Commit {head} of ann-hw.",
        "2 files of other kinds, or hidden ones, were left out.",
        "Its time is the commit's own, which its author's clock wrote.",
    )
    assert found["carl", ""].problem is None
    assert found["carl", ""].fault == "no: there is no clone of it here; clone it, or take it off the list."


def test_where_the_time_of_the_push_is_told_no_attempt_is_earlier(clones: Path) -> None:
    ann = clones.parent / "clones" / "ann-hw"
    commit(ann, {"mle.py": MLE + "# backdated"}, "2026-03-02T12:00:00+00:00", "submit/3")
    (ann / "mle.py").unlink()
    commit(ann, {"gaussian_kl.py": KL}, "2026-03-02T13:00:00+00:00", "submit/4")
    clones.write_text("id,repository,submitted_at\nann,clones/ann-hw,2026-03-20T00:00:00Z\n")
    found, _ = read(clones)
    assert found["ann", "mle"].source == MLE + "# backdated"
    assert {one.submitted_at for one in found.values()} == {"2026-03-20T00:00:00Z"}


def test_tags_that_do_not_count_cost_nothing(clones: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ann = clones.parent / "clones" / "ann-hw"
    head = git.commit_of(ann, "HEAD")
    refs = "".join(f"{head} refs/tags/submit/{number:04d}\n" for number in range(500))
    (ann / ".git" / "packed-refs").write_text(f"# pack-refs with: peeled fully-peeled sorted\n{refs}")
    started, run = [], subprocess.run

    def counted(command: list[str], **more: object) -> object:
        started.append(command)
        return run(command, **more)  # type: ignore[call-overload]

    monkeypatch.setattr(subprocess, "run", counted)
    found, _ = read(clones)
    assert found["ann", "mle"].source == MLE + "# not handed in"
    assert "Attempt 20 of 20 counts, submit/0499." in found["ann", "mle"].notes
    assert len(started) < 100


def test_tags_with_a_message_are_tags_and_tags_of_no_commit_are_not(clones: Path) -> None:
    ann = clones.parent / "clones" / "ann-hw"
    who = ["-c", "user.name=a", "-c", "user.email=a"]
    subprocess.run(["git", "-C", str(ann), *who, "tag", "-a", "-m", "done", "submit/9"], check=True)
    blob = subprocess.run(["git", "-C", str(ann), "rev-parse", "HEAD:mle.py"], capture_output=True, check=True)
    subprocess.run(["git", "-C", str(ann), "tag", "submit/blob", blob.stdout.decode().strip()], check=True)
    assert [tag.name for tag in git.tags(ann, "submit/")] == ["submit/1", "submit/2", "submit/9"]
    found, _ = read(clones)
    assert found["ann", "mle"].source == MLE + "# not handed in"
    assert found["ann", "mle"].submitted_at == "2026-03-03T10:00:00Z"


def test_what_is_missing_of_a_clone_is_no_fault_of_the_student(clones: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = clones.parent
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    put(root, {"clones/empty/notes.txt": "", "solutions/mle.py": MLE})
    commit(root, {}, "2026-03-01T10:00:00+00:00")
    subprocess.run(["git", "init", "-q", str(root / "clones" / "unborn")], check=True)
    clones.write_text(
        "id,repository,revision\nann,clones/ann-hw,v7\nbob,clones/empty,\ncarl,clones/unborn,\ndan,clones/bob-hw,\n"
    )
    found, _ = read(clones)
    assert found["ann", ""].fault == "ann-hw: the clone has no commit v7; fetch it, or mend the list."
    assert "not a git repository" in (found["bob", ""].fault or "")
    assert (found["carl", ""].problem, found["carl", ""].fault) == ("unborn: nothing was committed to it.", None)
    monkeypatch.setattr(git, "TIMEOUT_S", 1e-6)
    found, _ = read(clones)
    assert found["dan", ""].fault == "bob-hw: git did not answer within 1e-06 s."


def test_a_clone_that_is_missing_beside_another_of_the_same_student_may_be_the_later(clones: Path) -> None:
    (clones.parent / "r.csv").write_text("id,login\nann,ann2\n")
    clones.write_text("id,repository\nann,clones/ann-hw\nann2,clones/no\n")
    found, _ = read(clones, roster=clones.parent / "r.csv")
    assert found["ann", "mle"].fault == "no: there is no clone of it here; clone it, or take it off the list."


def test_without_git_nobody_is_graded(clones: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(clones.parent))
    with pytest.raises(UsageError, match="git is not installed here"):
        read(clones)


def test_nothing_of_a_clone_is_run(clones: Path) -> None:
    clone, trap = clones.parent / "clones" / "ann-hw", clones.parent / "ran"
    script = clones.parent / "trap.sh"
    script.write_text(f"#!/bin/sh\ntouch {trap}\n")
    script.chmod(0o755)
    for key in ("core.fsmonitor", "core.pager", "core.sshCommand", "gpg.program", "diff.external", "filter.x.smudge"):
        subprocess.run(["git", "-C", str(clone), "config", key, str(script)], check=True)
    for key in ("log.showSignature", "extensions.partialClone"):
        subprocess.run(["git", "-C", str(clone), "config", key, "true"], check=True)
    subprocess.run(["git", "-C", str(clone), "config", "remote.true.url", f"ext::{script}"], check=True)
    (clone / ".git" / "info" / "attributes").write_text("* filter=x\n")
    found, _ = read(clones)
    assert found["ann", "mle"].source == MLE + "# 2"
    with pytest.raises(UnreadableError, match="cat-file failed"):
        git.content(clone, git.Blob(path="x", name="0" * 40, size=1), 10)
    assert not trap.exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,repository\nann,https://example.org/x\n", "line 2 of l.csv: expected the path of a clone, got an address"),
        ("id,repository\nann,\n", "expected an id and the path of a clone"),
        (
            "id,repository,when\nann,x,\n",
            "expected the columns id, repository, submitted_at, revision, address, got when",
        ),
        ("id,repository,submitted_at\nann,x,noon\n", "expected a time such as"),
    ],
)
def test_a_mistake_in_the_list_of_clones_is_said(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "l.csv").write_text(text)
    with pytest.raises(UsageError, match=message):
        read(tmp_path / "l.csv")


ROSTER = "id,name,canvas,login\njane,Jane Doe,7001,jdoe@uni\nrichard,Richard Roe,7002,rroe\nmia,Mia M,7009,\n"


def test_a_roster_names_students_and_says_who_is_missing_or_unknown(tmp_path: Path) -> None:
    (tmp_path / "roster.csv").write_text(ROSTER)
    found, said = read(put(tmp_path / "class", CANVAS), roster=tmp_path / "roster.csv")
    assert sorted(found) == [("Xy9Zk", "mle"), ("jane", "gaussian_kl"), ("jane", "mle"), ("richard", "mle")]
    assert said == [
        "Xy9Zk (Xy9Zk) is not on the roster; graded all the same",
        "on the roster, but nothing handed in: mia",
    ]


def test_two_names_of_one_student_are_attempts_of_one(tmp_path: Path) -> None:
    (tmp_path / "roster.csv").write_text(ROSTER)
    put(tmp_path / "class", {"jdoe@uni/2026-03-02T10:00:00Z/mle.py": MLE + "# 2", "7001.py": MLE, "RROE/mle.py": MLE})
    found, said = read(tmp_path / "class", roster=tmp_path / "roster.csv")
    assert found["jane", "mle"].source == MLE + "# 2"
    assert found["jane", "mle"].notes == ("Attempt 2 of 2 counts, 2026-03-02T10:00:00Z.",)
    assert "jane handed in under several names, which count as attempts of one: 7001, jdoe@uni" in said
    assert ("richard", "mle") in found


def test_without_a_roster_names_that_differ_in_case_are_said(tmp_path: Path) -> None:
    _, said = read(put(tmp_path, {"Ann/mle.py": MLE, "ann/mle.py": MLE}))
    assert said == ["Ann and ann may be one student; each is graded alone"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name\nx\n", "expected a table with a column `id`"),
        ("id\nann\nann\n", "row 3 of r.csv: 'ann' is no id, or is there already"),
        ("id\na b\n", "row 2 of r.csv: 'a b' is no id"),
        ("", "expected a table"),
    ],
)
def test_a_mistake_in_the_roster_is_said(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "r.csv").write_text(text)
    with pytest.raises(UsageError, match=message):
        read_roster(tmp_path / "r.csv")


def test_a_name_that_two_share_finds_neither(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("id,nick\nann,x\nbob,X\nx.y,ann\n")
    roster = read_roster(tmp_path / "r.csv")
    assert roster.find(["x", "bob"]) == "bob"
    assert roster.find(["X"]) is None
    assert roster.find(["Ann"]) == "ann"


def test_ids_that_differ_in_case_are_two_students(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("id,login\nBob,b1\nbob,b2\n")
    roster = read_roster(tmp_path / "r.csv")
    assert [roster.find([name]) for name in ("Bob", "bob", "BOB", "B1")] == ["Bob", "bob", None, "Bob"]
    put(tmp_path / "class", {"Bob/mle.py": MLE + "# 1", "bob/mle.py": MLE + "# 2", "BOB/mle.py": MLE})
    found, said = read(tmp_path / "class", roster=tmp_path / "r.csv")
    assert {student for student, _ in found} == {"BOB", "Bob", "bob"}
    assert found["bob", "mle"].source == MLE + "# 2"
    assert said == ["BOB (BOB) is not on the roster; graded all the same"]


def test_a_display_name_finds_nobody(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("id,Name\nada,Ada Lovelace\n")
    files = {"Ada Lovelace_55_assignsubmission_file_mle.py": MLE, "Bo_56_assignsubmission_file_mle.py": MLE}
    found, said = read(put(tmp_path / "class", files), roster=tmp_path / "r.csv")
    assert {student for student, _ in found} == {"55", "56"}
    assert "55 (55) is not on the roster; graded all the same" in said


def test_a_name_that_a_system_shows_counts_where_nothing_else_tells_and_nobody_else_has_it(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("id,login,moodle\nada,alove,55\nbo,bo1,\ncy,cy1,\n")
    names = ["Ada_55", "alove_66", "bo1_77", "cy1_88", "cy1_99"]
    files = {f"{name}_assignsubmission_file_mle.py": MLE + f"# {name}" for name in names}
    found, said = read(put(tmp_path / "class", files), roster=tmp_path / "r.csv")
    assert {student: one.source[len(MLE) :] for (student, _), one in found.items()} == {
        "ada": "# Ada_55",
        "66": "# alove_66",
        "bo": "# bo1_77",
        "88": "# cy1_88",
        "99": "# cy1_99",
    }
    assert "77 is taken to be bo, by the name bo1 alone" in said


def test_an_unknown_layout_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--layout takes auto or one of canvas, clones, folder, moodle, nbgrader"):
        read(put(tmp_path, CANVAS), layout="blackboard")
