"""Summaries: mean, standard deviation and interval of a reading over several sets, or over several runs.

``results`` says what they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Protocol, TypeVar

import attrs

from gankit.evaluation.ranges import range_of, within
from gankit.evaluation.results import Interval, MethodResult, MethodSummary, Reading, Row, Summary
from gankit.evaluation.statistics import mean_and_sd, student_interval
from gankit.plugin.components import AbstractMetric


class _Identified(Protocol):
    """A reading or a summary."""

    @property
    def id(self) -> str: ...


Metrics = Mapping[str, AbstractMetric]
"""Metrics by name."""

Each = TypeVar("Each", bound=_Identified)
L = TypeVar("L", Row, MethodResult)


def by_id(groups: Iterable[Sequence[Each]]) -> dict[str, list[Each]]:
    """Id to the readings or summaries of all groups that have it, in the order in which the ids first appear."""
    gathered: dict[str, list[Each]] = {}
    for group in groups:
        for each in group:
            gathered.setdefault(each.id, []).append(each)
    return gathered


def over_sets(sets: Iterable[Sequence[Reading]], metrics: Metrics) -> tuple[Summary, ...]:
    """For each reading, its summary over the sets of a row. Intervals stay within the ranges of the metrics."""
    return tuple(_over_sets(readings, range_of(readings[0], metrics)) for readings in by_id(sets).values())


def _over_sets(readings: list[Reading], bounds: Interval) -> Summary:
    measured = [reading for reading in readings if reading.value is not None]
    notes = [reading.note for reading in readings]
    spread = _spread([reading.value for reading in measured], "sets", bounds)
    summary = Summary(**_described(readings[0], notes), **spread)

    # Where the metric gives an interval for every set, the summary's interval is their mean.
    intervals = [reading.interval for reading in measured if reading.interval is not None]
    if not measured or len(intervals) < len(measured):
        return summary
    low, high = (mean_and_sd(ends)[0] for ends in zip(*intervals, strict=True))
    return attrs.evolve(summary, interval=within((low, high), bounds), interval_of="patients")


def over_trainings(rows: Sequence[Row], by_seed: bool, metrics: Metrics) -> tuple[MethodSummary, ...]:
    """For each reading, its summary over the rows of a method, with the values that it is made from.

    Args:
        rows: rows of the method's trainings.
        by_seed: the values are the means of the rows, one for each training seed. Otherwise there is one row, and the
            values are those of its sets.
        metrics: metrics by name, in whose ranges intervals stay.
    """
    if by_seed:
        found = by_id(row.summary for row in rows).values()
        return tuple(_over_seeds(summaries, range_of(summaries[0], metrics)) for summaries in found)
    (row,) = rows
    readings = by_id(judged.readings for judged in row.sets)
    return tuple(
        MethodSummary(
            **attrs.asdict(summary, recurse=False),
            values=tuple(reading.value for reading in readings[summary.id] if reading.value is not None),
        )
        for summary in row.summary
    )


def _over_seeds(summaries: list[Summary], bounds: Interval) -> MethodSummary:
    measured = [summary for summary in summaries if summary.mean is not None]
    values = [summary.mean for summary in summaries if summary.mean is not None]
    notes = [note for summary in summaries for note in summary.notes]
    spread = _spread(values, "seeds", bounds)
    if len(measured) == 1:  # the other seeds were not measured, so the interval is that of the only one
        spread |= {"interval": measured[0].interval, "interval_of": measured[0].interval_of}
    return MethodSummary(**_described(summaries[0], notes), **spread, values=tuple(values))


def bounded(line: L, metrics: Metrics) -> L:
    """A row or method of before its metrics declared ranges, with its intervals within them."""
    summaries = [
        each if each.interval is None else attrs.evolve(each, interval=within(each.interval, range_of(each, metrics)))
        for each in line.summary
    ]
    return attrs.evolve(line, summary=tuple(summaries))


def _described(first: Reading | Summary, notes: Iterable[str]) -> dict[str, Any]:
    """The fields that a summary takes from its readings; each note once."""
    known = tuple(dict.fromkeys(note for note in notes if note))
    return {"metric": first.metric, "name": first.name, "unit": first.unit, "better": first.better, "notes": known}


def _spread(values: Sequence[Any], of: str, bounds: Interval) -> dict[str, Any]:
    """The fields for mean, standard deviation and Student's interval of values, as far as it is within ``bounds``;
    ``of`` says what the values are of."""
    mean, sd = mean_and_sd(values) if values else (None, None)
    interval = student_interval(values) if values else None
    interval = interval and within(interval, bounds)
    return {"n": len(values), "mean": mean, "sd": sd, "interval": interval, "interval_of": of if interval else None}


# Over rows ------------------------------------------------------------------------------------------------

Line = Row | MethodResult
"""What can be a line of a table."""


def headline(rows: Iterable[Row], patterns: Sequence[str], metrics: Metrics) -> tuple[str, ...]:
    """Ids of the readings that the short table shows.

    With patterns such as ``"frechet.*"``, they are the readings that match one, in the order of the patterns. Without
    patterns, they are those that each metric names as its headline, else its first one. Readings that no row has a
    value of are left out.
    """
    found = by_id(row.summary for row in rows)
    measured = [name for name, each in found.items() if any(summary.mean is not None for summary in each)]
    if patterns:
        return tuple(dict.fromkeys(name for pattern in patterns for name in measured if fnmatchcase(name, pattern)))
    of_metric: dict[str, list[str]] = {}
    for name in measured:
        of_metric.setdefault(found[name][0].metric, []).append(name)
    shown = []
    for metric, names in of_metric.items():
        wanted = metrics[metric].headline if metric in metrics else ()
        shown += [name for name in names if found[name][0].name in wanted] or names[:1]
    return tuple(shown)


def unmeasured(lines: Iterable[Line]) -> Mapping[str, str]:
    """Metric to the reason why no line has a value of it, for all such metrics."""
    reasons: dict[str, list[str]] = {}
    measured = set()
    for summary in (summary for line in lines for summary in line.summary):
        reasons.setdefault(summary.metric, []).extend(summary.notes)
        if summary.mean is not None:
            measured.add(summary.metric)
    said = {metric: "; ".join(dict.fromkeys(notes)) for metric, notes in reasons.items() if metric not in measured}
    return {metric: reason or "the metric does not say why" for metric, reason in said.items()}
