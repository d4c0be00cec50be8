"""Arguments that are functions, generators or records, as a question's author writes them down.

    student.reparam_grad(described("sine", frequency=w), mu, logvar, eps)

The student's code and the oracle both get what the family makes of its parameters, each in its own process.
"""

from __future__ import annotations

from typing import Any

from grader.worker import families
from grader.worker.described import Described


def described(family: str, **parameters: Any) -> Described:
    """An argument that the worker makes for itself.

    Args:
        family: The name of a function in `grader/worker/families/`.
        parameters: What it is called with.

    Raises:
        ValueError: Where there is no such family, or it takes something else.
    """
    try:
        wanted = families.parameters_of(family)
    except KeyError:
        raise ValueError(f"there is no family {family!r} in grader/worker/families") from None
    if wanted != parameters.keys():
        raise ValueError(f"{family} takes {', '.join(sorted(wanted))}, not {', '.join(sorted(parameters))}")
    return Described(family, parameters)


def generator(seed: int) -> Described:
    """A `torch.Generator` with this seed, on the device where the student's code computes."""
    return described("generator", seed=seed)


def record(type_name: str, **fields: Any) -> Described:
    """An instance of a small class that the student's file defines, such as `record("Evidence", nats=-1.5)`."""
    return described("record", type_name=type_name, fields=fields)
