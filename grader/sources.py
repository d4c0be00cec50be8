"""One handed-in file, from bytes on a hostile disk to the source of a module."""

from __future__ import annotations

import codecs
import errno
import io
import os
import re
import stat
import tokenize
from pathlib import Path

from grader.errors import SubmissionError, UnreadableError
from grader.notebooks import MAX_CODE_CHARS, MAX_NOTEBOOK_BYTES, Module, percent_answers, read_notebook

MAX_SOURCE_BYTES = MAX_CODE_CHARS

_NOT_REGULAR = "it is not a regular file; hand in a .py or .ipynb file"

# Some of these exist on some systems only; on Windows, files are text unless they are said to be binary.
_READING = os.O_RDONLY
for _name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY"):
    _READING |= getattr(os, _name, 0)

# Encodings that people write text in; some of the others take quadratic time on purpose-made bytes.
_NATURAL = re.compile(r"utf-8(-sig)?|ascii|iso8859-\d+|cp\d+|koi8-\w|mac-\w+|gb\w+|big5\w*|euc_\w+|shift_jis\w*")


def read_bytes(path: Path, limit: int) -> bytes:
    """The bytes of a regular file, links not followed and devices not waited for.

    Raises:
        SubmissionError: It is no regular file, or holds more than `limit` bytes.
        UnreadableError: This machine does not let us read it.
    """
    try:
        descriptor = os.open(path, _READING)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise SubmissionError("it is a symbolic link, and links are not followed; hand in the file") from error
        if error.errno == errno.ENXIO:
            raise SubmissionError(_NOT_REGULAR) from error
        raise UnreadableError(f"it cannot be read: {error.strerror}") from error
    with open(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise SubmissionError(_NOT_REGULAR)
        try:
            data = file.read(limit + 1)
        except OSError as error:
            raise UnreadableError(f"it cannot be read: {error.strerror}") from error
    if len(data) > limit:
        raise SubmissionError(f"it is {_size(status.st_size)}, and {_size(limit)} is the most that is read")
    return data


def read_module(filename: str, data: bytes) -> Module:
    """The module in a .py or .ipynb file.

    Raises:
        SubmissionError: For an empty or binary file, one that is not text in its encoding, or too large a module.
    """
    if not data.strip():
        raise SubmissionError("the file is empty")
    if filename.lower().endswith(".ipynb"):
        module = read_notebook(data)
        if not module.source and not module.answers:
            raise SubmissionError("the notebook has no code cell that defines something")
    else:
        source, notes = decode(data)
        module = Module(source=source, answers=percent_answers(source), notes=notes)
    _check_text(module.source + "".join(module.answers.values()))
    return module


def largest(filename: str) -> int:
    """How many bytes a code file of this name may hold."""
    return MAX_NOTEBOOK_BYTES if filename.lower().endswith(".ipynb") else MAX_SOURCE_BYTES


def decode(data: bytes) -> tuple[str, tuple[str, ...]]:
    """A module's text, and a note where it is not UTF-8.

    As Python itself does, it accepts a byte order mark, and another encoding where the first lines declare it
    (PEP 263).

    Raises:
        SubmissionError: The bytes are not text in that encoding.
    """
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise SubmissionError("the file is UTF-16 text; save it as UTF-8")
    if b"\0" in data:
        raise SubmissionError("the file is binary, not Python text; hand in the .py or .ipynb file itself")
    encoding = _encoding(data)
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        byte = f"{data[error.start]:#04x}"
        raise SubmissionError(
            f"the file is not {encoding} text: byte {byte} on line {line}; save it as UTF-8"
        ) from error
    declared = encoding not in ("utf-8", "utf-8-sig")
    return text, (f"Read as {encoding}, as its first lines declare.",) if declared else ()


def _encoding(data: bytes) -> str:
    """The encoding that Python would read the bytes in; UTF-8 where it would refuse to."""
    try:
        declared, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        return declared if _NATURAL.fullmatch(codecs.lookup(declared).name) else "utf-8"
    except (SyntaxError, LookupError):
        return "utf-8"


def _check_text(text: str) -> None:
    if len(text) > MAX_SOURCE_BYTES:
        raise SubmissionError(f"its code is {_size(len(text))}, and {_size(MAX_SOURCE_BYTES)} is the most that is read")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise SubmissionError("the file holds half a character (a lone surrogate); type that text again") from error


def _size(count: int) -> str:
    return f"{count / (1 << 20):.1f} MiB" if count >= 1 << 20 else f"{count >> 10} KiB"
