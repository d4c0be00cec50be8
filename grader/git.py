"""Reads a clone that students could push to: objects only, with plumbing commands, and nothing of it is ever run.

No hook, filter, pager, signature program or remote of the clone's own configuration takes part: nothing is checked
out, logged, diffed or fetched.
"""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from grader.errors import SubmissionError
from grader.text import one_line

TIMEOUT_S = 60.0

_QUIET = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}
_COMMIT_TIME = re.compile(rb"^committer .* (\d+) [+-]\d{4}$", re.MULTILINE)
_REGULAR = {"100644", "100755", "100664"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Blob:
    """One regular file of a commit."""

    path: str
    name: str
    """The object's."""
    size: int


def commit_of(clone: Path, revision: str) -> str:
    """The commit that a revision names.

    Raises:
        SubmissionError: There is no such commit, or no repository.
    """
    return (
        _git(clone, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}").decode().strip()
    )


def time_of(clone: Path, commit: str) -> str:
    """The committer's time, ISO 8601 in UTC: what the student's own clock said."""
    found = _COMMIT_TIME.search(_git(clone, "cat-file", "commit", commit).partition(b"\n\n")[0])
    try:
        return datetime.fromtimestamp(int(found[1]) if found else 0, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, ValueError, OSError) as error:
        raise SubmissionError(f"the commit {commit[:12]} has no time that can be: {error}") from error


def tags(clone: Path, prefix: str) -> list[str]:
    """The names of the tags below a prefix such as `submit/`, sorted."""
    listing = _git(clone, "for-each-ref", "--format=%(refname:strip=2)", f"refs/tags/{prefix}")
    return sorted(listing.decode("utf-8", "replace").splitlines())


def files(clone: Path, commit: str) -> list[Blob]:
    """The regular files of a commit, by path; links and submodules are left out."""
    found = []
    for line in _git(clone, "ls-tree", "-r", "-z", "--long", commit).split(b"\0"):
        about, _, path = line.partition(b"\t")
        if path:
            mode, _, name, size = about.decode().split()
            if mode in _REGULAR:
                found.append(Blob(path=path.decode("utf-8", "surrogateescape"), name=name, size=int(size)))
    return found


def content(clone: Path, blob: Blob, limit: int) -> bytes:
    """A file's bytes.

    Raises:
        SubmissionError: It holds more than `limit` bytes, or the object is missing.
    """
    if blob.size > limit:
        raise SubmissionError(f"it is {blob.size >> 10} KiB, and {limit >> 10} KiB is the most that is read")
    return _git(clone, "cat-file", "blob", blob.name)


def _git(clone: Path, *arguments: str) -> bytes:
    environ = {"PATH": os.environ.get("PATH", os.defpath), "HOME": os.devnull, **_QUIET}
    # The clone may be another user's, which git asks to be told.
    command = ["git", "-c", f"safe.directory={clone}", "-c", "core.fsmonitor=false", "-C", str(clone), *arguments]
    try:
        done = subprocess.run(command, env=environ, capture_output=True, timeout=TIMEOUT_S, stdin=subprocess.DEVNULL)
    except FileNotFoundError as error:
        raise SubmissionError("git is not installed here, and the work is in a clone") from error
    except subprocess.TimeoutExpired as error:
        raise SubmissionError(f"git did not answer within {TIMEOUT_S:g} s") from error
    if done.returncode:
        said = one_line(done.stderr.decode("utf-8", "replace").strip() or f"no {arguments[-1]}")
        raise SubmissionError(f"git {arguments[0]} failed: {said}")
    return done.stdout
