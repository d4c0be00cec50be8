"""Finds assignments and their questions: folders and files of `reference/`, imported in the grader alone."""

from __future__ import annotations

import hashlib
import importlib.machinery
import importlib.util
import re
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType

from hypothesis import HealthCheck, Phase, settings

from grader.errors import GraderError, UsageError
from grader.question import Assignment, Question, WrittenQuestion


@dataclass(frozen=True, kw_only=True)
class LoadedAssignment:
    """An assignment with its questions, in the order of their ids."""

    assignment: Assignment
    questions: tuple[Question, ...]
    written: tuple[WrittenQuestion, ...]
    solution: Path
    """The model solution's source."""

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.assignment.name

    @property
    def functions(self) -> tuple[str, ...]:
        """Names that a submission is expected to define."""
        return tuple(name for question in self.questions for name in question.functions)

    @cached_property
    def solution_source(self) -> str:
        """The model solution, as text."""
        return self.solution.read_text(encoding="utf-8")


def names(course: Path) -> list[str]:
    """The assignments of a course, in alphabetical order.

    Raises:
        UsageError: Where the folder holds no `reference/`.
    """
    root = course / "reference"
    if not root.is_dir():
        raise UsageError(f"{course} holds no reference/ folder; run inside a course, or name one with --course.")
    return sorted(path.parent.name for path in root.glob("*/__init__.py"))


class Functions(Mapping[str, Sequence[str]]):
    """What submissions to each assignment of a course are expected to define.

    An assignment is loaded, which takes part of a second and torch, only where its functions are asked for: most
    submissions say by their name what they are for.

    Args:
        course: The course's folder.

    Raises:
        UsageError: Where the folder holds no `reference/`.
    """

    def __init__(self, course: Path) -> None:
        self._course = course
        self._names = names(course)
        self._loaded: dict[str, Sequence[str]] = {}

    def __getitem__(self, name: str) -> Sequence[str]:
        if name not in self._names:
            raise KeyError(name)
        if name not in self._loaded:
            self._loaded[name] = load(self._course, name).functions
        return self._loaded[name]

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def load(course: Path, name: str) -> LoadedAssignment:
    """Import one assignment and all of its question files.

    Raises:
        UsageError: Where there is no such assignment.
        GraderError: Where a question file is broken.
    """
    known = names(course)
    if name not in known:
        raise UsageError(f"There is no assignment {name!r}; this course has {', '.join(known)}.")
    _prepare(course)
    folder = course / "reference" / name
    files = sorted(path for path in folder.glob("*.py") if path.stem != "__init__" and not path.stem.startswith("_"))
    assignment = getattr(_imported(f"reference.{name}", folder / "__init__.py"), "assignment", None)
    if not isinstance(assignment, Assignment) or assignment.name != name:
        raise GraderError(f"{folder / '__init__.py'} does not declare an assignment of the name {name!r}")
    declared = [_declared(_imported(f"reference.{name}.{path.stem}", path), path) for path in files]
    ids = [one.id for one in declared]
    if len(set(ids)) < len(ids):
        raise GraderError(f"two files of {folder} declare a question of one id, among {', '.join(sorted(ids))}")
    return LoadedAssignment(
        assignment=assignment,
        questions=tuple(sorted((q for q in declared if isinstance(q, Question)), key=lambda q: natural(q.id))),
        written=tuple(sorted((q for q in declared if isinstance(q, WrittenQuestion)), key=lambda q: natural(q.id))),
        solution=_solution(course, name),
    )


def _imported(module: str, path: Path) -> ModuleType:
    try:
        return importlib.import_module(module)
    except (Exception, SystemExit) as error:
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
        where = f"{path}, line {lines[-1]}," if lines else str(path)
        raise GraderError(f"{where} cannot be loaded: {type(error).__name__}: {error}") from error


def _declared(module: ModuleType, path: Path) -> Question | WrittenQuestion:
    question = getattr(module, "question", None)
    if not isinstance(question, Question | WrittenQuestion):
        raise GraderError(f"{path} binds no question to the name `question`; the name of a helper starts with _")
    return question


def _prepare(course: Path) -> None:
    """Let `reference` be this course's, and give its checks our Hypothesis settings as they are decorated."""
    folder = str(course.resolve() / "reference")
    # Never looked up on the path, where an installed checkout's folder of that name would come first.
    if getattr(sys.modules.get("reference"), "__path__", None) != [folder]:
        for name in [name for name in sys.modules if name.partition(".")[0] == "reference"]:
            del sys.modules[name]
        spec = importlib.machinery.ModuleSpec("reference", None, is_package=True)
        spec.submodule_search_locations = [folder]
        sys.modules["reference"] = importlib.util.module_from_spec(spec)
    settings.register_profile(
        "grader",
        database=None,
        deadline=None,
        derandomize=False,
        phases=(Phase.generate, Phase.shrink),
        print_blob=False,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    settings.load_profile("grader")


def natural(text: str) -> tuple[object, ...]:
    """A sort key that puts kl.2 before kl.10."""
    return tuple((0, int(part)) if part.isdigit() else (1, part) for part in re.split(r"(\d+)", text) if part)


def fingerprint(course: Path, name: str) -> str:
    """Hash of everything of an assignment that can change a score: its question files and the solution."""
    return hash_files([*sorted((course / "reference" / name).glob("*.py")), _solution(course, name)])


def _solution(course: Path, name: str) -> Path:
    return course / "solutions" / name / f"{name}.py"


def hash_files(paths: Sequence[Path]) -> str:
    """One hash of the names and contents of files."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()
