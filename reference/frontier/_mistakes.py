"""Lists of wrong answers, for questions with too many to stand in the question's own file."""

from __future__ import annotations

from collections.abc import Callable

Wrong = Callable[..., object]
Mistake = tuple[str, Wrong]
"""The sentence that a wrong answer deserves, and the answer."""


def listed_in(bank: list[Mistake], sentence: str) -> Callable[[Wrong], Wrong]:
    """Put what is decorated into a list, with its sentence."""

    def add(wrong: Wrong) -> Wrong:
        bank.append((sentence, wrong))
        return wrong

    return add
