"""The command line: each file of `grader/commands` is one command, a function of the file's name.

A command reads its settings, makes one call, prints what came back, and returns its exit code. Nothing heavy is
imported before a command needs it.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Callable
from typing import ParamSpec

import typer

from grader import commands
from grader.exits import ending

_P = ParamSpec("_P")

# Without rich, help answers in half the time.
app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


def main() -> None:
    """The `grader` command."""
    app()


def _command(run: Callable[_P, int]) -> Callable[_P, None]:
    """Make a function that returns an exit code a command; what it raises becomes a sentence and a code."""

    @app.command()
    @functools.wraps(run)
    def command(*args: _P.args, **kwargs: _P.kwargs) -> None:
        raise typer.Exit(ending(lambda: run(*args, **kwargs)))

    return command


for _name in sorted(module.name for module in pkgutil.iter_modules(commands.__path__)):
    if not _name.startswith("_"):
        _command(getattr(importlib.import_module(f"grader.commands.{_name}"), _name))
