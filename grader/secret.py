"""The course secret: from it, and from nothing else, come the inputs that submissions are tried on."""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path

from grader.errors import UsageError
from grader.files import write_atomically

FILENAME = "course.secret"
LENGTH_BYTES = 32


def load_or_make(out: Path) -> bytes:
    """The secret beside a course's results, made at first use with mode 0600; call it while holding the folder.

    Raises:
        UsageError: Where the file is there but does not hold a secret, or cannot be read or written.
    """
    path = out / FILENAME
    if not path.exists():
        write_atomically(path, secrets.token_hex(LENGTH_BYTES).encode() + b"\n", durable=True, mode=0o600)
    return _read(path)


def fingerprint(secret: bytes) -> str:
    """A name for the secret that does not reveal it."""
    return hashlib.sha256(b"fingerprint\0" + secret).hexdigest()[:16]


def _read(path: Path) -> bytes:
    try:
        secret = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} does not hold a course secret ({error}); restore it, or move it away.") from error
    if len(secret) != LENGTH_BYTES:
        raise UsageError(f"{path} does not hold a course secret of {LENGTH_BYTES} bytes; restore it, or move it away.")
    return secret
