"""What a submission's text shows without running it: names that a question forbids, and things to look at.

Advisory: it finds what honest code spells out, and a determined author can hide from it. What confines a submission
is the sandbox, never this scan.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from grader.syntax import parse

MAX_SENTENCES = 20

# No honest name is longer; without a bound, a purpose-made text costs the square of its length.
_MAX_PARTS = 12
_MAX_CHARS = 200
_MAX_STARS = 8

_WATCHED_MODULES = {
    *("_thread", "atexit", "builtins", "cffi", "ctypes", "faulthandler", "fcntl", "gc", "grader", "http", "importlib"),
    *("inspect", "marshal", "mmap", "multiprocessing", "os", "pickle", "pty", "pytest", "reference", "requests"),
    *("resource", "shutil", "signal", "socket", "subprocess", "sys", "urllib"),
}
_WATCHED_CALLS = {
    "open": "opens a file",
    "__import__": "imports a module by its name as text",
    "eval": "runs text as code",
    "exec": "runs text as code",
    "compile": "turns text into code",
    "sys._getframe": "reads its callers' frames",
    "os.putenv": "changes the environment",
    "os.environ.update": "changes the environment",
    "torch.load": "reads a file that can hold code",
    "torch.ops.load_library": "loads native code",
    "torch.utils.cpp_extension.load": "compiles native code",
    "torch.utils.cpp_extension.load_inline": "compiles native code",
}
_WATCHED_ATTRIBUTES = {"__globals__", "__subclasses__", "__code__", "__closure__", "__builtins__", "f_back", "tb_frame"}
_SHARED = ("torch", "numpy", "builtins", "math")
# Switches that honest code sets.
_OWN_TO_SET = ("torch.backends",)


def forbidden_uses(source: str, function: str, forbidden: Iterable[str]) -> list[str]:
    """Where a function uses what its question forbids, such as `torch.logsumexp on line 12`; sorted by line.

    Args:
        function: Searched together with every function, class and constant of the module that it reaches.
        forbidden: Dotted names. A module forbids all that is in it, and a function its spelling as a method and
            its other homes inside the same package. `F` stands for `torch.nn.functional`.
    """
    names = [_spelled_out(name) for name in forbidden]
    if not names:
        return []
    found = [(line, name) for name, line in _uses(source, function).items() if any(_same(name, one) for one in names)]
    return [f"{name} on line {line}" for line, name in sorted(found)]


def suspicious(source: str) -> list[str]:
    """Sentences on what a person should look at, each with its line; at most `MAX_SENTENCES`."""
    module = _read(source)
    found = sorted({(line, text) for node in module.nodes for line, text in _remarks(node, module.aliases)})
    sentences = [f"Line {line} {text}." for line, text in found]
    if len(sentences) > MAX_SENTENCES:
        sentences[MAX_SENTENCES - 1 :] = [f"{len(sentences) - MAX_SENTENCES + 1} more lines like these."]
    return sentences


def _uses(source: str, function: str) -> dict[str, int]:
    """Each dotted name that a function uses, with the first line that does."""
    module = _read(source)
    uses: dict[str, int] = {}
    for node in _reached(module.definitions, function):
        for used in _names_of(node, module.aliases, module.stars):
            line: int = getattr(node, "lineno", 0)
            uses[used] = min(line, uses.get(used, line))
    return uses


@dataclass(frozen=True, kw_only=True)
class _Module:
    """What the names of a submission mean."""

    nodes: Sequence[ast.AST]
    aliases: Mapping[str, str]
    definitions: Mapping[str, list[ast.AST]]
    stars: Sequence[str]


@lru_cache(maxsize=2)
def _read(source: str) -> _Module:
    """A submission's text; one that is not Python is an empty module. Each of its questions asks for it again."""
    try:
        tree = parse(source)
    except SyntaxError:
        tree = ast.Module(body=[], type_ignores=[])
    nodes = tuple(ast.walk(tree))
    return _Module(nodes=nodes, aliases=_aliases(nodes), definitions=_definitions(tree), stars=_stars(nodes))


def _reached(definitions: Mapping[str, list[ast.AST]], function: str) -> Iterator[ast.AST]:
    """Every node of a function and of the definitions that it leads to, each definition once."""
    names, walked, waiting = {function}, set(), [function]
    while waiting:
        for definition in definitions.get(waiting.pop(), []):
            # One assignment may bind thousands of names.
            if definition in walked:
                continue
            walked.add(definition)
            for node in ast.walk(definition):
                if isinstance(node, ast.Name) and node.id in definitions and node.id not in names:
                    names.add(node.id)
                    waiting.append(node.id)
                yield node


def _names_of(node: ast.AST, aliases: Mapping[str, str], stars: Sequence[str]) -> Iterator[str]:
    match node:
        case ast.Name(id=name):
            yield from [aliases[name]] if name in aliases else [f"{module}.{name}" for module in stars]
        case ast.Attribute(value=ast.Name(id="self" | "cls")):
            return
        case (
            ast.Attribute(attr=attribute)
            | ast.Call(func=ast.Name(id="getattr"), args=[_, ast.Constant(value=str(attribute)), *_])
        ):
            owner = node.value if isinstance(node, ast.Attribute) else node.args[0]
            module = _dotted(owner, aliases)
            yield f"{module}.{attribute}" if module else f"torch.{attribute}"
        case ast.Call(args=[ast.Constant(value=str(module))], func=function):
            if _callee(function, aliases) in ("__import__", "importlib.import_module"):
                yield module


def _definitions(tree: ast.Module) -> dict[str, list[ast.AST]]:
    """What binds each name at the top level of the module, branches included."""
    found: dict[str, list[ast.AST]] = {}
    waiting: list[ast.stmt] = list(tree.body)
    while waiting:
        node = waiting.pop()
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                found.setdefault(node.name, []).append(node)
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    for name in ast.walk(target):
                        if isinstance(name, ast.Name):
                            found.setdefault(name.id, []).append(value)
            case ast.If() | ast.Try() | ast.With() | ast.For() | ast.While():
                waiting += [inner for inner in ast.iter_child_nodes(node) if isinstance(inner, ast.stmt)]
    return found


def _aliases(nodes: Iterable[ast.AST]) -> dict[str, str]:
    """The dotted name behind each name that an import, or an assignment of an imported thing, binds."""
    aliases: dict[str, str] = {}
    for node in nodes:
        match node:
            case ast.Import(names=names):
                for item in names:
                    aliases[item.asname or item.name.partition(".")[0]] = (
                        item.name[:_MAX_CHARS] if item.asname else item.name.partition(".")[0]
                    )
            case ast.ImportFrom(module=str(module), names=names):
                origin = module[:_MAX_CHARS]
                aliases |= {item.asname or item.name: f"{origin}.{item.name}" for item in names if item.name != "*"}
    for node in nodes:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Attribute() as value):
                dotted = _dotted(value, aliases)
                if dotted:
                    aliases[name] = dotted
    return aliases


def _dotted(node: ast.AST, aliases: Mapping[str, str]) -> str | None:
    """`torch.nn.functional.kl_div` for `F.kl_div`; None for what does not start at an import, or never ends."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute) and len(parts) < _MAX_PARTS:
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name) or node.id not in aliases:
        return None
    dotted = ".".join([aliases[node.id], *reversed(parts)])
    return dotted if len(dotted) <= _MAX_CHARS else None


def _callee(node: ast.AST, aliases: Mapping[str, str]) -> str:
    """The dotted name of what is called, a builtin by its bare name; empty for anything else."""
    plain = node.id if isinstance(node, ast.Name) else ""
    return (_dotted(node, aliases) or plain).removeprefix("builtins.")


def _remarks(node: ast.AST, aliases: Mapping[str, str]) -> Iterator[tuple[int, str]]:
    line: int = getattr(node, "lineno", 0)
    match node:
        case ast.Import(names=names):
            for item in names:
                if item.name.partition(".")[0] in _WATCHED_MODULES:
                    yield line, f"imports {item.name}"
        case ast.ImportFrom(module=str(module)):
            if module.partition(".")[0] in _WATCHED_MODULES:
                yield line, f"imports from {module}"
        case ast.Call(func=function, args=arguments):
            name = _callee(function, aliases)
            if name in _WATCHED_CALLS:
                yield line, f"calls {name}, which {_WATCHED_CALLS[name]}"
            if name in ("setattr", "delattr") and arguments and _is_shared(_dotted(arguments[0], aliases)):
                yield line, f"changes {_dotted(arguments[0], aliases)}, which everybody shares"
        case ast.Attribute(attr=attribute, ctx=ast.Store() | ast.Del()) if _is_shared(_dotted(node.value, aliases)):
            yield line, f"replaces {_dotted(node.value, aliases)}.{attribute}, which everybody shares"
        case ast.Attribute(attr=attribute) if attribute in _WATCHED_ATTRIBUTES:
            yield line, f"reads {attribute}"
        case ast.Subscript(value=value, ctx=ast.Store() | ast.Del()):
            name = _dotted(value, aliases) or ""
            if name == "os.environ":
                yield line, "changes the environment"
            if name.endswith(".__dict__") and _is_shared(name):
                yield line, f"replaces an entry of {name}, which everybody shares"


def _is_shared(dotted: str | None) -> bool:
    return dotted is not None and dotted.partition(".")[0] in _SHARED and not dotted.startswith(_OWN_TO_SET)


def _stars(nodes: Iterable[ast.AST]) -> list[str]:
    """The modules of which everything is imported."""
    imports = [node for node in nodes if isinstance(node, ast.ImportFrom)]
    modules = [node.module for node in imports if node.module and any(item.name == "*" for item in node.names)]
    return [module for module in dict.fromkeys(modules) if len(module) <= _MAX_CHARS][:_MAX_STARS]


def _spelled_out(name: str) -> str:
    return "torch.nn.functional." + name[2:] if name.startswith("F.") else name


def _same(used: str, forbidden: str) -> bool:
    if used == forbidden or used.startswith(forbidden + "."):
        return True
    # torch.special.logsumexp and x.logsumexp are torch.logsumexp.
    return used.split(".")[0] == forbidden.split(".")[0] and used.split(".")[-1] == forbidden.split(".")[-1]
