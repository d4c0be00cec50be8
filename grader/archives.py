"""A student's archive, read into memory under our own rules: nothing of it ever touches the disk.

Only regular files are read, sizes are counted while reading and never believed from a header, and an archive that
tries to leave its folder is refused whole.
"""

from __future__ import annotations

import gzip
import io
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import PurePosixPath

from grader.errors import SubmissionError
from grader.notebooks import MAX_NOTEBOOK_BYTES

MAX_FILES = 200
MAX_MEMBER_BYTES = MAX_NOTEBOOK_BYTES
"""As much as the largest file that is read where it is in no archive."""
MAX_TOTAL_BYTES = 20 << 20
# Room for the headers of as many members as are allowed, long names included.
_MAX_TAR_BYTES = MAX_TOTAL_BYTES + MAX_FILES * 8192

READ_BY_US = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Ways to compress in a zip; others can make the reader allocate what the archive says, however small it is."""
DAMAGE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    struct.error,
    EOFError,
    LookupError,
    NotImplementedError,
    OSError,
    OverflowError,
    RuntimeError,
    ValueError,
)


def is_archive(filename: str) -> bool:
    """True for the names of archives that `extract` reads: .zip, .tar.gz and .tgz."""
    return filename.lower().endswith((".zip", ".tar.gz", ".tgz"))


def extract(filename: str, data: bytes) -> dict[str, bytes]:
    """The regular files of an archive, by path inside it (`/` between the parts, no `.` or `..`).

    Args:
        filename: Says which kind of archive it is; see `is_archive`.
        data: The whole archive.

    Raises:
        SubmissionError: For a damaged or encrypted archive, a link or device in it, a path that leaves it, or more
            than the caps allow.
    """
    if len(data) > MAX_TOTAL_BYTES:
        raise SubmissionError(f"the archive is larger than {_mib(MAX_TOTAL_BYTES)}; hand in the module alone")
    members = _zip_members(data) if filename.lower().endswith(".zip") else _tar_members(data)
    files: dict[str, bytes] = {}
    total = 0
    try:
        for name, content in members:
            if name in files:
                raise SubmissionError(f"the archive holds two files named {name!r}; hand in one")
            total += len(content)
            if total > MAX_TOTAL_BYTES:
                raise SubmissionError(f"the archive unpacks to more than {_mib(MAX_TOTAL_BYTES)}; hand in code alone")
            files[name] = content
    except DAMAGE as error:
        raise SubmissionError(f"the archive is damaged ({type(error).__name__}); make it again") from error
    return files


def _zip_members(data: bytes) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        infos = archive.infolist()
        _check_count(len(infos))
        for info in infos:
            name = safe_path(info.filename)
            kind = stat.S_IFMT(info.external_attr >> 16)
            if info.is_dir() or kind == stat.S_IFDIR:
                continue
            if kind not in (0, stat.S_IFREG):
                raise SubmissionError(f"the archive holds {name!r}, which is not a regular file; hand in files alone")
            if info.flag_bits & 1:
                raise SubmissionError("the archive is encrypted; make one without a password")
            if info.compress_type not in READ_BY_US:
                raise SubmissionError(f"{name!r} is compressed in a way that is not read; use the usual zip method")
            with archive.open(info) as member:
                yield name, _capped(name, member.read(MAX_MEMBER_BYTES + 1))


def _tar_members(data: bytes) -> Iterator[tuple[str, bytes]]:
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as packed:
        unpacked = packed.read(_MAX_TAR_BYTES + 1)
    if len(unpacked) > _MAX_TAR_BYTES:
        raise SubmissionError(f"the archive unpacks to more than {_mib(MAX_TOTAL_BYTES)}; hand in code alone")
    with tarfile.open(fileobj=io.BytesIO(unpacked), mode="r:") as archive:
        for count, info in enumerate(archive, start=1):
            _check_count(count)
            name = safe_path(info.name)
            if info.isdir():
                continue
            if info.type not in (tarfile.REGTYPE, tarfile.AREGTYPE):
                raise SubmissionError(f"the archive holds {name!r}, which is not a regular file; hand in files alone")
            member = archive.extractfile(info)
            yield name, _capped(name, member.read(MAX_MEMBER_BYTES + 1) if member else b"")


def safe_path(name: str) -> str:
    """`a/b.py` for every spelling of it; never a path that leaves the archive."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or "\0" in name or (path.parts and path.parts[0].endswith(":")):
        raise SubmissionError(f"the archive holds {name!r}, a path that leads out of it; make it again from one folder")
    return str(path)


def _check_count(count: int) -> None:
    if count > MAX_FILES:
        raise SubmissionError(f"the archive holds more than {MAX_FILES} files; hand in code alone")


def _capped(name: str, content: bytes) -> bytes:
    if len(content) > MAX_MEMBER_BYTES:
        raise SubmissionError(f"{name!r} in the archive is larger than {_mib(MAX_MEMBER_BYTES)}; hand in code alone")
    return content


def _mib(size: int) -> str:
    return f"{size >> 20} MiB"
