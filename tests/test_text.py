"""Untrusted text comes out visible, bounded and harmless."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.text import csv_cell, one_line, printable

ANY_TEXT = st.text(st.characters(), max_size=60)  # lone surrogates included


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("\x1b[2J\x1b]52;c;cm0=\x07", r"\x1b[2J\x1b]52;c;cm0=\x07"),
        ("90/100\r100/100", r"90/100\x0d100/100"),
        ("\x9b31m", r"\x9b31m"),
        ("\x7f\x00", r"\x7f\x00"),
        ("if user\u202e\u2066 == admin", "if user⟨U+202E⟩⟨U+2066⟩ == admin"),
        ("zero\u200bwidth\ufeff", "zero⟨U+200B⟩width⟨U+FEFF⟩"),
        ("a\u00a0b\u2028c", "a⟨U+00A0⟩b⟨U+2028⟩c"),
        ("\ud800", r"\ud800"),
        ("\u3164\u2800", "⟨U+3164⟩⟨U+2800⟩"),
        ("\U000e0041\ufffe", "⟨U+E0041⟩⟨U+FFFE⟩"),
    ],
)
def test_what_hides_or_acts_is_spelled_out(hostile: str, shown: str) -> None:
    assert printable(hostile) == shown


def test_ordinary_text_is_untouched() -> None:
    text = "µ = Σᵢ xᵢ / n, naïve 漢字 😀\n\tκ ≥ 0"
    assert printable(text) == text


def test_windows_line_ends_are_line_ends() -> None:
    assert printable("a\r\nb") == "a\nb"


@given(ANY_TEXT)
def test_nothing_invisible_is_left(text: str) -> None:
    shown = printable(text)
    assert all(char in "\n\t " or unicodedata.category(char)[0] in "LMNPS" for char in shown)
    shown.encode("utf-8")


@given(ANY_TEXT)
def test_making_printable_twice_changes_nothing(text: str) -> None:
    assert printable(printable(text)) == printable(text)


@given(ANY_TEXT)
def test_one_line_is_one_line(text: str) -> None:
    assert one_line(text).isprintable()


def test_a_flood_is_cut_and_says_so() -> None:
    shown = printable("x" * 50_000_000, limit=10)
    assert shown == "xxxxxxxxxx… [49,999,990 more characters]"


@pytest.mark.parametrize(
    "formula",
    ["=1+1", "+cmd|' /C calc'!A0", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "  =1", "\uff1d1", '=A("x")', "-"],
)
def test_no_cell_starts_a_formula(formula: str) -> None:
    assert csv_cell(formula).startswith("'")


@pytest.mark.parametrize("harmless", ["alice", "kl.1", "-1.5", "+3", "a=b", "", "2024-01-01"])
def test_harmless_cells_are_untouched(harmless: str) -> None:
    assert csv_cell(harmless) == harmless
