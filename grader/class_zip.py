"""A whole class in one zip, as course systems hand it out: told apart from one student's, and unpacked for a while.

Only regular files are unpacked, into a private folder that is gone afterwards; each student's own archives inside it
stay as they are, and are read under the rules of `archives.py`.
"""

from __future__ import annotations

import errno
import stat
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from grader import layouts
from grader.archives import DAMAGE, READ_BY_US, is_archive, safe_path
from grader.attempts import CODE_SUFFIXES, JUNK
from grader.errors import SubmissionError, UsageError
from grader.handins import stem_of
from grader.text import one_line

MAX_FILES = 100_000
MAX_MEMBER_BYTES = 64 << 20
MAX_TOTAL_BYTES = 4 << 30

_BAD_NAME = (errno.ENAMETOOLONG, errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.EILSEQ, errno.EINVAL)


def is_class(path: Path, names: frozenset[str]) -> bool:
    """Whether a zip holds a class: by its files' names alone, which is all that is unpacked for this.

    A layout recognises it, or two archives lie at its root, or two folders there hold code of one name. A zip with
    an assignment's module at its root is one student's.
    """
    try:
        with _unpacked(path, lambda sentence: None, contents=False) as root:
            return any(layout.recognises(root, names) for layout in layouts.layouts().values()) or _is_class(
                root, names
            )
    except UsageError:
        # Said by whoever reads it as a student's.
        return False


@contextmanager
def unpacked(path: Path, say: Callable[[str], object]) -> Iterator[Path]:
    """The folder that a zip's files are in, without folders around all of it; it lasts as long as the context.

    Raises:
        UsageError: The zip is damaged or too large, or a path in it leads out of it.
    """
    with _unpacked(path, say, contents=True) as root:
        yield root


def _is_class(root: Path, names: frozenset[str]) -> bool:
    entries = [entry for entry in root.iterdir() if not JUNK.fullmatch(entry.name)]
    loose = [entry.name for entry in entries if entry.is_file()]
    if any(name.endswith(CODE_SUFFIXES) and stem_of(name) in names for name in loose):
        return False
    folders = [entry for entry in entries if entry.is_dir() and entry.name not in names]
    shared = Counter(name for folder in folders for name in {file.name for file in folder.rglob("*")})
    code = [count for name, count in shared.items() if name.endswith(CODE_SUFFIXES)]
    return sum(map(is_archive, loose)) > 1 or max(code, default=0) > 1


@contextmanager
def _unpacked(path: Path, say: Callable[[str], object], *, contents: bool) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="grader-class-") as temporary:
        root = Path(temporary) / stem_of(path.name)
        root.mkdir()
        try:
            with zipfile.ZipFile(path) as archive:
                _extract(archive, root, say, contents=contents)
        except (*DAMAGE, SubmissionError) as error:
            raise UsageError(f"{one_line(path.name)} cannot be unpacked: {error}; download it again") from error
        yield _inner(root)


def _extract(archive: zipfile.ZipFile, root: Path, say: Callable[[str], object], *, contents: bool) -> None:
    infos = archive.infolist()
    if len(infos) > MAX_FILES:
        raise UsageError(f"{len(infos)} files are in the zip, and {MAX_FILES} are the most that are unpacked")
    total = 0
    for info in infos:
        name = safe_path(info.filename)
        kind = stat.S_IFMT(info.external_attr >> 16)
        if info.is_dir() or kind == stat.S_IFDIR:
            continue
        if kind not in (0, stat.S_IFREG) or info.flag_bits & 1:
            say(f"{one_line(name)} in the zip is no regular file, or encrypted, and was left out")
            continue
        if contents and info.compress_type not in READ_BY_US:
            raise UsageError(f"{one_line(name)} in the zip is compressed in a way that is not read; unpack it by hand")
        content = _content(archive, info) if contents else b""
        total += len(content)
        if total > MAX_TOTAL_BYTES:
            raise UsageError(f"the zip unpacks to more than {MAX_TOTAL_BYTES >> 30} GiB; unpack it by hand")
        if len(content) > MAX_MEMBER_BYTES:
            say(f"{one_line(name)} in the zip is larger than {MAX_MEMBER_BYTES >> 20} MiB and was left out")
        else:
            _put(root, name, content, say)


def _content(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    with archive.open(info) as member:
        return member.read(MAX_MEMBER_BYTES + 1)


def _put(root: Path, name: str, content: bytes, say: Callable[[str], object]) -> None:
    target = root / name
    try:
        if target.is_file():
            say(f"{one_line(name)} is in the zip twice; the first one counts")
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno not in _BAD_NAME:
            raise
        say(f"{one_line(name)} in the zip was left out: it cannot be a file's name here")


def _inner(root: Path) -> Path:
    """Below folders that hold nothing but one folder."""
    entries = [entry for entry in root.iterdir() if not JUNK.fullmatch(entry.name)]
    return _inner(entries[0]) if len(entries) == 1 and entries[0].is_dir() else root
