"""The nouns of grading: submissions, outcomes, results. Frozen, no I/O, no torch.

`SubmissionResult` is the one result document, `grader/result/v1`; every report is a projection of it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

SCHEMA = "grader/result/v1"


class Outcome(StrEnum):
    """What became of a check or a question."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    """Not run: a check that it requires failed, or there is no such device."""
    ERROR = "error"
    """The grader's own fault: no score is given."""


class Cause(StrEnum):
    """Why a check did not pass."""

    MISMATCH = "mismatch"
    SHAPE = "shape"
    DTYPE = "dtype"
    NON_FINITE = "non-finite"
    EXCEPTION = "exception"
    NOT_IMPLEMENTED = "not implemented"
    NONDETERMINISTIC = "nondeterministic"
    TIMEOUT = "timeout"
    MEMORY = "memory"
    CRASH = "crash"
    PROTOCOL = "protocol"
    DEVICE = "device"
    REQUIRES = "requires"
    """Skipped because a check that it requires failed."""
    MANUAL = "manual"
    """A person marks this."""
    INTERNAL = "internal"


class Kind(StrEnum):
    """Check classes of the catalogue."""

    VALUE = "value"
    PRECISION = "precision"
    GRADIENT = "gradient"
    LAW = "law"
    STRESS = "stress"
    ROBUSTNESS = "robustness"
    BEHAVIOUR = "behaviour"
    TRAINING = "training"
    """What was trained; run once, live, on inputs that all training checks of a question share."""


class Feedback(StrEnum):
    """How much of a failed check a student sees; each level includes the ones before it."""

    NONE = "none"
    VERDICT = "verdict"
    CATEGORY = "category"
    COUNTEREXAMPLE = "counterexample"
    FULL = "full"


class _Frozen(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A record that round-trips through JSON."""


class Submission(_Frozen, frozen=True, kw_only=True):
    """What one student handed in for one assignment."""

    id: str
    """The student's id, safe to print and to name a file after."""
    assignment: str
    source: str
    """The module's Python source; notebooks are already turned into one."""
    sha256: str
    """Of the bytes that were handed in."""
    filename: str
    submitted_at: str | None = None
    """ISO 8601, UTC."""
    notes: tuple[str, ...] = ()
    """What reading the submission dropped or changed, one sentence each."""
    problem: str | None = None
    """Why there is no source to grade, where that is so; `source` is then empty."""
    fault: str | None = None
    """Why it could not be read, where that is not the student's fault; there is then no score."""
    answers: dict[str, str] = {}
    """Written answers, markdown, by question id."""
    name: str | None = None
    """What the system that it comes from calls the student, where that could not be the id."""
    commit: str | None = None
    """Of a clone, the commit that it was read from."""


class CallShown(_Frozen, frozen=True, kw_only=True):
    """One call of a counterexample."""

    call: str
    """Python that repeats the call."""
    returned: str


class Counterexample(_Frozen, frozen=True, kw_only=True):
    """An input that breaks a check: of the first check that fails, the smallest that was found."""

    calls: tuple[CallShown, ...]
    expected: str | None = None
    """Only at feedback level `full`."""


class CheckResult(_Frozen, frozen=True, kw_only=True):
    """What one check found."""

    name: str
    description: str
    kind: Kind
    outcome: Outcome
    score: float
    max_score: float
    cause: Cause | None = None
    message: str | None = None
    """One sentence, written by the grader for the student."""
    counterexample: Counterexample | None = None
    duration_s: float = 0.0
    staff: str | None = None
    """Detail for the instructor alone; never in a student's report."""


class QuestionResult(_Frozen, frozen=True, kw_only=True):
    """What one question earned."""

    id: str
    title: str
    score: float | None
    """None where no score may be given: a grader fault, or a question that a person has yet to mark."""
    max_score: float
    outcome: Outcome
    checks: tuple[CheckResult, ...] = ()
    hint: str | None = None
    """The sentence of the misconception that the submission's numbers match."""
    misconception: str | None = None
    """Its name; for the instructor, not for the student."""
    because_of: str | None = None
    """The id of the earlier question whose mistake alone makes this one fail."""
    extra: bool = False
    """Extra credit: its points are in the submission's score and not in its max_score."""
    manual: bool = False
    answer: str | None = None
    """The written answer of a question that a person marks."""
    comment: str | None = None
    """What a person wrote to the student about it."""


class SubmissionInfo(_Frozen, frozen=True, kw_only=True):
    """Which submission a result is about."""

    id: str
    sha256: str
    submitted_at: str | None = None
    filename: str = ""
    name: str | None = None
    """What the system that it comes from calls the student, where that could not be the id."""
    commit: str | None = None
    """Of a clone, the commit that it was read from."""


class Environment(_Frozen, frozen=True, kw_only=True):
    """What the numbers were computed with."""

    grader: str
    torch: str
    python: str
    cpu_capability: str


class SandboxInfo(_Frozen, frozen=True, kw_only=True):
    """How the submission was confined."""

    mode: str
    """strict, container, or UNSANDBOXED."""
    layers: tuple[str, ...]


class Late(_Frozen, frozen=True, kw_only=True):
    """How a submission stands to its deadline."""

    due_at: str
    """ISO 8601, UTC; with the student's extension."""
    late_s: int
    """0 where it is in time, or late by less than the period of grace."""
    extended: bool
    """Whether the student has a deadline of their own."""
    deducted: float
    """Points that it costs; `score` is before that."""


class SubmissionResult(_Frozen, frozen=True, kw_only=True):
    """The result document `grader/result/v1`: one submission on one device."""

    schema: str = SCHEMA
    key: str
    """Hash of submission, assignment, grader, torch, device and seed: equal keys mean an equal result."""
    assignment: str
    submission: SubmissionInfo
    device: str
    score: float | None
    """Automatic points; None where a grader fault leaves them unknown. Extra credit may take it past max_score."""
    max_score: float
    """Automatic points that can be had; written questions and extra credit are not in it."""
    needs_review: bool
    flags: tuple[str, ...] = ()
    """Why a person should look: what the static scan, the protocol or a kill showed."""
    notes: tuple[str, ...] = ()
    duration_s: float
    environment: Environment
    sandbox: SandboxInfo
    seed_fingerprint: str
    """Identifies the course secret without revealing it."""
    questions: tuple[QuestionResult, ...]
    late: Late | None = None
    """In reports, where the instructor gave a table of deadlines; never in a stored result."""


def to_json(result: SubmissionResult) -> bytes:
    """The result document as JSON, stable across runs, ending in a newline."""
    return msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n"


def from_json(data: bytes) -> SubmissionResult:
    """The inverse of `to_json`.

    Raises:
        msgspec.ValidationError: Where the bytes are not a result document of this schema.
    """
    return msgspec.json.decode(data, type=SubmissionResult)


def to_builtins(value: Any) -> Any:
    """Any record of this module as plain dicts, lists and numbers."""
    return msgspec.to_builtins(value)
