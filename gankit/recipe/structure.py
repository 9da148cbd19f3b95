"""From a document, plain tables as in a recipe file, to a typed ``Recipe`` and back.

Every problem of a document is collected, each with its place.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import attrs
import cattrs

from gankit._errors import InputError, Problem, nearest, shown
from gankit.files.toml_types import KeyProblem, key_of, structured, table_converter
from gankit.plugin.components import (
    KINDS,
    AbstractAugmentation,
    AbstractLoss,
    AbstractNetwork,
    AbstractPhase,
    Component,
)
from gankit.plugin.kinds import NETWORK_KINDS
from gankit.plugin.registry import Registry
from gankit.recipe.recipe import Edge, GivenLabel, GivenModality, GraphPlace, RandomPlace, Recipe

Document = dict[str, Any]

_USE_MISSING = "required: the component's name"
_BY_NAME = ("networks", "optimizers", "phases", "terms")
"""Tables of components whose names the recipe chooses."""


def structure_recipe(document: Document, registry: Registry) -> tuple[Recipe | None, list[Problem]]:
    """The typed recipe of a document and an empty list, or None and every problem."""
    recipe, problems = structured(_converter(registry), document, Recipe)
    return recipe, [_with_nearest_beside(problem, document) for problem in problems]


def structure_named(
    tables: Mapping[str, Any], kind: type[Component], registry: Registry
) -> tuple[dict[str, Any] | None, list[Problem]]:
    """Components of one kind from tables, each with ``use``.

    Args:
        tables: name to table; the names are the caller's.
        kind: the abstract class of the components.
        registry: where ``use`` is looked up.

    Returns: name to component and an empty list, or None and every problem.
    """
    return structured(_converter(registry), tables, dict[str, kind])  # type: ignore[valid-type]


# From the document ----------------------------------------------------------------------------------------


@lru_cache(maxsize=4)
def _converter(registry: Registry) -> cattrs.Converter:
    """The converter of a registry. It is kept, since cattrs writes a function for each class that it meets."""
    converter = table_converter()
    converter.register_structure_hook_func(lambda kind: kind == tuple[str, ...], _names)
    converter.register_structure_hook_func(lambda kind: kind == tuple[str, ...] | None, _names_or_none)
    series = tuple[AbstractAugmentation, ...]
    converter.register_structure_hook_func(
        lambda kind: kind == series | None,
        lambda value, _: None if value in (None, []) else converter.structure(value, series),
    )
    converter.register_structure_hook_func(_is_abstract, _component_hook(converter, registry))
    converter.register_structure_hook_func(lambda kind: kind == GraphPlace, _graph_place_hook(converter))
    by_phase, by_term = _by_name(converter, AbstractPhase), _by_name(converter, AbstractLoss)
    converter.register_structure_hook_func(lambda kind: kind == tuple[AbstractPhase, ...], by_phase)
    converter.register_structure_hook_func(lambda kind: kind == tuple[AbstractLoss, ...], by_term)
    return converter


def _names(value: Any, _: Any) -> tuple[str, ...]:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list | tuple) or not names or not all(isinstance(name, str) for name in names):
        raise ValueError(f"must be a name or a list of names, got {shown(value)}")
    return tuple(names)


def _names_or_none(value: Any, kind: Any) -> tuple[str, ...] | None:
    """An empty list says what the default says: none. So the completed recipe has no such key."""
    return None if value in (None, []) else _names(value, kind)


def _is_abstract(kind: Any) -> bool:
    return inspect.isclass(kind) and (kind is AbstractNetwork or kind in KINDS.values())


def _component_hook(converter: cattrs.Converter, registry: Registry) -> Callable[[Any, Any], Component]:
    def hook(value: Any, base: type[Component]) -> Component:
        kinds = NETWORK_KINDS if base is AbstractNetwork else (base.kind,)
        if not isinstance(value, Mapping):
            raise ValueError(f"must be a table with 'use', got {shown(value)}")
        if not isinstance(use := value.get("use"), str):
            known = ", ".join(entry.name for entry in registry.entries(*kinds))
            raise KeyProblem("use", f"{_USE_MISSING}; known: {known}")
        try:
            component = registry.find(use, *kinds)
        except InputError as error:
            raise KeyProblem("use", str(error)) from error
        return converter.structure({key: item for key, item in value.items() if key != "use"}, component)

    return hook


WAYS: dict[str, type] = {"network": Edge, "random": RandomPlace, "label": GivenLabel, "given": GivenModality}
"""Key of a table in ``[synthesizer]`` to what the table then says of its place."""


def _graph_place_hook(converter: cattrs.Converter) -> Callable[[Any, Any], Any]:
    def hook(value: Any, _: Any) -> Any:
        if not isinstance(value, Mapping):
            raise ValueError(f"must be a table, got {shown(value)}")
        said = [key for key in WAYS if key in value] or (["network"] if "from" in value else [])
        if len(said) != 1:
            found = " and ".join(said) or ", ".join(value) or "no key"
            raise ValueError(
                "must say one way in which the place comes to be: { network, from } makes it, { random } draws it,"
                f" {{ label }} or {{ given = true }} takes it from the cohort; got {found}"
            )
        return converter.structure(value, WAYS[said[0]])

    return hook


def _by_name(converter: cattrs.Converter, base: type[Component]) -> Callable[[Any, Any], tuple[Component, ...]]:
    def hook(value: Any, _: Any) -> tuple[Component, ...]:
        if not isinstance(value, Mapping):
            raise ValueError(f"must be tables by name, got {shown(value)}")
        named = {name: {**item, "name": name} if isinstance(item, Mapping) else item for name, item in value.items()}
        return tuple(converter.structure(named, dict[str, base]).values())  # type: ignore[valid-type]

    return hook


def _with_nearest_beside(problem: Problem, document: Document) -> Problem:
    """Where a component lacks ``use``, its name may be meant for one in the same table; say so."""
    if not problem.message.startswith(_USE_MISSING):
        return problem
    *parents, name, _ = problem.place.split(".")
    if not parents or parents[-1] not in _BY_NAME:
        return problem
    beside: Any = document
    for part in parents:
        beside = beside[part]
    others = [other for other in beside if other != name]
    near = nearest(name, others)
    said = f"is {name!r} misspelt{near}" if near else f"{name!r} is new here, beside {', '.join(others)}"
    return Problem(problem.place, f"{problem.message}; {said}") if others else problem


# To the document ------------------------------------------------------------------------------------------


def to_document(recipe: Recipe, registry: Registry) -> Document:
    """The completed recipe as plain tables: every default filled in, phases and terms by name; no empty section."""
    return plain(recipe, registry)


def plain(value: Any, registry: Registry) -> Any:
    """A recipe, or a part of one, as plain tables, lists and values."""
    if attrs.has(type(value)):
        fields = [(field, getattr(value, field.name)) for field in attrs.fields(type(value))]
        said = [(key_of(field), item) for field, item in fields if item is not None and not item == {} == field.default]
        table = {key: plain(item, registry) for key, item in said}
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
