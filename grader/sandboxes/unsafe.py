"""Nothing that confines: for one's own code only. Results say UNSANDBOXED."""

from __future__ import annotations

from grader.sandboxes import Sandbox
from grader.worker.control import Layer

profile = Sandbox(
    name="unsafe",
    mode="UNSANDBOXED",
    layers=(Layer.RLIMITS, Layer.NO_NEW_PRIVS),
    required=frozenset(),
    without="A submission can read and change whatever you can.",
)
