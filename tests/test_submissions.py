"""Whatever stands in a folder of submissions: every student is found, nothing stops the batch, nothing goes unsaid."""

from __future__ import annotations

import io
import json
import os
import runpy
import tarfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader import packages
from grader.archives import MAX_MEMBER_BYTES, extract
from grader.errors import SubmissionError, UsageError
from grader.handins import safe_id
from grader.model import Submission
from grader.sources import MAX_SOURCE_BYTES, decode, read_module
from grader.submissions import collect, collect_all

ASSIGNMENTS = {"mle": ("gaussian_log_prob", "gaussian_mle"), "gaussian_kl": ("kl_standard", "kl_diag")}
MLE = "def gaussian_log_prob(x, mu, logvar):\n    return x\n"
AUTOGRADER = runpy.run_path(str(Path(packages.__file__).parent / "scaffolds" / "classroom50_autograder.py"))
"""What packs a student's files in a Classroom 50 job."""
KL = "def kl_standard(mu, logvar):\n    return mu\n"


def put(root: Path, files: dict[str, str | bytes]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return root


def zipped(files: dict[str, str]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def tarred(name: str, content: str) -> bytes:
    out, info = io.BytesIO(), tarfile.TarInfo(name)
    info.size = len(content)
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        archive.addfile(info, io.BytesIO(content.encode()))
    return out.getvalue()


def notebook(*cells: str) -> str:
    return json.dumps({"cells": [{"cell_type": "code", "source": cell} for cell in cells]})


def read(path: Path, assignment: str | None = None) -> list[Submission]:
    return collect(path, assignments=ASSIGNMENTS, assignment=assignment)


def one(path: Path, assignment: str | None = None) -> Submission:
    (found,) = read(path, assignment)
    return found


def summary(found: list[Submission]) -> dict[tuple[str, str], str]:
    return {(item.id, item.assignment): item.problem or item.source for item in found}


def test_one_file_is_one_submission(tmp_path: Path) -> None:
    path = put(tmp_path, {"alice.py": MLE}) / "alice.py"
    submission = one(path)
    assert (submission.id, submission.assignment, submission.filename) == ("alice", "mle", "alice.py")
    assert (submission.source, submission.problem, submission.notes) == (MLE, None, ())


def test_a_file_named_after_its_assignment_is_its_folders(tmp_path: Path) -> None:
    put(tmp_path, {"bob/mle.py": "x = 1", "bob/gaussian_kl.ipynb": notebook(KL)})
    assert one(tmp_path / "bob" / "mle.py").id == "bob"
    assert summary(read(tmp_path / "bob")) == {("bob", "mle"): "x = 1", ("bob", "gaussian_kl"): f"# cell 1\n{KL}"}


def test_a_class_holds_files_folders_and_archives(tmp_path: Path) -> None:
    put(
        tmp_path,
        {
            "alice.py": MLE,
            "bob/mle.py": MLE,
            "bob/gaussian_kl.py": KL,
            "carol.zip": zipped({"work/mle.py": MLE}),
            "dan.tar.gz": tarred("deep/er/solution.py", KL),
            "eve/work.zip": zipped({"gaussian_kl.ipynb": notebook(KL)}),
        },
    )
    assert list(summary(read(tmp_path))) == [
        ("alice", "mle"),
        ("bob", "gaussian_kl"),
        ("bob", "mle"),
        ("carol", "mle"),
        ("dan", "gaussian_kl"),
        ("eve", "gaussian_kl"),
    ]


def test_a_class_may_hold_a_folder_for_each_assignment(tmp_path: Path) -> None:
    put(tmp_path, {"mle/alice.py": MLE, "gaussian_kl/alice.py": KL, "gaussian_kl/bob.py": ""})
    found = summary(read(tmp_path))
    assert list(found) == [("alice", "gaussian_kl"), ("alice", "mle"), ("bob", "gaussian_kl")]
    assert found["bob", "gaussian_kl"] == "bob.py: the file is empty."


def test_public_tests_are_nobodys_submission(tmp_path: Path) -> None:
    tests = {"test_mle.py": "import mle", "conftest.py": ""}
    put(tmp_path / "class", {"alice.py": MLE, "test_bob.py": MLE, **tests})
    put(tmp_path / "eve", {"mle.py": MLE, **tests})
    said: list[str] = []
    of_class = collect(tmp_path / "class", assignments=ASSIGNMENTS, say=said.append)
    assert {item.id for item in of_class} == {"alice", "test_bob"}
    assert sorted(said) == [f"{name} is no submission and was left out" for name in sorted(tests)]
    said.clear()
    assert [item.filename for item in collect(tmp_path / "eve", assignments=ASSIGNMENTS, say=said.append)] == ["mle.py"]
    assert said == []


def test_a_class_that_looks_like_one_student_is_said_to_be_taken_for_one(tmp_path: Path) -> None:
    put(tmp_path / "hw", {"alice.py": MLE, "bob/mle.py": MLE, "mle.py": MLE, "mle/notes.txt": "", ".git/x": ""})
    put(tmp_path / "eve", {"mle.py": MLE, "gaussian_kl.py": KL, "notes.txt": ""})
    said: list[str] = []
    assert {item.id for item in collect(tmp_path / "hw", assignments=ASSIGNMENTS, say=said.append)} == {"hw"}
    assert [sentence.partition(":")[0] for sentence in said] == [
        "hw is taken for one student's, alice.py, bob included"
    ]
    collect(tmp_path / "eve", assignments=ASSIGNMENTS, say=said.append)
    assert len(said) == 1


@pytest.mark.parametrize(
    ("files", "loose"),
    [
        ({"mle.py": "", "alice/mle.py": MLE, "bob/mle.ipynb": notebook(MLE), "carol.py": MLE}, "mle.py"),
        (
            {"mle.ipynb": "", "alice/2026-03-01_12-00-00/mle.py": MLE, "bob/mle/mle.py": MLE, "carol.py": MLE},
            "mle.ipynb",
        ),
        ({"mle/mle.py": "", "mle/alice/mle.py": MLE, "mle/bob/mle.py": MLE, "mle/carol.py": MLE}, "mle/mle.py"),
    ],
)
def test_a_loose_module_beside_students_folders_is_nobodys(
    tmp_path: Path, files: dict[str, str | bytes], loose: str
) -> None:
    put(tmp_path / "hw", files)
    said: list[str] = []
    found = collect(tmp_path / "hw", assignments=ASSIGNMENTS, say=said.append)
    assert [(item.id, item.assignment, item.problem) for item in found] == [
        (name, "mle", None) for name in ("alice", "bob", "carol")
    ]
    assert said == [
        f"{loose} lies in no student's folder and was left out; move it to its student's, or say --layout student if "
        "all of hw is one student's"
    ]
    assert {item.id for item in collect(tmp_path / "hw", assignments=ASSIGNMENTS, layout="student")} == {"hw"}


@pytest.mark.parametrize(
    "files",
    [
        {"mle.py": MLE, "old/mle.py": MLE, "tests/test_mle.py": MLE, "plots/plot.py": MLE},
        {"mle/mle.py": MLE, "gaussian_kl/gaussian_kl.py": KL, "mle/old/mle.py": MLE, "gaussian_kl/old/mle.py": MLE},
        {"2026-03-01_12-00-00/mle.py": MLE, "2026-03-02_12-00-00/mle.py": MLE, "mle.py": MLE},
    ],
)
def test_a_students_own_folders_make_no_class(tmp_path: Path, files: dict[str, str | bytes]) -> None:
    put(tmp_path / "eve", files)
    assert {item.id for item in collect(tmp_path / "eve", assignments=ASSIGNMENTS)} == {"eve"}


def test_the_last_attempt_counts_and_says_so(tmp_path: Path) -> None:
    put(
        tmp_path,
        {
            "alice/2026-03-01T10:00:00Z/mle.py": MLE + "# first",
            "alice/2026-03-02_09-00-00/mle.py": MLE + "# second",
            "alice/2026-03-01T23:30:00-05:00/mle.py": MLE + "# the day after, in UTC",
            "bob.py": MLE,
        },
    )
    alice = next(item for item in read(tmp_path) if item.id == "alice")
    assert alice.source.endswith("# second")
    assert alice.submitted_at == "2026-03-02T09:00:00Z"
    assert alice.notes == ("Attempt 3 of 3 counts, 2026-03-02_09-00-00.",)


def test_each_assignment_has_its_own_last_attempt(tmp_path: Path) -> None:
    put(tmp_path, {"a/2026-03-01 10:00:00 UTC/mle.py": MLE, "a/2026-03-02 10:00:00 UTC/gaussian_kl.py": KL})
    assert summary(read(tmp_path / "a")) == {("a", "mle"): MLE, ("a", "gaussian_kl"): KL}


def test_of_two_files_for_one_assignment_the_finished_one_counts(tmp_path: Path) -> None:
    stub = "def gaussian_mle(x):\n    raise NotImplementedError\n"
    put(tmp_path, {"mle.py": stub, "mle.ipynb": notebook(MLE), "old/mle.py": "\0"})
    submission = one(tmp_path)
    assert submission.filename == "mle.ipynb"
    assert set(submission.notes) == {
        "mle.py is for mle too and was left out: mle.ipynb counts.",
        "old/mle.py is for mle too and was left out: mle.ipynb counts.",
    }


def test_what_is_no_module_is_left_out_and_said(tmp_path: Path) -> None:
    put(
        tmp_path / "a",
        {
            "mle.py": MLE,
            "utils.py": "def helper(): ...",
            "notes.txt": "",
            ".DS_Store": "",
            "__pycache__/mle.pyc": "",
            "more.zip": zipped({"inner.zip": "", "__MACOSX/._mle.py": "", "data.csv": ""}),
        },
    )
    assert set(one(tmp_path / "a").notes) == {
        ".DS_Store was left out: hidden, or not a student's.",
        "__pycache__ was left out: hidden, or not a student's.",
        "notes.txt was left out: it is no .py or .ipynb file.",
        "utils.py was left out: it is no assignment's module.",
        "more.zip/inner.zip was left out: an archive inside an archive is not opened.",
        "more.zip/__MACOSX/._mle.py was left out: hidden, or not a student's.",
        "more.zip/data.csv was left out: it is no .py or .ipynb file.",
    }


def test_what_is_no_students_is_said_to_the_caller(tmp_path: Path) -> None:
    put(tmp_path, {"alice.py": MLE, ".DS_Store": "", "README.md": "", "grades.csv": ""})
    said: list[str] = []
    assert len(collect(tmp_path, assignments=ASSIGNMENTS, say=said.append)) == 1
    assert said == [
        ".DS_Store is no submission and was left out",
        "README.md is no submission and was left out",
        "grades.csv is no submission and was left out",
    ]


BAD_FILES: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "the file is empty"),
    "blank": (b" \n\t\n", "the file is empty"),
    "binary": (b"\x7fELF\0\0", "the file is binary"),
    "utf-16": (MLE.encode("utf-16"), "UTF-16 text; save it as UTF-8"),
    "latin-1": (b"x = 1\n# caf\xe9\n", "not utf-8 text: byte 0xe9 on line 2; save it as UTF-8"),
    "wrong cookie": (b"# coding: ascii\n# caf\xc3\xa9\n", "not ascii text: byte 0xc3 on line 2"),
    "huge": (b"#" * (MAX_SOURCE_BYTES + 1), "it is 256 KiB, and 256 KiB is the most that is read"),
}


@pytest.mark.parametrize(("data", "sentence"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_bad_file_is_a_submission_with_a_problem(tmp_path: Path, data: bytes, sentence: str) -> None:
    put(tmp_path, {"class/mle/alice.py": data, "class/mle/bob.py": MLE})
    found = summary(read(tmp_path / "class"))
    assert sentence in found["alice", "mle"]
    assert found["bob", "mle"] == MLE


def test_a_notebook_with_large_outputs_is_read_in_an_archive_too(tmp_path: Path) -> None:
    image = {"output_type": "display_data", "metadata": {}, "data": {"image/png": "A" * (6 << 20)}}
    text = json.dumps({"cells": [{"cell_type": "code", "source": MLE, "outputs": [image]}]})
    put(tmp_path, {"a/mle.ipynb": text, "b.tar.gz": tarred("mle.ipynb", text)})
    with zipfile.ZipFile(tmp_path / "c.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mle.ipynb", text)
    (tmp_path / "d.tar.gz").write_bytes(AUTOGRADER["packed"](tmp_path / "a"))
    found = read(tmp_path)
    assert {item.id: item.problem for item in found} == {"a": None, "b": None, "c": None, "d": None}
    assert len({item.sha256 for item in found}) == 1


def test_classroom50_says_what_it_does_not_hand_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(tmp_path, {"mle.py": MLE, "big.ipynb": "", "a\n::error::x.py": MLE})
    os.truncate(tmp_path / "big.ipynb", MAX_MEMBER_BYTES + 1)
    (tmp_path / "link.py").symlink_to(tmp_path / "mle.py")
    (tmp_path / "z.tar.gz").write_bytes(AUTOGRADER["packed"](tmp_path))
    said = capsys.readouterr().err
    assert said.splitlines() == [
        "Left out: 'big.ipynb', since it is larger than 10 MiB; clear the outputs of a notebook.",
        "Left out: 'link.py', since it is no regular file.",
    ]
    assert set(extract("z.tar.gz", (tmp_path / "z.tar.gz").read_bytes())) == {"mle.py", "a\n::error::x.py"}
    assert AUTOGRADER["MAX_BYTES"] == MAX_MEMBER_BYTES


def test_a_file_of_100_mb_is_not_read(tmp_path: Path) -> None:
    put(tmp_path, {"class/mle.py": ""})
    os.truncate(tmp_path / "class" / "mle.py", 100_000_000)
    assert one(tmp_path / "class").problem == "mle.py: it is 95.4 MiB, and 256 KiB is the most that is read."


def test_links_and_devices_are_not_followed_or_waited_for(tmp_path: Path) -> None:
    put(tmp_path, {"secret.py": MLE, "class/dan.py": MLE})
    folder = tmp_path / "class"
    (folder / "alice.py").symlink_to(tmp_path / "secret.py")
    (folder / "bob.py").symlink_to(tmp_path / "nowhere")
    (folder / "carol").symlink_to(tmp_path)
    os.mkfifo(folder / "erin.py")
    found = {item.id: item for item in read(folder, "mle")}
    assert {name: bool(item.problem) for name, item in found.items()} == {
        "alice": True,
        "bob": True,
        "carol": True,
        "dan": False,
        "erin": True,
    }
    assert found["alice"].problem == "alice.py: it is a symbolic link, and links are not followed; hand in the file."
    assert found["erin"].problem == "erin.py: it is not a regular file; hand in a .py or .ipynb file."
    assert not any(MLE in item.source for name, item in found.items() if name != "dan")


def test_what_cannot_be_opened_costs_only_its_own_student(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, {"alice/mle.py": MLE, "bob.py": MLE, "carol.py": MLE})
    opened, listed = os.open, Path.iterdir

    def refuse(path: Path, *args: object) -> int:
        if Path(path).name == "bob.py":
            raise PermissionError(13, "Permission denied")
        return opened(path, *args)  # type: ignore[arg-type]

    def refuse_folder(path: Path) -> object:
        if path.name == "alice":
            raise PermissionError(13, "Permission denied")
        return listed(path)

    # Not by chmod: root reads everything.
    monkeypatch.setattr(os, "open", refuse)
    monkeypatch.setattr(Path, "iterdir", refuse_folder)
    found = {item.id: item for item in read(tmp_path, "mle")}
    assert found["alice"].fault == "the folder: the folder alice cannot be opened: Permission denied."
    assert found["bob"].fault == "bob.py: it cannot be read: Permission denied."
    assert [found[name].problem for name in ("alice", "bob")] == [None, None]
    assert (found["carol"].source, found["carol"].fault) == (MLE, None)


@pytest.mark.parametrize("unreadable", ["a/mle.ipynb", "a/mine.py", "a/more.zip", "a/2026-03-02T10:00:00Z/mle.py"])
def test_what_cannot_be_read_may_be_what_should_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unreadable: str
) -> None:
    put(tmp_path, {"a/mle.py": MLE, "a/2026-03-01T10:00:00Z/mle.py": MLE, unreadable: MLE, "b/mle.py": MLE})
    if unreadable.count("/") == 1:
        put(tmp_path, {unreadable.replace("a/", "a/2026-03-01T10:00:00Z/"): MLE})
    opened = os.open

    def refuse(path: Path, *args: object) -> int:
        if str(path).endswith(unreadable[1:]):
            raise OSError(5, "Input/output error")
        return opened(path, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", refuse)
    found = {item.id: item for item in read(tmp_path, "mle")}
    assert "it cannot be read: Input/output error." in (found["a"].fault or "")
    assert (found["a"].source, found["a"].problem) == ("", None)
    assert (found["b"].source, found["b"].fault) == (MLE, None)


def test_what_cannot_be_read_of_another_assignment_or_an_earlier_attempt_is_no_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    early, late = "a/2026-03-01T10:00:00Z", "a/2026-03-02T10:00:00Z"
    put(tmp_path, {f"{early}/mle.py": MLE, f"{late}/mle.py": MLE, f"{late}/gaussian_kl.py": KL})
    opened = os.open

    def refuse(path: Path, *args: object) -> int:
        if str(path).endswith((f"{early}/mle.py", "gaussian_kl.py")):
            raise PermissionError(13, "Permission denied")
        return opened(path, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", refuse)
    found = {item.assignment: item for item in read(tmp_path)}
    assert (found["mle"].source, found["mle"].fault) == (MLE, None)
    assert found["gaussian_kl"].fault == "gaussian_kl.py: it cannot be read: Permission denied."


def test_a_student_of_whom_nothing_can_be_graded_is_still_there(tmp_path: Path) -> None:
    put(tmp_path, {"a/x.py": "y = 1", "a/z.py": "y = 2", "b/essay.docx": "", "c.zip": b"PK", "d.py": "y = 1"})
    (tmp_path / "e").mkdir()
    found = read(tmp_path)
    assert {item.id: item.problem for item in found} == {
        "a": "No file is named after an assignment or defines its functions: there is x.py, z.py.",
        "b": "There is no .py or .ipynb file in b.",
        "c": "c.zip: the archive is damaged (BadZipFile); make it again.",
        "d": "No file is named after an assignment or defines its functions: there is d.py.",
        "e": "There is no .py or .ipynb file in e.",
    }
    assert {item.assignment for item in found} == {""}
    assert found[1].notes == ("essay.docx was left out: it is no .py or .ipynb file.",)


def test_the_assignment_is_told_by_name_then_functions_then_flag_then_folder(tmp_path: Path) -> None:
    put(tmp_path, {"s/mle.py": KL, "t/mine.py": KL, "mle-class/u.py": "x = 1"})
    assert one(tmp_path / "s" / "mle.py", "gaussian_kl").assignment == "mle"
    assert one(tmp_path / "t" / "mine.py", "mle").assignment == "gaussian_kl"
    assert one(tmp_path / "mle-class" / "u.py", "gaussian_kl").assignment == "gaussian_kl"
    assert one(tmp_path / "mle-class" / "u.py").assignment == "mle"


def test_functions_tell_the_assignment_even_of_a_file_with_a_syntax_error(tmp_path: Path) -> None:
    put(tmp_path, {"a.py": KL + "def f(:\n"})
    assert one(tmp_path / "a.py").assignment == "gaussian_kl"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere", "there is no file or folder"),
        ("empty", "holds no submissions"),
        ("x.py", r"No file is named .* Say --assignment mle or gaussian_kl"),
    ],
)
def test_a_path_that_cannot_be_graded_is_a_usage_error(tmp_path: Path, name: str, message: str) -> None:
    put(tmp_path, {"x.py": "y = 1"})
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=message):
        read(tmp_path / name)
    with pytest.raises(UsageError, match="there is no assignment 'mlé'; this course has mle, gaussian_kl"):
        read(tmp_path / name, "mlé")


def test_several_paths_are_one_class_and_may_not_overlap(tmp_path: Path) -> None:
    put(tmp_path, {"one/alice.py": MLE, "two/bob.py": MLE, "three/alice.py": MLE})
    paths = [tmp_path / "one", tmp_path / "two"]
    assert [item.id for item in collect_all(paths, assignments=ASSIGNMENTS)] == ["alice", "bob"]
    with pytest.raises(UsageError, match="three holds another submission of alice for mle"):
        collect_all([*paths, tmp_path / "three"], assignments=ASSIGNMENTS)


ODD_NAMES = [
    "a b",
    "-rf",
    "\u202egpj.exe",
    "x\x1b[31m",
    "ünï",
    "x" * 200,
    "<script>",
    "=cmd()",
    "a\nb",
    "\udcff",
]


def test_odd_names_become_ids_that_are_safe_to_print(tmp_path: Path) -> None:
    for name in ODD_NAMES:
        put(tmp_path, {f"{name}/mle.py": MLE})
    put(tmp_path, {"alice/mle.py": MLE})
    found = read(tmp_path)
    assert len({item.id for item in found}) == len(ODD_NAMES) + 1
    assert all(item.id.isascii() and item.id.replace("-", "").isalnum() for item in found)
    assert [item.id for item in read(tmp_path)] == [item.id for item in found]
    for item in found:
        text = " ".join([item.filename, *item.notes, item.problem or ""])
        assert text.isprintable()
        assert item.id == "alice" or "cannot be an id" in text
    assert {item.name for item in found} == {*ODD_NAMES, None} - {"\udcff"}


@given(st.lists(st.text(min_size=1), unique=True))
def test_ids_are_safe_and_never_collide(names: list[str]) -> None:
    taken: set[str] = set()
    ids = [safe_id(name, taken) for name in names]
    assert len(set(ids)) == len(ids)
    assert all(name.isascii() and name.isprintable() and " " not in name and "/" not in name for name in ids)
    assert not {".", "..", ""} & set(ids)


def test_a_student_cannot_take_the_id_made_for_another(tmp_path: Path) -> None:
    made = safe_id("ü", set())
    put(tmp_path, {f"{made}.py": MLE, "ü.py": MLE})
    assert len({item.id for item in read(tmp_path)}) == 2


def test_declared_encodings_and_byte_order_marks_are_read_as_python_reads_them() -> None:
    assert decode("# é".encode("utf-8-sig")) == ("# é", ())
    assert decode(b"# coding: latin-1\n# \xe9") == (
        "# coding: latin-1\n# é",
        ("Read as iso-8859-1, as its first lines declare.",),
    )
    assert decode("# coding: punycode\n# é".encode())[0] == "# coding: punycode\n# é"
    assert decode("# coding: no-such\n# é".encode())[0] == "# coding: no-such\n# é"


def test_half_characters_are_refused() -> None:
    cells = [{"cell_type": "markdown", "metadata": {"answer": "C2"}, "source": "Because \ud800"}]
    with pytest.raises(SubmissionError, match="lone surrogate"):
        read_module("a.ipynb", json.dumps({"cells": cells}).encode())


@given(st.binary(max_size=40).map(lambda data: b"# coding: " + data))
def test_any_bytes_are_text_or_refused(data: bytes) -> None:
    try:
        text, _ = decode(data)
    except SubmissionError:
        return
    assert isinstance(text, str)


def test_answers_and_what_a_notebook_dropped_travel_with_the_submission(tmp_path: Path) -> None:
    put(tmp_path, {"mle.py": MLE + '\n# %% [markdown] answer="C2"\n# Yes.\n'})
    assert one(tmp_path / "mle.py").answers == {"C2": "Yes."}
    put(tmp_path / "n", {"mle.ipynb": notebook(MLE, "%pip install x")})
    assert one(tmp_path / "n").notes == ("Cell 2: 1 line of notebook commands left out.",)
