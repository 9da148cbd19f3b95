"""What the text of a module says: definitions, types of fields, docstrings of attributes.

Read from the text and not from objects, so that the pages are the same under every version of Python.
"""

from __future__ import annotations

import ast
import functools
import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import attrs

Function = ast.FunctionDef | ast.AsyncFunctionDef
LONGEST_LINE = 88


@attrs.frozen
class Attribute:
    """A field of a class or a constant of a module."""

    name: str
    type: str
    value: ast.expr | None
    """What is assigned; of an option the call that declares it."""
    docstring: str


@attrs.frozen
class Definition:
    """The statement that defines a name, and what is said of it."""

    node: ast.stmt
    docstring: str


@functools.cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def tree_of(module: ModuleType) -> ast.Module:
    return tree(Path(str(module.__file__)))


def public_names(module: str) -> dict[str, str]:
    """Each name in a package's ``__all__`` to the module that it is taken from, in the order of the imports."""
    package = importlib.import_module(module)
    file = Path(str(package.__file__))
    stub = file.with_suffix(".pyi")
    homes = {
        alias.asname or alias.name: str(node.module)
        for node in tree(stub if stub.exists() else file).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    return {name: home for name, home in homes.items() if name in package.__all__}


def definition(home: str, name: str) -> Definition:
    """Where a module defines a name; one that it imports is looked up where it comes from."""
    body = tree_of(importlib.import_module(home)).body
    for node, after in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, ast.ClassDef | Function) and node.name == name:
            return Definition(node, ast.get_docstring(node) or "")
        if isinstance(node, ast.Assign | ast.AnnAssign) and name in _targets(node):
            return Definition(node, _text(after))
        if isinstance(node, ast.ImportFrom) and name in [alias.asname or alias.name for alias in node.names]:
            return definition(str(node.module), name)
    raise LookupError(f"{home} does not define {name}")


def attributes(body: list[ast.stmt]) -> Iterator[Attribute]:
    """Assignments with a type or a docstring, without private ones."""
    for node, after in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, ast.Assign | ast.AnnAssign):
            (name,) = _targets(node)
            kind = ast.unparse(node.annotation) if isinstance(node, ast.AnnAssign) else ""
            if not name.startswith("_"):
                yield Attribute(name, kind, node.value, _text(after))


def types_of_fields(owner: type) -> dict[str, str]:
    """Types of the fields of a class and of what it derives from, as they are written."""
    return {field.name: field.type for field in fields_of(owner)}


def docstrings_of_fields(owner: type) -> dict[str, str]:
    """What stands beneath each field of a class and of what it derives from."""
    return {field.name: field.docstring for field in fields_of(owner)}


def fields_of(owner: type) -> Iterator[Attribute]:
    for each in reversed(owner.__mro__):
        if attrs.has(each):
            yield from attributes(definition(each.__module__, each.__name__).node.body)  # type: ignore[attr-defined]


def methods(node: ast.ClassDef) -> Iterator[Function]:
    """Public methods and properties that are defined in a class itself."""
    for each in node.body:
        if isinstance(each, Function) and not each.name.startswith("_"):
            yield each


def decorated(node: Function, name: str) -> bool:
    return any(ast.unparse(each).split(".")[-1] == name for each in node.decorator_list)


def signature(node: Function) -> str:
    """``def name(arguments) -> type``, an argument a line where one line does not hold them."""
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    short = f"{node.name}({ast.unparse(node.args)}){returns}"
    if len(short) <= LONGEST_LINE:
        return short
    return f"{node.name}(\n" + "".join(f"    {each},\n" for each in _arguments(node.args)) + f"){returns}"


def _arguments(given: ast.arguments) -> Iterator[str]:
    plain = [*given.posonlyargs, *given.args]
    defaults = [None] * (len(plain) - len(given.defaults)) + list(given.defaults)
    yield from map(_argument, plain, defaults)
    if given.vararg or given.kwonlyargs:
        yield f"*{ast.unparse(given.vararg)}" if given.vararg else "*"
    yield from map(_argument, given.kwonlyargs, given.kw_defaults)
    if given.kwarg:
        yield f"**{ast.unparse(given.kwarg)}"


def _argument(name: ast.arg, default: ast.expr | None) -> str:
    if default is None:
        return ast.unparse(name)
    return f"{ast.unparse(name)}{' = ' if name.annotation else '='}{ast.unparse(default)}"


def _targets(node: ast.Assign | ast.AnnAssign) -> list[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return [ast.unparse(target) for target in targets]


def _text(node: ast.stmt | None) -> str:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
        return node.value.value
    return ""
