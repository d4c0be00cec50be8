"""Says what the public tests found: a table for the job's summary, and at most one annotation a question.

python summarise.py found.json...   (what `selfcheck_plugin.py` wrote). Ends with 1 where a test failed or did not run.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

MAX_ANNOTATIONS = 10
"""GitHub shows no more of one kind for a step."""


def cell(text: str) -> str:
    """Text that no table or markup takes for its own."""
    safe = "".join(f"&#{ord(char)};" if char in "|<>&*_`[]\\" else char for char in text if char.isprintable())
    return safe[:200]


def escaped(text: str) -> str:
    """Text inside a workflow command."""
    shown = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return shown.replace(":", "%3A").replace(",", "%2C")


def found_in(path: Path) -> dict[str, Any]:
    """What one run of the tests found."""
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        # The pattern itself, where the shell found no file for it.
        return {"tests": [], "problems": ["no assignment's module lies where the tests look for it"]}
    except ValueError:
        name = path.stem.removeprefix("found-")
        return {"tests": [], "problems": [f"{name} ended before it could say what it found"]}
    return found


def main(paths: list[Path]) -> int:
    """Summarises."""
    questions: dict[str, list[dict[str, str]]] = {}
    problems: list[str] = []
    for path in paths:
        found = found_in(path)
        problems += found["problems"]
        for test in found["tests"]:
            questions.setdefault(test["question"] or "other", []).append(test)
    lines = ["# Public tests", "", "| question | passed | of |", "| --- | --: | --: |"]
    failing = {}
    for question, tests in questions.items():
        passed = sum(test["outcome"] in ("passed", "skipped") for test in tests)
        lines.append(f"| {cell(question)} | {passed} | {len(tests)} |")
        failed = [test for test in tests if test["outcome"] not in ("passed", "skipped")]
        if failed:
            failing[question] = failed
    lines += ["", "The graded checks are others, and more."]
    for problem in problems:
        lines += ["", f"Something could not be tested: {cell(problem)}"]
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    text = "\n".join(lines) + "\n"
    if summary:
        Path(summary).write_text(text, encoding="utf-8")
        for question, failed in list(failing.items())[:MAX_ANNOTATIONS]:
            says = f"{len(failed)} of {len(questions[question])} tests do not pass; first: {failed[0]['description']}"
            print(f"::warning title={escaped(question)}::{escaped(says)}")
        for problem in problems[:MAX_ANNOTATIONS]:
            print(f"::error title=Not tested::{escaped(problem)}")
    else:
        print(text)
    return 1 if failing or problems else 0


if __name__ == "__main__":
    sys.exit(main([Path(name) for name in sys.argv[1:]]))
