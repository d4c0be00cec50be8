"""Untrusted text made safe to show: no terminal escapes, no hidden characters, no spreadsheet formulas, no floods.

A student's file name, exception or written answer is data. What a reader cannot see is spelled out instead of
dropped, so that an attack and an accident (a no-break space in code, say) both stay visible.
Escaping for HTML, XML and Markdown is the business of those formats; this module makes the characters harmless.
"""

from __future__ import annotations

import re

LIMIT = 8_000
"""Characters shown of one text, unless the caller says otherwise."""

_FILLERS = "\u115f\u1160\u2800\u3164\uffa0"
"""Blank characters that Unicode counts as letters or symbols, and `str.isprintable` therefore accepts."""

_FORMULA_STARTS = tuple("=+-@\t\r\n|%\uff1d\uff0b\uff0d\uff20")
"""The last four are full-width `=`, `+`, `-` and `@`."""
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")


def printable(text: str, limit: int = LIMIT) -> str:
    r"""The text with every character visible: `\x1b` for controls, `⟨U+202E⟩` for marks that reorder or hide.

    Newlines and tabs stay. Whoever shows the text in a table or on a terminal line wants `one_line`.

    Args:
        text: Anything, lone surrogates included.
        limit: Characters to keep; the number cut off is said at the end.
    """
    if len(text) <= limit and text.isascii() and text.isprintable():
        return text
    shown = _cut(text, limit).replace("\r\n", "\n")
    return "".join(char if char in "\n\t" else _visible(char) for char in shown)


def one_line(text: str, limit: int = 200) -> str:
    r"""`printable` for a table cell or a terminal line: newlines and tabs become `\n` and `\t`."""
    return printable(text, limit).replace("\n", "\\n").replace("\t", "\\t")


def csv_cell(text: str, limit: int = LIMIT) -> str:
    """`one_line` that no spreadsheet takes for a formula: an apostrophe comes before `=`, `+`, `-`, `@` and tab.

    Plain numbers stay as they are. Source: CWE-1236, OWASP ASVS 1.2.10; RFC 4180 quoting does not help.
    """
    shown = one_line(text, limit)
    risky = text.lstrip(" ").startswith(_FORMULA_STARTS) and not _NUMBER.fullmatch(text)
    return f"'{shown}" if risky else shown


def is_text(text: str) -> bool:
    """Whether it can be written as UTF-8: a lone surrogate, which JSON and file names can hold, cannot."""
    return not any("\ud800" <= char <= "\udfff" for char in text)


def _cut(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    return f"{text[:limit]}… [{len(text) - limit:,} more characters]"


def _visible(char: str) -> str:
    if char.isprintable() and char not in _FILLERS:
        return char
    code = ord(char)
    if code < 0xA0:
        return f"\\x{code:02x}"
    if 0xD800 <= code <= 0xDFFF:
        return f"\\u{code:04x}"
    return f"⟨U+{code:04X}⟩"
