"""Opens nbgrader's gradebook, whatever database holds it."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager

from nbgrader.api import Gradebook
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, OperationalError, ProgrammingError

from grader.errors import UsageError


@contextmanager
def opened(url: str) -> Iterator[Gradebook]:
    """The gradebook at a database URL, made where there is none; its connections are closed at the end.

    Raises:
        UsageError: There is no such database, or it is none of nbgrader's or of this version.
    """
    with _scripts_on_path():
        try:
            gradebook = Gradebook(url)
        except (ArgumentError, NoSuchModuleError, OperationalError, ProgrammingError) as error:
            raise UsageError(f"cannot open the gradebook {shown(url)}: {_said(error)}") from error
    try:
        yield gradebook
    except (OperationalError, ProgrammingError) as error:
        raise UsageError(
            f"the gradebook {shown(url)} refused: {_said(error)}; if it was made by an older nbgrader, back it up and "
            "run `nbgrader db upgrade`"
        ) from error
    finally:
        gradebook.close()
        gradebook.engine.dispose()


def shown(url: str) -> str:
    """The URL without its password."""
    try:
        return str(make_url(url).render_as_string(hide_password=True))
    except ArgumentError:
        return "(not a database URL; expected sqlite:///gradebook.db or postgresql://user@host/name)"


def _said(error: Exception) -> str:
    return str(getattr(error, "orig", None) or error).strip().splitlines()[0]


@contextmanager
def _scripts_on_path() -> Iterator[None]:
    """nbgrader starts `alembic` by name, which is not on the path of an environment that is not activated."""
    before = os.environ.get("PATH", os.defpath)
    beside = [os.path.dirname(sys.executable), sysconfig.get_path("scripts")]
    os.environ["PATH"] = os.pathsep.join([*beside, before])
    try:
        yield
    finally:
        os.environ["PATH"] = before
