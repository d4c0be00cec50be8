"""The worker's loop: load one submission, then answer calls. All of it is at the student's mercy."""

from __future__ import annotations

import gc
import importlib.abc
import importlib.machinery
import importlib.util
import linecache
import os
import sys
import traceback
from functools import cache
from types import CodeType, ModuleType
from typing import Any

import torch

from grader.worker import calls, frames, messages, targets, wire
from grader.worker.messages import Load, Packed, Raised, Reply, Returned, Run
from grader.worker.surroundings import Surroundings

MAX_MESSAGE_CHARS = 2000
FILENAME = "<submission>/{}.py"


class _InMemory(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports a submission from its text; put last on `sys.meta_path`, so that it can shadow nothing."""

    def __init__(self, module: str, source: str) -> None:
        self.module = module
        self.source = source

    def find_spec(self, name: str, path: object, target: object = None) -> importlib.machinery.ModuleSpec | None:
        if name != self.module:
            return None
        return importlib.util.spec_from_loader(name, self, origin=FILENAME.format(name))

    def exec_module(self, module: ModuleType) -> None:
        filename = FILENAME.format(self.module)
        lines = self.source.splitlines(keepends=True)
        linecache.cache[filename] = (len(self.source), None, lines, filename)
        exec(_compiled(self.source, filename), module.__dict__)


@cache
def _compiled(source: str, filename: str) -> CodeType:
    return compile(source, filename, "exec", dont_inherit=True)


def serve(fd: int) -> None:
    """Answer requests on `fd` until the grader closes it."""
    served: dict[str, Any] = {}
    surroundings = Surroundings()
    while True:
        try:
            header, body = frames.read_frame(fd)
        except EOFError:
            os._exit(0)
        request = messages.decode_request(header)
        answers = [_load(request, served, surroundings)] if isinstance(request, Load) else _run(request, body, served)
        frames.write_frame(fd, _reply(request.id, answers))


def _load(request: Load, served: dict[str, Any], surroundings: Surroundings) -> Returned | Raised:
    """Import the submission; where it was imported before, anew, into surroundings as they were at first."""
    served.clear()
    served["kept"] = []
    sys.modules.pop(request.module, None)
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, _InMemory)]
    sys.meta_path.append(_InMemory(request.module, request.source))
    # A module and its functions hold each other, and everything that the submission has made so far.
    gc.collect()
    surroundings.restore(request.seed)
    try:
        module = importlib.import_module(request.module)
    except BaseException as error:
        return _raised(error, request.module)
    served["module"] = module
    return Returned(None)


def _run(request: Run, body: memoryview, served: dict[str, Any]) -> list[Returned | Raised]:
    return [_perform(call, body, served, request.device) for call in request.calls]


def _perform(call: messages.WireCall, body: memoryview, served: dict[str, Any], device: str) -> Returned | Raised:
    module: ModuleType = served["module"]
    nodes = (call.args, call.kwargs, call.cotangents, call.directions, call.construct)
    given: list[Any] = [None if node is None else wire.unpack(node, body) for node in nodes]
    if device != "cpu":
        given = calls.map_tensors(lambda tensor: tensor.to(device), given)
    args, kwargs, cotangents, directions, construct = given
    try:
        value = targets.perform(
            lambda name: getattr(module, name),
            call.function,
            served["kept"],
            call.mode,
            args=args,
            kwargs=kwargs,
            cotangents=cotangents,
            directions=directions,
            module=call.module,
            construct=construct,
            device=device,
        )
        # A hostile value can break this too; it is the student's own call that fails then.
        stray = {tensor.device.type for tensor in calls.tensors_in(value)} - {torch.device(device).type}
    except BaseException as error:
        return _raised(error, module.__name__)
    if stray:
        return Raised("DeviceMismatch", f"the result is on {', '.join(sorted(stray))}, not on {device}")
    return Returned(value)


def _raised(error: BaseException, module: str) -> Raised:
    """What an exception says, with the last line of the submission that it passed; never raises."""
    filename = FILENAME.format(module)
    try:
        message = _as_text(str(error)[:MAX_MESSAGE_CHARS])
    except BaseException:
        message = ""
    lines = [line for frame, line in traceback.walk_tb(error.__traceback__) if frame.f_code.co_filename == filename]
    line = lines[-1] if lines else None
    if isinstance(error, SyntaxError) and error.filename == filename:
        line = error.lineno
    return Raised(type(error).__name__[: wire.MAX_NAME_CHARS], message, line)


def _as_text(message: str) -> str:
    """The message with half characters spelled out, which would not travel."""
    return message.encode("utf-8", "backslashreplace").decode()


def _reply(request_id: int, answers: list[Returned | Raised]) -> list[Any]:
    """The frame of a reply; an answer that cannot travel becomes an error of its own."""
    packer = wire.Packer()
    packed: list[Packed | Raised] = []
    for answer in answers:
        try:
            packed.append(Packed(packer.pack(answer.value)) if isinstance(answer, Returned) else answer)
        except BaseException as error:
            packed.append(Raised("WireError", str(error)[:MAX_MESSAGE_CHARS]))
    try:
        return frames.frame(messages.encode(Reply(request_id, packed)), packer.parts, packer.size)
    except frames.WireError as error:
        too_large: list[Packed | Raised] = [Raised("WireError", str(error))] * len(answers)
        return frames.frame(messages.encode(Reply(request_id, too_large)), [], 0)
