"""What a student's own job needs to run the public tests and say what they found: nothing of the references."""

from __future__ import annotations

from pathlib import Path

from grader import selfcheck_plugin
from grader.packages.bundle import Bundle, scaffold


def public_tests(bundle: Bundle) -> dict[str, bytes]:
    """A pytest plugin, a program that summarises, and the public tests of each assignment, by path."""
    found = {
        "selfcheck_plugin.py": Path(selfcheck_plugin.__file__).read_bytes(),
        "summarise.py": scaffold("summarise.py"),
    }
    for name in bundle.assignments():
        found[f"tests/test_{name}.py"] = bundle.released(name)[f"test_{name}.py"]
    return found
