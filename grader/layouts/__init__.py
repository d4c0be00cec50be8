"""How systems lay out what a class handed in: one file in this folder is one layout.

`folder` is the layout of `docs/instructors.md`; the others are what Canvas, Moodle, nbgrader and git leave on a disk.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, cast

from grader.errors import UsageError
from grader.handins import Handin

AUTO = "auto"


class Layout(Protocol):
    """What a module of this folder has."""

    NAME: str
    """As `--layout` spells it."""

    def recognises(self, path: Path, names: frozenset[str]) -> bool:
        """Whether a path is laid out like this; `names` are the assignments. False for one student's own folder."""

    def handins(self, path: Path, names: frozenset[str], say: Callable[[str], object]) -> list[Handin]:
        """The students at a path.

        Raises:
            UsageError: It is not laid out like this.
        """


def layouts() -> dict[str, Layout]:
    """The layouts by name."""
    names = (module.name for module in pkgutil.iter_modules(__path__))
    found = (cast("Layout", importlib.import_module(f"{__name__}.{name}")) for name in names)
    return {layout.NAME: layout for layout in found}


def find(name: str, path: Path, names: frozenset[str]) -> Layout:
    """The layout of that name; for `auto`, the one that recognises the path, and `folder` where none does.

    Raises:
        UsageError: There is no such layout.
    """
    known = layouts()
    if name == AUTO:
        return next((layout for layout in known.values() if layout.recognises(path, names)), known["folder"])
    if name not in known:
        raise UsageError(f"there is no layout {name!r}; --layout takes {AUTO} or one of {', '.join(sorted(known))}")
    return known[name]
