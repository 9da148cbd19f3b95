"""The tables of an evaluation and of a comparison, from their JSON; see ``_evaluate`` and ``_compare``."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from gankit.evaluation.summary import by_id, unmeasured
from gankit.files.tables import Table

ABSENT = "–"
ARROWS = {"higher": "↑", "lower": "↓", "real": "≈ real"}


def number(value: float | None) -> str:
    """Four significant digits, or a dash."""
    return ABSENT if value is None else f"{value:.4g}"


def figure(entry: Mapping[str, Any] | None) -> str:
    """``0.931 ± 0.012 [0.916, 0.946]``: mean, SD where there are several, interval where there is one; as many decimals
    as give the SD, or else half the interval, two significant digits."""
    if entry is None or entry["mean"] is None:
        return ABSENT
    mean, sd, interval = entry["mean"], entry["sd"], entry["interval"]
    uncertainty = sd or (0 if interval is None else (interval[1] - interval[0]) / 2)
    decimals = max(1 - math.floor(math.log10(uncertainty)), 0) if 1e-5 <= uncertainty < math.inf else None
    shown = number if decimals is None else f"{{:.{decimals}f}}".format
    text = shown(mean)
    if sd is not None:
        text += f" ± {shown(sd)}"
    if interval is not None:
        text += f" [{shown(interval[0])}, {shown(interval[1])}]"
    return text


def duration(seconds: float | None) -> str:
    """``1 h 04 min``, ``3 min 20 s`` or ``12 s``, or a dash."""
    if seconds is None:
        return ABSENT
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def headed(name: str, entry: Mapping[str, Any]) -> str:
    """A reading as a column head: its id, unit and which way is better."""
    unit = "" if entry["unit"] == "1" else f" ({entry['unit']})"
    return f"{name}{unit} {ARROWS[entry['better']]}"


def headline_table(title: str, lines: Sequence[Mapping[str, Any]], shown: Sequence[str], notes: Sequence[str]) -> Table:
    """Rows or methods down, headline readings across, then seeds, steps, time and device; below, why a metric has no
    figure."""
    entries = {name: found[0] for name, found in by_id(line["summary"] for line in lines).items()}
    rows = []
    for line in lines:
        by_name = {entry["id"]: entry for entry in line["summary"]}
        figures = [figure(by_name.get(name)) for name in shown]
        rows.append((line["name"], *figures, *_provenance(line)))
    columns = ("", *[headed(name, entries[name]) for name in shown], "seeds", "steps", "training", "device")
    cautions = [f"{line['name']}: {line['note']}." for line in lines if line.get("note")]
    lacking = [f"{metric}: not measured: {reason}." for metric, reason in unmeasured(lines).items()]
    return Table(title=title, columns=columns, rows=tuple(rows), notes=(*notes, *cautions, *lacking))


def _provenance(line: Mapping[str, Any]) -> tuple[str, ...]:
    seeds = line.get("seeds", [line.get("seed")])
    shown = ", ".join(str(seed) for seed in seeds if seed is not None) or ABSENT
    steps = ABSENT if line.get("steps") is None else str(line["steps"])
    return shown, steps, duration(line.get("wall_s")), line.get("device") or ABSENT


def full_table(lines: Sequence[Mapping[str, Any]]) -> Table:
    """Every reading of every row, with its notes."""
    rows = [
        (
            entry["id"],
            line["name"],
            figure(entry),
            ABSENT if entry["mean"] is None else str(entry["n"]),
            entry["interval_of"] or ABSENT,
            entry["unit"],
            ARROWS[entry["better"]],
            "; ".join(entry["notes"]),
        )
        for name in by_id(line["summary"] for line in lines)
        for line in lines
        for entry in line["summary"]
        if entry["id"] == name
    ]
    columns = ("reading", "row", "mean ± SD [95% interval]", "n", "interval over", "unit", "better", "note")
    return Table(title="All readings", columns=columns, rows=tuple(rows))


def comparison_tables(document: Mapping[str, Any]) -> tuple[list[Table], Table]:
    """The short tables of a comparison, of methods and of tests where there are any, and that of all readings."""
    by_seed = document["unit"] == "training seed"
    references = [{**row, "seeds": []} for row in document["rows"] if row["kind"] != "model"]
    lines = [*document["methods"], *references]
    settings = document["settings"]
    spread = "training seeds (not over test patients)" if by_seed else "sample sets of one training"
    notes = [
        f"Mean ± SD over {spread}, 95% interval in brackets; {settings['sets']} sets of {settings['per_set']} slices"
        f" from each training, over which its readings are averaged. {judged_by(settings)}",
        *absent_rows(document),
        *[f"Training of {entry['name']} failed: {entry['reason']}." for entry in document["failed"]],
    ]
    short = headline_table("Methods", lines, document["headline"], notes)
    tests = [tests_table(document["tests"], document["note"])] if document["tests"] else []
    return [short, *tests], full_table([*lines, *_single(document)])


def _single(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Rows of single trainings, where methods have several."""
    if document["unit"] != "training seed":
        return []
    return [row for row in document["rows"] if row["kind"] == "model"]


def judged_by(settings: Mapping[str, Any]) -> str:
    """One sentence on the real side."""
    real, fresh = settings["real"], settings["fresh"]
    beside = "no fresh patients" if fresh is None else f"{fresh['slices']} slices of {fresh['patients']} fresh patients"
    return (
        f"{', '.join(settings['modalities'])} judged against {real['slices']} real slices of {real['patients']}"
        f" patients ({real['source']}) and {beside}; candidates are meant to have {settings['label']}"
        f" = {settings['value']}."
    )


def absent_rows(document: Mapping[str, Any]) -> list[str]:
    """A sentence where there is no row of real slices."""
    if any(row["kind"] == "real" for row in document["rows"]):
        return []
    label, value = document["settings"]["label"], document["settings"]["value"]
    return [f"No row of real slices: none with {label} = {value} is in the test split or of fresh patients."]


def evaluation_tables(document: Mapping[str, Any]) -> tuple[Table, Table]:
    """The short table and all readings of an evaluation."""
    notes = [
        f"Mean ± SD over sets of slices, 95% interval in brackets. {judged_by(document['settings'])}",
        *absent_rows(document),
    ]
    rows = document["rows"]
    return headline_table("Evaluation", rows, document["headline"], notes), full_table(rows)


def tests_table(tests: Sequence[Mapping[str, Any]], note: str) -> Table:
    """One line a pair of methods and reading."""
    rows = [
        (
            test["id"],
            f"{test['a']} − {test['b']}",
            number(test["difference"]),
            number(test["t"]),
            number(test["df"]),
            _chance(test["p"]),
            _chance(test["p_holm"]),
            {"a": test["a"], "b": test["b"], None: ABSENT}[test["better"]],
            test["note"],
        )
        for test in tests
    ]
    columns = ("reading", "methods", "difference", "t", "df", "p", "p (Holm)", "better mean", "note")
    return Table(title="Differences between methods", columns=columns, rows=tuple(rows), notes=(note,))


def _chance(p: float | None) -> str:
    if p is None:
        return ABSENT
    return f"{p:.3f}" if p >= 0.001 else "< 0.001"
