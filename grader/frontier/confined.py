"""Training with a student's pieces in a confined worker. What comes back is plain tensors.

The worker gets one module, as it gets a submission: a program of ours that holds as text what trains
(`grader/frontier/models`) and the student's modules. The course's own solutions are never in it. Whatever the state
that comes back is, it is evaluated outside, with the course's pieces.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import Tensor

from grader import sandboxes
from grader.errors import CheckFailed, SubmissionError
from grader.frontier.data import Data
from grader.frontier.records import PROJECT, Job
from grader.link import Link, Relay
from grader.model import Cause
from grader.transports import Call
from grader.worker.messages import Mode, Raised
from grader.workers import Limits, Zygote

_HERE = Path(__file__).parent
PROBE_S = 60.0
MAX_STEPS = 1e9
MARGIN_S = 30.0
"""Beyond the budget: imports, the last step, the way back."""

_PROGRAM = """
import importlib.abc, importlib.util, sys

_SOURCES = {sources!r}


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path, target=None):
        if name not in _SOURCES:
            return None
        return importlib.util.spec_from_loader(name, self, is_package=_SOURCES[name][0])

    def exec_module(self, module):
        exec(compile(_SOURCES[module.__name__][1], "<" + module.__name__ + ">", "exec"), module.__dict__)


sys.meta_path.insert(0, _Finder())
import importlib
from grader.frontier.models import _work

for _name in _SOURCES:
    importlib.import_module(_name)

probed, trained, fitted = _work.probed, _work.trained, _work.fitted
"""


def probed(job: Job, protected: Sequence[Path]) -> dict[str, str]:
    """What is wrong with each of the student's pieces, as the worker says."""
    answer = _asked(job, "probed", (dict(job.sources), dict(job.uses)), PROBE_S, protected)
    if not isinstance(answer, dict) or answer.keys() != job.uses.keys():
        raise SubmissionError("the quick test came back with something else than an answer", Cause.PROTOCOL)
    return {piece: str(problem)[:300] for piece, problem in answer.items()}


def trained(job: Job, data: Data, protected: Sequence[Path]) -> tuple[dict[str, Tensor], dict[str, float]]:
    """The state that training with the student's pieces ends in, and how it went; both are the student's claim."""
    space = asdict(data.space)
    given = (job.model, dict(job.sources), dict(job.uses), space, data.fit, data.held_back, job.budget_s, job.seed)
    answer = _asked(job, "trained", given, job.budget_s, protected)
    match answer:
        case (dict() as state, {"steps": float() as steps, "seconds": float() as seconds}):
            if _are_tensors(state) and 0 <= steps < MAX_STEPS and 0 <= seconds < wall_s(job.budget_s):
                return state, {"steps": steps, "seconds": seconds}
    raise SubmissionError("training came back with something else than a state", Cause.PROTOCOL)


def fitted(job: Job, protected: Sequence[Path]) -> dict[str, Tensor]:
    """The fits in both directions of the KL; the student's claim."""
    answer = _asked(job, "fitted", (dict(job.sources), dict(job.uses)), PROBE_S, protected)
    if not isinstance(answer, dict) or not _are_tensors(answer):
        raise SubmissionError("the fits came back as something else than tensors", Cause.PROTOCOL)
    return answer


def wall_s(seconds: float) -> float:
    """How long a worker may take for so many seconds of work, where other work goes on too."""
    return 6 * seconds + MARGIN_S


def _asked(job: Job, function: str, args: tuple[Any, ...], seconds: float, protected: Sequence[Path]) -> Any:
    """What a function of `_work` returns in a confined worker.

    Raises:
        SandboxError: This machine cannot confine it.
        SubmissionError: The student's code failed.
    """
    if any(whose.startswith(PROJECT) for whose in job.sources):
        raise AssertionError("the course's own solutions do not enter a worker")
    limits = Limits(wall_s=wall_s(seconds), cpu_s=int(2 * seconds + MARGIN_S))
    with Zygote(sandboxes.load(job.sandbox), limits=limits, protected=protected) as zygote:
        link = Link(
            zygote.spawn,
            module="frontier_program",
            source=_program(),
            device="cpu",
            seed=job.seed,
            relay=Relay(),
            total_s=limits.wall_s,
            wall_s=limits.wall_s,
        )
        try:
            answer = link.perform(Call(function=function, mode=Mode.CALL, args=args, kwargs={}))
        except CheckFailed as failure:
            raise SubmissionError(failure.message, failure.cause) from failure
        finally:
            link.close()
    if isinstance(answer, Raised):
        raise SubmissionError(f"{answer.type_name}: {answer.message}"[:300], Cause.EXCEPTION)
    return answer.value


def _program() -> str:
    """The module that the worker gets."""
    files = {"grader.frontier": (True, "")}
    for path in sorted((_HERE / "models").glob("*.py")):
        parts = "grader.frontier.models" if path.stem == "__init__" else f"grader.frontier.models.{path.stem}"
        files[parts] = (path.stem == "__init__", path.read_text(encoding="utf-8"))
    return _PROGRAM.format(sources=files)


def _are_tensors(values: Mapping[Any, Any]) -> bool:
    return all(isinstance(name, str) and isinstance(value, Tensor) for name, value in values.items())
