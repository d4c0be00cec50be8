"""Says what the public tests found: a table for the job's summary, and at most one annotation a question.

python summarise.py found.json...   (what `selfcheck_plugin.py` wrote). Ends with 1 where a test failed.
"""

import json
import os
import sys
from pathlib import Path

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


def main(paths: list[Path]) -> int:
    """Summarises."""
    questions: dict[str, list[dict[str, str]]] = {}
    problems: list[str] = []
    for path in paths:
        found = json.loads(path.read_text(encoding="utf-8"))
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
        lines += ["", f"A file could not be tested: {cell(problem)}"]
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    text = "\n".join(lines) + "\n"
    if summary:
        Path(summary).write_text(text, encoding="utf-8")
        for question, failed in list(failing.items())[:MAX_ANNOTATIONS]:
            says = f"{len(failed)} of {len(questions[question])} tests do not pass; first: {failed[0]['description']}"
            print(f"::warning title={escaped(question)}::{escaped(says)}")
    else:
        print(text)
    return 1 if failing or problems else 0


if __name__ == "__main__":
    sys.exit(main([Path(name) for name in sys.argv[1:]]))
