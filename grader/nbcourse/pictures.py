"""Pictures that students pasted into their text: the ones that every page of nbgrader can show, and nothing else."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from urllib.parse import unquote

from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

from grader.text import is_text

Bundle = dict[str, str]
"""A picture in base64, by the kind of each of its forms."""

# An SVG in an <img>, which is all that nbconvert makes of these, runs no script.
_KIND = re.compile(r"image/(png|jpeg|gif|webp|svg\+xml)")
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_ABSENT: Bundle = {"image/png": ""}
"""Shows the text of a link whose picture is not there, where nbconvert would refuse the whole notebook."""


def pictures(given: object, text: str) -> dict[str, Bundle]:
    """The attachments of a cell, by the names that its text uses.

    Args:
        given: What the cell has as its attachments: anything that JSON can hold.
        text: The cell's Markdown.
    """
    bundles = given.items() if isinstance(given, dict) else ()
    kept = {name: bundle for name, one in bundles if is_text(name) and (bundle := _bundle(one))}
    return kept | {name: kept.get(_as_written(name), _ABSENT) for name in _names(text) if name not in kept}


def _bundle(given: object) -> Bundle:
    found = {kind: _joined(data) for kind, data in given.items()} if isinstance(given, dict) else {}
    return {kind: data for kind, data in found.items() if _KIND.fullmatch(kind) and _BASE64.fullmatch(data)}


def _joined(data: object) -> str:
    """Base64 as one string, which the format stores as one or as a list of lines."""
    lines = data if isinstance(data, list) else [data]
    return "".join("".join(line.split()) for line in lines if isinstance(line, str))


def _names(text: str) -> list[str]:
    """The attachments that nbconvert looks for as it makes a page of this text."""
    if "attachment" not in html.unescape(text):
        return []
    asked = _Asked()
    MarkdownWithMath(renderer=IPythonRenderer(escape=False, attachments=asked)).render(text)
    return [name for name in asked.names if is_text(name)]


class _Asked(dict[str, Mapping[str, str]]):
    """Has every attachment, and notes which it is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __contains__(self, name: object) -> bool:
        self.names.append(str(name))
        return True

    def __missing__(self, name: str) -> Mapping[str, str]:
        return _ABSENT


def _as_written(name: str) -> str:
    """A name before it was made part of an address."""
    return unquote(html.unescape(name))
