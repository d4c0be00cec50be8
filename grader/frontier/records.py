"""What one piece of the experiment is told, and what it found: plain data, stored whole or not at all.

A record is an .npz file: numbers by name, and one document among them as bytes (MessagePack, which unlike JSON has
numbers that are not finite). Nothing in it is ever unpickled.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from grader.files import write_atomically
from grader.frontier.measures import Estimate
from grader.frontier.modes import Coverage

Arrays = Mapping[str, NDArray[Any]]

STUDENT, PROJECT = "student", "project"
_DOCUMENT = "document"


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One piece of work for a process of its own."""

    kind: str
    """`probe`, `model`, `floor` (the data against themselves) or `fits`."""
    model: str = ""
    data: str = ""
    budget_s: float = 0.0
    seed: int = 0
    device: str = "cpu"
    sources: Mapping[str, str] = {}
    """The text of each module, by `whose assignment`."""
    uses: Mapping[str, str] = {}
    """Whose each piece is."""
    sandbox: str = ""
    """The profile under which the student's pieces run; empty where they run in the process itself."""

    @property
    def key(self) -> str:
        """Equal for equal work alone: of what is told, of this package, and of what computes."""
        return hashlib.sha256(msgspec.json.encode(self, order="sorted") + _ground()).hexdigest()

    @property
    def name(self) -> str:
        """Of its record."""
        return "-".join(part for part in (self.kind, self.data, self.model) if part)


class EvidenceRow(msgspec.Struct, frozen=True, kw_only=True):
    """What a model says of held-out data."""

    kind: str
    """`exact` or `lower`."""
    way: str
    nats: Estimate
    """Mean negative log-density of a point; of a bound, an upper one on it."""
    bits_per_dim: Estimate
    excess: Estimate | None
    """Over the true density's, paired by point, in nats, where that is known."""
    caveat: str


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One model on one data set."""

    model: str
    title: str
    place: int
    data: str
    uses: Mapping[str, str]
    judged_by: str
    """Whose pieces computed what is reported: `student` or `project`."""
    confined: bool
    steps: int
    train_s: float
    sampling_calls: int
    sampling_s: float
    """For 1,000 samples."""
    evidence: tuple[EvidenceRow, ...]
    no_likelihood: str
    energy_distance: Estimate | None
    """None where samples are not finite."""
    told_apart: Estimate | None
    coverage: Coverage | None
    failures: tuple[str, ...]


class Fit(msgspec.Struct, frozen=True, kw_only=True):
    """One Gaussian, fitted to the mixture."""

    name: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    forward_kl: float
    reverse_kl: float
    shares: tuple[float, ...]
    """How much of it lies where each mode is."""


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """Why there is nothing."""

    kind: str
    """`student`: the student's code failed; `sandbox`: this machine cannot confine it; `usage`."""
    message: str
    layer: str = ""


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """What a job wrote."""

    key: str
    finding: Finding | None = None
    fits: tuple[Fit, ...] = ()
    fits_uses: Mapping[str, str] = {}
    problems: Mapping[str, str] = {}
    """Of a probe: what is wrong with each piece, empty where nothing is."""
    trouble: Trouble | None = None


def packed(document: Document, arrays: Arrays) -> bytes:
    """A record as bytes."""
    buffer = io.BytesIO()
    text = np.frombuffer(msgspec.msgpack.encode(document), dtype=np.uint8)
    everything: dict[str, Any] = {_DOCUMENT: text, **arrays}
    np.savez_compressed(buffer, **everything)
    return buffer.getvalue()


def read(path: Path) -> tuple[Document, dict[str, NDArray[Any]]]:
    """A record.

    Raises:
        ValueError: The file is none.
        OSError: It cannot be read.
    """
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        document = msgspec.msgpack.decode(arrays.pop(_DOCUMENT).tobytes(), type=Document)
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, msgspec.MsgspecError) as error:
        raise ValueError(f"{path.name} is no record of the experiment") from error
    return document, arrays


def store(path: Path, document: Document, arrays: Arrays) -> None:
    """Write a record, whole or not at all."""
    write_atomically(path, packed(document, arrays))


def _ground() -> bytes:
    import torch

    own = sorted(Path(__file__).parent.rglob("*.py"))
    # The parts that only show results change none.
    texts = [path.read_bytes() for path in own if path.name not in _SHOWING]
    return b"\0".join([torch.__version__.encode(), *texts])


_SHOWING = {"report.py", "pictures.py", "table.py", "summary.py", "validity.py", "runs.py", "plan.py"}
