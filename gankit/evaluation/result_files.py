"""Results as JSON files and back.

``evaluation.json`` has the fields of its class in ``results`` as keys, ``comparison.json`` those of its stored form.
Besides, a file has ``format`` and its own ``digest``, and every reading and summary has its ``id``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import attrs
import cattrs

from gankit._errors import GankitError, InputError, shown
from gankit.evaluation.differences import explained, real_readings, tested
from gankit.evaluation.results import (
    ComparisonResult,
    Difference,
    EvaluationResult,
    MethodSummary,
    Reading,
    Result,
    Row,
    Settings,
    Summary,
)
from gankit.evaluation.statistics import require_scipy
from gankit.evaluation.stored_comparison import StoredComparison, StoredRow, restored, stored
from gankit.files.json_file import in_lines, indented, read_document, write_document
from gankit.files.paths import given_path, is_folder

_Result = TypeVar("_Result", EvaluationResult, ComparisonResult)

EVALUATION = "evaluation.json"
COMPARISON = "comparison.json"
"""Names of the files."""

FORMATS: dict[type[Result], str] = {
    EvaluationResult: "gankit-evaluation-1",
    ComparisonResult: "gankit-comparison-2",
}
"""Class of a result to the ``format`` of its file."""

WRITTEN_OUT = "gankit-comparison-1"
"""The format of comparisons before figures were in columns. Its tests are made anew when it is read, since they were of
means where readings should be as on real slices."""

REMEDIES: dict[type[Result], str] = {
    EvaluationResult: "run 'gankit evaluate' again, which keeps what is measured",
    ComparisonResult: "run 'gankit compare' again, which keeps what is trained and measured",
}
"""Class of a result to what the user can do about a damaged file."""

WITH_ID = (Reading, Summary, MethodSummary)
"""Classes whose JSON has their ``id``."""

STORED: dict[type[Result], type[attrs.AttrsInstance]] = {
    EvaluationResult: EvaluationResult,
    ComparisonResult: StoredComparison,
}
"""Class of a result to the class whose fields its file has."""


def write_result(path: Path, result: Result) -> None:
    """Write a result. Raises RunError: the file cannot be written."""
    write_document(path, to_document(result), layout=in_lines if isinstance(result, ComparisonResult) else indented)


def to_document(result: Result) -> dict[str, Any]:
    """A result as JSON, without the digest of its file."""
    layout = stored(result) if isinstance(result, ComparisonResult) else result
    return {"format": FORMATS[type(result)], **converter().unstructure(layout)}


def read_evaluation(path: str | Path) -> EvaluationResult:
    """An evaluation from its folder or its ``evaluation.json``.

    Raises:
        InputError: there is no such file, or it is damaged or of another format; the message says how to make it anew.
    """
    file, document = _document(path, EVALUATION, EvaluationResult)
    with _damaged(file, EvaluationResult):
        return _sound(converter().structure(document, EvaluationResult))


def read_comparison(path: str | Path) -> ComparisonResult:
    """A comparison from its folder or its ``comparison.json``, also in the format of earlier versions.

    Raises:
        InputError: there is no such file, or it is damaged or of another format; the message says how to make it anew.
    """
    file, document = _document(path, COMPARISON, ComparisonResult, WRITTEN_OUT)
    with _damaged(file, ComparisonResult):
        if document["format"] != WRITTEN_OUT:
            return _sound(restored(converter().structure(document, StoredComparison)))
        found = _sound(converter().structure(document, ComparisonResult))
    if found.tests:
        require_scipy()
    with _damaged(file, ComparisonResult):
        return attrs.evolve(
            found,
            rows=tuple(attrs.evolve(row, sets=()) for row in found.rows),
            note=explained(found.unit),
            tests=tested(found.methods, found.headline, real_readings(found.rows), {}) if found.tests else (),
        )


def _document(path: str | Path, name: str, kind: type[Result], *earlier: str) -> tuple[Path, dict[str, Any]]:
    """The document of a result, in its format or one of ``earlier``, from its file or from the file of this name in a
    folder; and the file."""
    given = given_path("path", path)
    file = given / name if is_folder(given) else given
    known = {"format", *(field.name for each in (kind, STORED[kind]) for field in attrs.fields(each))}
    return file, read_document(file, (FORMATS[kind], *earlier), REMEDIES[kind], known)


def _sound(result: _Result) -> _Result:
    """The same result. Raises InputError: its headline names a reading that no row has, or a method has no row."""
    known = {summary.id for row in result.rows for summary in row.summary}
    if unknown := [name for name in result.headline if name not in known]:
        raise InputError(f"headline names {shown(unknown[0])}, which no row has")
    names = {row.name for row in result.rows}
    for method in result.methods if isinstance(result, ComparisonResult) else ():
        if not method.rows or not names.issuperset(method.rows):
            raise InputError(f"method {shown(method.name)} must name rows that are there")
    return result


@contextmanager
def _damaged(file: Path, kind: type[Result]) -> Iterator[None]:
    """A context that raises InputError where a part of a result is missing or of another type."""
    try:
        yield
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
    for row in (Row, StoredRow):
        made.register_unstructure_hook(
            row, cattrs.gen.make_dict_unstructure_fn(row, made, model_digest=cattrs.override(omit_if_default=True))
        )
    made.register_unstructure_hook(
        Settings,
        cattrs.gen.make_dict_unstructure_fn(Settings, made, external=cattrs.override(omit_if_default=True)),
    )
    made.register_unstructure_hook(
        Difference, cattrs.gen.make_dict_unstructure_fn(Difference, made, _cattrs_omit_if_default=True)
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
