"""What other systems need to grade with this course, ready to upload: one file in this folder is one system.

Some packages hold the references and the course secret, and are for the instructor's eyes alone; each says so in its
README, with what its system protects and what not.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, cast

from grader.errors import UsageError
from grader.files import write_atomically
from grader.packages.bundle import Bundle

Files = Mapping[str, bytes]
"""By path inside the package. What starts with `#!` is made executable."""


class Target(Protocol):
    """What a module of this folder has if it is a system."""

    NAME: str
    """As `grader package` spells it."""
    OPTIONS: Mapping[str, str]
    """What `--set` takes, and what each is for."""

    def files(self, bundle: Bundle, options: Mapping[str, str]) -> Files:
        """The files of the package.

        Raises:
            UsageError: An option's value cannot be, or an assignment has to be named.
        """


def targets() -> dict[str, Target]:
    """The systems by name."""
    names = (module.name for module in pkgutil.iter_modules(__path__) if not module.ispkg)
    modules = (importlib.import_module(f"{__name__}.{name}") for name in names)
    return {module.NAME: cast("Target", module) for module in modules if hasattr(module, "NAME")}


def write(name: str, bundle: Bundle, options: Mapping[str, str], out: Path) -> list[Path]:
    """Writes the package for a system to a folder and returns its files.

    Raises:
        UsageError: There is no such system or option, or the folder cannot be written.
    """
    known = targets()
    if name not in known:
        raise UsageError(f"there is no package for {name!r}; there are {', '.join(sorted(known))}")
    if unknown := sorted(set(options) - set(known[name].OPTIONS)):
        listed = "; ".join(f"{option}: {about}" for option, about in known[name].OPTIONS.items()) or "none"
        raise UsageError(f"a package for {name} has no option {unknown[0]!r}; its options are: {listed}")
    written = []
    for path, data in known[name].files(bundle, options).items():
        # For the owner alone: most packages hold the references and the secret.
        write_atomically(out / path, data, mode=0o700 if data.startswith(b"#!") else 0o600)
        written.append(out / path)
    return written
