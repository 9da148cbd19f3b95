"""The JSON Schema of ``evaluation.json`` and ``comparison.json``, made from the classes whose fields they have.

``python -m gankit.evaluation.result_schema`` writes the files in ``schemas/``; a test holds them to the classes.
"""

from __future__ import annotations

import inspect
import json
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from gankit.evaluation.result_files import COMPARISON, EVALUATION, FORMATS, STORED, WITH_ID
from gankit.evaluation.results import ComparisonResult, EvaluationResult, Result
from gankit.files.atomic import write_text
from gankit.files.digest import KEY

Schema = dict[str, Any]

SCHEMAS = Path(__file__).parent / "schemas"
"""The folder of the files that ship."""

SHIPPED: dict[str, type[Result]] = {
    EVALUATION.replace(".json", ".schema.json"): EvaluationResult,
    COMPARISON.replace(".json", ".schema.json"): ComparisonResult,
}
"""Name of a file in the folder to the result that it describes."""

_PLAIN: dict[Any, Schema] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    type(None): {"type": "null"},
    Any: {},
}

_DIGEST: Schema = {
    "type": "string",
    "description": "Digest of all else in the file but white space; files of earlier versions have none.",
}


def result_schema(kind: type[Result]) -> Schema:
    """The schema of the file that holds a result of this class."""
    definitions: dict[str, Schema] = {}
    top = _object(STORED[kind], definitions)
    top["properties"] = {"format": {"const": FORMATS[kind]}, **top["properties"], KEY: _DIGEST}
    top["required"] = ["format", *top["required"]]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": FORMATS[kind],
        **top,
        "$defs": dict(sorted(definitions.items())),
    }


def _object(kind: type, definitions: dict[str, Schema]) -> Schema:
    """The schema of a class: an object with its fields. Classes of fields are added to ``definitions`` by name."""
    attrs.resolve_types(kind)
    fields = attrs.fields(kind)
    properties = {field.name: _schema(field.type, definitions) for field in fields}
    required = [field.name for field in fields if field.default is attrs.NOTHING]
    if kind in WITH_ID:
        properties, required = {"id": {"type": "string"}, **properties}, ["id", *required]
    described = {"description": " ".join((inspect.getdoc(kind) or "").partition("\n\n")[0].split())}
    return {**described, "type": "object", "properties": properties, "required": required}


def _schema(kind: Any, definitions: dict[str, Schema]) -> Schema:
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if kind in _PLAIN:
        return dict(_PLAIN[kind])
    if attrs.has(kind):
        if kind.__name__ not in definitions:
            definitions[kind.__name__] = {}
            definitions[kind.__name__] = _object(kind, definitions)
        return {"$ref": f"#/$defs/{kind.__name__}"}
    if origin is typing.Literal:
        return {"enum": list(parts)}
    if origin in (typing.Union, types.UnionType):
        return {"anyOf": [_schema(part, definitions) for part in parts]}
    if origin is tuple:
        size = {} if parts[-1] is Ellipsis else {"minItems": len(parts), "maxItems": len(parts)}
        return {"type": "array", "items": _schema(parts[0], definitions), **size}
    if inspect.isclass(origin) and issubclass(origin, Mapping | dict):
        return {"type": "object", "additionalProperties": _schema(parts[1], definitions)}
    raise TypeError(f"no JSON Schema for {kind!r}")


def schema_text(kind: type[Result]) -> str:
    """The content of a file in the folder."""
    return json.dumps(result_schema(kind), indent=1) + "\n"


if __name__ == "__main__":
    for name, described in SHIPPED.items():
        write_text(SCHEMAS / name, schema_text(described))
