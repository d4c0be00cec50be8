"""Files are whole or absent, and their names are safe on every file system."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.errors import UsageError
from grader.files import file_stem, remove_temporary_files, write_atomically

WINDOWS_RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))}
IDS = st.from_regex(r"[A-Za-z0-9._@-]{1,64}", fullmatch=True)


def test_a_plain_id_is_its_own_file_name() -> None:
    assert file_stem("alice@uni-x.org") == "alice@uni-x.org"


@given(IDS | st.sampled_from([".", "..", "CON", "con", "con.txt", "Aux.1", "-rf"]) | st.text())
def test_every_name_becomes_one_safe_component(name: str) -> None:
    stem = file_stem(name)
    assert stem == Path(stem).name
    assert not stem.startswith(".")
    assert stem.split(".")[0].lower() not in WINDOWS_RESERVED
    assert len(stem) <= 80
    assert stem.isascii()
    assert stem.isprintable()


@given(st.lists(IDS, min_size=2, max_size=6, unique=True))
def test_different_names_differ_even_without_case(names: list[str]) -> None:
    assert len({file_stem(name).lower() for name in names}) == len(names)


def test_bob_is_not_bob() -> None:
    assert len({file_stem(name).lower() for name in ("bob", "Bob", "BOB", "bOb")}) == 4


@pytest.mark.parametrize("durable", [False, True])
def test_a_write_replaces_the_file_and_leaves_nothing_beside_it(tmp_path: Path, durable: bool) -> None:
    target = tmp_path / "deep" / "er" / "file.json"
    write_atomically(target, b"old")
    write_atomically(target, b"new", durable=durable)
    assert target.read_bytes() == b"new"
    assert os.listdir(target.parent) == ["file.json"]


def test_a_disk_that_fills_up_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "file.json"
    write_atomically(target, b"old")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UsageError, match=r"file\.json: the disk is full; free some space"):
        write_atomically(target, b"new", durable=True)
    assert target.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file.json"]


ON_A_TINY_DISK = """
import sys
from pathlib import Path
from grader.errors import UsageError
from grader.files import write_atomically
target = Path(sys.argv[1], "file.json")
write_atomically(target, b"old")
try:
    write_atomically(target, bytes(10**6), durable=True)
except UsageError as error:
    print(error)
print(target.read_bytes(), [path.name for path in target.parent.iterdir()])
"""


def test_a_disk_that_is_really_full(tmp_path: Path) -> None:
    script = 'mount -t tmpfs -o size=64k tiny "$1" && exec "$2" -c "$3" "$1"'
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"]
    run = subprocess.run(
        [*command, str(tmp_path), sys.executable, ON_A_TINY_DISK], capture_output=True, text=True, check=False
    )
    if run.returncode and ("unshare" in run.stderr or "mount" in run.stderr):
        pytest.skip("this machine allows no private mount")
    assert "the disk is full" in run.stdout
    assert run.stdout.endswith("b'old' ['file.json']\n")


def test_a_file_in_the_way_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine", encoding="utf-8")
    with pytest.raises(UsageError, match="a file stands where a folder should be"):
        write_atomically(tmp_path / "out" / "x.json", b"")
    assert (tmp_path / "out").read_text(encoding="utf-8") == "mine"


def test_only_our_own_temporary_files_are_removed(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    for name in (".grader-17-abc.tmp", "notes.tmp", "a/.grader-18-abc.tmp", "a/.grader-notes.txt"):
        (tmp_path / name).touch()
    remove_temporary_files(tmp_path)
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {"notes.tmp", "a/.grader-notes.txt"}
