"""Files that are whole or absent: atomic writes, file names that are safe everywhere, disk errors as sentences."""

from __future__ import annotations

import errno
import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from grader.errors import UsageError
from grader.text import one_line

TEMPORARY_PREFIX = ".grader-"
TEMPORARY_SUFFIX = ".tmp"

# Some of these exist on some systems only; on Windows, files are text unless they are said to be binary.
_WRITING = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
for _name in ("O_CLOEXEC", "O_NOFOLLOW", "O_BINARY"):
    _WRITING |= getattr(os, _name, 0)

_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)")
_PLAIN = re.compile(r"[a-z0-9_@][a-z0-9._@-]{0,63}")

_FULL = "the disk is full; free some space or name another folder"
_DENIED = "permission denied; name a folder that you may write to"
_IN_THE_WAY = "a file stands where a folder should be, or a folder where a file should be; name another path"
_ADVICE = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: "the disk quota is used up; free some space or name another folder",
    errno.EFBIG: "the file would be larger than this process may write; raise the limit (ulimit -f)",
    errno.EROFS: "the file system is read-only; name another folder",
    errno.EACCES: _DENIED,
    errno.EPERM: _DENIED,
    errno.ENOTDIR: _IN_THE_WAY,
    errno.EEXIST: _IN_THE_WAY,
    errno.EISDIR: _IN_THE_WAY,
    errno.ELOOP: "a symbolic link is in the way; name another path",
    errno.ENAMETOOLONG: "the path is too long; name a shorter one",
}


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turns an error that the caller can mend into a sentence.

    Raises:
        UsageError: The disk is full, the folder is read-only, something is in the way.
    """
    try:
        yield
    except OSError as error:
        advice = _ADVICE.get(error.errno or 0)
        if advice is None:
            raise
        raise UsageError(
            f"cannot write {one_line(str(path), 500)}: {advice}. What was written before is intact; "
            "the same command continues from there."
        ) from error


def write_atomically(path: Path, data: bytes, *, durable: bool = False, mode: int = 0o666) -> None:
    """Puts `data` at `path`, making its folders; a reader or a kill sees the old file or the new one, never half.

    Args:
        durable: Also waits until the bytes have reached the disk, so that they survive a power cut.
        mode: Permissions of a new file, less the process's umask.

    Raises:
        UsageError: See `disk_errors`; the old file is untouched.
    """
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.parent / f"{TEMPORARY_PREFIX}{os.getpid()}-{_digest(path.name)}{TEMPORARY_SUFFIX}"
        try:
            _write(temporary, data, durable=durable, mode=mode)
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        if durable:
            _sync_folder(path.parent)


def remove_temporary_files(folder: Path) -> None:
    """Removes what killed runs left below `folder`; call it only while no other run can be writing there."""
    for path in folder.rglob(f"{TEMPORARY_PREFIX}*{TEMPORARY_SUFFIX}"):
        path.unlink(missing_ok=True)


def file_stem(name: str) -> str:
    """A file name without suffix for `name`: equal for equal names only, on file systems that ignore case too.

    Ordinary lower-case names are their own stem. Any other (`Bob`, `..`, `-rf`, `CON`, `a/b`) is marked with a
    digest, which sets `Bob` apart from `bob`.
    """
    if _PLAIN.fullmatch(name) and not _RESERVED.match(name):
        return name
    legible = re.sub(r"[^A-Za-z0-9._@-]", "-", name)[:64]
    return f"_{legible}~{_digest(name)}"


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:10]


def _write(path: Path, data: bytes, *, durable: bool, mode: int) -> None:
    descriptor = os.open(path, _WRITING, mode)
    with open(descriptor, "wb") as file:
        file.write(data)
        if durable:
            file.flush()
            os.fsync(descriptor)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
