"""Small values with named parts, as instances of a class that the student's file defines."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import make_dataclass
from functools import cache
from typing import Any


def record(type_name: str, fields: Mapping[str, Any], defined: Callable[[str], Any]) -> Any:
    """What the class of that name makes of the fields; where there is no such class, a plain record with them.

    Student code may ask for the attributes, compare types or match on the class: it gets its own class.
    """
    try:
        kind = defined(type_name)
    except (AttributeError, KeyError):
        kind = _plain(type_name, tuple(fields))
    return kind(**fields)


@cache
def _plain(type_name: str, names: tuple[str, ...]) -> type:
    return make_dataclass(type_name, names, frozen=True)
