"""How an author declares a question: its oracle, checks, misconceptions and alternative solutions.

A question is one file, `reference/<assignment>/<function>.py`, that binds a `Question` to the name `question`
and decorates functions with it. Nothing here runs a student's code; `session.py` does.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from hypothesis import given, settings
from hypothesis.strategies import SearchStrategy

from grader.model import Feedback, Kind

Function = Callable[..., Any]
F = TypeVar("F", bound=Function)


@dataclass(frozen=True, kw_only=True)
class Check:
    """One property that a student's code must have; its docstring is the line that the student reads."""

    name: str
    description: str
    kind: Kind
    points: float
    requires: tuple[str, ...]
    """Names of checks that must pass before this one is run and can earn points."""
    feedback: Feedback
    body: Function
    """The function of (student, drawn values), without Hypothesis around it."""
    test: Function
    """The `@given` function around the body."""
    strategies: Mapping[str, SearchStrategy[Any]]
    """What `test` draws from, by argument."""
    declared: Function
    """What the author decorated; other checks name it in `requires`."""


EXAMPLES = {
    Kind.VALUE: 10,
    Kind.GRADIENT: 6,
    Kind.PRECISION: 4,
    Kind.LAW: 4,
    Kind.STRESS: 10,
    Kind.ROBUSTNESS: 4,
    Kind.BEHAVIOUR: 2,
    Kind.TRAINING: 1,
}
"""Inputs drawn for each check, the same for a whole class. A value check draws more for each submission alone."""


def _drawing(test: Any, examples: int) -> Function:
    """The same check with its number of inputs set."""
    again = given(**test.hypothesis._given_kwargs)(test.hypothesis.inner_test)
    return settings(max_examples=examples)(again)


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A function that can stand in for the student's: an alternative solution or a misconception."""

    name: str
    source: str
    """As its author wrote it, decorators included."""
    sentence: str | None = None
    """What a good teacher would say; None for alternatives."""
    function: str
    """The function it replaces."""


@dataclass(frozen=True)
class Twin:
    """The same mistake with another number or name in it: another function's source with a piece of it replaced.

    Args:
        of: The other, as its author wrote it.
        name: The twin's own name.
        instead_of: What is replaced; it stands once in the source.
        stands: What stands there in the twin.
    """

    of: Function
    name: str
    instead_of: str
    stands: str

    @property
    def source(self) -> str:
        """The other's source, changed.

        Raises:
            ValueError: Where the piece does not stand there exactly once.
        """
        source = inspect.getsource(self.of)
        if source.count(self.instead_of) != 1:
            raise ValueError(
                f"{self.name!r} replaces {self.instead_of!r}, which is {source.count(self.instead_of)} times in "
                f"{self.of.__name__!r}; name a piece that stands there once"
            )
        return source.replace(self.instead_of, self.stands)


M = TypeVar("M", bound=Function | Twin)


@dataclass(frozen=True, kw_only=True)
class RubricItem:
    """One line of a rubric."""

    points: float
    text: str


@dataclass(frozen=True, kw_only=True)
class WrittenQuestion:
    """A question that a person marks against a rubric."""

    id: str
    title: str
    rubric: tuple[RubricItem, ...]

    @property
    def points(self) -> float:
        """What full marks are worth."""
        return float(sum(item.points for item in self.rubric))


@dataclass(kw_only=True, eq=False)
class Question:
    """A question that is graded automatically. It equals itself alone: another course may have one of the same id.

    Args:
        id: The catalogue's id, such as `kl.1`.
        functions: Names that the student must define; the first one names the question's file.
        title: One line, for reports.
        forbidden: Dotted names whose use loses the checks that ask for them (an advisory static scan).
        builds_on: Ids of earlier questions whose functions this one's solution calls; its own too, where one of its
            functions calls another.
        exempt: Generic mistakes and trivial answers that cannot be made here, with the reason.
        extra: Whether this is extra credit: its points are added to the score, and are not among those to be had.
    """

    id: str
    functions: Sequence[str]
    title: str
    forbidden: Sequence[str] = ()
    builds_on: Sequence[str] = ()
    exempt: Mapping[str, str] = field(default_factory=dict)
    extra: bool = False
    budget_s: float | None = None
    """Seconds of processor time that training may take, on one core; the clock may show three times as many."""
    oracles: dict[str, Function] = field(default_factory=dict)
    composed_oracles: dict[str, tuple[Function, tuple[str, ...]]] = field(default_factory=dict)
    """By function, an oracle that takes earlier functions by keyword, and their names."""
    checks: list[Check] = field(default_factory=list)
    misconceptions: list[Variant] = field(default_factory=list)
    alternatives: list[Variant] = field(default_factory=list)
    trivial: list[Variant] = field(default_factory=list)

    @property
    def function(self) -> str:
        """The first function that the student defines."""
        return self.functions[0]

    @property
    def points(self) -> float:
        """What full marks are worth: the sum of the checks."""
        return float(sum(check.points for check in self.checks))

    def oracle(self, function: F) -> F:
        """Declare the reference for the student's function of the same name (float64, stable)."""
        if function.__name__ not in self.functions:
            raise ValueError(f"{self.id}: oracle {function.__name__!r} is none of {list(self.functions)}")
        self.oracles[function.__name__] = function
        return function

    def composed(self, function: Function) -> Function:
        """Declare an oracle once more, as a function also of the earlier functions that a student's code may call.

        Those are its keyword-only arguments without a default, by their own names. It is used only where the student
        has the earlier function wrong in a way that is listed as a misconception, and is given the listed one.
        """
        parameters = inspect.signature(function).parameters.values()
        needs = tuple(one.name for one in parameters if one.kind is one.KEYWORD_ONLY and one.default is one.empty)
        if function.__name__ not in self.functions or not needs or not self.builds_on:
            raise ValueError(
                f"{self.id}: {function.__name__!r} is no function of this question that takes earlier functions by "
                "keyword, or no question is named in builds_on"
            )
        self.composed_oracles[function.__name__] = (function, needs)
        return function

    def check(
        self,
        kind: Kind | str,
        *,
        points: float,
        requires: Function | Sequence[Function] = (),
        feedback: Feedback = Feedback.COUNTEREXAMPLE,
        name: str | None = None,
        description: str | None = None,
        examples: int | None = None,
    ) -> Callable[[Function], Function]:
        """Declare a check: an ordinary function of `student` under `hypothesis.given`.

        Args:
            kind: Its class in the catalogue, such as `value` or `law`.
            points: What it earns.
            requires: Checks of this question that must pass first. A check that zeros, a constant or the input
                returned would pass must require a value check.
            feedback: How much a failure shows.
            name: Instead of the function's own name; for functions that a factory of `standard.py` made.
            description: Instead of the function's docstring.
            examples: How many inputs to draw, instead of the number that a factory of `standard.py` asks for or, where
                it asks for none, that of the kind.

        Raises:
            ValueError: Where the check has no `@given`, no description, or a name that is taken.
        """
        required = (requires,) if callable(requires) else tuple(requires)

        def declare(test: Function) -> Function:
            if not hasattr(test, "hypothesis"):
                raise ValueError(f"{self.id}: check {test.__name__!r} has no @given")
            handle: Any = test.hypothesis
            check_name = name or test.__name__.removeprefix("check_")
            if Kind(kind) is Kind.TRAINING and handle._given_kwargs.keys() != {"source"}:
                raise ValueError(f"{self.id}: training check {check_name!r} draws from one `source` of numbers alone")
            if any((check.kind is Kind.TRAINING) is not (Kind(kind) is Kind.TRAINING) for check in self.checks):
                # A worker that another check loses takes with it what was trained.
                raise ValueError(f"{self.id}: {check_name!r}: training checks stand in a question of their own")
            if check_name in {check.name for check in self.checks}:
                raise ValueError(f"{self.id}: two checks are named {check_name!r}")
            text = description or inspect.getdoc(test)
            if not text:
                raise ValueError(f"{self.id}: check {check_name!r} has no docstring for the student to read")
            self.checks.append(
                Check(
                    name=check_name,
                    description=text.split("\n\n")[0].replace("\n", " "),
                    kind=Kind(kind),
                    # A whole number would be written down as one, and read back as this.
                    points=float(points),
                    requires=tuple(self._name_of(each) for each in required),
                    feedback=feedback,
                    body=handle.inner_test,
                    test=_drawing(test, examples or getattr(test, "examples", None) or EXAMPLES[Kind(kind)]),
                    strategies=handle._given_kwargs,
                    declared=test,
                )
            )
            return test

        return declare

    def _name_of(self, test: Function) -> str:
        for check in self.checks:
            if check.declared is test:
                return check.name
        raise ValueError(f"{self.id}: {test.__name__!r} is required but is not a check declared before")

    def misconception(self, sentence: str, *, replaces: str | None = None) -> Callable[[M], M]:
        """Declare a wrong answer that students really give, and the sentence that it deserves.

        Its source is run in a worker after the model solution's, under the student's function's name: it may
        use what the solution's module imports and defines, and nothing of the question file.
        """

        def declare(mistake: M) -> M:
            self.misconceptions.append(self._variant(mistake, sentence, replaces))
            return mistake

        return declare

    def alternative(self, function: Function) -> Function:
        """Declare another correct solution, written with other operations; it must get full marks."""
        return self.alternative_of(self.function)(function)

    def alternative_of(self, replaces: str) -> Callable[[Function], Function]:
        """Declare another correct solution of one of the question's functions, by name."""

        def declare(function: Function) -> Function:
            self.alternatives.append(self._variant(function, None, replaces))
            return function

        return declare

    def trivial_answer(self, function: Function) -> Function:
        """Declare an answer without content that must score nothing; training questions derive none of their own."""
        self.trivial.append(self._variant(function, None, None))
        return function

    def methods_of(self, name: str) -> list[str] | None:
        """The methods that a class of this question defines; None for a function."""
        oracle = self.oracles.get(name)
        if not isinstance(oracle, type):
            return None
        return [method for method, value in vars(oracle).items() if callable(value) and not method.startswith("_")]

    def _variant(self, written: Function | Twin, sentence: str | None, replaces: str | None) -> Variant:
        name = written.name if isinstance(written, Twin) else written.__name__
        if name in {variant.name for variant in (*self.misconceptions, *self.alternatives, *self.trivial)}:
            raise ValueError(f"{self.id}: two variants are named {name!r}")
        return Variant(
            name=name,
            source=written.source if isinstance(written, Twin) else inspect.getsource(written),
            sentence=sentence,
            function=replaces or self.function,
        )


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """What `reference/<name>/__init__.py` binds to the name `assignment`.

    Args:
        name: The folder's name; also the module that students hand in.
        title: One line, for reports.
    """

    name: str
    title: str
