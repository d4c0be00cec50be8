"""What commands print: the answer on standard output, a table or JSON; what else there is to say, on standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from grader.errors import NobodyReadsError

if TYPE_CHECKING:
    from rich.console import Console, RenderableType


def print_document(document: object, table: Callable[[], RenderableType], *, as_json: bool) -> None:
    """Print the document, or the table that shows it."""
    if as_json:
        print_json(document)
    else:
        print_table(table())


def print_json(document: object) -> None:
    """Print a document as JSON."""
    import msgspec

    print_lines(msgspec.json.format(msgspec.json.encode(document), indent=1).decode())


def print_lines(*lines: object) -> None:
    """Print each on a line of its own."""
    with _heard():
        print(*lines, sep="\n", flush=True)


def print_table(table: RenderableType) -> None:
    """Print what rich makes of it."""
    with _heard():
        console().print(table)
        sys.stdout.flush()


@contextmanager
def _heard() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise NobodyReadsError from None


def say(sentence: str) -> None:
    """Tell the person at the terminal; standard output is for what was asked."""
    print(sentence, file=sys.stderr)


def console(*, stderr: bool = False) -> Console:
    from rich.console import Console

    return Console(stderr=stderr, highlight=False)
