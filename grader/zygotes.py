"""The zygotes of one grading process: one for the CPU from the start, one for each other device when first needed."""

from __future__ import annotations

import copy

from grader import sandboxes
from grader.errors import CheckFailed, GraderError
from grader.task import Plan
from grader.workers import Limits, Zygote

_TRIAL = "def doubled(x):\n    return x + x\n"


class Zygotes:
    """Starts zygotes, and replaces one that broke.

    Args:
        plan: How workers are confined and limited.

    Raises:
        SandboxError: Where this machine cannot confine them.
        GraderError: Where the zygote for the CPU ends at once.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        # It takes seconds to warm up; meanwhile this process loads questions and records oracles.
        self._started: dict[str, Zygote] = {"cpu": self._start("cpu")}

    def of(self, device: str) -> Zygote:
        """The process that forks workers for a device, warm.

        Raises:
            SandboxError: Where this machine cannot confine them.
            GraderError: Where it does not get warm, or a confined worker cannot compute on the device.
        """
        if device not in self._started:
            self._started[device] = self._start(device)
        _ = self._started[device].hello
        return self._started[device]

    def renew(self, device: str) -> None:
        """Give up a zygote that starts no workers any more; the next call for one starts another.

        Raises:
            SandboxError: Where this machine cannot confine workers.
        """
        try:
            self.of(device).spawn().close()
        except (GraderError, OSError):
            if device in self._started:
                self._started.pop(device).close()

    def divided(self) -> Zygotes:
        """Others, for a process that this one will fork and that outlives none of these.

        Raises:
            GraderError: Where the zygote for the CPU is gone.
        """
        others = copy.copy(self)
        others._started = {"cpu": self.of("cpu").divided()}
        return others

    def let_go(self) -> None:
        """Leave them to another process, which was forked from this one and goes on using them."""
        for zygote in self._started.values():
            zygote.let_go()
        self._started.clear()

    def close(self) -> None:
        """End them all."""
        for zygote in self._started.values():
            zygote.close()

    def _start(self, device: str) -> Zygote:
        profile = sandboxes.load(self._plan.sandbox)
        limits = Limits(wall_s=self._plan.wall_s, memory_mib=self._plan.memory_mib)
        if device == "cpu":
            return Zygote(profile, limits=limits, protected=self._plan.protected, ahead=True)
        zygote = Zygote(profile.with_gpu(), limits=limits, protected=self._plan.protected)
        try:
            _try_device(zygote, device)
        except BaseException:
            zygote.close()
            raise
        return zygote


def _try_device(zygote: Zygote, device: str) -> None:
    """Compute something in a confined worker, so that a device that does not work there costs no student a point."""
    # Not before the zygote for the CPU warms up: torch takes as long to import here as there.
    import torch

    from grader.link import Link, Relay
    from grader.transports import Call
    from grader.worker.messages import Mode, Raised

    link = Link(zygote.spawn, module="trial", source=_TRIAL, device=device, seed=0, relay=Relay())
    try:
        answer = link.perform(Call(function="doubled", mode=Mode.CALL, args=(torch.ones(2),), kwargs={}))
    except CheckFailed as failure:
        raise GraderError(f"a confined worker cannot compute on {device}: {failure}") from failure
    finally:
        link.close()
    if isinstance(answer, Raised):
        raise GraderError(f"a confined worker cannot compute on {device}: {answer.type_name}: {answer.message}")
