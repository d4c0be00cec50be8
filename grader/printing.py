"""What commands print: the answer on standard output, a table or JSON; what else there is to say, on standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console, RenderableType


def print_document(document: object, table: Callable[[], RenderableType], *, as_json: bool) -> None:
    """Print the document, or the table that shows it."""
    if as_json:
        print_json(document)
    else:
        console().print(table())


def print_json(document: object) -> None:
    import msgspec

    print(msgspec.json.format(msgspec.json.encode(document), indent=1).decode())


def say(sentence: str) -> None:
    """Tell the person at the terminal; standard output is for what was asked."""
    print(sentence, file=sys.stderr)


def console(*, stderr: bool = False) -> Console:
    from rich.console import Console

    return Console(stderr=stderr, highlight=False)
