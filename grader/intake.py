"""From a path to the students who handed in there: it is opened, its layout recognised, the roster consulted."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from grader import class_zip, layouts
from grader.errors import UsageError
from grader.handins import Handin
from grader.layouts import folder
from grader.roster import Roster, resolve
from grader.text import one_line

STUDENT = "student"
"""As a layout: whatever the path is, it is one student's."""


@contextmanager
def students_at(
    path: Path,
    *,
    names: frozenset[str],
    layout: str = layouts.AUTO,
    roster: Roster | None = None,
    follow: bool = True,
    say: Callable[[str], object] = lambda sentence: None,
) -> Iterator[list[Handin]]:
    """The students at a path, in the order of their ids; their files can be read inside the context.

    Args:
        path: One file, one student's folder, a class in any layout, or a zip of one.
        names: The assignments.
        layout: How the path is laid out; see `grader.layouts`.
        roster: Who is in the class.
        follow: Whether the path itself may be a link. Only for a path that a person named; below it, none ever is.
        say: Takes a sentence for each thing that is no student's, and for each student who is unknown or missing.

    Raises:
        UsageError: There is nothing at the path, it cannot be opened, or it is not laid out like that.
    """
    path = Path(os.path.abspath(path))
    if not os.path.lexists(path):
        raise UsageError(f"there is no file or folder {one_line(str(path), 500)}")
    if follow and path.is_symlink() and path.exists():
        path = path.resolve()
    with ExitStack() as stack:
        root = path
        if layout != STUDENT and _is_class_zip(path, names, layout):
            root = stack.enter_context(class_zip.unpacked(path, say))
            if layout == layouts.AUTO:
                say(f"{one_line(path.name)} is read as a whole class's; --layout {STUDENT} if it is one student's")
        if layout == STUDENT:
            found = [folder.one_student(root, names)]
        else:
            found = layouts.find(layout, root, names).handins(root, names, say)
        yield sorted(resolve(found, roster, say), key=lambda handin: handin.id)


def _is_class_zip(path: Path, names: frozenset[str], layout: str) -> bool:
    if path.suffix.lower() != ".zip" or not path.is_file():
        return False
    return layout != layouts.AUTO or class_zip.is_class(path, names)
