"""The models: one file each, found by its name. A file whose name starts with `_` is what they share."""

from __future__ import annotations

import importlib
import pkgutil

from grader.frontier.models._base import Model


def names() -> tuple[str, ...]:
    """The models of this folder, from the most tractable likelihood to none."""
    found = [module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")]
    return tuple(sorted(found, key=lambda name: (find(name).PLACE, name)))


def find(name: str) -> type[Model]:
    """The class of that name: the one subclass of `Model` that its file defines."""
    module = importlib.import_module(f"{__name__}.{name}")
    (model,) = (
        each
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, Model) and each.__module__ == module.__name__
    )
    return model
