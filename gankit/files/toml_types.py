"""TOML tables to attrs classes. Every problem of a table is collected, each with its place."""

from __future__ import annotations

import math
import typing
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import attrs
import cattrs
from cattrs.gen import make_dict_structure_fn, mapping_structure_factory, override

from gankit._errors import InputError, Problem, nearest, shown
from gankit._shapes import PerAxis

Kind = TypeVar("Kind")


class KeyProblem(Exception):
    """A problem with ``key`` of the table that is being read."""

    def __init__(self, key: str, message: str):
        super().__init__(message)
        self.key = key


def key_of(field: Any) -> str:
    """The TOML key of an attrs field: ``from_`` is written ``from``."""
    return field.name.rstrip("_")


def structure_table(document: Mapping[str, Any], kind: type[Kind]) -> tuple[Kind | None, list[Problem]]:
    """Turn a TOML table into a value of an attrs class.

    A field may be a bool, int, float (which takes whole numbers too), str, Path, ``Literal``, another attrs class, a
    tuple of these, a mapping from text to these, ``PerAxis``, or ``... | None``. A field's validator raises ValueError
    for a value that it refuses. A key that names no field is a problem, whose message proposes the nearest field.

    Args:
        document: the table as ``tomllib`` reads it.
        kind: an attrs class whose fields are the keys; the field ``from_`` is the key ``from``.

    Returns:
        the value and an empty list, or None and every problem. The place of a problem is a dotted path, as in
        ``masks.0.values``.
    """
    return structured(table_converter(), document, kind)


def structured(converter: cattrs.Converter, document: Any, kind: Any) -> tuple[Any, list[Problem]]:
    """The document as a value of ``kind`` and an empty list, or None and every problem.

    An exception that is not about the document is raised as it is.
    """
    try:
        return converter.structure(document, kind), []
    except Exception as error:
        if not (problems := list(_problems(error, ""))):
            raise
        return None, problems


def table_converter() -> cattrs.Converter:
    """A converter for ``structured``. It is strict: a number is not taken as text, nor true as 1."""
    converter = cattrs.Converter(forbid_extra_keys=True, detailed_validation=True)
    for kind, word in ((bool, "true or false"), (int, "a whole number"), (float, "a number"), (str, "text")):
        converter.register_structure_hook(kind, _strict(kind, word))
    converter.register_structure_hook(Path, lambda value, _: Path(_strict(str, "a path")(value, str)))
    converter.register_structure_hook_func(lambda kind: typing.get_origin(kind) is tuple, _tuple_hook(converter))
    converter.register_structure_hook_factory(
        lambda kind: typing.get_origin(kind) in (dict, Mapping), lambda kind: _mapping_hook(kind, converter)
    )
    converter.register_structure_hook_func(lambda kind: typing.get_origin(kind) is typing.Literal, _choice)
    converter.register_structure_hook_func(lambda kind: kind in (PerAxis, PerAxis | None), _per_axis)
    converter.register_structure_hook_factory(attrs.has, lambda kind: _table_hook(kind, converter))
    return converter


# Hooks ----------------------------------------------------------------------------------------------------


def _strict(kind: type, word: str) -> Callable[[Any, Any], Any]:
    accepted = (int, float) if kind is float else (kind,)

    def hook(value: Any, _: Any) -> Any:
        if not isinstance(value, accepted) or (isinstance(value, bool) and kind is not bool):
            raise ValueError(f"must be {word}, got {shown(value)}")
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"must be a finite number, got {shown(value)}")
        try:
            return kind(value)
        except OverflowError:
            raise ValueError(f"must be {word}, got one too large for a float") from None

    return hook


def _per_axis(value: Any, kind: Any) -> PerAxis | None:
    if value is None and kind == PerAxis | None:
        return None
    numbers = value if isinstance(value, list | tuple) else [value]
    if not numbers or any(not isinstance(number, int) or isinstance(number, bool) for number in numbers):
        raise ValueError(f"must be a whole number, or a list of one for each axis, got {shown(value)}")
    return tuple(value) if isinstance(value, list | tuple) else value


def _tuple_hook(converter: cattrs.Converter) -> Callable[[Any, Any], tuple[Any, ...]]:
    def hook(value: Any, kind: Any) -> tuple[Any, ...]:
        parts = typing.get_args(kind)
        if not isinstance(value, list | tuple):
            raise ValueError(f"must be a list, got {shown(value)}")
        if parts[-1] is Ellipsis and attrs.has(parts[0]):  # tables; cattrs notes the index of each for its problems
            return tuple(converter.structure(value, list[parts[0]]))  # type: ignore[valid-type]
        if parts[-1] is Ellipsis:
            parts = parts[:1] * len(value)
        if len(value) != len(parts):
            raise ValueError(f"must be a list of {len(parts)}, got {shown(value)}")
        return tuple(converter.structure(item, part) for item, part in zip(value, parts, strict=True))

    return hook


def _mapping_hook(kind: Any, converter: cattrs.Converter) -> Callable[[Any, Any], dict[str, Any]]:
    structure: Any = mapping_structure_factory(kind, converter, structure_to=dict)

    def hook(value: Any, of: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise ValueError(f"must be a table, got {shown(value)}")
        return structure(value, of)

    return hook


def _choice(value: Any, kind: Any) -> Any:
    accepted = typing.get_args(kind)
    if value not in accepted:
        listed = ", ".join(map(repr, accepted))
        raise ValueError(f"must be one of {listed}, got {shown(value)}{nearest(str(value), map(str, accepted))}")
    return value


def _table_hook(kind: type, converter: cattrs.Converter) -> Callable[[Any, Any], Any]:
    """Structure one attrs class.

    Each field's validator runs in a hook of that field, not when the class is made, so that all failures are collected
    and not the first alone.
    """
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
            raise ValueError(f"must be a table, got {shown(value)}")
        return structure(value, of)

    return hook


# Problems -------------------------------------------------------------------------------------------------


def _problems(error: BaseException, place: str) -> Iterator[Problem]:
    """Walk cattrs' tree of errors to the leaves; the notes of each error are its part of the place."""
    if isinstance(error, cattrs.BaseValidationError):
        for child in error.exceptions:
            part = next((_part(note) for note in getattr(child, "__notes__", ()) if _part(note)), "")
            yield from _problems(child, ".".join(filter(None, (place, part))))
    elif isinstance(error, cattrs.ForbiddenExtraKeysError):
        known = [key_of(field) for field in attrs.fields(error.cl)]
        for key in sorted(error.extra_fields):
            listed = ", ".join(known) or "no options"
            yield Problem(f"{place}.{key}" if place else key, f"unknown key{nearest(key, known)}; accepted: {listed}")
    elif isinstance(error, KeyProblem):
        yield Problem(f"{place}.{error.key}" if place else error.key, str(error))
    elif isinstance(error, KeyError):
        yield Problem(place, "required, but missing")
    elif isinstance(error, ValueError | TypeError | InputError):
        yield Problem(place, str(error))
    else:
        raise error


def _part(note: Any) -> str:
    if isinstance(note, cattrs.AttributeValidationNote):
        return note.name.rstrip("_")
    return str(note.index) if isinstance(note, cattrs.IterableValidationNote) else ""
