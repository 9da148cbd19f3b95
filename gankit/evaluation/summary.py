"""Readings of several sets, and of several runs, to one mean, spread and interval each; see ``_evaluate``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from gankit.evaluation.statistics import mean_and_sd, student_interval

Entry = dict[str, Any]
"""A reading or a summary of readings, as JSON."""


def by_id(groups: Iterable[Sequence[Entry]]) -> dict[str, list[Entry]]:
    """Entries of several groups by id, in the order in which ids first appear."""
    gathered: dict[str, list[Entry]] = {}
    for group in groups:
        for entry in group:
            gathered.setdefault(entry["id"], []).append(entry)
    return gathered


def over_sets(sets: Iterable[Sequence[Entry]]) -> list[Entry]:
    """One summary a reading over the sets of a row."""
    return [_over_sets(readings) for readings in by_id(sets).values()]


def _over_sets(readings: list[Entry]) -> Entry:
    measured = [reading for reading in readings if reading["value"] is not None]
    values = [reading["value"] for reading in measured]
    intervals = [reading["interval"] for reading in measured if reading["interval"] is not None]
    summary = _summary(readings, values, "sets")
    if values and len(intervals) == len(values):
        ends = [mean_and_sd([interval[end] for interval in intervals])[0] for end in (0, 1)]
        summary |= {"interval": ends, "interval_of": "patients"}
    return summary


def over_rows(rows: Sequence[Entry], by_seed: bool) -> list[Entry]:
    """One summary a reading over the rows of a method, with the values it is made of.

    Args:
        by_seed: the values are the rows' means, one a training seed; else those of the sets of the only row.
    """
    if by_seed:
        return [_over_rows(entries) for entries in by_id(row["summary"] for row in rows).values()]
    (row,) = rows
    readings = by_id(judged["readings"] for judged in row["sets"])
    return [{**entry, "values": _values(readings[entry["id"]], "value")} for entry in row["summary"]]


def _over_rows(entries: list[Entry]) -> Entry:
    values = _values(entries, "mean")
    summary = {**_summary(entries, values, "seeds"), "values": values}
    if len(values) == 1:  # other seeds are missing
        only = next(entry for entry in entries if entry["mean"] is not None)
        summary |= {"interval": only["interval"], "interval_of": only["interval_of"]}
    return summary


def _values(entries: list[Entry], key: str) -> list[float]:
    return [entry[key] for entry in entries if entry[key] is not None]


def _summary(entries: list[Entry], values: list[float], of: str) -> Entry:
    mean, sd = mean_and_sd(values) if values else (None, None)
    interval = student_interval(values) if values else None
    first = entries[0]
    notes = [note for entry in entries for note in (entry["notes"] if "notes" in entry else [entry["note"]]) if note]
    return {
        **{key: first[key] for key in ("id", "metric", "name", "unit", "better")},
        "notes": list(dict.fromkeys(notes)),
        "n": len(values),
        "mean": mean,
        "sd": sd,
        "interval": interval and list(interval),
        "interval_of": of if interval else None,
    }


def headline(rows: Iterable[Entry], patterns: Sequence[str]) -> list[str]:
    """Ids of the readings that the short table shows: those that match a pattern such as ``"frechet.*"``, in the order
    of the patterns; without patterns the first reading of each metric that was measured in any row."""
    rows = list(rows)
    entries = by_id(row["summary"] for row in rows)
    measured = [name for name, found in entries.items() if any(entry["mean"] is not None for entry in found)]
    if patterns:
        return list(dict.fromkeys(name for pattern in patterns for name in measured if fnmatchcase(name, pattern)))
    first: dict[str, str] = {}
    for name in measured:
        first.setdefault(entries[name][0]["metric"], name)
    return list(first.values())


def unmeasured(rows: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Why, by metric, for those that no row has a value of."""
    reasons: dict[str, list[str]] = {}
    measured = set()
    for entry in (entry for row in rows for entry in row["summary"]):
        reasons.setdefault(entry["metric"], []).extend(entry["notes"])
        if entry["mean"] is not None:
            measured.add(entry["metric"])
    said = {metric: "; ".join(dict.fromkeys(notes)) for metric, notes in reasons.items() if metric not in measured}
    return {metric: reason or "the metric does not say why" for metric, reason in said.items()}
