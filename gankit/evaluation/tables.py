"""The tables of an evaluation and of a comparison, from their results."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from gankit.cohort.titles import item_of, real_title
from gankit.evaluation.results import (
    ComparisonResult,
    Difference,
    EvaluationResult,
    MethodResult,
    MethodSummary,
    Reading,
    Result,
    Row,
    Settings,
    Summary,
)
from gankit.evaluation.summary import Line, by_id, unmeasured
from gankit.files.tables import Table

ABSENT = "–"
REFERENCE_KINDS = ("real", "augmented real")
"""Kinds of the rows of slices that stand for real ones."""
ARROWS: Mapping[str, str] = {"higher": "↑", "lower": "↓", "real": "≈ real"}


# Cells ----------------------------------------------------------------------------------------------------


def number(value: float | None) -> str:
    """Four significant digits, or a dash."""
    return ABSENT if value is None else f"{value:.4g}"


def figure(summary: Summary | None) -> str:
    """A summary as text: mean, then the SD and the interval where there are any, as ``0.931 ± 0.012 [0.916, 0.946]``.

    All numbers have as many decimals as the SD needs for two significant digits. Where there is no SD or it is 0, half
    the width of the interval takes its place.
    """
    if summary is None or summary.mean is None:
        return ABSENT
    mean, sd, interval = summary.mean, summary.sd, summary.interval
    uncertainty = sd or (0 if interval is None else (interval[1] - interval[0]) / 2)
    decimals = max(1 - math.floor(math.log10(uncertainty)), 0) if 1e-5 <= uncertainty < math.inf else None
    shown = number if decimals is None else f"{{:.{decimals}f}}".format
    text = shown(mean)
    if sd is not None:
        text += f" ± {shown(sd)}"
    if interval is not None:
        text += f" [{shown(interval[0])}, {shown(interval[1])}]"
    return text


def titled(line: Line) -> str:
    """The name of a row or method in tables; rows of phantom slices say that they are."""
    return real_title(line.source, line.name) if isinstance(line, Row) and line.kind in REFERENCE_KINDS else line.name


def duration(seconds: float | None) -> str:
    """Seconds as ``1 h 04 min``, ``3 min 20 s`` or ``12 s``; a dash for None."""
    if seconds is None:
        return ABSENT
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def text_or_dash(value: object) -> str:
    """A value as text; a dash where there is none."""
    return ABSENT if value in (None, "") else str(value)


def headed(name: str, reading: Summary | Reading) -> str:
    """A reading as a column head: its id, unit and which way is better."""
    unit = "" if reading.unit == "1" else f" ({reading.unit})"
    return f"{name}{unit} {ARROWS[reading.better]}"


# Tables ---------------------------------------------------------------------------------------------------


def evaluation_tables(result: EvaluationResult) -> tuple[Table, Table]:
    """The short table of an evaluation, and the table of all its readings."""
    items, judged = _items(result.settings), judged_by(result.settings)
    notes = [f"Mean ± SD over sets of {items}, 95% interval in brackets. {judged}", *absent_rows(result)]
    return headline_table("Evaluation", result.rows, result.headline, notes), full_table(result.rows)


def comparison_tables(result: ComparisonResult) -> tuple[list[Table], Table]:
    """The short tables of a comparison, and the table of all its readings.

    The short tables are those of methods and, where there are tests, of differences.
    """
    by_seed = result.unit == "training seed"
    lines = comparison_lines(result)
    settings = result.settings
    spread = "training seeds (not over test patients)" if by_seed else "sample sets of one training"
    notes = [
        f"Mean ± SD over {spread}, 95% interval in brackets; {settings.sets} sets of {settings.per_set}"
        f" {_items(settings)} from each training, over which its readings are averaged. {judged_by(settings)}",
        *absent_rows(result),
        *[f"Training of {failed.name} failed: {failed.reason}." for failed in result.failed],
        *[f"Warning: {warning}." for warning in result.warnings],
    ]
    short = headline_table("Methods", lines, result.headline, notes)
    tests = [tests_table(result.tests, result.note)] if result.tests else []
    return [short, *tests], full_table(lines)


def comparison_lines(result: ComparisonResult) -> list[Line]:
    """The lines of a comparison's tables: the methods, then the rows of real slices."""
    return [*result.methods, *(row for row in result.rows if row.kind != "model")]


def headline_table(title: str, lines: Sequence[Line], shown: Sequence[str], notes: Sequence[str]) -> Table:
    """A table with a line for each row or method, and with the readings ``shown``, seeds, steps, time and device.

    Its notes say, after ``notes``, the cautions of rows and why a metric has no figure.
    """
    readings = {name: found[0] for name, found in by_id(line.summary for line in lines).items()}
    rows = []
    for line in lines:
        by_name = {summary.id: summary for summary in line.summary}
        figures = [figure(by_name.get(name)) for name in shown]
        rows.append((titled(line), *figures, *_provenance(line)))
    columns = ("", *[headed(name, readings[name]) for name in shown], "seeds", "steps", "training", "device")
    cautions = [f"{titled(line)}: {line.note}." for line in lines if isinstance(line, Row) and line.note]
    lacking = [f"{metric}: not measured: {reason}." for metric, reason in unmeasured(lines).items()]
    return Table(title=title, columns=columns, rows=tuple(rows), notes=(*notes, *cautions, *lacking))


def _provenance(line: Line) -> tuple[str, ...]:
    seeds = line.seeds if isinstance(line, MethodResult) else (line.seed,)
    shown = ", ".join(str(seed) for seed in seeds if seed is not None)
    return text_or_dash(shown), text_or_dash(line.steps), duration(line.wall_s), text_or_dash(line.device)


def full_table(lines: Sequence[Line]) -> Table:
    """Every reading of every row or method, with its notes; of methods also the values that it is made from."""
    made_from = [line for line in lines if isinstance(line, MethodResult)]
    rows = [
        (
            summary.id,
            titled(line),
            figure(summary),
            ABSENT if summary.mean is None else str(summary.n),
            text_or_dash(summary.interval_of),
            *([_values(summary)] if made_from else []),
            summary.unit,
            ARROWS[summary.better],
            in_common(summary.notes),
        )
        for name in by_id(line.summary for line in lines)
        for line in lines
        for summary in line.summary
        if summary.id == name
    ]
    values = ["values"] if made_from else []
    columns = ("reading", "row", "mean ± SD [95% interval]", "n", "interval over", *values, "unit", "better", "note")
    return Table(title="All readings", columns=columns, rows=tuple(rows))


def _values(summary: Summary) -> str:
    """The values that the summary of a method is made from, in the order of its trainings or sets."""
    values = summary.values if isinstance(summary, MethodSummary) else ()
    return ", ".join(map(number, values)) or ABSENT


_NUMBER = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)(?!\w)")


def in_common(notes: Sequence[str]) -> str:
    """Notes in one text. Those that differ in their numbers alone are one note, with each number from least to most."""
    alike: dict[tuple[str, ...], list[list[str]]] = {}
    for note in notes:
        texts, numbers = _NUMBER.split(note)[::2], _NUMBER.split(note)[1::2]
        alike.setdefault(tuple(texts), []).append(numbers)
    return "; ".join(_filled(texts, numbers) for texts, numbers in alike.items())


def _filled(texts: Sequence[str], numbers: Sequence[Sequence[str]]) -> str:
    """The texts with a number, or the range of several, between each and the next."""
    filled = []
    for each in zip(*numbers, strict=True):
        least, most = min(each, key=float), max(each, key=float)
        filled.append(least if float(least) == float(most) else f"{least} to {most}")
    return "".join(part for pair in zip(texts, (*filled, ""), strict=True) for part in pair)


def tests_table(tests: Sequence[Difference], note: str) -> Table:
    """A table with a line for each tested pair of methods and reading."""
    rows = [
        (
            test.id,
            f"{test.a} − {test.b}",
            text_or_dash(test.verdict),
            test.of,
            _difference(test),
            _chance(test.p_holm),
            _chance(test.p),
            number(test.t),
            number(test.df),
            test.note,
        )
        for test in tests
    ]
    columns = (
        "reading", "methods", "verdict", "compared", "difference [95% interval]", "p (Holm)", "p", "t", "df", "note"
    )  # fmt: skip
    return Table(title="Differences between methods", columns=columns, rows=tuple(rows), notes=(note,))


def _difference(test: Difference) -> str:
    if test.interval is None:
        return number(test.difference)
    return f"{number(test.difference)} [{number(test.interval[0])}, {number(test.interval[1])}]"


def _chance(p: float | None) -> str:
    if p is None:
        return ABSENT
    return f"{p:.3f}" if p >= 0.001 else "< 0.001"


# Sentences ------------------------------------------------------------------------------------------------


def _items(settings: Settings) -> str:
    """What was judged: "slices" or "volumes"."""
    return f"{item_of(modality.shape for modality in settings.modalities.values())}s"


def judged_by(settings: Settings) -> str:
    """One sentence that says which real slices the candidates were compared with."""
    real, fresh, items = settings.real, settings.fresh, _items(settings)
    beside = "no fresh patients" if fresh is None else f"{fresh.slices} {items} of {fresh.patients} fresh patients"
    if (other := settings.external) is not None:
        beside += f", and {other.slices} {items} of {other.patients} patients from elsewhere ({other.source})"
    return (
        f"{', '.join(settings.modalities)} judged against {real.slices} real {items} of {real.patients}"
        f" patients ({real.source}) and {beside}; candidates are meant to have {settings.label} = {settings.value}."
    )


def absent_rows(result: Result) -> list[str]:
    """A sentence that says why there is no row of real slices; none where there is one."""
    if any(row.kind == "real" for row in result.rows):
        return []
    wanted = f"{result.settings.label} = {result.settings.value}"
    return [f"No row of real {_items(result.settings)}: none with {wanted} is in the test split or of fresh patients."]
