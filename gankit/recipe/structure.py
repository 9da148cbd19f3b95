"""A document of plain tables to a typed ``Recipe`` and back. Every problem is collected, each with its place."""

from __future__ import annotations

import inspect
import math
import typing
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import cattrs
from cattrs.gen import make_dict_structure_fn, override

from gankit._errors import InputError, Problem, nearest
from gankit.plugin.components import KINDS, NETWORK_KINDS, AbstractLoss, AbstractNetwork, AbstractPhase, Component
from gankit.plugin.registry import Registry
from gankit.recipe.recipe import Recipe

Document = dict[str, Any]

_USE_MISSING = "required: the component's name"


class _KeyProblem(Exception):
    """A problem at one key below the place where it was found."""

    def __init__(self, key: str, message: str):
        super().__init__(message)
        self.key = key


def key_of(field: Any) -> str:
    """The recipe key of an attrs field: ``from_`` is written ``from``."""
    return field.name.rstrip("_")


def structure_recipe(document: Document, registry: Registry) -> tuple[Recipe | None, list[Problem]]:
    """Give a document its types. Returns the recipe, or None and everything that is wrong."""
    try:
        return _converter(registry).structure(document, Recipe), []
    except Exception as error:
        problems = [_with_nearest_beside(problem, document) for problem in _problems(error, "")]
        if not problems:
            raise
        return None, problems


def structure_named(
    tables: Mapping[str, Any], kind: type[Component], registry: Registry
) -> tuple[dict[str, Any] | None, list[Problem]]:
    """Give components of one kind their types; tables by any name, each with ``use``. Returns them by name, or None and
    everything that is wrong."""
    try:
        return _converter(registry).structure(tables, dict[str, kind]), []  # type: ignore[valid-type]
    except Exception as error:
        if not (problems := list(_problems(error, ""))):
            raise
        return None, problems


# From the document ----------------------------------------------------------------------------------------


def _converter(registry: Registry) -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=True, detailed_validation=True)
    for kind, word in ((bool, "true or false"), (int, "a whole number"), (float, "a number"), (str, "text")):
        converter.register_structure_hook(kind, _strict(kind, word))
    converter.register_structure_hook(Path, lambda value, _: Path(_strict(str, "a path")(value, str)))
    converter.register_structure_hook_func(lambda kind: typing.get_origin(kind) is tuple, _tuple(converter))
    converter.register_structure_hook_func(lambda kind: typing.get_origin(kind) is Mapping, _named(converter))
    converter.register_structure_hook_func(lambda kind: kind == tuple[str, ...], _names)
    converter.register_structure_hook_func(lambda kind: typing.get_origin(kind) is typing.Literal, _choice)
    converter.register_structure_hook_factory(attrs.has, lambda kind: _table_hook(kind, converter))
    converter.register_structure_hook_func(_is_abstract, _component_hook(converter, registry))
    by_phase, by_term = _by_name(converter, AbstractPhase), _by_name(converter, AbstractLoss)
    converter.register_structure_hook_func(lambda kind: kind == tuple[AbstractPhase, ...], by_phase)
    converter.register_structure_hook_func(lambda kind: kind == tuple[AbstractLoss, ...], by_term)
    return converter


def _strict(kind: type, word: str) -> Callable[[Any, Any], Any]:
    accepted = (int, float) if kind is float else (kind,)

    def hook(value: Any, _: Any) -> Any:
        if not isinstance(value, accepted) or (isinstance(value, bool) and kind is not bool):
            raise ValueError(f"must be {word}, got {value!r}")
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"must be a finite number, got {value!r}")
        try:
            return kind(value)
        except OverflowError:
            raise ValueError(f"must be {word}, got one too large for a float") from None

    return hook


def _names(value: Any, _: Any) -> tuple[str, ...]:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list | tuple) or not names or not all(isinstance(name, str) for name in names):
        raise ValueError(f"must be a name or a list of names, got {value!r}")
    return tuple(names)


def _tuple(converter: cattrs.Converter) -> Callable[[Any, Any], tuple[Any, ...]]:
    def hook(value: Any, kind: Any) -> tuple[Any, ...]:
        parts = typing.get_args(kind)
        if not isinstance(value, list | tuple):
            raise ValueError(f"must be a list, got {value!r}")
        if parts[-1] is Ellipsis:
            parts = parts[:1] * len(value)
        if len(value) != len(parts):
            raise ValueError(f"must be a list of {len(parts)}, got {value!r}")
        return tuple(converter.structure(item, part) for item, part in zip(value, parts, strict=True))

    return hook


def _named(converter: cattrs.Converter) -> Callable[[Any, Any], dict[str, Any]]:
    def hook(value: Any, kind: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise ValueError(f"must be a table, got {value!r}")
        return converter.structure(value, dict[str, typing.get_args(kind)[1]])  # type: ignore[misc, arg-type]

    return hook


def _choice(value: Any, kind: Any) -> Any:
    accepted = typing.get_args(kind)
    if value not in accepted:
        listed = ", ".join(map(repr, accepted))
        raise ValueError(f"must be one of {listed}, got {value!r}{nearest(str(value), map(str, accepted))}")
    return value


def _table_hook(kind: type, converter: cattrs.Converter) -> Callable[[Any, Any], Any]:
    """Structure one attrs class; each field's validator runs in its own hook, so that all failures are collected."""
    attrs.resolve_types(kind)

    def checked(field: Any) -> Callable[[Any, Any], Any]:
        def hook(value: Any, of: Any) -> Any:
            structured = converter.structure(value, of)
            if field.validator is not None:
                field.validator(None, field, structured)
            return structured

        return hook

    overrides = {field.name: override(rename=key_of(field), struct_hook=checked(field)) for field in attrs.fields(kind)}
    structure: Any = make_dict_structure_fn(kind, converter, **overrides)  # type: ignore[arg-type]

    def hook(value: Any, of: Any) -> Any:
        if not isinstance(value, Mapping):
            raise ValueError(f"must be a table, got {value!r}")
        return structure(value, of)

    return hook


def _is_abstract(kind: Any) -> bool:
    return inspect.isclass(kind) and (kind is AbstractNetwork or kind in KINDS.values())


def _component_hook(converter: cattrs.Converter, registry: Registry) -> Callable[[Any, Any], Component]:
    def hook(value: Any, base: type[Component]) -> Component:
        kinds = NETWORK_KINDS if base is AbstractNetwork else (base.kind,)
        if not isinstance(value, Mapping):
            raise ValueError(f"must be a table with 'use', got {value!r}")
        if not isinstance(use := value.get("use"), str):
            known = ", ".join(entry.name for entry in registry.entries(*kinds))
            raise _KeyProblem("use", f"{_USE_MISSING}; known: {known}")
        try:
            component = registry.find(use, *kinds)
        except InputError as error:
            raise _KeyProblem("use", str(error)) from error
        return converter.structure({key: item for key, item in value.items() if key != "use"}, component)

    return hook


def _by_name(converter: cattrs.Converter, base: type[Component]) -> Callable[[Any, Any], tuple[Component, ...]]:
    def hook(value: Any, _: Any) -> tuple[Component, ...]:
        if not isinstance(value, Mapping):
            raise ValueError(f"must be tables by name, got {value!r}")
        named = {name: {**item, "name": name} if isinstance(item, Mapping) else item for name, item in value.items()}
        return tuple(converter.structure(named, dict[str, base]).values())  # type: ignore[valid-type]

    return hook


def _problems(error: BaseException, place: str) -> Iterator[Problem]:
    """Walk cattrs' tree of errors to the leaves."""
    if isinstance(error, cattrs.BaseValidationError):
        for child in error.exceptions:
            part = next((_part(note) for note in getattr(child, "__notes__", ()) if _part(note)), "")
            yield from _problems(child, ".".join(filter(None, (place, part))))
    elif isinstance(error, cattrs.ForbiddenExtraKeysError):
        known = [key_of(field) for field in attrs.fields(error.cl)]
        for key in sorted(error.extra_fields):
            listed = ", ".join(known) or "no options"
            yield Problem(f"{place}.{key}" if place else key, f"unknown key{nearest(key, known)}; accepted: {listed}")
    elif isinstance(error, _KeyProblem):
        yield Problem(f"{place}.{error.key}" if place else error.key, str(error))
    elif isinstance(error, KeyError):
        yield Problem(place, "required, but missing")
    elif isinstance(error, ValueError | TypeError | InputError):
        yield Problem(place, str(error))
    else:
        raise error


def _with_nearest_beside(problem: Problem, document: Document) -> Problem:
    """A component without ``use`` may be one of those beside it, misspelt."""
    if not problem.message.startswith(_USE_MISSING):
        return problem
    *parents, name, _ = problem.place.split(".")
    beside: Any = document
    for part in parents:
        beside = beside[part]
    near = nearest(name, [other for other in beside if other != name])
    return Problem(problem.place, f"{problem.message}; is {name!r} misspelt{near}") if near else problem


def _part(note: Any) -> str:
    if isinstance(note, cattrs.AttributeValidationNote):
        return note.name.rstrip("_")
    return str(note.index) if isinstance(note, cattrs.IterableValidationNote) else ""


# To the document ------------------------------------------------------------------------------------------


def to_document(recipe: Recipe, registry: Registry) -> Document:
    """The completed recipe as plain tables: every default filled in, phases and terms by name."""
    return plain(recipe, registry)


def plain(value: Any, registry: Registry) -> Any:
    """A recipe, or a part of one, as plain tables, lists and values."""
    if attrs.has(type(value)):
        fields = {key_of(field): getattr(value, field.name) for field in attrs.fields(type(value))}
        table = {key: plain(item, registry) for key, item in fields.items() if item is not None}
        if isinstance(value, Component):
            table = {"use": registry.name_of(type(value)), **table}
            if isinstance(value, AbstractPhase | AbstractLoss):
                del table["name"]
        return table
    if isinstance(value, Mapping):
        return {key: plain(item, registry) for key, item in value.items()}
    if isinstance(value, tuple) and value and isinstance(value[0], AbstractPhase | AbstractLoss):
        return {item.name: plain(item, registry) for item in value}
    if isinstance(value, tuple):
        return [plain(item, registry) for item in value]
    return str(value) if isinstance(value, Path) else value
