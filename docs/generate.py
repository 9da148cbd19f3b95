"""Write docs/reference/ from the code: ``python docs/generate.py``. A test fails while the pages are stale."""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import json
from collections.abc import Iterator, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import attrs
import click
from _markdown import code, fenced, line, page, prose, table
from _source import (
    Attribute,
    Definition,
    Function,
    attributes,
    decorated,
    definition,
    docstrings_of_fields,
    methods,
    public_names,
    signature,
    tree,
    types_of_fields,
)

import gankit
from gankit import AbstractAdversarialLoss, AbstractFeatureLoss, AbstractPairedLoss, Plugins, load_plugins
from gankit.cli import COMMANDS, main
from gankit.evaluation.result_files import STORED
from gankit.evaluation.result_schema import SCHEMAS, SHIPPED
from gankit.plugin import hooks
from gankit.plugin.components import KINDS
from gankit.plugin.options import default_of
from gankit.plugin.registry import RegisteredComponent
from gankit.recipe.recipe import Augmentation, Edge, Latent, ModalitySpec, Pool, Recipe, Training
from gankit.recipe.schema import recipe_schema
from gankit.recipe.structure import key_of

DOCS = Path(__file__).parent
PACKAGE = Path(gankit.__file__).parent
PUBLIC_MODULES = ("gankit", "gankit.testing")
HELP_WIDTH = 88

SECTIONS: tuple[tuple[str, type], ...] = (
    ("pools.NAME", Pool),
    ("latent", Latent),
    ("modalities.NAME", ModalitySpec),
    ("synthesizer.MODALITY", Edge),
    ("augmentation", Augmentation),
    ("training", Training),
)
"""Tables of a recipe and what describes them."""


def pages() -> dict[str, str]:
    """Every generated page by its path in ``docs/``."""
    installed = own_plugins()
    return {
        "reference/api.md": page(api(installed)),
        "reference/commands.md": page(commands(installed)),
        "reference/components.md": page(components(installed)),
        "reference/hooks.md": page(hook_specifications()),
        "reference/recipe.md": page(recipe_keys()),
        "reference/schemas.md": page(schemas(installed)),
        "reference/tree.md": page(tree_of_files()),
    }


@functools.cache
def own_plugins() -> Plugins:
    """What gankit's own distribution offers, whatever else is installed."""
    found = entry_points(group="gankit")
    return load_plugins([entry for entry in found if entry.dist is not None and entry.dist.name == "gankit"])


# Components -----------------------------------------------------------------------------------------------


def components(installed: Plugins) -> Iterator[str]:
    yield "# Components"
    yield (
        "Every component that gankit ships, by kind, with its options. An option is a key of the recipe, beside `use`."
        " `gankit components NAME` prints the same of whatever is installed."
    )
    for kind, base in KINDS.items():
        yield f"## {kind}"
        yield prose(inspect.getdoc(base))
        if shared := attrs.fields(base):
            yield f"Options of every {kind}:"
            yield options(base, shared)
        for entry in installed.registry.entries(kind):
            yield from component(entry, installed)


def component(entry: RegisteredComponent, installed: Plugins) -> Iterator[str]:
    spec = installed.registry.find(entry.name, entry.kind)
    losses = (AbstractPairedLoss, AbstractFeatureLoss, AbstractAdversarialLoss)
    base = next(kind for kind in (*losses, KINDS[entry.kind]) if issubclass(spec, kind))
    yield f"### {entry.name}"
    yield f"From plugin `{entry.plugin}`; a `gankit.{base.__name__}`."
    yield prose(vars(spec)["__doc__"])
    shared = {field.name for field in attrs.fields(KINDS[entry.kind])}
    if own := [field for field in attrs.fields(spec) if field.name not in shared]:
        yield options(spec, own)
    else:
        yield "No options of its own."


def options(owner: type, fields: Iterator[Any]) -> str:
    types = types_of_fields(owner)
    rows = ((code(key_of(field)), f"`{types[field.name]}`{bounds(field)}", default(field), line(field.metadata["help"]))
            for field in fields)  # fmt: skip
    return table(("key", "type", "default", "what"), rows)


def bounds(field: Any) -> str:
    symbols = {"gt": ">", "ge": "≥", "lt": "<", "le": "≤"}
    return "".join(f", {symbols[name]} {bound:g}" for name, bound in field.metadata.get("bounds", {}).items())


def default(field: Any) -> str:
    """As a recipe writes it."""
    value = default_of(field)
    if value is attrs.NOTHING:
        return "required"
    if value is None:
        return "none"
    if attrs.has(type(value)) or isinstance(value, attrs.Factory):  # type: ignore[arg-type]
        return "its defaults"
    return code(json.dumps(value, ensure_ascii=False))


# Hooks and commands ---------------------------------------------------------------------------------------


def hook_specifications() -> Iterator[str]:
    yield "# Hooks"
    yield (
        "A plugin is a module that an entry point of group `gankit` names. It has at least one of these functions,"
        " marked with `gankit.hookimpl`, under the same name and with the same arguments."
    )
    for name, function in vars(hooks).items():
        if hasattr(function, f"{hooks.PROJECT}_spec"):
            yield f"## {name}"
            yield from described(definition(hooks.__name__, name))


def commands(installed: Plugins) -> Iterator[str]:
    yield "# Commands"
    yield "What `--help` says of every command."
    for context in command_contexts(click.Context(main, info_name="gankit", **main.context_settings), installed):
        yield f"## {context.command_path}"
        yield fenced("text", context.command.get_help(context))


def command_contexts(context: click.Context, installed: Plugins) -> Iterator[click.Context]:
    """A command and every one below it that gankit's own distribution has."""
    context.terminal_width = HELP_WIDTH
    yield context
    if isinstance(context.command, click.Group):
        for name in context.command.list_commands(context):
            words = f"{context.command_path} {name}".split()[1:]
            command = context.command.get_command(context, name)
            if command is not None and (words[0] in COMMANDS or " ".join(words) in installed.commands):
                yield from command_contexts(click.Context(command, context, name), installed)


# Recipe keys and schemas ----------------------------------------------------------------------------------


def recipe_keys() -> Iterator[str]:
    yield "# Recipe keys"
    yield (
        "The keys of a recipe file. `cohort`, each of `networks`, each of `phases` and each of a phase's `terms` is a"
        " component: `use` names it, and its other keys are in [Components](components.md)."
    )
    yield (
        'A file that begins with `extends = "RECIPE"` says only what it changes. Phases and terms are addressed by'
        ' their `name`, and `remove = ["phases.PHASE.terms.TERM"]` leaves out what the list names.'
    )
    yield options(Recipe, attrs.fields(Recipe))
    for path, owner in SECTIONS:
        yield f"## {path}"
        yield prose(inspect.getdoc(owner))
        yield options(owner, attrs.fields(owner))


def schemas(installed: Plugins) -> Iterator[str]:
    yield "# JSON schemas"
    recipe = recipe_schema(installed.registry)
    yield "## Recipe"
    yield (
        "`gankit recipe schema > recipe.schema.json` writes the schema of recipes, with every component that is"
        " installed. An editor that knows TOML schemas completes keys with it and marks what is wrong."
        f" It is of {recipe['$schema']}."
    )
    for file, kind in SHIPPED.items():
        yield from result_schema(SCHEMAS / file, kind)


def result_schema(file: Path, kind: type) -> Iterator[str]:
    """A schema that ships as a file, its tables one after another."""
    schema = json.loads(file.read_text(encoding="utf-8"))
    yield f"## {schema['title']}"
    yield prose(schema["description"])
    yield f"The schema ships as `{file.relative_to(PACKAGE.parent).as_posix()}`."
    homes = [importlib.import_module(each.__module__) for each in (STORED[kind], kind)]
    yield properties(schema, STORED[kind])
    for name, each in schema["$defs"].items():
        yield f"### {name} of {schema['title']}"
        yield prose(each.get("description"))
        yield properties(each, next(getattr(home, name) for home in homes if hasattr(home, name)))


def properties(schema: Mapping[str, Any], of: type) -> str:
    """The keys of an object, explained by the docstrings of the class that it is made of."""
    said = docstrings_of_fields(of)
    rows = (
        (code(key), json_type(each), "yes" if key in schema["required"] else "", line(said.get(key, "")))
        for key, each in schema["properties"].items()
    )
    return table(("key", "type", "required", "what"), rows)


def json_type(schema: Mapping[str, Any]) -> str:
    """A type in words, as in "array of Row"."""
    if "$ref" in schema:
        return schema["$ref"].rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(map(json_type, schema["anyOf"]))
    if "const" in schema or "enum" in schema:
        return " or ".join(code(json.dumps(value)) for value in schema.get("enum", [schema.get("const")]))
    inner = schema.get("items") or schema.get("additionalProperties")
    kind = schema.get("type", "any")
    kind = " or ".join(kind) if isinstance(kind, list) else kind
    return f"{kind} of {json_type(inner)}" if inner else kind


# The public API -------------------------------------------------------------------------------------------


def api(installed: Plugins) -> Iterator[str]:
    yield "# Python API"
    yield (
        "Every public name. What is not here is private; [What you may rely on](../api-policy.md) says what that means."
    )
    for module in PUBLIC_MODULES:
        yield f"## {module}"
        yield prose(inspect.getdoc(importlib.import_module(module)))
        for name, home in public_names(module).items():
            if not inspect.ismodule(getattr(importlib.import_module(module), name)):
                yield f"### {name}"
                yield from described(definition(home, name))
    yield f"## {gankit.imports.__name__}"
    yield prose(inspect.getdoc(gankit.imports))
    for name, target in installed.importers.items():
        yield f"### {gankit.imports.__name__}.{name}"
        yield from described(definition(*target.split(":")))


def described(defined: Definition) -> Iterator[str]:
    """A function, a class or a constant: how it is written, and what its docstring says."""
    node = defined.node
    if isinstance(node, ast.ClassDef):
        bases = f"({', '.join(map(ast.unparse, node.bases))})" if node.bases else ""
        yield fenced("python", f"class {node.name}{bases}")
        yield prose(defined.docstring)
        yield from members(node)
    else:
        yield fenced("python", signature(node) if isinstance(node, Function) else ast.unparse(node))
        yield prose(defined.docstring)


def members(node: ast.ClassDef) -> Iterator[str]:
    """The fields of a class, then its methods."""
    yield "\n".join(f"- {field_line(field)}" for field in attributes(node.body))
    for method in methods(node):
        kind = next((f"{kind} " for kind in ("property", "classmethod") if decorated(method, kind)), "")
        yield fenced("python", f"{kind}{node.name}.{signature(method)}")
        yield prose(ast.get_docstring(method))


def field_line(field: Attribute) -> str:
    """A field with its type and what is said of it, by its docstring or by the help text of its option."""
    written = f"{field.name}: {field.type}" if field.type else field.name
    if field.value is not None and not isinstance(field.value, ast.Call):
        written += f" = {ast.unparse(field.value)}"
    said = field.docstring or next(
        (ast.literal_eval(each.value) for each in getattr(field.value, "keywords", ()) if each.arg == "help"), ""
    )
    return code(written) + (f": {line(said)}" if said else "")


# Tree -----------------------------------------------------------------------------------------------------


def tree_of_files() -> Iterator[str]:
    yield "# The tree"
    yield (
        "The files of the core, two levels deep, each with what it says of itself. They are private, and may be others"
        " in the next version: what you may import is the [Python API](api.md). Why they stand so is in"
        " [Architecture](../architecture.md#the-wings)."
    )
    wings = [folder for folder in sorted(PACKAGE.iterdir()) if (folder / "__init__.py").is_file()]
    for folder in [PACKAGE, *wings]:
        yield f"## {folder.relative_to(PACKAGE.parent).as_posix()}/"
        yield prose(first_sentences(folder / "__init__.py"))
        yield table(("file", "what"), [(code(file.name), line(first_sentences(file))) for file in modules(folder)])


def modules(folder: Path) -> list[Path]:
    return sorted(file for file in folder.glob("*.py") if file.name != "__init__.py")


def first_sentences(file: Path) -> str:
    """The first paragraph of a module's docstring."""
    first, _, _ = (ast.get_docstring(tree(file)) or "").partition("\n\n")
    return first


def write() -> None:
    made = pages()
    (DOCS / "reference").mkdir(exist_ok=True)
    for old in (DOCS / "reference").glob("*.md"):
        if f"reference/{old.name}" not in made:
            old.unlink()
    for path, text in made.items():
        (DOCS / path).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write()
