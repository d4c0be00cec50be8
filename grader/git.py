"""Reads a clone that students could push to: objects only, with plumbing commands, and nothing of it is ever run.

No hook, filter, pager, signature program or remote of the clone's own configuration takes part: nothing is checked
out, logged, diffed or fetched.
"""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from grader.errors import SubmissionError, UnreadableError, UsageError
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
_COMMIT_TIME = re.compile(rb"^committer .* (\d{1,19}) [+-]\d{4}$", re.MULTILINE)
_TAG = "%00".join(
    ["%(refname:strip=2)", *(f"%({of}objecttype) %({of}objectname) %({of}committerdate:unix)" for of in ("", "*"))]
)
_REGULAR = {"100644", "100755", "100664"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Tag:
    """A tag of a commit."""

    name: str
    commit: str
    time: int
    """The committer's, in seconds since 1970; see `time_of`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Blob:
    """One regular file of a commit."""

    path: str
    name: str
    """The object's."""
    size: int


def commit_of(clone: Path, revision: str) -> str | None:
    """The commit that a revision names; None for none.

    Raises:
        UnreadableError: There is no repository, as for everything here.
    """
    name = f"{revision}^{{commit}}"
    done = _run(clone, "rev-parse", "--verify", "--quiet", "--end-of-options", name)
    # Git ends with 1 where there is no such name, and with 128 where it cannot tell.
    return None if done.returncode == 1 else _output(done, "rev-parse").decode().strip()


def time_of(clone: Path, commit: str) -> int:
    """The committer's time in seconds since 1970: what the student's own clock said; 0 where it said none."""
    found = _COMMIT_TIME.search(_git(clone, "cat-file", "commit", commit).partition(b"\n\n")[0])
    return int(found[1]) if found else 0


def tags(clone: Path, prefix: str) -> list[Tag]:
    """The tags below a prefix such as `submit/`, the oldest commit first; those of no commit are left out."""
    listing = _git(clone, "for-each-ref", f"--format={_TAG}", f"refs/tags/{prefix}").decode("utf-8", "replace")
    found = []
    for line in listing.splitlines():
        name, *objects = line.split("\0")
        # Of a tag with a message, the second is what it is a tag of.
        for each in objects:
            kind, _, about = each.partition(" ")
            commit, _, time = about.partition(" ")
            if kind == "commit":
                found.append(Tag(name=name, commit=commit, time=int(time.strip() or 0)))
    return sorted(found, key=lambda tag: (tag.time, tag.name))


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
        SubmissionError: It holds more than `limit` bytes.
        UnreadableError: The clone lacks it.
    """
    if blob.size > limit:
        raise SubmissionError(f"it is {blob.size >> 10} KiB, and {limit >> 10} KiB is the most that is read")
    return _git(clone, "cat-file", "blob", blob.name)


def _git(clone: Path, *arguments: str) -> bytes:
    return _output(_run(clone, *arguments), arguments[0])


def _run(clone: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    environ = {"PATH": os.environ.get("PATH", os.defpath), "HOME": os.devnull, **_QUIET}
    # Named outright, or git would look for one in the folders above.
    inside = clone / ".git"
    repository = os.path.abspath(inside if os.path.lexists(inside) else clone)
    # The clone may be another user's, which git asks to be told.
    safe = ["-c", f"safe.directory={clone}", "-c", f"safe.directory={repository}"]
    command = ["git", *safe, "-c", "core.fsmonitor=false", f"--git-dir={repository}", *arguments]
    try:
        return subprocess.run(command, env=environ, capture_output=True, timeout=TIMEOUT_S, stdin=subprocess.DEVNULL)
    except (FileNotFoundError, PermissionError) as error:
        raise UsageError("git is not installed here, and the work is in clones; install it and grade again") from error
    except subprocess.TimeoutExpired as error:
        raise UnreadableError(f"git did not answer within {TIMEOUT_S:g} s") from error
    except OSError as error:
        raise UnreadableError(f"git could not be started: {error.strerror}") from error


def _output(done: subprocess.CompletedProcess[bytes], command: str) -> bytes:
    if done.returncode:
        said = one_line(done.stderr.decode("utf-8", "replace").strip() or f"exit code {done.returncode}")
        raise UnreadableError(f"git {command} failed: {said}")
    return done.stdout
