"""The course secret: made once, kept to its owner, and never told."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from grader import secret
from grader.errors import UsageError


def test_it_is_made_once_and_is_its_owners(tmp_path: Path) -> None:
    first = secret.load_or_make(tmp_path)
    path = tmp_path / secret.FILENAME
    assert len(first) == secret.LENGTH_BYTES
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert secret.load_or_make(tmp_path) == first
    assert [one.name for one in tmp_path.iterdir()] == [secret.FILENAME]


def test_each_folder_has_its_own(tmp_path: Path) -> None:
    made = {secret.load_or_make(tmp_path / str(number)) for number in range(5)}
    assert len(made) == 5


def test_the_fingerprint_tells_secrets_apart_and_does_not_hold_them(tmp_path: Path) -> None:
    one, other = bytes(32), bytes(31) + b"\1"
    assert secret.fingerprint(one) != secret.fingerprint(other)
    assert secret.fingerprint(one) == secret.fingerprint(bytes(32))
    assert len(secret.fingerprint(one)) == 16
    made = secret.load_or_make(tmp_path)
    assert secret.fingerprint(made) not in made.hex()


@pytest.mark.parametrize("content", [b"", b"no hex", b"ab" * 31, b"ab" * 33, b"\xff\xfe", b"ab " * 20])
def test_a_file_that_holds_none_is_never_written_over(content: bytes, tmp_path: Path) -> None:
    (tmp_path / secret.FILENAME).write_bytes(content)
    with pytest.raises(UsageError, match="does not hold a course secret"):
        secret.load_or_make(tmp_path)
    assert (tmp_path / secret.FILENAME).read_bytes() == content


def test_a_folder_in_its_place_is_said(tmp_path: Path) -> None:
    (tmp_path / secret.FILENAME).mkdir()
    with pytest.raises(UsageError, match="restore it, or move it away"):
        secret.load_or_make(tmp_path)
