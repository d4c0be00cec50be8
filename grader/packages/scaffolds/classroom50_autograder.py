"""Classroom 50's autograder for @@ASSIGNMENT@@: hands the student's code to the grader and writes `result.json`.

This file is public. It holds nothing of the references: they lie on the runner, with another user, who grades what
comes in over standard input. GRADER_COMMAND, in the runner's own environment, says how to reach that user.
"""

import io
import json
import os
import shlex
import subprocess
import sys
import tarfile
from datetime import UTC, datetime
from pathlib import Path

ASSIGNMENT = "@@ASSIGNMENT@@"
MAX_FILES = 200
MAX_BYTES = 10 << 20
"""As much as the grader reads of one file."""


def packed(folder: Path) -> bytes:
    """The student's modules and notebooks, as a .tar.gz."""
    found = [path for path in sorted(folder.rglob("*")) if path.suffix in (".py", ".ipynb")]
    wanted = [path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts)]
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for number, path in enumerate(wanted):
            reason = refusal(path) if number < MAX_FILES else f"{MAX_FILES} files are the most that are graded"
            if reason:
                # In quotes and escaped, so that no name can be a command to the workflow.
                print(f"Left out: {str(path.relative_to(folder))!a}, since {reason}.", file=sys.stderr)
            else:
                archive.add(path, arcname=str(path.relative_to(folder)), recursive=False)
    return out.getvalue()


def refusal(path: Path) -> str:
    """Why a file is not handed on; empty where it is."""
    if path.is_symlink() or not path.is_file():
        return "it is no regular file"
    if path.stat().st_size > MAX_BYTES:
        return f"it is larger than {MAX_BYTES >> 20} MiB; clear the outputs of a notebook"
    return ""


def stamped(result: dict[str, object], environ: dict[str, str]) -> dict[str, object]:
    """The result with who handed in, where and when, which the job knows."""
    from_job = {
        "classroom": "CLASSROOM",
        "assignment": "ASSIGNMENT",
        "assignment_type": "ASSIGNMENT_TYPE",
        "owner": "OWNER",
        "submission": "SUBMISSION_TAG",
        "commit": "COMMIT_URL",
        "release": "RELEASE_URL",
        "review": "REVIEW_URL",
    }
    known = {key: environ[name] for key, name in from_job.items() if environ.get(name)}
    if "owner" not in known and environ.get("USERNAME"):
        known["owner"] = environ["USERNAME"]
    # The tag says when it was handed in; the clock only when it was graded.
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {**result, **known, "datetime": result.get("datetime") or now, "graded_at": now}


def main() -> int:
    """0 is graded, whatever the score; anything else is a fault of the set-up or of the grader."""
    command = os.environ.get("GRADER_COMMAND")
    if not command:
        print("This runner has no GRADER_COMMAND: it is no grading runner. See docs/operators.md.", file=sys.stderr)
        return 2
    folder = Path.cwd()
    done = subprocess.run([*shlex.split(command), ASSIGNMENT], input=packed(folder), stdout=subprocess.PIPE)
    if done.returncode:
        print(f"the grader ended with exit code {done.returncode}, by no fault of the student", file=sys.stderr)
        return done.returncode
    answer = json.loads(done.stdout)
    result = stamped(answer["result"], dict(os.environ))
    (folder / "result.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    (folder / "release-body.md").write_text(answer["body"] + "\n", encoding="utf-8")
    if os.environ.get("GITHUB_OUTPUT"):
        with open(os.environ["GITHUB_OUTPUT"], "a", encoding="utf-8") as output:
            output.write(f"status=graded\nsummary={result['score']}/{result['max-score']}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
