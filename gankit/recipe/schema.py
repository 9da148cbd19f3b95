"""JSON Schema of recipe files, made from the installed components, for editors and for tests."""

from __future__ import annotations

import inspect
import types
import typing
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from gankit._errors import PluginError, PluginWarning
from gankit._shapes import PerAxis
from gankit.files.toml_types import key_of
from gankit.plugin.components import KINDS, AbstractLoss, AbstractNetwork, AbstractPhase, Component
from gankit.plugin.kinds import NETWORK_KINDS
from gankit.plugin.options import default_of
from gankit.plugin.registry import Registry
from gankit.recipe.recipe import Recipe

Schema = dict[str, Any]
Within = tuple[type[Component], ...]
"""The components whose options a schema is one of, the outermost first."""

_PLAIN: dict[Any, Schema] = {
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    str: {"type": "string"},
    Path: {"type": "string"},
    tuple[str, ...]: {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]},
}
_BOUNDS = {"gt": "exclusiveMinimum", "ge": "minimum", "lt": "exclusiveMaximum", "le": "maximum"}


def recipe_schema(registry: Registry) -> Schema:
    """The schema of recipe files.

    A file that extends nothing must have every required key. A file that ``extends`` another may leave out any key.
    """
    schema = _table(Recipe, registry)
    extending = {"extends": {"type": "string"}, "remove": {"type": "array", "items": {"type": "string"}}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "gankit recipe",
        "if": {"required": ["extends"]},
        "then": {
            "properties": {**dict.fromkeys(schema["properties"], True), **extending},
            "additionalProperties": False,
        },
        "else": schema,
    }


def _table(kind: type, registry: Registry, within: Within = ()) -> Schema:
    attrs.resolve_types(kind)
    properties, required = {}, []
    for field in attrs.fields(kind):
        properties[key_of(field)] = _bounded(_schema(field.type, registry, within), field) | _described(field)
        if field.default is attrs.NOTHING:
            required.append(key_of(field))
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _schema(kind: Any, registry: Registry, within: Within = ()) -> Schema:
    if kind in _PLAIN:
        return dict(_PLAIN[kind])
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Literal:
        return {"enum": list(parts)}
    if origin in (typing.Union, types.UnionType) and type(None) not in parts:
        return {"oneOf": [_schema(part, registry, within) for part in parts]}
    if origin in (typing.Union, types.UnionType):  # optional: a key left out is None
        if {int, tuple[int, ...]} <= set(parts):
            return _schema(PerAxis, registry, within)
        some = _schema(next(part for part in parts if part is not type(None)), registry, within)
        return {"anyOf": [*some["anyOf"], {"type": "array", "maxItems": 0}]} if tuple[str, ...] in parts else some
    if origin is tuple and parts[0] in (AbstractPhase, AbstractLoss):
        item = _schema(parts[0], registry, within)
        return {"anyOf": [{"type": "array", "items": item}, {"type": "object", "additionalProperties": item}]}
    if origin is tuple:
        items = _schema(parts[0], registry, within)
        size = {} if parts[-1] is Ellipsis else {"minItems": len(parts), "maxItems": len(parts)}
        return {"type": "array", "items": items, **size}
    if inspect.isclass(origin) and issubclass(origin, Mapping):
        return {"type": "object", "additionalProperties": _schema(parts[1], registry, within)}
    if inspect.isclass(kind) and (kind is AbstractNetwork or kind in KINDS.values()):
        entries = registry.entries(*(NETWORK_KINDS if kind is AbstractNetwork else (kind.__dict__["kind"],)))
        schemas = [_component(entry.kind, entry.name, registry, within) for entry in entries]
        return {"oneOf": [schema for schema in schemas if schema]}
    if attrs.has(kind):
        return _table(kind, registry, within)
    return {}


def _component(kind: str, name: str, registry: Registry, within: Within) -> Schema | None:
    """The schema of a component. None for one that would stand within itself; for one that cannot be imported too, with
    a warning."""
    try:
        component: type[Component] = registry.find(name, kind)
    except PluginError as error:
        warnings.warn(f"left out: {error}", PluginWarning, stacklevel=2)
        return None
    if component in within:
        return None
    table = _table(component, registry, (*within, component))
    table["properties"] = {"use": {"const": name}, **table["properties"]}
    table["required"] = ["use", *table["required"]]
    return {"title": f"{kind} {name}", "description": inspect.getdoc(component) or "", **table}


def _bounded(schema: Schema, field: Any) -> Schema:
    bounds = {_BOUNDS[name]: bound for name, bound in field.metadata.get("bounds", {}).items()}
    if "oneOf" in schema and bounds:
        return {**schema, "oneOf": [_bounded(part, field) for part in schema["oneOf"]]}
    if schema.get("type") == "array":
        return {**schema, "items": {**schema["items"], **bounds}}
    return {**schema, **bounds}


def _described(field: Any) -> Schema:
    described: Schema = {"description": field.metadata.get("help", "")}
    default = default_of(field)
    if isinstance(default, bool | int | float | str):
        described["default"] = default
    elif isinstance(default, tuple):
        described["default"] = list(default)
    return described
