"""Clones the repositories of `students.csv`, or fetches what is new: objects alone, nothing is checked out.

Columns: id, repository (where the clone goes, relative to the list), address (where it comes from). GIT_TOKEN, where
it is set, is sent to https addresses and stored nowhere. Ends with 1 where a repository could not be had; the others
are there all the same, and the grader says whose is missing.
"""

import base64
import csv
import os
import subprocess
import sys
from pathlib import Path

QUIET = ["-c", "core.hooksPath=/dev/null", "-c", "protocol.ext.allow=never", "-c", "credential.helper="]


def environment() -> dict[str, str]:
    """Git's environment: the token as a header, for this process alone."""
    environ = {**os.environ, "GIT_TERMINAL_PROMPT": "0"}
    token = environ.pop("GIT_TOKEN", "")
    if token:
        header = base64.b64encode(f"x-access-token:{token}".encode()).decode()
        environ |= {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "http.extraHeader",
            "GIT_CONFIG_VALUE_0": f"Authorization: Basic {header}",
        }
    return environ


def fetch(address: str, clone: Path) -> int:
    """Makes the clone at `clone` what the address has now."""
    if clone.exists():
        command = ["git", *QUIET, "-C", str(clone), "fetch", "--quiet", "--prune", "--tags", "--force", "origin"]
        command.append("+HEAD:refs/heads/handed-in")
    else:
        command = ["git", *QUIET, "clone", "--quiet", "--template=", "--bare", "--", address, str(clone)]
    code = subprocess.run(command, env=environment()).returncode
    if code == 0 and (clone / "refs" / "heads" / "handed-in").exists():
        subprocess.run(["git", "-C", str(clone), "symbolic-ref", "HEAD", "refs/heads/handed-in"], check=True)
    return code


def main(listing: Path) -> int:
    """Clones or fetches each."""
    with listing.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    failed = [row["id"] for row in rows if fetch(row["address"], listing.parent / row["repository"])]
    if failed:
        print(f"no clone of: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
