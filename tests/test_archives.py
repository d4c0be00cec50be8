"""What is read from an archive, and that every trick is refused with a sentence."""

from __future__ import annotations

import io
import stat
import tarfile
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader import archives
from grader.archives import extract, is_archive
from grader.errors import SubmissionError


def zipped(*members: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content, compress_type=method)
    return out.getvalue()


def tarred(*members: tuple[tarfile.TarInfo | str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for member, content in members:
            info = tarfile.TarInfo(member) if isinstance(member, str) else member
            if info.isreg():
                info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def special(name: str, mode: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = (mode | 0o644) << 16
    return info


def tar_special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


@pytest.mark.parametrize("name", ["a.zip", "A.ZIP", "a.tar.gz", "a.tgz"])
def test_known_archives_are_known_by_name(name: str) -> None:
    assert is_archive(name)
    assert not is_archive(name + ".py")


def test_files_come_out_by_path_and_folders_do_not() -> None:
    expected = {"mle.py": b"x = 1\n", "sub/kl.py": b""}
    assert extract("a.zip", zipped(("./mle.py", b"x = 1\n"), ("sub/", b""), ("sub\\kl.py", b""))) == expected
    assert extract("a.tgz", tarred(("./mle.py", b"x = 1\n"), ("sub/kl.py", b""))) == expected


@pytest.mark.parametrize("name", ["../mle.py", "a/../../mle.py", "/etc/passwd", "..\\mle.py", "C:\\mle.py"])
def test_a_path_that_leads_out_is_refused(name: str) -> None:
    with pytest.raises(SubmissionError, match="leads out of it"):
        extract("a.zip", zipped((name, b"x")))
    with pytest.raises(SubmissionError, match="leads out of it"):
        extract("a.tar.gz", tarred((name, b"x")))


@pytest.mark.parametrize("mode", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFSOCK])
def test_a_zip_holds_regular_files_alone(mode: int) -> None:
    with pytest.raises(SubmissionError, match="not a regular file"):
        extract("a.zip", zipped((special("mle.py", mode), b"/etc/passwd")))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE])
def test_a_tar_holds_regular_files_alone(kind: bytes) -> None:
    with pytest.raises(SubmissionError, match="not a regular file"):
        extract("a.tgz", tarred((tar_special("mle.py", kind, "/etc/passwd"), b"")))


def test_bombs_are_stopped_while_reading() -> None:
    one = (b"\0" * (archives.MAX_MEMBER_BYTES + 1),)
    many = [(f"{index}.py", b"\0" * archives.MAX_MEMBER_BYTES) for index in range(5)]
    for name, pack in (("a.zip", zipped), ("a.tgz", tarred)):
        with pytest.raises(SubmissionError, match="larger than 10 MiB"):
            extract(name, pack(("mle.py", *one)))
        with pytest.raises(SubmissionError, match="unpacks to more than 20 MiB"):
            extract(name, pack(*many))


def test_a_size_that_lies_in_the_header_is_not_believed() -> None:
    honest = zipped(("mle.py", b"\0" * (archives.MAX_MEMBER_BYTES + 1)))
    # The uncompressed size stands 24 bytes into the entry of the central directory.
    entry = honest.index(b"PK\x01\x02")
    lying = honest[: entry + 24] + (10).to_bytes(4, "little") + honest[entry + 28 :]
    with pytest.raises(SubmissionError, match=r"damaged|larger than"):
        extract("a.zip", lying)


def test_too_many_files_are_refused() -> None:
    members = [(f"{index}.py", b"") for index in range(archives.MAX_FILES + 1)]
    for name, pack in (("a.zip", zipped), ("a.tgz", tarred)):
        with pytest.raises(SubmissionError, match="more than 200 files"):
            extract(name, pack(*members))


def test_an_archive_that_is_itself_too_large_is_refused() -> None:
    with pytest.raises(SubmissionError, match="larger than 20 MiB"):
        extract("a.zip", bytes(archives.MAX_TOTAL_BYTES + 1))


def test_encrypted_and_unusual_zips_are_refused() -> None:
    plain = zipped(("mle.py", b"x = 1\n"))
    entry = plain.index(b"PK\x01\x02")
    with pytest.raises(SubmissionError, match="without a password"):
        extract("a.zip", plain[: entry + 8] + b"\1" + plain[entry + 9 :])
    with pytest.raises(SubmissionError, match="usual zip method"):
        extract("a.zip", zipped(("mle.py", b"x"), method=zipfile.ZIP_LZMA))


def test_two_files_of_one_name_are_refused() -> None:
    with pytest.raises(SubmissionError, match=r"two files named 'mle.py'"):
        extract("a.zip", zipped(("mle.py", b"1"), ("./mle.py", b"2")))


@pytest.mark.parametrize("name", ["a.zip", "a.tar.gz"])
@pytest.mark.parametrize("data", [b"", b"PK", b"not an archive", b"\x1f\x8b\x08"])
def test_what_is_no_archive_is_damaged(name: str, data: bytes) -> None:
    with pytest.raises(SubmissionError, match="damaged"):
        extract(name, data)


@given(st.data())
def test_a_broken_archive_is_read_or_refused_and_never_anything_else(data: st.DataObject) -> None:
    name, whole = data.draw(
        st.sampled_from(
            [
                ("a.zip", zipped(("mle.py", b"x = 1\n" * 20), ("b/c.py", b""))),
                ("a.tgz", tarred(("mle.py", b"x = 1\n" * 20), ("b/c.py", b""))),
            ]
        )
    )
    broken = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(broken[: data.draw(st.integers(0, len(broken)))])
    try:
        files = extract(name, cut)
    except SubmissionError:
        return
    assert all(isinstance(content, bytes) for content in files.values())
