"""No namespaces: for inside a container, whose own filter usually forbids to make any."""

from __future__ import annotations

from grader.sandboxes import Sandbox
from grader.worker.control import Layer

_LAYERS = tuple(layer for layer in Layer if layer not in (Layer.NAMESPACES, Layer.PRIVATE_ROOT))

profile = Sandbox(
    name="container",
    mode="container",
    layers=_LAYERS,
    required=frozenset(_LAYERS),
    without="A submission can learn whether a path exists, though not open it; it has no temporary directory.",
)
