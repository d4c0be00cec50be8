"""Every layer: for a machine or a virtual machine of one's own."""

from __future__ import annotations

from grader.sandboxes import Sandbox
from grader.worker.control import Layer

profile = Sandbox(
    name="strict",
    mode="strict",
    layers=tuple(Layer),
    required=frozenset(Layer),
    without="It does not protect from flaws of the Linux kernel itself.",
)
