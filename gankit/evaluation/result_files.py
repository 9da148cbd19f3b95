"""Results as JSON files and back.

A file has the fields of its class in ``results`` as keys. Besides, it has ``format`` and its own ``digest``, and every
reading and summary has its ``id``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import attrs
import cattrs

from gankit._errors import GankitError, InputError
from gankit.evaluation.results import ComparisonResult, EvaluationResult, MethodSummary, Reading, Result, Row, Summary
from gankit.files.json_file import read_document, write_document
from gankit.files.paths import given_path, is_folder

EVALUATION = "evaluation.json"
COMPARISON = "comparison.json"
"""Names of the files."""

FORMATS: dict[type[Result], str] = {
    EvaluationResult: "gankit-evaluation-1",
    ComparisonResult: "gankit-comparison-1",
}
"""Class of a result to the ``format`` of its file."""

REMEDIES: dict[type[Result], str] = {
    EvaluationResult: "run 'gankit evaluate' again, which keeps what is measured",
    ComparisonResult: "run 'gankit compare' again, which keeps what is trained and measured",
}
"""Class of a result to what the user can do about a damaged file."""

WITH_ID = (Reading, Summary, MethodSummary)
"""Classes whose JSON has their ``id``."""

R = TypeVar("R", EvaluationResult, ComparisonResult)


def write_result(path: Path, result: Result) -> None:
    """Write a result. Raises RunError: the file cannot be written."""
    write_document(path, to_document(result))


def to_document(result: Result) -> dict[str, Any]:
    """A result as JSON, without the digest of its file."""
    return {"format": FORMATS[type(result)], **converter().unstructure(result)}


def read_evaluation(path: str | Path) -> EvaluationResult:
    """An evaluation from its folder or its ``evaluation.json``.

    Raises:
        InputError: there is no such file, or it is damaged or of another format; the message says how to make it anew.
    """
    return _read(given_path("path", path), EVALUATION, EvaluationResult)


def read_comparison(path: str | Path) -> ComparisonResult:
    """A comparison from its folder or its ``comparison.json``.

    Raises:
        InputError: there is no such file, or it is damaged or of another format; the message says how to make it anew.
    """
    return _read(given_path("path", path), COMPARISON, ComparisonResult)


def _read(path: Path, name: str, kind: type[R]) -> R:
    """A result from its file, or from the file of this name in a folder."""
    file = path / name if is_folder(path) else path
    known = {"format", *(field.name for field in attrs.fields(kind))}
    document = read_document(file, FORMATS[kind], REMEDIES[kind], known)
    try:
        return converter().structure(document, kind)
    except Exception as error:
        (first, *_) = cattrs.transform_error(error, path="", format_exception=_said)
        raise InputError(f"{file}: damaged ({first.replace(' @ .', ' at ')}); {REMEDIES[kind]}") from error


def _said(error: BaseException, kind: type | None) -> str:
    """A problem in words; cattrs adds its place."""
    if isinstance(error, KeyError):
        return f"required: {error.args[0]}"
    return str(error) if isinstance(error, GankitError) else f"must be {getattr(kind, '__name__', kind)}"


# The converter --------------------------------------------------------------------------------------------


@cache
def converter() -> cattrs.Converter:
    """The converter from results to JSON and back. It is strict: no text is taken as a number."""
    made = cattrs.Converter()
    made.register_structure_hook(str, _exactly(str))
    made.register_structure_hook(int, _exactly(int))
    made.register_structure_hook(float, _exactly(int, float, then=float))
    for kind in WITH_ID:
        made.register_unstructure_hook(kind, _with_id(made, kind))
    made.register_unstructure_hook(
        Row, cattrs.gen.make_dict_unstructure_fn(Row, made, model_digest=cattrs.override(omit_if_default=True))
    )
    return made


def _exactly(*kinds: type, then: Callable[[Any], Any] = lambda value: value) -> Callable[[Any, Any], Any]:
    """A hook that takes only values of these types, and no truth value for a number."""

    def structure(value: Any, _: Any) -> Any:
        if not isinstance(value, kinds) or isinstance(value, bool):
            raise TypeError(value)
        return then(value)

    return structure


def _with_id(made: cattrs.Converter, kind: type[attrs.AttrsInstance]) -> Callable[[Any], dict[str, Any]]:
    fields = cattrs.gen.make_dict_unstructure_fn(kind, made)
    return lambda value: {"id": value.id, **fields(value)}
