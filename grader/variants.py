"""Source text that stands in for a submission: the solution with one function replaced, or made worse.

Every variant is the model solution's module followed by a new definition of one function, so that it can be
graded exactly as a student's file is.
"""

from __future__ import annotations

import ast
import builtins
import dis
import sys
import textwrap
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from types import CodeType, ModuleType
from typing import Any

from grader.catalog import LoadedAssignment
from grader.errors import GraderError
from grader.question import Question, Variant


@dataclass(frozen=True, kw_only=True)
class StandIn:
    """A whole module in a student's place."""

    name: str
    kind: str
    """listed, generic or trivial for wrong answers; alternative for right ones."""
    source: str
    sentence: str | None = None

    def defined(self) -> dict[str, Any]:
        """The names of its module, which is run here: an author wrote it."""
        module = ModuleType("stand_in")
        # Where `dataclass` looks up what the annotations of a class may mean.
        sys.modules[module.__name__] = module
        try:
            exec(compile(self.source, f"<{self.name}>", "exec", dont_inherit=True), module.__dict__)
        finally:
            del sys.modules[module.__name__]
        return module.__dict__

    def undefined_names(self) -> list[str]:
        """What its functions take from their module, and nothing there defines: each call would end in a NameError."""
        code = compile(self.source, f"<{self.name}>", "exec", dont_inherit=True)
        return sorted(set(_global_names(code)) - self.defined().keys() - vars(builtins).keys())


def _global_names(code: CodeType) -> Iterator[str]:
    yield from (one.argval for one in dis.get_instructions(code) if one.opname == "LOAD_GLOBAL")
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _global_names(inner)


def alternatives(assignment: LoadedAssignment, question: Question) -> list[StandIn]:
    """The question's other correct solutions."""
    return [_replaced(assignment, variant, "alternative") for variant in question.alternatives]


def listed(
    assignment: LoadedAssignment, question: Question, *, replacing: Collection[str] | None = None
) -> list[StandIn]:
    """The wrong answers that the question's author lists; of all its functions, or of those that are named."""
    return [
        _replaced(assignment, variant, "listed")
        for variant in question.misconceptions
        if replacing is None or variant.function in replacing
    ]


def misconceptions(assignment: LoadedAssignment, question: Question) -> list[StandIn]:
    """The listed wrong answers, then the generic ones that apply to the question."""
    apply = [mistake for mistake in GENERIC if mistake.name not in question.exempt]
    if not question.forbidden:
        apply = [mistake for mistake in apply if "FORBIDDEN" not in mistake.body]
    generic = [_wrapped(assignment, question, mistake, "generic") for mistake in apply]
    return listed(assignment, question) + generic


def trivial_answers(assignment: LoadedAssignment, question: Question) -> list[StandIn]:
    """Answers that know the right structure and nothing else."""
    own = [_replaced(assignment, variant, "trivial") for variant in question.trivial]
    # A function that trains answers with a module, which none of the general ones can make.
    general = () if question.budget_s is not None else TRIVIAL
    return own + [_wrapped(assignment, question, answer, "trivial") for answer in general]


def trivial_on_trivial(assignment: LoadedAssignment, question: Question, earlier: Question) -> list[StandIn]:
    """The trivial answers to a question in a file that answers the earlier question trivially too."""
    base = {one.name: one.source for one in trivial_answers(assignment, earlier)}
    return [
        StandIn(
            name=answer.name,
            kind="trivial",
            source=f"{base[answer.name]}\n{_definitions(question, answer)}",
        )
        for answer in TRIVIAL
        if answer.name in base and question.budget_s is None
    ]


def _replaced(assignment: LoadedAssignment, variant: Variant, kind: str) -> StandIn:
    source = f"{assignment.solution_source}\n\n{_renamed(variant)}\n"
    return StandIn(name=variant.name, kind=kind, source=source, sentence=variant.sentence)


def _renamed(variant: Variant) -> str:
    """The variant's definition under the student's name, without decorators and annotations."""
    tree = ast.parse(textwrap.dedent(variant.source))
    definition = tree.body[0]
    if not isinstance(definition, ast.FunctionDef | ast.ClassDef):
        raise GraderError(f"variant {variant.name} is neither a function nor a class")
    _rename(definition, variant.function)
    definition.decorator_list = []
    for node in ast.walk(definition):
        if isinstance(node, ast.FunctionDef):
            node.returns = None
        elif isinstance(node, ast.arg):
            node.annotation = None
    return ast.unparse(ast.fix_missing_locations(tree))


def _rename(definition: ast.FunctionDef | ast.ClassDef, name: str) -> None:
    """Also where the definition speaks of itself, as in `super(Encoder, self)`."""
    for node in ast.walk(definition):
        if isinstance(node, ast.Name) and node.id == definition.name:
            node.id = name
    definition.name = name


@dataclass(frozen=True, kw_only=True)
class Wrapper:
    """A mistake, or a trivial answer, that can be derived from any correct function.

    `body` is the body of a function of (right, args, kwargs), where `right` is the correct function.
    """

    name: str
    body: str
    sentence: str | None = None
    found_by: str | None = None
    """Of a mistake, what in `standard.py` makes a check that finds it."""


def _wrapped(assignment: LoadedAssignment, question: Question, wrapper: Wrapper, kind: str) -> StandIn:
    source = f"{assignment.solution_source}\n\n{_PRELUDE}\n{_definitions(question, wrapper)}"
    return StandIn(name=wrapper.name, kind=kind, source=source, sentence=wrapper.sentence)


def _definitions(question: Question, wrapper: Wrapper) -> str:
    return "\n".join(_definition(question, function, wrapper) for function in question.functions)


def _definition(question: Question, function: str, wrapper: Wrapper) -> str:
    body = textwrap.indent(wrapper.body.replace("FORBIDDEN", next(iter(question.forbidden), "")), "    ")
    methods = question.methods_of(function)
    if methods is None:
        kept = f"_right_{function} = {function}\n"
        return f"{kept}\ndef {function}(*args, **kwargs):\n    right = _right_{function}\n{body}\n"
    wrapped = "\n".join(
        f"def {method}(self, *args, **kwargs):\n    right = super().{method}\n{body}\n" for method in methods
    )
    return f"class {function}({function}):\n{textwrap.indent(wrapped, '    ')}\n"


_PRELUDE = """
def _tensors(value):
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, (tuple, list)):
        return [tensor for item in value for tensor in _tensors(item)]
    return []

def _changed(change, value):
    if isinstance(value, torch.Tensor):
        return change(value)
    if isinstance(value, (tuple, list)):
        return type(value)(_changed(change, item) for item in value)
    return value

def _emptied(change, value):
    if isinstance(value, (tuple, list)):
        return type(value)(_emptied(change, item) for item in value)
    return "" if isinstance(value, str) else _changed(change, value)

def _floats(value):
    return [tensor for tensor in _tensors(value) if tensor.is_floating_point()]
"""

GENERIC: Sequence[Wrapper] = (
    Wrapper(
        name="mutates_its_input",
        found_by="leaves_inputs_unchanged",
        sentence="Call your function twice on the same tensors: is the second answer the same?",
        body="""
result = right(*args, **kwargs)
with torch.no_grad():
    for tensor in _floats(args)[:1]:
        if not tensor.is_meta and not any(stride == 0 for stride in tensor.stride()):
            tensor.mul_(1.5)
return result""",
    ),
    Wrapper(
        name="uses_global_rng",
        found_by="keeps_generators",
        sentence="Your function changes everybody's random numbers; what is it that it draws?",
        body="""
torch.rand(1)
return right(*args, **kwargs)""",
    ),
    Wrapper(
        name="loops_over_batch",
        found_by="does_constant_work",
        sentence="Your function handles one example after another; can one tensor operation handle them all?",
        body="""
batch = max((tensor.dim() for tensor in _tensors(args)), default=0) > 1 and _tensors(args)[0].shape[0]
for _ in range(batch or 0):
    _tensors(args)[0].sum()
return right(*args, **kwargs)""",
    ),
    Wrapper(
        name="cpu_constant",
        found_by="runs_on_other_devices",
        sentence="Where is a tensor made that you did not get as an argument, and on which device?",
        body="""
return _changed(lambda tensor: (tensor[None] + torch.zeros(1, dtype=tensor.dtype))[0], right(*args, **kwargs))""",
    ),
    Wrapper(
        name="float32_inside",
        found_by="keeps_precision",
        sentence="Your answers are right to seven digits and no further; where do the others get lost?",
        body="""
narrow = lambda tensor: tensor.float().to(tensor.dtype) if tensor.dtype == torch.float64 else tensor
return right(*_changed(narrow, args), **_changed(narrow, kwargs))""",
    ),
    Wrapper(
        name="wrong_dtype",
        found_by="matches_oracle",
        sentence="Which dtype went in, and which came out?",
        body="""
return _changed(lambda tensor: tensor.float() if tensor.is_floating_point() else tensor, right(*args, **kwargs))""",
    ),
    Wrapper(
        name="fails_on_empty",
        found_by="accepts_empty_batches",
        sentence="What does your function do with a batch that holds no example?",
        body="""
for tensor in _tensors(args):
    if tensor.numel() == 0:
        raise ValueError("empty")
return right(*args, **kwargs)""",
    ),
    Wrapper(
        name="fails_on_noncontiguous",
        found_by="accepts_any_strides",
        sentence="Try your function on a transposed tensor: .view needs a layout that not every tensor has.",
        body="""
for tensor in _tensors(args):
    tensor.view(-1)
return right(*args, **kwargs)""",
    ),
    Wrapper(
        name="uses_forbidden_name",
        found_by="avoids_forbidden_names",
        sentence="The question asks you to write out what that library function does.",
        body="""
if kwargs.get("never"):
    FORBIDDEN
return right(*args, **kwargs)""",
    ),
)
"""Mistakes of manners; each question must catch those that it does not exempt."""

TRIVIAL: Sequence[Wrapper] = (
    *(
        Wrapper(name=name, body=f"return _emptied(lambda tensor: {expression}, right(*args, **kwargs))")
        for name, expression in (
            ("zeros", "torch.zeros_like(tensor)"),
            ("ones", "torch.ones_like(tensor)"),
            ("nan", "tensor * float('nan')"),
            ("half", "torch.full_like(tensor, 0.5)"),
            ("random", "torch.rand(tensor.shape).to(tensor)"),
        )
    ),
    Wrapper(
        name="input_returned",
        body="""
result = right(*args, **kwargs)
first = (_floats(args) or _tensors(args))[0]
return type(result)(first for _ in result) if isinstance(result, tuple) else first""",
    ),
    Wrapper(
        name="input_summed",
        body="""
first = (_floats(args) or _tensors(args))[0]
def fit(tensor):
    if tensor.shape == first.shape:
        return first
    return first.sum(-1) if tensor.shape == first.shape[:-1] else first.sum().expand(tensor.shape)
return _changed(fit, right(*args, **kwargs))""",
    ),
)
"""Answers without content; they must score nothing."""
