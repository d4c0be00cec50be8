"""Reading a student's Python without running it: one parser, whatever the text is."""

from __future__ import annotations

import ast
import re
import warnings

_DEFINITION = re.compile(r"^(?:async\s+)?(?:def|class)\s+(\w+)", re.MULTILINE)


def parse(source: str) -> ast.Module:
    """The syntax tree of a text.

    Raises:
        SyntaxError: Whatever keeps the text from being Python, deep nesting and null bytes included.
    """
    try:
        with warnings.catch_warnings():
            # A docstring with "\sigma" in it makes the parser warn; that is between Python and its author.
            warnings.simplefilter("ignore")
            return ast.parse(source)
    except (RecursionError, MemoryError) as error:
        raise SyntaxError("too deeply nested") from error
    except ValueError as error:
        raise SyntaxError(str(error)) from error


def defined_names(source: str) -> set[str]:
    """Names that a module binds at its top level; for a text that is not Python, those of its `def` and `class`."""
    try:
        body = parse(source).body
    except SyntaxError:
        return set(_DEFINITION.findall(source))
    names: set[str] = set()
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            names |= assigned_names(node)
    return names


def assigned_names(node: ast.Assign | ast.AnnAssign) -> set[str]:
    """The plain names that an assignment binds."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return {name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)}
