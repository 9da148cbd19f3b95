"""The layout of ``comparison.json``: what a reading is and what its notes say once, figures in columns.

A comparison of five methods with five trainings each has a thousand summaries. Written out one by one they would take
megabytes, most of it names and notes again and again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, TypeVar

import attrs

from gankit._errors import InputError
from gankit.evaluation.results import (
    Better,
    ComparisonFacts,
    ComparisonResult,
    MethodFacts,
    MethodResult,
    MethodSummary,
    Row,
    RowFacts,
    Summary,
)
from gankit.evaluation.summary import by_id

S = TypeVar("S", bound=Summary)


@attrs.frozen(kw_only=True)
class Described:
    """What a reading is."""

    id: str
    """``"METRIC.READING"``."""
    metric: str
    name: str
    unit: str
    better: Better


@attrs.frozen(kw_only=True)
class Columns:
    """The summaries of a row or method: in each column a value for each entry of ``readings``, in their order.

    Where the row lacks a reading, ``n`` is None.
    """

    n: tuple[int | None, ...]
    mean: tuple[float | None, ...]
    sd: tuple[float | None, ...]
    low: tuple[float | None, ...]
    """Lower end of the interval."""
    high: tuple[float | None, ...]
    """Upper end of the interval."""
    interval_of: tuple[Literal["patients", "sets", "seeds"] | None, ...]
    notes: tuple[tuple[int, ...], ...]
    """Numbers of the entries of ``notes``, from 0."""


@attrs.frozen(kw_only=True)
class MethodColumns(Columns):
    """The summaries of a method, with the values that they are made from."""

    values: tuple[tuple[float, ...], ...]


@attrs.frozen(kw_only=True)
class StoredRow(RowFacts):
    """A row. The readings of its sets are in the folder ``readings``."""

    summary: Columns


@attrs.frozen(kw_only=True)
class StoredMethod(MethodFacts):
    """A method."""

    summary: MethodColumns


@attrs.frozen(kw_only=True)
class StoredComparison(ComparisonFacts):
    """The result of a comparison, as it is stored."""

    readings: tuple[Described, ...]
    """What the columns are of."""
    notes: tuple[str, ...]
    """What the notes of summaries say."""
    rows: tuple[StoredRow, ...]
    methods: tuple[StoredMethod, ...]


# To the file ----------------------------------------------------------------------------------------------


def stored(result: ComparisonResult) -> StoredComparison:
    """A comparison as it is stored."""
    lines: list[Sequence[Summary]] = [*(row.summary for row in result.rows), *(each.summary for each in result.methods)]
    described = {name: found[0] for name, found in by_id(lines).items()}
    numbers: dict[str, int] = {}
    for note in (note for summaries in lines for summary in summaries for note in summary.notes):
        numbers.setdefault(note, len(numbers))
    rows = tuple(
        StoredRow(**_facts(row, RowFacts), summary=Columns(**_columns(row.summary, described, numbers)))
        for row in result.rows
    )
    methods = tuple(
        StoredMethod(
            **_facts(method, MethodFacts),
            summary=MethodColumns(
                **_columns(method.summary, described, numbers),
                values=tuple(() if each is None else each.values for each in _aligned(method.summary, described)),
            ),
        )
        for method in result.methods
    )
    return StoredComparison(
        **_facts(result, ComparisonFacts),
        readings=tuple(
            Described(id=each.id, metric=each.metric, name=each.name, unit=each.unit, better=each.better)
            for each in described.values()
        ),
        notes=tuple(numbers),
        rows=rows,
        methods=methods,
    )


def _facts(value: attrs.AttrsInstance, kind: type[attrs.AttrsInstance]) -> dict[str, Any]:
    """The fields that a value shares with its stored form."""
    return {field.name: getattr(value, field.name) for field in attrs.fields(kind)}


def _columns(summaries: Sequence[Summary], described: Iterable[str], numbers: dict[str, int]) -> dict[str, Any]:
    aligned = _aligned(summaries, described)
    intervals = [each and each.interval for each in aligned]
    return {
        **{key: tuple(each and getattr(each, key) for each in aligned) for key in ("n", "mean", "sd", "interval_of")},
        "low": tuple(interval and interval[0] for interval in intervals),
        "high": tuple(interval and interval[1] for interval in intervals),
        "notes": tuple(() if each is None else tuple(numbers[note] for note in each.notes) for each in aligned),
    }


def _aligned(summaries: Sequence[S], described: Iterable[str]) -> list[S | None]:
    """The summary of each reading; None where there is none."""
    found = {summary.id: summary for summary in summaries}
    return [found.get(name) for name in described]


# From the file --------------------------------------------------------------------------------------------


def restored(document: StoredComparison) -> ComparisonResult:
    """A comparison from its stored form.

    Raises:
        InputError: columns are of different length, or name a note that is not there.
    """
    return ComparisonResult(
        **_facts(document, ComparisonFacts),
        rows=tuple(
            Row(**_facts(row, RowFacts), sets=(), summary=tuple(_summaries(row.name, row.summary, document)))
            for row in document.rows
        ),
        methods=tuple(
            MethodResult(
                **_facts(method, MethodFacts),
                summary=tuple(_method_summaries(method.name, method.summary, document)),
            )
            for method in document.methods
        ),
    )


def _method_summaries(name: str, columns: MethodColumns, document: StoredComparison) -> Iterator[MethodSummary]:
    values = dict(zip((each.id for each in document.readings), columns.values, strict=False))
    for summary in _summaries(name, columns, document):
        yield MethodSummary(**attrs.asdict(summary, recurse=False), values=values.get(summary.id, ()))


def _summaries(name: str, columns: Columns, document: StoredComparison) -> Iterator[Summary]:
    """The summaries of a row or method of this name."""
    lengths = {key: len(column) for key, column in attrs.asdict(columns, recurse=False).items()}
    if wrong := [key for key, length in lengths.items() if length != len(document.readings)]:
        raise InputError(f"{name}: {wrong[0]} must be {len(document.readings)}, one for each of `readings`")
    for number, described in enumerate(document.readings):
        if (n := columns.n[number]) is None:
            continue
        low, high = columns.low[number], columns.high[number]
        yield Summary(
            metric=described.metric,
            name=described.name,
            unit=described.unit,
            better=described.better,
            notes=tuple(_note(name, each, document.notes) for each in columns.notes[number]),
            n=n,
            mean=columns.mean[number],
            sd=columns.sd[number],
            interval=None if low is None or high is None else (low, high),
            interval_of=columns.interval_of[number],
        )


def _note(name: str, number: int, notes: Sequence[str]) -> str:
    if not 0 <= number < len(notes):
        raise InputError(f"{name}: summary.notes must be numbers of `notes`, below {len(notes)}, got {number}")
    return notes[number]
